// Results as JUnit XML, the form that CI systems read: a suite per function, a test case per case. Pure.
import ConfigurationFile

/// Writes JUnit XML.
public enum JUnitReport {
  /// The whole document.
  public static func text(_ results: [FunctionResult], findings: [IsolationFinding] = []) -> String {
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    let cases = results.flatMap(\.results)
    let broken = results.reduce(0) { $0 + brokenCount($1) }
    let time = results.reduce(Duration.zero) { $0 + $1.time }
    let failures = cases.count { !$0.passed } + findings.count
    text += "<testsuites name=\"skerry\" tests=\"\(cases.count + broken + findings.count)\" failures=\"\(failures)\" errors=\"\(broken)\""
    text += " time=\"\(seconds(time))\">\n"
    for result in results { text += suite(result, findings.filter { finding in result.files.contains { $0.path == finding.path } }) }
    return text + "</testsuites>\n"
  }

  private static func brokenCount(_ result: FunctionResult) -> Int {
    (result.problem == nil ? 0 : 1) + result.files.count(where: \.isBroken)
  }

  private static func suite(_ result: FunctionResult, _ findings: [IsolationFinding]) -> String {
    let cases = result.results, broken = brokenCount(result)
    var text = "  <testsuite name=\"\(escaped(result.path))\" tests=\"\(cases.count + broken + findings.count)\""
    text += " failures=\"\(cases.count { !$0.passed } + findings.count)\" errors=\"\(broken)\" time=\"\(seconds(result.time))\">\n"
    if let problem = result.problem { text += element("function", in: result.path, "error", "cannot be read", problem.description) }
    for file in result.files {
      if file.isBroken {
        let lines = file.diagnostics.map(\.description).joined(separator: "\n")
        text += element(file.path, in: result.path, "error", "cannot be read", lines)
      }
      for one in file.results { text += testCase(one, in: file.path, of: result.path) }
    }
    for finding in findings {
      text += element(
        "isolation: \(finding.testCase.name)", in: result.path, "failure", "\(finding.what) differs between two runs",
        "first: \(finding.first)\nsecond: \(finding.second)")
    }
    return text + "  </testsuite>\n"
  }

  private static func testCase(_ result: CaseResult, in path: String, of function: String) -> String {
    let testCase = result.testCase
    var text = "    <testcase name=\"\(escaped(testCase.name))\" classname=\"\(escaped(function))\" file=\"\(escaped(path))\""
    text += " line=\"\(testCase.line)\" time=\"\(seconds(result.time))\""
    if result.passed && result.report.logs.isEmpty { return text + "/>\n" }
    text += ">\n"
    if !result.passed {
      let lines = result.differences.map { "\(path):\($0.line):\($0.column): \($0.path): expected \($0.expected), got \($0.got)" }
      let paths = result.differences.map(\.path).joined(separator: ", ")
      text += "      <failure message=\"\(escaped(paths))\">\(escaped(lines.joined(separator: "\n")))</failure>\n"
    }
    if !result.report.logs.isEmpty {
      text += "      <system-out>\(escaped(result.report.logs.joined(separator: "\n")))</system-out>\n"
    }
    return text + "    </testcase>\n"
  }

  private static func element(_ name: String, in path: String, _ kind: String, _ message: String, _ body: String) -> String {
    "    <testcase name=\"\(escaped(name))\" classname=\"\(escaped(path))\">\n"
      + "      <\(kind) message=\"\(escaped(message))\">\(escaped(body))</\(kind)>\n    </testcase>\n"
  }

  private static func seconds(_ time: Duration) -> String {
    let milliseconds = Int(time / .milliseconds(1))
    let rest = String(milliseconds % 1000)
    return "\(milliseconds / 1000).\(String(repeating: "0", count: 3 - rest.count))\(rest)"
  }

  /// Text as content or attribute; what XML 1.0 cannot say becomes U+FFFD.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "\n", "\t": result += "&#\(scalar.value);"
      case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
