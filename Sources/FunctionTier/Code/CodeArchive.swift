// Owns: reading a .zip of a function's code. It comes from elsewhere: names that lead out, links, encrypted entries, and archives that are much
// larger than they look are refused. Unsafe code, because the library's interface is pointers; nothing unsafe leaves. One thread at a time.
import CArchive

/// What is wrong with a function's code.
public struct CodeProblem: Error, Sendable, Equatable {
  /// One sentence without a full stop.
  public var text: String
}

/// One file of a function's code.
struct CodeFile: Equatable {
  /// From the code's root, without `.` and `..`, separated by `/`.
  var path: String
  var bytes: Int
  var isExecutable: Bool
}

/// Limits of a function's code. A larger one is a problem of the configuration.
public enum CodeLimits {
  /// Bytes of a .zip (spec/lambda-at-edge.md, 8).
  public static let archiveBytes = 50 << 20
  /// Bytes of all files together, unpacked: Lambda's limit.
  public static let bytes = 250 << 20
  /// Files and folders.
  public static let entries = 20_000
  /// How deeply folders nest.
  public static let depth = 32
  /// Bytes of a path.
  public static let pathBytes = 1_024
  /// What is said of a program that nobody may execute.
  static let notExecutable = "is not executable: chmod +x, and pack a .zip where files have such a mode (zip on Linux and macOS, not on Windows)"
}

/// An open archive.
@safe final class CodeArchive {
  private let archive: OpaquePointer
  /// By file: its place in the archive.
  private var places: [UInt64] = []
  private(set) var files: [CodeFile] = []

  /// Opens an archive and looks through its directory.
  init(path: String) throws(CodeProblem) {
    var words = [CChar](repeating: 0, count: Int(SK_ARCHIVE_WORDS))
    guard let archive = unsafe sk_archive_open(path, &words) else { throw CodeProblem(text: "it is no .zip that can be read: \(Self.text(words))") }
    unsafe self.archive = archive
    let count = unsafe sk_archive_count(archive)
    guard count <= CodeLimits.entries else { throw CodeProblem(text: "it has \(count) entries, where \(CodeLimits.entries) are the most") }
    var total = 0
    for place in 0..<count {
      guard let file = try file(at: place) else { continue }
      total += file.bytes
      guard file.bytes <= CodeLimits.bytes, total <= CodeLimits.bytes else {
        throw CodeProblem(text: "its files have more than \(CodeLimits.bytes >> 20) MB once they are unpacked")
      }
      files.append(file)
      places.append(place)
    }
  }

  deinit { unsafe sk_archive_close(archive) }

  /// The bytes of a file.
  func read(_ index: Int) throws(CodeProblem) -> [UInt8] {
    var words = [CChar](repeating: 0, count: Int(SK_ARCHIVE_WORDS))
    let size = files[index].bytes
    var isGood = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      isGood = unsafe sk_archive_read(archive, places[index], buffer.baseAddress, UInt64(size), &words) == 1
      count = isGood ? size : 0
    }
    guard isGood else { throw CodeProblem(text: "\(files[index].path.shown) cannot be unpacked: \(Self.text(words))") }
    return bytes
  }

  /// An entry; nil for a folder, which its files make.
  private func file(at place: UInt64) throws(CodeProblem) -> CodeFile? {
    var entry = unsafe sk_entry()
    guard unsafe sk_archive_entry(archive, place, &entry) == 1, let start = unsafe entry.name else {
      throw CodeProblem(text: "entry \(place) of it cannot be read")
    }
    let name = unsafe Array(UnsafeBufferPointer(start: start, count: entry.name_bytes)).map { UInt8(bitPattern: $0) }
    guard let text = String(validating: name, as: UTF8.self) else { throw CodeProblem(text: "the name of entry \(place) is not UTF-8") }
    let isFolder = unsafe entry.kind == sk_entry_folder
    let path = isFolder && text.hasSuffix("/") ? String(text.dropLast()) : text
    if let problem = CodePath.problem(path) { throw CodeProblem(text: "\(text.shown): \(problem)") }
    switch unsafe entry.kind {
    case sk_entry_file: break
    case sk_entry_folder: return nil
    case sk_entry_link: throw CodeProblem(text: "\(text.shown) is a link; pack files only")
    default: throw CodeProblem(text: "\(text.shown) is neither a file nor a folder")
    }
    if unsafe entry.is_encrypted != 0 { throw CodeProblem(text: "\(text.shown) is encrypted") }
    guard let bytes = unsafe Int(exactly: entry.bytes) else { throw CodeProblem(text: "\(text.shown) is too large") }
    return unsafe CodeFile(path: path, bytes: bytes, isExecutable: entry.is_executable != 0)
  }

  private static func text(_ words: [CChar]) -> String { String(decoding: words.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}

/// Paths inside of code.
enum CodePath {
  /// Why a path is not taken; nil for a good one.
  static func problem(_ path: String) -> String? {
    if path.utf8.count > CodeLimits.pathBytes { return "its path has more than \(CodeLimits.pathBytes) bytes" }
    if path.utf8.contains(where: { $0 < 32 || $0 == 127 }) { return "its path has control characters" }
    if path.contains("\\") { return "its path has a backslash; separate folders by /" }
    if path.hasPrefix("/") { return "its path is absolute and leads out of the code" }
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    if parts.contains("..") { return "its path leads out of the code" }
    if parts.contains("") || parts.contains(".") { return "its path has an empty part" }
    if parts.count > CodeLimits.depth { return "its folders nest more than \(CodeLimits.depth) deep" }
    return nil
  }
}

extension String {
  /// For a message: in quotes, without control characters, not too long.
  var shown: String {
    let clean = String(unicodeScalars.map { $0.value < 32 || $0.value == 127 ? "\u{FFFD}" : Character($0) })
    return clean.count > 80 ? "\"\(clean.prefix(77))…\"" : "\"\(clean)\""
  }
}
