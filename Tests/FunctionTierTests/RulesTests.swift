// The tier's pure rules: who may run, when a function that does not come up rests, how lines are made and worded.
import Distribution
import JSONText
import Testing
import Transport

@testable import FunctionTier

@Suite struct InterpreterVersionTests {
  static let cases: [(runtime: FunctionRuntime, version: String, differs: Bool)] = [
    (.nodejs("nodejs20.x"), "20.20.2", false), (.nodejs("nodejs18.x"), "20.20.2", true), (.nodejs("nodejs2.x"), "20.20.2", true), (.nodejs("nodejs22.x"), "", false),
    (.python("python3.11"), "3.11.2", false), (.python("python3.1"), "3.11.2", true), (.python("python3.12"), "3.11.2", true), (.nodejs("nodejs"), "20.1.1", false),
  ]

  @Test(arguments: cases) func otherVersionsAreTold(_ runtime: FunctionRuntime, _ version: String, _ differs: Bool) {
    #expect(Interpreter.nodejs(program: "/usr/bin/node").differs(version, from: runtime) == differs)
    #expect(!Interpreter.provided.differs(version, from: runtime))
  }
}

@Suite struct RulesTests {
  /// A ledger that an expectation may change.
  private final class Book {
    var ledger: ConcurrencyLedger
    init(limit: Int, byteLimit: Int = .max) { ledger = ConcurrencyLedger(limit: limit, byteLimit: byteLimit) }
    func enter(_ function: String, _ count: Int = 1, event: Int = 0) -> [InvocationFailure.Kind?] { (0..<count).map { _ in ledger.enter(function, event: event) } }
    func reserve(_ function: String, _ count: Int?) { ledger.reserve(function, count) }
    func leave(_ function: String, event: Int = 0) { ledger.leave(function, event: event) }
    var total: Int { ledger.total }
  }

  @Test func concurrencyIsReservedAndShared() {
    let ledger = Book(limit: 5)
    ledger.reserve("reserved", 2)
    ledger.reserve("off", 0)
    #expect(ledger.enter("off") == [.disabled])
    #expect(ledger.enter("a", 3) == [nil, nil, nil])
    // Two of five are somebody's.
    #expect(ledger.enter("a") == [.throttled(.account)])
    #expect(ledger.enter("b") == [.throttled(.account)])
    #expect(ledger.enter("reserved", 3) == [nil, nil, .throttled(.reserved)])
    #expect(ledger.total == 5)
    ledger.leave("a")
    #expect(ledger.enter("b") == [nil])
    ledger.leave("reserved")
    #expect(ledger.enter("b") == [.throttled(.account)])
    #expect(ledger.enter("reserved") == [nil])
    for name in ["a", "a", "b", "reserved", "reserved"] { ledger.leave(name) }
    #expect(ledger.total == 0)
    ledger.leave("a")
    #expect(ledger.total == 0)
  }

  @Test func eventsTakeNoMoreMemoryThanTheyMay() {
    let ledger = Book(limit: 100, byteLimit: 10)
    #expect(ledger.enter("a", event: 50) == [nil], "one alone")
    #expect(ledger.enter("b", event: 1) == [.throttled(.account)])
    ledger.leave("a", event: 50)
    #expect(ledger.enter("a", 3, event: 4) == [nil, nil, .throttled(.account)])
    #expect(ledger.enter("a", event: 2) == [nil])
    ledger.leave("a", event: 4)
    #expect(ledger.enter("b", 2, event: 4) == [nil, .throttled(.account)] && ledger.total == 3)
  }

  @Test func aReservationMayChangeWhileInvocationsRun() {
    let ledger = Book(limit: 4)
    #expect(ledger.enter("a", 3) == [nil, nil, nil])
    ledger.reserve("a", 1)
    #expect(ledger.enter("a") == [.throttled(.reserved)])
    #expect(ledger.enter("b") == [nil])
    ledger.reserve("a", nil)
    for _ in 0..<3 { ledger.leave("a") }
    ledger.leave("b")
    #expect(ledger.enter("c", 5) == [nil, nil, nil, nil, .throttled(.account)])
  }

  /// What the queue of events runs of one function at once: as many as are not throttled.
  @Test func sharesOfEventsAreLearned() {
    var shares = EventShares<Int>(mostRunning: 3)
    #expect(shares.begin(1, of: "f") && shares.begin(2, of: "f") && shares.begin(3, of: "f") && shares.begin(9, of: "other"))
    #expect(!shares.begin(4, of: "f") && shares.held == 1)
    // Two run: a third was too many. It is tried before what came later.
    #expect(shares.throttled(3, of: "f").isEmpty && shares.held == 2)
    #expect(shares.ran("f") == [3] && shares.begin(3, of: "f") && !shares.begin(5, of: "f"))
    // One more after sixteen that were run: twice here, with one that was counted.
    for _ in 1..<EventShares<Int>.runsBeforeOneMore - 1 { for held in shares.ran("f") { #expect(shares.begin(held, of: "f") && !shares.begin(held, of: "f")) } }
    #expect(shares.ran("f").count == 2)
    // Nothing of the function runs that could free what is held.
    #expect(shares.begin(6, of: "g") && shares.begin(7, of: "g") && shares.throttled(7, of: "g").isEmpty)
    #expect(shares.throttled(6, of: "g") == [6, 7] && shares.throttled(8, of: "nobody") == [8] && shares.ran("nobody") == [])
    #expect(shares.ran("other") == [])
    // None of those that are freed need come to run: nothing is held while nothing runs. What has been learned is kept for those that do.
    #expect(shares.begin(0, of: "h") && shares.begin(1, of: "h"))
    #expect(shares.throttled(1, of: "h").isEmpty && !shares.begin(2, of: "h") && !shares.begin(3, of: "h") && shares.held == 3)
    #expect(shares.ran("h") == [1, 2, 3] && shares.held == 0)
    #expect(shares.begin(1, of: "h") && !shares.begin(2, of: "h") && shares.held == 1)
  }

  @Test func aFunctionThatDoesNotComeUpRests() {
    var loop = CrashLoop()
    let cause = InvocationFailure(.initialization, errorType: "E", errorMessage: "m")
    for _ in 0..<CrashLoop.patience {
      loop.noteFailure(cause, now: 1_000)
      #expect(loop.refusal(now: 1_000) == nil)
    }
    var rests: [UInt64] = []
    for _ in 0..<9 {
      loop.noteFailure(cause, now: 1_000)
      rests.append((1_000...40_000).first { loop.refusal(now: $0) == nil }.map { $0 - 1_000 } ?? 0)
    }
    #expect(rests == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
    #expect(loop.refusal(now: 1_001) == cause)
    loop.noteSuccess()
    #expect(loop.refusal(now: 1_001) == nil)
  }

  @Test func linesAreMadeOfPieces() {
    var assembler = LineAssembler(), lines: [String] = []
    func take(_ text: String) {
      let bytes = Array(text.utf8)
      assembler.take(bytes.span, limit: 8) { lines.append(String(decoding: $0.array, as: UTF8.self)) }
    }
    take("a")
    take("b\ncd")
    take("\n\nlonger than eight")
    #expect(lines == ["ab", "cd", "", "longer t", "han eigh"])
    take("\n")
    #expect(lines.last == "t")
    take("rest")
    assembler.finish { lines.append(String(decoding: $0.array, as: UTF8.self)) }
    #expect(lines.last == "rest")
    let count = lines.count
    assembler.finish { _ in lines.append("again") }
    #expect(lines.count == count)
  }

  @Test func outputBeyondTheLimitIsCounted() {
    var budget = OutputBudget()
    let first = budget.admits(OutputBudget.limitBytes - 10), second = budget.admits(9), third = budget.admits(1)
    #expect((first, second, third) == (true, false, false))
    #expect(budget.droppedBytes == 10)
  }

  @Test func reportsAreWorded() {
    var report = InvocationReport()
    report.requestID = "id"
    report.duration = .microseconds(1_239)
    report.billedMilliseconds = 2
    report.memorySizeMB = 128
    report.maxMemoryUsedMB = 41
    func line(_ failure: InvocationFailure?) -> String {
      var line = ByteBuffer()
      Lines.report(report, failure, to: &line)
      return String(decoding: line.readable.array, as: UTF8.self)
    }
    #expect(line(nil) == "REPORT RequestId: id\tDuration: 1.23 ms\tBilled Duration: 2 ms\tMemory Size: 128 MB\tMax Memory Used: 41 MB")
    report.initDuration = .milliseconds(50)
    #expect(line(.timedOut("id", .seconds(3))).hasSuffix("\tInit Duration: 50.00 ms\tStatus: timeout"))
    #expect(line(.exited("id", nil)).hasSuffix("\tStatus: error\tError Type: Runtime.ExitError"))
    #expect(Lines.timedOut("id", .milliseconds(2_500)).hasSuffix("Z id Task timed out after 2.50 seconds"))
    #expect(InvocationFailure.exited("id", "exit status 1").errorMessage == "RequestId: id Error: Runtime exited with error: exit status 1")
    #expect(SandboxEnd.Cause.exited(status: 137).exitWords == "signal: killed")
    #expect(SandboxEnd.Cause.exited(status: 3).exitWords == "exit status 3")
  }

  @Test func errorsAreReadWhateverASandboxSays() {
    func read(_ text: String) -> InvocationFailure {
      let bytes = Array(text.utf8)
      return InvocationFailure(.unhandled, describing: bytes.span)
    }
    let failure = read(#"{"errorType":"TypeError","errorMessage":"m","trace":["a","b",3]}"#)
    #expect(failure == InvocationFailure(.unhandled, errorType: "TypeError", errorMessage: "m", trace: ["a", "b"]))
    #expect(JSONValue.object(failure.answer).compact == #"{"errorType":"TypeError","errorMessage":"m","trace":["a","b"]}"#)
    #expect(JSONValue.object(read(#"{"errorType":"E","errorMessage":"m","stackTrace":["x"]}"#).answer).compact == #"{"errorType":"E","errorMessage":"m","stackTrace":["x"]}"#)
    for nonsense in ["", "[]", "{", "null", #"{"errorType":1}"#] {
      #expect(read(nonsense).errorType == "Runtime.Unknown")
    }
    let long = String(repeating: "x", count: 100_000)
    #expect(read("{\"errorType\":\"E\",\"errorMessage\":\"\(long)\"}").errorMessage.utf8.count == InvocationFailure.textLimitBytes)
  }
}
