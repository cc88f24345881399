// A viewer that speaks HTTP/2 with prior knowledge and says exactly what it is told, frame by frame.

final class HTTP2Viewer {
  private let socket: Socket
  private var received: Bytes = []
  /// Every frame that came, in order; those of the connection's own business included.
  private(set) var frames: [Frame] = []
  /// How the connection ended, once it has.
  private(set) var ending: ScriptedViewer.Ending?
  /// SETTINGS and PING are acknowledged by themselves.
  var isPolite = true

  static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
  /// The dynamic table is switched off, so that a status can be read without one.
  static let firstSettings: [(UInt16, UInt32)] = [(1, 0)]

  init(port: UInt16, receiveBuffer: Int32? = nil) throws { socket = try Socket.connected(to: port, receiveBuffer: receiveBuffer) }

  /// Says the preface and waits for the settings of the other side.
  static func open(_ skerry: Skerry, _ settings: [(UInt16, UInt32)] = [], receiveBuffer: Int32? = nil, isPolite: Bool = true) throws -> HTTP2Viewer {
    let viewer = try HTTP2Viewer(port: skerry.port, receiveBuffer: receiveBuffer)
    viewer.isPolite = isPolite
    try viewer.send(wire(preface) + Frame.settings(firstSettings + settings).bytes)
    _ = try viewer.wait("its SETTINGS") { $0.type == 4 && $0.flags & Frame.acknowledgement == 0 }
    return viewer
  }

  // MARK: Writing

  func send(_ frames: Frame...) throws { try send(frames.flatMap(\.bytes)) }
  func send(_ frames: [Frame]) throws { try send(frames.flatMap(\.bytes)) }
  func send(_ bytes: Bytes) throws { try socket.send(bytes) }
  /// What the other side may refuse to take.
  func sendUntilRefused(_ frames: [Frame]) { try? socket.send(frames.flatMap(\.bytes)) }
  func finishSending() { socket.finishSending() }
  func reset() { socket.resetWhenClosed() }

  // MARK: Reading

  /// The next frame; nil when the connection has ended.
  func next(by deadline: Deadline = .generous) throws -> Frame? {
    while true {
      if let frame = takeFrame() {
        frames.append(frame)
        if isPolite { acknowledge(frame) }
        return frame
      }
      if ending != nil { return nil }
      do {
        let more = try socket.receive(by: deadline)
        if more.isEmpty { ending = .orderly }
        received += more
      } catch ConnectionError.reset { ending = .reset }
    }
  }

  private func takeFrame() -> Frame? {
    guard received.count >= 9 else { return nil }
    let length = Int(received[0]) << 16 | Int(received[1]) << 8 | Int(received[2])
    guard received.count >= 9 + length else { return nil }
    let stream = received[5..<9].reduce(UInt32(0)) { $0 << 8 | UInt32($1) } & 0x7fff_ffff
    let frame = Frame(type: received[3], flags: received[4], stream: stream, payload: Bytes(received[9..<9 + length]))
    received.removeFirst(9 + length)
    return frame
  }

  private func acknowledge(_ frame: Frame) {
    guard frame.flags & Frame.acknowledgement == 0 else { return }
    if frame.type == 4 { try? send(.settingsAcknowledgement) }
    if frame.type == 6 { try? send(.ping(String(wire: frame.payload), flags: Frame.acknowledgement)) }
  }

  /// The first further frame that fits.
  func wait(_ what: String, _ fits: (Frame) -> Bool) throws -> Frame {
    while let frame = try next() { if fits(frame) { return frame } }
    throw ScenarioFailure("the connection ended (\(ending.map { "\($0)" } ?? "")) without \(what); it said: \(frames)")
  }

  /// An answer on a stream, read to its end.
  struct Answer { var status: Int?, body: Bytes = [], reset: ErrorCode?, goAway: ErrorCode?, blocks: [Bytes] = [] }

  func answer(on stream: UInt32) throws -> Answer {
    var answer = Answer()
    var block: Bytes = []
    while let frame = try next() {
      if frame.type == 7, frame.errorCode != .noError { answer.goAway = frame.errorCode }
      guard frame.stream == stream else { continue }
      switch frame.type {
      case 0: answer.body += frame.payload
      case 1, 9:
        block += frame.payload
        if frame.flags & Frame.endHeaders != 0 {
          answer.blocks.append(block)
          if let status = HPACK.status(block) { answer.status = status }
          block = []
        }
      case 3:
        answer.reset = frame.errorCode
        return answer
      default: continue
      }
      if frame.type < 2, frame.flags & Frame.endStream != 0 { return answer }
    }
    return answer
  }

  /// Asks and reads the answer.
  func exchange(_ stream: UInt32, _ fields: [(String, String)]) throws -> Answer {
    try send(.headers(stream, fields))
    return try answer(on: stream)
  }

  /// Reads until the connection ends.
  /// - Returns: the error of its last GOAWAY.
  func readEnding() throws -> ErrorCode? {
    while try next() != nil {}
    return frames.last { $0.type == 7 }?.errorCode
  }
}
