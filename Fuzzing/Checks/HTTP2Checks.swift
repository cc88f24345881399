// What must hold for a server's HTTP/2 session whatever bytes a viewer sends: it never traps; which requests it takes from the bytes, and
// the error it ends with, do not depend on where they were cut; each request, written as HTTP/1.1, is read as the same one by the strict
// parser; and what it says itself is whole frames. No socket and no loop that runs: the bytes come from memory.
import HTTPWire
import Transport

/// A connection in memory.
private final class Memory: Substream {
  var input: [UInt8] = []
  private(set) var output: [UInt8] = []
  private(set) var isFinished = false

  override func receive(into input: inout ByteBuffer, limit: Int, isDrained: inout Bool) -> Stream.ReadResult {
    if self.input.isEmpty {
      isDrained = true
      return .wait
    }
    let bytes = self.input
    input.append(bytes.span)
    self.input = []
    isDrained = true
    return .bytes
  }
  override func send(_ bytes: Span<UInt8>) -> Int? {
    for i in 0..<bytes.count { output.append(bytes[i]) }
    return bytes.count
  }
  override func finishWriting() { isFinished = true }
}

/// Takes every request and, if asked, answers it at once.
private final class Audience: HTTP2SessionOwner {
  let context: WireContext
  let answers: Bool
  var requests: [String] = []
  var problem: String?
  /// Of streams that are not answered: they stay open until ``letGo()``.
  private var held: [Socket] = []

  init(_ context: WireContext, answers: Bool) {
    self.context = context
    self.answers = answers
  }

  func began(_ stream: HTTP2Stream) {
    var viewer = ServerConnection(stream, context)
    do throws(WireFailure) {
      if let request = try viewer.takeRequest() { take(request) }
    } catch { requests.append("\(error)") }
    guard answers else { return held.append(viewer.stream.socket) }
    while let n = try? viewer.payloadAtHand(), n > 0 { viewer.stream.input.consume(n) }
    viewer.stream.beginOutput()
    viewer.stream.output.append("HTTP/1.1 200 OK\r\nX-One: 1\r\nContent-Length: 5\r\n\r\n")
    viewer.headIsWhole()
    var body = ByteBuffer(capacity: 16)
    body.append("hello")
    try? viewer.forward(5, from: &body, asChunk: false)
    viewer.trailers.append("X-Two: 2\r\n")
    viewer.answerIsWhole()
    viewer.close()
  }

  /// What a task would do that has nothing to say: else each run leaves a loop, with its descriptors, behind.
  func letGo() {
    for socket in held { socket.close() }
    held = []
  }

  /// The request as HTTP/1.1 writes it must be the same to the parser of HTTP/1.1.
  private func take(_ request: borrowing RequestHead) {
    var text = ByteBuffer(capacity: 1024)
    text.append(request.methodBytes)
    text.append(" ")
    text.append(request.target)
    text.append(" HTTP/1.1\r\n")
    request.fields.copyLines(to: &text, except: .hopByHop.union(FieldNameSet(.contentLength)))
    text.append("\r\n")
    let (result, line, fields) = HeadParser.request(text, HeadLimits(targetBytes: 1 << 20, headBytes: 1 << 20, fieldLines: 128))
    let described = "\(request.methodBytes.text) \(request.target.text) \(fields)"
    requests.append(described)
    if result != .complete || line.length != text.count { problem = "a request is no request of HTTP/1.1 (\(result)): \(described)" }
    let expected = (0..<request.fields.count).filter { ![.dropped, .te, .trailer, .upgrade, .contentLength].contains(request.fields[$0].name) }.count
    if fields.count != expected { problem = "a request has other fields in HTTP/1.1: \(described)" }
    if line.framing != .none { problem = "a request's head brings framing along: \(described)" }
  }

  /// Whether a stream was reset for a fault: what is an error behind it depends on whether the reset is out.
  private(set) var hasReset = false
  func noted(_ event: HTTP2Event) { if event == .streamError || event == .streamReset || event == .limitStreams { hasReset = true } }
  func roomChanged(_ session: HTTP2Session) {}
  func ended(_ session: HTTP2Session, _ reason: HTTP2Session.EndReason) {}
}

/// The properties of a server's session.
public enum HTTP2Checks {
  /// All that a viewer sends on one connection, its preface included.
  public static func session(_ bytes: [UInt8]) throws(BrokenProperty) {
    let whole = try run([bytes[...]], bytes, answers: false)
    for cut in cuts(bytes.count) {
      let parts = try run([bytes[..<cut], bytes[cut...]], bytes, answers: false)
      guard parts.agrees(with: whole) else { throw BrokenProperty(property: "cut at \(cut) it is the same: \(whole) / \(parts)", bytes: bytes) }
    }
    if bytes.count <= 400 {
      let single = try run(bytes.indices.map { bytes[$0...$0] }, bytes, answers: false)
      guard single.agrees(with: whole) else { throw BrokenProperty(property: "byte by byte it is the same: \(whole) / \(single)", bytes: bytes) }
    }
    _ = try run([bytes[...]], bytes, answers: true)
  }

  private static func cuts(_ count: Int) -> [Int] { (1..<8).map { count * $0 / 8 }.filter { $0 > 0 && $0 < count } }

  private struct Outcome {
    var requests: [String]
    /// Of the last GOAWAY.
    var error: UInt32?
    var hasReset = false

    func agrees(with other: Outcome) -> Bool { requests == other.requests && (error == other.error || hasReset || other.hasReset) }
  }

  private static func run(_ pieces: [ArraySlice<UInt8>], _ bytes: [UInt8], answers: Bool) throws(BrokenProperty) -> Outcome {
    guard let loop = try? EventLoop() else { return Outcome(requests: []) }
    var limits = ViewerLimits()
    limits.http2.concurrentStreams = 1_000
    let audience = Audience(WireContext(loop: loop, viewerLimits: limits), answers: answers)
    let memory = Memory()
    let socket = Socket(loop: loop, substream: memory)
    let session = HTTP2Session(Stream(socket), isServer: true, peer: .unix(path: ""), peerText: [], limits.http2, limits, head: limits.head, owner: audience)
    for piece in pieces {
      memory.input += piece
      socket.announce(.readable)
      session.turnEnds()
    }
    session.turnEnds()
    let output = memory.output, hasReset = audience.hasReset
    session.cancel()
    audience.letGo()
    loop.stop()
    loop.run()   // it forgets the session whose turn it was to end
    if let problem = audience.problem { throw BrokenProperty(property: problem, bytes: bytes) }
    let error = try lastError(output, bytes)
    return Outcome(requests: audience.requests, error: error, hasReset: hasReset)
  }

  /// Walks through the frames that were said.
  private static func lastError(_ output: [UInt8], _ bytes: [UInt8]) throws(BrokenProperty) -> UInt32? {
    var at = 0, error: UInt32?
    while at < output.count {
      guard at + 9 <= output.count else { throw BrokenProperty(property: "what is said is whole frames", bytes: bytes) }
      let length = Int(output[at]) << 16 | Int(output[at + 1]) << 8 | Int(output[at + 2])
      guard length <= 16_384, at + 9 + length <= output.count else { throw BrokenProperty(property: "a frame is whole and not too long", bytes: bytes) }
      if output[at + 3] == 7, length >= 8 { error = output[(at + 13)..<(at + 17)].reduce(0) { $0 << 8 | UInt32($1) } }
      at += 9 + length
    }
    return error
  }
}
