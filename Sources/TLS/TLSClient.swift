// Owns: the connecting side of TLS toward origins of one kind: what is trusted, which versions are spoken, and the sessions that may be resumed.
// Confined to one worker's thread. Unsafe only where it meets OpenSSL.
import COpenSSL

/// The connecting side of TLS. Not Sendable: it remembers sessions for its worker.
public final class TLSClient {
  /// What it is made of.
  public struct Configuration: Sendable, Hashable {
    /// The versions that are spoken.
    public var versions: ClosedRange<TLSVersion> = .tls12 ... .tls13
    /// The absolute path of the authorities that are trusted, PEM; nil for the system's.
    public var certificateAuthority: String?
    /// Whether the server's certificate is verified. Only tools whose user says so do without.
    public var verifies = true
    /// Application protocols that are offered (RFC 7301); none by default.
    public var applicationProtocols: [String] = []
    /// The defaults.
    public init() {}

    /// A range of versions has no hash of its own.
    public func hash(into hasher: inout Hasher) {
      hasher.combine(versions.lowerBound)
      hasher.combine(versions.upperBound)
      hasher.combine(certificateAuthority)
      hasher.combine(verifies)
      hasher.combine(applicationProtocols)
    }
  }

  /// Servers whose last session is remembered; any other makes room.
  public static let sessionLimit = 256

  let context: TLSContext
  private var sessions: [String: TLSSession] = [:]

  /// Reads the trusted authorities. Blocks for as long as it takes to read a file.
  public init(_ configuration: Configuration) throws(CertificateFailure) {
    var why = sk_tls_text()
    let alpn = wireForm(of: configuration.applicationProtocols)
    let made = unsafe ProtocolChoice(origin: configuration.versions).withCStructure { protocols in
      unsafe sk_tls_client_context(protocols, configuration.certificateAuthority, alpn, alpn.count, &why)
    }
    guard let context = unsafe made.map(TLSContext.init) else { throw CertificateFailure(path: configuration.certificateAuthority ?? "", reason: why.text) }
    self.context = context
    if !configuration.verifies { unsafe sk_tls_trust_anybody(context.handle) }
  }

  /// The last session with a server, unless its ticket or its certificate, which resumption would not look at, has ended since.
  /// - Parameter now: seconds since 1970.
  func session(with server: String, at now: Int) -> TLSSession? {
    guard let session = sessions[server] else { return nil }
    if session.end > now { return session }
    sessions[server] = nil
    return nil
  }

  /// Keeps a server's newest session.
  func remember(_ session: TLSSession, with server: String) {
    if sessions.count == Self.sessionLimit, sessions[server] == nil, let other = sessions.keys.first { sessions[other] = nil }
    sessions[server] = session
  }

  /// Forgets a server's session, as after a handshake that failed with it, or when the server is not who it should be.
  public func forget(_ server: String) { sessions[server] = nil }
}

/// A session of OpenSSL's, freed with its last reference. Confined to the client's thread.
@safe final class TLSSession {
  let handle: UnsafeMutableRawPointer
  /// From this second on, since 1970, it is not resumed.
  let end: Int
  init(_ handle: UnsafeMutableRawPointer) {
    unsafe self.handle = handle
    end = unsafe Int(sk_tls_session_end(handle))
  }
  deinit { unsafe sk_tls_session_free(handle) }
}
