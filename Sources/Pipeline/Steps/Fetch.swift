// Steps 10–12: the way to the origin and back: attempts, a stale pooled connection, failover (spec/request-pipeline.md, 11.3, 14).
import Distribution
import FunctionTier
import HTTPWire
import Origins
import Telemetry
import Transport

extension Worker {
  /// Asks the behavior's origin or the one a function chose; of a group the primary, then the secondary. Only GET, HEAD and OPTIONS without
  /// a body fail over.
  @inline(__always) nonisolated(nonsending) func fetch(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    let route = exchange.route ?? exchange.site.assigned(exchange.behavior, viewerIsSecure: exchange.isSecure)
    if let secondary = route.secondary, mayFailOver(exchange) { return await fetch(along: route, secondary, &exchange, &viewer) }
    do throws(FetchFailure) { return try await fetch(from: route.primary, &exchange, &viewer) } catch { return answer(error, &exchange) }
  }

  /// The same for those who ask seldom: the one on the way of most requests is part of it, and one more copy is enough.
  @inline(never) nonisolated(nonsending) func fetchOutOfLine(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async -> Response {
    await fetch(&exchange, &viewer)
  }

  /// The primary's answer, unless its status is among the group's codes or it cannot be had; then the secondary's, whatever it is.
  @inline(never) private nonisolated(nonsending) func fetch(
    along route: Route, _ secondary: Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async -> Response {
    if route.primary.pool?.isWhollyEjected == true {
      counters.add(.originSkipped)
      do throws(FetchFailure) { return try await fetchOutOfLine(from: secondary, &exchange, &viewer) } catch { return answer(error, &exchange) }
    }
    do throws(FetchFailure) {
      let response = try await fetchOutOfLine(from: route.primary, &exchange, &viewer)
      guard route.failsOver(on: response.head.line.status), !response.isFunctionMade else { return response }
      discard(response, &exchange)
    } catch {
      guard case .origin(let failure) = error, route.failsOver(on: failure.status) || failure.isConnectFailure && route.failsOver(on: 503)
      else { return answer(error, &exchange) }
      counters.add(failure.counter)
    }
    counters.add(.originFailover)
    do throws(FetchFailure) { return try await fetchOutOfLine(from: secondary, &exchange, &viewer) } catch { return answer(error, &exchange) }
  }

  private func mayFailOver(_ exchange: borrowing Exchange) -> Bool {
    (exchange.received.method.isRetried || exchange.received.method == .options) && !exchange.hasBody
  }

  @inline(never) private func answer(_ failure: FetchFailure, _ exchange: inout Exchange) -> Response {
    switch failure {
    case .origin(let failure):
      exchange.cacheWork?.failure = .origin(failure)
      return fail(&exchange, failure)
    case .viewer(let failure):
      exchange.cacheWork?.failure = .viewer
      return answerViewerFailure(failure, &exchange)
    case .function(let failure):
      exchange.cacheWork?.failure = .function
      return answer(failure, &exchange)
    }
  }

  /// The viewer's own body was bad, or the viewer left: its fault, not the origin's.
  func answerViewerFailure(_ failure: WireFailure, _ exchange: inout Exchange) -> Response {
    switch failure {
    case .refused(let refusal):
      counters.add(refusal.counter)
      return refuse(&exchange, refusal.status, refusal.explanation, "InvalidRequest")
    case .tooSlow:
      counters.add(.limitBodyRate)
      return refuse(&exchange, 408, "The request body arrived too slowly.", "ClientCommError")
    case .io:
      let reason = exchange.hasBody ? "The request body broke off." : "The viewer left before it was answered."
      return refuse(&exchange, 400, reason, "ClientHungUpRequest")
    }
  }

  /// The answer that says what became of the origin.
  func fail(_ exchange: inout Exchange, _ failure: OriginFailure) -> Response {
    counters.add(failure.counter)
    let response = refuse(&exchange, failure.status, Self.originReason(failure.status), failure.detailedResult)
    exchange.failure = failure.explanation
    return response
  }

  private static func originReason(_ status: Int) -> String {
    switch status {
    case 504: "The origin did not answer in time. Try again later, or tell the owner of the site."
    case 503: "The origin cannot take more requests now. Try again later."
    default: "The origin could not be reached or did not answer in a way that is understood."
    }
  }

  /// One origin, with the functions around it where the behavior has some.
  @inline(__always) private nonisolated(nonsending) func fetch(
    from destination: Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response {
    if let hooks = exchange.behavior.tier, hooks.seesOrigins { return try await fetch(from: destination, through: hooks, &exchange, &viewer) }
    return try await fetchOnce(from: destination, &exchange, &viewer)
  }

  /// The same for those who ask seldom.
  @inline(never) private nonisolated(nonsending) func fetchOutOfLine(
    from destination: Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response { try await fetch(from: destination, &exchange, &viewer) }

  /// ``fetchOnce(from:_:_:)`` for those who ask seldom.
  @inline(never) nonisolated(nonsending) func fetchOnceOutOfLine(
    from destination: Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response { try await fetchOnce(from: destination, &exchange, &viewer) }

  /// One origin, within its attempts. GET and HEAD are repeated; a request whose pooled connection turns out to be dead gets one
  /// more try that does not count, if no byte of an answer has come.
  @inline(__always) nonisolated(nonsending) func fetchOnce(
    from destination: Destination, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response {
    let origin = destination.origin
    exchange.originPlace = origin.place
    exchange.origin = origin
    exchange.completeBy = origin.completionMilliseconds > 0 ? loop.now + UInt64(origin.completionMilliseconds) : 0
    guard let pool = destination.pool else { return await fetchFile(destination, &exchange) }
    let mayRepeat = exchange.isSafe && !exchange.hasBody
    var attempts = Attempts()
    counters.add(.originFirstAttempt)
    while true {
      do throws(FetchFailure) { return try await attemptFetch(pool, destination, attempts.triedStale, &exchange, &viewer) } catch {
        let error = isTooLate(exchange) ? tooLate(error) : error
        if let trace = exchange.trace { endAttempt(trace, pool.place, error, exchange) }
        guard mayTryAgain(error, &attempts, mayRepeat, exchange, viewer) else { throw error }
      }
    }
  }

  /// Whether the origin's answer should be whole by now (spec/lambda-at-edge.md, 5).
  func isTooLate(_ exchange: borrowing Exchange) -> Bool { exchange.completeBy > 0 && loop.now >= exchange.completeBy }

  /// The same failure, of which the reason is that no more time was left.
  @inline(never) private func tooLate(_ error: FetchFailure) -> FetchFailure {
    guard case .origin(let failure) = error else { return error }
    return .origin(OriginFailure(.completionTimeout, at: failure.place))
  }

  /// What has been tried of one origin.
  private struct Attempts {
    var count = 1, triedStale = false
  }

  /// Whether an attempt that failed is followed by another.
  @inline(never) private func mayTryAgain(
    _ error: FetchFailure, _ attempts: inout Attempts, _ mayRepeat: Bool, _ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection
  ) -> Bool {
    guard case .origin(let failure) = error, mayRepeat || failure.reason == .streamRefused && !exchange.hasBody, failure.isWorthRetrying,
      !exchange.answerBegan, viewer.isAlive
    else { return false }
    if exchange.reusedConnection && !attempts.triedStale && (failure.reason == .closedEarly || failure.reason == .write) {
      attempts.triedStale = true
      counters.add(.originStaleRetry)
      return true
    }
    guard attempts.count < exchange.origin?.attempts ?? 0 else { return false }
    attempts.count += 1
    counters.add(.originRetry)
    counters.add(failure.counter)
    return true
  }

  /// A folder's answer: a file, or why there is none.
  @inline(never) private nonisolated(nonsending) func fetchFile(_ destination: Destination, _ exchange: inout Exchange) async -> Response {
    exchange.cacheWork?.failure = nil
    guard let folder = destination.folder else { return fail(&exchange, OriginFailure(.files(500), at: "")) }
    exchange.attempts += 1
    exchange.reached(.originRequest)
    if let trace = exchange.trace { trace.beginAttempt() }
    let path = String(decoding: destination.origin.path, as: UTF8.self)
    let conditions = exchange.cacheWork?.isFilling == true ? Conditions() : Conditions(exchange.request.fields)
    let request: FileRequest
    if let asked = exchange.asked?.request {
      request = FileRequest(method: asked.method.span, path: asked.uri.span, originPath: path, conditions)
    } else {
      request = FileRequest(exchange.request, originPath: path, conditions)
    }
    var answer = await folder.open(request)
    counters.add(answer.counter)
    exchange.reached(.originResponse)
    exchange.originStatus = answer.status
    if let trace = exchange.trace { trace.endAttempt(at: destination.origin.name, status: answer.status, isReused: false, failure: nil) }
    if answer.status >= 400 {
      if answer.status >= 500 { exchange.cacheWork?.failure = .here }
      var response = refuse(&exchange, answer.status, Self.fileReason(answer.status), "OriginError")
      exchange.failure = nil
      for (name, value) in answer.fields { response.head.fields.append(name, value) }
      return response
    }
    exchange.file = answer.body.take()
    if let observer = exchange.observer { observer.received(answer.head, from: destination) }
    return Response(head: answer.head, .file)
  }

  private static func fileReason(_ status: Int) -> String {
    switch status {
    case 404: "There is no such file."
    case 405: "A folder answers GET and HEAD only."
    case 412: "A condition of the request does not hold."
    case 416: "The file has no such range."
    case 503: "Too many files are being read now. Try again later."
    default: "The file cannot be read."
    }
  }

  /// One request on one connection.
  private nonisolated(nonsending) func attemptFetch(
    _ pool: OriginPool, _ destination: Destination, _ wantsFresh: Bool, _ exchange: inout Exchange, _ viewer: inout ServerConnection
  ) async throws(FetchFailure) -> Response {
    exchange.attempts += 1
    exchange.answerBegan = false
    exchange.reusedConnection = false
    var upstream: ClientConnection
    if let trace = exchange.trace { trace.beginAttempt() }
    var connecting: UInt64 = 0   // since when a connection is being made
    let standIn = exchange.observer?.connection(on: loop)   // an explanation may ask no origin
    let visit = pool.isWatched && standIn == nil ? try await begin(pool, millisecondsLeft(exchange)) : nil
    let left = millisecondsLeft(exchange)
    let identity = destination.identity(for: exchange.request)
    if let standIn { upstream = ClientConnection(standIn, OriginLimits(), isReused: false, keeper: NoKeeper.shared) } else
    if pool.speaksHTTP2 && !isWebSocket(exchange) || isGRPC(exchange) {
      connecting = monotonicNanoseconds()
      do throws(OriginFailure) {
        upstream = try await pool.openHTTP2(identity, mustBeNew: wantsFresh, hasWaited: &exchange.hasWaited, visit, left: left)
      } catch { throw .origin(error) }
      if let inbound = viewer.substream, let outbound = upstream.substream { inbound.goesOn(by: outbound) }
    } else if !wantsFresh, let idle = pool.takeIdle(identity, visit) {
      upstream = idle
    } else {
      connecting = monotonicNanoseconds()
      do throws(OriginFailure) { upstream = try await pool.connect(identity, mustBeNew: wantsFresh, hasWaited: &exchange.hasWaited, visit, left: left) } catch {
        throw .origin(error)
      }
    }
    guard viewer.isAlive else {   // it left meanwhile: the origin need not know
      upstream.giveBack()
      throw .viewer(.io(.reset))
    }
    exchange.reusedConnection = upstream.isReused
    if let left = millisecondsLeft(exchange) { upstream.mustBeOver(afterMilliseconds: left) }
    exchange.reached(.originRequest)
    if connecting > 0 && !upstream.isReused { noteConnect(to: destination.origin, since: connecting, exchange) }
    let socket = upstream.stream.socket
    viewer.stream.socket.dependent = socket
    defer { viewer.stream.socket.dependent = nil }
    upstream.stream.beginOutput()
    composeOriginRequest(exchange, destination, to: &upstream.stream.output)
    if let observer = exchange.observer { observer.sends(upstream.stream.output.readable, to: destination, exchange) }
    upstream.headIsWhole(hasBody: exchange.hasBody)
    var isSending = true
    do throws(WireFailure) {
      // Whether there is a body is the exchange's own matter: an error page's request has none, whatever the viewer still sends.
      if exchange.hasBody { try await sendBody(&exchange, &viewer, &upstream) } else if try !upstream.flushAtOnce() { try await upstream.flush() }
      // An origin that does not switch may still take what follows for the other protocol's: its connection is not used again.
      if !exchange.hasBody { upstream.requestIsWhole = !isWebSocket(exchange) }
      isSending = false
      let head = try await upstream.readHead(hasNoBody: exchange.received.method == .head)
      guard head.line.status != 101 || isWebSocket(exchange) else { throw WireFailure.refused(.unaskedSwitch) }
      if let visit { note(visit, status: head.line.status) }
      return received(head, upstream, &exchange)
    } catch {
      exchange.answerBegan = upstream.hasReceived
      if exchange.hasBody { viewer.closing = true }   // what was read of the body is not where it belongs
      if let failure = exchange.viewerFailure { throw .viewer(failure) }
      if error == .io(.cancelled) { throw .viewer(.io(.reset)) }
      let failure = OriginFailure(error, upstream.streamFailure, at: pool.place)
        ?? (isSending ? OriginFailure(writing: error, at: pool.place) : OriginFailure(reading: error, at: pool.place))
      // A connection that was kept may have been closed for no other reason than its age.
      let isStale = exchange.reusedConnection && (failure.reason == .closedEarly || failure.reason == .write)
      if failure.isIll && !isStale && !isTooLate(exchange) { visit?.note(success: false) }
      throw .origin(failure)
    }
  }

  /// Begins an attempt at an origin that is watched.
  private nonisolated(nonsending) func begin(_ pool: OriginPool, _ left: Int?) async throws(FetchFailure) -> OriginVisit? {
    do throws(OriginFailure) { return try await pool.visit(left: left) } catch { throw .origin(error) }
  }

  /// How long the origin has until its answer must be whole; nil for any time.
  @inline(__always) private func millisecondsLeft(_ exchange: borrowing Exchange) -> Int? {
    exchange.completeBy == 0 ? nil : Int(exchange.completeBy - min(loop.now, exchange.completeBy))
  }

  /// What an answer says of the address that gave it: 502 to 504 say that what is behind it does not work.
  private func note(_ visit: OriginVisit, status: Int) { visit.note(success: !(502...504).contains(status)) }

  /// An attempt's span ends without an answer.
  private func endAttempt(_ trace: RequestTrace, _ place: String, _ failure: FetchFailure, _ exchange: borrowing Exchange) {
    let reason: String = switch failure {
    case .origin(let failure): failure.explanation
    case .viewer: "the viewer left, or its body was bad"
    case .function(let failure): failure.text
    }
    trace.endAttempt(at: exchange.origin?.name ?? place, status: 0, isReused: exchange.reusedConnection, failure: reason)
  }

  private func noteConnect(to origin: CompiledOrigin, since start: UInt64, _ exchange: borrowing Exchange) {
    counters.observe(.connect, ofOrigin: origin.place, microseconds: Int(exchange.timeline.originRequest - start) / 1000)
  }

  /// The origin's head has arrived. Its cookies end here where the behavior forwards none, and names in its Vary that the behavior does not
  /// forward (spec/request-pipeline.md, 13; by RFC 9111's rules Vary stays): functions do not see them, and what functions set is not taken for
  /// the origin's.
  private func received(_ head: consuming ResponseHead, _ upstream: consuming ClientConnection, _ exchange: inout Exchange) -> Response {
    exchange.reached(.originResponse)
    if exchange.behavior.forwardsNoCookies { head.fields.drop(.setCookie) }
    head.fields.drop(.proxy)   // said to this proxy, not to its viewers (RFC 9110, 11.7)
    if head.fields.has(.vary) && !(exchange.behavior.cache?.followsRFC ?? false) { filterVary(&head.fields, exchange.behavior.behavior.forwarding) }
    exchange.originStatus = head.line.status
    if let observer = exchange.observer { observer.received(head, from: nil) }
    if let trace = exchange.trace {
      trace.endAttempt(at: exchange.origin?.name ?? "", status: head.line.status, isReused: exchange.reusedConnection, failure: nil)
    }
    if head.line.status >= 400 { exchange.result = .error; exchange.detailedResult = "OriginError" } else { exchange.result = .miss; exchange.detailedResult = "" }
    exchange.failure = nil
    if let work = exchange.cacheWork { work.failure = nil }
    exchange.upstream = consume upstream
    let source: Response.Source = head.line.status == 101 ? .tunnel : .origin
    return Response(head: head, source)
  }

  /// `Vary` names only what the behavior forwards, and Accept-Encoding.
  private func filterVary(_ fields: inout HeaderSection, _ rules: ForwardingRules) {
    var kept: [String] = [], all = 0
    for i in 0..<fields.count where fields[i].name == .vary {
      for part in fields.value(i).text.split(separator: ",") {
        let name = part.filter { $0 != " " && $0 != "\t" }
        all += 1
        if name == "*" || varies(name.lowercased(), rules) { kept.append(name) }
      }
    }
    if kept.count == all { return }
    fields.drop(.vary)
    if !kept.isEmpty { fields.append("Vary", kept.joined(separator: ", ")) }
  }

  private func varies(_ name: String, _ rules: ForwardingRules) -> Bool {
    switch name {
    case "accept-encoding", "origin": true
    case "cookie": rules.cookies != .none
    case "user-agent": rules.forwardsUserAgent || !rules.cloudFrontHeaders.isEmpty
    case "host": rules.forwardsHost
    default: rules.forwards(Array(name.utf8).span, isSafe: true)
    }
  }

  /// Streams the viewer's body to the origin, with back-pressure. An origin that answers before the body is whole is listened to:
  /// then the rest is not sent, and neither connection carries another request.
  private nonisolated(nonsending) func sendBody(
    _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ upstream: inout ClientConnection
  ) async throws(WireFailure) {
    let chunked = exchange.bodyFraming == .chunked && upstream.substream == nil
    let viewerSocket = viewer.stream.socket, originSocket = upstream.stream.socket
    originSocket.whenDisturbed = { socket in
      viewerSocket.nudge()
      socket.nudge()
    }
    defer { originSocket.whenDisturbed = nil }
    viewer.restartBodyClock()
    var stint = Stint()
    if let held = exchange.held { try await send(held, chunked, &upstream, &viewer) }
    while exchange.held?.isWhole != true {
      if try upstream.answerHasBegun() {
        viewer.closing = true
        return
      }
      guard let n = try payload(of: &viewer, &exchange, originSocket) else {
        try await flush(&upstream, &viewer)
        if !originSocket.isReadable { try await waitForPayload(of: &viewer, &exchange) }
        continue
      }
      if n == 0 { break }
      try upstream.forward(n, from: &viewer.stream.input, asChunk: chunked)
      if upstream.stream.output.count > Self.gatheredBytes { try await flush(&upstream, &viewer) }
      if stint.isOver(after: n) { await Task.yield() }
    }
    if chunked {
      upstream.stream.beginOutput()
      upstream.stream.output.append("0\r\n\r\n")
    }
    upstream.requestIsWhole = try await upstream.flushUnlessDone()
    if upstream.requestIsWhole { upstream.requestEnds(trailers: viewer.takeRequestTrailers()) }   // to HTTP/2 only
    if !upstream.requestIsWhole { viewer.closing = true }
  }

  /// Sends what functions were given of the body, or made of it.
  private nonisolated(nonsending) func send(
    _ held: HeldBody, _ chunked: Bool, _ upstream: inout ClientConnection, _ viewer: inout ServerConnection
  ) async throws(WireFailure) {
    if held.bytes.isEmpty { return }
    var bytes = ByteBuffer(copying: held.bytes)
    try upstream.forward(bytes.count, from: &bytes, asChunk: chunked)
    try await flush(&upstream, &viewer)
  }

  /// Output beyond this is sent before more of a body is read.
  static var gatheredBytes: Int { 12_288 }

  /// Sends what waits, until the origin has something to say. The viewer is not to blame for the time it takes.
  private nonisolated(nonsending) func flush(_ upstream: inout ClientConnection, _ viewer: inout ServerConnection) async throws(WireFailure) {
    let began = loop.now
    try await upstream.flushUnlessAnswered()
    viewer.excuse(since: began)
  }

  private func payload(of viewer: inout ServerConnection, _ exchange: inout Exchange, _ origin: Socket) throws(WireFailure) -> Int? {
    do throws(WireFailure) { return try viewer.payloadAtHand() } catch {
      if origin.failure == nil { exchange.viewerFailure = error }
      throw error
    }
  }

  private nonisolated(nonsending) func waitForPayload(of viewer: inout ServerConnection, _ exchange: inout Exchange) async throws(WireFailure) {
    do throws(WireFailure) { try await viewer.waitForPayload() } catch {
      exchange.viewerFailure = error
      throw error
    }
  }
}

/// Closes connections that stand for an origin's.
private final class NoKeeper: ConnectionKeeper, Sendable {
  static let shared = NoKeeper()
  func ended(_ socket: Socket, reusable: Bool, sent: Int, received: Int) { socket.close() }
}

/// Why a request got no answer from an origin.
enum FetchFailure: Error {
  case origin(OriginFailure)
  /// The viewer's side broke while its body was read.
  case viewer(WireFailure)
  /// A function of the tier gave no decision, or one that cannot be followed.
  case function(TierRefusal)
}
