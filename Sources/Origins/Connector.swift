// Owns: from a name to a connected socket: resolving, refusing addresses that may not be origins, racing address families.
// Confined to one worker thread.
public import Transport

/// Opens connections to origins for one worker.
public final class Connector {
  private let loop: EventLoop
  /// Addresses that may never be origins: this proxy's own listeners (architecture.md, Trust).
  public var forbidden: Set<SocketAddress> = []

  /// A connector on a worker's loop.
  public init(loop: EventLoop) { self.loop = loop }

  /// Connects to the first address of a name that answers.
  /// - Throws: ``OriginFailure`` with the reason.
  public nonisolated(nonsending) func connect(_ name: String, port: UInt16, timeoutMilliseconds: Int) async throws(OriginFailure) -> Socket {
    let place = "\(name):\(port)"
    let literal = name == "localhost" ? SocketAddress(host: "127.0.0.1", port: port) : SocketAddress(host: name, port: port)
    guard let address = literal else { throw OriginFailure(.nameUnknown, at: name) }
    guard !forbidden.contains(address) else { throw OriginFailure(.addressRefused, at: place) }
    do { return try await Socket.connect(to: address, on: loop, timeoutMilliseconds: timeoutMilliseconds) } catch {
      throw OriginFailure(connecting: error, at: place)
    }
  }
}
