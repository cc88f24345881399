// What is said of a function's own program that could not be executed: its author's to mend, not the sandbox's. Looks at the copy of its code.
import Glibc

extension InvocationFailure {
  /// The function's own program could not be executed, for the system's reason.
  static func entrypoint(_ requestID: String, _ reason: ArraySlice<UInt8>, _ code: StoredCode?) -> InvocationFailure {
    let program = code.map { $0.folder + "/bootstrap" } ?? "", isThere = unsafe access(program, F_OK) == 0
    let hint =
      if !isThere { "there is no bootstrap in the code" } else if unsafe access(program, X_OK) != 0 { "it \(CodeLimits.notExecutable)" } else {
        "what runs it (\(interpreter(program) ?? "its dynamic loader")) is not in the sandbox, or may not be executed"
      }
    return InvocationFailure(
      .initialization, errorType: invalidEntrypointType,
      errorMessage: "RequestId: \(requestID) Error: fork/exec \(Interpreter.codeFolder)/bootstrap: \(String(decoding: reason.prefix(80), as: UTF8.self).lowercased()): \(hint)")
  }

  /// What a script's first line names, as it is: with a line break of Windows', too. Nil for other programs.
  private static func interpreter(_ program: String) -> String? {
    let file = unsafe open(program, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 128)
    let count = unsafe read(file, &bytes, bytes.count), line = bytes.prefix(max(0, count)).prefix { $0 != UInt8(ascii: "\n") }
    guard line.starts(with: Array("#!".utf8)) else { return nil }
    return String(decoding: line, as: UTF8.self).shown + (line.last == UInt8(ascii: "\r") ? ", which ends as lines of Windows do" : "")
  }
}
