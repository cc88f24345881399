// Owns: being told that something in a folder was replaced (inotify(7)). The loop's thread.
import CSystem
import Glibc
import Transport

/// An alarm on a folder; nil where the system has none left.
final class FolderAlarm {
  private let descriptor: Int32
  private var watch: DescriptorWatch?

  /// - Parameter rings: called on the loop's thread when a file was moved into the folder.
  init?(_ folder: String, on loop: EventLoop, _ rings: @escaping () -> Void) {
    descriptor = inotify_init1(Int32(IN_CLOEXEC) | Int32(IN_NONBLOCK))
    guard descriptor >= 0 else { return nil }
    guard unsafe inotify_add_watch(descriptor, folder, UInt32(IN_MOVED_TO)) >= 0 else {
      close(descriptor)
      return nil
    }
    let watched = descriptor
    watch = DescriptorWatch(loop: loop, descriptor: watched) { _ in
      // What it was is of no interest: all is read again.
      while let count = OutputReader.read(watched, { _ in }), count > 0 {}
      rings()
    }
  }

  deinit {
    watch?.end()
    close(descriptor)
  }
}
