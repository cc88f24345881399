// Owns: how a load test's outcome is said to a person at a terminal. Pure.

extension LoadReport {
  /// Lists of rules, answers and differences are cut here; the JSON report has all.
  static let listLength = 20

  /// The report in text, with a line's end.
  public var text: String {
    var lines = [heading, ""]
    lines.append(row("requests", "\(Self.grouped(sent)) in \(seconds < 1 ? Self.time(UInt64(seconds * 1e9)) : Self.number(seconds) + " s"), \(Self.grouped(Int(rate.rounded()))) answers/s" + (wantedRate.map { " of \(Self.grouped(Int($0.rounded()))) wanted" } ?? "")))
    if warmUp > 0 { lines.append(row("warm-up", "\(Self.grouped(warmUp)) requests, not measured")) }
    lines.append(row("answers", statuses.map { "\($0.status): \(Self.grouped($0.count))" }.joined(separator: "   ")))
    for failure in failures { lines.append(row("failed", "\(failure.kind): \(Self.grouped(failure.count)), the first: \(failure.first)")) }
    if unsent > 0 { lines.append(row("not sent", "\(Self.grouped(unsent)) were due and found no free connection; they count as waiting until the end")) }
    lines.append(row("bytes", "\(Self.bytes(bytesReceived)) received, \(Self.bytes(contentBytes)) of it content; \(Self.bytes(bytesSent)) sent"))
    lines.append(row("latency", "min \(Self.time(latency.minimum))   mean \(Self.time(UInt64(latency.mean)))   max \(Self.time(latency.maximum))"))
    lines.append(row("", percentiles(latency)))
    lines.append(row("", isClosedLoop ? "from when each request was sent: a closed loop waits with a slow server (--rate does not)" : "from when each request was due"))
    if let otherLatency, let other { lines.append(row("other", percentiles(otherLatency) + "   \(other)")) }
    if let lateness, lateness.count > 0 { lines.append(row("generator", "late by \(percentiles(lateness))")) }
    let perSecond = userSeconds + systemSeconds > 0 ? Double(answered + warmUp) / (userSeconds + systemSeconds) : 0
    lines.append(row("CPU", "\(Self.number(userSeconds)) s user, \(Self.number(systemSeconds)) s system: \(Self.grouped(Int(perSecond))) answers per CPU second"))
    if connectionsMade > connections * (other == nil ? 1 : 2) || resent > 0 {
      lines.append(row("connections", "\(Self.grouped(connectionsMade)) made, \(Self.grouped(resent)) requests sent again on a new one"))
    }
    return (lines + details).joined(separator: "\n") + "\n"
  }

  private var heading: String {
    let pace = wantedRate.map { "\(Self.grouped(Int($0.rounded()))) requests/s" } ?? (isClosedLoop ? "as fast as answers come" : "at the log's pace")
    return "\(target)\(other.map { " and \($0)" } ?? "")  \(version), \(connections) connections\(streams > 1 ? " of \(streams) streams" : ""), \(workers) worker\(workers == 1 ? "" : "s"), \(pace)"
  }

  /// What only some tests have to say.
  private var details: [String] {
    var lines: [String] = []
    func list<Element>(_ title: String, _ elements: [Element], of count: Int? = nil, _ line: (Element) -> String) {
      guard !elements.isEmpty else { return }
      lines += ["", title]
      lines += elements.prefix(Self.listLength).map { "  " + line($0) }
      let rest = (count ?? elements.count) - min(elements.count, Self.listLength)
      if rest > 0 { lines.append("  … and \(Self.grouped(rest)) more") }
    }
    for (reason, count) in skipped { lines.append(row("left out", "\(Self.grouped(count)) of the log: \(reason)")) }
    if !hops.isEmpty {
      let told = hops.enumerated().filter { $0.element > 0 }.map { "\($0.offset): \(Self.grouped($0.element))" }
      lines.append(row("hops", told.joined(separator: "   ")))
    }
    if rulesCount > 0 {
      lines.append(row("rules", "\(Self.grouped(testedRules)) of \(Self.grouped(rulesCount)) asked for; \(wrongRules.count) wrong, \(slowRules.count) slow, \(untestedRules.count) unmatched"))
    }
    list("Wrong answers (\(Self.grouped(wrong))):", wrongAnswers, of: wrong) { answer in
      let place = answer.rule.map { "\(rulesFile):\(line(ofRule: $0)): " } ?? ""
      return "\(place)\(answer.request) answers \(answer.got), not \(answer.expected)"
    }
    list("Slow rules:", slowRules) { "\(rulesFile):\($0.line): \($0.from) takes at least \(Self.time($0.fastest))" }
    list("Unmatched rules:", untestedRules) { "\(rulesFile):\($0.line): \($0.from): \($0.untested ?? "")" }
    list("Statuses that the log has otherwise:", changedStatuses) { "\($0.change)  \(Self.grouped($0.count))" }
    if other != nil { lines.append(row("compared", "\(Self.grouped(compared)) pairs of answers, \(Self.grouped(different)) differ")) }
    list("Differences, by rule:", differencesByRule) { $0 }
    return lines
  }

  /// One line for each rule, or for each part where there are no rules.
  private var differencesByRule: [String] {
    let groups = Dictionary(grouping: differences) { $0.line > 0 ? "\($0.line)" : "-" + $0.part }
    return groups.values.sorted { ($0[0].line, $1[0].count) < ($1[0].line, $0[0].count) }.map { group in
      let place = group[0].line > 0 ? "\(rulesFile):\(group[0].line): " : ""
      let parts = group.map { "\($0.part)\($0.count > 1 ? " (\(Self.grouped($0.count)) times)" : "") \($0.first) | \($0.second)" }
      return "\(place)\(group[0].request): \(parts.joined(separator: "; "))"
    }
  }

  private func line(ofRule rule: Int) -> Int { ruleLines[rule] ?? 0 }

  private func row(_ name: String, _ value: String) -> String { name + String(repeating: " ", count: max(1, 12 - name.count)) + value }

  private func percentiles(_ distribution: Distribution) -> String {
    zip(Distribution.percents, distribution.percentiles).map { "p\(Self.percent($0)) \(Self.time($1))" }.joined(separator: "   ")
  }

  // MARK: Numbers

  static func percent(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }

  /// `1,234,567`.
  static func grouped(_ value: Int) -> String {
    var text = "", digits = Array(String(abs(value)))
    while digits.count > 3 {
      text = "," + String(digits.suffix(3)) + text
      digits.removeLast(3)
    }
    return (value < 0 ? "-" : "") + String(digits) + text
  }

  /// Three digits that matter.
  static func number(_ value: Double) -> String {
    let places = value >= 100 ? 1.0 : value >= 10 ? 10 : 100
    let rounded = (value * places).rounded() / places
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }

  /// Nanoseconds as `63µs`, `1.52ms` or `2.1s`.
  static func time(_ nanoseconds: UInt64) -> String {
    let value = Double(nanoseconds)
    if value < 1e6 { return number(value / 1e3) + "µs" }
    return value < 1e9 ? number(value / 1e6) + "ms" : number(value / 1e9) + "s"
  }

  static func bytes(_ count: Int) -> String {
    let value = Double(count)
    if value < 1e3 { return "\(count) B" }
    if value < 1e6 { return number(value / 1e3) + " kB" }
    return value < 1e9 ? number(value / 1e6) + " MB" : number(value / 1e9) + " GB"
  }
}
