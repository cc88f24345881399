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
      <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
      <style>
      :root { color-scheme: light dark; --line: #0b6bcb; --second: #c2410c; --third: #7c3aed; --grid: #8884; }
      body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
      h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; } h1, td, th, li { overflow-wrap: anywhere; }
      table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--grid); }
      td.n { text-align: right; font-variant-numeric: tabular-nums; } svg { width: 100%; height: auto; } svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
      .grid { stroke: var(--grid); } .a { stroke: var(--line); fill: none; stroke-width: 1.6; } .b { stroke: var(--second); fill: none; stroke-width: 1.6; }
      .c { stroke: var(--third); fill: none; stroke-width: 1; stroke-dasharray: 3 3; } .bad { color: #b91c1c; } .key { font-weight: 600; }
      </style></head><body>
      <h1>\(Self.escaped(title))</h1>
      \(summary)
      <h2>Latency by percentile</h2>
      \(percentilePlot)
      <h2>Latency over time</h2>
      \(latencyPlot)
      <h2>Answers over time</h2>
      \(ratePlot)
      \(lists)
      </body></html>

      """
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

  private static func table(_ head: [String], _ rows: [[String]], numbersFrom: Int = 1) -> String {
    let first = head.isEmpty ? "" : "<tr>" + head.map { "<th>\(escaped($0))</th>" }.joined() + "</tr>"
    let body = rows.map { row in "<tr>" + row.enumerated().map { "<td\($0.offset >= numbersFrom ? " class=\"n\"" : "")>\(escaped($0.element))</td>" }.joined() + "</tr>" }
    return "<table>" + first + body.joined() + "</table>"
  }

  private var summary: String {
    var rows = [
      ["Protocol", version], ["Connections", "\(connections)" + (streams > 1 ? " of \(streams) streams" : "")],
      ["Requests", "\(Self.grouped(sent)) in \(Self.number(seconds)) s"], ["Answers per second", Self.grouped(Int(rate.rounded())) + (wantedRate.map { " of \(Self.grouped(Int($0.rounded()))) wanted" } ?? "")],
      ["Statuses", statuses.map { "\($0.status): \(Self.grouped($0.count))" }.joined(separator: ", ")],
    ]
    if unsent > 0 { rows.append(["Not sent", Self.grouped(unsent)]) }
    rows += failures.map { ["Failed: " + $0.kind, "\(Self.grouped($0.count)), the first: \($0.first)"] }
    if wrong > 0 { rows.append(["Wrong answers", Self.grouped(wrong)]) }
    rows.append(["Latencies count from", isClosedLoop ? "when each request was sent (closed loop)" : "when each request was due"])
    let names = ["min"] + Distribution.percents.map { "p" + Self.percent($0) } + ["max"]
    let values = [latency.minimum] + latency.percentiles + [latency.maximum]
    return Self.table([], rows, numbersFrom: 9) + "<h2>Latency</h2>" + Self.table(names, [values.map(Self.time)], numbersFrom: 0)
  }

  private var lists: String {
    var html = ""
    func add(_ title: String, _ head: [String], _ rows: [[String]]) { if !rows.isEmpty { html += "<h2>\(Self.escaped(title))</h2>" + Self.table(head, rows, numbersFrom: 9) } }
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
    // Each step to the right is a tenth of the requests that are left: 90 %, 99 %, 99.9 % …
    let nines = 5.0
    func place(_ percent: Double) -> Double { min(nines, percent >= 100 ? nines : -Double.log10of(1 - percent / 100)) / nines }
    var plot = Plot(top: Double(latency.maximum) / 1e6)
    for percent in [0, 50, 90, 99, 99.9, 99.99] { plot.vertical(place(percent), "\(Self.percent(percent)) %") }
    var points: [(Double, Double)] = [], seen: UInt64 = 0
    for bucket in latency.buckets {
      seen += bucket.count
      points.append((place(Double(seen) / Double(latency.count) * 100), Double(bucket.value) / 1e6))
    }
    plot.line(points, "a")
    return plot.svg
  }

  private var latencyPlot: String {
    let top = intervals.map(\.maximum).max() ?? 0
    guard top > 0 else { return "<p>No answers.</p>" }
    var plot = Plot(top: Double(top) / 1e6)
    drawTime(&plot)
    for (name, value) in [("a", \LoadMonitor.Interval.p50), ("b", \.p99), ("c", \.maximum)] {
      plot.line(intervals.enumerated().filter { $0.element.answers > 0 }.map { (place($0.offset), Double($0.element[keyPath: value]) / 1e6) }, name)
    }
    return plot.svg + "<p><span class=\"key\" style=\"color:var(--line)\">p50</span> <span class=\"key\" style=\"color:var(--second)\">p99</span> <span class=\"key\" style=\"color:var(--third)\">maximum</span>, milliseconds</p>"
  }

  private var ratePlot: String {
    let perSecond = 1000 / Double(intervalMilliseconds)
    let top = intervals.map { Double(max($0.answers, $0.failures)) * perSecond }.max() ?? 0
    guard top > 0 else { return "<p>No answers.</p>" }
    var plot = Plot(top: top)
    drawTime(&plot)
    plot.line(intervals.enumerated().map { (place($0.offset), Double($0.element.answers) * perSecond) }, "a")
    if failed > 0 { plot.line(intervals.enumerated().map { (place($0.offset), Double($0.element.failures) * perSecond) }, "b") }
    return plot.svg + "<p><span class=\"key\" style=\"color:var(--line)\">answers</span>" + (failed > 0 ? " <span class=\"key\" style=\"color:var(--second)\">failed</span>" : "") + " a second</p>"
  }

  private func place(_ interval: Int) -> Double { (Double(interval) + 0.5) / Double(max(1, intervals.count)) }

  private func drawTime(_ plot: inout Plot) {
    let seconds = Double(intervals.count * intervalMilliseconds) / 1000
    for part in 0...5 { plot.vertical(Double(part) / 5, Self.number(seconds * Double(part) / 5) + " s") }
  }
}

/// Lines over a grid.
private struct Plot {
  private static let width = 900.0, height = 280.0, left = 60.0, bottom = 24.0, above = 10.0
  private let top: Double
  private var body = ""

  /// - Parameter top: the largest value.
  init(top: Double) {
    self.top = Self.roundNumber(atLeast: top)
    for part in 0...4 {
      let value = self.top * Double(part) / 4, y = y(value)
      body += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.width)\" y1=\"\(y)\" y2=\"\(y)\"/><text x=\"\(Self.left - 6)\" y=\"\(y + 4)\" text-anchor=\"end\">\(LoadReport.number(value))</text>"
    }
  }

  /// 1, 2 or 5 times a power of ten.
  private static func roundNumber(atLeast value: Double) -> Double {
    var unit = 1.0
    while unit * 10 <= value { unit *= 10 }
    while unit > value, unit > 1e-9 { unit /= 10 }
    return [1.0, 2, 5, 10].map { $0 * unit }.first { $0 >= value } ?? value
  }

  private func x(_ part: Double) -> Double { ((Self.left + part * (Self.width - Self.left - 10)) * 10).rounded() / 10 }
  private func y(_ value: Double) -> Double { ((Self.above + (1 - value / top) * (Self.height - Self.above - Self.bottom)) * 10).rounded() / 10 }

  mutating func vertical(_ part: Double, _ label: String) {
    let x = x(part)
    body += "<line class=\"grid\" x1=\"\(x)\" x2=\"\(x)\" y1=\"\(Self.above)\" y2=\"\(Self.height - Self.bottom)\"/><text x=\"\(x)\" y=\"\(Self.height - 6)\" text-anchor=\"middle\">\(label)</text>"
  }

  mutating func line(_ points: [(Double, Double)], _ name: String) {
    guard !points.isEmpty else { return }
    body += "<polyline class=\"\(name)\" points=\"\(points.map { "\(x($0.0)),\(y($0.1))" }.joined(separator: " "))\"/>"
  }

  var svg: String { "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(Self.height))\" role=\"img\">\(body)</svg>" }
}

extension Double {
  /// The logarithm to the base of ten.
  fileprivate static func log10of(_ value: Double) -> Double { Glibc.log10(value) }
}
