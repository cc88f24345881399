// Owns: what a check finds in a table of redirects, and how it is said: as text, as JSON, as annotations of GitHub's. Pure values.
public import JSONText

/// Something found in a table of redirects.
public struct RedirectFinding: Sendable, Equatable {
  /// What kind of thing.
  public enum Kind: String, Sendable, CaseIterable {
    /// A line that is no rule.
    case malformed
    /// A viewer can choose the host.
    case openRedirect = "open-redirect"
    /// A redirect leads to itself, perhaps by others.
    case loop
    /// A redirect leads to another.
    case chain
    /// The rule stands twice.
    case duplicate
    /// The same request is sent to two places; the first rule wins.
    case conflict
    /// Earlier rules answer everything the rule is for.
    case shadowed
    /// Two rules differ only in the case of letters.
    case caseTwin = "case-twin"
    /// Two rules differ only in how the same path is percent-encoded.
    case encodingTwin = "encoding-twin"
    /// Nothing is at the target.
    case deadTarget = "dead-target"
    /// Worth knowing, and nothing wrong.
    case note
  }
  /// How bad it is.
  public enum Severity: String, Sendable {
    case error, warning, note
  }

  /// What kind of thing.
  public var kind: Kind
  /// Where: the line, and the column in Unicode scalars, from 1.
  public var line: Int, column = 1
  /// The line of the other rule it is about.
  public var otherLine: Int?
  /// The smallest request that shows it; empty where there is none.
  public var example = ""
  /// Where it should lead instead.
  public var target: String?
  /// One sentence without a full stop.
  public var text: String

  /// Something found.
  public init(_ kind: Kind, line: Int, column: Int = 1, otherLine: Int? = nil, example: String = "", target: String? = nil, _ text: String) {
    (self.kind, self.line, self.column, self.otherLine) = (kind, line, column, otherLine)
    (self.example, self.target, self.text) = (example, target, text)
  }

  /// How bad it is.
  public var severity: Severity {
    switch kind {
    case .malformed, .openRedirect, .loop, .conflict, .deadTarget: .error
    case .chain, .duplicate, .shadowed, .caseTwin, .encodingTwin: .warning
    case .note: .note
    }
  }

  /// `rules.tsv:12:1: warning: chain: …`.
  public func line(in file: String) -> String {
    "\(file):\(line):\(column): \(severity.rawValue): \(kind == .note ? "" : kind.rawValue + ": ")\(text)" + (example.isEmpty ? "" : " (\(example))")
  }

  /// A command of a GitHub workflow (docs.github.com, "Workflow commands").
  public func annotation(in file: String) -> String {
    func escaped(_ text: String, property: Bool) -> String {
      var text = text.replacing("%", with: "%25").replacing("\r", with: "%0D").replacing("\n", with: "%0A")
      if property { text = text.replacing(":", with: "%3A").replacing(",", with: "%2C") }
      return text
    }
    let level = severity == .note ? "notice" : severity.rawValue
    return "::\(level) file=\(escaped(file, property: true)),line=\(line),col=\(column),title=\(kind.rawValue)::"
      + escaped(text + (example.isEmpty ? "" : " (\(example))"), property: false)
  }

  /// For machines.
  public var json: JSONValue {
    var object: JSONObject = ["kind": .string(kind.rawValue), "severity": .string(severity.rawValue), "line": .number(line), "column": .number(column)]
    if let otherLine { object.append("otherLine", .number(otherLine)) }
    if !example.isEmpty { object.append("example", .string(example)) }
    if let target { object.append("target", .string(target)) }
    object.append("text", .string(text))
    return .object(object)
  }
}
