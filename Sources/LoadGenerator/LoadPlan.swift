// Owns: the requests of a load test, ready to be sent, with what their answers must be. Made once before the test; immutable; any thread.
import HTTPWire
import Transport

/// The requests of a load test.
public final class LoadPlan: Sendable {
  /// What an answer is held against.
  enum Check: UInt8, Sendable {
    /// Its status alone, by the options.
    case status
    /// Status and Location are those of a rule.
    case exactly
    /// It is not the redirect of the rule that it nearly is for.
    case notThis
    /// The status that a log has of it: differences are told and no fault.
    case logged
  }

  /// One request. 40 bytes, so that a hundred thousand are nothing.
  struct Entry: Sendable {
    var start: Int
    /// Bytes of the head, and of the content behind it.
    var length: UInt32, contentLength: UInt32 = 0
    /// The rule it is about, its place in ``rules``; −1 for none.
    var rule: Int32 = -1
    var status: UInt16 = 0
    var check = Check.status
    /// Whether it is the request that a rule is for, and not a near miss.
    var isOwn = false
    var isHead = false
    var locationStart = 0
    var locationLength: UInt32 = 0
  }

  /// A rule whose answers are checked.
  public struct Rule: Sendable {
    /// Its line in the file.
    public var line: Int
    /// What it is for.
    public var from: String
    /// Why it is not asked for; nil when it is.
    public var untested: String?
  }

  let entries: [Entry]
  private let bytes: [UInt8]
  /// The rules, by their place in the table.
  public let rules: [Rule]
  /// The file they are in; empty without one.
  public let rulesFile: String
  /// When requests were made that are replayed, in nanoseconds from the first; empty for others.
  public let times: [UInt64]
  /// Lines of a log that were not replayed, by reason.
  public let skipped: [String: Int]

  init(_ draft: consuming LoadPlanDraft) {
    entries = draft.entries
    bytes = draft.bytes
    rules = draft.rules
    rulesFile = draft.rulesFile
    times = draft.times
    skipped = draft.skipped
  }

  /// How many different requests there are.
  public var count: Int { entries.count }
  /// Whether answers are checked against rules.
  public var hasRules: Bool { !rules.isEmpty }

  /// Writes a request's head.
  func writeHead(_ entry: Entry, to output: inout ByteBuffer) {
    let bytes = bytes   // a class cannot lend what it holds
    output.append(bytes.span.extracting(entry.start..<entry.start + Int(entry.length)))
  }
  /// Writes a request's content.
  func writeContent(_ entry: Entry, to output: inout ByteBuffer) {
    let bytes = bytes, start = entry.start + Int(entry.length)
    output.append(bytes.span.extracting(start..<start + Int(entry.contentLength)))
  }
  /// The bytes of a request's head.
  func request(_ entry: Entry) -> ArraySlice<UInt8> { bytes[entry.start..<entry.start + Int(entry.length)] }
  /// The Location that a check is about.
  func location(_ entry: Entry) -> ArraySlice<UInt8> { bytes[entry.locationStart..<entry.locationStart + Int(entry.locationLength)] }

  /// The target of a request, and whom it is for.
  func place(_ entry: Entry, isSecure: Bool) -> URLText.Place {
    let lines = request(entry).split(separator: 13, maxSplits: 2, omittingEmptySubsequences: false)
    let words = lines[0].split(separator: 32), host = lines.count > 1 ? lines[1].dropFirst(1 + "Host: ".utf8.count) : []
    return URLText.Place(
      isSecure: isSecure, authority: URLText.canonical(String(decoding: host, as: UTF8.self), isSecure), path: words.count > 1 ? String(decoding: words[1], as: UTF8.self) : "/")
  }

  /// One request, again and again.
  /// - Throws: ``LoadProblem`` when method or fields cannot be sent.
  public static func single(_ target: LoadTarget, method: String = "GET", fields: [(name: String, value: String)] = [], content: [UInt8] = []) throws(LoadProblem) -> LoadPlan {
    var draft = LoadPlanDraft(target, fields)
    try draft.checkWords(method: method)
    draft.content = content
    draft.add(method: method, path: target.path)
    return LoadPlan(draft)
  }
}

/// A plan that is being made.
struct LoadPlanDraft {
  fileprivate(set) var entries: [LoadPlan.Entry] = []
  fileprivate(set) var bytes: [UInt8] = []
  var rules: [LoadPlan.Rule] = []
  var rulesFile = ""
  var times: [UInt64] = []
  var skipped: [String: Int] = [:]
  var content: [UInt8] = []
  private let target: LoadTarget
  private let fields: [(name: String, value: String)]

  /// - Parameter fields: of every request, beside Host and User-Agent.
  init(_ target: LoadTarget, _ fields: [(name: String, value: String)]) {
    self.target = target
    self.fields = fields
  }

  /// What a person typed becomes bytes on a wire: no line may be smuggled into it.
  func checkWords(method: String) throws(LoadProblem) {
    let separators = Set("()<>@,;:\\\"/[]?={} \t")
    func isToken(_ text: String) -> Bool { !text.isEmpty && text.allSatisfy { $0.isASCII && $0 > " " && $0 != "\u{7F}" && !separators.contains($0) } }
    guard isToken(method), method != "CONNECT" else { throw LoadProblem("\(method) is no method that could be sent") }
    for (name, value) in fields where !isToken(name) || value.utf8.contains(where: { $0 < 0x20 && $0 != 9 || $0 == 0x7F }) {
      throw LoadProblem("the field \(name) cannot be sent")
    }
  }

  /// Adds a request.
  /// - Parameters:
  ///   - host: whom it is for, where that is not the target; a field `Host` of the options comes first.
  ///   - more: fields of this request.
  mutating func add(method: String, path: String, host: String? = nil, more: [(name: String, value: String)] = [], _ fill: (inout LoadPlan.Entry) -> Void = { _ in }) {
    let start = bytes.count
    let authority = fields.first { $0.name.lowercased() == "host" }?.value ?? host ?? target.authority
    var head = "\(method) \(path) HTTP/1.1\r\nHost: \(authority)\r\n"
    if !(fields + more).contains(where: { $0.name.lowercased() == "user-agent" }) { head += "User-Agent: skerry-bench\r\n" }
    for (name, value) in fields + more where name.lowercased() != "host" { head += "\(name): \(value)\r\n" }
    if !content.isEmpty { head += "Content-Length: \(content.count)\r\n" }
    bytes += Array((head + "\r\n").utf8) + content
    var entry = LoadPlan.Entry(start: start, length: UInt32(bytes.count - start - content.count), contentLength: UInt32(content.count))
    entry.isHead = method == "HEAD"
    fill(&entry)
    entries.append(entry)
  }

  /// Keeps a Location that a check is about.
  mutating func keep(_ location: [UInt8]) -> Int {
    bytes += location
    return bytes.count - location.count
  }
}
