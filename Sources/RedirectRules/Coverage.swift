// Owns: which rules of a table an access log says were hit. Pure; one line at a time, so that a log of any size can be read.
import JSONText

/// Counts hits by line of a table.
public struct RedirectCoverage {
  /// Times a rule answered, by the line it stands in.
  public private(set) var hits: [Int: Int] = [:]
  /// Lines that were no records of a log in JSON.
  public private(set) var unread = 0
  private let name: [UInt8]

  /// - Parameter file: the table's file; log lines are taken to be about it when they name a file of the same name.
  public init(file: String) { name = Array((file.split(separator: "/").last.map(String.init) ?? file).utf8) }

  /// Takes a line of the access log.
  public mutating func take(line: [UInt8]) {
    guard let first = line.first(where: { $0 != 32 && $0 != 9 && $0 != 13 }) else { return }
    guard first == UInt8(ascii: "{") else {
      unread += 1
      return
    }
    // Most lines are about no rule.
    guard let start = line.firstRange(of: Array("\"redirectRule\"".utf8))?.lowerBound, start > 0 else { return }
    guard let place = (try? JSONValue(parsing: line))?["redirectRule"]?.string, let colon = place.utf8.lastIndex(of: UInt8(ascii: ":")) else {
      unread += 1
      return
    }
    let file = place.utf8[..<colon].split(separator: slash).last.map(Array.init) ?? []
    guard file == name, let number = Int(place[place.utf8.index(after: colon)...]) else { return }
    hits[number, default: 0] += 1
  }

  /// The rules of a table with the times they were hit, in the file's order; and hits of lines that are no rules, as of an older file.
  public func report(_ table: RedirectTable) -> (rules: [(rule: RedirectRule, hits: Int)], strangers: Int) {
    let rules = (0..<table.count).map { (rule: table.rule($0), hits: hits[table.line($0)] ?? 0) }
    return (rules, hits.values.reduce(0, +) - rules.reduce(0) { $0 + $1.hits })
  }
}
