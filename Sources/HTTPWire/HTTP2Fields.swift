// Owns: building a message head from the fields of an HTTP/2 header block (RFC 9113, 8.2 and 8.3), in the shape that heads of HTTP/1.1
// have: whoever works on a head need not know where it came from. nghttp2 has checked what it checks (order and repetition of pseudo-header
// fields, upper case, fields of the connection); the rest is checked here.
import Transport

/// A header block on its way to become a head. One at a time on a connection.
struct FieldBlock: ~Copyable {
  /// What is malformed beyond an answer: the stream is reset (RFC 9113, 8.1.1).
  struct Malformed: Error {}

  private var fields = HeaderSection()
  private let limits: HeadLimits
  /// Bytes of the fields as HTTP/1.1 would have them.
  private(set) var length = 0
  private var refusal: Refusal?
  private var method = 0..<0, path = 0..<0, authority = 0..<0, scheme = 0..<0, protocolName = 0..<0
  private var status = 0
  private var contentLength = -1
  private var hasAuthority = false
  private var cookies = 0
  private var expectsContinue = false

  init(_ limits: HeadLimits) {
    self.limits = limits
    fields.bytes.acquireSmall()
    fields.lines.acquire()
  }

  /// Takes a field. Too many, or too large ones, are only counted: the table of the compression must see them all.
  mutating func take(_ name: Span<UInt8>, _ value: Span<UInt8>) throws(Malformed) {
    length += name.count + value.count + 4
    if refusal != nil { return }
    if length > limits.headBytes { return refusal = .headTooLarge }
    if name.count > 0 && name[0] == 58 { return takePseudo(name, value) }
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    if fields.count >= limits.fieldLines { return refusal = .tooManyFields }
    // nghttp2 looks at this too; nothing that could break a line of HTTP/1.1 may depend on one look.
    guard value.valueEnd(from: 0) == value.count, name.tokenEnd(from: 0) == name.count, name.count > 0 else { throw Malformed() }
    fields.append(name, value)
    try note(fields[fields.count - 1].name, value)
  }

  private mutating func note(_ name: FieldName, _ value: Span<UInt8>) throws(Malformed) {
    switch name {
    case .cookie: cookies += 1
    case .contentLength:
      guard contentLength < 0, let length = parseLength(value) else { throw Malformed() }
      contentLength = length
    case .expect: expectsContinue = value.equalsLowercase("100-continue")
    case .connection, .keepAlive, .proxyConnection, .transferEncoding, .upgrade: throw Malformed()
    case .te where !value.equalsLowercase("trailers"): throw Malformed()
    default: break
    }
  }

  private mutating func takePseudo(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = fields.bytes.count
    fields.bytes.append(value)
    let place = start..<fields.bytes.count
    switch name.count {
    case 5 where name.equalsLowercase(":path"): path = place
    case 7 where name.equalsLowercase(":method"): method = place
    case 7 where name.equalsLowercase(":scheme"): scheme = place
    case 7 where name.equalsLowercase(":status") && value.count == 3:
      status = Int(value[0]) * 100 + Int(value[1]) * 10 + Int(value[2]) - 48 * 111
    case 9 where name.equalsLowercase(":protocol"): protocolName = place
    case 10 where name.equalsLowercase(":authority"): (authority, hasAuthority) = (place, true)
    default: break
    }
  }

  // MARK: Requests

  /// What a whole block says: a request, or why it is answered without one.
  enum Outcome {
    case request(RequestLine)
    case refused(Refusal)
  }

  /// Completes a request's head. ``takeFields()`` has its fields then.
  mutating func endRequest(hasBody: Bool) throws(Malformed) -> Outcome {
    if let refusal { return .refused(refusal) }
    if fields.count == 0 { fields.firstLine = fields.bytes.count }
    var line = RequestLine()
    line.isHTTP2 = true
    line.length = length
    if let refusal = placeMethod(&line) { return .refused(refusal) }
    // What is in a tunnel is no content (RFC 9110, 9.3.6): an origin of HTTP/1.1 would take the next request for it.
    if line.wantsUpgrade && contentLength >= 0 { throw Malformed() }
    if let refusal = placeTarget(&line) { return .refused(refusal) }
    if let refusal = try settleHost() { return .refused(refusal) }
    if cookies > 1 { joinCookies() }
    if hasBody && !line.wantsUpgrade { line.framing = contentLength > 0 ? .length(contentLength) : contentLength == 0 ? .none : .chunked }
    line.expectsContinue = expectsContinue && hasBody
    return .request(line)
  }

  private mutating func placeMethod(_ line: inout RequestLine) -> Refusal? {
    guard !method.isEmpty, method.count <= 32 else { return .requestLine }
    line.methodStart = method.lowerBound
    line.methodLength = method.count
    line.method = Method(fields.bytes.readable.extracting(method))
    guard line.method == .other, fields.bytes.readable.extracting(method).equalsLowercase("connect") else { return nil }
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

  private mutating func placeTarget(_ line: inout RequestLine) -> Refusal? {
    guard path.count <= limits.targetBytes else { return .targetTooLong }
    let schemeIsKnown = fields.bytes.readable.extracting(scheme).equalsLowercase("http") || fields.bytes.readable.extracting(scheme).equalsLowercase("https")
    let target = fields.bytes.readable.extracting(path)
    guard schemeIsKnown, target.count > 0, target.targetEnd(from: 0) == target.count else { return .target }
    guard target[0] == 47 || target.count == 1 && target[0] == 42 && line.method == .options else { return .target }
    line.targetStart = path.lowerBound
    line.targetLength = path.count
    line.pathLength = target.next(63, from: 0)
    return nil
  }

  /// Whom the request is for stands in :authority; for those who work on the head it stands in Host (RFC 9113, 8.3.1). Two that differ, or
  /// two Hosts, are two readers' two messages.
  private mutating func settleHost() throws(Malformed) -> Refusal? {
    if let host = fields.first(.host) {
      guard fields.isOnly(host), isValidHost(fields.value(host)) else { throw Malformed() }
      guard !hasAuthority || fields.value(host).equalsIgnoringCase(fields.bytes.readable.extracting(authority)) else { throw Malformed() }
      return nil
    }
    guard hasAuthority else { return .host }
    guard isValidHost(fields.bytes.readable.extracting(authority)) else { throw Malformed() }
    fields.append("host", copyOf: authority)
    return nil
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
    guard refusal == nil, status >= 100, status < 600, status != 101 else { throw Malformed() }
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
  mutating func endTrailers() -> ByteBuffer {
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
