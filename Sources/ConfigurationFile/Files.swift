// Paths and files that a configuration or a function's folder names. The only place of the module that touches the file system.
import Foundation

/// Paths and files that a configuration names.
package enum Files {
  /// The absolute form of a path, relative ones taken from a folder; `.`, `..` and `//` removed.
  package static func resolve(_ path: String, in folder: String) -> String {
    var parts: [Substring] = []
    for part in (path.hasPrefix("/") ? path : folder + "/" + path).split(separator: "/") where part != "." {
      if part == ".." { _ = parts.popLast() } else { parts.append(part) }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// A path as a command was given it, absolute.
  static func absolute(_ path: String) -> String { resolve(path, in: FileManager.default.currentDirectoryPath) }

  /// The folder of a file, absolute.
  package static func folder(of path: String) -> String {
    resolve(absolute(path) + "/..", in: "/")
  }

  /// What to call a file in diagnostics: below the configuration's folder, as seen from where that file was named.
  static func display(_ path: String, in folder: String, namedLike fileName: String) -> String {
    guard path.hasPrefix(folder + "/") else { return path }
    let prefix = fileName.lastIndex(of: "/").map { fileName[...$0] } ?? ""
    return prefix + String(path.dropFirst(folder.count + 1))
  }

  /// Whether a path is a folder, or a link to one.
  package static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }

  /// Whether nothing stands at a path, not even a link.
  static func isAbsent(_ path: String) -> Bool {
    !path.utf8.contains(0) && (try? FileManager.default.attributesOfItem(atPath: path)) == nil
  }

  /// Why a regular file cannot be read, or nil.
  package static func problem(with path: String) -> String? {
    if path.utf8.contains(0) { return "its name contains a NUL" }
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: resolvingLinks(path)) else {
      return "there is no such file"
    }
    switch attributes[.type] as? FileAttributeType {
    case .typeRegular?: break
    case .typeDirectory?: return "it is a folder"
    // Reading a pipe or a device might never end.
    default: return "it is not a regular file"
    }
    return FileManager.default.isReadableFile(atPath: path) ? nil : "permission denied"
  }

  /// How many bytes a file has; nil when there is none.
  static func size(of path: String) -> Int? { (try? FileManager.default.attributesOfItem(atPath: resolvingLinks(path)))?[.size] as? Int }

  /// When a file's content was last changed, in ISO 8601; 1970 when nobody knows.
  package static func modificationTime(_ path: String) -> String {
    let attributes = try? FileManager.default.attributesOfItem(atPath: resolvingLinks(path))
    let time = attributes?[.modificationDate] as? Date ?? Date(timeIntervalSince1970: 0)
    return time.formatted(.iso8601)
  }

  private static func resolvingLinks(_ path: String) -> String {
    URL(fileURLWithPath: path).resolvingSymlinksInPath().path
  }

  /// The bytes of a regular file, or why there are none.
  package static func read(_ path: String, maximumBytes: Int) -> Result<[UInt8], Problem> {
    if let text = problem(with: path) { return .failure(Problem(text: text)) }
    guard let handle = FileHandle(forReadingAtPath: path) else { return .failure(Problem(text: "it cannot be opened")) }
    defer { try? handle.close() }
    guard let data = try? handle.read(upToCount: maximumBytes + 1) else {
      // An empty file reads as no data at all.
      return .success([])
    }
    if data.count > maximumBytes {
      return .failure(Problem(text: "it is longer than \(Quantity.describe(maximumBytes))"))
    }
    return .success([UInt8](data))
  }

  /// Why a file cannot be read.
  package struct Problem: Error {
    /// In words.
    package var text: String
  }
}
