// Owns: the TLS of one listener through reloads: what is shown now, and how it is replaced.
// Rule of the lock: it guards the reference only; files are read outside of it.
import Synchronization

/// What a listener shows and demands now. Any thread.
public final class SecureListener: Sendable {
  /// Its files and demands.
  public let configuration: TLSServer.Configuration
  private let tickets: TicketKeys
  private let current: Mutex<TLSServer>

  /// Reads the files. Blocks.
  public init(_ configuration: TLSServer.Configuration, _ tickets: TicketKeys) throws(CertificateFailure) {
    self.configuration = configuration
    self.tickets = tickets
    current = Mutex(try TLSServer(configuration, tickets))
  }

  /// For a new connection. Those under way keep theirs.
  public var server: TLSServer { current.withLock { $0 } }

  /// Reads the files again; if any is no good, what is shown stays. Blocks.
  public func reload() throws(CertificateFailure) {
    let fresh = try TLSServer(configuration, tickets)
    current.withLock { $0 = fresh }
  }
}
