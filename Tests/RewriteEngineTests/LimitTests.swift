// CPU, memory and recursion limits, and that a run which was cut off leaves nothing behind (design/rewrite-engine.md).
import RewriteEngine
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

struct HostileCase: CustomTestStringConvertible, Sendable {
  var name: String
  var handler: String
  var failure: FunctionFailure
  var testDescription: String { name }
}

@Suite(.serialized) struct LimitTests {
  static let hostile: [HostileCase] = [
    .init(name: "endless loop", handler: "for (;;) ;", failure: .cpuLimit),
    .init(name: "endless loop that catches", handler: "for (;;) { try { for (;;) ; } catch (e) {} }", failure: .cpuLimit),
    .init(name: "endless loop in finally", handler: "try { throw 1 } finally { for (;;) ; }", failure: .cpuLimit),
    .init(name: "regular expression", handler: "/^(a+)+$/.test('a'.repeat(40) + 'b'); return event.request", failure: .cpuLimit),
    .init(name: "huge sort", handler: "var a = []; for (var i = 0; i < 1e9; i++) a[i % 60000] = Math.random(); a.sort()", failure: .cpuLimit),
    .init(name: "one native call", handler: "Array.prototype.reverse.call({length: 1e15})", failure: .cpuLimit),
    .init(name: "quadratic indexOf", handler: "var s = 'a'.repeat(500000); for (;;) s.indexOf('a'.repeat(250000) + 'b')", failure: .cpuLimit),
    .init(name: "getter of the result", handler: "return {get statusCode() { for (;;) ; }}", failure: .cpuLimit),
    .init(name: "prepareStackTrace", handler: "Error.prepareStackTrace = () => { for (;;) ; }; null.x", failure: .cpuLimit),
    .init(name: "hash of much", handler: "var h = require('crypto').createHash('sha256'), b = Buffer.alloc(1e6); for (;;) h.update(b)", failure: .cpuLimit),
    .init(name: "promise jobs", handler: "var f = () => Promise.resolve().then(f); f(); return new Promise(() => {})", failure: .cpuLimit),
    .init(name: "array that grows", handler: "var a = [new Uint8Array(1 << 20)]; a.push(new Uint8Array(1 << 20)); a.push(new Uint8Array(1 << 20))", failure: .memoryLimit),
    .init(name: "string that doubles", handler: "var s = 'x'.repeat(1000); for (;;) { s = s + s; s.charCodeAt(0) }", failure: .memoryLimit),
    .init(name: "one allocation", handler: "Buffer.alloc(3 << 20)", failure: .memoryLimit),
    .init(name: "promise that never settles", handler: "return new Promise(() => {})", failure: .pendingPromise),
    .init(name: "exception", handler: "null.x", failure: .exception),
    .init(name: "unbounded recursion", handler: "return handler(event) + 1", failure: .exception),
    .init(name: "invalid result", handler: "", failure: .invalidResult),
  ]

  @Test(arguments: hostile) func cutOffWithoutTrace(_ row: HostileCase) throws {
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = row.failure == .cpuLimit ? 1_500_000 : 50_000_000
    let isolate = try makeIsolate("var runs = 0; function handler(event) { runs++; \(row.handler) }", limits: limits)
    for _ in 0..<3 {
      let answer = isolate.answer(Event(query: "a=1"))
      #expect(answer.invocation.failure == row.failure, "\(answer.error)")
      #expect(answer.pristine)
      #expect(answer.invocation.memoryBytes <= 2 << 20)
      if row.failure == .cpuLimit {
        #expect(answer.invocation.cpuNanoseconds >= 1_400_000)
        #expect(answer.invocation.cpuNanoseconds < 20_000_000)
      }
    }
  }

  @Test func recursionCanBeCaught() throws {
    let isolate = try makeIsolate("function f() { return f() + 1 } function handler(event) { try { f() } catch (e) { console.log(e.name) } return event.request }")
    #expect(isolate.answer().log == ["RangeError"])
  }

  @Test func memoryIsExact() throws {
    let isolate = try makeIsolate("function handler(event) { new Uint8Array(+event.request.uri.slice(1)); return event.request }")
    #expect(isolate.answer(Event(uri: "/2000000")).invocation.outcome == .request)
    #expect(isolate.answer(Event(uri: "/2097152")).invocation.failure == .memoryLimit)
    #expect(isolate.answer(Event(uri: "/2000000")).invocation.outcome == .request)
  }

  @Test func healthyAfterManyKills() throws {
    let thread = try #require(ThreadContext())
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = 200_000
    let endless = try Isolate(code("function handler() { for (;;) ; }", limits: limits), on: thread)
    let healthy = try Isolate(code("function handler(event) { event.request.uri = '/ok'; return event.request }", limits: patient), on: thread)
    for _ in 0..<200 {
      #expect(endless.answer().invocation.failure == .cpuLimit)
      #expect(healthy.answer().uri == "/ok")
    }
    #expect(endless.isPristine && healthy.isPristine)
  }

  /// The engine may be left at any instruction: wherever a kill lands, the heap comes back.
  @Test func killsAtManyMoments() throws {
    let thread = try #require(ThreadContext())
    let busy = """
      var crypto = require('crypto'), qs = require('querystring');
      async function handler(event) {
        for (var i = 0; ; i++) {
          JSON.parse(JSON.stringify(event)); event.request.headers['x-' + i] = {value: 'v' + i};
          crypto.createHash('sha256').update('x'.repeat(i)).digest(); 'abcabcx'.replace(/(a|b)+c/g, m => m.toUpperCase());
          [3, 1, 2].sort(); qs.parse('a=1&b=%20'); Buffer.from('aGVsbG8', 'base64').toString('hex'); new Map([[i, i]]);
          await null; console.log(i); (123.456 * i).toFixed(3); 10n ** BigInt(i % 50); try { null.x } catch (e) { e.stack }
        }
      }
      """
    for step in 1...40 {
      var limits = FunctionCode.Limits()
      limits.cpuNanoseconds = UInt64(10_000 + step * 7_001)
      let isolate = try Isolate(code(busy, limits: limits), on: thread)
      for _ in 0..<5 {
        let answer = isolate.answer(Event(query: "a=1&b=2", headers: [("Host", "h"), ("Cookie", "a=1; b=2")]))
        #expect(answer.invocation.failure == .cpuLimit)
        #expect(answer.pristine)
        #expect(answer.edits == [])
      }
    }
  }

  /// CPU time is limited, not time: a thread that had to wait may go on.
  @Test func threadsHaveTheirOwnLimits() throws {
    final class Tally: Sendable { let good = Atomic<Int>(0) }
    let tally = Tally()
    @Sendable func work() {
      guard let thread = ThreadContext(),
        let endless = try? Isolate(code("function handler() { for (;;) ; }"), on: thread),
        let healthy = try? Isolate(code("var n = 0; function handler(event) { event.request.uri = '/' + ++n; return event.request }", limits: patient), on: thread)
      else { return }
      for _ in 0..<30 where endless.answer().invocation.failure == .cpuLimit && healthy.answer().uri == "/1" {
        tally.good.add(1, ordering: .relaxed)
      }
    }
    onThreads(2, work)
    #expect(tally.good.load(ordering: .relaxed) == 60)
  }

  @Test func anotherThreadIsRefused() throws {
    nonisolated(unsafe) let isolate = try makeIsolate("function handler(event) { return event.request }")
    let failures = Mutex<[FunctionFailure?]>([])
    onThreads(1) {
      let failure = unsafe isolate.run(nowMilliseconds: 0).failure
      failures.withLock { $0.append(failure) }
    }
    #expect(failures.withLock { $0 } == [.wrongThread])
  }
}

/// Runs `body` on new threads and waits for all of them.
func onThreads(_ count: Int, _ body: @escaping @Sendable () -> Void) {
  final class Box { let body: @Sendable () -> Void; init(_ body: @escaping @Sendable () -> Void) { self.body = body } }
  var threads = [pthread_t](repeating: 0, count: count)
  for index in 0..<count {
    let box = unsafe Unmanaged.passRetained(Box(body))
    unsafe pthread_create(
      &threads[index], nil,
      {
        guard let argument = unsafe $0 else { return nil }
        unsafe Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, box.toOpaque())
  }
  for thread in threads { pthread_join(thread, nil) }
}
