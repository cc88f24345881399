// What must hold for tables of redirects whatever bytes they are made of, and whatever is asked of them. Pure functions; any thread.
// An input is a table; after a line `==` every line is a request target to ask it with.
import RedirectRules

/// The properties of `RedirectRules`.
public enum RedirectChecks {
  /// A table and requests.
  public static func table(_ bytes: [UInt8]) throws(BrokenProperty) {
    func require(_ property: String, _ holds: Bool) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: property, bytes: bytes) }
    }
    let divider = bytes.firstRange(of: Array("\n==\n".utf8)), file = Array(bytes[..<(divider?.lowerBound ?? bytes.count)])
    let (table, problems) = RedirectTable.reading(file)
    let lines = file.count { $0 == 10 } + 1
    try require("a table or an error", (table == nil) == problems.contains { $0.isError })
    try require("problems stand in the file", problems.allSatisfy { 1...lines ~= $0.line && 1...file.count + 2 ~= $0.column })
    try require("problems are bounded", problems.count <= RedirectLimits.problems + 1)
    let (good, _) = RedirectTable.readingGood(file)
    guard good.count <= 200 else { return }
    var targets = bytes[(divider?.upperBound ?? bytes.count)...].split(separator: 10).map(Array.init)
    for index in 0..<good.count { targets.append(Array(good.rule(index).from.utf8)) }
    for target in targets.prefix(64) { try ask(good, target, require) }
    // Looking at a table and writing it in every form come to an end, and what is written in our own form is read again.
    _ = RedirectCheck.check(file, separator: nil)
    let rules = (0..<good.count).map(good.rule)
    for format in RedirectFormat.allCases {
      let (text, _) = format.write(rules)
      _ = format.read(file)
      if format == .csv, !text.contains("#!"), !rules.contains(where: { $0.kind == .regex || !RedirectChecks.isSimple($0) }) {
        let (again, _) = RedirectFormat.csv.read(Array(("from,to\n" + text).utf8))
        try require("what is written is read again", again.map(\.from) == rules.map(\.from) && again.map(\.to) == rules.map(\.to) && again.map(\.kind) == rules.map(\.kind))
      }
    }
  }

  /// Whether a rule has nothing that a file's reading depends on elsewhere.
  private static func isSimple(_ rule: RedirectRule) -> Bool {
    let texts = [rule.from, rule.to]
    return texts.allSatisfy { text in text.utf8.allSatisfy { $0 > 32 && $0 < 127 } } && rule.conditions.isEmpty && !rule.from.contains("/:") && !rule.from.hasPrefix("#")
  }

  private static func ask(_ table: RedirectTable, _ target: [UInt8], _ require: (String, Bool) throws(BrokenProperty) -> Void) throws(BrokenProperty) {
    // What the parser of requests lets through.
    let target = target.filter { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }
    let mark = target.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
    let path = Array(target[..<mark]), query = Array(target[mark...].dropFirst())
    var facts = RedirectFacts()
    facts.query = mark < target.endIndex ? query : nil
    guard let rule = table.firstMatch(path.span, facts) else { return }
    try require("the first match is a rule", 0..<table.count ~= rule)
    guard case .redirect(let status, let location) = table.answer(rule, path.span, query: query.span, facts) else { return }
    try require("a redirect has its status", RedirectRule.redirects.contains(status))
    try require("a Location is one line of visible ASCII", location.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") })
    try require("a Location has a limit", location.count <= RedirectLimits.locationBytes)
    let to = table.rule(rule).to.lowercased()
    if to.hasPrefix("/") && !to.hasPrefix("//") || to.hasPrefix("$") {
      try require("a path stays on its host", location.first == UInt8(ascii: "/") && (location.count < 2 || location[1] != UInt8(ascii: "/")))
    } else if !to.contains(":splat") && !to.contains("$") && !to.dropFirst(8).contains(":") {
      try require("a host is the rule's", location.starts(with: Array(table.rule(rule).to.utf8.prefix { $0 < 0x7F && $0 > 0x20 && !"\"<>\\^`{|}%".utf8.contains($0) })))
    }
  }
}
