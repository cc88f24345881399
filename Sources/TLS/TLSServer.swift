// Owns: what a listener shows and demands: its certificates by name, versions and ciphers, tickets, what it asks of viewers.
// Made once, then only read, by every worker; a reload makes another one beside it. Unsafe only where it meets OpenSSL.
import COpenSSL
import Glibc

/// Keys of session tickets, shared by all listeners and workers of a process. Any thread.
@safe public final class TicketKeys: @unchecked Sendable {
  /// How long a key seals tickets; it opens them for as long again, which is a ticket's lifetime.
  public static let rotationSeconds: Int32 = 3600
  let keys: OpaquePointer

  /// Random keys; nil when the system has no randomness.
  public init?() {
    guard let keys = unsafe sk_tls_tickets_new(Self.rotationSeconds) else { return nil }
    unsafe self.keys = keys
  }
  deinit { unsafe sk_tls_tickets_free(keys) }

  /// Takes the new keys that are due. Now and then, so that old ones are forgotten where nobody connects.
  public func rotateIfDue() { unsafe sk_tls_tickets_rotate_due(keys) }

  /// Begins to seal with a new key.
  public func rotate() { _ = unsafe sk_tls_tickets_rotate(keys) }
}

/// The accepting side of TLS at one listener. Any thread; immutable.
@safe public final class TLSServer: @unchecked Sendable {
  /// One certificate's files.
  public struct CertificateFiles: Sendable, Equatable {
    /// Absolute paths: the chain and its key, PEM.
    public var chain, key: String
    /// The absolute path of an OCSP response to staple, DER.
    public var ocspResponse: String?
    /// Whether others than its owner may read or change the key. A system call.
    public var keyIsOpen: Bool {
      var status = stat()
      return unsafe stat(key, &status) == 0 && status.st_mode & 0o077 != 0
    }
    /// The files of a certificate.
    public init(chain: String, key: String, ocspResponse: String? = nil) {
      self.chain = chain
      self.key = key
      self.ocspResponse = ocspResponse
    }
  }

  /// What is asked of viewers (mutual TLS).
  public struct ViewerCertificates: Sendable, Equatable {
    /// The absolute path of the authorities' certificates, PEM.
    public var trustStore: String
    /// Whether there is no connection without one.
    public var isRequired = true
    /// Whether the authorities' names are told in the handshake.
    public var advertisesNames = false
    /// Whether an outdated one will do.
    public var ignoresExpiry = false
    /// Asks for certificates that these authorities signed.
    public init(trustStore: String) { self.trustStore = trustStore }
  }

  /// What a listener is made of.
  public struct Configuration: Sendable, Equatable {
    /// In order; the first is the default.
    public var certificates: [CertificateFiles]
    /// Versions and ciphers.
    public var policy = SecurityPolicy.tls12From2021
    /// Application protocols in this side's order of preference (RFC 7301).
    public var applicationProtocols = ["h2", "http/1.1"]
    /// What is asked of viewers; nil for nothing.
    public var viewerCertificates: ViewerCertificates?
    /// Whether each viewer's first message is kept for its fingerprint.
    public var keepsClientHello = false
    /// Sessions of listeners with another scope are not resumed here.
    public var scope = ""
    /// A listener with these certificates.
    public init(certificates: [CertificateFiles]) { self.certificates = certificates }

    /// Every file it is read from.
    public var files: [String] {
      certificates.flatMap { [$0.chain, $0.key] + ($0.ocspResponse.map { [$0] } ?? []) } + (viewerCertificates.map { [$0.trustStore] } ?? [])
    }
  }

  /// What it was made of.
  public let configuration: Configuration
  /// By certificate of the configuration.
  public let certificates: [Certificate]
  private let tickets: TicketKeys
  /// By set of certificates; the first is the default.
  private var contexts: [(members: [Int], context: TLSContext)] = []

  /// Reads the files. Blocks.
  public init(_ configuration: Configuration, _ tickets: TicketKeys) throws(CertificateFailure) {
    self.configuration = configuration
    self.tickets = tickets
    var certificates: [Certificate] = []
    for files in configuration.certificates { certificates.append(try Certificate(path: files.chain)) }
    self.certificates = certificates
    let scope = try Self.scope(configuration)
    let known = certificates.map { (names: $0.names, kind: $0.kind) }
    // Whatever a viewer asks for is covered by nobody, by a name of the list, or by a wildcard of the list: for that stands a name below it
    // that nobody has.
    for name in [nil] + certificates.flatMap(\.names.names) {
      let probe = name.map { $0.hasPrefix("*.") ? "\u{1}" + $0.dropFirst(1) : $0 }
      try add(CertificateNames.choice(among: known, for: probe), scope)
    }
    guard let first = contexts.first else { throw CertificateFailure(path: "", reason: "there is no certificate") }
    let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe sk_tls_choose_by_name(first.context.handle, { owner, name in
      let server = unsafe Unmanaged<TLSServer>.fromOpaque(owner).takeUnretainedValue()
      return unsafe server.context(for: name.map { unsafe String(cString: $0) })?.handle
    }, owner)
  }

  /// The default.
  var context: TLSContext { contexts[0].context }

  private func context(for name: String?) -> TLSContext? {
    if contexts.count == 1 { return contexts[0].context }
    let members = CertificateNames.choice(among: certificates.map { (names: $0.names, kind: $0.kind) }, for: name)
    return contexts.first { $0.members == members }?.context
  }

  /// Which certificates a viewer is shown that names a host, or none: their places in the configuration's list, one of each kind of key; and whether
  /// they are for that name.
  public func shown(to name: String?) -> (certificates: [Int], isCovered: Bool) {
    let members = CertificateNames.choice(among: certificates.map { (names: $0.names, kind: $0.kind) }, for: name)
    return (members, name.map { name in members.contains { certificates[$0].names.covers(name) } } ?? false)
  }

  /// The names of the certificates of a context: what may be asked for on its connections.
  func names(of context: UnsafeRawPointer) -> [CertificateNames] {
    let members = contexts.first { unsafe UnsafeRawPointer($0.context.handle) == context }?.members ?? []
    return members.map { certificates[$0].names }
  }

  private func add(_ members: [Int], _ scope: [UInt8]) throws(CertificateFailure) {
    guard !members.isEmpty, !contexts.contains(where: { $0.members == members }) else { return }
    var why = sk_tls_text()
    let made = unsafe configuration.policy.protocols.withCStructure { protocols in
      let alpn = wireForm(of: configuration.applicationProtocols)
      return unsafe sk_tls_server_context(protocols, tickets.keys, alpn, alpn.count, scope, scope.count, &why)
    }
    guard let context = unsafe made.map(TLSContext.init) else {
      throw CertificateFailure(path: configuration.certificates[members[0]].chain, reason: why.text)
    }
    contexts.append((members, context))
    for member in members { try add(configuration.certificates[member], to: context) }
    if configuration.keepsClientHello { unsafe sk_tls_keep_hello(context.handle) }
    guard let asked = configuration.viewerCertificates else { return }
    let done = unsafe sk_tls_ask_certificate(
      context.handle, asked.trustStore, asked.isRequired ? 1 : 0, asked.advertisesNames ? 1 : 0, asked.ignoresExpiry ? 1 : 0, &why)
    guard done == 1 else { throw CertificateFailure(path: asked.trustStore, reason: why.text) }
  }

  private func add(_ files: CertificateFiles, to context: TLSContext) throws(CertificateFailure) {
    var why = sk_tls_text(), isKey: Int32 = 0
    guard unsafe sk_tls_add_certificate(context.handle, files.chain, files.key, &isKey, &why) == 1 else {
      throw CertificateFailure(path: isKey == 1 ? files.key : files.chain, reason: why.text)
    }
    guard let path = files.ocspResponse else { return }
    let response = try Self.bytes(of: path)
    guard unsafe sk_tls_add_status(context.handle, response, response.count, &why) == 1 else { throw CertificateFailure(path: path, reason: why.text) }
  }

  /// Sessions are only resumed under the same demands: a ticket must not carry a viewer past another trust store.
  private static func scope(_ configuration: Configuration) throws(CertificateFailure) -> [UInt8] {
    var text = Array("\(configuration.scope)|\(configuration.policy.rawValue)".utf8)
    if let asked = configuration.viewerCertificates {
      text += Array("|\(asked.isRequired)|\(asked.ignoresExpiry)|".utf8) + (try bytes(of: asked.trustStore))
    }
    return Digest.sha256(text)
  }

  /// Files that are read whole: the longest OCSP response or trust store.
  static let fileLimitBytes = 1 << 20

  private static func bytes(of path: String) throws(CertificateFailure) -> [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CertificateFailure(path: path, reason: unsafe String(cString: strerror(errno))) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: fileLimitBytes + 1)
    var count = 0
    while count < bytes.count {
      let n = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
      }
      if n < 0 { throw CertificateFailure(path: path, reason: unsafe String(cString: strerror(errno))) }
      if n == 0 { return Array(bytes[..<count]) }
      count += n
    }
    throw CertificateFailure(path: path, reason: "it is longer than \(fileLimitBytes) bytes")
  }
}

/// A context of OpenSSL's, freed with its last reference. Immutable once it is in use; any thread.
@safe final class TLSContext: @unchecked Sendable {
  let handle: OpaquePointer
  init(_ handle: OpaquePointer) { unsafe self.handle = handle }
  deinit { unsafe sk_tls_context_free(handle) }
}

extension ProtocolChoice {
  /// Lends itself in C's form.
  @unsafe func withCStructure<Result>(_ body: (UnsafePointer<sk_tls_protocols>) -> Result) -> Result {
    unsafe ciphers.withCString { ciphers in
      unsafe suites.withCString { suites in
        var protocols = unsafe sk_tls_protocols(minimum: minimum.wire, maximum: maximum.wire, ciphers: ciphers, suites: suites)
        return unsafe body(&protocols)
      }
    }
  }
}
