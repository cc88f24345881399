// What is counted and kept of functions: the table of runs and the function log.

import Glibc
import Foundation
import Testing

@testable import Telemetry

@Suite struct FunctionTableTests {
  private let cost = RunCost(cpuNanoseconds: 500_000, allowedNanoseconds: 1_000_000, fuel: 40)

  @Test func countsByFunctionEventAndOutcome() {
    let counters = WorkerCounters(labels: MetricLabels(functions: ["a", "b"]))
    counters.countRun(0, .viewerRequest, .responded, cost)
    counters.countRun(1, .viewerResponse, .cpuLimit, RunCost(cpuNanoseconds: 1_100_000, allowedNanoseconds: 1_000_000, fuel: 2))
    counters.countRun(1, .viewerResponse, .throttled)
    counters.countRun(9, .viewerRequest, .continued, cost)
    let page = MetricsPage.render([counters.snapshot(worker: 0)], process: facts)
    let runs = lines(page, "skerry_function_runs_total").filter { !$0.hasSuffix(" 0") }.dropFirst(2)
    #expect(runs == [
      #"skerry_function_runs_total{function="a",event="viewer-request",outcome="responded"} 1"#,
      #"skerry_function_runs_total{function="b",event="viewer-response",outcome="cpu_limit"} 1"#,
      #"skerry_function_runs_total{function="b",event="viewer-response",outcome="throttled"} 1"#,
      #"skerry_function_runs_total{function="other",event="viewer-request",outcome="continued"} 1"#,
    ])
    let buckets = lines(page, "skerry_function_compute_utilization_ratio_bucket").filter { $0.contains(#""b""#) }
    #expect(buckets.suffix(2) == [
      #"skerry_function_compute_utilization_ratio_bucket{function="b",event="viewer-response",le="1"} 0"#,
      #"skerry_function_compute_utilization_ratio_bucket{function="b",event="viewer-response",le="+Inf"} 1"#,
    ])
    let half = lines(page, "skerry_function_compute_utilization_ratio_bucket").filter { $0.contains(#""a""#) && $0.hasSuffix(" 1") }
    #expect(half.first?.contains(#"le="0.5""#) == true)
    #expect(lines(page, "skerry_function_duration_seconds_total").contains(#"skerry_function_duration_seconds_total{function="b",event="viewer-response"} 0.0011"#))
    #expect(lines(page, "skerry_function_fuel_total").contains(#"skerry_function_fuel_total{function="a",event="viewer-request"} 40"#))
  }

  /// One worker has taken up a configuration with more functions already; `other` stays where it is.
  @Test func mergesTablesOfDifferentSizes() {
    let one = WorkerCounters(labels: MetricLabels(functions: ["a"])), two = WorkerCounters(labels: MetricLabels(functions: ["a"]))
    for counters in [one, two] {
      counters.countRun(0, .viewerRequest, .continued, cost)
      counters.countRun(7, .viewerRequest, .continued, cost)
    }
    two.adopt(MetricLabels(functions: ["a", "b"]))
    two.countRun(1, .viewerRequest, .continued, cost)
    two.countRun(7, .viewerRequest, .continued, cost)
    let page = MetricsPage.render([one.snapshot(worker: 0), two.snapshot(worker: 1)], process: facts)
    let counts = lines(page, "skerry_function_runs_total").filter { $0.contains("continued") }.map { $0.split(separator: " ").last ?? "" }
    #expect(counts == ["2", "1", "3"])
  }
}

@Suite struct FunctionLogTests {
  private func write(_ file: TemporaryFile, _ body: (inout FunctionLog) -> Void) throws -> LogWriter.Statistics {
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = FunctionLog(writer: writer)
    body(&log)
    log.flush()
    writer.close(deadlineMilliseconds: 5_000)
    return writer.statistics
  }

  @Test func writesARunsLines() throws {
    let file = TemporaryFile()
    let statistics = try write(file) { log in
      log.begin(requestID: "ID==".utf8Array.span, distributionID: "E1".utf8Array.span)
      log.say(requestID: "ID==".utf8Array.span, "text\r\nID== END\u{7f}".utf8Array.span)
      log.say(requestID: "ID==".utf8Array.span, "".utf8Array.span)
      log.end(requestID: "ID==".utf8Array.span)
    }
    #expect(file.text == "ID== START DistributionID: E1\nID== text  ID== END \nID== \nID== END\n")
    #expect(statistics.linesWritten == 4)
  }

  /// However much is said, every run finds room and none is longer than it may be.
  @Test func cutsWhatIsTooLong() throws {
    let file = TemporaryFile(), id = String(repeating: "i", count: 56).utf8Array, text = String(repeating: "t", count: 600).utf8Array
    let statistics = try write(file) { log in
      for run in 0..<40 {
        log.begin(requestID: id.span, distributionID: id.span)
        let said = run % 2 == 0 ? text : []
        for _ in 0..<2_000 { log.say(requestID: id.span, said.span) }
        log.end(requestID: id.span)
      }
    }
    let lines = file.text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    #expect(lines.count == 20 * (18 + 2) + 20 * (1_024 + 2))
    #expect(lines.allSatisfy { $0.hasPrefix(String(repeating: "i", count: 56) + " ") })
    #expect(file.text.count { $0 == "t" } == 20 * 10_240 + lines.count { $0.contains("START") } * "DistributionID".count { $0 == "t" })
    #expect(statistics.linesDropped == 0)
  }

  @Test func neverWaitsForASlowWriter() throws {
    var ends: [Int32] = [0, 0]
    #expect(unsafe pipe(&ends) == 0)
    defer { for end in ends { close(end) } }
    var configuration = LogWriter.Configuration()
    configuration.queueLimitBlocks = 1
    let writer = try LogWriter(.file("/proc/self/fd/\(ends[1])"), configuration: configuration, diagnostics: nil)
    var log = FunctionLog(writer: writer)
    let text = [UInt8](repeating: 120, count: 10_000)
    for _ in 0..<200 {   // 2 MB into a pipe that nobody reads
      log.begin(requestID: text.span.extracting(0..<56), distributionID: text.span.extracting(0..<4))
      log.say(requestID: text.span.extracting(0..<56), text.span)
      log.end(requestID: text.span.extracting(0..<56))
    }
    log.flush()
    #expect(writer.statistics.linesDropped > 0)
    writer.close(deadlineMilliseconds: 10)
  }
}

@Suite struct FunctionTierLogTests {
  /// Lines are looked through eight bytes at a time: of every length, with a byte that must not stand there at every place.
  @Test(arguments: [UInt8(0), 9, 10, 13, 31, 32, 126, 127, 128, 159, 255])
  func noLineForgesAnother(_ byte: UInt8) throws {
    let file = TemporaryFile(), writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = FunctionTierLog()
    log.adopt(writer)
    var expected: [UInt8] = []
    for length in 1..<20 {
      for place in 0..<length {
        var line = [UInt8](repeating: 0x7E, count: length)
        line[place] = byte
        log.write(function: "f".utf8Array.span, line.span)
        line[place] = byte == 127 || byte < 32 && byte != 9 ? 32 : byte
        expected += Array("f ".utf8) + line + [10]
      }
    }
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(try Array(Data(contentsOf: URL(filePath: file.path))) == expected)
  }

  /// Control characters of two bytes, at every place; what only begins like them stays.
  @Test(arguments: [("\u{80}", "  "), ("\u{9B}", "  "), ("\u{9F}", "  "), ("\u{A0}", "\u{A0}"), ("°", "°"), ("é", "é"), ("\u{9B}\u{9B}", "    "), ("…", "…")])
  func noTerminalIsToldAnything(_ character: String, _ shown: String) throws {
    let file = TemporaryFile(), writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = FunctionTierLog(), expected = ""
    log.adopt(writer)
    for before in 0..<20 {
      for after in 0..<10 {
        let parts = (String(repeating: "~", count: before), String(repeating: "~", count: after))
        log.write(function: "f".utf8Array.span, (parts.0 + character + parts.1).utf8Array.span)
        expected += "f \(parts.0)\(shown)\(parts.1)\n"
      }
    }
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(try String(contentsOfFile: file.path, encoding: .utf8) == expected)
  }
}
