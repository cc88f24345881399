// `skerry test --update`: makes the expectations of failed cases say what the function does now. Values are exchanged where they stand, so
// that comments and layout stay; where that cannot be done, the whole `expect:` of the case is written anew. Either is read again and
// tried before it counts. Pure; any thread.
import ConfigurationFile
import JSONText

/// The new text of one case file.
struct CaseUpdate {
  /// The file's text, with what could be updated.
  private(set) var bytes: [UInt8]
  /// Cases whose expectations were changed.
  private(set) var updated = 0
  /// Cases that could not be brought to pass.
  private(set) var refused: [TestCase] = []

  /// How a case that was run stands in its file.
  private struct Entry {
    var index: Int
    var result: CaseResult
  }

  /// Updates the failed cases of a file.
  /// - Parameter read: reads cases of changed text; nil when it has errors.
  init(_ file: CaseFile, _ results: [CaseResult], read: ([UInt8]) -> [TestCase]?) {
    bytes = file.bytes
    var entries: [Entry] = []
    for result in results {
      let index = file.cases.firstIndex { $0.line == result.testCase.line && $0.column == result.testCase.column }
      if let index { entries.append(Entry(index: index, result: result)) }
    }
    // From the last to the first: what stands before keeps its place.
    for entry in entries.reversed() where !entry.result.passed {
      let candidates = [CaseUpdate.exchanging, CaseUpdate.rewriting].lazy.compactMap { [bytes] in $0(bytes, entry.result) }
      let good = candidates.first { candidate in
        guard let cases = read(candidate), cases.count == file.cases.count else { return false }
        return entries.allSatisfy { other in
          let passes = Matching.differences(of: other.result.report, from: cases[other.index].expected).isEmpty
          return passes || (other.index != entry.index && !other.result.passed)
        }
      }
      if let good {
        bytes = good
        updated += 1
      } else {
        refused.append(entry.result.testCase)
      }
    }
  }

  // MARK: Values where they stand

  /// The text with every expected value exchanged for the one that came; nil when something else is to be done.
  private static func exchanging(_ bytes: [UInt8], _ result: CaseResult) -> [UInt8]? {
    var text = bytes
    let ordered = result.differences.sorted { ($0.line, $0.column) > ($1.line, $1.column) }
    for difference in ordered {
      guard case .replace(let expectation, let value) = difference.remedy,
        let start = offset(in: bytes, line: expectation.line, column: expectation.column),
        let end = end(of: expectation, in: bytes, from: start)
      else { return nil }
      text.replaceSubrange(start..<end, with: Array(YAMLText.flow(value).utf8))
    }
    return text
  }

  /// Where a value's text ends; nil when it is not on one line, or not understood.
  private static func end(of expectation: Expectation, in bytes: [UInt8], from start: Int) -> Int? {
    let rest = bytes[start...]
    switch expectation.kind {
    case .absent:
      let word = ["null", "Null", "NULL", "~"].first { rest.starts(with: $0.utf8) }
      return word.map { start + $0.utf8.count }
    case .scalar(let text, _):
      if let first = rest.first, first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") { return endOfQuoted(bytes, start) }
      return rest.starts(with: text.utf8) && !text.utf8.contains(0x0A) ? start + text.utf8.count : nil
    case .list, .mapping: return endOfBrackets(bytes, start)
    }
  }

  /// Behind the closing quote of a quoted scalar on one line.
  private static func endOfQuoted(_ bytes: [UInt8], _ start: Int) -> Int? {
    let quote = bytes[start]
    var index = start + 1
    while index < bytes.count, bytes[index] != 0x0A {
      if bytes[index] == quote {
        guard quote == UInt8(ascii: "'"), index + 1 < bytes.count, bytes[index + 1] == quote else { return index + 1 }
        index += 1
      } else if quote == UInt8(ascii: "\""), bytes[index] == UInt8(ascii: "\\") {
        index += 1
      }
      index += 1
    }
    return nil
  }

  /// Behind the closing bracket of a flow list or mapping.
  private static func endOfBrackets(_ bytes: [UInt8], _ start: Int) -> Int? {
    var depth = 0, index = start
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        // An apostrophe within a word is no quote.
        if index > 0, " \t\n,[{:".utf8.contains(bytes[index - 1]) {
          guard let end = endOfQuoted(bytes, index) else { return nil }
          index = end - 1
        }
      case UInt8(ascii: "#") where index > 0 && " \t\n".utf8.contains(bytes[index - 1]):
        while index + 1 < bytes.count, bytes[index + 1] != 0x0A { index += 1 }
      default: break
      }
      index += 1
      // A block list or mapping does not begin with a bracket.
      if depth <= 0 { return depth == 0 && "]}".utf8.contains(bytes[index - 1]) ? index : nil }
    }
    return nil
  }

  // MARK: The whole expectation

  /// The text with the case's `expect:` written anew.
  private static func rewriting(_ bytes: [UInt8], _ result: CaseResult) -> [UInt8]? {
    let expected = result.testCase.expected
    guard let start = offset(in: bytes, line: expected.line, column: expected.column) else { return nil }
    let wanted = JSONValue.object(result.newExpectation)
    var text = bytes
    if bytes[start] == UInt8(ascii: "{") {
      guard let end = endOfBrackets(bytes, start) else { return nil }
      text.replaceSubrange(start..<end, with: Array(YAMLText.flow(wanted).utf8))
    } else {
      let end = endOfBlock(bytes, start, indentation: expected.column - 1)
      text.replaceSubrange(start..<end, with: Array(YAMLText.block(wanted, indentation: expected.column - 1).utf8))
    }
    return text
  }

  /// Behind the last line with content that is indented at least as far; without its line end.
  private static func endOfBlock(_ bytes: [UInt8], _ start: Int, indentation: Int) -> Int {
    var end = start, lineStart = start, isFirst = true
    while lineStart < bytes.count {
      let lineEnd = bytes[lineStart...].firstIndex(of: 0x0A) ?? bytes.count
      let content = bytes[lineStart..<lineEnd].firstIndex { $0 != 0x20 && $0 != 0x0D }
      let isBlank = content == nil || bytes[content ?? lineStart] == UInt8(ascii: "#")
      if !isFirst, !isBlank, (content ?? lineStart) - lineStart < indentation { break }
      if !isBlank || isFirst { end = lineEnd }
      isFirst = false
      lineStart = lineEnd + 1
    }
    return end
  }

  /// The byte at a line and a column in Unicode scalars, both from 1.
  private static func offset(in bytes: [UInt8], line: Int, column: Int) -> Int? {
    var index = 0
    for _ in 1..<max(1, line) {
      guard let end = bytes[index...].firstIndex(of: 0x0A) else { return nil }
      index = end + 1
    }
    for _ in 1..<max(1, column) {
      index += 1
      while index < bytes.count, bytes[index] & 0xC0 == 0x80 { index += 1 }
    }
    return index < bytes.count ? index : nil
  }
}
