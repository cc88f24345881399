// CPU, memory and recursion limits, and that a run which was cut off leaves nothing behind (design/rewrite-engine.md).
import Foundation
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
        #expect(answer.invocation.cpuNanoseconds <= 3_000_000)
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

  /// A virtual machine that stands still charges the pause to the thread that was running. What stands for it here is a signal
  /// handler that computes, and holds the kill signal off as the hypervisor does.
  @Test func aPauseOfTheMachineIsNotTheRuns() throws {
    let thread = try #require(ThreadContext())
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = 2_000_000
    let endless = try Isolate(code("function handler() { for (;;) ; }", limits: limits), on: thread)
    let native = try Isolate(code("function handler() { Array.prototype.reverse.call({length: 1e15}) }", limits: limits), on: thread)
    let healthy = try Isolate(code("function handler(event) { for (var i = 0; i < 10000; i++) ; return event.request }", limits: limits), on: thread)
    let pauses = Pauses()
    defer { pauses.end() }
    var stolen = 0, undisturbed = 0, mistaken = 0
    for _ in 0..<60 {
      for (isolate, failure) in [(endless, FunctionFailure.cpuLimit), (native, .cpuLimit), (healthy, nil)] {
        let before = Pauses.taken, answer = isolate.answer(), run = answer.invocation
        let paused = Pauses.taken - before
        #expect(run.failure == failure)
        if paused == 0 { undisturbed += 1 }
        if run.stolenNanoseconds > paused { mistaken += 1 }  // pauses of the machine's own
        if failure != nil {
          #expect(run.cpuNanoseconds <= 2 * limits.cpuNanoseconds, "\(run)")
          #expect(run.cpuNanoseconds >= limits.cpuNanoseconds - 100_000)
        }
        if run.stolenNanoseconds > 1_000_000 { stolen += 1 }
      }
    }
    #expect(stolen > 20, "\(stolen) pauses were noticed")
    #expect(undisturbed > 20 && mistaken < undisturbed / 2, "\(mistaken) of \(undisturbed)")
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

/// Pauses of 4 ms of the calling thread, one whenever it has computed for another 9 ms, until `end`. By that clock: where others take
/// the processor, pauses that came by the time of day would leave nothing of it.
private final class Pauses: Sendable {
  private static let signal = __libc_current_sigrtmin() + 6, lasting: UInt64 = 4_000_000
  private static let sum = Atomic<UInt64>(0)
  /// How long all pauses so far took.
  static var taken: UInt64 { sum.load(ordering: .relaxed) }

  private let isOver = Atomic<Bool>(false), hasEnded = Atomic<Bool>(false)

  init() {
    var action = sigaction()
    unsafe sigaddset(&action.sa_mask, __libc_current_sigrtmin() + 4)
    unsafe action.__sigaction_handler.sa_handler = { _ in
      let end = threadNanoseconds() + Pauses.lasting
      while threadNanoseconds() < end {}
      Pauses.sum.add(Pauses.lasting, ordering: .relaxed)
    }
    unsafe sigaction(Self.signal, &action, nil)
    var own = sigset_t()  // threads of libdispatch begin with all signals blocked
    unsafe sigaddset(&own, Self.signal)
    unsafe pthread_sigmask(SIG_UNBLOCK, &own, nil)
    let thread = pthread_self()
    var clock = clockid_t()
    unsafe pthread_getcpuclockid(thread, &clock)
    Thread.detachNewThread { [self, clock] in
      var last = nanoseconds(clock)
      while !isOver.load(ordering: .relaxed) {
        usleep(500)
        if nanoseconds(clock) < last + 9_000_000 { continue }
        last = nanoseconds(clock)
        pthread_kill(thread, Self.signal)
      }
      hasEnded.store(true, ordering: .releasing)
    }
  }

  func end() {
    isOver.store(true, ordering: .relaxed)
    while !hasEnded.load(ordering: .acquiring) { usleep(1_000) }
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
