// Owns: the file with the admin address's token: 64 hexadecimal digits that only the file's owner can read (design/configuration.md).
import Glibc

/// The token of the admin address.
public enum AdminToken {
  /// The longest token that is read from a file that somebody else made.
  private static let limitBytes = 4096

  /// Makes a token where there is none, with the folder it is in. Blocks on the file system; any thread.
  /// - Returns: what is wrong, as one sentence; nil when there is a token that only its owner can read.
  public static func provide(at path: String) -> String? {
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex { _ = unsafe mkdir(String(path[..<slash]), 0o700) }
    let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { return errno == EEXIST ? exposure(of: path) : "the admin token \(path) cannot be made: \(reason)" }
    defer { close(descriptor) }
    let text = Array((make() + "\n").utf8)
    if unsafe write(descriptor, text, text.count) == text.count { return nil }
    defer { _ = unsafe unlink(path) }
    return "the admin token \(path) cannot be written: \(reason)"
  }

  /// The token in a file, without white space around it. Blocks; any thread.
  /// - Returns: nil when it cannot be read, or there is none in it: errno tells the former, 0 the latter.
  public static func read(at path: String) -> [UInt8]? {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limitBytes)
    let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
    guard count >= 0 else { return nil }
    let token = bytes[..<count].filter { $0 > 0x20 && $0 < 0x7f }
    errno = 0
    return token.isEmpty ? nil : token
  }

  /// 256 bits from the system's generator.
  private static func make() -> String {
    var random = SystemRandomNumberGenerator()
    return (0..<32).map { _ in
      let byte = UInt8.random(in: 0...255, using: &random)
      return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  private static func exposure(of path: String) -> String? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return "the admin token \(path) cannot be read: \(reason)" }
    return status.st_mode & 0o077 == 0 ? nil : "the admin token \(path) can be read by others than its owner (chmod 600)"
  }

  private static var reason: String { unsafe String(cString: strerror(errno)) }
}
