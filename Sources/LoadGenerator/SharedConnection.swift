// Owns: one HTTP/2 connection to a target, whose streams several channels use, and making it anew when it ends. Confined to its worker's loop.
import HTTPWire
import Transport

/// An HTTP/2 connection of several channels.
final class SharedConnection: HTTP2SessionOwner {
  private let side: TargetSide
  private var session: HTTP2Session?
  private var streamsOpened = 0
  private var isConnecting = false
  private var waiting: [Pause] = []

  init(_ side: TargetSide) { self.side = side }

  /// A stream, when there is room for one.
  nonisolated(nonsending) func open() async throws(LoadFailure) -> (HTTP2Stream, isReused: Bool) {
    while true {
      if let session, session.hasRoom, !session.isLeft {
        streamsOpened += 1
        return (session.open(), streamsOpened > 1)
      }
      try await connectOrWait()
    }
  }

  /// Makes the connection, so that it is there when the time begins.
  nonisolated(nonsending) func prepare() async throws(LoadFailure) { while session == nil { try await connectOrWait() } }

  private nonisolated(nonsending) func connectOrWait() async throws(LoadFailure) {
    if isConnecting || session.map({ !$0.isLeft }) == true {
      let pause = Pause()
      waiting.append(pause)
      return await pause.wait()
    }
    isConnecting = true
    defer {
      isConnecting = false
      wakeAll()
    }
    let socket = try await side.connect()
    var times = ViewerLimits(), limits = HTTP2Limits()
    times.keepAliveTimeoutMilliseconds = Self.idleMilliseconds
    times.idleTimeoutMilliseconds = side.options.timeoutMilliseconds
    limits.concurrentStreams = LoadOptions.streamsLimit
    limits.abandonedStreams = .max   // what the server resets is counted, and no attack
    streamsOpened = 0
    session = HTTP2Session(
      Stream(socket), isServer: false, isSecure: side.target.isSecure, peer: .unix(path: ""), peerText: [], limits, times, head: side.limits.head, owner: self)
  }

  /// A connection without requests is kept for as long as tests take.
  private static let idleMilliseconds = 86_400_000

  private func wakeAll() {
    let woken = waiting
    waiting.removeAll()
    for pause in woken { pause.wake() }
  }

  /// Closes it.
  func close() {
    let last = session
    session = nil
    last?.cancel()
  }

  func began(_ stream: HTTP2Stream) {}   // a client's peer begins no stream
  func noted(_ event: HTTP2Event) {}
  func roomChanged(_ session: HTTP2Session) { if !waiting.isEmpty { wakeAll() } }
  func ended(_ session: HTTP2Session, _ reason: HTTP2Session.EndReason) {
    if self.session === session { self.session = nil }
    wakeAll()
  }
}
