// Functions in real sandboxes, through the whole tier: what each kind of handler, good or bad, comes to.
import Distribution
import Foundation
import Synchronization
import Telemetry
import TestTools
import Testing
import Transport

@testable import FunctionTier

/// What the tests of one process share: a spawner, and folders below its root.
enum Workbench {
  static let root: String = {
    let path = "/tmp/skerry-tier-\(getpid())"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }()
  static let spawner = try? Spawner(roots: [root] + Interpreters().roots)

  /// A tier of its own.
  static func tier(_ change: (inout FunctionTier.Configuration) -> Void = { _ in }) throws -> FunctionTier {
    var configuration = FunctionTier.Configuration(folder: "\(root)/\(UUID().uuidString)")
    configuration.prewarmed = 0
    change(&configuration)
    return try FunctionTier(configuration, spawner: try #require(spawner), diagnostics: try Diagnostics())
  }

  /// A function of files.
  static func function(
    _ files: [String: String], _ runtime: FunctionRuntime = .nodejs("nodejs20.x"), name: String = "echo", _ change: (inout FunctionTierSettings) -> Void = { _ in }
  ) throws -> FunctionDefinition {
    let folder = "\(root)/code-\(UUID().uuidString)"
    for (file, text) in files {
      let path = folder + "/" + file
      try FileManager.default.createDirectory(atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: path, atomically: false, encoding: .utf8)
    }
    var settings = FunctionTierSettings()
    change(&settings)
    return FunctionDefinition(name: name, runtime: runtime, codePath: folder, tier: settings)
  }
}

extension FunctionTier {
  /// Prepares and adopts one function.
  func take(_ definition: FunctionDefinition) throws -> TierFunction {
    let prepared = prepare([definition])
    #expect(prepared.problems.isEmpty)
    adopt(prepared, log: nil)
    return try #require(prepared.functions[0])
  }

  /// Runs it, and waits until its environment takes the next: a program on `provided` that has answered does so when it asks for it, and
  /// who comes before that may have an environment of his own.
  func runAndRest(_ function: TierFunction, _ payload: String = "{}") async throws -> InvocationOutcome {
    let outcome = await run(function, payload)
    #expect(try await until { supervisor.isAtRest })
    return outcome
  }

  func run(_ function: TierFunction, _ payload: String = "{}", tail: Int = 4096) async -> InvocationOutcome {
    await withCheckedContinuation { waiter in
      invoke(function, Invocation(payload: Array(payload.utf8), logTailBytes: tail)) { waiter.resume(returning: $0) }
    }
  }
}

extension Supervisor {
  /// Whether every environment is idle. Any thread.
  fileprivate var isAtRest: Bool {
    monitor.enter()
    defer { monitor.leave() }
    return groups.values.allSatisfy { $0.idle.count == $0.environments.count }
  }
}

extension InvocationOutcome {
  var text: String? { if case .result(let bytes, _) = self { String(decoding: bytes, as: UTF8.self) } else { nil } }
  var failure: InvocationFailure? { if case .failed(let failure, _) = self { failure } else { nil } }
  var log: String { String(decoding: report.logTail, as: UTF8.self) }
}

// One after the other: a dozen interpreters that start at once take longer than any of the limits here.
@Suite(.serialized, .mayBlock) struct TierTests {
  @Test func nodeAnswersAndKeepsItsState() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "let n = 0; exports.handler = async (e, c) => { console.log('said', n); return { e, n: ++n, id: c.awsRequestId }; }"]))
    let first = await tier.run(function, #"{"a":"é"}"#), second = await tier.run(function)
    #expect(first.text == "{\"e\":{\"a\":\"é\"},\"n\":1,\"id\":\"\(first.report.requestID)\"}", "\(first)")
    #expect(second.text?.contains("\"n\":2") == true)
    #expect(first.report.isColdStart && !second.report.isColdStart)
    #expect(first.report.maxMemoryUsedMB > 20)
    let id = first.report.requestID, lines = first.log.split(separator: "\n")
    #expect(lines.first == "START RequestId: \(id) Version: $LATEST")
    #expect(lines.dropFirst().first?.hasSuffix("\t\(id)\tINFO\tsaid 0") == true)
    #expect(lines.dropFirst(2).first == "END RequestId: \(id)")
    #expect(lines.last?.contains("REPORT RequestId: \(id)\tDuration: ") == true)
    #expect(lines.last?.contains("\tInit Duration: ") == true)
    #expect(lines.count == 4)
  }

  @Test func pythonAnswers() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(
      try Workbench.function(["app/main.py": "import os\ndef handler(e, c):\n  print('said')\n  return [e, c.function_name, os.environ['AWS_LAMBDA_FUNCTION_NAME'], os.getcwd()]"], .python("python3.11")) {
        $0.handler = "app/main.handler"
      })
    let outcome = await tier.run(function, "7")
    #expect(outcome.text == #"[7,"us-east-1.echo","us-east-1.echo","/var/task"]"#, "\(outcome)")
    #expect(outcome.log.contains("\nsaid\n"))
  }

  /// A handler that closes its standard output, or puts something else there, says nothing more; its invocations go on.
  @Test(arguments: ["os.close(1); os.close(2)", "sys.stdout.close()", "sys.stdout = None", "print('half', end=''); os.close(1)"])
  func pythonWithoutAnOutput(_ deed: String) async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let code = "import os, sys, logging\nn = 0\ndef handler(e, c):\n  global n\n  n += 1\n  if n == 1:\n    \(deed)\n  else:\n    logging.error('lost')\n  if e: raise ValueError('thrown')\n  return n"
    let function = try tier.take(try Workbench.function(["index.py": code], .python("python3.11")))
    for (payload, text) in [("0", "1"), ("0", "2"), ("1", nil), ("0", "4")] as [(String, String?)] {
      let outcome = await tier.run(function, payload)
      #expect(outcome.text == text && outcome.failure?.errorType == (text == nil ? "ValueError" : nil), "\(outcome)")
    }
  }

  /// Handlers that fail, what that is called, and a word of the message.
  static let bad: [(code: String, kind: InvocationFailure.Kind, type: String, words: String)] = [
    ("exports.handler = async () => { throw new TypeError('boom') }", .unhandled, "TypeError", "boom"),
    ("exports.handler = (e, c, cb) => cb(new Error('called back'))", .unhandled, "Error", "called back"),
    ("exports.handler = async () => new Promise(() => {})", .unhandled, "Runtime.NodeJsExit", "never settled"),
    ("exports.handler = async () => { for (;;); }", .timedOut, "Sandbox.Timedout", "timed out after 0.30 seconds"),
    ("exports.handler = async () => { setTimeout(() => {}, 60000); await new Promise(() => {}) }", .timedOut, "Sandbox.Timedout", "Task timed out"),
    ("exports.handler = async () => process.exit(7)", .exited, "Runtime.ExitError", "exit status 7"),
    ("exports.handler = async () => { process.on('SIGTERM', () => {}); process.kill(process.pid, 'SIGKILL'); await new Promise(r => setTimeout(r, 200)) }", .exited, "Runtime.ExitError", "signal: killed"),
    ("exports.handler = async () => { setTimeout(() => { throw new Error('later') }, 5); await new Promise(r => setTimeout(r, 100)) }", .unhandled, "Error", "later"),
    ("exports.handler = async () => 10n", .unhandled, "Runtime.UnableToStringifyResponse", "BigInt"),
    ("exports.handler = async () => 'x'.repeat(6.4e6)", .tooLarge, "Function.ResponseSizeTooLarge", "maximum"),
    ("exports.handler = async () => { require('fs').writeSync(3, 'nonsense and more of it'); return 1 }", .protocolViolation, "Runtime.ProtocolError", "descriptor 3"),
    ("exports.handler = async () => { require('fs').closeSync(3); return 1 }", .exited, "Runtime.ExitError", "Runtime exited"),
    ("exports.handler = async ( => 1", .initialization, "Runtime.UserCodeSyntaxError", "Unexpected token"),
    ("exports.other = 1", .initialization, "Runtime.HandlerNotFound", "index.handler is undefined"),
    ("throw new RangeError('top')", .initialization, "RangeError", "top"),
    ("for (;;);", .initialization, "Sandbox.Timedout", "not loaded within 1.50 seconds"),
    ("process.exit(3)", .exited, "Runtime.ExitError", "exit status 3"),
  ]

  @Test(arguments: bad.indices) func badHandlersComeToWhatIsDocumented(_ index: Int) async throws {
    let (code, kind, type, words) = Self.bad[index]
    let tier = try Workbench.tier { if type == "Sandbox.Timedout" && kind == .initialization { $0.initMilliseconds = 1_500 } }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": code]) { $0.timeout = .milliseconds(kind == .timedOut ? 300 : 3_000) })
    let outcome = await tier.run(function)
    #expect(outcome.failure?.kind == kind, "\(code): \(outcome)")
    #expect(outcome.failure?.errorType == type, "\(code): \(outcome)")
    #expect(outcome.failure?.errorMessage.contains(words) == true, "\(code): \(outcome)")
  }

  @Test func memoryBeyondTheLimitIsOutOfMemory() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(
      try Workbench.function(["index.js": "let all = []; exports.handler = async () => { for (;;) all.push(Buffer.alloc(4 << 20, 1)); }"]) { $0.timeout = .seconds(10) })
    let outcome = await tier.run(function)
    #expect(outcome.failure?.kind == .outOfMemory, "\(outcome)")
    #expect(outcome.failure?.errorType == "Runtime.OutOfMemory")
    // The next one has an environment of its own.
    let heap = try tier.take(try Workbench.function(["index.js": "exports.handler = async () => { console.error('FATAL ERROR: JavaScript heap out of memory'); process.abort() }"]))
    let second = await tier.run(heap)
    #expect(second.failure?.kind == .outOfMemory, "\(second)")
  }

  @Test func aPrintedGigabyteIsCutAndHarmsNobody() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(
      try Workbench.function(["index.js": "exports.handler = async () => { const b = Buffer.alloc(1 << 20, 'x\\n'); for (let i = 0; i < 8; i++) require('fs').writeSync(1, b); return 'done' }"]) { $0.timeout = .seconds(10) })
    let outcome = await tier.run(function)
    #expect(outcome.text == "\"done\"", "\(outcome)")
    #expect(outcome.log.contains("bytes of output were not kept"))
  }

  /// What a function writes by Node's own streams is there before it is over, however much a pipe holds; none of it waits for the next invocation.
  @Test func streamsAreWrittenBeforeTheAnswer() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let code = "exports.handler = async (e) => { for (let i = 0; i < 300; i++) process.stdout.write('x'.repeat(1023) + '\\n'); process.stdout.write('the last of ' + e + '\\n'); return 'done' }"
    let function = try tier.take(try Workbench.function(["index.js": code]))
    for number in 1...2 {
      let outcome = await tier.run(function, "\(number)")
      #expect(outcome.text == "\"done\"" && outcome.log.contains("the last of \(number)") && outcome.log.contains("xxx"), "\(outcome)")
    }
  }

  /// Where few environments may be, those that are kept ready keep nobody from being served: one of the right kind is taken, one of another makes room.
  @Test(arguments: 0..<3) func prewarmedEnvironmentsMakeRoom(_ first: Int) async throws {
    let tier = try Workbench.tier { ($0.prewarmed, $0.environments) = (1, 2) }
    defer { tier.stop() }
    // Two of the three kinds are ready: whichever is asked first, the third has nothing.
    let definitions = try [128, 160, 192].map { memory in
      try Workbench.function(["index.js": "exports.handler = async () => \(memory)"], name: "f\(memory)") { $0.memoryMB = memory }
    }
    let prepared = tier.prepare(definitions)
    tier.adopt(prepared, log: nil)
    while tier.ready < 2 { try await Task.sleep(for: .milliseconds(5)) }
    let functions = prepared.functions.compactMap { $0 }
    try #require(functions.count == 3)
    for place in [first, (first + 1) % 3, (first + 2) % 3, first] {
      let outcome = await tier.run(functions[place])
      #expect(outcome.text == "\(definitions[place].tier.memoryMB)", "\(outcome)")
    }
    async let one = tier.run(functions[0]), other = tier.run(functions[0]), third = tier.run(functions[1])
    let texts = await [one.text, other.text, third.text]
    #expect(texts == ["128", "128", "160"])
  }

  @Test func aPrewarmedEnvironmentTakesTheFunction() async throws {
    let tier = try Workbench.tier { $0.prewarmed = 1 }
    defer { tier.stop() }
    let function = try tier.take(try Workbench.function(["index.js": "exports.handler = async () => require('./lib/a.js')", "lib/a.js": "module.exports = __filename"]))
    while tier.ready == 0 { try await Task.sleep(for: .milliseconds(5)) }
    let outcome = await tier.run(function)
    #expect(outcome.text == "\"/var/task/lib/a.js\"", "\(outcome)")
    #expect((outcome.report.initDuration ?? .seconds(9)) < .seconds(2), "\(outcome.report)")
  }
}
