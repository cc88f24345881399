// Owns: how the answers of two targets to the same request differ, gathered by rule. Values.

/// Differences of the answers of two targets.
struct Differences: Sendable {
  /// How two answers differ.
  struct Key: Hashable, Sendable {
    /// The place of the rule that the request is about; −1 for none.
    var rule: Int
    /// What differs: `status`, `location`, `content`, or a field's name.
    var part: String
  }
  struct Entry: Sendable {
    var count = 0
    var request = "", first = "", second = ""
  }
  /// Kinds of differences that are kept; more are counted only.
  static let kindsLimit = 10_000

  var compared = 0, different = 0
  var entries: [Key: Entry] = [:]

  mutating func add(_ other: Differences) {
    compared += other.compared
    different += other.different
    for (key, entry) in other.entries {
      if let known = entries[key] {
        entries[key]?.count = known.count + entry.count
      } else if entries.count < Self.kindsLimit { entries[key] = entry }
    }
  }

  /// Compares two answers.
  mutating func compare(_ first: Answer, _ second: Answer, rule: Int, ignoring ignored: Set<String>, _ request: @autoclosure () -> String) {
    compared += 1
    var parts: [(part: String, first: String, second: String)] = []
    if first.status != second.status { parts.append(("status", String(first.status), String(second.status))) }
    let a = first.values(except: ignored), b = second.values(except: ignored)
    for name in Set(a.keys).union(b.keys).sorted() where a[name] != b[name] {
      parts.append((name, a[name] ?? "none", b[name] ?? "none"))
    }
    if !ignored.contains("content"), first.contentBytes != second.contentBytes || first.contentHash != second.contentHash {
      parts.append(("content", "\(first.contentBytes) bytes", "\(second.contentBytes) bytes\(first.contentBytes == second.contentBytes ? ", others" : "")"))
    }
    guard !parts.isEmpty else { return }
    different += 1
    for part in parts {
      let key = Key(rule: rule, part: part.part)
      if entries[key] != nil { entries[key]?.count += 1 } else if entries.count < Self.kindsLimit {
        entries[key] = Entry(count: 1, request: request(), first: part.first, second: part.second)
      }
    }
  }
}

/// What came back.
struct Answer: Sendable {
  var status = 0
  /// Only where it was asked for.
  var location: [UInt8]?
  /// Only where they were asked for; names in lower case, in their order.
  var fields: [(name: String, value: String)] = []
  var contentBytes = 0
  /// FNV-1a over the content, where it was asked for.
  var contentHash: UInt64 = 0xcbf2_9ce4_8422_2325

  /// Fields by name, several of one name with a line between.
  func values(except ignored: Set<String>) -> [String: String] {
    Dictionary(fields.filter { !ignored.contains($0.name) }, uniquingKeysWith: { $0 + "\n" + $1 })
  }
}
