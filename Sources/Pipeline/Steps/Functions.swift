// Steps 6 and 15: the viewer functions (spec/cloudfront-functions.md). The event is filled from the heads; what a function changed
// is written back into them, what it did not touch stays as it came.
import Distribution
import HTTPWire
import RewriteEngine
import Telemetry
import Transport

extension Worker {
  /// The viewer-request function may change the request or answer it.
  /// - Parameter mayRun: false when too many wait for their turn (Turns.swift).
  func runViewerRequest(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection, mayRun: Bool) -> Response? {
    guard let index = exchange.behavior.viewerRequest, let code = configuration.functions[index] else { return nil }
    let isolate: Isolate
    if !mayRun || isThrottled(code) { return throttled(code, "viewer-request", &exchange) }
    do throws(FunctionLoadError) { isolate = try isolates(code) } catch { return failedToLoad(error, code, "viewer-request", &exchange) }
    isolate.begin(.viewerRequest)
    describeRequest(exchange, to: isolate)
    if code.readsEdgeLocation { describeLocation(viewer, to: isolate) }
    let run = isolate.run(nowMilliseconds: wallMilliseconds)
    defer { isolate.finish() }
    let mistake = followChoice(isolate, &exchange)
    note(run, isolate, code, "viewer-request", mistake, &exchange)
    isolate.withLogData { exchange.requestLogData = $0.copied }
    exchange.reached(.viewerRequest)
    if mistake != nil { return invalid(&exchange) }
    switch run.outcome {
    case .request:
      apply(run, isolate, to: &exchange.request)
      return nil
    case .response: return generated(run, isolate, &exchange)
    case .executionError, .validationError: return failed(run, &exchange)
    }
  }

  /// The viewer-response function sees what the origin answered, unless that is an error (400 and above), an error page or a
  /// response made here (spec/cloudfront-functions.md, 1).
  func runViewerResponse(_ response: consuming Response, _ exchange: inout Exchange, mayRun: Bool) -> Response {
    guard let index = exchange.behavior.viewerResponse, let code = configuration.functions[index],
      !response.isGenerated, !response.isErrorPage, response.source != .tunnel, response.head.line.status < 400, exchange.result != .error
    else { return response }
    let isolate: Isolate
    if !mayRun || isThrottled(code) {
      discard(response, &exchange)
      return throttled(code, "viewer-response", &exchange)
    }
    do throws(FunctionLoadError) { isolate = try isolates(code) } catch {
      discard(response, &exchange)
      return failedToLoad(error, code, "viewer-response", &exchange)
    }
    isolate.begin(.viewerResponse)
    describeRequest(exchange, to: isolate)
    describe(response.head, to: isolate)
    let run = isolate.run(nowMilliseconds: wallMilliseconds)
    defer { isolate.finish() }
    note(run, isolate, code, "viewer-response", nil, &exchange)
    isolate.withLogData { exchange.responseLogData = $0.copied }
    exchange.reached(.viewerResponse)
    guard run.outcome == .response else {
      discard(response, &exchange)
      return failed(run, &exchange)
    }
    apply(run, isolate, to: &response.head)
    if run.hasBody {
      var body = ByteBuffer(capacity: 64)
      isolate.withBody { body.append($0) }
      discardBody(&exchange)
      response.replaceBody(body)
    }
    return response
  }

  // MARK: The event

  private func describeRequest(_ exchange: borrowing Exchange, to isolate: Isolate) {
    let site = exchange.site.site
    let id = site.id, domain = site.domainName, address = exchange.peerText
    isolate.setMethod(exchange.request.methodBytes)
    isolate.setURI(exchange.request.path)
    if exchange.request.hasQuery { isolate.setQuery(exchange.request.query) }
    isolate.setViewerAddress(address.span)
    isolate.setRequestID(exchange.id)
    isolate.setDistributionID(id.span)
    isolate.setDistributionDomain(domain.span)
    let fields = exchange.request.fields.count
    for i in 0..<fields where exchange.request.fields[i].name != .dropped && exchange.request.fields[i].name != .cloudFront {
      isolate.addRequestHeader(exchange.request.fields.name(i), exchange.request.fields.value(i))
    }
    for header in exchange.behavior.behavior.forwarding.cloudFrontHeaders {
      guard let value = viewerHeader(header, exchange) else { continue }
      isolate.addRequestHeader(header.rawValue.utf8.span, value.utf8.span)
    }
  }

  /// `cf.edgeLocation`: this place, as X-Amz-Cf-Pop names it, and the address the viewer reached.
  private func describeLocation(_ viewer: borrowing ServerConnection, to isolate: Isolate) {
    let address = viewer.stream.socket.localAddress?.host ?? ""
    isolate.setEdgeLocation(name: Site.location.utf8.span, serverAddress: address.utf8.span, region: Site.region.utf8.span)
  }

  private func describe(_ head: borrowing ResponseHead, to isolate: Isolate) {
    isolate.setStatus(UInt16(clamping: head.line.status), description: head.reason)
    for i in 0..<head.fields.count where head.fields[i].name != .dropped {
      isolate.addResponseHeader(head.fields.name(i), head.fields.value(i))
    }
  }

  // MARK: What it returned

  /// Sends the exchange where the function chose.
  /// - Returns: why that cannot be.
  private func followChoice(_ isolate: Isolate, _ exchange: inout Exchange) -> String? {
    guard let choice = isolate.originChoice else { return nil }
    do throws(ChoiceFailure) { exchange.route = try route(for: choice, exchange) } catch { return error.description }
    return nil
  }

  private func apply(_ run: Invocation, _ isolate: Isolate, to request: inout RequestHead) {
    if run.uriChanged || run.queryChanged {
      // The target is one run of bytes: what is unchanged of it is copied.
      var path = request.path.copied
      var query = request.hasQuery ? request.query.copied : nil
      if run.uriChanged { isolate.withURI { path = $0.copied } }
      if run.queryChanged { isolate.withQuery { query = run.hasQuery ? $0.copied : nil } }
      request.setTarget(path: path, query: query)
    }
    if run.headerEditCount > 0 { applyEdits(isolate, to: &request.fields) }
  }

  private func apply(_ run: Invocation, _ isolate: Isolate, to head: inout ResponseHead) {
    if run.statusChanged {
      head.line.status = Int(run.status)
      head.setReason(Span())
    }
    if run.hasStatusDescription { isolate.withStatusDescription { head.setReason($0) } }
    if run.headerEditCount > 0 { applyEdits(isolate, to: &head.fields) }
  }

  private func applyEdits(_ isolate: Isolate, to fields: inout HeaderSection) {
    isolate.forEachHeaderEdit { edit, name, value in
      switch edit {
      case .removal: fields.drop(named: name)
      case .addition: fields.appendCapitalised(name, value)
      }
    }
  }

  /// A response that a function made.
  private func generated(_ run: Invocation, _ isolate: Isolate, _ exchange: inout Exchange) -> Response {
    exchange.result = .functionGeneratedResponse
    exchange.detailedResult = "FunctionGeneratedResponse"
    var response = Response(head: ResponseHead(status: Int(run.status)), .generated)
    response.isGenerated = true
    apply(run, isolate, to: &response.head)
    var body = ByteBuffer()
    if run.hasBody { isolate.withBody { body.append($0) } }
    response.replaceBody(body)
    return response
  }

  // MARK: What went wrong

  /// 503 for what threw or ran over a limit, 502 for what returned the wrong thing (spec/cloudfront-functions.md, 5).
  private func failed(_ run: Invocation, _ exchange: inout Exchange) -> Response {
    if run.outcome == .validationError { return invalid(&exchange) }
    return functionError(&exchange, 503, .functionExecutionError, "The CloudFront function associated with the distribution is invalid or could not run.")
  }

  private func invalid(_ exchange: inout Exchange) -> Response {
    functionError(&exchange, 502, .functionValidationError, "The CloudFront function returned an invalid value.")
  }

  // A function that is killed again and again is not run for a while, so that it cannot own a worker (rewrite-engine.md).

  func isThrottled(_ code: FunctionCode) -> Bool {
    guard !kills.isEmpty, let record = kills[code.id] else { return false }
    if loop.now >= record.windowEnd { kills[code.id] = nil }
    return loop.now < record.windowEnd && record.count >= configuration.configuration.limits.rewriteEngine.throttleKills
  }

  private func noteKill(_ code: FunctionCode) {
    let window = UInt64(configuration.configuration.limits.rewriteEngine.throttleWindow.milliseconds)
    var record = kills[code.id] ?? (count: 0, windowEnd: loop.now + window)
    record.count += 1
    kills[code.id] = record
  }

  private func throttled(_ code: FunctionCode, _ event: StaticString, _ exchange: inout Exchange) -> Response {
    counters.add(.functionThrottled)
    exchange.functions.append(FunctionReport(name: code.name, event: event, outcome: "throttled", cpuMicroseconds: 0, error: nil))
    return functionError(&exchange, 503, .functionThrottledError, "The CloudFront function is throttled: it was stopped too often, or too many runs of long functions wait.")
  }

  private func failedToLoad(_ error: FunctionLoadError, _ code: FunctionCode, _ event: StaticString, _ exchange: inout Exchange) -> Response {
    counters.add(.functionExecutionError)
    exchange.functions.append(FunctionReport(name: code.name, event: event, outcome: "load_error", cpuMicroseconds: 0, error: error.description))
    diagnostics.say(.error, key: "load \(code.name)", "the function could not be loaded: \(error.description)")
    return functionError(&exchange, 503, .functionExecutionError, "The CloudFront function associated with the distribution is invalid or could not run.")
  }

  private func functionError(_ exchange: inout Exchange, _ status: Int, _ result: ResultType, _ reason: String) -> Response {
    let report = exchange.functions.last?.error
    var response = refuse(&exchange, status, reason)
    exchange.result = result
    exchange.detailedResult = result.word
    exchange.failure = report ?? reason
    response.isGenerated = true
    return response
  }

  /// Counts a run; what it said with console.log and what went wrong go to the log's line.
  /// - Parameter mistake: why what it chose makes it a validation error after all.
  private func note(_ run: Invocation, _ isolate: Isolate, _ code: FunctionCode, _ event: StaticString, _ mistake: String?, _ exchange: inout Exchange) {
    counters.observe(.functionCPU, microseconds: Int(run.cpuNanoseconds / 1000))
    counters.add(mistake == nil ? run.counter : .functionValidationError)
    if run.storeReads > 0 {
      counters.add(.storeRead, Int(run.storeReads))
      counters.add(.storeReadError, Int(run.storeReadErrors))
    }
    if run.failure == .cpuLimit || run.failure == .memoryLimit { noteKill(code) }
    if run.cpuNanoseconds >= Self.longRunNanoseconds { lastLongTurn = loop.turn }
    var error = mistake
    if run.outcome == .executionError || run.outcome == .validationError {
      isolate.withErrorText { error = $0.text }
      if let position = isolate.errorPosition { error = "\(code.name):\(position.line):\(position.column): \(error ?? "")" }
    }
    if error != nil {
      diagnostics.say(.error, key: "run \(code.name)", "\(event) function \(code.name) failed: \(error ?? "")")
    }
    isolate.forEachLogLine { line in diagnostics.say(.info, key: "console \(code.name)", "\(code.name) \(exchange.id.text) \(line.text)") }
    exchange.functions.append(
      FunctionReport(name: code.name, event: event, outcome: mistake == nil ? run.word : "validation_error", cpuMicroseconds: Int(run.cpuNanoseconds / 1000), error: error))
  }
}

extension Invocation {
  fileprivate var counter: Counter {
    switch (outcome, failure) {
    case (.request, _): .functionContinued
    case (.response, _): .functionResponded
    case (.validationError, _): .functionValidationError
    case (_, .cpuLimit): .functionCPULimit
    case (_, .memoryLimit): .functionMemoryLimit
    default: .functionExecutionError
    }
  }

  fileprivate var word: StaticString {
    switch (outcome, failure) {
    case (.request, _): "request"
    case (.response, _): "response"
    case (.validationError, _): "validation_error"
    case (_, .cpuLimit): "cpu_limit"
    case (_, .memoryLimit): "memory_limit"
    default: "execution_error"
    }
  }
}
