// What is said of a function's own program that could not be executed: its author's to mend, not the sandbox's. Looks at the copy of its code.
import Glibc

extension InvocationFailure {
  /// The function's own program could not be executed, for the system's reason.
  static func entrypoint(_ requestID: String, _ reason: ArraySlice<UInt8>, _ code: StoredCode?) -> InvocationFailure {
    let program = code.map { $0.folder + "/bootstrap" } ?? "", isThere = unsafe access(program, F_OK) == 0
    let hint =
      if !isThere { "there is no bootstrap in the code" } else if unsafe access(program, X_OK) != 0 { "it \(CodeLimits.notExecutable)" } else {
        "what runs it (the program in its first line, or its dynamic loader) is not in the sandbox, or may not be executed"
      }
    return InvocationFailure(
      .initialization, errorType: "Runtime.InvalidEntrypoint",
      errorMessage: "RequestId: \(requestID) Error: fork/exec \(Interpreter.codeFolder)/bootstrap: \(String(decoding: reason.prefix(80), as: UTF8.self).lowercased()): \(hint)")
  }
}
