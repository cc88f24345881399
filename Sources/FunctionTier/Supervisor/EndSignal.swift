// Owns: a thread's wait for something that is said once from another.
import CSystem
import Glibc

/// Said once.
@safe final class EndSignal: Sendable {
  /// Readable from then on.
  let descriptor = eventfd(0, Int32(EFD_CLOEXEC))
  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Says it. Any thread.
  func raise() { _ = eventfd_write(descriptor, 1) }

  /// Waits until it is said, at most so long. Blocks.
  func wait(milliseconds: Int) {
    let end = ContinuousClock.now + .milliseconds(milliseconds)
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // A signal that comes to the thread is not what it waits for.
    while unsafe poll(&entry, 1, Int32(clamping: max(0, (end - .now).wholeMilliseconds))) < 0, errno == EINTR {}
  }
}
