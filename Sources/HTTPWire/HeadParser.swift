// Owns: reading message heads (RFC 9112, 2–6): one pass over a span, strict, nothing allocated. What is ambiguous is refused,
// because two readers of one message must never see two messages. Pure functions over bytes and a table.
public import Transport

/// What came of reading a head from the bytes at hand.
public enum HeadResult: Equatable, Sendable {
  /// It is whole.
  case complete
  /// More bytes are needed.
  case incomplete
  case refused(Refusal)
}

/// What the parser will not exceed.
public struct HeadLimits: Sendable, Equatable {
  /// Bytes of a request target (CloudFront: 8,192).
  public var targetBytes: Int
  /// Bytes of a whole head (CloudFront: 32,768).
  public var headBytes: Int
  /// Field lines; at most the table's size.
  public var fieldLines: Int
  /// Options in Connection fields: each is compared with every field line.
  public var connectionOptions: Int
  /// Limits as CloudFront has them, 100 field lines and 64 options of Connection.
  public init(targetBytes: Int = 8192, headBytes: Int = 32_768, fieldLines: Int = 100, connectionOptions: Int = 64) {
    self.targetBytes = targetBytes
    self.headBytes = headBytes
    self.fieldLines = min(fieldLines, FieldTable.standardSize)
    self.connectionOptions = connectionOptions
  }
}

/// What the field lines said about the message itself.
private struct Summary {
  var length = 0
  var contentLength = -1
  var hosts = 0
  var hostLine = -1
  var chunked = false, close = false, keepAlive = false, upgrade = false, connectionNames = false

  /// Takes note of a field that frames the message. The first names of ``FieldName`` are these.
  @inline(__always) mutating func take(_ name: FieldName, _ value: Span<UInt8>, _ line: Int) -> Refusal? {
    switch name {
    case .host:
      hosts += 1
      hostLine = line
    case .contentLength:
      guard contentLength < 0, let length = parseLength(value) else { return .contentLength }
      contentLength = length
    case .transferEncoding:
      guard !chunked else { return .transferEncoding }
      guard value.equalsLowercase("chunked") else { return value.tokenEnd(from: 0) == value.count && value.count > 0 ? .transferCoding : .transferEncoding }
      chunked = true
    case .connection:
      if value.equalsLowercase("keep-alive") { keepAlive = true } else if value.equalsLowercase("close") { close = true } else { connectionNames = true }
    default: break
    }
    return nil
  }
}

extension HeaderSection {
  /// Reads field lines from `start` on into the table; ``count`` and ``present`` are set when it is complete. First all lines are found,
  /// then their names understood: each loop keeps what it compares with in registers.
  @inline(__always) fileprivate mutating func read(_ p: Span<UInt8>, from start: Int, _ limits: HeadLimits, _ summary: inout Summary) -> HeadResult {
    var used = 0
    var i = start
    let n = p.count
    while true {
      if i >= n { return understand(p, used, &summary) ?? .incomplete }
      if p[i] == 13 {
        if i + 1 >= n { return understand(p, used, &summary) ?? .incomplete }
        guard p[i + 1] == 10 else { return .refused(.fieldLine) }
        break
      }
      let nameStart = i
      i = p.next(58, from: i)
      if i >= n { return p.tokenEnd(from: nameStart) < n ? .refused(.fieldLine) : understand(p, used, &summary) ?? .incomplete }
      let nameEnd = i
      i += 1
      while i < n && (p[i] == 32 || p[i] == 9) { i += 1 }
      let valueStart = i
      i = p.valueEnd(from: i)
      if i + 1 >= n {   // what is here must already be right
        guard i == n || p[i] == 13, nameEnd > nameStart, p.tokenEnd(from: nameStart) == nameEnd else { return .refused(.fieldLine) }
        return understand(p, used, &summary) ?? .incomplete
      }
      guard p[i] == 13, p[i + 1] == 10 else { return .refused(.fieldLine) }
      var valueEnd = i
      while valueEnd > valueStart && (p[valueEnd - 1] == 32 || p[valueEnd - 1] == 9) { valueEnd -= 1 }
      i += 2
      if used == limits.fieldLines { return .refused(.tooManyFields) }
      guard nameEnd - nameStart <= Int(UInt16.max) else { return .refused(.fieldLine) }
      lines[used] = FieldLine(
        nameStart: nameStart, nameLength: nameEnd - nameStart, valueStart: valueStart, valueLength: valueEnd - valueStart, end: i, name: .other)
      used += 1
    }
    if let refused = understand(p, used, &summary) { return refused }
    summary.length = i + 2
    count = used
    firstLine = start
    return .complete
  }

  /// Recognises the names of the lines found, and takes note of what they say about the message.
  /// - Returns: nil when nothing is wrong with them.
  private mutating func understand(_ p: Span<UInt8>, _ used: Int, _ summary: inout Summary) -> HeadResult? {
    forgetNames()
    for index in 0..<used {
      let start = Int(lines[index].nameStart), length = Int(lines[index].nameLength)
      let (name, isToken) = FieldNameTable.shared.recognise(p, start, length)
      if !isToken {
        guard length > 0, p.tokenEnd(from: start) == start + length else { return .refused(.fieldLine) }
      }
      lines[index].name = name
      note(name, at: index)
      guard name.rawValue <= FieldName.expect.rawValue, name != .other else { continue }
      let value = p.slice(Int(lines[index].valueStart), Int(lines[index].valueLength))
      if let refusal = summary.take(name, value, index) { return .refused(refusal) }
    }
    return nil
  }
}

/// 1*DIGIT, at most 18 of them; nothing else, no sign, no list.
func parseLength(_ value: Span<UInt8>) -> Int? {
  guard value.count > 0, value.count <= 18 else { return nil }
  var length = 0
  for i in 0..<value.count {
    guard value[i].isDigit else { return nil }
    length = length * 10 + Int(value[i] - 48)
  }
  return length
}

extension HeaderSection {
  /// Connection: a, b — the fields it names end at this hop (RFC 9110, 7.6.1). Framing and Host cannot be named away.
  /// - Returns: false when it has more options than the limit.
  fileprivate mutating func dropConnectionFields(_ p: Span<UInt8>, _ limits: HeadLimits, _ summary: inout Summary) -> Bool {
    var options = 0
    for line in 0..<count where lines[line].name == .connection {
      let value = p.slice(Int(lines[line].valueStart), Int(lines[line].valueLength))
      var i = 0
      while i < value.count {
        while i < value.count && (value[i] == 32 || value[i] == 44 || value[i] == 9) { i += 1 }
        let start = i
        while i < value.count && value[i] != 44 { i += 1 }
        if start == i { break }
        options += 1
        guard options <= limits.connectionOptions else { return false }
        let token = value.extracting(start..<i).trimmed()
        if token.equalsLowercase("close") { summary.close = true; continue }
        if token.equalsLowercase("keep-alive") { summary.keepAlive = true; continue }
        if token.equalsLowercase("upgrade") { summary.upgrade = true; continue }
        for other in 0..<count where lines[other].name != .connection && lines[other].name != .host && lines[other].name != .contentLength && lines[other].name != .transferEncoding {
          if p.slice(Int(lines[other].nameStart), Int(lines[other].nameLength)).equalsIgnoringCase(token) { drop(other) }
        }
      }
    }
    return true
  }
}

/// Reads a request head from the front of `p`. On `.complete`, `line` and `fields` describe it; their offsets count from `p`'s first byte.
@inline(__always) func parseRequest(_ p: Span<UInt8>, _ limits: HeadLimits, _ line: inout RequestLine, _ fields: inout HeaderSection) -> HeadResult {
  switch parseRequestLine(p, limits, &line) {
  case .complete: break
  case let other: return other
  }
  var summary = Summary()
  switch fields.read(p, from: line.lineEnd, limits, &summary) {
  case .complete: break
  case .incomplete: return p.count >= limits.headBytes ? .refused(.headTooLarge) : .incomplete
  case let refused: return refused
  }
  if summary.length > limits.headBytes { return .refused(.headTooLarge) }
  line.length = summary.length
  if let refusal = checkHost(p, line, fields, summary) { return .refused(refusal) }
  if summary.chunked {
    if summary.contentLength >= 0 { return .refused(.framingConflict) }
    if line.isHTTP10 { return .refused(.transferEncoding) }
  }
  if summary.connectionNames, !fields.dropConnectionFields(p, limits, &summary) { return .refused(.connectionOptions) }
  line.wantsClose = summary.close || line.isHTTP10 && !summary.keepAlive
  line.framing = summary.chunked ? .chunked : summary.contentLength > 0 ? .length(summary.contentLength) : .none
  line.wantsUpgrade = summary.upgrade && !line.isHTTP10 && fields.present.has(.upgrade)
  if fields.present.has(.expect), !line.isHTTP10, let i = fields.first(.expect) {
    line.expectsContinue = p.slice(Int(fields[i].valueStart), Int(fields[i].valueLength)).equalsLowercase("100-continue")
  }
  return .complete
}

/// `method SP target SP HTTP/1.x CRLF` (RFC 9112, 3).
@inline(__always) private func parseRequestLine(_ p: Span<UInt8>, _ limits: HeadLimits, _ line: inout RequestLine) -> HeadResult {
  let n = p.count
  var i = p.tokenEnd(from: 0)
  if i >= n { return i > longestMethod ? .refused(.requestLine) : .incomplete }
  guard p[i] == 32, i > 0, i <= longestMethod else { return .refused(.requestLine) }
  line = RequestLine()
  line.methodLength = i
  line.method = knownMethod(p, i)
  if line.method == .other && p.slice(0, i).equalsLowercase("connect") { return .refused(.connectMethod) }
  let start = i + 1
  i = p.targetEnd(from: start)
  if i - start > limits.targetBytes { return .refused(.targetTooLong) }
  if i >= n { return .incomplete }
  guard p[i] == 32, i > start else { return .refused(p[i] == 32 ? .target : p[i] == 13 || p[i] == 10 ? .requestLine : .target) }
  let end = i
  i += 1
  if i + 10 > n { return hasVersionPrefix(p, i) ? .incomplete : .refused(.requestLine) }
  switch p.word(i) {
  case 0x312e_312f_5054_5448: break                   // HTTP/1.1
  case 0x302e_312f_5054_5448: line.isHTTP10 = true    // HTTP/1.0
  default: return .refused(isVersion(p, i) ? .version : .requestLine)
  }
  guard p[i + 8] == 13, p[i + 9] == 10 else { return .refused(.requestLine) }
  line.lineEnd = i + 10
  if let refusal = placeTarget(p, start, end, &line) { return .refused(refusal) }
  return .complete
}

/// Longest method token believed.
private let longestMethod = 32

/// Whether what there is of the version can still become `HTTP/d.d` CRLF.
private func hasVersionPrefix(_ p: Span<UInt8>, _ start: Int) -> Bool {
  let form: [UInt8] = Array("HTTP/0.0\r".utf8)
  for k in 0..<min(p.count - start, form.count) {
    let byte = p[start + k]
    guard k == 5 || k == 7 ? byte.isDigit : byte == form[k] else { return false }
  }
  return true
}
/// Whether a well-formed version other than ours stands here.
private func isVersion(_ p: Span<UInt8>, _ i: Int) -> Bool {
  let form: [UInt8] = Array("HTTP/".utf8)
  for k in 0..<5 where p[i + k] != form[k] { return false }
  return p[i + 5].isDigit && p[i + 6] == 46 && p[i + 7].isDigit && p[i + 8] == 13 && p[i + 9] == 10
}

@inline(__always) private func knownMethod(_ p: Span<UInt8>, _ length: Int) -> Method {
  guard length <= 7, p.count >= 8 else { return .other }
  switch p.word(0) & (1 &<< UInt64(truncatingIfNeeded: 8 * length) &- 1) {
  case 0x0054_4547: return .get
  case 0x4441_4548: return .head
  case 0x5453_4f50: return .post
  case 0x0054_5550: return .put
  case 0x48_4354_4150: return .patch
  case 0x4554_454c_4544: return .delete
  case 0x53_4e4f_4954_504f: return .options
  default: return .other
  }
}

/// Finds path, query and authority in a target (RFC 9112, 3.2): origin form, absolute form, or `*` for OPTIONS.
@inline(__always) private func placeTarget(_ p: Span<UInt8>, _ start: Int, _ end: Int, _ line: inout RequestLine) -> Refusal? {
  line.targetStart = start
  line.targetLength = end - start
  if p[start] != 47 {
    if p[start] == 42 && end == start + 1 && line.method == .options { line.pathLength = 1; return nil }
    if let refusal = placeAbsoluteTarget(p, start, end, &line) { return refusal }
  }
  line.pathLength = line.targetLength
  for i in 0..<line.targetLength where p[line.targetStart + i] == 63 {
    line.pathLength = i
    break
  }
  return nil
}

/// `http://authority/path?query`. An empty path is left empty here; the head gets its `/` once it owns its bytes.
@inline(never) private func placeAbsoluteTarget(_ p: Span<UInt8>, _ start: Int, _ end: Int, _ line: inout RequestLine) -> Refusal? {
  let target = p.extracting(start..<end)
  let scheme = target.startsWithLowercase("http://") ? 7 : target.startsWithLowercase("https://") ? 8 : 0
  guard scheme > 0 else { return .target }
  var i = scheme
  while i < target.count, target[i] != 47, target[i] != 63 { i += 1 }
  guard isValidHost(target.extracting(scheme..<i)) else { return .target }
  line.authorityStart = start + scheme
  line.authorityLength = i - scheme
  line.targetStart = start + i
  line.targetLength = target.count - i
  return nil
}

@inline(__always) private func checkHost(_ p: Span<UInt8>, _ line: RequestLine, _ fields: borrowing HeaderSection, _ summary: Summary) -> Refusal? {
  if summary.hosts == 0 { return line.isHTTP10 ? nil : .host }
  let field = fields[summary.hostLine]
  guard summary.hosts == 1, isValidHost(p.slice(Int(field.valueStart), Int(field.valueLength))) else { return .host }
  return nil
}

/// `uri-host [ ":" port ]` (RFC 9110, 7.2): a name, an IPv4 or a bracketed IP literal; not empty, no userinfo. A comma, which a
/// reg-name could have, is refused: it is what a careless intermediary makes of two Hosts.
func isValidHost(_ host: Span<UInt8>) -> Bool {
  let n = host.count
  guard n > 0, n <= 255 else { return false }
  var i = 0
  if host[0] == 91 {
    i = 1
    while i < n && host[i] != 93 {
      guard host[i].isDigit || host[i] == 58 || host[i] == 46 || (97...102).contains(host[i].lowercased) else { return false }
      i += 1
    }
    guard i < n, i > 2 else { return false }
    i += 1
  } else {
    while i < n && host[i].isNameCharacter { i += 1 }
    guard i > 0, i == n || host[i] == 58 else { return false }
  }
  if i == n { return true }
  guard host[i] == 58, n - i - 1 <= 5 else { return false }
  var port = 0
  for k in (i + 1)..<n {
    guard host[k].isDigit else { return false }
    port = port * 10 + Int(host[k] - 48)
  }
  return port <= 65_535
}

extension Span<UInt8> {
  /// Whether these bytes can be the value of Host (RFC 9110, 7.2).
  public var isHost: Bool { isValidHost(self) }
}

/// Reads a response head from the front of `p`. On `.complete`, `line` and `fields` describe it.
/// - Parameter hasNoBody: the answer to HEAD: whatever it says of a body describes one that is not there.
@inline(__always) func parseResponse(_ p: Span<UInt8>, hasNoBody: Bool, _ limits: HeadLimits, _ line: inout StatusLine, _ fields: inout HeaderSection) -> HeadResult {
  let n = p.count
  if n < 14 { return .incomplete }
  line = StatusLine()
  switch p.word(0) {
  case 0x312e_312f_5054_5448: break
  case 0x302e_312f_5054_5448: line.isHTTP10 = true
  default: return .refused(.statusLine)
  }
  guard p[8] == 32, p[9] >= 49, p[9] <= 53, p[10].isDigit, p[11].isDigit else { return .refused(.statusLine) }
  line.status = Int(p[9] - 48) * 100 + Int(p[10] - 48) * 10 + Int(p[11] - 48)
  let end = p.valueEnd(from: 12)
  if end + 1 >= n { return n >= limits.headBytes ? .refused(.headTooLarge) : .incomplete }
  guard p[end] == 13, p[end + 1] == 10, end == 12 || p[12] == 32 else { return .refused(.statusLine) }
  line.reasonStart = min(13, end)
  line.reasonLength = end - line.reasonStart
  line.lineEnd = end + 2
  var summary = Summary()
  switch fields.read(p, from: line.lineEnd, limits, &summary) {
  case .complete: break
  case .incomplete: return n >= limits.headBytes ? .refused(.headTooLarge) : .incomplete
  case let refused: return refused
  }
  if summary.length > limits.headBytes { return .refused(.headTooLarge) }
  if summary.chunked && (summary.contentLength >= 0 || line.isHTTP10) { return .refused(.framingConflict) }
  if summary.connectionNames, !fields.dropConnectionFields(p, limits, &summary) { return .refused(.connectionOptions) }
  line.length = summary.length
  line.contentLength = summary.contentLength
  line.wantsClose = summary.close || line.isHTTP10 && !summary.keepAlive
  line.framing =
    hasNoBody || line.status == 204 || line.status == 304 || line.status < 200 ? .none
    : summary.chunked ? .chunked : summary.contentLength > 0 ? .length(summary.contentLength) : summary.contentLength == 0 ? .none : .untilClose
  return .complete
}

extension RequestHead {
  /// A request that is made here: for an error page.
  /// - Parameter bytes: a whole request head, nothing behind it.
  /// - Returns: nil when it is no valid head.
  public init?(parsing bytes: consuming ByteBuffer, _ limits: HeadLimits = HeadLimits()) {
    var fields = HeaderSection(), line = RequestLine()
    fields.lines.acquire()
    guard parseRequest(bytes.readable, limits, &line, &fields) == .complete else { return nil }
    fields.bytes = bytes
    self.init(line: line, fields: fields)
  }
}

extension ResponseHead {
  /// A response head that did not come on a connection: the cache's.
  /// - Parameters:
  ///   - bytes: a whole response head, nothing behind it.
  ///   - hasNoBody: whatever it says of a body describes one that is not there.
  /// - Returns: nil when it is no valid head.
  public init?(parsing bytes: consuming ByteBuffer, hasNoBody: Bool = false, _ limits: HeadLimits = HeadLimits()) {
    self.init()
    fields.lines.acquire()
    guard parseResponse(bytes.readable, hasNoBody: hasNoBody, limits, &line, &fields) == .complete else { return nil }
    fields.bytes = bytes
  }
}

/// The parsers for those who have no connection: tests and fuzzers. Not for the hot path.
public enum HeadParser {
  /// Reads a request head from the front of a buffer.
  /// - Returns: the head with its bytes, or why there is none.
  public static func request(_ buffer: borrowing ByteBuffer, _ limits: HeadLimits = HeadLimits()) -> (HeadResult, RequestLine, fields: [(String, String)]) {
    var fields = HeaderSection(), line = RequestLine()
    fields.lines.acquire()
    let result = parseRequest(buffer.readable, limits, &line, &fields)
    return (result, line, result == .complete ? fields.listing(buffer.readable) : [])
  }
  /// Reads a response head from the front of a buffer.
  public static func response(
    _ buffer: borrowing ByteBuffer, hasNoBody: Bool = false, _ limits: HeadLimits = HeadLimits()
  ) -> (HeadResult, StatusLine, fields: [(String, String)]) {
    var fields = HeaderSection(), line = StatusLine()
    fields.lines.acquire()
    let result = parseResponse(buffer.readable, hasNoBody: hasNoBody, limits, &line, &fields)
    return (result, line, result == .complete ? fields.listing(buffer.readable) : [])
  }
}

extension HeaderSection {
  /// Names and values of the kept lines, as text.
  fileprivate borrowing func listing(_ p: Span<UInt8>) -> [(String, String)] {
    (0..<count).filter { lines[$0].name != .dropped }.map {
      (p.slice(Int(lines[$0].nameStart), Int(lines[$0].nameLength)).text, p.slice(Int(lines[$0].valueStart), Int(lines[$0].valueLength)).text)
    }
  }
}
