// Owns: reading pipes of sandboxes, and looking into their sockets. Unsafe code, because the kernel's interface is pointers; nothing unsafe leaves.
import CSystem
import Glibc
import Transport

/// Reads what sandboxes write.
enum OutputReader {
  /// Bytes taken at once.
  static let bufferBytes = 65_536
  /// The longest line; a longer one comes in pieces.
  static let lineLimitBytes = 32_768

  /// Whether one of two pipes has something to be read, or its end. One system call; never waits.
  static func hasBytes(_ first: Int32, _ second: Int32) -> Bool {
    var entries = (pollfd(fd: first, events: Int16(POLLIN), revents: 0), pollfd(fd: second, events: Int16(POLLIN), revents: 0))
    return unsafe withUnsafeMutablePointer(to: &entries) { pair in
      unsafe pair.withMemoryRebound(to: pollfd.self, capacity: 2) { unsafe poll($0, 2, 0) } > 0
    }
  }

  /// Whether a socket has bytes that nobody has read. One system call; never waits.
  static func hasUnread(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    return unsafe recv(socket, &byte, 1, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == 1
  }

  /// Gives what is there to `take`, at most ``bufferBytes``.
  /// - Returns: how many bytes; 0 when nothing is there now, nil at the end.
  static func read(_ descriptor: Int32, _ take: (Span<UInt8>) -> Void) -> Int? {
    unsafe withUnsafeTemporaryAllocation(byteCount: bufferBytes, alignment: 16) { buffer in
      let count = unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : nil }
      let bytes = unsafe UnsafeBufferPointer(start: buffer.baseAddress?.assumingMemoryBound(to: UInt8.self), count: count)
      unsafe take(bytes.span)
      return count
    }
  }
}

extension Span<UInt8> {
  /// A copy.
  var array: [UInt8] { unsafe withUnsafeBufferPointer { unsafe Array($0) } }
}

/// Nanoseconds of the monotonic clock.
func monotonicNanoseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Milliseconds of the monotonic clock, to some of them: as a loop's.
func coarseMilliseconds() -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
  return UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
}

/// Milliseconds since 1970, with fractions.
func wallMilliseconds() -> Double {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) * 1_000 + Double(time.tv_nsec) / 1_000_000
}
