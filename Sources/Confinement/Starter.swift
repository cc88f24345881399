// Owns: the process that can start this program anew when this one no longer can (CConfinement/Starter.h): for a binary upgrade.
import CConfinement
import Glibc

/// A process of its own, forked before anything was given up. It starts one program, with the arguments this one was started with.
public final class Starter: Sendable {
  private let socket: Int32

  /// Forks it. Only while the process has one thread, so before anything else.
  /// - Parameters:
  ///   - program: an absolute path; the file that is there when it is started.
  ///   - arguments: with the program's name first.
  /// - Throws: ``ConfinementFailure`` when the system has no process or descriptor left.
  public init(program: String, arguments: [String]) throws(ConfinementFailure) {
    let result = unsafe withTexts(arguments) { unsafe sk_starter_make(program, $0) }
    guard result >= 0 else { throw FileRules.failure("the process that starts upgrades", result) }
    socket = result
  }

  deinit { close(socket) }

  /// The path of the running program's file, to be asked for at the start: another file may stand there later.
  public static func ownProgram() -> String? {
    var path = [CChar](repeating: 0, count: Int(PATH_MAX))
    let length = unsafe readlink("/proc/self/exe", &path, path.count - 1)
    return length > 0 ? String(decoding: path[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self) : nil
  }

  /// Starts the program. Blocks for some milliseconds; one thread at a time.
  /// - Parameters:
  ///   - descriptors: what it gets as 3, 4 and so on; at most 1,024.
  ///   - environment: additions to the environment this process was started with; names that begin with `SKERRY_` or `LISTEN_`, 64 KiB in all.
  /// - Returns: its process id. It is nobody's child here, but the service manager's or init's.
  /// - Throws: ``ConfinementFailure`` when it cannot be executed.
  public func start(with descriptors: [Int32], environment: [String: String]) throws(ConfinementFailure) -> Int32 {
    let result = unsafe withTexts(environment.map { "\($0.key)=\($0.value)" }) { unsafe sk_starter_start(socket, descriptors, Int32(descriptors.count), $0) }
    guard result >= 0 else { throw FileRules.failure("the program cannot be started", result) }
    return result
  }
}

/// C texts in a list that ends with a null pointer.
private func withTexts<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result) -> Result {
  let copies = unsafe texts.map { unsafe strdup($0) } + [nil]
  defer { unsafe copies.forEach { unsafe free($0) } }
  return unsafe copies.withUnsafeBufferPointer { list in
    guard let first = list.baseAddress else { preconditionFailure("a list that ends with a null pointer is not empty") }
    return unsafe body(first)
  }
}
