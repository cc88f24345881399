// Owns: getting the bootstraps, which are built into the program, to where sandboxes see them.
import Foundation
import Glibc

/// The programs that run in a sandbox before a function's code does.
enum Bootstraps {
  /// Their names in the runtime folder, and their bytes.
  static var files: [(name: String, bytes: [UInt8])] {
    [("nodejs.js", PackageResources.nodejs_js), ("rehearsal.js", rehearsal), ("python.py", PackageResources.python_py)]
  }

  /// What the bootstrap for Node.js loads and runs before it is ready.
  private static let rehearsal = Array("exports.handler = async (event) => event.Records[0].cf.request;\n".utf8)

  /// Writes them into a folder, unless they are there.
  static func write(to folder: String) throws(CodeProblem) {
    try CodeStore.makeFolder(folder)
    for (name, bytes) in files {
      let path = folder + "/" + name
      if FileManager.default.contents(atPath: path) == Data(bytes) { continue }
      // Sandboxes of a process that is being replaced may still start from the old one.
      let draft = "\(path).\(getpid())"
      guard FileManager.default.createFile(atPath: draft, contents: Data(bytes), attributes: [.posixPermissions: 0o444]), unsafe rename(draft, path) == 0 else {
        throw CodeProblem(text: "\(path) cannot be written")
      }
      _ = unsafe chmod(path, 0o444)
    }
  }
}

/// Folders of pre-warmed sandboxes.
enum Staging {
  /// Removes what an earlier process has left.
  static func clear(_ folder: String) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] { try? FileManager.default.removeItem(atPath: folder + "/" + name) }
  }
}
