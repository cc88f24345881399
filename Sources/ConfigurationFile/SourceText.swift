// From the bytes of a file to a YAML tree, without letting hostile bytes hurt.
// Yams recurses over nesting and hashes keys, so both are bounded before it sees the text.
// Source: YAML 1.1 as libyaml reads it.
import Foundation
import Yams

/// The text of a configuration file.
package enum SourceText {
  /// The longest configuration file.
  package static let maximumBytes = 4 << 20
  /// The deepest nesting: open brackets, or columns of indentation.
  static let maximumNesting = 64
  static let maximumIndentation = 128

  /// The root of the YAML document in some bytes; nil when there is none, after reporting why.
  static func compose(_ bytes: [UInt8], file: String, problems: Problems) -> Node? {
    func fail(_ line: Int, _ column: Int, _ text: String) -> Node? {
      problems.report(.error, file: file, line: line, column: column, text)
      return nil
    }
    if bytes.count > maximumBytes {
      return fail(1, 1, "the file is longer than \(maximumBytes >> 20) MiB")
    }
    if let (line, column) = firstInvalidUTF8(bytes) { return fail(line, column, "the file is not UTF-8 here") }
    if let (line, text) = structureProblem(bytes) { return fail(line, 1, text) }
    let yaml = String(decoding: bytes, as: UTF8.self)
    do {
      // No rules for tags: every value is read from its text, and to guess its type by regular expressions took a fifth of the time.
      guard let node = try Yams.compose(yaml: yaml, .basic, .default, .utf8), !node.isNull else {
        return fail(1, 1, "the file is empty")
      }
      return node
    } catch {
      let (line, column, text) = describe(error, yaml)
      return fail(line, column, text)
    }
  }

  /// Where the first byte stands that is not UTF-8.
  private static func firstInvalidUTF8(_ bytes: [UInt8]) -> (line: Int, column: Int)? {
    var decoder = UTF8()
    var iterator = bytes.makeIterator()
    var (line, column) = (1, 1)
    while true {
      switch decoder.decode(&iterator) {
      case .scalarValue("\n"): (line, column) = (line + 1, 1)
      case .scalarValue: column += 1
      case .emptyInput: return nil
      case .error: return (line, column)
      }
    }
  }

  /// What is wrong with the structure, judged without parsing: it may refuse odd but valid YAML, never pass a bomb.
  private static func structureProblem(_ bytes: [UInt8]) -> (line: Int, text: String)? {
    var line = 1
    var open = 0
    var indentation: Int? = 0
    var anchorLine: Int?
    var complexKeyLine: Int?
    var previous = UInt8(ascii: "\n")
    for (index, byte) in bytes.enumerated() {
      let startsToken = isSeparator(previous)
      switch byte {
      case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
        if byte == UInt8(ascii: "\n") { line += 1 }
        indentation = 0
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        open += 1
        if open > maximumNesting { return (line, "more than \(maximumNesting) brackets are open here") }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        open = max(0, open - 1)
        if nextAfterSpaces(bytes, index + 1) == UInt8(ascii: ":") { complexKeyLine = complexKeyLine ?? line }
      case UInt8(ascii: "&") where startsToken: anchorLine = anchorLine ?? line
      case UInt8(ascii: "?") where startsToken: complexKeyLine = complexKeyLine ?? line
      case UInt8(ascii: "*") where startsToken:
        var end = index + 1
        while end < bytes.count && !isSeparator(bytes[end]) && bytes[end] != UInt8(ascii: ":") { end += 1 }
        if nextAfterSpaces(bytes, end) == UInt8(ascii: ":") { complexKeyLine = complexKeyLine ?? line }
      default: break
      }
      // Blocks nest by columns of spaces and of the indicators `-`, `?` and `:` at the beginning of a line.
      if let columns = indentation, byte != UInt8(ascii: "\n") && byte != UInt8(ascii: "\r") {
        let counts = " \t-?:".utf8.contains(byte)
        indentation = counts ? columns + 1 : nil
        if counts && columns >= maximumIndentation {
          return (line, "more than \(maximumIndentation) columns of indentation")
        }
      }
      previous = byte
    }
    // Yams hashes keys: a key that contains aliases of aliases would keep it busy for ever.
    if anchorLine != nil, let complexKeyLine {
      return (complexKeyLine, "a file with anchors (&name) cannot have aliases, lists or mappings as keys")
    }
    return nil
  }

  private static func isSeparator(_ byte: UInt8) -> Bool { " \t\r\n[]{},".utf8.contains(byte) }

  private static func nextAfterSpaces(_ bytes: [UInt8], _ start: Int) -> UInt8? {
    var index = start
    while index < bytes.count && (bytes[index] == 0x20 || bytes[index] == 0x09) { index += 1 }
    return index < bytes.count ? bytes[index] : nil
  }

  /// An error of Yams in our words.
  private static func describe(_ error: any Error, _ yaml: String) -> (line: Int, column: Int, text: String) {
    guard let error = error as? YamlError else { return (1, 1, "the file cannot be read as YAML") }
    switch error {
    case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let during = context.map { " \($0.text)" } ?? ""
      return (mark.line, mark.column, "not valid YAML: \(problem)\(during)\(hint(problem, during))")
    case .reader(let problem, let offset, _, _):
      let before = yaml.prefix(offset ?? 0)
      let line = before.unicodeScalars.count(where: { $0 == "\n" }) + 1
      let column = before.unicodeScalars.reversed().prefix { $0 != "\n" }.count + 1
      return (line, column, "not valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let duplicates, let context):
      // Of several names the place is the first one's.
      guard let name = duplicates.first else { return (context.mark.line, context.mark.column, "a key is given more than once") }
      let others = duplicates.dropFirst().map(\.quoted).joined(separator: ", ")
      let more = others.isEmpty ? "" : "; \(others) \(duplicates.count == 2 ? "is" : "are") given more than once too"
      let text = "\(name.quoted) is given again, first in line \(context.mark.line)\(more)"
      let again = RepeatedKey(name, firstLine: context.mark.line, firstColumn: context.mark.column).nextPlace(in: yaml)
      return (again?.line ?? context.mark.line, again?.column ?? context.mark.column, text)
    default: return (1, 1, "the file cannot be read as YAML")
    }
  }

  private static func hint(_ problem: String, _ during: String) -> String {
    if during.contains("alias") || problem.contains("alias") {
      return "; a value that begins with * must be in quotes"
    }
    if during.contains("anchor") { return "; a value that begins with & must be in quotes" }
    if problem.contains("cannot start any token") {
      return "; indentation is spaces, not tabs, and a value that begins with @, % or ` must be in quotes"
    }
    return ""
  }
}

extension Node {
  /// Whether it is an empty value, `~` or `null`, without quotes.
  var isNull: Bool {
    guard case .scalar(let scalar) = self, scalar.style == .plain || scalar.style == .any else { return false }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }
}
