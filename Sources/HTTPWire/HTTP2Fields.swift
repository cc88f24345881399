// Owns: building a message head from the fields of an HTTP/2 header block (RFC 9113, 8.2 and 8.3), in the shape that heads of HTTP/1.1
// have: whoever works on a head need not know where it came from. What is wrong with a field by itself its `FieldFacts` say; what is wrong with
// a message is found here.
import Transport

/// A header block on its way to become a head. One at a time on a connection.
struct FieldBlock: ~Copyable {
  /// What is malformed beyond an answer: the stream is reset (RFC 9113, 8.1.1).
  struct Malformed: Error {}
  /// What the block is.
  enum Kind { case request, response, trailers, ignored }

  private let kind: Kind
  private var fields = HeaderSection()
  private let limits: HeadLimits
  /// Bytes of the fields as HTTP/1.1 would have them.
  private(set) var length = 0
  private var refusal: Refusal?
  private var isMalformed = false
  private var method = 0..<0, path = 0..<0, authority = 0..<0, scheme = 0..<0, protocolName = 0..<0
  /// Pseudo-header fields that have come.
  private var seen: UInt8 = 0
  private var status = 0
  private(set) var contentLength = -1
  private var cookies = 0
  private var expectsContinue = false
  /// Fields that this side must not index either when it passes them on.
  var neverIndexed = NeverIndexed()
  /// What the `priority` field says (RFC 9218, 5).
  private(set) var priority = HTTP2Priority()

  init(_ kind: Kind, _ limits: HeadLimits) {
    self.kind = kind
    self.limits = limits
    fields.bytes.acquireSmall()
    fields.lines.acquire()
  }

  /// No block may have more bytes than this, in one string or decoded (HPACK bombs).
  var bound: Int { 8 * limits.headBytes }
  var isTooMuch: Bool { length > bound }

  /// Takes a field, as a line `name: value CRLF`. Too many, or too large ones, are only counted: the table of the compression must see them all.
  mutating func take(_ line: Span<UInt8>, _ nameLength: Int, _ valueLength: Int, _ facts: FieldFacts) {
    length += nameLength + valueLength + 4
    if refusal != nil || isMalformed || kind == .ignored { return }
    if length > limits.headBytes { return refusal = .headTooLarge }
    guard facts.isValid else { return isMalformed = true }
    if facts.pseudo != .none { return takePseudo(facts.pseudo, line.slice(nameLength + 2, valueLength)) }
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    if fields.count >= limits.fieldLines { return refusal = .tooManyFields }
    fields.append(line: line, nameLength, valueLength, facts.name)
    note(facts.name, line, nameLength, valueLength)
  }

  @inline(__always) private mutating func note(_ name: FieldName, _ line: Span<UInt8>, _ nameLength: Int, _ valueLength: Int) {
    switch name {
    case .cookie: cookies += 1
    case .contentLength:
      guard contentLength < 0, let length = parseLength(line.slice(nameLength + 2, valueLength)) else { return isMalformed = true }
      contentLength = length
    case .expect: expectsContinue = line.slice(nameLength + 2, valueLength).equalsLowercase("100-continue")
    case .other where nameLength == 8 && line.slice(0, 8).equalsLowercase("priority"): priority.read(line.slice(10, valueLength))
    default: break
    }
  }

  /// They stand in front of all others, each once, and not in trailers (RFC 9113, 8.3).
  private mutating func takePseudo(_ field: PseudoField, _ value: Span<UInt8>) {
    let bit = 1 &<< field.rawValue as UInt8
    guard fields.count == 0, seen & bit == 0, kind == (field == .status ? .response : .request), field != .unknown else { return isMalformed = true }
    seen |= bit
    let start = fields.bytes.count
    fields.bytes.append(value)
    let place = start..<fields.bytes.count
    switch field {
    case .path: path = place
    case .method: method = place
    case .scheme: scheme = place
    case .protocolName: protocolName = place
    case .authority: authority = place
    case .status:
      guard value.count == 3, value[0].isDigit, value[1].isDigit, value[2].isDigit else { return isMalformed = true }
      status = Int(value[0]) * 100 + Int(value[1]) * 10 + Int(value[2]) - 48 * 111
    case .none, .unknown: break
    }
  }
  private func has(_ field: PseudoField) -> Bool { seen & 1 &<< field.rawValue != 0 }

  // MARK: Requests

  /// What a whole block says: a request, or why it is answered without one.
  enum Outcome {
    case request(RequestLine)
    case refused(Refusal)
  }

  /// Completes a request's head. ``takeFields()`` has its fields then.
  mutating func endRequest(hasBody: Bool) throws(Malformed) -> Outcome {
    guard !isMalformed else { throw Malformed() }
    if let refusal { return .refused(refusal) }
    guard has(.method), hasBody || contentLength <= 0 else { throw Malformed() }
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    var line = RequestLine()
    line.isHTTP2 = true
    line.length = length
    if let refusal = try placeMethod(&line) { return .refused(refusal) }
    // What is in a tunnel is no content (RFC 9110, 9.3.6): an origin of HTTP/1.1 would take the next request for it.
    if line.wantsUpgrade && contentLength >= 0 { throw Malformed() }
    if let refusal = try placeTarget(&line) { return .refused(refusal) }
    try settleHost()
    if cookies > 1 { joinCookies() }
    if hasBody && !line.wantsUpgrade { line.framing = contentLength > 0 ? .length(contentLength) : contentLength == 0 ? .none : .chunked }
    line.expectsContinue = expectsContinue && hasBody
    return .request(line)
  }

  private mutating func placeMethod(_ line: inout RequestLine) throws(Malformed) -> Refusal? {
    line.methodStart = method.lowerBound
    line.methodLength = method.count
    line.method = Method(fields.bytes.readable.extracting(method))
    guard line.method == .other else {
      guard !has(.protocolName) else { throw Malformed() }
      return nil
    }
    let isToken = !method.isEmpty && fields.bytes.readable.extracting(method).tokenEnd(from: 0) == method.count
    let isConnect = fields.bytes.readable.extracting(method).equalsLowercase("connect")
    guard isToken else { throw Malformed() }
    guard isConnect || !has(.protocolName) else { throw Malformed() }
    guard method.count <= 32 else { return .requestLine }
    guard isConnect else { return nil }
    // A plain one names nothing but whom it wants to reach (RFC 9113, 8.5).
    guard has(.protocolName) || has(.authority) && !has(.path) && !has(.scheme) else { throw Malformed() }
    return placeWebSocket(&line)
  }

  /// Extended CONNECT (RFC 8441, 4 and 5) becomes what it is in HTTP/1.1: GET with Upgrade. The key that only HTTP/1.1 has is made here.
  private mutating func placeWebSocket(_ line: inout RequestLine) -> Refusal? {
    guard fields.bytes.readable.extracting(protocolName).equalsLowercase("websocket") else { return .connectMethod }
    line.methodStart = fields.bytes.count
    line.methodLength = 3
    line.method = .get
    fields.bytes.append("GET")
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    fields.append("upgrade", "websocket")
    fields.append("Sec-WebSocket-Key", Self.webSocketKey())
    line.wantsUpgrade = true
    return nil
  }

  /// 16 random bytes in base64 (RFC 6455, 4.1).
  private static func webSocketKey() -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var random = SystemRandomNumberGenerator()
    var key: [UInt8] = []
    for _ in 0..<21 { key.append(alphabet[Int(random.next() & 63)]) }
    key.append(alphabet[Int(random.next() & 3) << 4])   // 128 bits: two in the last character
    return String(decoding: key, as: UTF8.self) + "=="
  }

  private mutating func placeTarget(_ line: inout RequestLine) throws(Malformed) -> Refusal? {
    guard has(.path), has(.scheme), !path.isEmpty else { throw Malformed() }
    guard path.count <= limits.targetBytes else { return .targetTooLong }
    let schemeIsKnown = fields.bytes.readable.extracting(scheme).equalsLowercase("http") || fields.bytes.readable.extracting(scheme).equalsLowercase("https")
    let target = fields.bytes.readable.extracting(path)
    guard schemeIsKnown else {
      guard fields.bytes.readable.extracting(scheme).isScheme else { throw Malformed() }
      return .target
    }
    guard target[0] == 47 || target.count == 1 && target[0] == 42 && line.method == .options else { throw Malformed() }
    let end = target.targetEnd(from: 0)
    guard end == target.count || target[end] == 35 else { throw Malformed() }
    guard end == target.count else { return .target }   // a fragment
    line.targetStart = path.lowerBound
    line.targetLength = path.count
    line.pathLength = target.next(63, from: 0)
    return nil
  }

  /// Whom the request is for stands in :authority; for those who work on the head it stands in Host (RFC 9113, 8.3.1). Two that differ, or
  /// two Hosts, are two readers' two messages.
  private mutating func settleHost() throws(Malformed) {
    if let host = fields.first(.host) {
      guard fields.isOnly(host), isValidHost(fields.value(host)) else { throw Malformed() }
      guard !has(.authority) || fields.value(host).equalsIgnoringCase(fields.bytes.readable.extracting(authority)) else { throw Malformed() }
      return
    }
    guard has(.authority) else { throw Malformed() }
    guard isValidHost(fields.bytes.readable.extracting(authority)) else { throw Malformed() }
    fields.append("host", copyOf: authority)
  }

  /// Cookie may come in crumbs (RFC 9113, 8.2.3); elsewhere it is one field.
  private mutating func joinCookies() {
    var whole = ByteBuffer(capacity: 256)
    for i in 0..<fields.count where fields[i].name == .cookie {
      if !whole.isEmpty { whole.append("; ") }
      whole.append(fields.value(i))
    }
    fields.drop(.cookie)
    let name: StaticString = "cookie"
    name.withUTF8Buffer { name in unsafe fields.append(name.span, whole.readable) }
  }

  // MARK: Responses and trailers

  /// Completes a response's head. ``takeFields()`` has its fields then.
  mutating func endResponse(hasBody: Bool) throws(Malformed) -> StatusLine {
    guard !isMalformed, refusal == nil, status >= 100, status < 600, status != 101, hasBody || status >= 200 else { throw Malformed() }
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    var line = StatusLine()
    line.status = status
    line.reasonStart = fields.bytes.count
    line.length = length
    line.contentLength = contentLength
    line.framing = !hasBody || status == 204 || status == 304 ? .none : contentLength > 0 ? .length(contentLength) : contentLength == 0 ? .none : .chunked
    return line
  }

  /// The head's bytes and fields; nothing is left here.
  mutating func takeFields() -> HeaderSection {
    var taken = HeaderSection()
    swap(&taken, &fields)
    return taken
  }

  /// Field lines of a trailer section that may be passed on.
  mutating func endTrailers() throws(Malformed) -> ByteBuffer {
    guard !isMalformed else { throw Malformed() }
    var lines = ByteBuffer()
    guard refusal == nil, length <= BodyDecoder.maximumTrailerBytes else { return lines }
    if fields.count > 0 { lines.acquire() }
    fields.copyLines(to: &lines, only: FieldNameSet(.other), ask: Trailers.mayPass)
    return lines
  }
}

extension Method {
  /// The method that these bytes spell; methods are told apart by case (RFC 9110, 9.1).
  init(_ token: Span<UInt8>) {
    self = .other
    for method in Method.allCases where method != .other {
      let isSame = method.text.withUTF8Buffer { unsafe token.equals($0.span) }
      if isSame { self = method }
    }
  }
}

extension Span where Element == UInt8 {
  /// `ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )` (RFC 3986, 3.1).
  fileprivate var isScheme: Bool {
    guard count > 0, (97...122).contains(self[0].lowercased) else { return false }
    for i in 1..<max(1, count) where !((97...122).contains(self[i].lowercased) || self[i].isDigit || self[i] == 43 || self[i] == 45 || self[i] == 46) { return false }
    return true
  }
}
