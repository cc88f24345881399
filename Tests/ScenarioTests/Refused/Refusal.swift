// What every refused request has in common: a clear answer, a closed connection, and an origin that never hears of it,
// nor of the request smuggled in behind.
import Testing

/// One malformed request. Bytes are verbatim; anything to be seen at an origin would carry `/refused` or `/smuggled`.
struct Refusal: Sendable, CustomTestStringConvertible {
  let why: String
  let bytes: String
  /// The statuses that are a right answer.
  var statuses: Set<Int> = [400]
  /// The fault is in the body, whose beginning may already be on its way: the origin must never see the request end.
  var isInBody = false

  init(_ why: String, _ bytes: String, statuses: Set<Int> = [400], isInBody: Bool = false) {
    (self.why, self.bytes, self.statuses, self.isInBody) = (why, bytes, statuses, isInBody)
  }
  var testDescription: String { why }

  static let smuggled = "GET /smuggled HTTP/1.1\r\nHost: shop.test\r\n\r\n"
}

/// A GET whose only fault is in `fields`.
func get(_ fields: String) -> String { "GET /refused HTTP/1.1\r\nHost: shop.test\r\n\(fields)\r\n" }
/// A POST whose only fault is in `fields` or `body`.
func post(_ fields: String, _ body: String = "") -> String {
  "POST /refused HTTP/1.1\r\nHost: shop.test\r\n\(fields)\r\n\(body)"
}
/// A GET whose only fault is in its request line.
func line(_ line: String) -> String { "\(line)\r\nHost: shop.test\r\n\r\n" }

extension Scenarios {
  /// Issue 2, point 3, "Refused". One worker, one origin behind every Host, cases one after another.
  @Suite(
    .serialized,
    .program(script: { try $0.answerAll { ok($0.target) } }, arguments: ["--workers", "1"]) { distribution in
      var distribution = distribution
      distribution.isDefault = true
      return distribution
    })
  struct Refused {
    @Test(arguments: Refusal.lineEndings) func lineEndings(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.requestLines) func requestLines(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.fieldLines) func fieldLines(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.hosts) func hosts(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.contentLengths) func contentLengths(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.transferCodings) func transferCodings(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.chunks) func chunks(_ refusal: Refusal) throws { try play(refusal) }
    @Test(arguments: Refusal.tooLarge) func tooLarge(_ refusal: Refusal) throws { try play(refusal) }

    /// The story of every refusal.
    private func play(_ refusal: Refusal) throws {
      let stage = try Program.current.sharedStage()
      let before = stage.origin.record.current
      let countersBefore = try stage.skerry.metrics()

      // A viewer sends a malformed request and, right behind it, a second one.
      let viewer = try stage.viewer()
      try viewer.send(refusal.bytes + Refusal.smuggled)

      // It is told so, once, and the connection is closed.
      let response = try viewer.readResponse()
      try #require(refusal.statuses.contains(response.status), "\(response.line.visible)")
      #expect(response.fields["connection"] == "close")
      #expect(viewer.isClosedSilently())

      // The next viewer is served as ever, and the origin has seen nothing but that.
      let next = try stage.viewer()
      #expect(try next.exchange("GET /alive HTTP/1.1\r\nHost: shop.test\r\n\r\n").bodyText == "/alive")
      let seen = stage.origin.bytes(since: before)
      #expect(!seen.holds("/smuggled"))
      let completed = stage.origin.requests.dropFirst(before.requests.count).map(\.target)
      #expect(completed == ["/alive"])
      if !refusal.isInBody { #expect(seen.hasPrefix("GET /alive ")) }

      // It has been counted, as a refusal or as a limit reached.
      let counters = try stage.skerry.metrics()
      let counted = ["skerry_requests_refused_total", "skerry_limits_reached_total"].map { counters[$0] - countersBefore[$0] }
      #expect(counted.reduce(0, +) >= 1)
    }

    /// A good request does not vouch for the one after it.
    @Test(arguments: ["A : b\r\n", "Content-Length: 1\r\nContent-Length: 1\r\n", "A: b\r\n c\r\n", "Transfer-Encoding: x\r\n"])
    func aMalformedRequestAfterAGoodOne(fields: String) throws {
      let stage = try Program.current.sharedStage()
      let before = stage.origin.record.current
      let viewer = try stage.viewer()
      try viewer.send("GET /good HTTP/1.1\r\nHost: shop.test\r\n\r\n" + get(fields) + Refusal.smuggled)
      #expect(try viewer.readResponse().bodyText == "/good")
      let refused = try viewer.readResponse()
      #expect([400, 501].contains(refused.status))
      #expect(viewer.isClosedSilently())
      let seen = stage.origin.bytes(since: before)
      #expect(!seen.holds("/refused") && !seen.holds("/smuggled"))
    }
  }
}
