// Counting, merging and the metrics page; and that the documentation lists what the registry holds.

import Testing

@testable import Telemetry

let facts = ProcessFacts(version: "1.0", start: Timestamp(milliseconds: 1_795_227_606_120), cpuMicroseconds: 1_500_000)

/// The lines of a page that are about one metric.
func lines(_ page: String, _ name: String) -> [String] {
  page.split(separator: "\n").map(String.init).filter { line in
    line.split(whereSeparator: { " {".contains($0) }).contains { $0 == name }
  }
}

@Suite struct WorkerCountersTests {
  @Test func everyCounterHasItsOwnCell() {
    let counters = WorkerCounters()
    for counter in Counter.allCases { counters.add(counter, counter.rawValue + 1) }
    let snapshot = counters.snapshot(worker: 0)
    for counter in Counter.allCases { #expect(snapshot[counter] == UInt64(counter.rawValue + 1)) }
  }

  @Test func gaugesGoUpAndDown() {
    let counters = WorkerCounters()
    counters.move(.connectionsOpen, by: 3)
    counters.move(.connectionsOpen, by: -1)
    counters.move(.tunnelsOpen, by: -1)
    let snapshot = counters.snapshot(worker: 0)
    #expect(snapshot[.connectionsOpen] == 2)
    #expect(snapshot[.tunnelsOpen] == -1)
    #expect(snapshot[.requestsInFlight] == 0)
  }

  @Test func boundsBelongToTheLowerBucket() {
    let counters = WorkerCounters()
    for value in [-5, 0, 10, 11, 60_000_000, 60_000_001, Int(Int32.max)] { counters.observe(.originFirstByte, microseconds: value) }
    let snapshot = counters.snapshot(worker: 0)
    #expect(snapshot.count(of: .originFirstByte) == 7)
    #expect(snapshot.count(of: .requestDuration) == 0)
    let page = lines(MetricsPage.render([snapshot], process: facts), "skerry_origin_first_byte_seconds_bucket")
    #expect(page.first == #"skerry_origin_first_byte_seconds_bucket{le="0.00001"} 3"#)
    #expect(page.dropFirst().first == #"skerry_origin_first_byte_seconds_bucket{le="0.000025"} 4"#)
    #expect(page.suffix(2) == [#"skerry_origin_first_byte_seconds_bucket{le="60"} 5"#, #"skerry_origin_first_byte_seconds_bucket{le="+Inf"} 7"#])
  }

  @Test func bucketsGrow() {
    #expect(Histogram.boundsMicroseconds == Histogram.boundsMicroseconds.sorted())
    #expect(Set(Histogram.boundsMicroseconds).count == Histogram.boundsMicroseconds.count)
  }

  @Test func labelsOnlyGrow() {
    let first = MetricLabels(distributions: ["A", "B", "A"])
    #expect(first.distributions == ["A", "B"])
    let second = first.extended(with: ["C", "A"])
    #expect(second.distributions == ["A", "B", "C"])
    #expect(second.index(ofDistribution: "C") == 2)
    #expect(second.index(ofDistribution: "?") == MetricLabels.distributionLimit)
    let many = first.extended(with: (0..<1_000).map { "D\($0)" })
    #expect(many.distributions.count == MetricLabels.distributionLimit)
  }

  @Test func aReloadMovesNoNumber() {
    let counters = WorkerCounters(labels: MetricLabels(distributions: ["A"]))
    counters.countRequest(distribution: 0, status: 200, result: .miss)
    counters.countRequest(distribution: 7, status: 403, result: .error)
    counters.adopt(MetricLabels(distributions: ["A", "B"]))
    counters.countRequest(distribution: 1, status: 302, result: .redirect)
    counters.countRequest(distribution: 2, status: 403, result: .error)
    counters.countRequest(distribution: 0, status: 0, result: .error)
    counters.adopt(MetricLabels(distributions: ["X"]))  // no extension: ignored
    let page = MetricsPage.render([counters.snapshot(worker: 0)], process: facts)
    #expect(lines(page, "skerry_requests_total").dropFirst(2) == [
      #"skerry_requests_total{distribution="A",status="000",result="Error"} 1"#,
      #"skerry_requests_total{distribution="A",status="2xx",result="Miss"} 1"#,
      #"skerry_requests_total{distribution="B",status="3xx",result="Redirect"} 1"#,
      #"skerry_requests_total{distribution="other",status="4xx",result="Error"} 2"#,
    ])
  }
}

@Suite struct MetricsPageTests {
  @Test func mergesWorkers() {
    // One worker has taken the new configuration already, the other has not.
    let one = WorkerCounters(labels: MetricLabels(distributions: ["A"]))
    let two = WorkerCounters(labels: MetricLabels(distributions: ["A", "B"]))
    for counters in [one, two] {
      counters.add(.upgrades, 2)
      counters.move(.connectionsOpen, by: 5)
      counters.observe(.requestDuration, microseconds: 1_500)
      counters.countRequest(distribution: 0, status: 200, result: .hit)
      counters.countRequest(distribution: 99, status: 200, result: .hit)
    }
    two.countRequest(distribution: 1, status: 500, result: .error)
    let page = MetricsPage.render([one.snapshot(worker: 0), two.snapshot(worker: 1)], process: facts)
    #expect(lines(page, "skerry_upgrades_total").last == "skerry_upgrades_total 4")
    #expect(lines(page, "skerry_connections_open").suffix(2) == [#"skerry_connections_open{worker="0"} 5"#, #"skerry_connections_open{worker="1"} 5"#])
    #expect(lines(page, "skerry_request_duration_seconds_sum") == ["skerry_request_duration_seconds_sum 0.003"])
    #expect(lines(page, "skerry_request_duration_seconds_count") == ["skerry_request_duration_seconds_count 2"])
    #expect(lines(page, "skerry_requests_total").dropFirst(2) == [
      #"skerry_requests_total{distribution="A",status="2xx",result="Hit"} 2"#,
      #"skerry_requests_total{distribution="B",status="5xx",result="Error"} 1"#,
      #"skerry_requests_total{distribution="other",status="2xx",result="Hit"} 2"#,
    ])
  }

  @Test func showsTheProcessAndItsLogs() {
    var process = facts
    process.version = "1.0 \"beta\"\\\n"
    process.accessLog = LogWriter.Statistics()
    process.accessLog?.linesDropped = 7
    let page = MetricsPage.render([], process: process)
    #expect(page.hasPrefix("""
      # HELP skerry_build_info The program that is running; always 1.
      # TYPE skerry_build_info gauge
      skerry_build_info{version="1.0 \\"beta\\"\\\\\\n"} 1
      # HELP skerry_process_start_time_seconds When the process began, in seconds since 1970.
      # TYPE skerry_process_start_time_seconds gauge
      skerry_process_start_time_seconds 1795227606.12
      # HELP skerry_process_cpu_seconds_total User and system CPU time of the process.
      # TYPE skerry_process_cpu_seconds_total counter
      skerry_process_cpu_seconds_total 1.5

      """))
    #expect(lines(page, "skerry_log_lines_dropped_total").last == #"skerry_log_lines_dropped_total{log="access"} 7"#)
  }

  /// The rules of the format: HELP and TYPE once and before the samples, one sample per name and labels, every value a number.
  @Test func isWellFormed() {
    let counters = WorkerCounters(labels: MetricLabels(distributions: ["we\"ird\n"]))
    counters.countRequest(distribution: 0, status: 200, result: .hit)
    let page = MetricsPage.render([counters.snapshot(worker: 0)], process: facts)
    var types: [String: String] = [:], seen: Set<String> = []
    for line in page.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(String.init) {
      let words = line.split(separator: " ").map(String.init)
      if line.hasPrefix("# TYPE ") { #expect(types.updateValue(words[3], forKey: words[2]) == nil, "\(line)") }
      if line.hasPrefix("#") { continue }
      let name = String(line.prefix { $0 != " " && $0 != "{" })
      let family = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) && types[String(name.dropLast($0.count))] == "histogram" }
        .map { String(name.dropLast($0.count)) } ?? name
      #expect(name.hasPrefix("skerry_") && types[family] != nil, "\(line)")
      #expect((types[family] == "counter") == name.hasSuffix("_total"), "\(line)")
      #expect(Double(words.last ?? "") != nil, "\(line)")
      #expect(seen.insert(line.split(separator: " ").dropLast().joined(separator: " ")).inserted, "\(line)")
    }
    #expect(page.hasSuffix("\n"))
  }

  @Test(arguments: [(0, 6, "0"), (10, 6, "0.00001"), (1_500_000, 6, "1.5"), (60_000_000, 6, "60"), (1_001, 3, "1.001")] as [(UInt64, Int, String)])
  func writesDecimals(_ value: UInt64, _ places: Int, _ expected: String) {
    #expect(MetricsPage.decimal(value, places: places) == expected)
  }
}

@Suite struct RegistryTests {
  @Test func labelsAreUniqueWithinTheirFamily() {
    for family in CounterFamily.allCases {
      let labels = Counter.allCases.map(\.description).filter { $0.family == family }.map(\.label)
      #expect(!labels.isEmpty && Set(labels).count == labels.count)
      #expect(labels.allSatisfy { $0.isEmpty == (family.label == nil) })
    }
  }

  /// The tables in the documentation and in the program say the same, in the same order.
  @Test func theDocumentationListsEveryMetric() throws {
    let rows = Set(try file("Documentation/observability.md").split(separator: "\n").map(String.init))
    var expected = MetricsPage.logMetrics.map { "| `\($0.name)` | counter | `log` | \($0.help) |" }
    for family in CounterFamily.allCases {
      expected.append("| `\(family.rawValue)` | counter | \(family.label.map { "`\($0)`" } ?? "") | \(family.help) |")
    }
    expected += Gauge.allCases.map(\.description).map { "| `\($0.name)` | gauge | `worker` | \($0.help) |" }
    expected += Histogram.allCases.map(\.description).map { "| `\($0.name)` | histogram | | \($0.help) |" }
    for (metric, type) in [
      (FunctionTable.utilization, "histogram"), (FunctionTable.duration, "counter"), (FunctionTable.steps, "counter"),
    ] { expected.append("| `\(metric.name)` | \(type) | `function`, `event` | \(metric.help) |") }
    expected.append("| `\(FunctionTable.runs.name)` | counter | `function`, `event`, `outcome` | \(FunctionTable.runs.help) |")
    expected.append("| `\(RedirectTally.redirects.name)` | counter | `table` | \(RedirectTally.redirects.help) |")
    expected.append("| `\(RedirectTally.rulesHit.name)` | gauge | `table` | \(RedirectTally.rulesHit.help) |")
    expected += RunOutcome.allCases.map { "| `\(FunctionTable.runs.name)` | `\($0.word)` | \($0.meaning) |" }
    for counter in Counter.allCases.map(\.description) where counter.family.label != nil {
      expected.append("| `\(counter.family.rawValue)` | `\(counter.label)` | \(counter.meaning) |")
    }
    #expect(expected.filter { !rows.contains($0) } == [], "missing in Documentation/observability.md")
    let documented = rows.filter { $0.hasPrefix("| `skerry_") }
    let unknown = documented.subtracting(expected).filter { row in
      !["skerry_build_info", "skerry_process_", "skerry_last_reload_", "skerry_configuration_generation", "skerry_requests_total"].contains { row.contains($0) }
    }
    #expect(unknown == [], "not in the program")
  }
}
