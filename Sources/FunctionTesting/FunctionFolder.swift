// Finds the folders of functions and their case files. Reads the file system; any thread.
// Source: design/configuration.md, "A function's folder".
import ConfigurationFile
import Foundation

/// A function's folder and the case files to run in it.
public struct FunctionFolder: Sendable, Equatable {
  /// Its path, as seen from where the search began.
  public let path: String
  /// Its case files, by name.
  public let caseFiles: [String]

  /// How deep folders are searched.
  static let maximumDepth = 16

  /// The function folders at or under some paths, by path. A path may also be a single case file.
  public static func find(under paths: [String]) throws(FunctionSourceProblem) -> [FunctionFolder] {
    var found: [FunctionFolder] = []
    for path in paths.map(\.droppingTrailingSlash) {
      let before = found.count
      if Files.isFolder(path) {
        search(path, depth: 0, &found)
      } else if isCaseFile(path) {
        found.append(FunctionFolder(path: (path.parentFolder + "/..").simplified, caseFiles: [path]))
      }
      if found.count > before { continue }
      if let problem = Files.problem(with: path), problem != "it is a folder" {
        throw FunctionSourceProblem(text: "\(path) cannot be read: \(problem)")
      }
      throw FunctionSourceProblem(
        text: Files.isFolder(path)
          ? "there is no function under \(path): a folder with two of index.js, function.yaml and tests"
          : "\(path) is neither a folder nor a case file in a folder named tests")
    }
    var seen: Set<String> = []
    return found.filter { $0.caseFiles.count == 1 || seen.insert($0.path).inserted }
  }

  private static func isCaseFile(_ path: String) -> Bool {
    (path.hasSuffix(".yaml") || path.hasSuffix(".yml")) && path.parentFolder.hasSuffix("tests") && Files.problem(with: path) == nil
  }

  private static func search(_ path: String, depth: Int, _ found: inout [FunctionFolder]) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? []
    let parts = ["index.js", "function.yaml", "tests"].filter(names.contains)
    let isFunction = parts.count > 1
    if isFunction {
      let cases = ((try? FileManager.default.contentsOfDirectory(atPath: path + "/tests")) ?? []).sorted()
        .filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }.map { (path + "/tests/" + $0).simplified }
      found.append(FunctionFolder(path: path.simplified, caseFiles: cases))
      return
    }
    guard depth < maximumDepth else { return }
    for name in names where !name.hasPrefix(".") && name != "node_modules" {
      let inner = path == "/" ? "/" + name : path + "/" + name
      // A link could lead back to where it stands.
      let isLink = (try? FileManager.default.destinationOfSymbolicLink(atPath: inner)) != nil
      if !isLink, Files.isFolder(inner) { search(inner, depth: depth + 1, &found) }
    }
  }
}

extension String {
  /// A path without `./`, and without `x/..`; still relative if it was.
  public var simplified: String {
    var parts: [Substring] = []
    for part in split(separator: "/") where part != "." {
      if part == "..", let last = parts.last, last != ".." { parts.removeLast() } else { parts.append(part) }
    }
    if hasPrefix("/") { return "/" + parts.joined(separator: "/") }
    return parts.isEmpty ? "." : parts.joined(separator: "/")
  }
}
