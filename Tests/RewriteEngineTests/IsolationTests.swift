// Every run starts from the same heap; and what a run must not have (spec/cloudfront-functions.md 9.4 to 9.6).
import Foundation
import RewriteEngine
import Testing

@Suite struct IsolationTests {
  @Test func nothingCrossesFromRunToRun() throws {
    let isolate = try makeIsolate(
      """
      var seen = [], count = 0; let hidden = {n: 0};
      function handler(event) {
        count++; hidden.n++; seen.push(event.request.uri); globalThis.leak = (globalThis.leak || '') + event.request.uri;
        Array.prototype.extra = (Array.prototype.extra || 0) + 1; Object.prototype.o = (Object.prototype.o || 0) + 1;
        console.log([count, hidden.n, seen.length, leak, Array.prototype.extra, Object.prototype.o].join(' '));
        delete globalThis.JSON; handler.x = 1; Math.PI2 = 3;
        return event.request
      }
      """)
    for uri in ["/a", "/b", "/c"] {
      let answer = isolate.answer(Event(uri: uri))
      #expect(answer.log == ["1 1 1 \(uri) 1 1"])
      #expect(answer.pristine)
    }
  }

  @Test func uninitialisedMemoryIsZero() throws {
    let isolate = try makeIsolate(
      "function handler(event) { var b = Buffer.allocUnsafe(100000); console.log(b.every(x => x === 0)); b.fill(7); return event.request }")
    for _ in 0..<3 { #expect(isolate.answer().log == ["true"]) }
  }

  @Test func theDateIsFrozenAndUTC() throws {
    let isolate = try makeIsolate(
      "var built = Date.now(); function handler(event) { var a = Date.now(); for (var i = 0; i < 1000; i++) ; console.log(a === Date.now(), a, new Date().toISOString(), new Date(0).getHours(), new Date(5).getTime()); return event.request }")
    #expect(isolate.answer(now: 1_700_000_000_123).log == ["true 1700000000123 2023-11-14T22:13:20.123Z 0 5"])
    #expect(isolate.answer(now: 5000).log == ["true 5000 1970-01-01T00:00:05.000Z 0 5"])
  }

  /// Top-level code sees the time of its build, whatever ran on the thread before.
  @Test func topLevelCodeSeesTheTimeOfTheBuild() throws {
    let thread = try #require(ThreadContext())
    let other = try Isolate(code("function handler(event) { return event.request }", limits: patient), on: thread)
    #expect(other.answer(now: 5000).pristine)
    let before = Int64(Date().timeIntervalSince1970 * 1000) - 1
    let isolate = try Isolate(
      code("var built = Date.now(), same = built === new Date().getTime(); function handler(event) { console.log(built); console.log(same); return event.request }", limits: patient), on: thread)
    let after = Int64(Date().timeIntervalSince1970 * 1000) + 1
    for now in [5000, 6000] as [Int64] {
      let log = isolate.answer(now: now).log
      #expect((before...after).contains(Int64(log[0]) ?? 0), "\(log)")
      #expect(log[1] == "true")
    }
  }

  @Test func randomNumbersDoNotRepeat() throws {
    let isolate = try makeIsolate("function handler(event) { console.log(Math.random()); return event.request }")
    #expect(Set((0..<50).flatMap { _ in isolate.answer().log }).count == 50)
  }

  @Test(arguments: ["eval('1')", "new Function('return 1')()", "(async function(){}).constructor('return 1')()", "Atomics.load", "setTimeout(() => 1)", "fetch('/')", "process.env", "SharedArrayBuffer.x", "require('fs')", "new WeakRef({})"])
  func notThere(_ expression: String) throws {
    let isolate = try makeIsolate("function handler(event) { \(expression); return event.request }")
    let answer = isolate.answer()
    #expect(answer.invocation.failure == .exception, "\(expression)")
    #expect(answer.pristine)
  }

  /// Nor at the top level: there it is an exception that ends the build, or that the code may catch.
  @Test(arguments: ["new Function('return 1')", "Function('return 1')", "(function(){}).constructor('return 1')", "(async () => 1).constructor('return 1')", "(function*(){}).constructor('yield 1')", "(0, eval)('1')"], [FunctionCode.Runtime.cloudfrontJS10, .cloudfrontJS20])
  func noCodeFromTextAtTheTopLevel(_ expression: String, _ runtime: FunctionCode.Runtime) throws {
    let rest = "function handler(event) { console.log(typeof made); return event.request }"
    #expect(throws: FunctionLoadError.self) { try makeIsolate("const made = \(expression); \(rest)", runtime) }
    let isolate = try makeIsolate("let made; try { made = \(expression) } catch (e) {} Promise.resolve().then(() => { made = \(expression) }); \(rest)", runtime)
    #expect(isolate.answer().log == ["undefined"])
  }

  @Test func alwaysStrict() throws {
    let isolate = try makeIsolate("function handler(event) { undeclared = 1; return event.request }")
    #expect(isolate.answer().error.contains("undeclared"))
  }

  @Test func fuelIsTheSameEveryTime() throws {
    let isolate = try makeIsolate("function handler(event) { for (var i = 0; i < 30000; i++) ; return event.request }")
    let first = isolate.answer().invocation.fuel
    #expect(first >= 30_000 && first < 100_000)
    for _ in 0..<5 { #expect(isolate.answer().invocation.fuel == first) }
  }
}
