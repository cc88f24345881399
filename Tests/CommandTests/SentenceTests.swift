// How commands end: the exit status, and with 1 and 2 one clear sentence on stderr, whatever else is said where (design/configuration.md).
import Foundation
import Testing

@Suite struct SentenceTests {
  /// A configuration whose default behavior has more lines, and functions with their code.
  private static func configuration(_ behavior: String = "", functions: String = "") -> String {
    """
    listeners: [{ address: "127.0.0.1:0" }]
    distributions:
      - { id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app, cachePolicy: CachingDisabled\(behavior) } }
    functions: {\(functions)}
    """
  }
  private static let files = [
    "good.yaml": configuration(), "wrong.yaml": configuration(", compres: true, originRequestPolicy: AllViewr"),
    "code.yaml": configuration(functions: " f: { runtime: cloudfront-js-2.0, code: bad.js } "),
    "both.yaml": configuration(", compres: true", functions: " f: { runtime: cloudfront-js-2.0, code: bad.js }, g: { runtime: cloudfront-js-2.0, code: nope.js } "),
    "warning.yaml": configuration(functions: " f: { runtime: cloudfront-js-2.0, code: warn.js } "),
    "bad.js": "function handler(event) {\n  let x = ;\n}", "warn.js": "function handler(event) { return event.request ?? 1; }",
    "throws.js": "function handler(event) { throw new Error('so'); }", "event.json": event(),
    "Functions/f/index.js": "function handler(event) { return event.request; }", "Functions/f/function.yaml": "runtime: cloudfront-js-2.0",
    "Functions/f/tests/a.yaml": "- { name: a, request: { uri: / }, expect: { request: { uri: /x } } }\n- { name: b, request: { uri: / }, expect: {} }",
    "Broken/f/index.js": "function handler(event) { return event.request; }", "Broken/f/function.yaml": "runtime: cloudfront-js-2.0",
    "Broken/f/tests/a.yaml": "- { name: a }",
  ]

  static let endings: [(arguments: [String], status: Int32, sentence: String)] = [
    (["check", "good.yaml"], 0, ""), (["check", "warning.yaml"], 0, ""),
    (["check", "wrong.yaml"], 1, "skerry: wrong.yaml has 2 errors"),
    (["check", "code.yaml"], 1, "skerry: code.yaml has 1 error"),
    (["check", "nope.yaml"], 2, "skerry: nope.yaml cannot be read: there is no such file"),
    (["check", "Functions"], 2, "skerry: Functions cannot be read: it is a folder"),
    (["test"], 1, "skerry: 1 case failed"), (["test", "Broken"], 2, "skerry: 1 file or function could not be read"),
    (["invoke", "throws.js", "event.json"], 1, "skerry: the function failed: throws.js:1:37: Error: so"),
    (["serve", "nope.yaml"], 2, "skerry: nope.yaml cannot be read: there is no such file"),
    (["serve", "wrong.yaml"], 2, "skerry: wrong.yaml has 2 errors and is not served"),
  ]
  @Test(arguments: endings) func theLastWordIsASentence(arguments: [String], status: Int32, sentence: String) throws {
    let outcome = try Folder(Self.files).skerry(arguments)
    #expect(outcome.status == status)
    #expect(outcome.errors.split(separator: "\n").last ?? "" == sentence, "\(outcome.errors)")
    #expect(outcome.errors.isEmpty || outcome.errors.hasSuffix("\n"))
  }

  /// Findings stay on stdout, one in each line.
  @Test func findingsAreOutput() throws {
    let outcome = try Folder(Self.files).skerry("check", "wrong.yaml")
    #expect(outcome.output.split(separator: "\n").count == 2 && outcome.output.hasPrefix("wrong.yaml:3:"), "\(outcome.output)")
    #expect(try Folder(Self.files).skerry("check", "nope.yaml").output.hasPrefix("nope.yaml:1:1: error: "))
  }

  /// A mistake in the configuration hides none in the functions; what has been said of a function is not said again.
  @Test func everyProblemAtOnce() throws {
    let outcome = try Folder(Self.files).skerry("check", "both.yaml")
    let lines = outcome.output.split(separator: "\n")
    #expect(outcome.status == 1 && outcome.errors == "skerry: both.yaml has 3 errors\n")
    #expect(lines.count == 3, "\(outcome.output)")
    #expect(lines.contains { $0.contains("compres") } && lines.contains { $0.contains("bad.js:2:11: error: SyntaxError") } && lines.contains { $0.contains("\"nope.js\" cannot be read") })
  }
}
