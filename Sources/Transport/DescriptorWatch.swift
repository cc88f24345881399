// Owns: a loop's watch over a descriptor that is no connection: a pipe's end, a socket pair's, an eventfd. Level-triggered, with a closure in
// place of a parked task: for who serves many of them from one place, as the function tier's supervisor does.

/// A watched descriptor. Confined to the loop's thread, but for ``silence()``.
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
  /// - Parameters:
  ///   - onlyNews: whether to be told once of what arrives, and not for as long as it has not been read.
  ///   - whenReady: called for as long as there is something to read; it may call ``end()``.
  public init(loop: EventLoop, descriptor: Int32, onlyNews: Bool = false, whenReady: @escaping (Readiness) -> Void) {
    self.loop = loop
    self.whenReady = whenReady
    interest = onlyNews ? [.input, .edgeTriggered] : .input
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

  /// The same for a descriptor that was the watch's alone: it is closed, at the end of this turn.
  public func endAndClose() {
    guard whenReady != nil else { return }
    whenReady = nil
    loop.unregister(self)
  }

  /// Has the kernel say nothing more until ``listen()``. Any thread; what it has said already may still come.
  public func silence() { loop.silence(self) }
  /// Has the kernel say again what there is to read. Not twice without ``silence()`` between.
  public func listen() { loop.listen(self, interest) }

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
