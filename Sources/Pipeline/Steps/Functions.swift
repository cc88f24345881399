// Steps 6 and 15: the viewer functions (spec/cloudfront-functions.md). The event is filled from the heads; what a function changed
// is written back into them, what it did not touch stays as it came.
import Distribution
import HTTPWire
import RewriteEngine
import Telemetry
import Transport

extension Worker {
  /// The viewer-request function may change the request or answer it.
  /// - Parameters:
  ///   - start: when it was about to run.
  ///   - mayRun: false when too many wait for their turn (Turns.swift).
  func runViewerRequest(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection, since start: UInt64, mayRun: Bool) -> Response? {
    guard let index = exchange.behavior.viewerRequest, let function = exchange.site.functions[index] else { return nil }
    let isolate: Isolate
    if let reason = throttling(function, mayRun) { return throttled(function, .viewerRequest, reason, &exchange) }
    do throws(FunctionLoadError) { isolate = try isolates(function.code) } catch {
      return failedToLoad(error, function, .viewerRequest, &exchange)
    }
    isolate.begin(.viewerRequest)
    describeRequest(exchange, to: isolate)
    if function.code.readsEdgeLocation { describeLocation(viewer, to: isolate) }
    let run = isolate.run(nowMilliseconds: wallMilliseconds)
    defer { isolate.finish() }
    let mistake = followChoice(isolate, &exchange)
    note(run, isolate, function, .viewerRequest, mistake, &exchange)
    isolate.withLogData { exchange.requestLogData = $0.copied }
    end(.viewerRequest, .viewerRequestStep, since: start, &exchange)
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
  func runViewerResponse(_ response: consuming Response, _ exchange: inout Exchange, since start: UInt64, mayRun: Bool) -> Response {
    guard let index = exchange.behavior.viewerResponse, let function = exchange.site.functions[index],
      !response.isGenerated, !response.isErrorPage, response.source != .tunnel, response.head.line.status < 400, exchange.result != .error
    else { return response }
    let isolate: Isolate
    if let reason = throttling(function, mayRun) {
      discard(response, &exchange)
      return throttled(function, .viewerResponse, reason, &exchange)
    }
    do throws(FunctionLoadError) { isolate = try isolates(function.code) } catch {
      discard(response, &exchange)
      return failedToLoad(error, function, .viewerResponse, &exchange)
    }
    isolate.begin(.viewerResponse)
    describeRequest(exchange, to: isolate)
    describe(response.head, to: isolate)
    let run = isolate.run(nowMilliseconds: wallMilliseconds)
    defer { isolate.finish() }
    note(run, isolate, function, .viewerResponse, nil, &exchange)
    isolate.withLogData { exchange.responseLogData = $0.copied }
    end(.viewerResponse, .viewerResponseStep, since: start, &exchange)
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

  /// Notes that a function has run.
  private func end(_ step: Step, _ histogram: Histogram, since start: UInt64, _ exchange: inout Exchange) {
    let now = monotonicNanoseconds()
    exchange.reached(step, at: now)
    counters.observe(histogram, microseconds: Int(now - start) / 1000)
    if let trace = exchange.trace, let report = exchange.functions.last { trace.add(report, from: start, to: now) }
  }

  // MARK: The event

  private func describeRequest(_ exchange: borrowing Exchange, to isolate: Isolate) {
    let site = exchange.site.site
    let id = site.id, domain = site.domainName, address = exchange.clientText
    isolate.setMethod(exchange.request.methodBytes)
    isolate.setURI(exchange.request.path)
    if exchange.request.hasQuery { isolate.setQuery(exchange.request.query) }
    isolate.setViewerAddress(address.span)
    isolate.setRequestID(exchange.id)
    isolate.setDistributionID(id.span)
    isolate.setDistributionDomain(domain.span)
    if exchange.request.authority.count > 0 { describeHost(exchange.request.authority, to: isolate) }
    isolate.addRequestHeaders(in: exchange.request.fields.bytes.readable, count: exchange.request.fields.count) { i in
      let name = exchange.request.fields[i].name
      return name == .dropped || name == .cloudFront || name == .host ? nil : exchange.request.fields.place(i)
    }
    for header in exchange.behavior.behavior.forwarding.cloudFrontHeaders where header != .viewerCertificatePEM {
      guard let value = viewerHeader(header, exchange) else { continue }
      isolate.addRequestHeader(header.rawValue.utf8.span, value.utf8.span)
    }
  }

  /// Whom the request is for, as functions find it in `host`: in lower case, without port and trailing dot
  /// (spec/cloudfront-functions.md, 2.3). Origins are sent what came.
  private func describeHost(_ host: Span<UInt8>, to isolate: Isolate) {
    let name = host.slice(0, HostTable.nameLength(host))
    var isLower = true
    for i in 0..<name.count where name[i] >= 65 && name[i] <= 90 { isLower = false }
    if isLower { return isolate.addRequestHeader("host".utf8.span, name) }
    var lower = ByteBuffer(capacity: name.count)
    for i in 0..<name.count { lower.append(name[i] >= 65 && name[i] <= 90 ? name[i] + 32 : name[i]) }
    isolate.addRequestHeader("host".utf8.span, lower.readable)
  }

  /// `cf.edgeLocation`: this place, as X-Amz-Cf-Pop names it, and the address the viewer reached.
  private func describeLocation(_ viewer: borrowing ServerConnection, to isolate: Isolate) {
    let address = viewer.stream.socket.localAddress?.host ?? ""
    isolate.setEdgeLocation(name: Site.location.utf8.span, serverAddress: address.utf8.span, region: Site.region.utf8.span)
  }

  private func describe(_ head: borrowing ResponseHead, to isolate: Isolate) {
    isolate.setStatus(UInt16(clamping: head.line.status), description: head.reason)
    isolate.addResponseHeaders(in: head.fields.bytes.readable, count: head.fields.count) { i in
      head.fields[i].name == .dropped ? nil : head.fields.place(i)
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
}

extension HeaderSection {
  /// Where a line's name and value lie in ``bytes``.
  borrowing func place(_ index: Int) -> HeaderPlace {
    let places = places(index)
    return HeaderPlace(name: places.name, value: places.value)
  }
}
