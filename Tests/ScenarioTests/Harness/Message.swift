// HTTP/1.1 messages as a strict peer reads them (RFC 9112): whatever is not exactly to the grammar is a failure of
// the scenario, because the program must never write it.

/// The header fields (or trailers) of a message, in order.
struct Fields: Sendable, Equatable, CustomStringConvertible {
  struct Field: Sendable, Equatable {
    let name: String
    let value: String
  }
  var list: [Field] = []

  /// Every value of a name, compared without case.
  func all(_ name: String) -> [String] {
    list.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }
  /// The value of a name: several lines joined with a comma (RFC 9110 5.3), nil when there is none.
  subscript(_ name: String) -> String? {
    let values = all(name)
    return values.isEmpty ? nil : values.joined(separator: ", ")
  }
  var description: String { list.map { "\($0.name): \($0.value)".visible }.joined(separator: " | ") }
}

/// How the end of a body was known.
enum Framing: Sendable, Equatable { case none, contentLength(Int), chunked, untilClose }

struct Request: Sendable {
  let line: String
  let fields: Fields
  var framing = Framing.none
  var body: Bytes = []
  var trailers = Fields()

  var method: String { String(line.prefix { $0 != " " }) }
  var target: String { line.split(separator: " ", omittingEmptySubsequences: false).dropFirst().first.map(String.init) ?? "" }
  var bodyText: String { String(wire: body) }
}

struct Response: Sendable {
  let line: String
  let status: Int
  let fields: Fields
  var framing = Framing.none
  var body: Bytes = []
  var trailers = Fields()

  var bodyText: String { String(wire: body) }
  var version: String { String(line.prefix(8)) }
}

/// What a strict reader objects to.
struct MalformedMessage: Error, CustomStringConvertible { let description: String }

/// The stream ended where a message should have begun (`clean`) or in its middle.
struct StreamEnded: Error, Equatable { let clean: Bool }

/// Reads messages off a socket. `tap` sees every byte as it arrives.
final class MessageReader {
  private let socket: Socket
  private let tap: ((Bytes) -> Void)?
  private var buffer: Bytes = []
  private var start = 0
  var deadline: Duration = .seconds(20)

  init(_ socket: Socket, tap: ((Bytes) -> Void)? = nil) {
    self.socket = socket
    self.tap = tap
  }

  // MARK: Messages

  func readRequest() throws -> Request {
    var request = try readRequestHead()
    let fields = request.fields
    request.framing = try framing(of: fields, otherwise: .none)
    (request.body, request.trailers) = try readBody(request.framing)
    return request
  }

  /// The next head of a request, without its body.
  func readRequestHead() throws -> Request {
    let (line, fields) = try readHead()
    guard line.wholeMatch(of: /[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x{ff}]+ HTTP\/1\.[01]/.matchingSemantics(.unicodeScalar)) != nil else {
      throw MalformedMessage(description: "request line \(line.visible)")
    }
    return Request(line: line, fields: fields)
  }

  /// The next head of a response, interim or final, without its body.
  func readResponseHead() throws -> Response {
    let (line, fields) = try readHead()
    guard let match = line.wholeMatch(of: /HTTP\/1\.[01] ([1-5][0-9][0-9]) [\t\x20-\x{ff}]*/.matchingSemantics(.unicodeScalar)), let status = Int(match.1) else {
      throw MalformedMessage(description: "status line \(line.visible)")
    }
    return Response(line: line, status: status, fields: fields)
  }

  /// The next response to a request with this method, interim ones included.
  func readResponse(to method: String = "GET") throws -> Response {
    var response = try readResponseHead()
    let bodiless = method == "HEAD" || response.status < 200 || [204, 304].contains(response.status)
    if response.status < 200 || response.status == 204 {
      guard response.fields["transfer-encoding"] == nil, response.fields["content-length"] == nil else {
        throw MalformedMessage(description: "\(response.status) with a framing field (RFC 9110 8.6, RFC 9112 6.1)")
      }
    }
    guard !bodiless else { return response }
    response.framing = try framing(of: response.fields, otherwise: .untilClose)
    (response.body, response.trailers) = try readBody(response.framing)
    return response
  }

  // MARK: Parts

  private func readHead() throws -> (line: String, fields: Fields) {
    let line = try readLine(mayEnd: true)
    return (line, try readFields())
  }

  private func readFields() throws -> Fields {
    var fields = Fields()
    while true {
      let line = try readLine()
      if line.isEmpty { return fields }
      guard let match = line.wholeMatch(of: /([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7e\x{80}-\x{ff}]*?)[ \t]*/.matchingSemantics(.unicodeScalar)) else {
        throw MalformedMessage(description: "field line \(line.visible)")
      }
      fields.list.append(.init(name: String(match.1), value: String(match.2)))
    }
  }

  private func framing(of fields: Fields, otherwise: Framing) throws -> Framing {
    let codings = fields.all("transfer-encoding"), lengths = fields.all("content-length")
    if !codings.isEmpty {
      guard codings == ["chunked"], lengths.isEmpty else {
        throw MalformedMessage(description: "framing fields \(fields)")
      }
      return .chunked
    }
    guard !lengths.isEmpty else { return otherwise }
    guard lengths.count == 1, let length = Int(lengths[0]), length >= 0 else {
      throw MalformedMessage(description: "Content-Length \(lengths)")
    }
    return .contentLength(length)
  }

  private func readBody(_ framing: Framing) throws -> (Bytes, Fields) {
    switch framing {
    case .none: return ([], Fields())
    case .contentLength(let length): return (try read(exactly: length), Fields())
    case .untilClose: return (try readToEnd(), Fields())
    case .chunked:
      var body: Bytes = []
      while let chunk = try readChunk() { body += chunk }
      return (body, try readFields())
    }
  }

  /// One chunk of a chunked body; nil for the last, whose trailers `readTrailers` then takes.
  func readChunk() throws -> Bytes? {
    let line = try readLine()
    guard let match = line.wholeMatch(of: /([0-9A-Fa-f]{1,15})(;.*)?/), let size = Int(match.1, radix: 16) else {
      throw MalformedMessage(description: "chunk size \(line.visible)")
    }
    if size == 0 { return nil }
    let chunk = try read(exactly: size)
    guard try readLine().isEmpty else { throw MalformedMessage(description: "chunk not followed by CRLF") }
    return chunk
  }

  func readTrailers() throws -> Fields { try readFields() }

  /// One line without its CRLF. A bare CR or LF in it is malformed.
  private func readLine(mayEnd: Bool = false) throws -> String {
    var searched = 0  // bytes after `start` known to hold no LF
    while true {
      if let end = buffer[(start + searched)...].firstIndex(of: 0x0a) {
        let line = buffer[start..<end]
        guard line.last == 0x0d, !line.dropLast().contains(0x0d) else {
          throw MalformedMessage(description: "line not ended by CRLF: \(String(wire: line).visible)")
        }
        start = end + 1
        return String(wire: line.dropLast())
      }
      searched = buffer.count - start
      guard try fill() else { throw StreamEnded(clean: mayEnd && searched == 0) }
    }
  }

  func read(exactly count: Int) throws -> Bytes {
    while buffer.count - start < count {
      guard try fill() else { throw StreamEnded(clean: false) }
    }
    defer { start += count }
    return Bytes(buffer[start..<start + count])
  }

  /// Whatever is there or arrives next, at most `limit` bytes; empty at the end.
  func readSome(atMost limit: Int = 65_536) throws -> Bytes {
    if start == buffer.count, try !fill() { return [] }
    let count = min(limit, buffer.count - start)
    defer { start += count }
    return Bytes(buffer[start..<start + count])
  }

  /// Everything up to an orderly end.
  func readToEnd() throws -> Bytes {
    while try fill() {}
    defer { start = buffer.count }
    return Bytes(buffer[start...])
  }

  private func fill() throws -> Bool {
    if start == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      start = 0
    }
    let bytes = try socket.receive(by: .after(deadline))
    tap?(bytes)
    buffer += bytes
    return !bytes.isEmpty
  }
}
