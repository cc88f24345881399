// Owns: from the bytes of a file to a table. Most lines of large tables are two plain paths: those are only looked at, and their rules are
// ranges of the file's bytes. Every other line goes the careful way (RuleLine.swift); both ways mean the same, and a test keeps it so.
// Pure; any thread.

/// Reads a file of rules.
struct TableReader {
  private let bytes: [UInt8]
  private let separator: RedirectSeparator
  /// Whether a `*` or a `/:name` is itself unless a rule has the flag `pattern`.
  private(set) var isLiteral = false
  var rows: [RedirectTable.Row] = []
  private(set) var details: [RuleDetail] = []
  private(set) var problems: [RedirectProblem] = []
  private var compiler: RuleCompiler
  private var isFirst = true
  /// Whether plain lines go the careful way too; for tests.
  private let isCareful: Bool
  private let problemsLimit: Int

  init(_ bytes: [UInt8], _ separator: RedirectSeparator?, isCareful: Bool = false, problemsLimit: Int = RedirectLimits.problems) {
    self.bytes = bytes
    self.problemsLimit = problemsLimit
    self.isCareful = isCareful
    self.separator = separator ?? Self.separator(bytes.span)
    // Most tables have none; where the word stands in a line there may be one.
    compiler = RuleCompiler(expectedExpressions: Self.expressions(bytes.span))
    isLiteral = Self.isLiteral(bytes.span)
  }

  /// Reads all lines.
  mutating func read() {
    var start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0, line = 0
    rows.reserveCapacity(bytes.count / 96)
    while start < bytes.count && problems.count < problemsLimit {
      var end = start
      while end < bytes.count && bytes[end] != 10 { end += 1 }
      line += 1
      let next = end + 1
      if end > start && bytes[end - 1] == 13 { end -= 1 }
      if !isCareful, let row = plain(start, end, line) {
        rows.append(row)
        isFirst = false
      } else {
        do throws(RedirectProblem) { try readCarefully(start, end, line) } catch {
          var problem = error
          problem.line = line
          problems.append(problem)
        }
      }
      if rows.count > RedirectLimits.rules {
        problems.append(RedirectProblem("a table has at most \(RedirectLimits.rules) rules", line: line))
        return
      }
      start = next
    }
  }

  // MARK: Plain lines

  /// A row for `/path TAB /path`, with a status behind or not; nil for anything that needs a closer look.
  private func plain(_ start: Int, _ end: Int, _ line: Int) -> RedirectTable.Row? {
    let divider = separator.byte
    guard end - start >= 3, end - start <= RedirectLimits.lineBytes, bytes[start] == slash else { return nil }
    var i = start + 1
    while i < end && bytes[i] != divider {
      let byte = bytes[i]
      guard ByteClass(byte).contains(.segment), byte != UInt8(ascii: "*"), byte != colon || bytes[i - 1] != slash else { return nil }
      i += 1
    }
    let target = i + 1
    guard target < end, bytes[target] == slash, bytes[start + 1] != slash, target + 1 == end || bytes[target + 1] != slash else { return nil }
    var stop = target
    while stop < end && bytes[stop] != divider {
      let byte = bytes[stop]
      if !ByteClass(byte).contains(.segment) {
        guard byte == percent, stop + 2 < end, PathText.hexValue(bytes[stop + 1]) != nil, PathText.hexValue(bytes[stop + 2]) != nil else { return nil }
      }
      stop += 1
    }
    var status = 301
    if stop < end {
      guard end - stop == 4 else { return nil }
      status = bytes[(stop + 1)..<end].reduce(0) { $1 >= 48 && $1 <= 57 ? $0 * 10 + Int($1 - 48) : -1_000 }
      guard RedirectRule.redirects.contains(status) else { return nil }
    }
    return RedirectTable.Row(
      keyStart: UInt32(start), keyLength: UInt16(i - start), targetStart: UInt32(target), targetLength: UInt16(stop - target), line: UInt32(line),
      status: UInt16(status))
  }

  // MARK: All others

  private mutating func readCarefully(_ start: Int, _ end: Int, _ line: Int) throws(RedirectProblem) {
    var first = start
    while first < end && (bytes[first] == 32 || bytes[first] == 9) { first += 1 }
    if first == end { return }
    if bytes[first] == UInt8(ascii: "#") { return readDirective(first, end) }
    if end - start > RedirectLimits.lineBytes { throw RedirectProblem("the line has more than \(RedirectLimits.lineBytes) bytes") }
    let fields = try RuleLine.fields(bytes.span.extracting(start..<end), separator)
    defer { isFirst = false }
    if isFirst && RuleLine.isHeader(fields) { return }
    var rule = try RuleLine.rule(fields, isLiteral: isLiteral)
    rule.line = line
    do throws(RedirectProblem) { try append(rule) } catch {
      // What is wrong with the target stands in the second field; with the expression, in the first.
      let place = rule.kind == .regex && error.text.hasPrefix("the regular expression") ? 0 : 1
      var problem = error
      problem.column = fields[place].column
      problem.rule = rule
      throw problem
    }
  }

  /// `#!exact` and `#!pattern` on lines of their own say how the following rules are meant.
  private mutating func readDirective(_ start: Int, _ end: Int) {
    switch String(decoding: bytes[start..<end], as: UTF8.self).filter({ !$0.isWhitespace }) {
    case "#!exact": isLiteral = true
    case "#!pattern": isLiteral = false
    default: break
    }
  }

  /// Adds a rule.
  mutating func append(_ rule: RedirectRule) throws(RedirectProblem) {
    let detail = try compiler.compile(rule)
    rows.append(RedirectTable.Row(line: UInt32(rule.line), status: UInt16(rule.status), detail: Int32(details.count)))
    details.append(detail)
  }

  // MARK: What kind of file it is

  /// The separator of the first line that is a rule: a tab where there is one, else a comma, else spaces.
  static func separator(_ bytes: Span<UInt8>) -> RedirectSeparator {
    var i = 0, sawComma = false, isComment = false, isStart = true
    while i < bytes.count {
      switch bytes[i] {
      case 10:
        if sawComma && !isComment { return .comma }
        if !isStart && !isComment { return .spaces }
        (sawComma, isComment, isStart) = (false, false, true)
      case 9: if !isComment { return .tab }
      case UInt8(ascii: ",") where !isComment: sawComma = true
      case UInt8(ascii: "#") where isStart: isComment = true; isStart = false
      case 13, 32: break
      default: isStart = false
      }
      i += 1
    }
    return sawComma ? .comma : .spaces
  }

  /// How often the word `regex`, `host~` or `query~` stands in a file: at least as many as it has expressions.
  private static func expressions(_ bytes: Span<UInt8>) -> Int {
    var count = 0, i = 0
    while i + 4 < bytes.count {
      let byte = bytes[i]
      if byte == UInt8(ascii: "~") { count += 1 }
      if byte | 0x20 == UInt8(ascii: "r") && bytes[i + 4] | 0x20 == UInt8(ascii: "x") && bytes[i + 2] | 0x20 == UInt8(ascii: "g") { count += 1 }
      i += 1
    }
    return count
  }

  /// Whether colons and asterisks stand for themselves in a file: many of its rules differ only in what follows a `/:`. As patterns, all
  /// but the first of those could never be reached.
  static func isLiteral(_ bytes: Span<UInt8>) -> Bool {
    var names: [[UInt8]: Set<[UInt8]>] = [:], i = 1
    while i + 1 < bytes.count {
      defer { i += 1 }
      guard bytes[i] == colon, bytes[i - 1] == slash, bytes[i + 1] | 0x20 >= UInt8(ascii: "a"), bytes[i + 1] | 0x20 <= UInt8(ascii: "z") else { continue }
      var start = i
      while start > 0 && bytes[start - 1] != 10 && bytes[start - 1] > 32 { start -= 1 }
      guard bytes[start] == slash, start == 0 || bytes[start - 1] == 10 else { continue }
      var end = i
      while end < bytes.count && bytes[end] > 32 && bytes[end] != UInt8(ascii: ",") && bytes[end] != slash { end += 1 }
      names[bytes.extracting(start..<i).copied, default: []].insert(bytes.extracting(i..<end).copied)
    }
    return names.values.contains { $0.count >= RedirectLimits.literalTwins }
  }
}
