// Owns: a loop's watch over a descriptor that is no connection: a pipe's end, a socket pair's, an eventfd. Level-triggered, with a closure in
// place of a parked task: for who serves many of them from one place, as the function tier's supervisor does.

/// A watched descriptor. Confined to the loop's thread.
public final class DescriptorWatch: EventHandler {
  /// What the kernel says of a descriptor.
  public struct Readiness: Sendable {
    /// A read will not block: there are bytes, the end, or an error.
    public let isReadable: Bool
    /// A write will not block.
    public let isWritable: Bool
  }

  private let loop: EventLoop
  private var interest: Interest
  private var whenReady: ((Readiness) -> Void)?
  private typealias Interest = EventLoop.Interest

  /// Watches a non-blocking descriptor, which stays the caller's, until there is something to read.
  /// - Parameter whenReady: called for as long as there is something to read; it may call ``end()``.
  public init(loop: EventLoop, descriptor: Int32, whenReady: @escaping (Readiness) -> Void) {
    self.loop = loop
    self.whenReady = whenReady
    interest = .input
    super.init(descriptor: descriptor)
    loop.register(self, interest)
  }

  /// Whether to be told when bytes can be written, too. Only while some wait: there is nearly always room.
  public var wantsToWrite: Bool {
    get { interest.contains(.output) }
    set {
      guard newValue != wantsToWrite, whenReady != nil else { return }
      interest.formSymmetricDifference(.output)
      loop.update(self, interest)
    }
  }

  /// Whether it has not been ended.
  public var isWatching: Bool { whenReady != nil }

  /// Watches no more; before the descriptor is closed. More than once is no error.
  public func end() {
    guard whenReady != nil else { return }
    whenReady = nil
    loop.forget(self)
  }

  override func ready(_ events: SystemCalls.Events) {
    // It may end the watch, and let go of all that the closure holds.
    let whenReady = whenReady
    whenReady?(Readiness(isReadable: events.readable, isWritable: events.writable))
  }
}

extension ByteBuffer {
  /// One `send` of what is readable; what the kernel takes is consumed.
  /// - Returns: how many bytes, 0 when it would block, nil when the connection is broken.
  public mutating func send(to descriptor: Int32) -> Int? {
    guard let count = SystemCalls.send(descriptor, readable) else { return nil }
    consume(count)
    return count
  }
}
