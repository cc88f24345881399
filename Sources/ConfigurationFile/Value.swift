// One value of the file, with its place: reading it as the type it must have, or saying what is wrong.
// Confined to one call of `ConfigurationFile`, or to the reading of one function's folder.
// Source: design/configuration.md (times, sizes).
import Distribution
import Yams

/// One value of the file with its place, for reading and for saying what is wrong with it.
package struct Value {
  let node: Node
  /// What messages call it: its key, or `an alias`.
  package let name: String
  /// The path of its file, as messages show it.
  package let file: String
  let problems: Problems
  /// Where it stands; a value made up for a missing one stands where its mapping does.
  package var line: Int { node.mark?.line ?? 1 }
  /// The column, from 1.
  package var column: Int { node.mark?.column ?? 1 }
  var place: DistributionPlaces.Place { .init(line: line, column: column) }

  /// Reports an error at its place.
  package func error(_ text: String) { problems.report(.error, file: file, line: line, column: column, text) }
  /// Reports a warning at its place.
  package func warning(_ text: String) { problems.report(.warning, file: file, line: line, column: column, text) }
  func notSupportedYet(_ text: String, _ severity: Diagnostic.Severity = .error) {
    problems.report(severity, file: file, line: line, column: column, "\(text) not supported yet")
  }

  /// The same value under another name.
  package func named(_ name: String) -> Value { Value(node: node, name: name, file: file, problems: problems) }

  /// The root of a YAML document; nil when there is none, after reporting why.
  package static func root(of bytes: [UInt8], name: String, file: String, problems: Problems) -> Value? {
    SourceText.compose(bytes, file: file, problems: problems).map { Value(node: $0, name: name, file: file, problems: problems) }
  }

  /// Its scalar text without judging: for comparing and quoting.
  package var plainText: String? { node.scalar?.string }
  /// Whether it is written in quotes or as a block, so that it can only be text.
  package var isQuoted: Bool {
    guard let style = node.scalar?.style else { return false }
    return style != .plain && style != .any
  }

  /// Whether it is a mapping.
  package var isMapping: Bool { node.mapping != nil }
  /// Whether it is a list.
  package var isList: Bool { node.sequence != nil }
  var isEmptyList: Bool { node.sequence?.isEmpty == true }
  /// Whether nothing, `~` or `null` stands there, without quotes.
  package var isNull: Bool { node.isNull }

  /// What it is, for messages about wrong types.
  private var found: String {
    switch node {
    case .mapping: "a mapping"
    case .sequence: "a list"
    case .scalar where node.isNull: "nothing"
    case .scalar(let scalar): (isQuoted ? "the text " : "") + scalar.string.quoted
    case .alias: "an alias"
    }
  }

  /// Says that it has the wrong type.
  package func mismatch(_ expected: String) { error("\(name) must be \(expected), not \(found)") }

  /// As text: any scalar, as it stands in the file.
  package func text(_ expected: String = "text") -> String? {
    guard let text = plainText, !node.isNull else {
      mismatch(expected)
      return nil
    }
    return text
  }

  /// As text that is not empty.
  package func nonEmptyText(_ expected: String = "text") -> String? {
    guard let text = text(expected) else { return nil }
    if text.isEmpty {
      error("\(name) cannot be empty")
      return nil
    }
    return text
  }

  /// As `true` or `false`; nil after saying that it is neither.
  package func flag() -> Bool? {
    switch plainText {
    case "true" where !isQuoted: return true
    case "false" where !isQuoted: return false
    default:
      mismatch("true or false")
      return nil
    }
  }

  /// As a whole number in a range; nil after saying that it is none.
  package func wholeNumber(_ range: ClosedRange<Int>) -> Int? {
    guard let text = plainText, !isQuoted, let number = Int(text) else {
      mismatch("a whole number")
      return nil
    }
    guard range.contains(number) else {
      error("\(name) must be \(Value.describe(range)), not \(number)")
      return nil
    }
    return number
  }

  private static func describe(_ range: ClosedRange<Int>) -> String {
    range.upperBound == .max ? "at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
  }

  /// As one of an enumeration's names.
  package func choice<Choice: RawRepresentable<String> & CaseIterable>(_: Choice.Type) -> Choice? {
    let names = Choice.allCases.map(\.rawValue)
    guard let text = text("one of \(names.joined(separator: ", "))") else { return nil }
    if let choice = Choice(rawValue: text) { return choice }
    error("\(name) cannot be \(text.quoted)\(Suggestion.text(for: text, among: names))")
    return nil
  }

  /// As a list; a single scalar is not one.
  package func items(of what: String) -> [Value]? {
    guard case .sequence(let sequence) = node else {
      mismatch("a list")
      return nil
    }
    guard problems.admit(sequence.count, file: file) else { return nil }
    return sequence.map { Value(node: $0, name: what, file: file, problems: problems) }
  }

  /// As a list of texts; each is reported on its own.
  package func texts(of what: String) -> [String]? {
    items(of: what)?.compactMap { $0.nonEmptyText() }
  }

  /// As a mapping; nil after saying that it is none.
  package func section(_ what: String) -> Section? {
    guard case .mapping(let mapping) = node else {
      mismatch("a mapping")
      return nil
    }
    guard problems.admit(mapping.count * 2, file: file) else { return nil }
    return Section(mapping, of: self, what: what)
  }
}

/// One mapping of the file. Every key it may have is asked for; `finish` reports the others.
package final class Section {
  /// One key with its value.
  package struct Entry {
    /// The key.
    package let key: Value
    /// Its value.
    package let value: Value
    /// The key as text.
    package var name: String { key.plainText ?? "" }
  }

  /// The mapping as a value, for messages about it as a whole.
  package let value: Value
  /// What messages call it: `a behavior`.
  let what: String
  /// Its entries in the order of the file.
  package private(set) var entries: [Entry] = []
  /// Where a key is looked for that is not here: `function.yaml`.
  var fallback: Section?
  private var known: [String] = []

  init(_ mapping: Node.Mapping, of value: Value, what: String) {
    self.value = value
    self.what = what
    add(mapping, depth: 0)
  }

  /// Takes over entries; those of `<<` only where there is none of that name yet.
  private func add(_ mapping: Node.Mapping, depth: Int) {
    var merged: [Node.Mapping] = []
    for (key, content) in mapping {
      let keyValue = Value(node: key, name: "a key", file: value.file, problems: value.problems)
      guard let name = keyValue.text("text"), value.problems.admit(1, file: value.file) else { continue }
      if name == "<<" {
        merged += [content.mapping].compactMap { $0 } + (content.sequence?.compactMap(\.mapping) ?? [])
      } else if depth == 0 || !entries.contains(where: { $0.name == name }) {
        let content = Value(node: content, name: name, file: value.file, problems: value.problems)
        entries.append(Entry(key: keyValue, value: content))
      }
    }
    guard depth < 8 else { return }
    for mapping in merged where value.problems.admit(mapping.count, file: value.file) {
      add(mapping, depth: depth + 1)
    }
  }

  /// The value of a key, under its name or an older one; nil when it is absent or empty.
  package func optional(_ key: String, or synonym: String? = nil) -> Value? {
    known.append(key)
    if let synonym { known.append(synonym) }
    let found = entries.filter { $0.name == key || $0.name == synonym }
    if found.count > 1 { found[1].key.error("\(key) is given twice, as \(found[0].name) and as \(found[1].name)") }
    let inherited = fallback?.optional(key, or: synonym)
    guard let value = found.first?.value, !value.node.isNull else { return inherited }
    if let inherited, inherited.node != value.node {
      value.warning("\(key) here wins over \(inherited.file):\(inherited.line)")
    }
    return value.named(key)
  }

  /// The value of a key that must be there.
  package func required(_ key: String, or synonym: String? = nil) -> Value? {
    if let value = optional(key, or: synonym) { return value }
    value.error("\(what) needs \(key)")
    return nil
  }

  /// Reports every key that was not asked for.
  package func finish() {
    for entry in entries where !known.contains(entry.name) {
      entry.key.error("\(what) has no key \(entry.name.quoted)\(Suggestion.text(for: entry.name, among: knownNames))")
    }
    fallback?.finish()
  }

  private var knownNames: [String] {
    var seen: Set<String> = []
    return known.filter { seen.insert($0).inserted }
  }

  // Short forms: the value of a key when it is there and right, else the default.

  func flag(_ key: String, default value: Bool) -> Bool { optional(key)?.flag() ?? value }
  func wholeNumber(_ key: String, _ range: ClosedRange<Int>, default value: Int) -> Int {
    optional(key)?.wholeNumber(range) ?? value
  }
  func choice<Choice: RawRepresentable<String> & CaseIterable>(_ key: String, default value: Choice) -> Choice {
    optional(key)?.choice(Choice.self) ?? value
  }
  func duration(_ key: String, _ range: ClosedRange<Duration>, default value: Duration) -> Duration {
    optional(key)?.duration(range) ?? value
  }
}
