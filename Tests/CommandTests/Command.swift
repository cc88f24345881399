// Running the real program as a person would, in a folder of its own.
import Foundation
import Glibc
import JSONText
import TestTools
import Testing

/// What a command said and how it ended.
struct Outcome {
  var status: Int32
  var output: String
  var errors: String

  /// The one JSON object on stdout.
  var json: JSONValue { get throws { try JSONValue(parsing: output) } }
}

/// A temporary folder with files; gone when it is.
final class Folder: Sendable {
  let path: String

  init(_ files: [String: String] = [:]) throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    for (name, text) in files { try write(name, text) }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ text: String) throws { try write(name, Array(text.utf8)) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = URL(fileURLWithPath: path + "/" + name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }

  func read(_ name: String) throws -> String { try String(contentsOfFile: path + "/" + name, encoding: .utf8) }

  /// Starts `skerry` in this folder.
  func start(_ arguments: [String], output: ChildStream, errors: ChildStream) throws -> pid_t {
    try spawn([Folder.binary()] + arguments, in: path, output: output, errors: errors)
  }

  /// Runs `skerry` with arguments, in this folder, to its end.
  func skerry(_ arguments: String...) throws -> Outcome { try skerry(arguments) }

  func skerry(_ arguments: [String]) throws -> Outcome {
    let names = ["stdout", "stderr"].map { path + "/.\($0)-\(UUID().uuidString)" }
    let status = waitForEnd(of: try start(arguments, output: .file(names[0]), errors: .file(names[1])))
    let texts = try names.map { try String(contentsOfFile: $0, encoding: .utf8) }
    for name in names { try FileManager.default.removeItem(atPath: name) }
    return Outcome(status: status, output: texts[0], errors: texts[1])
  }

  private static func binary() throws -> String {
    if let named = ProcessInfo.processInfo.environment["SKERRY_BINARY"] { return named }
    let tests = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
    return tests.path + "/skerry"
  }
}

/// AWS's test event with some parts.
func event(_ uri: String = "/", type: String = "viewer-request", more: String = "") -> String {
  """
  {"version": "1.0", "context": {"eventType": "\(type)"}, "viewer": {"ip": "198.51.100.11"},
   "request": {"method": "GET", "uri": "\(uri)", "headers": {"host": {"value": "example.org"}}, "cookies": {}, "querystring": {}}\(more)}
  """
}
