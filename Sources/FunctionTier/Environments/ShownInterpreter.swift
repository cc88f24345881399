// Owns: what sandboxes see of an interpreter that is not the system's own: its program, the libraries beside its `bin`, and of a virtual environment
// of Python its configuration and the libraries it comes from. Never a folder whole that may hold something else. Looks at the disk once, when it is made.
import Foundation

/// An interpreter as sandboxes see it.
struct ShownInterpreter: Sendable, Equatable {
  /// A file or folder of the machine, without symbolic links on its way, and where it appears.
  struct Part: Sendable, Hashable {
    var host: String, inside: String
  }

  /// The path that it is started by: its real one; in a virtual environment, which Python knows by that path, the environment's own.
  var program: String
  /// What is shown of it beyond the system's folders.
  private(set) var parts: [Part] = []

  /// - Parameters:
  ///   - path: an executable file.
  ///   - marks: what the names of its libraries begin with: a folder that has none of them is somebody else's.
  init(_ path: String, libraries marks: [String]) {
    let real = Self.real(path), named = Self.real(Self.folder(path)) + "/" + (path as NSString).lastPathComponent
    let environment = marks != Self.pythonLibraries ? nil : [named, real].first { FileManager.default.fileExists(atPath: Self.configuration(of: $0)) }
    program = environment ?? real
    var programs = [program, real]
    if let environment {
      add(Self.configuration(of: environment))
      // The environment's base may be named by a link; libraries are then found by both names.
      if let home = Self.home(Self.configuration(of: environment)) { programs += [home, Self.real(home)].map { $0 + "/python3" } }
    }
    for program in [program, real] { add(real, at: program) }
    for program in programs where (Self.folder(program) as NSString).lastPathComponent == "bin" {
      for library in ["lib", "lib64"].map({ Self.folder(Self.folder(program)) + "/" + $0 }) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: library)) ?? []
        if names.contains(where: { name in marks.contains { name.hasPrefix($0) } }) { add(library) }
      }
    }
  }
  /// What lies in `lib` where it is the interpreter's.
  static let nodeLibraries = ["node_modules", "libnode."], pythonLibraries = ["python", "libpython"]

  private mutating func add(_ host: String, at inside: String? = nil) {
    let part = Part(host: Self.real(host), inside: inside ?? host)
    // Every sandbox sees the system's.
    guard !Self.systemFolders.contains(where: { part.inside.hasPrefix($0) }), !parts.contains(part) else { return }
    parts.append(part)
  }
  private static let systemFolders = ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/"]

  /// The folder of `python` in a virtual environment's configuration: what it was made of.
  private static func home(_ configuration: String) -> String? {
    guard let text = try? String(contentsOfFile: configuration, encoding: .utf8) else { return nil }
    for line in text.split(whereSeparator: \.isNewline) {
      let parts = line.split(separator: "=", maxSplits: 1).map { $0.trimmingCharacters(in: .whitespaces) }
      if parts.count == 2, parts[0] == "home", parts[1].hasPrefix("/") { return parts[1] }
    }
    return nil
  }
  private static func configuration(of program: String) -> String { folder(folder(program)) + "/pyvenv.cfg" }
  private static func folder(_ path: String) -> String { (path as NSString).deletingLastPathComponent }
  static func real(_ path: String) -> String { URL(fileURLWithPath: path).resolvingSymlinksInPath().path }

  /// What of it a folder lies in, which may not be there yet; nil when it is not shown.
  func shows(_ folder: String) -> String? {
    var there = folder
    while there.count > 1, !FileManager.default.fileExists(atPath: there) { there = Self.folder(there) }
    let real = Self.real(there) + folder.dropFirst(there.count) + "/"
    return parts.map(\.host).first { real.hasPrefix($0 + "/") }
  }
}
