// Owns: rules as the data of a CloudFront key-value store, in the form that Functions/redirects/index.js reads: a key is a path or `/folder/*`,
// a value the target, or {"to": …, "status": …}. Pure. Source: spec/cloudfront-functions.md, 7 (limits of keys and values).
import JSONText

enum KeyValueRedirects {
  /// CloudFront's limits.
  private static let keyCharacters = 512, valueBytes = 1_024

  static func read(_ bytes: [UInt8]) -> (rules: [RedirectRule], problems: [RedirectProblem]) {
    var rules: [RedirectRule] = [], problems: [RedirectProblem] = []
    do throws(JSONFailure) {
      let file = try JSONValue(parsing: bytes)
      guard let entries = file["data"]?.array else { return ([], [RedirectProblem("the file has no \"data\": [{\"key\": …, \"value\": …}]", line: 1)]) }
      for (index, entry) in entries.enumerated() {
        do throws(RedirectProblem) { rules.append(try rule(entry)) } catch {
          problems.append(RedirectProblem("entry \(index + 1): \(error.text)", line: index + 1))
          continue
        }
        rules[rules.count - 1].line = index + 1
      }
      // The function looks for a page first, then for the inner folders.
      rules = rules.enumerated().sorted { a, b in
        let (x, y) = (a.element, b.element)
        return (x.kind == .exact ? 0 : 1, x.kind == .exact ? 0 : -x.from.utf8.count, a.offset) < (y.kind == .exact ? 0 : 1, y.kind == .exact ? 0 : -y.from.utf8.count, b.offset)
      }.map(\.element)
    } catch {
      let place = TextPosition(of: error.offset, in: bytes.span)
      problems.append(RedirectProblem(error.text, line: place.line, column: place.column))
    }
    return (rules, problems)
  }

  private static func rule(_ entry: JSONValue) throws(RedirectProblem) -> RedirectRule {
    guard let key = entry["key"]?.string, let value = entry["value"]?.string else { throw RedirectProblem("there is no key or no value") }
    guard key.hasPrefix("/") else { throw RedirectProblem("the key \(key) is no path") }
    var rule = RedirectRule(from: key, to: value)
    if value.hasPrefix("{") {
      guard let object = try? JSONValue(parsing: value), let to = object["to"]?.string else { throw RedirectProblem("the value of \(key) has no \"to\"") }
      rule.to = to
      rule.status = object["status"].map { $0.double.flatMap { Int(exactly: $0) } ?? 0 } ?? 301
    }
    guard RedirectRule.redirects.contains(rule.status) else { throw RedirectProblem("status \(rule.status) is no redirect's") }
    if key.hasSuffix("/*") {
      rule.kind = .prefix
      if rule.to.hasSuffix("*") { rule.to = rule.to.dropLast() + ":splat" }
    }
    return rule
  }

  static func write(_ rules: [RedirectRule], _ out: inout RuleOutput) {
    var entries: [String] = [], keys: Set<String> = [], folders: [(prefix: String, line: Int)] = []
    for rule in rules {
      do throws(RedirectProblem) {
        let (key, value) = try entry(rule)
        if !keys.insert(key).inserted { throw RedirectProblem("a store has one value for \(key)") }
        // Pages come before folders there, and inner folders before outer ones.
        if let hiding = folders.first(where: { rule.from.hasPrefix($0.prefix) }) { throw RedirectProblem("line \(hiding.line) comes first here; a store would look at this rule first") }
        if rule.kind == .prefix { folders.append((String(rule.from.dropLast()), rule.line)) }
        entries.append("  {\"key\": \(JSONValue.quoted(key)), \"value\": \(JSONValue.quoted(value))}")
      } catch { out.refuse(rule, error.text) }
    }
    out.line("{\"data\": [")
    if !entries.isEmpty { out.line(entries.joined(separator: ",\n")) }
    out.line("]}")
  }

  private static func entry(_ rule: RedirectRule) throws(RedirectProblem) -> (String, String) {
    if rule.kind != .exact && !(rule.kind == .prefix && rule.from.hasSuffix("/*")) { throw RedirectProblem("a store has no \(rule.kind.rawValue) of this form: paths and /folder/* only") }
    if rule.kind == .exact && rule.from.hasSuffix("*") { throw RedirectProblem("the function would take the * for a folder's") }
    if !rule.conditions.isEmpty { throw RedirectProblem("a store has no conditions") }
    if rule.ignoresCase { throw RedirectProblem("a store has no keys in either case") }
    if rule.query != .keep { throw RedirectProblem("the function always keeps the query string") }
    if !RedirectRule.redirects.contains(rule.status) { throw RedirectProblem("the function has no status \(rule.status)") }
    let key = String(decoding: PathText.decoded(Array(rule.from.utf8).span), as: UTF8.self)
    var to = rule.to
    if rule.kind == .prefix {
      if to.hasSuffix(":splat") { to = to.dropLast(6) + "*" } else if to.contains(":splat") { throw RedirectProblem("the function has the rest of the path only at the end") }
      else if to.hasSuffix("*") { throw RedirectProblem("the function would take the * for the rest of the path") }
    }
    let value = rule.status == 301 ? to : JSONValue.object(["to": .string(to), "status": .number(rule.status)]).compact
    if key.unicodeScalars.count > keyCharacters { throw RedirectProblem("CloudFront's keys have at most \(keyCharacters) characters") }
    if value.utf8.count > valueBytes { throw RedirectProblem("CloudFront's values have at most \(valueBytes) bytes") }
    return (key, value)
  }
}
