// Owns: messages from any thread to one loop. Rule of the lock: `waiting` guards the list; it is held for a move only.
import CSystem
import Glibc
import Synchronization
import Transport

/// Messages for one loop's thread.
final class Mailbox<Message: Sendable>: Sendable {
  private let waiting = Mutex<[Message]>([])
  private let bell: Int32

  /// A mailbox that nobody empties yet.
  /// - Throws: ``IOFailure`` when the system gives no descriptor.
  init() throws(IOFailure) {
    bell = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard bell >= 0 else { throw .system(errno) }
  }

  deinit { close(bell) }

  /// Leaves a message. Any thread; never blocks.
  func post(_ message: Message) {
    let wasEmpty = waiting.withLock { list in
      list.append(message)
      return list.count == 1
    }
    if wasEmpty { _ = eventfd_write(bell, 1) }
  }

  /// Has every message given to `take`, on the loop's thread. Once, on that thread or before it runs.
  func empty(on loop: EventLoop, _ take: @escaping (Message) -> Void) -> DescriptorWatch {
    DescriptorWatch(loop: loop, descriptor: bell) { [self] _ in
      var count: eventfd_t = 0
      unsafe eventfd_read(bell, &count)
      let messages = waiting.withLock { list in
        defer { list = [] }
        return list
      }
      for message in messages { take(message) }
    }
  }
}
