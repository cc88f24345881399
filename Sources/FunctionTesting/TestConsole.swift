// What `skerry test` says to people. Pure: values in, text out.
import ConfigurationFile
import JSONText

/// Writes results as text.
public struct TestConsole: Sendable {
  /// Whether the text is coloured, as for a terminal.
  public var isColoured: Bool

  /// Makes one.
  public init(isColoured: Bool) { self.isColoured = isColoured }

  private enum Colour: String { case red = "31", green = "32", yellow = "33", faint = "2", bold = "1" }

  private func paint(_ text: String, _ colour: Colour) -> String {
    isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
  }

  /// What could not be read, a line each: for stderr.
  public func problems(of result: FunctionResult) -> [String] {
    let own = result.problem.map { $0.diagnostics.isEmpty ? ["\(result.path): \($0.text)"] : $0.diagnostics.map(\.description) } ?? []
    return own + result.files.flatMap(\.diagnostics).map(\.description)
  }

  /// A function's line, and what failed in it. Ends with a line end.
  public func text(for result: FunctionResult) -> String {
    var text = ""
    for file in result.files {
      for failed in file.results where !failed.passed { text += self.text(for: failed, in: file.path) }
    }
    return text + headline(result) + "\n"
  }

  private func headline(_ result: FunctionResult) -> String {
    let results = result.results, failed = results.count { !$0.passed }
    let mark = result.isBroken || failed > 0 ? paint("FAIL", .red) : results.isEmpty ? paint("none", .yellow) : paint("ok  ", .green)
    var counts = TestConsole.count(results.count, "case")
    if failed > 0 { counts += ", \(failed) failed" }
    if result.isBroken { counts += ", not all could be read" }
    return "\(mark)  \(result.path)  \(paint(counts, .faint))"
  }

  /// A failed case: where it stands, each difference, and what the function said.
  func text(for result: CaseResult, in path: String) -> String {
    let testCase = result.testCase
    var text = "\(path):\(testCase.line):\(testCase.column): \(paint("failed: \(testCase.name.onOneLine)", .bold))\n"
    for difference in result.differences {
      text += "  \(paint(difference.path, .yellow))  \(paint("line \(difference.line)", .faint))\n"
      text += "    expected  \(paint(difference.expected.onOneLine, .green))\n"
      text += "    got       \(paint(difference.got.onOneLine, .red))\n"
      if let column = TestConsole.firstDifference(difference.expected, difference.got) {
        text += String(repeating: " ", count: 14 + column) + paint("^", .faint) + "\n"
      }
    }
    for line in result.report.logs { text += paint("  log: \(line.onOneLine)", .faint) + "\n" }
    return text
  }

  /// What differed between two runs of a case. Ends with a line end.
  public func text(for finding: IsolationFinding) -> String {
    let testCase = finding.testCase
    var text = "\(finding.path):\(testCase.line):\(testCase.column): "
    text += paint("not the same twice: \(testCase.name.onOneLine)", .bold) + "\n  \(paint(finding.what, .yellow))\n"
    text += "    first     \(paint(finding.first.onOneLine, .green))\n    second    \(paint(finding.second.onOneLine, .red))\n"
    return text + paint("  something passed from run to run, or the function uses Math.random", .faint) + "\n"
  }

  /// Where two long texts part, in characters; nil where one sees it anyway.
  private static func firstDifference(_ a: String, _ b: String) -> Int? {
    guard min(a.count, b.count) >= 24 else { return nil }
    let common = zip(a, b).prefix { $0 == $1 }.count
    return common > 1 && common < max(a.count, b.count) ? common : nil
  }

  /// The last line. Ends with a line end.
  public func text(for summary: TestSummary) -> String {
    var parts = ["\(summary.passed) passed"]
    if summary.failed > summary.leaks { parts.append("\(summary.failed - summary.leaks) failed") }
    if summary.leaks > 0 { parts.append("\(TestConsole.count(summary.leaks, "difference")) between two runs") }
    if summary.updated > 0 { parts.append("\(summary.updated) updated") }
    if summary.broken > 0 { parts.append("\(summary.broken) could not be read") }
    let isGood = summary.failed == 0 && summary.broken == 0
    let milliseconds = Int(summary.time / .milliseconds(1))
    let cases = TestConsole.count(summary.passed + summary.failed - summary.leaks, "case")
    return "\(cases) of \(TestConsole.count(summary.functions, "function")): "
      + paint(parts.joined(separator: ", "), isGood ? .green : .red) + " in \(milliseconds) ms\n"
  }

  static func count(_ number: Int, _ what: String) -> String { "\(number) \(what)\(number == 1 ? "" : "s")" }
}
