// Owns: the exporter's connection to its collector: one HTTP/1.1 request after another (RFC 9112), each with a time limit. It blocks, and belongs
// to the exporter's thread. The collector is the operator's; what it answers is read no further than its status and the end of the answer.

internal import CSystem
internal import Glibc

/// What came of a request to a collector.
enum CollectorAnswer: Equatable {
  case status(Int)
  /// No answer: errno, or 0 when it made no sense.
  case failure(Int32)

  /// Whether the same request may succeed later (OTLP, "Retryable Response Codes").
  var mayPass: Bool {
    switch self {
    case .status(let status): [429, 502, 503, 504].contains(status)
    case .failure: true
    }
  }

  /// What the collector did, for a message.
  var sentence: String {
    switch self {
    case .status(let status): "answered \(status)"
    case .failure(0): "answered something that is no HTTP"
    case .failure(EAGAIN), .failure(EINPROGRESS): "did not answer in time"
    case .failure(let code): "cannot be reached: \(errorText(code))"
    }
  }
}

/// A connection to a collector, made when it is needed and kept.
struct CollectorClient {
  /// Bytes of an answer's head, and of a body that is read so that the connection can be kept.
  private static let headLimit = 16_384, bodyLimit = 65_536

  private let configuration: SpanExporter.Configuration
  private var descriptor: Int32 = -1
  /// How long the last answer asks to be left in peace (Retry-After, RFC 9110, 10.2.3: its number of seconds); nil when it does not.
  private(set) var retryAfterMilliseconds: Int64?

  init(_ configuration: SpanExporter.Configuration) { self.configuration = configuration }

  mutating func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  /// Sends a document. A kept connection that turns out to be closed is replaced once.
  mutating func post(_ document: [UInt8]) -> CollectorAnswer {
    let isReused = descriptor >= 0
    retryAfterMilliseconds = nil
    if !isReused, let code = connect() { return .failure(code) }
    let answer = exchange(document)
    if case .status = answer { return answer }
    close()
    guard isReused else { return answer }
    if let code = connect() { return .failure(code) }
    let second = exchange(document)
    if case .failure = second { close() }
    return second
  }

  private mutating func exchange(_ document: [UInt8]) -> CollectorAnswer {
    let authority = configuration.host.contains(":") ? "[\(configuration.host)]" : configuration.host
    let head = "POST \(configuration.path) HTTP/1.1\r\nHost: \(authority):\(configuration.port)\r\nUser-Agent: skerry/\(configuration.version)\r\n"
      + "Content-Type: application/json\r\nContent-Length: \(document.count)\r\n\r\n"
    if let code = send(Array(head.utf8) + document) { return .failure(code) }
    return readAnswer()
  }

  private func send(_ bytes: [UInt8]) -> Int32? {
    var sent = 0
    while sent < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL)) }
      if count > 0 { sent += count } else if errno != EINTR { return errno }
    }
    return nil
  }

  private mutating func readAnswer() -> CollectorAnswer {
    var bytes: [UInt8] = []
    while true {
      if let end = Self.endOfHead(bytes) { return finish(String(decoding: bytes[..<end], as: UTF8.self), body: bytes.count - end - 4) }
      if bytes.count > Self.headLimit { return .failure(0) }
      guard let more = receive() else { return .failure(errno) }
      if more.isEmpty { return .failure(ECONNRESET) }
      bytes += more
    }
  }

  private static func endOfHead(_ bytes: [UInt8]) -> Int? {
    guard bytes.count >= 4 else { return nil }
    return (0...bytes.count - 4).first { bytes[$0] == 13 && bytes[$0 + 1] == 10 && bytes[$0 + 2] == 13 && bytes[$0 + 3] == 10 }
  }

  /// Reads the rest of an answer, if its length is told, and keeps the connection then.
  private mutating func finish(_ head: String, body received: Int) -> CollectorAnswer {
    let lines = head.split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ")
    guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]), (100...599).contains(status) else {
      close()
      return .failure(0)
    }
    let fields = lines.dropFirst().map { $0.lowercased().filter { $0 != " " && $0 != "\t" } }
    retryAfterMilliseconds = fields.first { $0.hasPrefix("retry-after:") }.flatMap { UInt32($0.dropFirst(12)) }.map { Int64($0) * 1_000 }
    let length = fields.first { $0.hasPrefix("content-length:") }.flatMap { Int($0.dropFirst(15)) } ?? (status == 204 ? 0 : -1)
    let ends = fields.contains("connection:close") || words[0] == "HTTP/1.0"
    guard !ends, (received...max(received, Self.bodyLimit)).contains(length) else {
      close()
      return .status(status)
    }
    var left = length - received
    while left > 0 {
      guard let more = receive(), !more.isEmpty, more.count <= left else {
        close()
        break
      }
      left -= more.count
    }
    return .status(status)
  }

  /// What has come; nil with errno when the wait was in vain, nothing at the end.
  private func receive() -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = unsafe recv(descriptor, &bytes, bytes.count, 0)
      if count >= 0 { return Array(bytes[..<count]) }
      if errno != EINTR { return nil }
    }
  }

  /// - Returns: errno when there is no connection.
  private mutating func connect() -> Int32? {
    var hints = unsafe addrinfo()
    var found: UnsafeMutablePointer<addrinfo>?
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    guard unsafe getaddrinfo(configuration.host, String(configuration.port), &hints, &found) == 0 else { return EHOSTUNREACH }
    defer { unsafe freeaddrinfo(found) }
    var code: Int32 = EHOSTUNREACH
    var next = unsafe found
    while let address = unsafe next {
      let fresh = unsafe socket(address.pointee.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
      guard fresh >= 0 else { return errno }
      limitTime(fresh)
      if unsafe Glibc.connect(fresh, address.pointee.ai_addr, address.pointee.ai_addrlen) == 0 {
        descriptor = fresh
        return nil
      }
      code = errno
      Glibc.close(fresh)
      unsafe next = address.pointee.ai_next
    }
    return code
  }

  /// The system's own limits of time, for connecting and sending, and for receiving.
  private func limitTime(_ descriptor: Int32) {
    let limit = configuration.timeoutMilliseconds
    var time = timeval(tv_sec: Int(limit / 1_000), tv_usec: Int(limit % 1_000 * 1_000))
    for option in [SO_SNDTIMEO, SO_RCVTIMEO] { unsafe setsockopt(descriptor, SOL_SOCKET, option, &time, socklen_t(MemoryLayout<timeval>.size)) }
  }
}
