// What a signature allows: canned and custom policies, and whether a request keeps to them.
// Pure values and functions; any thread. What is signed by a trusted key is the only thing that is believed.
// Source: spec/request-pipeline.md 16.
import JSONText
public import TLS

/// Why a request that must be signed is refused: CloudFront's codes and words.
public enum SignatureRefusal: Error, Sendable, Equatable {
  /// Nothing says who signed.
  case missingKey
  /// No trusted key has that id.
  case unknownKey
  /// What is allowed cannot be read.
  case malformedPolicy
  /// The signature is wrong, or what it allows is something else.
  case accessDenied

  /// What `<Code>` says.
  public var code: String {
    switch self {
    case .missingKey: "MissingKey"
    case .unknownKey: "InvalidKey"
    case .malformedPolicy: "MalformedPolicy"
    case .accessDenied: "AccessDenied"
    }
  }
  /// What `<Message>` says.
  public var message: String {
    switch self {
    case .missingKey: "Missing Key-Pair-Id query parameter or cookie value"
    case .unknownKey: "Unknown Key"
    case .malformedPolicy: "Malformed Policy"
    case .accessDenied: "Access denied"
    }
  }
  /// The page that answers.
  public var page: String { "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>\(code)</Code><Message>\(message)</Message></Error>" }
}

/// The URL that a request is for, without the parameters of its signature.
public struct SignedURL: Sendable, Equatable {
  /// Whether it came by HTTPS.
  public var isSecure: Bool
  /// Host, with a port where it has one, as it came.
  public var host: [UInt8]
  /// The path, as it came.
  public var path: [UInt8]
  /// The query without `?`; nil for none.
  public var query: [UInt8]?

  /// A URL.
  public init(isSecure: Bool, host: [UInt8], path: [UInt8], query: [UInt8]?) {
    self.isSecure = isSecure
    self.host = host
    self.path = path
    self.query = query
  }

  /// `http` or `https`.
  var scheme: String { isSecure ? "https" : "http" }
  /// All of it.
  var bytes: [UInt8] { Array("\(scheme)://".utf8) + host + path + (query.map { [UInt8(ascii: "?")] + $0 } ?? []) }
}

/// What one signature is over, and what it allows.
public struct SignedPolicy: Sendable {
  /// The bytes that are signed.
  public let signed: [UInt8]
  /// Which URLs; nil for every one, and for the one URL of a canned policy, which is in what was signed.
  private let resource: ResourcePattern?
  /// From then on, and before then; seconds since 1970.
  private let begins: Int, ends: Int
  /// Whose requests; nil for everyone's.
  private let source: (address: UInt32, mask: UInt32)?

  /// Dates have at most so many digits: what has more counts milliseconds.
  static let dateDigits = 10

  /// The policy that the parameters of a request for a URL are about.
  public init(_ parameters: SignatureParameters, for url: SignedURL) throws(SignatureRefusal) {
    if let encoded = parameters.policy {
      guard let text = SignatureParameters.decoded(encoded) else { throw .malformedPolicy }
      try self.init(custom: text)
    } else if let expires = parameters.expires {
      try self.init(canned: url, expires)
    } else {
      throw .malformedPolicy
    }
  }

  /// The policy of a URL that holds until a time.
  private init(canned url: SignedURL, _ expires: [UInt8]) throws(SignatureRefusal) {
    guard let ends = Self.seconds(expires) else { throw .malformedPolicy }
    signed =
      Array("{\"Statement\":[{\"Resource\":\"".utf8) + url.bytes + Array("\",\"Condition\":{\"DateLessThan\":{\"AWS:EpochTime\":".utf8) + expires
      + Array("}}}]}".utf8)
    resource = nil
    begins = 0
    self.ends = ends
    source = nil
  }

  /// A policy that a signer wrote: one statement. What is not understood is refused, for it may be meant to forbid something.
  private init(custom text: [UInt8]) throws(SignatureRefusal) {
    signed = text
    guard let root = try? JSONValue(parsing: text), let statements = root["Statement"]?.array, statements.count == 1,
      root.hasOnly("Version", "Id", "Statement"), statements[0].hasOnly("Sid", "Resource", "Condition"),
      let condition = statements[0]["Condition"], condition.hasOnly("DateLessThan", "DateGreaterThan", "IpAddress"),
      let ends = try Self.date(condition["DateLessThan"])
    else { throw .malformedPolicy }
    self.ends = ends
    begins = try Self.date(condition["DateGreaterThan"]) ?? 0
    if let value = statements[0]["Resource"] {
      guard let text = value.string else { throw .malformedPolicy }
      resource = ResourcePattern(text)
    } else {
      resource = nil
    }
    if let address = condition["IpAddress"] {
      guard let text = address["AWS:SourceIp"]?.string, address.hasOnly("AWS:SourceIp"), let source = Self.addresses(text) else { throw .malformedPolicy }
      self.source = source
    } else {
      source = nil
    }
  }

  /// `{"AWS:EpochTime": 1767290400}`; nil when it is not there.
  private static func date(_ value: JSONValue?) throws(SignatureRefusal) -> Int? {
    guard let value else { return nil }
    guard value.hasOnly("AWS:EpochTime"), case .number(let text)? = value["AWS:EpochTime"], let date = seconds(Array(text.utf8)) else { throw .malformedPolicy }
    return date
  }

  private static func seconds(_ digits: [UInt8]) -> Int? {
    guard (1...dateDigits).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
    return Int(String(decoding: digits, as: UTF8.self))
  }

  /// `192.0.2.0/24`, or one address.
  private static func addresses(_ text: String) -> (address: UInt32, mask: UInt32)? {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let bytes = parts[0].split(separator: ".", omittingEmptySubsequences: false).map { $0.count <= 3 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } ? UInt8($0) : nil }
    guard parts.count <= 2, bytes.count == 4, !bytes.contains(nil) else { return nil }
    var bits = 32
    if parts.count == 2 {
      guard parts[1].utf8.count <= 2, parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(parts[1]), number <= 32 else { return nil }
      bits = number
    }
    let mask = bits == 0 ? 0 : UInt32.max << UInt32(32 - bits)
    return (bytes.reduce(0) { $0 << 8 | UInt32($1 ?? 0) } & mask, mask)
  }

  // MARK: Questions

  /// Whether it holds at a time, in seconds since 1970.
  public func holds(at now: Int) -> Bool { now >= begins && now < ends }

  /// Whether it is for a URL.
  public func covers(_ url: SignedURL) -> Bool { resource?.matches(url) ?? true }

  /// Whether it is for requests from an address; nil for one that is no IPv4 address, which only `0.0.0.0/0` has.
  public func admits(_ address: UInt32?) -> Bool {
    guard let source else { return true }
    return address.map { $0 & source.mask == source.address } ?? (source.mask == 0)
  }
}

extension SignatureParameters {
  /// Refuses a request that is not signed, or not for what was signed. What costs little is asked first; what only a signer can make costly, last.
  /// - Parameters:
  ///   - address: whose request it is; nil when that is no IPv4 address.
  ///   - now: seconds since 1970.
  ///   - keys: those that are trusted, by id.
  ///   - isGood: whether a signature of a message is a key's.
  public func check(
    _ url: SignedURL, from address: UInt32?, at now: Int, _ keys: [[UInt8]: PublicKey],
    isGood: (_ signature: [UInt8], _ message: [UInt8], SignatureDigest, PublicKey) -> Bool
  ) throws(SignatureRefusal) {
    guard let keyPairID, !keyPairID.isEmpty else { throw .missingKey }
    guard let key = keys[keyPairID] else { throw .unknownKey }
    let policy = try SignedPolicy(self, for: url)
    guard policy.holds(at: now), let digest, let signature = signature.flatMap({ Self.decoded($0) }), isGood(signature, policy.signed, digest, key),
      policy.covers(url), policy.admits(address)
    else { throw .accessDenied }
  }
}

extension JSONValue {
  /// Whether it is an object with no other members.
  fileprivate func hasOnly(_ names: String...) -> Bool { object?.members.allSatisfy { names.contains($0.name) } ?? false }
}
