// skerry test: what it says and how it ends (design/configuration.md, "A case file").
import Foundation
import Glibc
import TestTools
import Testing

private let redirect = """
  function handler(event) {
    console.log('at ' + event.request.uri);
    if (event.request.uri === '/old') return { statusCode: 301, headers: { location: { value: '/new' } } };
    event.request.uri += 'x';
    return event.request;
  }
  """

private func folder(_ cases: String, source: String = redirect, more: [String: String] = [:]) throws -> Folder {
  try Folder(["Functions/f/index.js": source, "Functions/f/function.yaml": "eventType: viewer-request", "Functions/f/tests/a.yaml": cases].merging(more) { $1 })
}

@Suite(.runsPrograms) struct TestTests {
  @Test func passingCasesEndWith0() throws {
    let folder = try folder("""
      - name: moved
        request: { uri: /old }
        expect: { response: { statusCode: 301, headers: { Location: /new, x: null } }, logs: [at /old], fuel: 100 }
      - name: other
        request: { uri: /a }
        expect: { request: { uri: /ax } }
      """)
    let outcome = try folder.skerry("test")
    #expect(outcome.status == 0 && outcome.errors == "")
    #expect(outcome.output.contains("ok    Functions/f  2 cases\n2 cases of 1 function: 2 passed in "))
    #expect(try folder.skerry("test", "Functions/f/tests/a.yaml").output.contains("2 passed"))
    #expect(try folder.skerry("test", "--filter", "MOVED").output.contains("1 passed"))
    #expect(try folder.skerry("test", "Functions/f").status == 0)
    #expect(try folder.skerry("test", "--isolation", "--seed", "7").status == 0)
  }

  @Test func aFailureIsShownAndEndsWith1() throws {
    let folder = try folder("""
      - name: moved
        request: { uri: /old }
        expect:
          response:
            statusCode: 302
      """)
    let outcome = try folder.skerry("test", "--junit", "out.xml")
    #expect(outcome.status == 1)
    #expect(outcome.output.hasPrefix("""
      Functions/f/tests/a.yaml:1:3: failed: moved
        response.statusCode  line 5
          expected  302
          got       301
        log: at /old
      FAIL  Functions/f  1 case, 1 failed
      1 case of 1 function: 0 passed, 1 failed in
      """))
    let report = try XMLReader.read(folder.read("out.xml"))
    #expect(report.names == ["testsuites", "testsuite", "testcase", "failure", "system-out"])
    #expect(report.attributes["testsuites"]?["failures"] == "1")
    #expect(report.text.contains("Functions/f/tests/a.yaml:5:19: response.statusCode: expected 302, got 301"))
  }

  static let broken: [(cases: String, line: String)] = [
    ("- name: a\n  reqest: { uri: / }\n  expect: {}", "Functions/f/tests/a.yaml:2:3: error: a case has no key \"reqest\"; did you mean request?"),
    ("- name: a\n  request: { uri: / }\n  expect: { response: { statuscode: 1 } }", "a.yaml:3:25: error: response has no key \"statuscode\"; did you mean statusCode?"),
    ("- name: a\n  request: { uri: / }", "a.yaml:1:3: error: a case needs expect"), ("a: [", "a.yaml:2:1: error: not valid YAML"), ("", "a.yaml:1:1: error: the file is empty"),
    ("- name: a\n  event: nope.json\n  expect: {}", "a.yaml:2:10: error: \"nope.json\" cannot be read: there is no such file"),
    ("- name: a\n  event: bad.json\n  expect: {}", "Functions/f/bad.json:1:1: error: expected a value here"),
    ("- name: a\n  request: { uri: /?a }\n  expect: {}", "a.yaml:2:19: error: uri has no query; put it into querystring"),
    ("- name: a\n  request: { uri: / }\n  eventType: origin-request\n  expect: {}", "a.yaml:3:14: error: origin-request is an event of the function tier"),
    ("- name: a\n  request: { uri: / }\n  response: {}\n  expect: {}", "a.yaml:3:13: error: only a viewer-response case has a response"),
    ("- name: a\n  request: { headers: { a: [] } }\n  expect: {}", "error: a needs a value"),
  ]
  @Test(arguments: broken) func aBrokenCaseFileEndsWith2(cases: String, line: String) throws {
    let outcome = try folder(cases, more: ["Functions/f/bad.json": "x"]).skerry("test")
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains(line), "\(outcome.errors)")
    #expect(outcome.output.contains("1 could not be read"))
  }

  @Test func badUsageEndsWith2() throws {
    let folder = try Folder(["empty/x": ""])
    for arguments in [["nope"], ["empty"], [], ["--seed"], ["--seed", "1"], ["--isolation", "--update"], ["--nope"]] {
      let outcome = try folder.skerry(["test"] + arguments)
      #expect(outcome.status == 2 && outcome.output == "" && !outcome.errors.isEmpty, "\(arguments)")
    }
  }

  @Test func aFunctionThatCannotBeBuiltFailsEachCase() throws {
    let outcome = try folder("- { name: a, request: { uri: / }, expect: {} }\n- { name: b, request: { uri: / }, expect: { error: SyntaxError } }", source: "function handler(e) { let ; }").skerry("test")
    #expect(outcome.status == 1)
    #expect(outcome.output.contains("got       Functions/f/index.js:1:27: SyntaxError") && outcome.output.contains("2 cases, 1 failed"))
  }

  /// The detector itself: a heap is put back after every run, so nothing but chance can differ.
  @Test func isolationReportsWhatDiffers() throws {
    let cases = "- { name: chance, request: { uri: / }, expect: {} }\n- { name: fixed, request: { uri: /fixed }, expect: {} }"
    let random = try folder(cases, source: "function handler(e) { if (e.request.uri !== '/fixed') console.log(Math.random()); return e.request; }")
    let outcome = try random.skerry("test", "--isolation", "--seed", "5", "--junit", "out.xml")
    #expect(outcome.status == 1)
    #expect(outcome.output.hasPrefix("every case twice, in the order of --seed 5\n"))
    #expect(outcome.output.contains("a.yaml:1:3: not the same twice: chance\n  logs\n") && !outcome.output.contains("not the same twice: fixed"))
    #expect(outcome.output.contains("2 cases of 1 function: 2 passed, 1 difference between two runs in"))
    #expect(try random.skerry("test").status == 0)
    #expect(try XMLReader.read(random.read("out.xml")).attributes["testsuites"]?["failures"] == "1")
    // A date is the same for all runs, and what a function leaves in a global is gone.
    let clean = try folder(cases, source: "let count = 0; function handler(e) { console.log(Date.now(), ++count, globalThis.seen = (globalThis.seen || 0) + 1); return e.request; }")
    #expect(try clean.skerry("test", "--isolation").status == 0)
  }

  @Test func reportsSurviveAnyText() throws {
    let outcome = try folder("- name: \"<&>'\\\" \\x01\"\n  request: {}\n  expect: { request: { uri: \"<\\n]]>\" } }", source: "function handler(e) { console.log('</system-out>&\\x02'); return e.request; }")
    #expect(try outcome.skerry("test", "--junit", "out.xml").status == 1)
    let report = try XMLReader.read(outcome.read("out.xml"))
    #expect(report.attributes["testcase"]?["name"] == "<&>'\" \u{FFFD}")
    #expect(report.text.contains("</system-out>&\u{FFFD}") && report.text.contains("expected \"<\\n]]>\", got \"/\""))
  }

  @Test func updateKeepsTheRestOfTheFile() throws {
    let before = """
      # Redirects.
      - name: moved   # the first
        request: { uri: /old }
        expect:
          # a comment
          response: { statusCode: 302, headers: { location: '/elsewhere' } }   # wrong
      - name: good
        request: { uri: /a }
        expect: { request: { uri: /ax } }

      - name: another kind
        request: { uri: /b }
        expect:
          response:
            statusCode: 200

      # The end.

      """
    let folder = try folder(before)
    #expect(try folder.skerry("test").status == 1)
    let outcome = try folder.skerry("test", "--update")
    #expect(outcome.status == 0 && outcome.output.contains("3 passed, 2 updated"), "\(outcome.output)")
    let after = before.replacing("302", with: "301").replacing("'/elsewhere'", with: "/new")
      .replacing("response:\n      statusCode: 200", with: "request: { uri: /bx }")
    #expect(try folder.read("Functions/f/tests/a.yaml") == after)
    #expect(try folder.skerry("test").status == 0)
  }

  @Test func watchRunsWhatChanges() throws {
    let folder = try folder("- { name: a, request: { uri: / }, expect: { request: { uri: /x } } }", more: ["Functions/g/index.js": redirect, "Functions/g/tests/a.yaml": "[]"])
    let pipe = Pipe()
    let child = try folder.start(["test", "--watch"], output: .descriptor(pipe.fileHandleForWriting.fileDescriptor), errors: .nowhere)
    // Whoever waits for output in vain reads the end of it.
    let watchdog = DispatchWorkItem { kill(child, SIGKILL) }
    DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: watchdog)
    defer {
      watchdog.cancel()
      kill(child, SIGKILL)
      _ = waitForEnd(of: child)
    }
    try pipe.fileHandleForWriting.close()
    var output = ""
    func waitFor(_ text: String) throws {
      while !output.contains(text) {
        let data = pipe.fileHandleForReading.availableData
        try #require(!data.isEmpty, "the program ended: \(output)")
        output += String(decoding: data, as: UTF8.self)
      }
    }
    try waitFor("1 passed in")
    output = ""
    let clock = ContinuousClock(), start = clock.now
    try folder.write("Functions/f/index.js", redirect.replacing("'x'", with: "'y'"))
    try waitFor("1 failed in")
    #expect(clock.now - start < .seconds(30))
    #expect(output.contains("got       \"/y\"") && !output.contains("Functions/g"), "\(output)")
    output = ""
    try folder.write("Functions/new/index.js", redirect)
    try folder.write("Functions/new/tests/a.yaml", "- { name: n, request: { uri: / }, expect: { request: { uri: /x } } }")
    try waitFor("ok    Functions/new  1 case")
  }

  @Test func theRepositorysOwnFunctionsPass() throws {
    let outcome = try Folder().skerry("test", FileManager.default.currentDirectoryPath + "/Functions")
    #expect(outcome.status == 0, "\(outcome.output)")
    #expect(try Folder().skerry("test", FileManager.default.currentDirectoryPath + "/Functions", "--isolation").status == 0)
  }
}
