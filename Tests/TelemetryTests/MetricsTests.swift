// Counting, merging and the metrics page; and that the documentation lists what the registry holds.

import Testing

@testable import Telemetry

let facts = ProcessFacts(
  build: BuildFacts(version: "1.0", commit: "c0ffee", swift: "6.3"), start: Timestamp(milliseconds: 1_795_227_606_120), cpuMicroseconds: 1_500_000)

/// A behavior, or an origin.
func part(_ distribution: String, _ name: String = "*") -> MetricLabels.Part { MetricLabels.Part(distribution, name) }

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
    for value in [-5, 0, 10, 11, 60_000_000, 60_000_001, Int(Int32.max)] { counters.observe(.sendStep, microseconds: value) }
    let snapshot = counters.snapshot(worker: 0)
    #expect(snapshot.count(of: .sendStep) == 7)
    #expect(snapshot.count(of: .requestDuration) == 0)
    let page = lines(MetricsPage.render([snapshot], process: facts), "skerry_step_duration_seconds_bucket").filter { $0.contains(#"step="send""#) }
    #expect(page.first == #"skerry_step_duration_seconds_bucket{step="send",le="0.00001"} 3"#)
    #expect(page.dropFirst().first == #"skerry_step_duration_seconds_bucket{step="send",le="0.000025"} 4"#)
    #expect(page.suffix(2) == [#"skerry_step_duration_seconds_bucket{step="send",le="60"} 5"#, #"skerry_step_duration_seconds_bucket{step="send",le="+Inf"} 7"#])
  }

  /// Whatever the value, its bucket is the first whose bound is not below it.
  @Test func everyValueFindsItsBucket() {
    var values = Histogram.boundsMicroseconds.flatMap { [Int($0) - 1, Int($0), Int($0) + 1] }
    values += (0..<40).flatMap { [(1 << $0) - 1, 1 << $0, (1 << $0) + 1] }
    for value in values {
      let counters = WorkerCounters()
      counters.observe(.requestDuration, microseconds: value)
      let cells = counters.snapshot(worker: 0).histograms.prefix(Histograms.cells)
      let expected = Histogram.boundsMicroseconds.firstIndex { $0 >= value } ?? Histogram.boundsMicroseconds.count
      #expect(cells.dropLast().firstIndex(of: 1) == expected && cells.last == UInt64(value), "\(value)")
    }
  }

  @Test func bucketsGrow() {
    #expect(Histogram.boundsMicroseconds == Histogram.boundsMicroseconds.sorted())
    #expect(Set(Histogram.boundsMicroseconds).count == Histogram.boundsMicroseconds.count)
  }

  @Test func labelsOnlyGrow() {
    let first = MetricLabels(behaviors: [part("A"), part("B"), part("A")], origins: [part("A", "o")], functions: ["f"])
    #expect(first.behaviors.names == [part("A"), part("B")])
    let second = first.extended(with: [part("C"), part("A")], functions: ["g", "f"])
    #expect(second.behaviors.names == [part("A"), part("B"), part("C")] && second.functions.names == ["f", "g"] && second.origins == first.origins)
    #expect(second.behaviors.place(of: part("C")) == 2 && second.functions.place(of: "g") == 1)
    #expect(second.behaviors.place(of: part("?")) == MetricLabels.behaviorLimit)
    let many = first.extended(with: (0..<2_000).map { part("D\($0)") }, origins: (0..<2_000).map { part("D\($0)") }, functions: (0..<2_000).map { "f\($0)" })
    #expect(many.behaviors.count == MetricLabels.behaviorLimit && many.origins.count == MetricLabels.originLimit)
    #expect(many.functions.count == MetricLabels.functionLimit)
  }

  @Test func aReloadMovesNoNumber() {
    let counters = WorkerCounters(labels: MetricLabels(behaviors: [part("A")], origins: [part("A", "o")]))
    counters.countRequest(behavior: 0, status: 200, result: .miss)
    counters.countRequest(behavior: 7, status: 403, result: .error)
    counters.observe(.connect, ofOrigin: 0, microseconds: 7)
    counters.observe(.firstByte, ofOrigin: 1, microseconds: 9)
    counters.adopt(MetricLabels(behaviors: [part("A"), part("B", "/b")], origins: [part("A", "o"), part("A", "p")]))
    counters.countRequest(behavior: 1, status: 302, result: .redirect)
    counters.countRequest(behavior: 2, status: 403, result: .error)
    counters.countRequest(behavior: 0, status: 0, result: .error)
    counters.observe(.firstByte, ofOrigin: 1, microseconds: 11)
    counters.observe(.firstByte, ofOrigin: MetricLabels.originLimit, microseconds: 13)
    counters.adopt(MetricLabels(behaviors: [part("X")]))  // no extension: ignored
    let page = MetricsPage.render([counters.snapshot(worker: 0)], process: facts)
    #expect(lines(page, "skerry_requests_total").dropFirst(2) == [
      #"skerry_requests_total{distribution="A",behavior="*",status="000",result="Error"} 1"#,
      #"skerry_requests_total{distribution="A",behavior="*",status="2xx",result="Miss"} 1"#,
      #"skerry_requests_total{distribution="B",behavior="/b",status="3xx",result="Redirect"} 1"#,
      #"skerry_requests_total{distribution="other",behavior="other",status="4xx",result="Error"} 2"#,
    ])
    #expect(lines(page, "skerry_origin_connect_seconds_sum") == [#"skerry_origin_connect_seconds_sum{distribution="A",origin="o"} 0.000007"#])
    #expect(lines(page, "skerry_origin_first_byte_seconds_sum") == [
      #"skerry_origin_first_byte_seconds_sum{distribution="A",origin="p"} 0.000011"#,
      #"skerry_origin_first_byte_seconds_sum{distribution="other",origin="other"} 0.000022"#,
    ])
    #expect(page.contains(#"skerry_step_duration_seconds_count{step="origin_first_byte"} 3"#))
  }
}

@Suite struct MetricsPageTests {
  @Test func mergesWorkers() {
    // One worker has taken the new configuration already, the other has not.
    let one = WorkerCounters(labels: MetricLabels(behaviors: [part("A")]))
    let two = WorkerCounters(labels: MetricLabels(behaviors: [part("A"), part("B")]))
    for counters in [one, two] {
      counters.add(.upgrades, 2)
      counters.move(.connectionsOpen, by: 5)
      counters.observe(.requestDuration, microseconds: 1_500)
      counters.countRequest(behavior: 0, status: 200, result: .hit)
      counters.countRequest(behavior: 99, status: 200, result: .hit)
    }
    two.countRequest(behavior: 1, status: 500, result: .error)
    let page = MetricsPage.render([one.snapshot(worker: 0), two.snapshot(worker: 1)], process: facts)
    #expect(lines(page, "skerry_upgrades_total").last == "skerry_upgrades_total 4")
    #expect(lines(page, "skerry_connections_open").suffix(2) == [#"skerry_connections_open{worker="0"} 5"#, #"skerry_connections_open{worker="1"} 5"#])
    #expect(lines(page, "skerry_request_duration_seconds_sum") == ["skerry_request_duration_seconds_sum 0.003"])
    #expect(lines(page, "skerry_request_duration_seconds_count") == ["skerry_request_duration_seconds_count 2"])
    #expect(lines(page, "skerry_requests_total").dropFirst(2) == [
      #"skerry_requests_total{distribution="A",behavior="*",status="2xx",result="Hit"} 2"#,
      #"skerry_requests_total{distribution="B",behavior="*",status="5xx",result="Error"} 1"#,
      #"skerry_requests_total{distribution="other",behavior="other",status="2xx",result="Hit"} 2"#,
    ])
  }

  @Test func showsTheProcessAndItsLogs() {
    var process = facts
    process.build.version = "1.0 \"beta\"\\\n"
    process.accessLog = LogWriter.Statistics()
    process.accessLog?.linesDropped = 7
    let page = MetricsPage.render([], process: process)
    #expect(page.hasPrefix("""
      # HELP skerry_build_info The program that is running; always 1.
      # TYPE skerry_build_info gauge
      skerry_build_info{version="1.0 \\"beta\\"\\\\\\n",commit="c0ffee",swift="6.3"} 1
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
    let counters = WorkerCounters(labels: MetricLabels(behaviors: [part("we\"ird\n")], origins: [part("we\"ird", "\\\n")]))
    counters.countRequest(behavior: 0, status: 200, result: .hit)
    counters.observe(.connect, ofOrigin: 0, microseconds: 5)
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

  /// The same numbers; families of counters are named without `_total`, and the page says where it ends.
  @Test func speaksOpenMetrics() {
    let counters = WorkerCounters(labels: MetricLabels(behaviors: [part("A")]))
    counters.countRequest(behavior: 0, status: 200, result: .hit)
    let old = MetricsPage.render([counters.snapshot(worker: 0)], process: facts)
    let new = MetricsPage.render([counters.snapshot(worker: 0)], process: facts, as: .openMetrics)
    func samples(_ page: String) -> [Substring] { page.split(separator: "\n").filter { !$0.hasPrefix("#") } }
    #expect(samples(old) == samples(new))
    #expect(new.hasSuffix("\n# EOF\n") && new.contains("# TYPE skerry_requests counter\nskerry_requests_total{") && !old.contains("# EOF"))
    #expect(!new.contains("_total counter"))
    let accepts = [("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", true), ("text/plain", false), ("", false), ("*/*", false)]
    for (accept, isOpen) in accepts { #expect((MetricsPage.Format(accept: accept) == .openMetrics) == isOpen) }
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
    expected += OriginFacts.metrics.map { "| `\($0.name)` | gauge | `distribution`, `origin`\($0.hasAddress ? ", `address`" : "") | \($0.help) |" }
    expected += CacheFacts.Level.allCases.map { "| `\($0.name)` | gauge |  | \($0.help) |" }
    expected.append("| `\(CacheFacts.eventsName)` | counter | `event` | \(CacheFacts.eventsHelp) |")
    expected += CacheFacts.Event.allCases.map { "| `\(CacheFacts.eventsName)` | `\($0.rawValue)` | \($0.meaning) |" }
    expected.append("| `\(FunctionTierFacts.invocations.name)` | counter | `function`, `outcome` | \(FunctionTierFacts.invocations.help) |")
    expected += FunctionTierFacts.results.map { "| `\(FunctionTierFacts.invocations.name)` | `\($0.word)` | \($0.meaning) |" }
    expected += FunctionTierFacts.Sum.allCases.map { "| `\(FunctionTierFacts.prefix)\($0.rawValue)` | counter | `function` | \($0.help) |" }
    expected += FunctionTierFacts.Level.allCases.map { "| `\(FunctionTierFacts.prefix)\($0.rawValue)` | gauge | `function` | \($0.help) |" }
    expected += FunctionTierFacts.totals.map { "| `\($0.name)` | gauge |  | \($0.help) |" }
    expected.append("| `\(FunctionTierFacts.ended.name)` | counter | `cause` | \(FunctionTierFacts.ended.help) |")
    expected += FunctionTierFacts.ends.map { "| `\(FunctionTierFacts.ended.name)` | `\($0.word)` | \($0.help) |" }
    expected.append("| `\(FunctionTierFacts.trials.name)` | counter | `outcome` | \(FunctionTierFacts.trials.help) |")
    expected += FunctionTierFacts.trialOutcomes.map { "| `\(FunctionTierFacts.trials.name)` | `\($0.word)` | \($0.help) |" }
    expected.append("| `\(FunctionTierFacts.apiLimit.name)` | counter | `limit` | \(FunctionTierFacts.apiLimit.help) |")
    expected += FunctionTierFacts.apiLimits.map { "| `\(FunctionTierFacts.apiLimit.name)` | `\($0.word)` | \($0.help) |" }
    expected += FunctionTierFacts.counters.map { "| `\($0.name)` | counter |  | \($0.help) |" }
    expected += MetricsPage.processMetrics.map { "| `\($0.name)` | \($0.type) | \($0.labels.map { "`\($0)`" }.joined(separator: ", ")) | \($0.help) |" }
    expected.append("| `\(MetricsPage.requestsName)` | counter | `distribution`, `behavior`, `status`, `result` | \(MetricsPage.requestsHelp) |")
    expected.append("| `\(EventFacts.waitingName)` | gauge |  | \(EventFacts.waitingHelp) |")
    expected.append("| `\(EventFacts.outcomesName)` | counter | `outcome` | \(EventFacts.outcomesHelp) |")
    expected += EventFacts.Outcome.allCases.map { "| `\(EventFacts.outcomesName)` | `\($0.rawValue)` | \($0.meaning) |" }
    expected.append("| `\(SpanStatistics.name)` | counter | `outcome` | \(SpanStatistics.help) |")
    expected += SpanStatistics.outcomes.map { "| `\(SpanStatistics.name)` | `\($0.outcome)` | \($0.meaning) |" }
    expected += Histogram.allCases.map { $0.description }.map { "| `\($0.name)` | histogram | \($0.step == nil ? "" : "`step`") | \($0.help) |" }
    expected += Histogram.allCases.compactMap { histogram in histogram.description.step.map { "| `\(Histogram.stepName)` | `\($0)` | \(histogram.stepMeaning ?? "") |" } }
    expected += OriginStep.allCases.map { "| `\($0.description.name)` | histogram | `distribution`, `origin` | \($0.description.help) |" }
    expected += OriginStep.allCases.map { "| `\(Histogram.stepName)` | `\($0.step)` | `\($0.description.name)` of all origins |" }
    for (metric, type) in [
      (FunctionTable.utilization, "histogram"), (FunctionTable.duration, "counter"), (FunctionTable.steps, "counter"),
    ] { expected.append("| `\(metric.name)` | \(type) | `function`, `event` | \(metric.help) |") }
    expected.append("| `\(FunctionTable.runs.name)` | counter | `function`, `event`, `outcome` | \(FunctionTable.runs.help) |")
    expected.append("| `\(RedirectTally.redirects.name)` | counter | `table` | \(RedirectTally.redirects.help) |")
    expected.append("| `\(RedirectTally.rulesHit.name)` | gauge | `table` | \(RedirectTally.rulesHit.help) |")
    expected += RunOutcome.allCases.map { "| `\(FunctionTable.runs.name)` | `\($0.word)` | \($0.meaning) |" }
    expected.append("| `\(CacheTable.requests.name)` | counter | `distribution`, `behavior`, `outcome` | \(CacheTable.requests.help) |")
    expected.append("| `\(CacheTable.bytes.name)` | counter | `distribution`, `behavior` | \(CacheTable.bytes.help) |")
    expected += CacheOutcome.allCases.map { "| `\(CacheTable.requests.name)` | `\($0.word)` | \($0.meaning) |" }
    for counter in Counter.allCases.map(\.description) where counter.family.label != nil {
      expected.append("| `\(counter.family.rawValue)` | `\(counter.label)` | \(counter.meaning) |")
    }
    #expect(expected.filter { !rows.contains($0) } == [], "missing in Documentation/observability.md")
    let documented = rows.filter { $0.hasPrefix("| `skerry_") }
    #expect(documented.subtracting(expected) == [], "not in the program")
  }

  /// What is on the page and what has a HELP and a TYPE, and what the documentation says, are the same names.
  @Test func theTablesNameWhatIsOnThePage() throws {
    let page = MetricsPage.render([WorkerCounters().snapshot(worker: 0)], process: facts)
    func names(_ prefix: String) -> Set<Substring> {
      Set(page.split(separator: "\n").filter { $0.hasPrefix(prefix) }.map { $0.dropFirst(prefix.count).prefix { $0 != " " } })
    }
    let rows = try file("Documentation/observability.md").split(separator: "\n").filter { $0.hasPrefix("| `skerry_") }
    let documented = Set(rows.compactMap { $0.split(separator: "`").dropFirst().first })
    #expect(names("# HELP ") == names("# TYPE "))
    #expect(names("# TYPE ") == documented)
  }

  /// Every metric that the dashboard and the alert rules ask for exists, with the labels they ask for.
  @Test(arguments: ["Operations/grafana-dashboard.json", "Operations/alerts.yaml"]) func whatOperatorsUseExists(_ path: String) throws {
    let text = try file(path), rows = try file("Documentation/observability.md").split(separator: "\n").map(String.init)
    let used = text.matches(of: /skerry_[a-z0-9_]+/).map { String($0.output) }
    #expect(used.count > 10)
    for name in Set(used) {
      let family = ["_bucket", "_sum", "_count"].reduce(name) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
      #expect(rows.contains { $0.hasPrefix("| `\(name)` | counter |") || $0.hasPrefix("| `\(name)` | gauge |") || $0.hasPrefix("| `\(family)` | histogram |") }, "\(name)")
    }
    for selector in text.matches(of: /(skerry_[a-z0-9_]+)\{([^}]*)\}/) {
      let name = ["_bucket", "_sum", "_count"].reduce(String(selector.output.1)) { $0.hasSuffix($1) ? String($0.dropLast($1.count)) : $0 }
      for pair in selector.output.2.matches(of: /([a-z]+)[=!~]+\\?"([^"\\]*)/) where pair.output.1 != "instance" {
        #expect(rows.contains { $0.hasPrefix("| `\(name)` |") && $0.contains("`\(pair.output.1)`") }, "\(selector.output.0)")
        if pair.output.2.hasPrefix("$") || pair.output.1 == "status" { continue }
        for value in pair.output.2.split(separator: "|") { #expect(rows.contains { $0.hasPrefix("| `\(name)` | `\(value)` |") }, "\(value) in \(selector.output.0)") }
      }
    }
  }
}
