// Owns: a function's code where its author keeps it: a folder, a .zip, or one file. Blocks; one thread at a time.
import Foundation
import TLS

/// A function's code where its author keeps it.
enum CodeSource {
  case folder(root: String, [CodeFile])
  case archive(CodeArchive)
  /// One file under the name that the handler expects.
  case file(path: String, CodeFile)

  /// Looks at what is there.
  /// - Parameter handler: `file.function`: how a single file is to be called.
  init(path: String, handler: String) throws(CodeProblem) {
    guard let attributes = try? FileManager.default.attributesOfItem(atPath: URL(fileURLWithPath: path).resolvingSymlinksInPath().path) else {
      throw CodeProblem(text: "there is no such file or folder")
    }
    let size = attributes[.size] as? Int ?? 0
    switch attributes[.type] as? FileAttributeType {
    case .typeDirectory?: self = .folder(root: path, try FolderWalk(root: path).files)
    case .typeRegular? where path.hasSuffix(".zip"):
      guard size <= CodeLimits.archiveBytes else { throw CodeProblem(text: "it has \(size) bytes, where \(CodeLimits.archiveBytes) are the most") }
      self = .archive(try CodeArchive(path: path))
    case .typeRegular?:
      let name = (handler.split(separator: "/").last ?? "index").prefix { $0 != "." }
      let suffix = path.split(separator: ".").last.map(String.init) ?? "js"
      guard size <= CodeLimits.bytes else { throw CodeProblem(text: "it has \(size) bytes, where \(CodeLimits.bytes) are the most") }
      self = .file(path: path, CodeFile(path: "\(name).\(suffix)", bytes: size, isExecutable: false))
    default: throw CodeProblem(text: "it is neither a file nor a folder")
    }
    if files.isEmpty { throw CodeProblem(text: "there is nothing in it") }
    try checkPaths()
  }

  /// The files, in no order.
  var files: [CodeFile] {
    switch self {
    case .folder(_, let files): files
    case .archive(let archive): archive.files
    case .file(_, let file): [file]
    }
  }

  /// The bytes of a file.
  func read(_ index: Int) throws(CodeProblem) -> [UInt8] {
    switch self {
    case .archive(let archive): try archive.read(index)
    case .folder(let root, let files): try Self.read(root + "/" + files[index].path, files[index])
    case .file(let path, let file): try Self.read(path, file)
    }
  }

  /// Looks whether every file can be read: of an archive, whether it can be unpacked to what it says it holds.
  func tryReading() throws(CodeProblem) {
    switch self {
    case .archive(let archive): for index in archive.files.indices { _ = try archive.read(index) }
    case .folder(let root, let files):
      for file in files where !FileManager.default.isReadableFile(atPath: root + "/" + file.path) { throw CodeProblem(text: "\(file.path.shown) cannot be read") }
    case .file(let path, let file):
      guard FileManager.default.isReadableFile(atPath: path) else { throw CodeProblem(text: "\(file.path.shown) cannot be read") }
    }
  }

  /// What names the code wherever it lies: a SHA-256 over paths and contents, in hexadecimal digits.
  func digest() throws(CodeProblem) -> String {
    let files = files
    var list: [UInt8] = Array("skerry code 1\n".utf8)
    for index in files.indices.sorted(by: { files[$0].path.utf8.lexicographicallyPrecedes(files[$1].path.utf8) }) {
      let content = Digest.sha256(try read(index))
      list += Array("\(files[index].isExecutable ? "x" : "-") \(content.hexadecimal) \(files[index].path)\n".utf8)
    }
    return Digest.sha256(list).hexadecimal
  }

  private static func read(_ path: String, _ file: CodeFile) throws(CodeProblem) -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else { throw CodeProblem(text: "\(file.path.shown) cannot be read") }
    return Array(data)
  }

  /// No two files in one place, and none where a folder is.
  private func checkPaths() throws(CodeProblem) {
    var files: Set<String> = [], folders: Set<String> = []
    for file in self.files {
      guard files.insert(file.path).inserted else { throw CodeProblem(text: "\(file.path.shown) is in it twice") }
      var folder = Substring(file.path)
      while let slash = folder.lastIndex(of: "/") {
        folder = folder[..<slash]
        if !folders.insert(String(folder)).inserted { break }
      }
    }
    if let both = files.first(where: folders.contains) { throw CodeProblem(text: "\(both.shown) is both a file and a folder") }
  }
}

/// A walk through a folder. Links within the code are followed, as `zip -r` does; links that lead out of it are refused.
private struct FolderWalk {
  private(set) var files: [CodeFile] = []
  private let root: String
  private var total = 0, entries = 0

  init(root: String) throws(CodeProblem) {
    self.root = URL(fileURLWithPath: root).resolvingSymlinksInPath().path
    try walk(root, "", depth: 0)
  }

  private mutating func walk(_ folder: String, _ prefix: String, depth: Int) throws(CodeProblem) {
    guard depth < CodeLimits.depth else { throw CodeProblem(text: "\(prefix.shown): its folders nest more than \(CodeLimits.depth) deep") }
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { throw CodeProblem(text: "\(folder.shown) cannot be read") }
    for name in names.sorted() where name != ".git" {
      let path = folder + "/" + name, inside = prefix + name
      entries += 1
      guard entries <= CodeLimits.entries else { throw CodeProblem(text: "it has more than \(CodeLimits.entries) files and folders") }
      if let problem = CodePath.problem(inside) { throw CodeProblem(text: "\(inside.shown): \(problem)") }
      let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      guard target.hasPrefix(root + "/") else { throw CodeProblem(text: "\(inside.shown) is a link that leads out of the code") }
      guard let attributes = try? FileManager.default.attributesOfItem(atPath: target) else { throw CodeProblem(text: "\(inside.shown) leads nowhere") }
      switch attributes[.type] as? FileAttributeType {
      case .typeDirectory?: try walk(path, inside + "/", depth: depth + 1)
      case .typeRegular?:
        let bytes = attributes[.size] as? Int ?? 0, mode = attributes[.posixPermissions] as? Int ?? 0
        total += bytes
        guard total <= CodeLimits.bytes else { throw CodeProblem(text: "its files have more than \(CodeLimits.bytes >> 20) MB") }
        files.append(CodeFile(path: inside, bytes: bytes, isExecutable: mode & 0o111 != 0))
      default: throw CodeProblem(text: "\(inside.shown) is neither a file nor a folder")
      }
    }
  }
}

extension [UInt8] {
  /// Two small digits for each byte.
  var hexadecimal: String { map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() }
}
