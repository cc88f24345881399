// Compares a run with what its case expects: named members must match, others are free, null means absent, and with `exact: true`
// nothing else may be there. Pure; any thread. Source: design/configuration.md, "A case file".
import Foundation
import JSONText

/// Collects the differences of one case.
struct Matching {
  private(set) var differences: [Difference] = []
  /// Whether what is not named may not be there.
  private var isExact = false

  /// All differences between a run and a case's expectations, in the order of the file.
  static func differences(of report: FunctionReport, from expected: TestCase.Expected) -> [Difference] {
    var matching = Matching()
    if let error = report.error, expected.error == nil {
      matching.add("error", expected: "none", got: error.description, line: expected.line, column: expected.column)
    } else {
      matching.match("request", expected.request, in: report, orElse: "response")
      matching.match("response", expected.response, in: report, orElse: "request")
    }
    if let origin = expected.origin, report.error == nil {
      matching.isExact = false
      matching.matchAny(origin, report.origin, MemberPath("origin"))
    }
    if let error = expected.error { matching.matchError(error, report) }
    if let logs = expected.logs { matching.matchLogs(logs, report.logs) }
    if let (limit, place) = expected.fuel, report.fuel > limit {
      matching.add(
        "fuel", expected: "at most \(limit)", got: String(report.fuel), at: place, .replace(place, with: .number(String(report.fuel))))
    }
    return matching.differences
  }

  // MARK: The whole

  private mutating func match(_ kind: String, _ expected: Expectation?, in report: FunctionReport, orElse other: String) {
    guard let expected, report.error == nil else { return }
    guard let object = report.output?[kind]?.object else {
      let got = report.output?[other].map { "a \(other): \($0.oneLine)" } ?? "nothing"
      return add("expect", expected: "a \(kind)", got: got, at: expected)
    }
    isExact = expected.entries.contains { if case .scalar("true", _) = $0.value.kind { $0.name == "exact" } else { false } }
    let path = MemberPath(kind)
    for entry in expected.entries where entry.name != "exact" { matchMember(entry.name, entry.value, object[entry.name], path[entry.name]) }
    guard isExact else { return }
    // A function cannot change the method; naming it would be ceremony. An empty set is no member either.
    for member in object.members where member.name != "method" && member.value.object?.isEmpty != true {
      if !expected.entries.contains(where: { $0.name == member.name }) { addUnexpected(member.value, path[member.name], expected) }
    }
  }

  private mutating func matchMember(_ name: String, _ expected: Expectation, _ got: JSONValue?, _ path: MemberPath) {
    switch name {
    case "headers": matchSet(expected, got, path, lowerCase: true)
    case "cookies": matchSet(expected, got, path, lowerCase: false)
    case "querystring":
      if case .scalar(let text, _) = expected.kind {
        let query = got?.string ?? got?.object.map(Query.text)
        if !isSame(query ?? "", text) { addDifference(expected, query.map { .string($0) }, path) }
      } else {
        matchSet(expected, got?.string.map { .object(Query.object($0)) } ?? got, path, lowerCase: false)
      }
    case "body":
      if case .scalar(let text, _) = expected.kind, let got {
        if let body = bodyText(got), isSame(body, text) { return }
        addDifference(expected, bodyText(got).map { .string($0) } ?? got, path)
      } else {
        matchAny(expected, got, path)
      }
    default: matchAny(expected, got, path)
    }
  }

  /// A body as text: a string, or what `{encoding, data}` stands for; nil when its bytes are no text.
  private func bodyText(_ body: JSONValue) -> String? {
    if let text = body.string { return text }
    guard let data = body["data"]?.string else { return nil }
    if body["encoding"]?.string != "base64" { return data }
    return Data(base64Encoded: data).flatMap { String(validating: $0, as: UTF8.self) }
  }

  private mutating func matchError(_ expected: Expectation, _ report: FunctionReport) {
    guard case .scalar(let text, _) = expected.kind else { return }
    if let error = report.error?.description, error.contains(text) { return }
    let got = report.error.map { JSONValue.quoted($0.description) } ?? "none"
    add("error", expected: "an error with \(JSONValue.quoted(text))", got: got, at: expected,
      report.error.map { .replace(expected, with: .string($0.text)) } ?? .rewrite)
  }

  private mutating func matchLogs(_ expected: Expectation, _ logs: [String]) {
    guard case .list(let lines) = expected.kind else { return }
    for (index, line) in lines.enumerated() {
      guard case .scalar(let text, _) = line.kind, !logs.contains(where: { $0.contains(text) }) else { continue }
      let got = logs.isEmpty ? "no line" : logs.map { JSONValue.quoted($0) }.joined(separator: ", ")
      add(MemberPath("logs")[index].description, expected: "a line with \(JSONValue.quoted(text))", got: got, at: line)
    }
  }

  // MARK: Headers, cookies, parameters

  private mutating func matchSet(_ expected: Expectation, _ got: JSONValue?, _ path: MemberPath, lowerCase: Bool) {
    // An empty set is as good as none: the output always has cookies.
    let got = got?.object?.isEmpty == true ? nil : got
    guard case .mapping(let entries) = expected.kind else { return matchAny(expected, got, path) }
    let names = entries.map { lowerCase ? $0.name.lowercasedASCII : $0.name }
    for (entry, name) in zip(entries, names) { matchField(entry.value, got?[name], path[name]) }
    guard isExact else { return }
    for member in got?.object?.members ?? [] where !names.contains(where: { isSame($0, member.name) }) {
      addUnexpected(member.value, path[member.name], expected)
    }
  }

  /// One name's values: a text, a list of texts, or CloudFront's own form.
  private mutating func matchField(_ expected: Expectation, _ got: JSONValue?, _ path: MemberPath) {
    let values = got.map(Matching.values)
    switch expected.kind {
    case .scalar(let text, _):
      guard let values else { return addDifference(expected, nil, path) }
      if values.count == 1, let value = values[0].string, isSame(value, text) { return }
      addDifference(expected, values.count == 1 ? values[0] : .array(values), path)
    case .list(let list):
      guard let values else { return addDifference(expected, nil, path) }
      let texts = list.map { if case .scalar(let text, _) = $0.kind { text } else { "" } }
      if values.count == texts.count, zip(values, texts).allSatisfy({ isSame($0.string ?? "", $1) }) { return }
      addDifference(expected, .array(values), path)
    case .absent:
      if let values { addDifference(expected, values.count == 1 ? values[0] : .array(values), path) }
    case .mapping: matchAny(expected, got, path)
    }
  }

  /// The values a name has in effect: those of `multiValue` where there is one.
  private static func values(_ field: JSONValue) -> [JSONValue] {
    let several = field["multiValue"]?.array ?? []
    return (several.isEmpty ? [field] : several).map { $0["value"] ?? .null }
  }

  // MARK: Any value

  private mutating func matchAny(_ expected: Expectation, _ got: JSONValue?, _ path: MemberPath) {
    switch (expected.kind, got) {
    case (.absent, nil), (.absent, .null): return
    case (.scalar(let text, let value), let got?):
      if got.string.map({ isSame($0, text) }) ?? isEqual(value, got) { return }
      addDifference(expected, got, path)
    case (.list(let list), .array(let array)?) where list.count == array.count:
      for (index, (expected, got)) in zip(list, array).enumerated() { matchAny(expected, got, path[index]) }
    case (.mapping(let entries), .object(let object)?):
      for entry in entries { matchAny(entry.value, object[entry.name], path[entry.name]) }
      guard isExact else { return }
      for member in object.members where !entries.contains(where: { isSame($0.name, member.name) }) {
        addUnexpected(member.value, path[member.name], expected)
      }
    default: addDifference(expected, got, path)
    }
  }

  private func isEqual(_ a: JSONValue, _ b: JSONValue) -> Bool {
    if let a = a.double, let b = b.double { return a == b }
    return a == b
  }

  /// Byte for byte: Swift's `==` would take two ways to write é for one.
  private func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

  // MARK: Collecting

  private mutating func addDifference(_ expected: Expectation, _ got: JSONValue?, _ path: MemberPath) {
    add(
      path.description, expected: expected.shown, got: got.map(\.oneLine) ?? "nothing", at: expected,
      .replace(expected, with: got ?? .null))
  }

  private mutating func addUnexpected(_ got: JSONValue, _ path: MemberPath, _ place: Expectation) {
    add(path.description, expected: "nothing", got: got.oneLine, at: place)
  }

  private mutating func add(
    _ path: String, expected: String, got: String, at place: Expectation, _ remedy: Difference.Remedy = .rewrite
  ) {
    differences.append(
      Difference(path: path, expected: expected, got: got, line: place.line, column: place.column, remedy: remedy))
  }

  private mutating func add(_ path: String, expected: String, got: String, line: Int, column: Int) {
    differences.append(Difference(path: path, expected: expected, got: got, line: line, column: column))
  }
}

extension Expectation {
  /// For people: as JSON would have it.
  var shown: String {
    switch kind {
    case .absent: "nothing"
    case .scalar(_, let value): value.oneLine
    case .list(let list): "[" + list.map(\.shown).joined(separator: ", ") + "]"
    case .mapping(let entries): "{ " + entries.map { "\(JSONValue.quoted($0.name)): \($0.value.shown)" }.joined(separator: ", ") + " }"
    }
  }
}
