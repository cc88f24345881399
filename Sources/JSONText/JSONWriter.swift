// From a tree to JSON text. Pure; any thread. Source: RFC 8259.

extension JSONValue {
  /// How wide an array or object may be that stands on one line of `indented()`, in UTF-8 bytes.
  private static let oneLineBytes = 100

  /// The text without white space.
  public var compact: String {
    var text = ""
    write(to: &text, spaced: false)
    return text
  }

  /// The text on one line with a space behind colons and commas, as a person would write it.
  public var oneLine: String {
    var text = ""
    write(to: &text, spaced: true)
    return text
  }

  /// The text for people: two spaces for each level, what is short on one line. No line end behind it.
  public func indented(_ level: Int = 0) -> String {
    let line = oneLine
    if line.utf8.count + level * 2 <= JSONValue.oneLineBytes && level > 0 { return line }
    let inner = String(repeating: "  ", count: level + 1), outer = String(repeating: "  ", count: level)
    switch self {
    case .array(let array) where !array.isEmpty:
      return "[\n" + array.map { inner + $0.indented(level + 1) }.joined(separator: ",\n") + "\n\(outer)]"
    case .object(let object) where !object.isEmpty:
      let members = object.members.map { "\(inner)\(JSONValue.quoted($0.name)): \($0.value.indented(level + 1))" }
      return "{\n" + members.joined(separator: ",\n") + "\n\(outer)}"
    default: return line
    }
  }

  private func write(to text: inout String, spaced: Bool) {
    switch self {
    case .null: text += "null"
    case .boolean(let value): text += value ? "true" : "false"
    case .number(let number): text += number
    case .string(let string): text += JSONValue.quoted(string)
    case .array(let array):
      text += "["
      for (index, value) in array.enumerated() {
        if index > 0 { text += spaced ? ", " : "," }
        value.write(to: &text, spaced: spaced)
      }
      text += "]"
    case .object(let object):
      text += spaced && !object.isEmpty ? "{ " : "{"
      for (index, member) in object.members.enumerated() {
        if index > 0 { text += spaced ? ", " : "," }
        text += JSONValue.quoted(member.name) + (spaced ? ": " : ":")
        member.value.write(to: &text, spaced: spaced)
      }
      text += spaced && !object.isEmpty ? " }" : "}"
    }
  }

  /// A string in quotes. Control characters are escaped, everything else stands as it is.
  public static func quoted(_ string: String) -> String {
    var text = "\""
    for scalar in string.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      // Also those of C1, which a terminal obeys, and what nobody sees.
      case "\u{0}"..."\u{1F}", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    return text + "\""
  }
}
