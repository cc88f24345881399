// What is said of a test, and two tests beside one another.
import Histogram
import JSONText
@testable import LoadGenerator
import Testing

@Suite struct ReportTests {
  private func report(spread: UInt64 = 3, _ change: (inout Tally) -> Void = { _ in }) throws -> LoadReport {
    let options = LoadOptions(try LoadTarget("http://127.0.0.1/<b>"))
    var tally = Tally()
    for millisecond in 1...100 { tally.latencies.take(UInt64(millisecond) * 1_000_000) }
    (tally.sent, tally.answered, tally.statuses[200], tally.end) = (100, 100, 100, 3_000_000_000)
    change(&tally)
    var intervals: [LoadMonitor.Interval] = []
    for index in 0..<20 { intervals.append(LoadMonitor.Interval(answers: 5, failures: 0, p50: (50 + UInt64(index) % spread) * 1_000_000, p99: 99_000_000, maximum: 100_000_000)) }
    return LoadReport(options, try .single(options.target), tally, intervals, workers: 1, start: 1_000_000_000, cpu: CPUUsage())
  }

  @Test func percentilesAreThoseOfTheLatencies() throws {
    let report = try report()
    for (percent, wanted) in [(50.0, 50.0), (90, 90), (99, 99), (99.9, 100)] {
      let index = try #require(LoadReport.Distribution.percents.firstIndex(of: percent))
      #expect(abs(Double(report.latency.percentiles[index]) / 1e6 / wanted - 1) < 0.002)
      #expect(abs(Double(report.latency.at(percent)) / 1e6 / wanted - 1) < 0.002)
    }
    #expect(report.rate == 50 && report.isGood)
  }

  /// What a report says in JSON is read again.
  @Test func runsAreCompared() throws {
    let before = try RecordedRun(try report().json)
    let after = try RecordedRun(try report { $0.failures[LoadFailure.Kind.timeout.rawValue] = 3; $0.answered = 50; for _ in 0..<50 { $0.latencies.take(200_000_000) } }.json)
    let comparison = RunComparison(before, after)
    let rows = Dictionary(uniqueKeysWithValues: comparison.rows.map { ($0.name, $0) })
    #expect(rows["answers/s"]?.change == -0.5 && rows["failed"]?.after == 3 && rows["failed"]?.change == nil)
    #expect(rows["p50"]?.isMore == true && rows["min"]?.change == 0)
    #expect(comparison.text.contains("-50 %"))
    #expect(throws: LoadProblem.self) { try RecordedRun(.object([:])) }
  }

  /// A fall is a change as a rise is; the noise is that of the noisier run.
  @Test func aFallIsAChange() throws {
    let before = try RecordedRun(try report { for _ in 0..<200 { $0.latencies.take(90_000_000) } }.json), after = try RecordedRun(try report().json)
    let rows = Dictionary(uniqueKeysWithValues: RunComparison(before, after).rows.map { ($0.name, $0) })
    #expect(rows["p50"]?.change ?? 0 < -0.1 && rows["p50"]?.isMore == true)
  }

  /// Whatever stands in a file that is compared: nothing of it ends the program.
  @Test(arguments: ["1e300", "-1e300", "1e-300", "0", "-5", "1e19", "\"x\"", "null"]) func anyNumberIsCompared(_ number: String) throws {
    let good = try report().json
    var text = good.compact
    for name in ["answersPerSecond", "failed", "p50", "mean", "max", "min", "milliseconds", "answers"] {
      text = text.replacing(try Regex("\"\(name)\":[0-9.e+-]+"), with: "\"\(name)\":\(number)")
    }
    let strange = try RecordedRun(try JSONValue(parsing: text)), run = try RecordedRun(good)
    for comparison in [RunComparison(strange, run), RunComparison(run, strange), RunComparison(strange, strange)] {
      #expect(comparison.rows.count == comparison.text.split(separator: "\n").count { $0.contains("  ") } - 2 && comparison.json.array?.count == comparison.rows.count)
    }
  }

  /// However one of them is the quieter.
  @Test func theNoiseIsThatOfTheNoisierRun() throws {
    let quiet = try RecordedRun(try report().json), noisy = try RecordedRun(try report(spread: 20).json)
    func noise(_ before: RecordedRun, _ after: RecordedRun) -> Double? { RunComparison(before, after).rows.first { $0.name == "p50" }?.noise }
    #expect(noise(quiet, quiet) ?? 0 > 0 && noise(noisy, noisy) ?? 0 > noise(quiet, quiet) ?? 1)
    #expect(noise(quiet, noisy) == noise(noisy, noisy) && noise(noisy, quiet) == noise(noisy, noisy))
  }

  /// What two workers have seen is one test's.
  @Test func workersAreAddedUp() {
    var one = Tally(), other = Tally()
    (one.end, other.end) = (7, 5)
    (one.rules, other.rules) = ([RuleTally()], [RuleTally()])
    (one.rules[0].fastest, other.rules[0].fastest) = (9, 4)
    var sum = one, reversed = other
    sum.add(other)
    reversed.add(one)
    #expect(sum.end == 7 && reversed.end == 7 && sum.rules[0].fastest == 4 && reversed.rules[0].fastest == 4)
  }

  @Test func thePageEscapesAndNeedsNothing() throws {
    let html = try report { $0.note(WrongAnswer(rule: nil, request: "<script>", expected: "\"a\"", got: "&'")) }.html
    #expect(html.contains("http://127.0.0.1/%3Cb%3E") && html.contains("&lt;script&gt;") && html.contains("&quot;a&quot;") && html.contains("&amp;&#39;"))
    #expect(!html.contains("<script") && !html.contains("src=") && !html.contains("href=") && html.contains("<polyline"))
  }

  /// A test so short that it has one part of the time shows it.
  @Test func oneIntervalIsSeen() throws {
    let options = LoadOptions(try LoadTarget("http://127.0.0.1/"))
    var tally = Tally()
    tally.latencies.take(1_000_000)
    (tally.sent, tally.answered, tally.end) = (1, 1, 1_100_000_000)
    let interval = LoadMonitor.Interval(answers: 1, failures: 0, p50: 1_000_000, p99: 1_000_000, maximum: 1_000_000)
    let html = LoadReport(options, try .single(options.target), tally, [interval], workers: 1, start: 1_000_000_000, cpu: CPUUsage()).html
    let lines = html.matches(of: /<polyline class="[abc]" points="([^"]*)"/).map { $0.1.split(separator: " ").count }
    #expect(lines.count >= 5 && lines.allSatisfy { $0 > 1 }, "\(lines)")
  }

  static let times: [(nanoseconds: UInt64, text: String)] = [(0, "0µs"), (999, "1µs"), (63_400, "63.4µs"), (1_520_000, "1.52ms"), (123_456_000, "123ms"), (2_100_000_000, "2.1s")]
  @Test(arguments: times) func numbersForPeople(_ nanoseconds: UInt64, _ text: String) { #expect(LoadReport.time(nanoseconds) == text) }
  @Test func groups() { #expect([0, 999, 1000, 1_234_567, -1000].map(LoadReport.grouped) == ["0", "999", "1,000", "1,234,567", "-1,000"]) }
}

@Suite struct DifferencesTests {
  /// What two workers have seen is added; content of one length may differ, and several lines of one field are all compared.
  @Test func whatWorkersSawIsAdded() {
    var one = Differences(), other = Differences()
    let first = Answer(status: 200, fields: [("vary", "a"), ("vary", "b")], contentBytes: 3, contentHash: 1)
    let second = Answer(status: 200, fields: [("vary", "a"), ("vary", "c")], contentBytes: 3, contentHash: 2)
    one.compare(first, second, rule: 1, ignoring: [], "r")
    other.compare(first, second, rule: 1, ignoring: [], "r")
    other.compare(first, second, rule: 2, ignoring: [], "r")
    one.add(other)
    #expect(one.compared == 3 && one.different == 3)
    #expect(one.entries[.init(rule: 1, part: "vary")]?.count == 2 && one.entries[.init(rule: 1, part: "content")]?.count == 2)
    #expect(one.entries[.init(rule: 2, part: "vary")]?.first == "a\nb")
  }

  @Test func aFieldThatOnlyOneHas() {
    var differences = Differences()
    let plain = Answer(status: 200), varied = Answer(status: 200, fields: [("vary", "a")])
    differences.compare(varied, plain, rule: 0, ignoring: [], "r")
    differences.compare(plain, varied, rule: 1, ignoring: [], "r")
    #expect(differences.different == 2 && differences.entries[.init(rule: 0, part: "vary")]?.second == "none" && differences.entries[.init(rule: 1, part: "vary")]?.first == "none")
  }

  @Test func whatDiffersIsGatheredByRule() {
    var differences = Differences()
    let first = Answer(status: 301, location: nil, fields: [("location", "/a"), ("date", "x")], contentBytes: 0)
    let second = Answer(status: 301, location: nil, fields: [("location", "/b"), ("date", "y")], contentBytes: 0)
    for rule in [1, 1, 2] { differences.compare(first, second, rule: rule, ignoring: ["date"], "r\(rule)") }
    differences.compare(first, first, rule: 3, ignoring: [], "r3")
    #expect(differences.compared == 4 && differences.different == 3)
    #expect(differences.entries[.init(rule: 1, part: "location")]?.count == 2 && differences.entries[.init(rule: 2, part: "location")]?.first == "/a")
    #expect(differences.entries.count == 2)
    differences.compare(Answer(contentBytes: 1), Answer(contentBytes: 2), rule: 4, ignoring: ["content"], "r4")
    #expect(differences.different == 3)
    differences.compare(Answer(contentBytes: 1), Answer(contentBytes: 2), rule: 4, ignoring: [], "r4")
    #expect(differences.entries[.init(rule: 4, part: "content")]?.count == 1)
  }
}
