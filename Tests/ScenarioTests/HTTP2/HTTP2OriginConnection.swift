// One connection of a scripted origin that speaks HTTP/2 frame by frame. Requests are told by their streams' order: what they say is compressed.

final class HTTP2OriginConnection {
  let connection: OriginConnection
  private var received: Bytes = []
  /// SETTINGS and PING are acknowledged by themselves.
  var isPolite = true
  private var isAcknowledged = false

  /// Hears the preface and says SETTINGS.
  init(_ connection: OriginConnection, _ settings: [(UInt16, UInt32)] = []) throws {
    self.connection = connection
    guard try connection.read(exactly: 24) == wire(HTTP2Viewer.preface) else { throw ScenarioFailure("no preface") }
    try send(.settings(settings))
  }

  func send(_ frames: Frame...) throws { try send(frames) }
  func send(_ frames: [Frame]) throws { try connection.send(frames.flatMap(\.bytes)) }

  /// The next frame; nil when the connection has ended.
  func next() throws -> Frame? {
    do {
      while received.count < 9 || received.count < 9 + Frame.payloadLength(received) {
        let more = try connection.readSome()
        if more.isEmpty { return nil }
        received += more
      }
    } catch is StreamEnded { return nil } catch ConnectionError.reset { return nil }
    let end = 9 + Frame.payloadLength(received)
    let stream = received[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
    let frame = Frame(type: received[3], flags: received[4], stream: stream, payload: Bytes(received[9..<end]))
    received.removeFirst(end)
    if frame.type == 4 && frame.flags == Frame.acknowledgement { isAcknowledged = true }
    if isPolite, frame.flags & Frame.acknowledgement == 0 {
      if frame.type == 4 { try send(.settingsAcknowledgement) }
      if frame.type == 6 { try send(.ping(String(wire: frame.payload), flags: Frame.acknowledgement)) }
    }
    return frame
  }

  func wait(_ what: String, _ fits: (Frame) -> Bool) throws -> Frame {
    while let frame = try next() { if fits(frame) { return frame } }
    throw ScenarioFailure("the program ended the connection without \(what)")
  }
  /// Waits until its SETTINGS have been acknowledged, if they have not been yet.
  func waitForAcknowledgement() throws { while !isAcknowledged { _ = try wait("the acknowledgement") { $0.type == 4 } } }
  /// The stream of the next request.
  func request() throws -> UInt32 { try wait("a request") { $0.type == 1 }.stream }

  /// Answers 200 with a text.
  func answer(_ stream: UInt32, _ text: String) throws {
    try send(.headers(stream, [(":status", "200")], end: false), .data(stream, text, end: true))
  }
  /// Answers every request, until the program ends the connection.
  func answerAll(_ text: String = "fine") throws { while let frame = try next() { if frame.type == 1 { try answer(frame.stream, text) } } }

  /// Reads until the program ends the connection.
  /// - Returns: the error of its last GOAWAY.
  func readEnding() throws -> ErrorCode? {
    var code: ErrorCode?
    while let frame = try next() { if frame.type == 7 { code = frame.errorCode } }
    return code
  }
}

extension Frame {
  /// What the first three bytes of a frame say.
  static func payloadLength(_ bytes: Bytes) -> Int { Int(bytes[0]) << 16 | Int(bytes[1]) << 8 | Int(bytes[2]) }
}
