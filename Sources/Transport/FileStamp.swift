// Owns: telling whether a file has changed without reading it.
import CSystem
import Glibc

/// What stat(2) says of a file's content: another stamp means that it was written or replaced.
public struct FileStamp: Equatable, Sendable {
  private let inode: UInt64
  private let size: Int64
  private let seconds: Int
  private let nanoseconds: Int

  /// Nil when there is no such file. One system call; the file should be on a local disk.
  public init?(of path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    inode = UInt64(status.st_ino)
    size = Int64(status.st_size)
    seconds = status.st_mtim.tv_sec
    nanoseconds = status.st_mtim.tv_nsec
  }
}

/// A moment on the clock by which the system dates changes of files.
public struct FileMoment: Comparable, Sendable {
  private let seconds: Int, nanoseconds: Int

  /// Now. A change that happens later is not dated earlier.
  public static var now: FileMoment {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return FileMoment(time)
  }

  /// When a file was written, renamed or made readable last (its ctime); nil when there is no such file.
  public init?(changeOf path: String) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    self.init(status.st_ctim)
  }

  private init(_ time: timespec) { (seconds, nanoseconds) = (time.tv_sec, time.tv_nsec) }

  public static func < (a: FileMoment, b: FileMoment) -> Bool { (a.seconds, a.nanoseconds) < (b.seconds, b.nanoseconds) }
}
