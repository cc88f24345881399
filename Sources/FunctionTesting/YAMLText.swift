// Values as YAML text for case files. Pure. Strings that could be taken for something else stand in quotes.
import JSONText

enum YAMLText {
  /// A value on one line, good in flow and block context.
  static func flow(_ value: JSONValue) -> String {
    switch value {
    case .string(let text): scalar(text)
    case .array(let array): "[" + array.map(flow).joined(separator: ", ") + "]"
    case .object(let object) where object.isEmpty: "{}"
    case .object(let object): "{ " + object.members.map { "\(scalar($0.name)): \(flow($0.value))" }.joined(separator: ", ") + " }"
    default: value.compact
    }
  }

  /// A mapping as a block; its first line goes where the cursor is, at `indentation`. No line end behind it.
  static func block(_ value: JSONValue, indentation: Int) -> String {
    guard let object = value.object, !object.isEmpty else { return flow(value) }
    let next = "\n" + String(repeating: " ", count: indentation)
    return object.members.map { member in
      let line = flow(member.value)
      let isShort = line.utf8.count + indentation < 100
      guard !isShort, member.value.object != nil else { return "\(scalar(member.name)): \(line)" }
      return "\(scalar(member.name)):\(next)  \(block(member.value, indentation: indentation + 2))"
    }.joined(separator: next)
  }

  /// Words that YAML 1.1 takes for something else than text.
  private static let words: Set<String> = ["", "null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"]

  /// A string without quotes where nobody could misread it, else as JSON has it, which YAML reads the same way.
  static func scalar(_ text: String) -> String {
    func isLetterOrSlash(_ byte: UInt8) -> Bool { (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A || byte == UInt8(ascii: "/") }
    let isPlain = text.utf8.first.map(isLetterOrSlash) == true && text.utf8.last != 0x20
      && text.utf8.allSatisfy { isLetterOrSlash($0) || (0x30...0x39).contains($0) || " -_.+=;()".utf8.contains($0) }
    return isPlain && !words.contains(text.lowercased()) ? text : JSONValue.quoted(text)
  }
}
