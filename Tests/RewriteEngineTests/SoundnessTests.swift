// The soundness rules of design/rewrite-engine.md that no other suite covers; Documentation/rewrite-engine.md lists
// which test stands for which rule.
import Foundation
import Synchronization
import Testing

@testable import RewriteEngine

#if canImport(Glibc)
  import Glibc
#endif

private let spins = Atomic<Int>(0)
private let killSignal = __libc_current_sigrtmin() + 4

@Suite(.serialized) struct SoundnessTests {
  /// Rule 2: between making a page writable and remembering it, no kill may leave the run.
  @Test func theKillSignalWaitsWhileAPageBecomesHot() throws {
    let isolate = try makeIsolate("function handler(event) { return event.request }")
    #expect(isolate.answer().pristine)
    var action = sigaction()
    try #require(unsafe sigaction(SIGSEGV, nil, &action) == 0)
    #expect(action.sa_flags & SA_SIGINFO != 0)
    #expect(unsafe sigismember(&action.sa_mask, killSignal) == 1)
    // And a jump out of the kill signal's own handler must leave nothing blocked.
    try #require(unsafe sigaction(killSignal, nil, &action) == 0)
    #expect(action.sa_flags & SA_NODEFER != 0)
  }

  /// Rule 4: what a run makes lies in its arena, because nothing is ever told to let it go.
  @Test func runsKeepNothingOutsideOfTheirArena() async {
    await #expect(processExitsWith: .success) {
      let isolate = try makeIsolate(
        """
        function handler(event) {
          var crypto = require('cry' + 'pto'), big = 'x'.repeat(5000);
          for (var i = 0; i < 5; i++) crypto.createHmac('sha256', big).update(big);
          new TextDecoder().decode(new TextEncoder().encode(big)); Buffer.from(big).toString('base64');
          new Map([[big, new Set([/a+/g.exec(big)])]]); require('querystring').parse('a=' + big);
          Promise.reject(1); new Proxy({}, {}); Symbol(big); new DataView(new ArrayBuffer(9)); JSON.parse(JSON.stringify([big]));
          return event.request
        }
        """)
      func run() {
        isolate.begin(.viewerRequest)
        guard isolate.run(nowMilliseconds: 0).outcome == .request else { exit(2) }
        isolate.finish()
      }
      for _ in 0..<20 { run() }
      _ = residentPages()  // brings in what it needs itself
      let before = residentPages()
      for _ in 0..<3000 { run() }
      let after = residentPages()
      #expect(after <= before + 32, "\(before) \(after)")
    }
  }

  /// Rule 4: host state of a snapshot's objects is put back with them.
  @Test func stateOfHostObjectsIsPutBack() throws {
    let isolate = try makeIsolate(
      """
      var hash = require('crypto').createHash('sha256'); hash.update('a');
      function handler(event) { console.log(hash.update('b').digest('hex').slice(0, 8)); return event.request }
      """)
    for _ in 0..<3 { #expect(isolate.answer().log == ["fb8e20fc"]) }
  }

  /// Rule 5: recursion is measured from where the run begins, not from where the isolate was built.
  @Test func theStackIsMeasuredFromTheRun() async {
    await #expect(processExitsWith: .success) {
      onThreads(1) {
        guard let isolate = try? makeIsolate("function f(n) { return n && 1 + f(n - 1) } function handler(event) { f(100); return event.request }"),
          descend(2000, { isolate.answer().invocation.outcome }) == .request,
          isolate.answer().invocation.outcome == .request
        else { exit(3) }
      }
    }
  }

  /// Rule 6: promise jobs are bounded in number, not only in time.
  @Test func promiseJobsAreBounded() throws {
    var limits = patient
    limits.memoryBytes = 64 << 20
    let isolate = try makeIsolate("function handler(event) { var f = () => Promise.resolve().then(f); f(); return new Promise(() => {}) }", limits: limits)
    let answer = isolate.answer()
    #expect(answer.invocation.failure == .pendingPromise)
    #expect(answer.error == "the handler's promise takes too many steps")
    #expect(answer.pristine)
  }

  /// Rule 8: nothing is left for the dynamic linker to do in the middle of a run.
  @Test func programsAreBoundImmediately() throws {
    let folder = Bundle.main.bundleURL
    let test = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
    for program in [test, folder.appendingPathComponent("skerry").path] where FileManager.default.fileExists(atPath: program) {
      #expect(try output("readelf --dynamic '\(program)'").contains { $0.contains("FLAGS") && $0.contains("NOW") }, "\(program)")
    }
  }

  /// Rule 9: a kill signal that comes after its run is nobody's, and the next run has all of its own time.
  @Test func lateKillSignalsAreIgnored() throws {
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = 20_000_000
    let isolate = try makeIsolate("function handler(event) { for (var i = 0; i < 100000; i++) ; return event.request }", limits: limits)
    for _ in 0..<20 { #expect(isolate.answer().invocation.outcome == .request) }  // more than one limit in all
    raise(killSignal)
    spin(milliseconds: 30)  // the timer fires with no run
    // A jump back into a run that is over might well go on from its end, as if nothing had been.
    #expect(spins.add(1, ordering: .relaxed).newValue == 1)
    raise(killSignal)
    #expect(isolate.answer().invocation.outcome == .request)
  }

  /// Rule 9: a context's timer is gone with it.
  @Test func aThreadOutlivesItsContexts() throws {
    let timers = timersOfTheProcess()
    for _ in 0..<50 {
      var limits = FunctionCode.Limits()
      limits.cpuNanoseconds = 1_000_000
      _ = try makeIsolate("function handler(event) { return event.request }", limits: limits).answer()
    }
    spin(milliseconds: 3)
    #expect(timersOfTheProcess() < timers + 25)  // other suites have some, too
  }

  /// Rule 10: the kernel does not fault on a cold page, it refuses; so no run may hand it heap memory. That none does
  /// is what SymbolTests' list of functions says.
  @Test func theKernelCannotWriteToAColdPage() throws {
    let isolate = try makeIsolate("function handler(event) { return event.request }")
    let file = unsafe open("/dev/zero", O_RDONLY)
    defer { close(file) }
    let answer = unsafe read(file, UnsafeMutableRawPointer(mutating: isolate.heapStart), 16)
    #expect(answer == -1 && errno == EFAULT)
    #expect(isolate.isPristine)
  }

  /// Rule 13: the engine polls every 10,000 steps; what a run took is counted to the step.
  @Test func fuelGrowsWithEveryStep() throws {
    let isolate = try makeIsolate("function handler(event) { var n = +event.request.uri.slice(1); for (var i = 0; i < n; i++) ; return event.request }")
    let fuel = [1_000, 2_000, 20_000, 60_000].map { isolate.answer(Event(uri: "/\($0)")).invocation.fuel }
    let perStep = (fuel[1] - fuel[0]) / 1_000
    #expect(perStep >= 1 && perStep <= 3)
    #expect(fuel[2] - fuel[1] == 18_000 * perStep)
    #expect(fuel[3] - fuel[2] == 40_000 * perStep)
  }

  /// Rule 13: a run that has not polled is not known to compute, and has 7/4 of its limit; one that has polled ends at it.
  @Test func pollsAreSteps() throws {
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = 3_000_000
    let isolate = try makeIsolate("function handler(event) { for (var i = +event.request.uri.slice(1); i > 0; i--) ; Array.prototype.reverse.call({length: 1e15}) }", limits: limits)
    func least(_ steps: Int) -> UInt64 { (0..<4).map { _ in isolate.answer(Event(uri: "/\(steps)")).invocation.cpuNanoseconds }.min() ?? 0 }
    #expect(least(2_000) >= limits.cpuNanoseconds * 27 / 16)
    #expect(least(20_000) <= limits.cpuNanoseconds * 20 / 16)
  }

  /// Native work counts as steps too: little work in few lines of code is not cheaper than the same in many.
  @Test(arguments: [
    "b.fill(1, 0, n)", "b.copy(other, 0, 0, n)", "b.subarray(0, n).equals(other.subarray(0, n))", "b.subarray(0, n).indexOf('x')", "'x'.repeat(n)",
    "crypto.createHash('sha256').update(b.subarray(0, n)).digest()", "crypto.createHmac('md5', b.subarray(0, n)).digest()", "numbers.subarray(0, n).sort()",
    "words.slice(0, n / 50).sort()", "/(a|b)*c/.test(letters.slice(0, n / 50))", "JSON.parse('[' + '1,'.repeat(n / 10) + '1]')",
  ])
  func fuelGrowsWithNativeWork(_ work: String) throws {
    let isolate = try makeIsolate(
      """
      var crypto = require('crypto'), b = Buffer.alloc(200000), other = Buffer.alloc(200000), numbers = new Float64Array(20000), words = [...'zyxwvu'.repeat(500)], letters = 'ab'.repeat(20000);
      function handler(event) { var n = +event.request.uri.slice(1); \(work); return event.request }
      """)
    let answers = ["/1000", "/20000", "/20000"].map { isolate.answer(Event(uri: $0)).invocation }
    #expect(answers.allSatisfy { $0.failure == nil })
    let fuel = answers.map(\.fuel)
    #expect(fuel[1] > fuel[0] + 19_000 / 1024 - 2)
    #expect(fuel[1] == fuel[2])
  }
}

/// Calls `body` from `frames` frames further down the stack, each of 1 KB and more.
@inline(never) private func descend<R>(_ frames: Int, _ body: () -> R) -> R {
  unsafe withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 16) { room in
    unsafe room[frames % 1024] = 1
    return frames == 0 ? body() : descend(frames - 1, body)
  }
}

/// None where the system does not tell.
private func timersOfTheProcess() -> Int {
  (try? String(contentsOfFile: "/proc/self/timers", encoding: .utf8))?.split(separator: "\n").count { $0.hasPrefix("ID:") } ?? 0
}

private func residentPages() -> Int {
  let words = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")
  return words.flatMap { Int($0[1]) } ?? .max
}

private func spin(milliseconds: Int) {
  let end = ContinuousClock.now + .milliseconds(milliseconds)
  while ContinuousClock.now < end {}
}

/// The lines a shell command prints; through a file, because another test's child could keep a pipe open.
func output(_ command: String) throws -> [String] {
  let file = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: file) }
  let status = unsafe system("\(command) > '\(file.path)'")
  try #require(status == 0, "\(command) failed (Debian: binutils)")
  return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
}
