// Runs every function of Hostile/*.js again and again beside a healthy one on the same thread. Whatever it does, every run ends
// within twice its CPU limit and as its heading says, leaves its heap byte-identical, and the healthy one answers as if it were alone.
//
// CPU time is the thread's clock. A virtual machine that stands still charges the pause to that clock (and to schedstat, which is the
// same count), at any load but an idle host's; so the pause is taken out, and only where it can be proven: where the limit's own timer
// came too late. A run can hold no signal off (it makes no system call: SymbolTests), so what the clock counted between the moment
// the timer was due and the one it came was nobody's work. `stolenNanoseconds` is that sum. LimitTests.aPauseOfTheMachineIsNotTheRuns
// shows that it is neither more nor less.
//
// A function stands below `// @case EXPECTED: what it does[, viewer-response][, runtime 1.0]`. EXPECTED is one of
//
//   killed    over the CPU limit             invalid    returns what it may not
//   memory    over the memory limit          request    goes on with the request
//   stopped   killed, memory or pending:     response   answers
//             a race between limits          clean      goes on as /clean, in every run: no mark of an earlier one was seen
//   error     an exception                   any        anything but harm
//   pending   its promise never settles
import Foundation
import RewriteEngine
import TestTools
import Testing

struct HostileFunction: CustomTestStringConvertible, Sendable {
  enum Expectation: String, Sendable { case killed, memory, stopped, error, pending, invalid, request, response, clean, any }

  var file: String
  var name: String
  var expected: Expectation
  var type = FunctionEvent.viewerRequest
  var runtime = FunctionCode.Runtime.cloudfrontJS20
  var source = ""
  var testDescription: String { "\(file): \(name)" }

  static let all: [HostileFunction] = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Hostile")
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasSuffix(".js") }.sorted().flatMap { file in
      functions(in: (try? String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)) ?? "", file)
    }
  }()

  /// The functions of one file. A heading that does not say what is expected fails as `killed`.
  private static func functions(in text: String, _ file: String) -> [HostileFunction] {
    var functions: [HostileFunction] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("// @case ") {
        let heading = line.dropFirst(9), word = heading.prefix { $0.isLetter }
        var function = HostileFunction(
          file: file, name: String(heading.dropFirst(word.count + 2)), expected: Expectation(rawValue: String(word)) ?? .killed)
        if heading.hasSuffix(", viewer-response") { function.type = .viewerResponse }
        if heading.hasSuffix(", runtime 1.0") { function.runtime = .cloudfrontJS10 }
        functions.append(function)
      } else if !functions.isEmpty {
        functions[functions.count - 1].source += line + "\n"
      }
    }
    return functions
  }

  func code(_ limits: FunctionCode.Limits) -> FunctionCode {
    FunctionCode(name: name, source: Array(source.utf8), runtime: runtime, limits: limits, store: CloudfrontModuleTests.store)
  }

  /// How a run may end; nil: however it likes.
  var failures: [FunctionFailure?]? {
    switch expected {
    case .killed: [.cpuLimit]
    case .memory: [.memoryLimit]
    case .stopped: [.cpuLimit, .memoryLimit, .pendingPromise]
    case .error: [.exception]
    case .pending: [.pendingPromise]
    case .invalid: [.invalidResult]
    case .request, .response, .clean: [nil]
    case .any: nil
    }
  }
}

// One after the other: what they are asked is how exactly they are ended.
@Suite(.serialized, .mayBlock) struct HostileTests {
  static let limitNanoseconds: UInt64 = 1_000_000
  /// Runs under the CPU limit of production.
  static let runs = 4
  /// How much a run's beginning may be put too late (limit.c, `READING_AGE_MAX`).
  static let readingAge: UInt64 = 100_000

  @Test func thereAreHostileFunctions() { #expect(HostileFunction.all.count > 400) }

  @Test(arguments: HostileFunction.all) func endsInTimeAndLeavesNothing(_ function: HostileFunction) throws {
    let thread = try #require(ThreadContext())
    let healthy = try Isolate(code(Self.healthy, limits: patient), on: thread)
    let alone = healthy.answer(Self.event(.viewerRequest))
    #expect(alone.invocation.outcome == .request && alone.pristine, "\(alone.error)")

    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = Self.limitNanoseconds
    let isolate = try Isolate(function.code(limits), on: thread)
    var late: [String] = [], clocked: [UInt64] = []
    // A machine that stands still for a while, and does not show it, makes one late; then the next fifteen are in time.
    func isLate() -> Bool { clocked.min() ?? .max > 2 * Self.limitNanoseconds || late.count * 16 > clocked.count }
    while clocked.count < Self.runs || isLate() && clocked.count < 16 * Self.runs {
      let answer = isolate.answer(Self.event(function.type)), run = answer.invocation
      check(answer, function, mayBeKilled: true)
      if run.cpuNanoseconds > 2 * Self.limitNanoseconds { late.append("\(run.cpuNanoseconds) ns, and \(run.stolenNanoseconds) stolen") }
      if run.failure == .cpuLimit { #expect(run.cpuNanoseconds >= Self.limitNanoseconds - Self.readingAge) }
      clocked.append(answer.threadNanoseconds - min(answer.threadNanoseconds, run.stolenNanoseconds))
      expectSame(healthy.answer(Self.event(.viewerRequest)), alone)
    }
    // By the engine's clock; and by one that is not, around the whole call, where a pause before or after the run counts.
    #expect(!isLate(), "\(late); \(clocked) ns")

    // With time enough, what is not a matter of time comes out.
    if function.expected == .killed { return }
    let unhurried = try Isolate(function.code(patient), on: thread)
    for _ in 0..<2 {
      check(unhurried.answer(Self.event(function.type)), function, mayBeKilled: false)
      expectSame(healthy.answer(Self.event(.viewerRequest)), alone)
    }
  }

  private func check(_ answer: Answer, _ function: HostileFunction, mayBeKilled: Bool) {
    #expect(answer.pristine)
    #expect(answer.isUTF8, "\(answer)")
    #expect(answer.invocation.memoryBytes <= 2 << 20)
    #expect(answer.log.reduce(0) { $0 + $1.utf8.count } <= 10_240 && answer.log.count <= 512)
    if let failures = function.failures, !(mayBeKilled && answer.invocation.failure == .cpuLimit) {
      #expect(failures.contains(answer.invocation.failure), "\(answer.error)")
      if function.expected == .clean { #expect(answer.uri == "/clean") }
    }
    if answer.invocation.failure != nil { #expect(answer.edits == [] && answer.body == "") }
  }

  private func expectSame(_ answer: Answer, _ alone: Answer) {
    #expect(answer.invocation.outcome == .request, "\(answer.error)")
    #expect(answer.uri == alone.uri && answer.query == alone.query && answer.edits == alone.edits && answer.log == alone.log)
    #expect(answer.pristine)
  }

  private static func event(_ type: FunctionEvent) -> Event {
    Event(
      type: type, query: "a=1&b=2&a=3",
      headers: [("Host", "example.com"), ("Accept", "*/*"), ("X-Many", "1"), ("X-Many", "2"), ("Cookie", "a=1; b=2")],
      requestID: "rid", responseHeaders: type == .viewerResponse ? [("Content-Type", "text/html"), ("Set-Cookie", "s=1; Path=/")] : [])
  }

  /// Uses about everything that the hostile ones attack.
  private static let healthy = """
    import crypto from 'crypto';
    import qs from 'querystring';
    var served = 0;
    async function handler(event) {
      var request = event.request, list = [3, 1, 2].sort().map(x => x * 2);
      var text = JSON.stringify({list, query: qs.parse(request.rawQueryString()), served: ++served, keys: Object.keys(request.headers)});
      var hash = crypto.createHmac('sha256', 'key').update(text).digest('hex');
      await null;
      console.log(text, Buffer.from(text).toString('base64').length, 'aXbXc'.replace(/x/gi, m => m.charCodeAt(0)));
      request.uri = '/' + hash.slice(0, 8) + [...'äöü'].reverse().join('');
      request.headers['x-hash'] = {value: hash};
      request.headers['x-many'].multiValue.push({value: String(10n ** 20n)});
      request.cookies.c = {value: new TextDecoder().decode(new TextEncoder().encode('é'))};
      request.querystring.n = {value: String(new Date().getTime())};
      return request;
    }
    """
}
