// Owns: a viewer's HTTP/2 connection on its worker: a task for each of its streams, and what is counted of it. The streams' requests walk the
// same steps as all others (Lifecycle.swift).
public import HTTPWire
import Telemetry
import TLS
import Transport

extension Worker: HTTP2SessionOwner {
  /// A connection turns out to speak HTTP/2 (or said so in its handshake): from here on its session serves it.
  func beginHTTP2(_ viewer: consuming ServerConnection) {
    let peer = viewer.peer, peerText = viewer.peerText, socket = viewer.stream.socket
    let limits = context.viewerLimits
    let session = HTTP2Session(
      viewer.takeStream(), isServer: true, peer: peer, peerText: peerText, limits.http2, limits, head: limits.head, owner: self)
    sessions[ObjectIdentifier(session)] = session
    counters.move(.http2ConnectionsOpen, by: 1)
    if let tls = socket.tls, tls.version < .tls12 { session.refuseSecurity() }   // RFC 9113, 9.2
    if isDraining { session.drain() }
  }

  public func began(_ stream: HTTP2Stream) {
    if stream.session.requests == requestsPerConnection {
      counters.add(.limitRequestsPerConnection)
      stream.session.drain()
    }
    guard let task = idleStreamTasks.popLast() else { return startStream(stream) }
    task.stream = stream
    task.pause.wake()
  }

  public func ended(_ session: HTTP2Session, _ reason: HTTP2Session.EndReason) {
    sessions[ObjectIdentifier(session)] = nil
    counters.move(.http2ConnectionsOpen, by: -1)
    switch reason {
    case .peer: counters.add(isDraining ? .closedByDrain : .closedByViewer)
    case .idle: counters.add(.closedIdle)
    case .finished: counters.add(isDraining ? .closedByDrain : .closedAfterResponse)
    case .error: counters.add(.closedOnError)
    }
    forget(session.socket, session.peer)
  }

  public func roomChanged(_ session: HTTP2Session) {}

  public func noted(_ event: HTTP2Event) { counters.add(event.counter) }

  /// Serves one stream after another, as they come.
  nonisolated(nonsending) func serveStreams(_ first: HTTP2Stream) async {
    let task = StreamTask()
    task.stream = first
    while let stream = task.stream.take() {
      await serve(stream)
      guard keepsStreamTasks, idleStreamTasks.count < StreamTask.idleLimit else { return }
      idleStreamTasks.append(task)
      await task.pause.wait()
    }
  }

  /// Lets the tasks that wait for a stream end: the worker does.
  func endStreamTasks() {
    keepsStreamTasks = false
    for task in idleStreamTasks { task.pause.wake() }
    idleStreamTasks.removeAll()
  }

  /// Serves the request of one stream.
  nonisolated(nonsending) func serve(_ stream: HTTP2Stream) async {
    var viewer = ServerConnection(stream, context)
    do throws(WireFailure) {
      // A stream that was reset at once (CVE-2023-44487) costs neither a function's run nor an origin's.
      if viewer.isAlive, let request = try viewer.takeRequest() { try await serve(request, &viewer) }
    } catch {
      await refuse(error, stream: &viewer)
    }
    viewer.close()
  }

  /// Answers what is refused before it was a request; what broke off later is reset when it is closed.
  private nonisolated(nonsending) func refuse(_ failure: WireFailure, stream viewer: inout ServerConnection) async {
    guard case .refused(let refusal) = failure, !viewer.answerHasBegun else {
      if failure == .tooSlow { counters.add(.limitBodyRate) }
      if failure == .io(.timedOut) { counters.add(.limitIdleTimeout) }
      return
    }
    counters.add(refusal.counter)
    await answer(refusal, &viewer)
  }
}

/// A task that serves streams, and the one that it is to serve next: to make a task for each costs as much as to answer a short request.
final class StreamTask {
  /// So many of a worker wait for their next stream; further ones end.
  static let idleLimit = 256

  var stream: HTTP2Stream?
  let pause = Pause()
}

extension ServerConnection {
  /// What secures the viewer's connection; nil for a plain one.
  var tls: TLSConnection? { substream.map(\.session.socket.tls) ?? stream.socket.tls }
}

extension HTTP2Event {
  /// Where it is counted.
  var counter: Counter {
    switch self {
    case .sessionBegan: .http2Connections
    case .streamBegan: .http2Streams
    case .streamReset: .http2Resets
    case .streamError: .http2StreamErrors
    case .sessionError: .http2ConnectionErrors
    case .limitStreams: .limitHTTP2Streams
    case .limitContinuations: .limitHTTP2Continuations
    case .limitAbandoned: .limitHTTP2AbandonedStreams
    case .limitSettings: .limitHTTP2Settings
    case .limitPings: .limitHTTP2Pings
    case .limitWindowUpdates: .limitHTTP2WindowUpdates
    case .limitEmptyFrames: .limitHTTP2EmptyFrames
    case .limitOtherFrames: .limitHTTP2OtherFrames
    case .limitIgnoredFrames: .limitHTTP2IgnoredFrames
    case .limitHeadTimeout: .limitHeadTimeout
    case .limitSettingsTimeout: .limitHTTP2SettingsTimeout
    case .limitHeadDecoded: .limitHTTP2HeadDecoded
    case .limitStalled: .limitHTTP2Stalled
    }
  }
}
