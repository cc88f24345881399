// A handler that does not load does not take the place of the one that serves: a reload tries what is new before it takes it up (issue 7).
import Foundation
import Testing

extension Scenarios {
  @Suite struct ReloadTrials {
    /// A runtime: a handler that answers with a status, and those that do not load, with what is said of each.
    struct Runtime: Sendable, CustomTestStringConvertible {
      var name: String, file: String
      var good: @Sendable (Int) -> String
      var syntaxError: (code: String, place: String, words: String)
      var failingImport: (code: String, place: String, words: String)
      var noHandler: (code: String, words: String)
      var endless: String
      var testDescription: String { name }
    }

    static let runtimes = [
      Runtime(
        name: "nodejs20.x", file: "index.js", good: { "exports.handler = async () => ({ status: '\($0)' });\n" },
        syntaxError: ("// one\nexports.handler = async () => (((\n", "f/index.js:3:1: error: ", "Runtime.UserCodeSyntaxError: SyntaxError: Unexpected end of input"),
        failingImport: ("// one\nconst a = 1;\nrequire('nothing-there');\n", "f/index.js:3:1: error: ", "Runtime.ImportModuleError: Error: Cannot find module 'nothing-there'"),
        noHandler: ("exports.other = async () => 1;\n", "Runtime.HandlerNotFound: index.handler is undefined or not exported"),
        endless: "console.log('it begins'); for (;;);\n"),
      // A module, of whose errors `import` does not tell the place.
      Runtime(
        name: "nodejs22.x", file: "index.mjs", good: { "export const handler = async () => ({ status: '\($0)' });\n" },
        syntaxError: ("// one\nexport const handler = async ( => 1;\n", "f/index.mjs:2:32: error: ", "Runtime.UserCodeSyntaxError: SyntaxError: Unexpected token '=>'"),
        failingImport: ("// one\nconst a = 1;\nimport 'nothing-there';\n", "f:1:1: error: ", "Runtime.ImportModuleError: Error: Cannot find package 'nothing-there' imported from /var/task/index.mjs"),
        noHandler: ("export const other = async () => 1;\n", "Runtime.HandlerNotFound: index.handler is undefined or not exported"),
        endless: "console.log('it begins'); for (;;);\n"),
      Runtime(
        name: "python3.12", file: "index.py", good: { "def handler(event, context): return {'status': '\($0)'}\n" },
        syntaxError: ("# one\ndef handler(event, context)\n  return 1\n", "f/index.py:2:1: error: ", "Runtime.UserCodeSyntaxError: Syntax error in module 'index': "),
        failingImport: ("# one\n\nimport nothing_there\n", "f/index.py:3:1: error: ", "Runtime.ImportModuleError: Unable to import module 'index': No module named 'nothing_there'"),
        noHandler: ("def other(event, context): return 1\n", "Runtime.HandlerNotFound: Handler 'handler' missing on module 'index'"),
        endless: "print('it begins', flush=True)\nwhile True: pass\n"),
    ]

    private func configuration(_ origin: ScriptedOrigin, _ runtime: Runtime, settings: String = "", tier: String = "prewarmed: 0", more: String = "") -> Configuration {
      Configuration(
        distributions: [.init(isDefault: true, origin: origin.url, behavior: "functions: { viewer-request: f }")],
        more: """
          functions:
            f: { runtime: \(runtime.name), code: f\(settings) }
          functionTier: { \(tier) }
          functionLog: { path: functions.log }
          \(more)
          """)
    }

    private func start(_ configuration: Configuration, _ runtime: Runtime, arguments: [String] = []) throws -> Skerry {
      try Skerry.start(configuration: configuration.yaml, files: ["f/\(runtime.file)": runtime.good(201)], arguments: arguments)
    }

    private let origin: ScriptedOrigin
    init() throws { origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } } }

    private func get(_ skerry: Skerry, _ path: String = "/") throws -> Int { try skerry.viewer().exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n").status }

    private func functionLog(_ skerry: Skerry) -> String { (try? fileText(skerry.folder.appendingPathComponent("functions.log").path)) ?? "" }

    /// SIGHUP, and what is said of the refusal.
    private func refuse(_ skerry: Skerry, _ words: String...) throws {
      let refused = try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"]
      skerry.send(signal: SIGHUP)
      try eventually("the refusal") { try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"] == refused + 1 }
      for word in words { try skerry.waitForStandardError(toHold: word) }
    }

    private func command(_ skerry: Skerry, _ arguments: String...) throws -> (exit: ChildProcess.Exit, text: String, errors: String) {
      let result = try Tool.run([Skerry.binary(), "reload"] + arguments + ["--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", skerry.folder.path + "/.skerry/admin-token"])
      return (result.exit, result.text, result.errors)
    }

    @Test(arguments: runtimes) func aSyntaxErrorIsRefused(_ runtime: Runtime) throws {
      let yaml = configuration(origin, runtime).yaml
      let skerry = try start(configuration(origin, runtime), runtime)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.syntaxError.code, to: "f/\(runtime.file)")
      for _ in 0..<2 {
        try refuse(skerry, runtime.syntaxError.place + "function f cannot be loaded: " + runtime.syntaxError.words, "reload refused: function f cannot be loaded: ", "generation 1 goes on serving")
        #expect(try get(skerry) == 201)
      }
      // Its author finds it where its other lines are, and nothing of it is left.
      try eventually("the function's log") { functionLog(skerry).contains("INIT_REPORT Init Duration: ") }
      #expect(functionLog(skerry).contains("Phase: init\tStatus: error\tError Type: Runtime.UserCodeSyntaxError"))
      try eventually("an end of what was tried") { try skerry.metrics()["skerry_lambda_sandboxes"] == 1 }
      #expect(try skerry.metrics()["skerry_lambda_trials_total{outcome=\"failed\"}"] == 2)
      // What is good is taken up, and is warm.
      let cold = "skerry_lambda_cold_starts_total{function=\"f\"}", before = try skerry.metrics()[cold]
      try skerry.write(runtime.good(202), to: "f/\(runtime.file)")
      try skerry.reload(yaml)
      #expect(try get(skerry) == 202)
      let metrics = try skerry.metrics()
      #expect(before == 1 && metrics[cold] == 1 && metrics["skerry_lambda_trials_total{outcome=\"loaded\"}"] == 1)
      // What is the same is not tried.
      try skerry.reload(yaml)
      #expect(try skerry.metrics()["skerry_lambda_trials_total{outcome=\"loaded\"}"] == 1)
      #expect(try get(skerry) == 202)
    }

    @Test(arguments: runtimes) func aFailingImportIsRefusedWhileFilesAreWatched(_ runtime: Runtime) throws {
      let skerry = try start(configuration(origin, runtime), runtime, arguments: ["--watch"])
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.failingImport.code, to: "f/\(runtime.file)")
      try skerry.waitForStandardError(toHold: runtime.failingImport.place + "function f cannot be loaded: " + runtime.failingImport.words)
      try skerry.waitForStandardError(toHold: "reload refused: ")
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.good(202), to: "f/\(runtime.file)")
      try skerry.waitForStandardError(toHold: "generation 2 serves")
      let status = try get(skerry)
      #expect(status == 202, "\(status): \(skerry.standardError)")
      #expect(try skerry.metrics()["skerry_lambda_cold_starts_total{function=\"f\"}"] == 1)
    }

    /// The command says what the program says; unchecked it has it take up whatever loads or not.
    @Test(arguments: runtimes) func aMissingHandlerIsRefused(_ runtime: Runtime) throws {
      let skerry = try start(configuration(origin, runtime), runtime)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.noHandler.code, to: "f/\(runtime.file)")
      let (exit, text, errors) = try command(skerry)
      #expect(exit == .status(1) && text.contains("/f:1:1: error: function f cannot be loaded: \(runtime.noHandler.words)"), "\(text)")
      #expect(errors.contains("the reload is refused: function f cannot be loaded: \(runtime.noHandler.words)"), "\(errors)")
      #expect(try get(skerry) == 201)
      #expect(try command(skerry, "--unchecked").exit == .status(0))
      #expect(try get(skerry) == 503)
      // What was broken before is no reason to refuse: it has not changed.
      #expect(try command(skerry).exit == .status(0))
      #expect(try skerry.metrics()["skerry_lambda_trials_total{outcome=\"failed\"}"] == 1)
      try skerry.write(runtime.good(202), to: "f/\(runtime.file)")
      #expect(try command(skerry).exit == .status(0))
      #expect(try get(skerry) == 202)
    }

    /// Requests are served meanwhile, and a reload that is asked for then follows.
    @Test(arguments: runtimes) func aLoadingThatDoesNotEndIsRefused(_ runtime: Runtime) throws {
      let skerry = try start(configuration(origin, runtime, tier: "prewarmed: 0, initTimeout: 10s"), runtime)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.endless, to: "f/\(runtime.file)")
      skerry.send(signal: SIGHUP)
      try eventually("the loading to begin") { functionLog(skerry).contains("it begins") }
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.good(202), to: "f/\(runtime.file)")
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "reload refused: function f cannot be loaded: Sandbox.Timedout: the function's code was not loaded within 10.00 seconds")
      try skerry.waitForStandardError(toHold: "generation 2 serves")
      #expect(try get(skerry) == 202)
    }

    /// All trials together have a time, too; and the program's end does not wait for them.
    @Test func trialsEnd() throws {
      let runtime = Self.runtimes[0]
      let skerry = try start(configuration(origin, runtime, tier: "prewarmed: 0, initTimeout: 60s, trialTimeout: 1s"), runtime)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.endless, to: "f/\(runtime.file)")
      try refuse(skerry, "reload refused: function f was not loaded within 1.00 seconds, which all functions that a reload changes have together (functionTier.trialTimeout)")
      try eventually("an end of what was tried") { try skerry.metrics()["skerry_lambda_sandboxes"] == 1 }
      #expect(try get(skerry) == 201)
    }

    @Test func theEndOfTheProgramDoesNotWaitForTrials() throws {
      let runtime = Self.runtimes[0]
      let skerry = try start(configuration(origin, runtime, tier: "prewarmed: 0, initTimeout: 300s, trialTimeout: 45s"), runtime)
      try skerry.write(runtime.endless, to: "f/\(runtime.file)")
      skerry.send(signal: SIGHUP)
      try eventually("the loading to begin") { functionLog(skerry).contains("it begins") }
      #expect(try skerry.terminate() == .status(0))   // before a deadline that is shorter than the trials'
    }

    /// One that was broken before does not keep another's change away; of several that are broken each is named.
    @Test func onlyWhatHasChangedIsTried() throws {
      let runtime = Self.runtimes[0]
      var configuration = configuration(origin, runtime)
      configuration.distributions[0].more = "behaviors:\n  - { path: /g, origin: app, cachePolicy: CachingDisabled, functions: { viewer-request: g } }"
      configuration.more = configuration.more.replacing("functions:\n", with: "functions:\n  g: { runtime: \(runtime.name), code: g }\n")
      let skerry = try Skerry.start(configuration: configuration.yaml, files: ["f/index.js": runtime.good(201), "g/index.js": runtime.noHandler.code])
      #expect(try get(skerry) == 201)
      #expect(try get(skerry, "/g") == 503)
      try skerry.write(runtime.good(202), to: "f/index.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry) == 202)
      // Whoever may take longer has not become another.
      try skerry.reload(configuration.yaml.replacing("code: g", with: "code: g, timeout: 2s"))
      try skerry.write(runtime.syntaxError.code, to: "f/index.js")
      try skerry.write(runtime.failingImport.code, to: "g/index.js")
      try refuse(skerry, "reload refused: 2 functions cannot be loaded: g, f", runtime.syntaxError.place, "g/index.js:3:1: error: function g cannot be loaded: ")
      #expect(try get(skerry) == 202)
    }

    /// Where nothing can be tried, nothing is refused.
    @Test(arguments: [(", reservedConcurrency: 0", "prewarmed: 0", "its reserved concurrency is 0"), ("", "prewarmed: 0, environments: 1", "there is no room for one more environment (functionTier.environments)")])
    func whatCannotBeTriedIsTakenUp(_ settings: String, _ tier: String, _ why: String) throws {
      let runtime = Self.runtimes[0], yaml = configuration(origin, runtime, settings: settings, tier: tier).yaml
      let skerry = try start(configuration(origin, runtime, settings: settings, tier: tier), runtime)
      #expect(try get(skerry) == (settings.isEmpty ? 201 : 503))
      try skerry.write(runtime.noHandler.code, to: "f/index.js")
      try skerry.reload(yaml)
      try skerry.waitForStandardError(toHold: "/f:1:1: warning: function f is taken up untried: \(why)")
      #expect(try get(skerry) == 503)
      #expect(try skerry.metrics()["skerry_lambda_trials_total{outcome=\"omitted\"}"] == 1)
    }

    /// As little as can be is kept, and it is enough for this.
    @Test func aStrictProgramTriesThem() throws {
      let runtime = Self.runtimes[0], configuration = configuration(origin, runtime, more: "confinement: strict")
      let skerry = try start(configuration, runtime)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.syntaxError.code, to: "f/index.js")
      try refuse(skerry, runtime.syntaxError.place)
      #expect(try get(skerry) == 201)
      try skerry.write(runtime.good(202), to: "f/index.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry) == 202)
    }

    /// The first function of a program may come with a reload: it is tried as others are, and its lines are where they will be.
    @Test func theFirstFunctionIsTried() throws {
      let runtime = Self.runtimes[0], configuration = configuration(origin, runtime)
      var bare = configuration
      (bare.more, bare.distributions[0].behavior) = ("", "")
      let skerry = try Skerry.start(configuration: bare.yaml, files: ["f/index.js": "console.log('it was here');\n" + runtime.noHandler.code])
      try skerry.write(configuration.yaml)
      for _ in 0..<2 {
        try refuse(skerry, "reload refused: function f cannot be loaded: ")
        #expect(try get(skerry) == 200)
      }
      #expect(functionLog(skerry).contains("it was here"))
      try eventually("an end of what was tried") { try skerry.metrics()["skerry_lambda_sandboxes"] == 0 }
      try skerry.write(runtime.good(202), to: "f/index.js")
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry) == 202)
      #expect(try skerry.metrics()["skerry_lambda_cold_starts_total{function=\"f\"}"] == 0)
    }

    /// What is refused for another reason leaves nothing behind either.
    @Test func whatWasTriedInVainIsEnded() throws {
      let runtime = Self.runtimes[0], other = try Socket.listening()
      var configuration = configuration(origin, runtime)
      let skerry = try start(configuration, runtime)
      #expect(try get(skerry) == 201)
      configuration.listeners += ["address: 127.0.0.1:\(other.port)"]
      try skerry.write(runtime.good(202), to: "f/index.js")
      try skerry.write(configuration.yaml)
      try refuse(skerry, "reload refused: cannot listen on 127.0.0.1:\(other.port)")
      #expect(try skerry.metrics()["skerry_lambda_trials_total{outcome=\"loaded\"}"] == 1)
      try eventually("an end of what was tried") { try skerry.metrics()["skerry_lambda_sandboxes"] == 1 }
      #expect(try get(skerry) == 201)
    }
  }
}
