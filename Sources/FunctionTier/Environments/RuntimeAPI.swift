// Owns: Lambda's Runtime API (version 2018-06-01), served to one environment of a `provided` runtime: what other environments say in frames its
// program says in HTTP, over connections to 127.0.0.1:9001 inside its sandbox, where nobody else can connect to. Everything that comes is the
// function's to forge: heads and bodies go through HTTPWire's parsers, within named limits. Confined to the supervisor's thread.
// Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html; design/function-tier.md, "Protocol and cost".
import HTTPWire
import JSONText
import Transport

/// What the Runtime API tells its environment.
protocol RuntimeAPIOwner: AnyObject {
  /// The program asks for the next invocation: it is ready.
  func apiIsReady()
  /// The program could not initialise itself.
  func apiFailedToStart(_ error: ReportedError)
  /// The program answers an invocation.
  func apiAnswered(_ serial: UInt32, _ body: [UInt8])
  /// The program says that an invocation has failed.
  func apiFailed(_ serial: UInt32, _ error: ReportedError)
  /// The program asks for more than it may.
  func apiReached(_ limit: RuntimeAPI.Limit)
}

/// An error as a program reports it.
struct ReportedError {
  /// The body: most often `errorType`, `errorMessage` and `stackTrace` as JSON.
  var body: [UInt8]
  /// What the head calls it: for bodies that do not say it.
  var type: String

  /// An answer that is too long for one.
  static let tooLarge = ReportedError(body: Array(JSONValue.object(InvocationFailure.tooLarge.answer).compact.utf8), type: "")
}

/// The Runtime API of one environment.
final class RuntimeAPI {
  /// What is counted when it is reached: a place in FunctionTierFacts.apiLimits.
  enum Limit: Int { case connections, bodies, discardedBody, unreadAnswers }

  /// Connections at once; a further one is closed.
  static let connectionLimit = 16
  /// Bytes of bodies that are being read, of all connections together. Beyond: 413, and its invocation has failed.
  static let bodyLimitBytes = Environment.frameLimitBytes

  private let loop: EventLoop
  private unowned let owner: any RuntimeAPIOwner
  private let arn: String
  private let listener: Int32
  private var door: DescriptorWatch?
  private var connections: [APIConnection] = []
  /// Who asked for the next invocation.
  private weak var asker: APIConnection?
  /// The invocation that nobody has asked for yet.
  private var next: [UInt8]?
  /// The invocation under way.
  private var current: (requestID: String, serial: UInt32)?
  /// Whether nobody is there any more who could be given an invocation.
  private var isLast = false
  /// Of bodies that are being read.
  private var bodyBytes = 0

  /// Serves a listener, which becomes its own.
  init(_ listener: Int32, arn: String, on loop: EventLoop, _ owner: any RuntimeAPIOwner) {
    self.listener = listener
    self.arn = arn
    self.loop = loop
    self.owner = owner
    door = DescriptorWatch(loop: loop, descriptor: listener) { [unowned self] _ in accept() }
  }

  deinit {
    door?.end()
    APISocket.close(listener)
  }

  /// Has the program given an invocation when it asks for one.
  func give(_ invocation: Invocation, serial: UInt32, deadline: Double) {
    current = (invocation.requestID, serial)
    var head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: \(invocation.requestID)\r\n"
    head += "Lambda-Runtime-Deadline-Ms: \(Int64(deadline))\r\nLambda-Runtime-Invoked-Function-Arn: \(arn)\r\n"
    if !invocation.clientContext.isEmpty, !invocation.clientContext.contains(where: { $0 < 32 }) {
      head += "Lambda-Runtime-Client-Context: \(String(decoding: invocation.clientContext, as: UTF8.self))\r\n"
    }
    next = Array("\(head)Content-Length: \(invocation.payload.count)\r\n\r\n".utf8) + invocation.payload
    hand()
  }

  /// Whether somebody has asked for the next invocation and waits for it.
  var isAsked: Bool { asker != nil && !isLast }

  /// The program is gone: what it has sent is read.
  func readLast() {
    isLast = true
    for connection in connections { connection.readLast() }
  }

  /// No connection is served any more.
  func end() {
    door?.end()
    for connection in connections { connection.end() }
    connections = []
  }

  private func hand() {
    guard let asker, let response = next else { return }
    self.asker = nil
    next = nil
    asker.send(response)
  }

  private func accept() {
    while let descriptor = APISocket.accept(listener) {
      guard connections.count < Self.connectionLimit else {
        APISocket.close(descriptor)
        owner.apiReached(.connections)
        continue
      }
      connections.append(APIConnection(descriptor, on: loop, self))
    }
  }

  // MARK: For connections

  /// Whether there is room for so many more bytes of a body; then they count.
  func admits(_ count: Int) -> Bool {
    guard bodyBytes + count <= Self.bodyLimitBytes else { return false }
    bodyBytes += count
    return true
  }

  /// Bytes of a body are not kept any more.
  func release(_ count: Int) { bodyBytes -= count }

  /// A connection asks for more than it may.
  func reached(_ limit: Limit) { owner.apiReached(limit) }

  func isOver(_ connection: APIConnection) { connections.removeAll { $0 === connection } }

  /// Answers a request, now or, to who asks for the next invocation, later.
  func take(_ request: APIConnection.Request, from connection: APIConnection) {
    let parts = request.path.split(separator: "/").map(String.init)
    let tooLong = "the body is longer than \(Self.bodyLimitBytes) bytes"
    switch (request.isPost, parts.starts(with: ["2018-06-01", "runtime"]) ? Array(parts.dropFirst(2)) : []) {
    case (false, ["invocation", "next"]):
      if isLast { return }
      asker = connection
      hand()
      // Whatever it was given before, it has answered, or will not: the environment knows.
      owner.apiIsReady()
    case (true, ["init", "error"]):
      if request.isTooLong { connection.refuse(413, tooLong, "RequestEntityTooLarge") } else { connection.accept() }
      owner.apiFailedToStart(request.error)
    case (true, let rest) where rest.count == 3 && rest[0] == "invocation" && (rest[2] == "response" || rest[2] == "error"):
      guard let current, current.requestID == rest[1] else { return connection.refuse(400, "no invocation of this id is under way", "InvalidRequestID") }
      self.current = nil
      if request.isTooLong { connection.refuse(413, tooLong, "RequestEntityTooLarge") } else { connection.accept() }
      if let error = request.trailingError {
        owner.apiFailed(current.serial, error)
      } else if request.isTooLong && rest[2] == "response" {
        owner.apiFailed(current.serial, .tooLarge)
      } else if rest[2] == "error" { owner.apiFailed(current.serial, request.error) } else { owner.apiAnswered(current.serial, request.body) }
    case _ where request.isTooLong: connection.refuse(413, tooLong, "RequestEntityTooLarge")
    default: connection.refuse(404, "there is no such resource", "NotFound")
    }
  }
}

/// One connection to the Runtime API.
final class APIConnection {
  /// What the program asks.
  struct Request {
    var isPost: Bool
    var path: String
    var body: [UInt8] = []
    /// Whether it had a body that there was no room for (``RuntimeAPI/bodyLimitBytes``), of which nothing is kept.
    var isTooLong = false
    /// Lambda-Runtime-Function-Error-Type; empty without one.
    var errorType: String
    var expectsContinue: Bool
    var wantsClose: Bool

    /// The field lines behind a body in chunks.
    var trailers: [UInt8] = []

    var error: ReportedError { ReportedError(body: body, type: errorType) }

    /// How a streamed answer ends that has failed on its way: what came of it is none. The body is Base64 of what an error's body is.
    var trailingError: ReportedError? {
      guard !trailers.isEmpty else { return nil }
      var type: String?, body: [UInt8]?
      for line in trailers.split(separator: 10) {
        guard let colon = line.firstIndex(of: 58) else { continue }
        let value = line[(colon + 1)...].drop { $0 == 32 || $0 == 9 }.reversed().drop { $0 == 32 || $0 == 9 || $0 == 13 }.reversed()
        switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
        case "lambda-runtime-function-error-type": type = String(decoding: Array(value), as: UTF8.self)
        case "lambda-runtime-function-error-body": body = Base64.decoded(Array(value)) ?? Array(value)
        default: break
        }
      }
      return type == nil && body == nil ? nil : ReportedError(body: body ?? [], type: type ?? "")
    }
  }

  /// So many bytes of a body that is too long are read to its end, so that the program finds its answer. Beyond, the connection is closed.
  static let discardedBodyBytes = 64 << 20

  private let descriptor: Int32
  private unowned let api: RuntimeAPI
  private var watch: DescriptorWatch?
  private var inbound = ByteBuffer(), outbound = ByteBuffer()
  /// The request whose body is being read.
  private var request: Request?
  private var decoder = BodyDecoder()
  private var discarded = 0
  private var closesAfterwards = false

  init(_ descriptor: Int32, on loop: EventLoop, _ api: RuntimeAPI) {
    self.descriptor = descriptor
    self.api = api
    watch = DescriptorWatch(loop: loop, descriptor: descriptor) { [unowned self] in ready($0) }
  }

  deinit {
    watch?.end()
    APISocket.close(descriptor)
  }

  func end() { watch?.end() }

  /// Reads what has come, in so many turns at most: nothing more will.
  func readLast() {
    withExtendedLifetime(self) {
      var turns = Self.lastTurns
      while turns > 0, watch?.isWatching == true, !closesAfterwards, receive() { turns -= 1 }
    }
  }
  private static let lastTurns = 256

  // MARK: Sending

  func send(_ bytes: [UInt8]) {
    outbound.append(bytes.span)
    flush()
  }

  /// 202, as the API has it.
  func accept() { answer(202, "{\"status\":\"OK\"}\n") }

  func refuse(_ status: Int, _ message: String, _ type: String) { answer(status, "{\"errorMessage\":\"\(message)\",\"errorType\":\"\(type)\"}\n") }

  private func answer(_ status: Int, _ body: String) {
    let close = closesAfterwards ? "Connection: close\r\n" : ""
    send(Array("HTTP/1.1 \(status) \(ReasonPhrase.of(status))\r\nContent-Type: application/json\r\n\(close)Content-Length: \(body.utf8.count)\r\n\r\n\(body)".utf8))
  }

  private func flush() {
    while !outbound.isEmpty {
      guard let sent = outbound.send(to: descriptor) else { return isOver() }
      if sent == 0 { break }
    }
    watch?.wantsToWrite = !outbound.isEmpty
    outbound.releaseIfEmpty()
    if outbound.isEmpty && closesAfterwards { isOver() }
  }

  private func isOver() {
    watch?.end()
    forgetRequest()
    api.isOver(self)
  }

  // MARK: Reading

  private func forgetRequest() {
    api.release(request?.body.count ?? 0)
    request = nil
  }

  private func ready(_ readiness: DescriptorWatch.Readiness) {
    // It may be over, and let go of, in the middle of this.
    withExtendedLifetime(self) {
      if readiness.isWritable && !outbound.isEmpty { flush() }
      guard readiness.isReadable, watch?.isWatching == true else { return }
      // What it says behind its last request is nobody's: not to be kept while its answer is on its way.
      if closesAfterwards { return isOver() }
      receive()
    }
  }

  /// - Returns: whether something has come.
  @discardableResult
  private func receive() -> Bool {
    inbound.acquire()
    defer { inbound.releaseIfEmpty() }
    switch inbound.receive(from: descriptor) {
    case .wouldBlock: return false
    case .bytes:
      while watch?.isWatching == true && readOn() {}
      return true
    case .end, .failed:
      isOver()
      return false
    }
  }

  /// - Returns: whether there may be more to read in what has been received.
  private func readOn() -> Bool {
    if request == nil && !readHead() { return false }
    return readBody()
  }

  private func readHead() -> Bool {
    guard !inbound.isEmpty else { return false }
    // Whoever asks on without reading answers is not served: they would be kept here. Clients of the Runtime API have one question at a time.
    guard outbound.isEmpty else {
      api.reached(.unreadAnswers)
      isOver()
      return false
    }
    let (result, line, _) = HeadParser.request(inbound)
    switch result {
    case .incomplete: return false
    case .refused:
      closesAfterwards = true
      refuse(400, "the request cannot be read", "BadRequest")
      return false
    case .complete: break
    }
    guard let head = RequestHead(parsing: inbound.split(line.length)) else {
      isOver()
      return false
    }
    let typePlace = head.fields.first(named: "lambda-runtime-function-error-type".utf8.span)
    request = Request(
      isPost: line.method == .post, path: String(decoding: head.path.array, as: UTF8.self), errorType: typePlace.map { String(text: head.fields.value($0)) } ?? "",
      expectsContinue: line.expectsContinue, wantsClose: line.wantsClose)
    decoder = BodyDecoder(line.framing)
    if line.expectsContinue { send(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8)) }
    return true
  }

  private func readBody() -> Bool {
    while true {
      switch decoder.next(inbound.readable) {
      case .incomplete: return false
      case .framing(let count): inbound.consume(count)
      case .trailers(let count):
        // At most BodyDecoder.maximumTrailerBytes.
        request?.trailers += inbound.readable.extracting(..<count).array
        inbound.consume(count)
      case .payload(let count):
        take(payload: count)
        inbound.consume(count)
        if discarded > Self.discardedBodyBytes {
          api.reached(.discardedBody)
          closesAfterwards = true
          return end(wantsClose: true)
        }
      case .malformed:
        closesAfterwards = true
        refuse(400, "the body cannot be read", "BadRequest")
        return false
      case .done: return end(wantsClose: request?.wantsClose == true)
      }
    }
  }

  private func take(payload count: Int) {
    if request?.isTooLong == false, !api.admits(count) {
      api.release(request?.body.count ?? 0)
      request?.isTooLong = true
      request?.body = []
      api.reached(.bodies)
    }
    if request?.isTooLong == true { discarded += count } else { request?.body += inbound.readable.extracting(..<count).array }
  }

  /// The request has come, as far as it is read.
  /// - Returns: whether there may be another one behind it.
  private func end(wantsClose: Bool) -> Bool {
    guard let whole = request else { return false }
    forgetRequest()
    discarded = 0
    closesAfterwards = wantsClose
    api.take(whole, from: self)
    return !wantsClose
  }
}
