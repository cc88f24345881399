// Owns: the way from an idle environment to one worker's loop: a descriptor of its socket that is registered with that loop once, and not for each
// invocation. Of an environment's lines at most one is told of what it says, that of the loop which asked it last; the supervisor takes its place when
// it asks itself.
import Transport

/// One loop's line to an environment. The loop's thread, but for what says otherwise.
final class WarmLine: @unchecked Sendable {
  private let loop: EventLoop
  private var watch: DescriptorWatch?
  /// Whether the kernel tells the loop of it. The supervisor's monitor guards it.
  private var isOpen = true
  /// Who waits for the answer, until it forgets the line.
  private var asker: WarmInvocation?

  /// A line to an environment's socket, open.
  /// - Parameter unasked: called when the environment may have said something while nobody waits.
  /// - Returns: nil when the system gives no descriptor.
  init?(_ socket: Int32, _ loop: EventLoop, unasked: @escaping () -> Void) {
    self.loop = loop
    guard let copy = Descriptors.copy(of: socket) else { return nil }
    // The watch holds the line, and the line the watch, until ``end()``.
    watch = DescriptorWatch(loop: loop, descriptor: copy, onlyNews: true) { _ in
      if let asker = self.asker { asker.look() } else if OutputReader.hasUnread(copy) { unasked() }
    }
  }

  /// Whether it is this loop's. Any thread.
  func leads(to other: EventLoop) -> Bool { loop === other }
  /// Whether this loop is told. In the monitor.
  func isOpen(to other: EventLoop) -> Bool { isOpen && loop === other }

  /// Has somebody told of what the environment says.
  func tell(_ asker: WarmInvocation) { self.asker = asker }
  /// Has nobody told, when it was this one: another may have asked since.
  func forget(_ asker: WarmInvocation) { if self.asker === asker { self.asker = nil } }

  /// Has the loop told again. In the monitor.
  func open() {
    guard !isOpen else { return }
    isOpen = true
    watch?.listen()
  }

  /// Has the loop told no more. Any thread, in the monitor.
  func close() {
    guard isOpen else { return }
    isOpen = false
    watch?.silence()
  }

  /// The environment is gone. Any thread.
  func end() {
    Task(executorPreference: loop) {
      self.watch?.endAndClose()
      self.watch = nil
    }
  }
}
