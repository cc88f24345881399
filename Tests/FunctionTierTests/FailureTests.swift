// What is said of invocations that fail: by functions that do not load, by programs that speak the Runtime API, and by which numbers.
import Distribution
import Foundation
import Testing

@testable import FunctionTier

extension TierTests {
  /// Code that does not load, its settings, and what REPORT says of it.
  static let unloadable: [(code: String, type: String, status: String, words: String)] = [
    ("exports.handler = async ( => 1", "Runtime.UserCodeSyntaxError", "error\tError Type: Runtime.UserCodeSyntaxError", "SyntaxError: Unexpected token '=>'"),
    ("exports.other = 1", "Runtime.HandlerNotFound", "error\tError Type: Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
    ("console.log('begun'); for (;;);", "Sandbox.Timedout", "timeout", "the function's code was not loaded within 1.50 seconds"),
    ("process.exit(3)", "Runtime.ExitError", "error\tError Type: Runtime.ExitError", "Runtime exited with error: exit status 3"),
  ]

  /// Whose invocation an INIT that fails takes with it finds it in the log: by its id, with the reason.
  @Test(arguments: unloadable.indices) func aFailedINITIsSaidOfItsInvocation(_ index: Int) async throws {
    let (code, type, status, words) = Self.unloadable[index]
    let tier = try Workbench.tier { if type == "Sandbox.Timedout" { $0.initMilliseconds = 1_500 } }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": code]))
    let outcome = await tier.run(function), id = outcome.report.requestID, lines = outcome.log.split(separator: "\n").map(String.init)
    let start = try #require(lines.firstIndex(of: "START RequestId: \(id) Version: $LATEST"), "\(outcome.log)")
    try #require(start > 0 && lines.count == start + 4, "\(outcome.log)")
    #expect(lines[start - 1].hasPrefix("INIT_REPORT Init Duration: ") && lines[start - 1].hasSuffix(" ms\tPhase: init\tStatus: \(status)"))
    #expect(lines[start + 1].contains(words) && lines[start + 1].hasSuffix("\t\(type)"), "\(lines[start + 1])")
    #expect(lines[start + 2] == "END RequestId: \(id)")
    #expect(lines[start + 3].hasPrefix("REPORT RequestId: \(id)\tDuration: ") && lines[start + 3].hasSuffix("\tStatus: \(status)"), "\(lines[start + 3])")
    #expect(outcome.report.durationMicroseconds > 0 && outcome.report.billedMilliseconds > 0 && !outcome.report.isColdStart)
  }

  /// Code whose errors the interpreter tells without their place, and the place.
  static let placeless: [(runtime: FunctionRuntime, files: [String: String], place: String)] = [
    (.nodejs("nodejs20.x"), ["index.mjs": "// one\nexport const handler = async ( => 1"], "/var/task/index.mjs:2"),
    (.nodejs("nodejs20.x"), ["package.json": "{\"type\":\"module\"}", "index.js": "// one\nexport const handler = async ( => 1"], "/var/task/index.js:2"),
    (.python("python3.12"), ["index.py": "# one\nimport nothing_there"], "File \"/var/task/index.py\", line 2"),
    (.python("python3.12"), ["index.py": "# one\nimport lib", "lib.py": "\n\nfrom os import nothing_there"], "File \"/var/task/lib.py\", line 3"),
  ]

  /// Its author finds the place nevertheless.
  @Test(arguments: placeless.indices) func whereItDoesNotLoadIsSaid(_ index: Int) async throws {
    let (runtime, files, place) = Self.placeless[index], tier = try Workbench.tier()
    defer { tier.stop() }
    let outcome = await tier.run(try tier.take(try Workbench.function(files, runtime)))
    #expect(outcome.failure?.kind == .initialization && outcome.failure?.trace.contains { $0.contains(place) } == true, "\(outcome)")
    #expect(outcome.log.contains(place), "\(outcome.log)")
  }

  /// Those that are refused while it rests, too; each by its own id.
  @Test func aRestingFunctionIsSaidOfItsInvocations() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "process.exit(3)"]))
    for _ in 0...CrashLoop.patience { #expect(await tier.run(function).failure?.kind == .exited) }
    let outcome = await tier.run(function), id = outcome.report.requestID
    let message = "RequestId: \(id) Error: Runtime exited with error: exit status 3"
    #expect(outcome.failure?.errorMessage == message)
    #expect(
      outcome.log == """
        START RequestId: \(id) Version: $LATEST
        \(message)\tRuntime.ExitError
        END RequestId: \(id)
        REPORT RequestId: \(id)\tDuration: 0.00 ms\tBilled Duration: 0 ms\tMemory Size: 128 MB\tMax Memory Used: 0 MB\tStatus: error\tError Type: Runtime.ExitError

        """)
  }

  // MARK: Programs of their own

  private static func program(_ code: String) -> [String: String] {
    let client = """
      #!/usr/bin/python3
      import json, os, sys, urllib.request
      base = "http://%s/2018-06-01/runtime/" % os.environ["AWS_LAMBDA_RUNTIME_API"]
      def post(path, body, header=None):
          headers = {"Lambda-Runtime-Function-Error-Type": header} if header else {}
          urllib.request.urlopen(urllib.request.Request(base + path, body, headers)).read()
      def take():
          with urllib.request.urlopen(base + "invocation/next") as answer:
              return "invocation/%s/error" % answer.headers["Lambda-Runtime-Aws-Request-Id"]

      """
    return ["bootstrap": client + code]
  }

  /// What a program posts as its error, and what is said of it.
  static let reported: [(body: String, header: String, type: String, message: String)] = [
    (#"{"errorType":"My.Own","errorMessage":"no pearls"}"#, "None", "My.Own", "no pearls"),
    (#"{"errorMessage":"no pearls"}"#, "'My.Header'", "My.Header", "no pearls"),
    (#"{"errorType":"My.Own","errorMessage":"no pearls"}"#, "'My.Header'", "My.Own", "no pearls"),
    ("", "'My.Header'", "My.Header", "the runtime gave no description of the error"), ("no pearls", "'My.Header'", "My.Header", "no pearls"),
    ("no pearls", "None", "Runtime.Unknown", "no pearls"), (#"{"errorType":5}"#, "None", "Runtime.Unknown", #"{"errorType":5}"#),
  ]

  @Test(arguments: reported.indices) func aProgramsErrorIsSaidAsItReportsIt(_ index: Int) async throws {
    let (body, header, type, message) = Self.reported[index], literal = "b'''\(body)''', \(header)"
    for (code, isINIT) in [("post('init/error', \(literal))\nsys.exit(1)\n", true), ("while True: post(take(), \(literal))\n", false)] {
      let tier = try Workbench.tier()
      defer { tier.stop() }
      let definition = try Workbench.function(Self.program(code), .provided("provided.al2023"))
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
      let outcome = await tier.run(try tier.take(definition)), failure = outcome.failure
      #expect(failure?.kind == (isINIT ? .initialization : .unhandled) && failure?.errorType == type && failure?.errorMessage == message, "\(outcome)")
      #expect(outcome.log.contains("\n\(message)\t\(type)\nEND RequestId: "), "\(outcome.log)")
    }
  }

  /// Its interpreter is not there: the author's to mend, not the proxy's.
  @Test func aProgramThatCannotBeStartedIsTheFunctionsFault() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(["bootstrap": "#!/no/such/interpreter\n"], .provided("provided.al2023"))
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
    let function = try tier.take(definition)
    for _ in 0...CrashLoop.patience + 1 {
      let outcome = await tier.run(function), failure = outcome.failure
      #expect(failure?.kind == .initialization && failure?.errorType == "Runtime.InvalidEntrypoint", "\(outcome)")
      #expect(failure?.errorMessage == "RequestId: \(outcome.report.requestID) Error: fork/exec /var/task/bootstrap: no such file or directory: what runs it (\"#!/no/such/interpreter\") is not in the sandbox, or may not be executed")
    }
  }

  /// What is too long is read to its end and not kept: the program is told 413, the invocation has failed, and the next one is its own.
  @Test func aProgramsAnswerThatIsTooLongIsSaidAtOnce() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let code = """
      told = []
      for length, path in [(20 << 20, "response"), (9 << 20, "error"), (1, "response")]:
          place = take()[:-len("error")] + path
          print("told", told, flush=True)
          try:
              post(place, b'7' * length, "My.Header")
          except urllib.error.HTTPError as error:
              told.append(error.code)
      take()
      """
    let definition = try Workbench.function(Self.program(code), .provided("provided.al2023")) { $0.timeout = .seconds(20) }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
    let function = try tier.take(definition)
    let long = try await tier.runAndRest(function), error = try await tier.runAndRest(function), short = await tier.run(function)
    #expect(long.failure?.kind == .tooLarge && long.failure?.errorType == "Function.ResponseSizeTooLarge", "\(long)")
    #expect(error.failure?.kind == .unhandled && error.failure?.errorType == "My.Header", "\(error)")
    #expect(short.text == "7" && !short.report.isColdStart, "\(short)")
    #expect(short.log.contains("told [413, 413]"), "\(short.log)")
  }

  // MARK: Long errors

  /// An error that is longer than any frame is said as far as it goes, and its environment stays.
  @Test(arguments: ["node", "python"]) func anErrorOfAnyLengthIsOne(_ language: String) async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let javascript = """
      let n = 0; const long = (c) => c.repeat(8e6 / c.length);
      exports.handler = async (what) => {
        n++;
        if (what === 'message') throw new Error(long('m'));
        if (what === 'type') throw Object.assign(new Error('x'), { name: long('T') });
        if (what === 'trace') throw Object.assign(new Error('x'), { stack: 'Error: x\\n' + long('    at y\\n') });
        if (what === 'member') throw Object.assign(new Error('x'), { own: long('o') });
        if (what === 'cause') throw new Error('x', { cause: new Error(long('c')) });
        if (what === 'text') throw long('t');
        return n;
      };
      """
    let python = """
      n = 0
      def long(c): return c * 8000000
      def handler(what, c):
          global n
          n += 1
          if what == 'message': raise ValueError(long('m'))
          if what == 'type': raise type(long('T'), (Exception,), {})('x')
          if what == 'cause':
              try: raise KeyError(long('c'))
              except KeyError as error: raise ValueError('x') from error
          if what == 'trace': exec(compile('\\n' * 3 + 'def f(k): return f(k - 1) if k else 1 / 0\\nf(900)', '/var/task/' + 'n' * 20000, 'exec'), {})
          return n
      """
    let function = try tier.take(
      language == "node" ? try Workbench.function(["index.js": javascript]) : try Workbench.function(["index.py": python], .python("python3.12")))
    let deeds = language == "node" ? ["message", "type", "trace", "member", "cause", "text"] : ["message", "type", "cause", "trace"]
    for deed in deeds {
      let outcome = await tier.run(function, "\"\(deed)\""), failure = outcome.failure
      #expect(failure?.kind == .unhandled, "\(deed): \(failure?.errorType.prefix(80) ?? "none") \(failure?.errorMessage.prefix(80) ?? "none")")
      switch deed {
      case "message": #expect(failure?.errorMessage.hasPrefix("mmmm") == true)
      case "text": #expect(failure?.errorType == "string" && failure?.errorMessage.hasPrefix("tttt") == true)
      case "type": #expect(failure?.errorType.hasPrefix("TTTT") == true)
      default: #expect(failure?.trace.isEmpty == false)
      }
    }
    #expect(await tier.run(function, "0").text == "\(deeds.count + 1)")
  }

  /// Signals have the names that Lambda says.
  @Test func signalsHaveNames() {
    for (status, words) in [(3, "exit status 3"), (129, "signal: hangup"), (130, "signal: interrupt"), (131, "signal: quit"), (141, "signal: broken pipe"), (142, "signal: alarm clock"), (159, "signal: bad system call"), (137, "signal: killed"), (170, "signal: signal 42")] {
      #expect(SandboxEnd.Cause.exited(status: status).exitWords == words)
    }
  }

  // MARK: Lines

  /// A message of several lines is one of the log, as a handler's own are.
  @Test func aMessageIsOneLine() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let outcome = await tier.run(try tier.take(try Workbench.function(["index.js": "require('nothing-there')"])))
    #expect(outcome.failure?.errorMessage.contains("\n") == true)
    #expect(outcome.log.split(separator: "\n").count == 6, "\(outcome.log)")
  }

  /// What was written belongs to the invocation that wrote it, whether or not its line has an end; who closes its output has none.
  @Test func outputOfPythonBelongsToItsInvocation() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let code = """
      import sys
      def handler(event, context):
          print("to output", end="")
          sys.stderr.write("to errors")
          if event.get("close"): sys.stdout.close()
          if event.get("none"): sys.stdout = sys.stderr = None
          if event.get("fail"): raise ValueError("told anyway")
          return 1
      """
    for (index, event) in ["{}", #"{"close":1}"#, #"{"none":1}"#, #"{"close":1,"fail":1}"#, #"{"none":1,"fail":1}"#].enumerated() {
      let function = try tier.take(try Workbench.function(["app.py": code], .python("python3.11"), name: "f\(index)") { $0.handler = "app.handler" })
      let outcome = await tier.run(function, event)
      #expect(event.contains("fail") ? outcome.failure?.errorType == "ValueError" && outcome.log.contains("[ERROR] ValueError: told anyway") : outcome.text == "1", "\(event): \(outcome)")
      #expect(outcome.log.contains("to output") && (outcome.log.contains("to errors") || event.contains("none")), "\(event): \(outcome.log)")
    }
  }

  // MARK: Numbers

  /// Environments are counted of a function, whatever code or version they have.
  @Test func environmentsOfAllVersionsAreCounted() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let definition = try Workbench.function(Self.sleeper), function = try tier.take(definition)
    for version in 1...2 {
      _ = try tier.versions.publish(definition, description: "")
      #expect(await tier.run(function.qualified(by: String(version)), #"{"ms":1}"#).text != nil)
      #expect(tier.numbers[0].numbers.environments == version)
      try "// \(version)\n\(Self.sleeper["index.js"] ?? "")".write(toFile: definition.codePath + "/index.js", atomically: false, encoding: .utf8)
    }
    #expect(await tier.run(function, #"{"ms":1}"#).text != nil)
    #expect(tier.numbers[0].numbers.environments == 3)
  }
}
