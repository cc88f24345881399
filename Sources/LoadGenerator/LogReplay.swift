// Owns: a load test made of an access log: the requests that it tells of, at the distances in which they came. Reads Skerry's JSON records and
// CloudFront's columns (Documentation/observability.md). A log's lines are hostile: each is bounded, and what is none is counted. Pure.
import Glibc
import JSONText

/// Reads the lines of a log.
public struct LogReplay {
  /// A line that is no record.
  public struct Problem: Sendable, Equatable {
    /// From 1.
    public var line: Int, column: Int
    public var text: String
  }

  /// Requests that are replayed; further ones are left out.
  public static let requestsLimit = 1_000_000
  /// Bytes of a line.
  public static let lineLimit = 1 << 20
  /// Problems that are told in full.
  public static let problemsLimit = 10

  /// The first lines that are no records.
  public private(set) var problems: [Problem] = []
  private var skipped: [String: Int] = [:]
  private var line = 0
  private var columns: [String] = Self.usualColumns
  private var records: [Record] = []

  private struct Record {
    /// Nanoseconds since 1970.
    var time: UInt64
    /// Whether the log knows no part of a second.
    var isCoarse: Bool
    var method: String, host: String, path: String
    var status: Int
    var more: [(name: String, value: String)] = []
  }

  /// CloudFront's order.
  private static let usualColumns = """
    date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type \
    x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version
    """.split(separator: " ").map(String.init)

  /// Nothing read.
  public init() {}

  /// Reads the next line, without its end.
  public mutating func take(line bytes: [UInt8]) {
    line += 1
    var bytes = bytes[...]
    if bytes.last == 13 { bytes = bytes.dropLast() }
    if bytes.isEmpty { return }
    guard bytes.count <= Self.lineLimit else { return note("a line of more than \(Self.lineLimit >> 20) MiB", column: 1) }
    if bytes.first == UInt8(ascii: "#") { return takeDirective(String(decoding: bytes, as: UTF8.self)) }
    if bytes.first == UInt8(ascii: "{") { takeObject(Array(bytes)) } else { takeColumns(bytes) }
  }

  /// The plan of what was read.
  /// - Parameter fields: of every request; Host among them replaces the log's.
  public func plan(_ target: LoadTarget, fields: [(name: String, value: String)] = []) throws(LoadProblem) -> LoadPlan {
    var draft = LoadPlanDraft(target, fields)
    try draft.checkWords(method: "GET")
    draft.skipped = skipped
    let ordered = records.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    let first = ordered.first?.time ?? 0
    var times = ordered.map { $0.time - first }
    Self.spread(&times, where: ordered.map(\.isCoarse))
    draft.times = times
    for record in ordered {
      draft.add(method: record.method, path: record.path, host: record.host.isEmpty ? nil : record.host, more: record.more) { entry in
        entry.check = .logged
        entry.status = UInt16(clamping: record.status)
      }
    }
    return LoadPlan(draft)
  }

  /// Requests of which only the second is known come evenly over it.
  private static func spread(_ times: inout [UInt64], where isCoarse: [Bool]) {
    var start = 0
    while start < times.count {
      var end = start + 1
      while end < times.count, times[end] == times[start] { end += 1 }
      if isCoarse[start] { for index in start..<end { times[index] += 1_000_000_000 * UInt64(index - start) / UInt64(end - start) } }
      start = end
    }
  }

  private mutating func note(_ text: String, column: Int) {
    skipped["no record", default: 0] += 1
    if problems.count < Self.problemsLimit { problems.append(Problem(line: line, column: column, text: text)) }
  }

  private mutating func takeDirective(_ text: String) {
    guard text.hasPrefix("#Fields:") else { return }
    columns = text.dropFirst("#Fields:".count).split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
  }

  // MARK: Records

  private mutating func takeObject(_ bytes: [UInt8]) {
    let record: JSONValue
    do throws(JSONFailure) { record = try JSONValue(parsing: bytes) } catch { return note(error.text, column: TextPosition(of: error.offset, in: bytes.span).column) }
    guard let uri = record["uri"]?.string, let time = record["time"]?.string, let ended = Moment.nanoseconds(time) else {
      // Of what was refused before it was a request there is no more than a status.
      if record["status"] != nil { return skipped["no request in it", default: 0] += 1 }
      return note("no uri and time in it", column: 1)
    }
    let taken = Self.nanoseconds(record["timeTakenMs"]?.double, unit: 1e6)
    var more: [(name: String, value: String)] = []
    if let agent = record["userAgent"]?.string { more.append(("User-Agent", agent)) }
    if let referer = record["referer"]?.string { more.append(("Referer", referer)) }
    append(
      time: ended - min(taken, ended), isCoarse: false, method: record["method"]?.string ?? "GET", host: record["host"]?.string ?? "", path: uri,
      query: record["query"]?.string, status: Self.status(record["status"]?.double), more)
  }

  private mutating func takeColumns(_ bytes: ArraySlice<UInt8>) {
    let values = bytes.split(separator: 9, omittingEmptySubsequences: false)
    func raw(_ name: String) -> String? {
      guard let index = columns.firstIndex(of: name), index < values.count else { return nil }
      let text = String(decoding: values[index], as: UTF8.self)
      return text == "-" ? nil : text
    }
    func value(_ name: String) -> String? { raw(name).map { String(decoding: URLText.decoded($0.utf8), as: UTF8.self) } }
    guard let date = raw("date"), let clock = raw("time"), let ended = Moment.nanoseconds("\(date)T\(clock)Z") else { return note("no date and time in it", column: 1) }
    guard let path = value("cs-uri-stem") else { return skipped["no request in it", default: 0] += 1 }
    let taken = Self.nanoseconds(raw("time-taken").flatMap(Double.init), unit: 1e9)
    var more: [(name: String, value: String)] = []
    if let agent = value("cs(User-Agent)") { more.append(("User-Agent", agent)) }
    if let referer = value("cs(Referer)") { more.append(("Referer", referer)) }
    // The second is all that is known of the time: what part of one it took says nothing.
    append(
      time: ended - min(taken / 1_000_000_000 * 1_000_000_000, ended), isCoarse: !clock.contains("."), method: raw("cs-method") ?? "GET",
      host: value("x-host-header") ?? value("cs(Host)") ?? "", path: path, query: value("cs-uri-query"), status: raw("sc-status").flatMap { Int($0) } ?? 0, more)
  }

  /// What a log says that a request took; of what is no such time, nothing.
  private static func nanoseconds(_ value: Double?, unit: Double) -> UInt64 {
    guard let value, value > 0, value * unit < 1e18 else { return 0 }
    return UInt64(value * unit)
  }

  /// A status; 0 for what is none.
  private static func status(_ value: Double?) -> Int { value.flatMap { Int(exactly: $0) }.flatMap { (100...599).contains($0) ? $0 : nil } ?? 0 }

  private mutating func append(
    time: UInt64, isCoarse: Bool, method: String, host: String, path: String, query: String?, status: Int, _ more: [(name: String, value: String)]
  ) {
    guard method == "GET" || method == "HEAD" else { return skipped["neither GET nor HEAD", default: 0] += 1 }
    guard path.hasPrefix("/") else { return skipped["no path", default: 0] += 1 }
    guard records.count < Self.requestsLimit else { return skipped["beyond \(Self.requestsLimit) requests", default: 0] += 1 }
    func isClean(_ text: String) -> Bool { !text.utf8.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7F } }
    let cleanHost = isClean(host) && !host.contains(" ") && host != "***" ? host : ""
    records.append(Record(
      time: time, isCoarse: isCoarse, method: method, host: cleanHost, path: URLText.encoded(path + (query.map { "?" + $0 } ?? "")), status: status,
      more: more.filter { isClean($0.value) && !$0.value.isEmpty }))
  }
}

/// Points in time as logs write them.
enum Moment {
  /// `2026-11-21T02:20:06.123Z` in nanoseconds since 1970 (RFC 3339; UTC only); nil for anything else.
  static func nanoseconds(_ text: String) -> UInt64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == 45, bytes[7] == 45, bytes[10] == 84, bytes[13] == 58, bytes[16] == 58 else { return nil }
    func number(_ range: Range<Int>) -> Int? { Int(String(decoding: bytes[range], as: UTF8.self)) }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), let hour = number(11..<13), let minute = number(14..<16),
      let second = number(17..<19), (1970...2500).contains(year), (1...12).contains(month), (1...31).contains(day), (0..<24).contains(hour),
      (0..<60).contains(minute), (0...60).contains(second)
    else { return nil }
    var fraction: UInt64 = 0
    if bytes.count > 20 {
      let digits = bytes[20..<(bytes.count - 1)]
      guard bytes[19] == 46, digits.count <= 9, digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
      fraction = digits.reduce(0) { $0 * 10 + UInt64($1 - 48) }
      for _ in digits.count..<9 { fraction *= 10 }
    }
    let seconds = UInt64(((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second)
    return seconds * 1_000_000_000 + fraction
  }

  /// Now, to the second.
  static var now: String {
    var seconds = time(nil), parts = unsafe tm()
    unsafe gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = unsafe "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return unsafe "\(date)T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }

  /// Days since 1970-01-01. Years run from March here, so that the leap day is the last of a year.
  private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let year = month > 2 ? year : year - 1, era = year / 400, ofEra = year % 400
    let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
  }
}
