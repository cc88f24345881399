// What a case expects, as a tree with its places in the case file. A pure value; any thread.
// Source: design/configuration.md, "A case file".
import ConfigurationFile
import JSONText

/// An expected value.
struct Expectation: Sendable {
  indirect enum Kind: Sendable {
    /// `null`: nothing may be there.
    case absent
    /// A scalar; its text, and the value it stands for.
    case scalar(String, JSONValue)
    case list([Expectation])
    case mapping([Entry])
  }

  /// One named expectation.
  struct Entry: Sendable {
    var name: String
    var value: Expectation
  }

  var kind: Kind
  /// Where it stands in the case file, from 1.
  var line: Int
  var column: Int

  var entries: [Entry] { if case .mapping(let entries) = kind { entries } else { [] } }

  /// The expectation that a value of a case file states.
  init(_ value: Value) {
    (line, column) = (value.line, value.column)
    if value.isNull {
      kind = .absent
    } else if value.isList {
      kind = .list((value.items(of: "a value") ?? []).map(Expectation.init))
    } else if value.isMapping {
      kind = .mapping((value.section(value.name)?.entries ?? []).map { Entry(name: $0.name, value: Expectation($0.value)) })
    } else {
      kind = .scalar(value.plainText ?? "", value.json)
    }
  }
}

extension Value {
  /// A scalar as JSON: in quotes it is a string, without them perhaps a number, true, false or null.
  var json: JSONValue {
    guard let text = plainText, !isQuoted else { return .string(plainText ?? "") }
    if isNull { return .null }
    if text == "true" || text == "false" { return .boolean(text == "true") }
    if let number = try? JSONValue(parsing: text), number.double != nil { return number }
    return .string(text)
  }
}
