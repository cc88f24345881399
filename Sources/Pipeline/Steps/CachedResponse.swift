// What a viewer gets of a stored response: its head with Age, and all of the body, parts of it, or none (RFC 9110, 13 and 14;
// spec/request-pipeline.md, 14.2 and 14.3).
import Distribution
import HTTPWire
import ObjectCache
import Telemetry
import Transport

extension Worker {
  /// The head of a stored response, with Age (RFC 9111, 5.1) and its length.
  func head(of stored: StoredResponse) -> ResponseHead? {
    var bytes = ByteBuffer()
    bytes.acquire()
    bytes.append(stored.head)
    let age = stored.freshness.ageSeconds(at: wallMilliseconds)
    bytes.append("Age: ")
    bytes.append(decimal: age)
    if let length = stored.length, stored.status != 204 {
      bytes.append("\r\nContent-Length: ")
      bytes.append(decimal: length)
    }
    bytes.append("\r\n\r\n")
    // What was stored has been read before; two lines have come to it.
    return ResponseHead(parsing: bytes, HeadLimits(headBytes: .max, fieldLines: .max))
  }

  /// The answer that a stored response gives.
  /// - Returns: nil when it is no response after all.
  func serve(_ stored: StoredResponse, _ work: CacheWork, _ outcome: CacheOutcome, _ exchange: inout Exchange) -> Response? {
    guard stored.kind == .response, let head = head(of: stored) else { return nil }
    work.outcome = outcome
    work.stored = stored
    work.freshUntil = stored.freshness.freshUntil
    let isError = stored.status >= 400
    exchange.result = isError ? .error : outcome == .refreshHit ? .refreshHit : .hit
    exchange.detailedResult = isError ? "OriginError" : ""
    exchange.failure = nil
    var response = Response(head: head, .cached)
    response.isFunctionMade = stored.freshness.flags.contains(.functionMade)
    return select(from: response, work, &exchange)
  }

  /// Answers the viewer's conditions and ranges. They are for GET and HEAD, and for what would be sent with 200.
  @inline(__always) func select(from response: consuming Response, _ work: CacheWork, _ exchange: inout Exchange) -> Response {
    if exchange.request.fields.present.isDisjoint(with: Conditions.names) { return response }
    return selectPart(of: response, work, &exchange)
  }

  private func selectPart(of response: consuming Response, _ work: CacheWork, _ exchange: inout Exchange) -> Response {
    guard response.head.line.status == 200, exchange.isSafe, work.isFilling || response.source == .cached else { return response }
    var conditions = Conditions(exchange.request.fields)
    conditions.ifMatch = nil   // not a cache's business (RFC 9111, 4.3.2); such requests go to the origin
    conditions.ifUnmodifiedSince = nil
    let size = response.source == .cached ? work.slices?.length ?? work.stored?.length : nil
    switch conditions.select(validators(of: response.head, conditions, work), size: size, isHead: exchange.received.method == .head) {
    case .whole, .preconditionFailed: return response
    case .notModified: return notModified(response, work, &exchange)
    case .parts(let parts): return partial(response, parts, of: size ?? 0, work)
    case .rangeNotSatisfiable:
      work.stored = nil
      work.slices = nil
      work.reader = nil
      var refusal = refuse(&exchange, 416, "The file has no such range.")
      refusal.head.fields.append("Content-Range", "bytes */\(size ?? 0)")
      return refusal
    }
  }

  /// Without Last-Modified, If-Modified-Since is compared with Date (RFC 9111, 4.3.2).
  private func validators(of head: borrowing ResponseHead, _ conditions: Conditions, _ work: CacheWork) -> Validators {
    func date(_ name: FieldName) -> Int? { head.fields.first(name).flatMap { HTTPDate.seconds(head.fields.value($0)) } }
    let etag = head.fields.first(.etag).map { head.fields.value($0).characters }
    let modified = date(.lastModified) ?? (conditions.ifRange == nil ? date(.date) ?? work.stored.map { Int($0.freshness.receivedAt / 1000) } : nil)
    return Validators(etag: etag, modifiedSeconds: modified)
  }

  /// RFC 9110, 15.4.5: validators and what says how long they may be used, nothing that describes content.
  private func notModified(_ response: consuming Response, _ work: CacheWork, _ exchange: inout Exchange) -> Response {
    var response = response
    if response.source != .cached { discardBody(&exchange) }
    work.stored = nil
    work.slices = nil
    work.reader = nil
    response.head.line.status = 304
    response.head.setReason(Span())
    response.head.fields.drop(FieldNameSet(.contentLength, .contentType, .contentEncoding, .contentLanguage, .contentMD5, .transferEncoding))
    response.head.line.frameWithoutBody()
    response.source = .generated
    response.bytes = ByteBuffer()
    return response
  }

  // MARK: Parts

  private func partial(_ response: consuming Response, _ parts: [Range<Int>], of size: Int, _ work: CacheWork) -> Response {
    var response = response
    func place(_ part: Range<Int>) -> String { "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)" }
    response.head.line.status = 206
    response.head.setReason(Span())
    work.parts = parts
    if parts.count == 1 {
      response.head.fields.append("Content-Range", place(parts[0]))
      response.head.setContentLength(parts[0].count)
      return response
    }
    let boundary = "skerry\(String(UInt64.random(in: .min ... .max), radix: 36))\(String(UInt64.random(in: .min ... .max), radix: 36))"
    let type = response.head.fields.first(.contentType).map { "Content-Type: \(response.head.fields.value($0).characters)\r\n" } ?? ""
    work.boundaries = parts.enumerated().map { index, part in
      "\(index == 0 ? "" : "\r\n")--\(boundary)\r\n\(type)Content-Range: \(place(part))\r\n\r\n".unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }
    } + [Array("\r\n--\(boundary)--\r\n".utf8)]
    response.head.fields.drop(.contentType)
    response.head.fields.append("Content-Type", "multipart/byteranges; boundary=\(boundary)")
    response.head.setContentLength(parts.reduce(0) { $0 + $1.count } + work.boundaries.reduce(0) { $0 + $1.count })
    return response
  }

  // MARK: Sending

  /// Sends a small stored body behind its head, in one call.
  /// - Returns: whether all is on its way; if not, ``sendStored(_:_:)`` goes on.
  @inline(__always) func sendStoredAtOnce(_ hit: CacheHit?, _ viewer: inout ServerConnection) throws(WireFailure) -> Bool {
    guard let stored = hit?.stored, stored.body == nil else { return false }
    if stored.content.count <= Self.copiedBytes {
      viewer.stream.output.append(stored.content)
    } else {
      do throws(IOFailure) { try viewer.stream.send(stored.content) } catch { throw .io(error) }
    }
    return try viewer.flushAtOnce()
  }
  /// To copy so much costs less than to have the kernel gather it.
  private static let copiedBytes = 4_096

  /// Sends the rest of a stored response, at the viewer's pace.
  nonisolated(nonsending) func sendStored(_ exchange: inout Exchange, _ viewer: inout ServerConnection) async throws(WireFailure) {
    guard let body = exchange.hit?.stored.body else { return try await viewer.flush() }
    try await send(BodyReader(body), &exchange, &viewer, false)
  }

  /// Sends a stored body, or the parts that were asked for, at the viewer's pace.
  nonisolated(nonsending) func sendCached(
    _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ hasNoBody: Bool, _ chunked: Bool
  ) async throws(WireFailure) {
    guard let work = exchange.cacheWork, let stored = work.stored, !hasNoBody else { return try await viewer.flush() }
    if work.boundaries.isEmpty { return try await sendPart(stored, work.parts.first, work, &exchange, &viewer, chunked) }
    for (index, part) in work.parts.enumerated() {
      viewer.stream.beginOutput()
      let boundary = work.boundaries[index]
      viewer.stream.output.append(boundary.span)
      try await sendPart(stored, part, work, &exchange, &viewer, false)
    }
    viewer.stream.beginOutput()
    if let last = work.boundaries.last { viewer.stream.output.append(last.span) }
    try await viewer.flush()
  }

  private nonisolated(nonsending) func sendPart(
    _ stored: StoredResponse, _ part: Range<Int>?, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ chunked: Bool
  ) async throws(WireFailure) {
    if let slices = work.slices { return try await sendSliced(slices, part, work, &exchange, &viewer) }
    try await send(stored, part, work, &exchange, &viewer, chunked)
  }

  nonisolated(nonsending) func send(
    _ stored: StoredResponse, _ part: Range<Int>?, _ work: CacheWork, _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ chunked: Bool
  ) async throws(WireFailure) {
    guard let body = stored.body else {
      let part = part ?? 0..<stored.content.count
      if part.count <= Self.copiedBytes {
        viewer.stream.beginOutput()
        viewer.stream.output.append(stored.content.extracting(part))
        if try viewer.flushAtOnce() { return }
        return try await viewer.flush()
      }
      do throws(IOFailure) { try viewer.stream.send(stored.content.extracting(part)) } catch { throw .io(error) }
      if try viewer.flushAtOnce() { return }
      return try await viewer.flush()
    }
    let reader = part == nil ? work.reader ?? BodyReader(body) : BodyReader(body, part)
    work.reader = nil
    try await send(reader, &exchange, &viewer, chunked)
  }

  private nonisolated(nonsending) func send(
    _ reader: BodyReader, _ exchange: inout Exchange, _ viewer: inout ServerConnection, _ chunked: Bool
  ) async throws(WireFailure) {
    let isWhole: Bool
    do throws(IOFailure) {
      isWhole = try await reader.send(
        to: &viewer.stream, asChunks: chunked, timeoutMilliseconds: context.viewerLimits.idleTimeoutMilliseconds)
    } catch { throw .io(error) }
    if isWhole { return }
    // Of several parts or slices the next would follow.
    let isAlone = exchange.cacheWork.map { $0.boundaries.isEmpty && $0.slices == nil } ?? true
    if isAlone && viewer.takeBackAnswer() {
      return try await sendInstead(refuse(&exchange, 502, "The origin's answer broke off.", "OriginCommError"), &exchange, &viewer)
    }
    exchange.result = .error
    exchange.detailedResult = "OriginCommError"
    exchange.failure = "the origin's body broke off while it was fetched"
    throw .io(.cancelled)
  }
}
