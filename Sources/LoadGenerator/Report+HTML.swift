// Owns: a load test's outcome as one HTML page that needs nothing else: style, plots (SVG) and tables are in it. What came from servers and files
// is escaped. Pure.

import Glibc

extension LoadReport {
  /// The page.
  public var html: String {
    let title = "skerry bench: \(target)"
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>\(Self.escaped(title))</title>
      <meta name="viewport" content="width=device-width">
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <style>
      :root { color-scheme: light dark; --line: #0b6bcb; --second: #c2410c; --third: #7c3aed; --grid: #8884; --soft: #8881; --bad: #b91c1c; }
      @media (prefers-color-scheme: dark) { :root { --line: #58a6ff; --second: #fb923c; --third: #a78bfa; --bad: #f87171; } }
      body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
      h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2.2rem 0 .4rem; } h1, td { overflow-wrap: anywhere; } .about { margin: .2rem 0 1.2rem; opacity: .75; }
      .cards { display: flex; flex-wrap: wrap; gap: .7rem; } .cards div { background: var(--soft); border-radius: .5rem; padding: .6rem 1rem; min-width: 6.5rem; }
      .cards b { display: block; font-size: 1.35rem; font-variant-numeric: tabular-nums; } .cards span, .key { font-size: .85rem; } .bad b { color: var(--bad); }
      table { border-collapse: collapse; } td, th { padding: .25rem 1.2rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
      td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; } td.k { white-space: nowrap; } td, th { min-width: 3.5rem; }
      svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
      .grid { stroke: var(--grid); } .before { fill: var(--soft); } .a { stroke: var(--line); fill: none; stroke-width: 1.6; } .b { stroke: var(--second); fill: none; stroke-width: 1.6; }
      .c { stroke: var(--third); fill: none; stroke-width: 1; stroke-dasharray: 3 3; } .key { margin: 0; } .key b { margin-right: .9rem; }
      </style></head><body>
      <h1>\(Self.escaped(target))</h1>
      <p class="about">skerry bench, \(Self.escaped(about))</p>
      \(cards)
      <h2>Latency</h2>
      \(latencies)
      <h2>Latency by percentile</h2>
      \(percentilePlot)
      <h2>Latency over time</h2>
      \(latencyPlot)
      <h2>Answers over time</h2>
      \(ratePlot)
      <h2>The run</h2>
      \(summary)
      \(lists)
      </body></html>

      """
  }

  private var about: String {
    let pace = wantedRate.map { "\(Self.grouped(Int($0.rounded()))) requests a second" } ?? (isClosedLoop ? "as fast as answers come" : "at the log's pace")
    return "\(taken): \(version), \(Self.grouped(connections)) connection\(connections == 1 ? "" : "s")\(streams > 1 ? " of \(streams) streams" : ""), \(pace)\(other.map { ", beside \($0)" } ?? "")"
  }

  /// What one looks at first.
  private var cards: String {
    func at(_ percent: Double) -> UInt64 { zip(Distribution.percents, latency.percentiles).first { $0.0 == percent }?.1 ?? 0 }
    var cards = [("answers a second", Self.grouped(Int(rate.rounded())), false), ("p50", Self.time(at(50)), false), ("p99", Self.time(at(99)), false), ("slowest", Self.time(latency.maximum), false)]
    cards.append(("without answer", Self.grouped(failed), failed > 0))
    cards.append(("wrong", Self.grouped(wrong), wrong > 0))
    if rulesCount > 0 { cards.append(("of \(Self.grouped(rulesCount)) rules asked for", Self.grouped(testedRules), testedRules < rulesCount)) }
    if other != nil { cards.append(("of \(Self.grouped(compared)) pairs differ", Self.grouped(different), different > 0)) }
    return "<div class=\"cards\">" + cards.map { "<div\($0.2 ? " class=\"bad\"" : "")><b>\($0.1)</b><span>\($0.0)</span></div>" }.joined() + "</div>"
  }

  static func escaped(_ text: String) -> String {
    var result = ""
    for character in text {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      case "'": result += "&#39;"
      default: result.append(character)
      }
    }
    return result
  }

  /// - Parameters:
  ///   - numbersFrom: the first column of numbers.
  ///   - keys: columns whose text is not broken.
  private static func table(_ head: [String], _ rows: [[String]], numbersFrom: Int = .max, keys: Set<Int> = []) -> String {
    func kind(_ column: Int) -> String { column >= numbersFrom ? " class=\"n\"" : keys.contains(column) ? " class=\"k\"" : "" }
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>" + cells.enumerated().map { "<\(tag)\(kind($0.offset))>\(escaped($0.element))</\(tag)>" }.joined() + "</tr>"
    }
    return "<table>" + (head.isEmpty ? "" : row(head, "th")) + rows.map { row($0, "td") }.joined() + "</table>"
  }

  private var latencies: String {
    func values(_ distribution: Distribution) -> [String] { ([distribution.minimum] + distribution.percentiles + [distribution.maximum]).map(Self.time) }
    let names = ["min"] + Distribution.percents.map { "p" + Self.percent($0) } + ["max"]
    guard let otherLatency, let other else { return Self.table(names, [values(latency)], numbersFrom: 0) }
    return Self.table([""] + names, [[target] + values(latency), [other] + values(otherLatency)], numbersFrom: 1)
  }

  private var summary: String {
    var rows = [["Requests", "\(Self.grouped(sent)) in \(Self.number(seconds)) s, \(Self.grouped(Int(rate.rounded()))) answers a second" + (wantedRate.map { " of \(Self.grouped(Int($0.rounded()))) wanted" } ?? "")]]
    if warmUp > 0 { rows.append(["Warm-up", "\(Self.grouped(warmUp)) requests in \(Self.number(warmUpSeconds)) s, not measured"]) }
    rows.append(["Statuses", statuses.map { "\($0.status): \(Self.grouped($0.count))" }.joined(separator: ", ")])
    if unsent > 0 { rows.append(["Not sent", "\(Self.grouped(unsent)) were due and found no free connection; they count as waiting until the end"]) }
    rows += failures.map { ["Failed: " + $0.kind, "\(Self.grouped($0.count)), the first: \($0.first)"] }
    rows.append(["Latencies count from", isClosedLoop ? "when each request was sent: a closed loop waits with a slow server" : "when each request was due"])
    if let lateness, lateness.count > 0 {
      rows.append(["Generator late by", zip(Distribution.percents, lateness.percentiles).filter { [50, 99].contains($0.0) }.map { "p\(Self.percent($0)) \(Self.time($1))" }.joined(separator: ", ")])
    }
    rows.append(["Bytes", "\(Self.bytes(bytesReceived)) received, \(Self.bytes(contentBytes)) of it content; \(Self.bytes(bytesSent)) sent"])
    rows.append(["Generator's CPU time", "\(Self.number(userSeconds)) s user, \(Self.number(systemSeconds)) s system, \(workers) worker\(workers == 1 ? "" : "s")"])
    return Self.table([], rows, keys: [0])
  }

  private var lists: String {
    var html = ""
    func add(_ title: String, _ head: [String], _ rows: [[String]]) { if !rows.isEmpty { html += "<h2>\(Self.escaped(title))</h2>" + Self.table(head, rows, keys: [0]) } }
    add("Wrong answers", ["Rule", "Request", "Should be", "Is"], wrongAnswers.map { answer in
      [answer.rule.map { "\(rulesFile):\(ruleLines[$0] ?? 0)" } ?? "", answer.request, answer.expected, answer.got]
    })
    add("Slow rules", ["Rule", "For", "At least"], slowRules.map { ["\(rulesFile):\($0.line)", $0.from, Self.time($0.fastest)] })
    add("Unmatched rules", ["Rule", "For", "Why"], untestedRules.map { ["\(rulesFile):\($0.line)", $0.from, $0.untested ?? ""] })
    add("Differences", ["Rule", "What", "Times", "Request", "First", "Second"], differences.map { difference in
      [difference.line > 0 ? "\(rulesFile):\(difference.line)" : "", difference.part, Self.grouped(difference.count), difference.request, difference.first, difference.second]
    })
    return html
  }

  // MARK: Plots

  private var percentilePlot: String {
    guard latency.count > 0, latency.maximum > 0 else { return "<p>No answers.</p>" }
    // Each step to the right is a tenth of the requests that are left: 90 %, 99 %, 99.9 % … The slowest stands for half a request.
    let most = Double.log10of(2 * Double(latency.count))
    func place(_ part: Double) -> Double { min(1, -Double.log10of(max(1 - part, 0.5 / Double(latency.count))) / most) }
    var plot = Plot(top: Double(latency.maximum) / 1e6, unit: " ms")
    for percent in [0, 50, 90, 99, 99.9, 99.99, 99.999] where place(percent / 100) < 0.99 { plot.vertical(place(percent / 100), "\(Self.percent(percent)) %") }
    var points: [(Double, Double)] = [], seen: UInt64 = 0
    for bucket in latency.buckets {
      seen += bucket.count
      points.append((place(Double(seen) / Double(latency.count)), Double(bucket.value) / 1e6))
    }
    plot.line(points, "a")
    return plot.svg
  }

  private var latencyPlot: String {
    let top = intervals.map(\.maximum).max() ?? 0
    guard top > 0 else { return "<p>No answers.</p>" }
    var plot = Plot(top: Double(top) / 1e6, unit: " ms")
    drawTime(&plot)
    for (name, value) in [("a", \LoadMonitor.Interval.p50), ("b", \.p99), ("c", \.maximum)] {
      plot.line(intervals.enumerated().filter { $0.element.answers > 0 }.map { (place($0.offset), Double($0.element[keyPath: value]) / 1e6) }, name)
    }
    return Self.key([("--line", "p50"), ("--second", "p99"), ("--third", "maximum")]) + plot.svg
  }

  private var ratePlot: String {
    let length = Double(intervalMilliseconds) / 1000, end = warmUpSeconds + seconds
    // The last part may have been cut short, and what was not measured was not counted.
    let parts = intervals.enumerated().compactMap { index, interval -> (place: Double, answers: Double, failures: Double)? in
      let from = max(Double(index) * length, warmUpSeconds), to = min(Double(index + 1) * length, index == intervals.count - 1 ? end : .infinity)
      guard to - from > length / 4 else { return nil }
      return (place(index), Double(interval.answers) / (to - from), Double(interval.failures) / (to - from))
    }
    let top = parts.map { max($0.answers, $0.failures) }.max() ?? 0
    guard top > 0 else { return "<p>Too short a time for a plot.</p>" }
    var plot = Plot(top: top, unit: "/s")
    drawTime(&plot)
    plot.line(parts.map { ($0.place, $0.answers) }, "a")
    if failed > 0 { plot.line(parts.map { ($0.place, $0.failures) }, "b") }
    return Self.key([("--line", "answers")] + (failed > 0 ? [("--second", "failed")] : [])) + plot.svg
  }

  private static func key(_ lines: [(color: String, name: String)]) -> String {
    "<p class=\"key\">" + lines.map { "<b style=\"color:var(\($0.color))\">\($0.name)</b>" }.joined() + "</p>"
  }

  private var shownSeconds: Double { Double(max(1, intervals.count) * intervalMilliseconds) / 1000 }
  private func place(_ interval: Int) -> Double { (Double(interval) + 0.5) / Double(max(1, intervals.count)) }

  private func drawTime(_ plot: inout Plot) {
    if warmUpSeconds > 0 { plot.shade(upTo: min(1, warmUpSeconds / shownSeconds), "warm-up") }
    let step = Plot.roundNumber(atLeast: shownSeconds / 8, [1, 2, 5, 10])
    for part in 0...8 where Double(part) * step <= shownSeconds * 1.0001 { plot.vertical(Double(part) * step / shownSeconds, Self.number(Double(part) * step) + " s") }
  }
}

/// Lines over a grid.
private struct Plot {
  private static let width = 900.0, height = 280.0, left = 60.0, right = 16.0, bottom = 24.0, above = 10.0
  private let top: Double
  private var body = ""

  /// - Parameters:
  ///   - top: the largest value.
  ///   - unit: behind each number at the side.
  init(top: Double, unit: String) {
    self.top = Self.roundNumber(atLeast: top, [1, 2, 4, 8, 10])
    for part in 0...4 {
      let value = self.top * Double(part) / 4, y = y(value), number = value >= 1000 ? LoadReport.grouped(Int(value.rounded())) : LoadReport.number(value)
      body += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(y)\" y2=\"\(y)\"/><text x=\"\(Self.left - 6)\" y=\"\(y + 4)\" text-anchor=\"end\">\(number)\(part == 0 ? "" : unit)</text>"
    }
  }

  /// One of these times a power of ten.
  static func roundNumber(atLeast value: Double, _ steps: [Double]) -> Double {
    guard value > 0 else { return 1 }
    var unit = 1.0
    while unit * 10 <= value { unit *= 10 }
    while unit > value, unit > 1e-9 { unit /= 10 }
    return steps.map { $0 * unit }.first { $0 >= value } ?? value
  }

  private func x(_ part: Double) -> Double { ((Self.left + part * (Self.width - Self.left - Self.right)) * 10).rounded() / 10 }
  private func y(_ value: Double) -> Double { ((Self.above + (1 - value / top) * (Self.height - Self.above - Self.bottom)) * 10).rounded() / 10 }

  mutating func vertical(_ part: Double, _ label: String) {
    let x = x(part)
    body += "<line class=\"grid\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(Self.above)\" y2=\"\(Self.height - Self.bottom)\"/><text x=\"\(x)\" y=\"\(Self.height - 6)\" text-anchor=\"middle\">\(label)</text>"
  }

  /// A part from the beginning on that is not measured.
  mutating func shade(upTo part: Double, _ label: String) {
    let end = x(part)
    body += "<rect class=\"before\" x=\"\(Self.left)\" y=\"\(Self.above)\" width=\"\(((end - Self.left) * 10).rounded() / 10)\" height=\"\(Self.height - Self.above - Self.bottom)\"/>"
    if end - Self.left > 60 { body += "<text x=\"\((end + Self.left) / 2)\" y=\"\(Self.above + 16)\" text-anchor=\"middle\">\(label)</text>" }
  }

  mutating func line(_ points: [(Double, Double)], _ name: String) {
    guard let first = points.first else { return }
    // A line of one point would not be seen.
    let points = points.count > 1 ? points : [(max(0, first.0 - 0.01), first.1), (min(1, first.0 + 0.01), first.1)]
    body += "<polyline class=\"\(name)\" points=\"\(points.map { "\(x($0.0)),\(y($0.1))" }.joined(separator: " "))\"/>"
  }

  var svg: String { "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\">\(body)</svg>" }
}

extension Double {
  /// The logarithm to the base of ten.
  fileprivate static func log10of(_ value: Double) -> Double { Glibc.log10(value) }
}
