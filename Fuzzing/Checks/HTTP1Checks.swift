// What must hold for the HTTP/1.1 parser whatever bytes it is given. Pure functions; any thread may call them.
// The oracle below is written from RFC 9110 and RFC 9112 and shares no code with the parser, on purpose.
import HTTPWire
import Transport

/// A property that did not hold, with the bytes that show it.
public struct BrokenProperty: Error, CustomStringConvertible, Sendable {
  /// What should have held.
  public let property: String
  /// The input.
  public let bytes: [UInt8]

  /// One line, the bytes written as a Swift string literal.
  public var description: String { "\(property): \"\(bytes.map(BrokenProperty.literal).joined())\"" }

  private static func literal(_ byte: UInt8) -> String {
    switch byte {
    case 0x0d: "\\r"
    case 0x0a: "\\n"
    case 0x22, 0x5c: "\\" + String(Unicode.Scalar(byte))
    case 0x20...0x7e: String(Unicode.Scalar(byte))
    default: "\\u{\(String(byte, radix: 16))}"
    }
  }
}

/// What a parser said of some bytes, with everything it lets others see.
private struct Verdict: Equatable {
  var result: HeadResult
  var length = 0
  var about = ""
  var fields: [String] = []

  static func ofRequest(_ bytes: some Collection<UInt8>) -> Verdict {
    let (result, line, fields) = HeadParser.request(buffer(bytes))
    guard result == .complete else { return Verdict(result: result) }
    return Verdict(
      result: result, length: line.length,
      about: "\(line.method) 1.0:\(line.isHTTP10) close:\(line.wantsClose) continue:\(line.expectsContinue) upgrade:\(line.wantsUpgrade) \(line.framing)",
      fields: fields.map { "\($0.0): \($0.1)" })
  }

  static func ofResponse(_ bytes: some Collection<UInt8>) -> Verdict {
    let (result, line, fields) = HeadParser.response(buffer(bytes))
    guard result == .complete else { return Verdict(result: result) }
    return Verdict(
      result: result, length: line.length,
      about: "\(line.status) 1.0:\(line.isHTTP10) close:\(line.wantsClose) \(line.framing) \(line.contentLength)",
      fields: fields.map { "\($0.0): \($0.1)" })
  }
}

/// Bytes as the parser takes them.
private func buffer(_ bytes: some Collection<UInt8>) -> ByteBuffer {
  var buffer = ByteBuffer(capacity: max(16, bytes.count))
  for byte in bytes { buffer.append(byte) }
  return buffer
}

/// The properties, one function per kind of input.
public enum HTTP1Checks {
  /// The bytes beyond which prefixes are sampled instead of all tried.
  private static let exhaustivePrefixBytes = 600

  /// A request head, perhaps with something behind it.
  public static func request(_ bytes: [UInt8]) throws(BrokenProperty) {
    try head(bytes, Verdict.ofRequest(bytes)) { Verdict.ofRequest($0) }
    let verdict = Verdict.ofRequest(bytes)
    guard verdict.result == .complete else { return }
    let lines = fieldLines(bytes.prefix(verdict.length))
    let isHTTP10 = lines.start.hasSuffix(" HTTP/1.0")
    func expect(_ holds: Bool, _ property: String) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: property, bytes: bytes) }
    }
    let words = lines.start.split(separator: " ", omittingEmptySubsequences: false)
    try expect(words.count == 3, "a request line has three words (RFC 9112, 3)")
    try expect(words[0] != "CONNECT", "CONNECT is refused")
    try expect(isHTTP10 || lines.start.hasSuffix(" HTTP/1.1"), "the version is 1.0 or 1.1")
    try expect(words[1].utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f && $0 != UInt8(ascii: "#") }, "a target has no space, control byte or fragment")
    try expect(words[1].unicodeScalars.count <= 8192, "a target has at most 8,192 bytes")
    let hosts = lines.values("host"), lengths = lines.values("content-length"), codings = lines.values("transfer-encoding")
    try expect(hosts.count == 1 || isHTTP10 && hosts.isEmpty, "there is one Host (RFC 9112, 3.2)")
    try expect(hosts.allSatisfy { !$0.isEmpty && !$0.contains("@") && !$0.contains("/") && !$0.contains(",") && !$0.contains(" ") }, "Host is an authority")
    try framing(lengths, codings, isHTTP10, bytes)
  }

  /// A response head, perhaps with something behind it.
  public static func response(_ bytes: [UInt8]) throws(BrokenProperty) {
    try head(bytes, Verdict.ofResponse(bytes)) { Verdict.ofResponse($0) }
    let verdict = Verdict.ofResponse(bytes)
    guard verdict.result == .complete else { return }
    let lines = fieldLines(bytes.prefix(verdict.length))
    try framing(lines.values("content-length"), lines.values("transfer-encoding"), lines.start.hasPrefix("HTTP/1.0"), bytes)
  }

  /// A chunked body: however it is cut into pieces, the payload and the end are the same.
  public static func chunkedBody(_ bytes: [UInt8]) throws(BrokenProperty) {
    let whole = decode([bytes[...]])
    for split in splits(bytes.count) {
      guard decode([bytes[..<split], bytes[split...]]) == whole else {
        throw BrokenProperty(property: "a body cut at \(split) has the same payload", bytes: bytes)
      }
    }
    guard decode(bytes.indices.map { bytes[$0...$0] }) == whole else {
      throw BrokenProperty(property: "a body read byte by byte has the same payload", bytes: bytes)
    }
    guard whole.ending == "done" else { return }
    var again = [UInt8](String(whole.payload.count, radix: 16).utf8) + [13, 10] + whole.payload + [13, 10]
    if whole.payload.isEmpty { again = [] }
    guard decode([(again + [UInt8]("0\r\n\r\n".utf8))[...]]).payload == whole.payload else {
      throw BrokenProperty(property: "the payload survives being chunked anew", bytes: bytes)
    }
  }

  // MARK: Properties of every head

  private static func head(
    _ bytes: [UInt8], _ whole: Verdict, _ parse: (ArraySlice<UInt8>) -> Verdict
  ) throws(BrokenProperty) {
    for end in splits(bytes.count) {
      let prefix = parse(bytes[..<end])
      switch (prefix.result, whole.result) {
      case (.incomplete, .complete) where end >= whole.length:
        throw BrokenProperty(property: "a whole head is complete at \(end) too", bytes: bytes)
      case (.complete, _) where prefix != whole:
        throw BrokenProperty(property: "bytes behind a head (from \(end) on) do not change it", bytes: bytes)
      case (.refused, .complete), (.refused, .incomplete):
        throw BrokenProperty(property: "what is refused at \(end) stays refused", bytes: bytes)
      default: break
      }
    }
    guard whole.result == .complete else { return }
    let head = Array(bytes.prefix(whole.length))
    guard whole.length <= 32_768 else { throw BrokenProperty(property: "a head has at most 32,768 bytes", bytes: bytes) }
    guard isCleanText(head) else {
      throw BrokenProperty(property: "lines end with CRLF, are not folded and hold no control bytes (RFC 9112, 2.2 and 5)", bytes: bytes)
    }
    try survivesWriting(bytes, head, whole, parse)
  }

  /// The start line and the fields that were kept, written anew, are read as the same message.
  private static func survivesWriting(
    _ bytes: [UInt8], _ head: [UInt8], _ whole: Verdict, _ parse: (ArraySlice<UInt8>) -> Verdict
  ) throws(BrokenProperty) {
    var written = Array(head[..<(head.firstIndex(of: 10) ?? 0)]) + [10]
    for field in whole.fields { written += field.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) } + [13, 10] }
    written += [13, 10]
    // Fields as text lose bytes that are not UTF-8; those heads are left to the other properties.
    guard head.allSatisfy({ $0 < 0x80 }) else { return }
    let again = parse(written[...])
    guard again.result == .complete, again.fields == whole.fields, again.length == written.count else {
      throw BrokenProperty(property: "a head written anew is read as the same fields", bytes: bytes)
    }
  }

  private static func framing(_ lengths: [Substring], _ codings: [Substring], _ isHTTP10: Bool, _ bytes: [UInt8]) throws(BrokenProperty) {
    let sound =
      lengths.count <= 1 && codings.count <= 1 && (lengths.isEmpty || codings.isEmpty)
      && lengths.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } && Int($0) != nil }
      && codings.allSatisfy { $0.lowercased() == "chunked" } && (codings.isEmpty || !isHTTP10)
    if !sound { throw BrokenProperty(property: "framing fields are unambiguous (RFC 9112, 6)", bytes: bytes) }
  }

  // MARK: The oracle

  private static func isCleanText(_ head: [UInt8]) -> Bool {
    for (index, byte) in head.enumerated() {
      let next = index + 1 < head.count ? head[index + 1] : nil
      switch byte {
      case 13: if next != 10 { return false }
      case 10:
        if index == 0 || head[index - 1] != 13 { return false }
        if let next, next == 32 || next == 9 { return false }
      case 0..<9, 11, 12, 14..<32, 127: return false
      default: break
      }
    }
    return true
  }

  private struct Lines {
    let start: String
    let fields: [Substring]
    func values(_ name: String) -> [Substring] {
      fields.filter { $0.prefix { $0 != ":" }.lowercased() == name }
        .map { line in
          var value = line.drop { $0 != ":" }.dropFirst()
          while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
          while let last = value.last, last == " " || last == "\t" { value.removeLast() }
          return value
        }
    }
  }

  private static func fieldLines(_ head: some Collection<UInt8>) -> Lines {
    // One scalar per byte; "\r\n" is one Character, which is what separates lines.
    let text = String(String.UnicodeScalarView(head.map { Unicode.Scalar($0) }))
    let lines = text.split(separator: "\r\n", omittingEmptySubsequences: true)
    return Lines(start: String(lines.first ?? ""), fields: Array(lines.dropFirst()))
  }

  // MARK: Bodies

  private struct Decoded: Equatable {
    var payload: [UInt8] = []
    var ending = "incomplete"
    var consumed = 0
  }

  private static func decode(_ pieces: [ArraySlice<UInt8>]) -> Decoded {
    var decoder = BodyDecoder(.chunked), decoded = Decoded(), pending = ByteBuffer(capacity: 16)
    for piece in pieces {
      for byte in piece { pending.append(byte) }
      while true {
        switch decoder.next(pending.readable) {
        case .framing(let count), .trailers(let count):
          pending.consume(count)
          decoded.consumed += count
        case .payload(let count):
          for index in 0..<count { decoded.payload.append(pending.readable[index]) }
          pending.consume(count)
          decoded.consumed += count
        case .done:
          decoded.ending = "done"
          return decoded
        case .malformed:
          // How many bytes were looked at when the fault was seen depends on the cut; the payload does not.
          return Decoded(payload: decoded.payload, ending: "malformed")
        case .incomplete: break
        }
        if pending.isEmpty || decoder.isDone { break }
      }
      if decoder.isDone {
        decoded.ending = "done"
        return decoded
      }
    }
    return decoded
  }

  /// Every place to cut, or a sample of them when there are many.
  private static func splits(_ count: Int) -> [Int] {
    if count <= exhaustivePrefixBytes { return Array(0...count) }
    return Array(stride(from: 0, through: count, by: max(1, count / 64))) + Array(count - 64...count)
  }
}
