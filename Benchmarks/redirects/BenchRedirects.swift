// What a table of redirects costs without the network: reading a file, its memory, looking every rule up and near misses of it, a check, and
// many regular expressions (Benchmarks/README.md). `bench-redirects FILE`; CPU time of this thread, the best of several rounds.
import Foundation
import Glibc
import RedirectRules

@main
enum BenchRedirects {
  static func main() throws {
    guard CommandLine.arguments.count > 1 else { return print("usage: bench-redirects FILE") }
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: CommandLine.arguments[1])))
    let before = residentBytes()
    guard let table = RedirectTable.reading(bytes).table else { return print("the file has errors") }
    print("\(table.count) rules, \(bytes.count) bytes; \(residentBytes() - before) bytes more for the table beside the file's own")
    report("read", 1_000_000, "ms", time(rounds: 9) { _ = RedirectTable.reading(bytes) })
    let paths = (0..<table.count).map { Array(table.rule($0).from.utf8) }, misses = paths.map { $0 + [UInt8(ascii: "~")] }
    var found = 0
    report("a hit", Double(paths.count), "ns", time(rounds: 9) { for path in paths where table.firstMatch(path.span) != nil { found += 1 } })
    report("a miss", Double(misses.count), "ns", time(rounds: 9) { for path in misses where table.firstMatch(path.span) != nil { found += 1 } })
    report("a hit with its Location", Double(paths.count), "ns", time(rounds: 9) {
      let query: [UInt8] = []
      for path in paths { if let rule = table.firstMatch(path.span), case .redirect = table.answer(rule, path.span, query: query.span) { found += 1 } }
    })
    report("check", 1_000_000, "ms", time(rounds: 3) { found += RedirectCheck.check(bytes, separator: nil).findings.count })
    report("circles alone", 1_000_000, "ms", time(rounds: 5) {
      var check = RedirectCheck(table)
      found += check.loops(within: .seconds(60)).findings.count
    })
    expressions("distinct beginnings", (0..<10_000).map { "^/section-\($0)/(\\d+)/item$\t/s/\($0)/$1\t301\tregex" }, &found)
    expressions("one beginning", (0..<10_000).map { "^/section/(\\d+)/item-\($0)$\t/s/\($0)/$1\t301\tregex" }, &found)
    expressions("no beginning", (0..<10_000).map { "/item-\($0)/[a-z]+$\t/s/\($0)\t301\tregex" }, &found)
    withExtendedLifetime(found) {}
  }

  /// 60 bytes that match none of 10,000 expressions: the median and the 99th percentile of single looks. What the first few have that no path had
  /// before is looked at closely, and remembered: the slowest is one of those.
  private static func expressions(_ name: String, _ lines: [String], _ found: inout Int) {
    let bytes = Array(lines.joined(separator: "\n").utf8), start = nanoseconds()
    guard let table = RedirectTable.reading(bytes).table else { return print("the expressions have errors") }
    let loading = Double(nanoseconds() - start) / 1_000_000
    var times: [UInt64] = []
    for round in 0..<10_000 {
      var path = Array("/section/\(round * 7919 % 100_000)/nothing-like-it-at-all-and-some-more-of-it/x".utf8.prefix(60))
      while path.count < 60 { path.append(UInt8(ascii: "x")) }
      let start = nanoseconds()
      if table.firstMatch(path.span) != nil { found += 1 }
      times.append(nanoseconds() - start)
    }
    times.sort()
    print("10,000 expressions, \(name): read in \(Int(loading)) ms, a miss \(times[5_000]) ns, p99 \(times[9_900]) ns, slowest \(times[9_999]) ns, \(residentBytes() >> 20) MiB resident")
  }

  private static func report(_ what: String, _ divisor: Double, _ unit: String, _ times: [UInt64]) {
    let values = times.map { Double($0) / divisor }.sorted()
    print("\(what): \(String(format: "%.1f", values[0])) \(unit) (median \(String(format: "%.1f", values[values.count / 2])))")
  }

  private static func time(rounds: Int, _ body: () -> Void) -> [UInt64] {
    (0..<rounds).map { _ in
      let start = nanoseconds()
      body()
      return nanoseconds() - start
    }
  }

  private static func nanoseconds() -> UInt64 {
    var now = timespec()
    unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
  }

  /// Memory of the process's own: pages of its code do not count.
  private static func residentBytes() -> Int {
    let text = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
    return (line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
  }
}
