// Who may sign URLs and cookies: public keys, and groups of them that behaviors trust.
// Immutable values; any thread may read them. No I/O.
// Source: spec/request-pipeline.md 16.
public import TLS

/// A public key by which signatures are verified.
public struct TrustedKey: Sendable, Equatable {
  /// The name by which key groups refer to it.
  public var name: String
  /// What `Key-Pair-Id` says when it is meant.
  public var id: String
  /// The absolute path of its file; nil when the key stands in the configuration itself.
  public var path: String?
  /// The key.
  public var key: PublicKey

  /// A key.
  public init(name: String, id: String, path: String?, key: PublicKey) {
    self.name = name
    self.id = id
    self.path = path
    self.key = key
  }
}

/// Keys that are trusted together.
public struct KeyGroup: Sendable, Equatable {
  /// The name by which behaviors refer to it.
  public var name: String
  /// Its keys.
  public var keys: [TrustedKey]

  /// A group.
  public init(name: String, keys: [TrustedKey]) {
    self.name = name
    self.keys = keys
  }

  /// The most keys of a group.
  public static let keyLimit = 5
  /// The most groups that a behavior trusts.
  public static let groupLimit = 4
}
