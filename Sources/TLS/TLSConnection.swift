// Owns: one TLS connection on a socket: handshake, records in and out, what was negotiated. It holds no plaintext and, while nothing is
// under way, no buffers. Confined to its socket's loop. Unsafe only where it meets OpenSSL.
import COpenSSL
import Glibc

/// Why a connection could not be secured, or is secure no more.
public struct TLSFailure: Error, Equatable, Sendable {
  /// The kinds of failure; the raw value is its word in counters.
  public enum Kind: String, CaseIterable, Sendable {
    /// Malformed messages or records, and what else is refused.
    case malformed
    /// Plain HTTP where TLS is spoken.
    case plainHTTP = "plain_http"
    /// No version in common.
    case version
    /// No cipher or signature in common.
    case cipher
    /// No application protocol in common.
    case applicationProtocol = "application_protocol"
    /// The peer's certificate is missing, not trusted, or for another name.
    case certificate
    /// The peer said no.
    case alert
    /// The connection broke.
    case closed
    /// It took too long.
    case timedOut = "timeout"
    /// More key updates than may come.
    case keyUpdates = "key_updates"
  }
  /// What happened.
  public let kind: Kind
  /// In words.
  public let reason: String

  /// A failure.
  public init(_ kind: Kind, _ reason: String) {
    self.kind = kind
    self.reason = reason
  }
}

/// One connection's TLS.
@safe public final class TLSConnection {
  /// What became of a step that may have to wait.
  public enum Step: Equatable, Sendable { case done, waitReadable, waitWritable }
  /// What a read brought.
  public enum Read: Equatable, Sendable {
    case bytes(Int)
    /// The peer said that no more comes.
    case end
    /// The stream ended without that: what came may not be all (RFC 9112, 9.8).
    case truncated
    case wait
    case failed
  }

  let handle: OpaquePointer
  private let state: UnsafeMutablePointer<sk_tls_state>
  /// Keeps what the handle points to.
  private let server: TLSServer?
  private let client: TLSClient?
  /// Whom the connecting side takes the peer for; sessions are kept by it.
  public let identity: String?
  /// The fingerprints of the viewer's first message; nil where nobody asks for them, and for a message that is too long.
  public private(set) var fingerprints: (ja3: String, ja4: String)?
  /// The version.
  public private(set) var version = TLSVersion.tls12
  /// The cipher, by OpenSSL's name, which is CloudFront's.
  public private(set) var cipher = ""
  /// The name that the viewer asked for, lower case, without the root's dot.
  public private(set) var serverName: [UInt8] = []
  /// Whom a request was for that was found to be the certificate's, as it was spelt: most often the next one is for the same.
  public var servedAuthority: [UInt8] = []
  /// Requests that came on it: only the first is said to have brought a handshake.
  public var requests = 0

  /// The accepting side, on a socket that this does not own; nil without memory.
  public init?(accepting server: TLSServer, on socket: Int32) {
    guard let handle = unsafe sk_tls_accept(server.context.handle, socket) else { return nil }
    unsafe self.handle = handle
    unsafe state = sk_tls_state_of(handle)
    self.server = server
    client = nil
    identity = nil
  }

  /// The connecting side, likewise.
  /// - Parameters:
  ///   - name: what the server is told to be asked for; nil for nothing, as when it is known by an address (RFC 6066, 3).
  ///   - identity: whom sessions are kept for.
  public init?(_ client: TLSClient, name: String?, identity: String, on socket: Int32) {
    guard let handle = unsafe sk_tls_connect(client.context.handle, socket, name, client.session(with: identity, at: time(nil))?.handle) else { return nil }
    unsafe self.handle = handle
    unsafe state = sk_tls_state_of(handle)
    server = nil
    self.client = client
    self.identity = identity
  }

  deinit { unsafe sk_tls_free(handle) }

  // MARK: Steps

  /// The socket may hold bytes.
  public func bytesMayHaveCome() { unsafe state.pointee.may_receive = 1 }
  /// The peer has closed its side: the end is still to be read.
  public func peerIsEnding() { unsafe state.pointee.is_ending = 1 }

  /// Whether the handshake is done.
  public var isEstablished: Bool { unsafe state.pointee.is_established == 1 }
  /// Whether a read may find something.
  public var hasMore: Bool { unsafe sk_tls_has_more(handle) != 0 }
  /// Whether reading waits for the socket to take bytes: an answer to a change of keys.
  public var readWaitsForWrite: Bool { unsafe state.pointee.read_waits_for_write == 1 }

  /// Goes on with the handshake as far as it goes without waiting.
  public func handshake() throws(TLSFailure) -> Step {
    switch unsafe sk_tls_handshake(handle) {
    case Int64(SK_TLS_DONE):
      established()
      return .done
    case Int64(SK_TLS_WAIT_READ): return .waitReadable
    case Int64(SK_TLS_WAIT_WRITE): return .waitWritable
    default:
      if let client, let identity { client.forget(identity) }
      throw failure
    }
  }

  private func established() {
    let wire = unsafe sk_tls_version(handle)
    version = TLSVersion.allCases.first { $0.wire == wire } ?? .tls12
    cipher = unsafe String(cString: sk_tls_cipher(handle))
    if server != nil, let name = unsafe sk_tls_server_name(handle) {
      serverName = unsafe Array(String(cString: name).lowercased().utf8)
      if serverName.last == UInt8(ascii: ".") { serverName.removeLast() }
    }
    if server?.configuration.keepsClientHello == true { takeFingerprints() }
    keepSession()
  }

  /// Reads records into memory.
  public func read(into memory: UnsafeMutableRawPointer, room: Int) -> Read {
    let n = unsafe sk_tls_read(handle, memory, room)
    if n > 0 { return .bytes(Int(n)) }
    if client != nil { keepSession() }
    switch n {
    case Int64(SK_TLS_WAIT_READ), Int64(SK_TLS_WAIT_WRITE): return .wait
    case Int64(SK_TLS_END): return .end
    case Int64(SK_TLS_TRUNCATED): return .truncated
    default: return .failed
    }
  }

  /// Sends bytes as records.
  /// - Returns: how many were taken, 0 when it is necessary to wait (then the same bytes must be given again), nil when it failed.
  public func write(_ bytes: Span<UInt8>) -> Int? {
    let n = unsafe bytes.withUnsafeBufferPointer { bytes in
      guard let base = bytes.baseAddress, bytes.count > 0 else { return Int64(0) }
      return unsafe sk_tls_write(handle, base, bytes.count)
    }
    if n >= 0 { return Int(n) }
    return n == Int64(SK_TLS_WAIT_WRITE) ? 0 : nil
  }

  /// Tells the peer that no more bytes come (close_notify), once. All that was written before must have been taken.
  /// - Returns: false when it is necessary to wait until the socket takes bytes, and to say it again.
  public func sayGoodbye() -> Bool { unsafe sk_tls_say_goodbye(handle) == 1 }

  /// How the peer broke the rules after the handshake; nil while it has not.
  public var violation: TLSFailure? {
    guard isEstablished, unsafe state.pointee.is_failed == 1, case let failure = failure, failure.kind != .closed else { return nil }
    return failure
  }

  /// The system's error that broke the connection (an errno value); nil when none has.
  public var systemError: Int32? { unsafe state.pointee.system_error == 0 ? nil : state.pointee.system_error }

  /// Why the last step failed.
  public var failure: TLSFailure {
    let words = unsafe String(cString: sk_tls_failure_words(handle))
    let kind: TLSFailure.Kind = switch unsafe sk_tls_failure(handle) {
    case sk_tls_failed_plain: .plainHTTP
    case sk_tls_failed_version: .version
    case sk_tls_failed_cipher: .cipher
    case sk_tls_failed_protocol: .applicationProtocol
    case sk_tls_failed_certificate: .certificate
    case sk_tls_failed_alert: .alert
    case sk_tls_failed_io: .closed
    case sk_tls_failed_key_updates: .keyUpdates
    default: .malformed
    }
    return TLSFailure(kind, words)
  }

  /// Servers send sessions whenever they like after the handshake.
  private func keepSession() {
    guard let client, let identity, let session = unsafe sk_tls_take_session(handle) else { return }
    unsafe client.remember(TLSSession(session), with: identity)
  }

  // MARK: What was negotiated

  /// Whether an earlier session was resumed.
  public var isResumed: Bool { unsafe sk_tls_is_resumed(handle) != 0 }
  /// The application protocol; empty when none was negotiated.
  public var applicationProtocol: String {
    var bytes: UnsafePointer<UInt8>?
    let count = unsafe sk_tls_alpn(handle, &bytes)
    return unsafe String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
  }

  /// Whether the certificate that was shown is one for a host.
  /// - Parameter host: lower case, without port.
  public func mayServe(_ host: String) -> Bool {
    guard let server else { return true }
    return unsafe server.names(of: sk_tls_context_of(handle)).contains { $0.covers(host) }
  }

  /// Whether the peer's certificate is one for any of these hosts: names, `.example.com` for any name below it, or addresses.
  public func peerIs(anyOf hosts: [String]) -> Bool { hosts.contains { host in unsafe sk_tls_peer_is(handle, host) == 1 } }
  /// The names of the peer's certificate, for messages.
  public var peerNames: String {
    var names = sk_tls_text()
    unsafe sk_tls_peer_names(handle, &names)
    return names.text
  }

  /// Whether viewers are asked for certificates here.
  public var asksCertificate: Bool { server?.configuration.viewerCertificates != nil }
  /// A part of the viewer's certificate in text; nil when it has shown none.
  public func peerCertificate(_ part: CertificatePart) -> String? {
    final class Text { var text: String? }
    let result = Text()
    unsafe sk_tls_peer_part(handle, part.code, Unmanaged.passUnretained(result).toOpaque()) { context, bytes, count in
      let bytes = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
      unsafe Unmanaged<Text>.fromOpaque(context).takeUnretainedValue().text = String(decoding: bytes, as: UTF8.self)
    }
    return result.text
  }

  /// Two short texts instead of a message of kilobytes, which is forgotten.
  private func takeFingerprints() {
    var bytes: UnsafePointer<UInt8>?
    let count = unsafe sk_tls_hello(handle, &bytes)
    if count > 0, let hello = unsafe ClientHello(message: UnsafeBufferPointer(start: bytes, count: count).span) { fingerprints = (hello.ja3, hello.ja4) }
    unsafe sk_tls_forget_hello(handle)
  }
}

/// What can be told of a viewer's certificate.
public enum CertificatePart: Sendable {
  case serialNumber, issuer, subject, validity, sha256, pem

  var code: sk_certificate_part {
    switch self {
    case .serialNumber: sk_certificate_serial
    case .issuer: sk_certificate_issuer
    case .subject: sk_certificate_subject
    case .validity: sk_certificate_validity
    case .sha256: sk_certificate_sha256
    case .pem: sk_certificate_pem
    }
  }
}
