// What functions are told: the JSON of the four events (spec/lambda-at-edge.md, 2 to 5).
import Distribution
@testable import FunctionTier
import JSONText
import Testing

/// Events for tests, as one of each kind.
enum Sample {
  static let origin = EventOrigin(
    custom: "example.org", port: 443, isHTTPS: true, path: "/v2", customHeaders: EventHeaders([("X-Secret", "s")]), sslProtocols: ["TLSv1.2"])

  static func event(
    _ hook: HookPoint, headers: [(String, String)] = [("Host", "www.example.com"), ("Accept", "a"), ("accept", "b"), ("Via", "1.1 x")],
    body: EventBody? = nil, origin: EventOrigin? = Sample.origin, uri: String = "/a", querystring: String = "b=c", method: String = "GET",
    response: [(String, String)] = [("Content-Type", "text/html"), ("Via", "1.1 y"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], status: Int = 200
  ) -> Event {
    let isOrigin = hook == .originRequest || hook == .originResponse, isResponse = hook == .originResponse || hook == .viewerResponse
    var event = Event(
      hook, LambdaEdgeLimits(at: hook), distributionDomainName: Array("d1.cloudfront.net".utf8), distributionID: Array("D1".utf8),
      requestID: Array("id==".utf8),
      EventRequest(
        clientIP: Array("203.0.113.7".utf8), method: Array(method.utf8), uri: Array(uri.utf8), querystring: Array(querystring.utf8),
        headers: EventHeaders(headers), body: body, origin: isOrigin ? origin : nil),
      isResponse ? EventResponse(status: status, statusDescription: Array("OK".utf8), headers: EventHeaders(response)) : nil)
    _ = event.payload()
    return event
  }

  static func decide(_ event: Event, _ result: String) -> Result<EventDecision, EventFailure> {
    do throws(EventFailure) { return .success(try event.decision(on: Array(result.utf8))) } catch { return .failure(error) }
  }

  /// The part of an event that a handler returns.
  static func cf(_ event: Event) -> JSONValue? {
    var event = event
    return (try? JSONValue(parsing: event.payload()))?["Records"]?.array?.first?["cf"]
  }
}

@Suite struct EventTests {
  /// Lines that lie in a head of ours are divided: what functions see, and the rest as it lies.
  @Test func linesOfAHead() {
    var hidden = Array("Before: 1\r\n".utf8)
    let text = "Host: a.test\r\nX-EDGE-Location: hidden\r\nX-Long-Name-Of-More-Than-Sixteen:\t two words \t\r\nconnection:close\r\nempty:\r\nColons: a:b\r\nno end"
    let headers = EventHeaders(lines: Array(text.utf8).span, seenAt: .originRequest, hidden: &hidden)
    #expect(headers.description == "Host: a.test\nX-Long-Name-Of-More-Than-Sixteen: two words\nempty: \nColons: a:b")
    #expect(String(decoding: hidden, as: UTF8.self) == "Before: 1\r\nX-EDGE-Location: hidden\r\nconnection:close\r\n")
    #expect(headers.byteCount == 4 + 6 + 32 + 9 + 5 + 0 + 6 + 3 && headers.value(of: "X-LONG-name-of-more-than-sixteen") == "two words")
    #expect(EventHeaders(lines: Array("no colon\r\n".utf8).span, seenAt: .originRequest, hidden: &hidden).count == 0)
    var json = EventText(capacity: 1)
    headers.write(to: &json)
    #expect(
      String(decoding: json.array, as: UTF8.self).hasPrefix(
        #"{"host":[{"key":"Host","value":"a.test"}],"x-long-name-of-more-than-sixteen":[{"key":"X-Long-Name-Of-More-Than-Sixteen","value":"two words"}],"empty":"#))
  }

  /// Names of every length, in either case: as long as the pieces that are copied at once, and one more or less.
  @Test(arguments: 1...40) func namesInEitherCase(_ length: Int) {
    let large = String((0..<length).map { Character(UnicodeScalar(UInt8(65 + $0 % 26))) }), small = large.lowercased()
    let headers = EventHeaders([(large, "1"), (small, "2"), (String(large.dropLast()) + "-", "3"), ("@[`{" + large, "4")])
    var json = EventText(capacity: 1)
    headers.write(to: &json)
    #expect(
      String(decoding: json.array, as: UTF8.self)
        == #"{"\#(small)":[{"key":"\#(large)","value":"1"},{"key":"\#(small)","value":"2"}],"\#(small.dropLast())-":[{"key":"\#(large.dropLast())-","value":"3"}],"@[`{\#(small)":[{"key":"@[`{\#(large)","value":"4"}]}"#)
    #expect(headers.first(small.utf8.span) == 0 && headers.first(large.utf8.span, from: 1) == 1 && headers.first((large + "x").utf8.span) == nil)
  }

  /// What is taken out counts no more.
  @Test func bytesOfLines() {
    var headers = EventHeaders([("content-length", "5"), ("a", "bc")])
    headers.remove("Content-Length".utf8.span)
    #expect(headers.byteCount == 3 && headers.count == 1)
  }

  @Test("each event has exactly its parts", arguments: HookPoint.allCases)
  func shape(_ hook: HookPoint) throws {
    let cf = try #require(Sample.cf(Sample.event(hook)))
    let isOrigin = hook == .originRequest || hook == .originResponse, isResponse = hook == .originResponse || hook == .viewerResponse
    #expect(
      cf["config"]?.compact
        == #"{"distributionDomainName":"d1.cloudfront.net","distributionId":"D1","eventType":"\#(hook.rawValue)","requestId":"id=="}"#)
    #expect(cf.object?.members.map(\.name) == (isResponse ? ["config", "request", "response"] : ["config", "request"]))
    let names = ["clientIp", "headers", "method"] + (isOrigin ? ["origin"] : []) + ["querystring", "uri"]
    #expect(cf["request"]?.object?.members.map(\.name) == names)
    #expect(
      cf["request"]?["headers"]?.compact
        == #"{"host":[{"key":"Host","value":"www.example.com"}],"accept":[{"key":"Accept","value":"a"},{"key":"accept","value":"b"}],"via":[{"key":"Via","value":"1.1 x"}]}"#)
    if isOrigin {
      #expect(
        cf["request"]?["origin"]?.compact
          == #"{"custom":{"customHeaders":{"x-secret":[{"key":"X-Secret","value":"s"}]},"domainName":"example.org","keepaliveTimeout":5,"path":"/v2","port":443,"protocol":"https","readTimeout":30,"sslProtocols":["TLSv1.2"]}}"#)
    }
    if isResponse {
      #expect(cf["response"]?["status"] == .string("200"))
      #expect(cf["response"]?["statusDescription"] == .string("OK"))
      #expect(cf["response"]?["headers"]?["set-cookie"]?.compact == #"[{"key":"Set-Cookie","value":"a=1"},{"key":"Set-Cookie","value":"b=2"}]"#)
    }
  }

  @Test("a bucket is s3") func bucket() {
    let event = Sample.event(.originRequest, origin: EventOrigin(s3: "files.s3.amazonaws.com", path: "", region: "local"))
    #expect(
      Sample.cf(event)?["request"]?["origin"]?.compact
        == #"{"s3":{"authMethod":"none","customHeaders":{},"domainName":"files.s3.amazonaws.com","path":"","region":"local"}}"#)
  }

  @Test("texts that JSON must escape, or that are no UTF-8", arguments: [
    ("plain", "plain"), (#"a"b\c"#, #"a"b\c"#), ("é\u{7F}", "é\u{7F}"), ("tab\t", "tab\t"), ("", ""),
  ])
  func escapes(_ text: String, _ shown: String) {
    let event = Sample.event(.viewerRequest, headers: [("X-A", text)])
    #expect(Sample.cf(event)?["request"]?["headers"]?["x-a"]?.array?.first?["value"]?.string == shown)
  }

  /// Texts are copied sixteen bytes at a time: of every length, with what must be escaped at every place.
  @Test("nothing is lost wherever it stands", arguments: ["\"", "\\", "\u{1}", "é", "\u{7F}"])
  func everyPlace(_ odd: String) {
    for length in 0..<36 {
      let text = String(repeating: "abcdefgh", count: 5).prefix(length)
      let values = (0...length).map { text.prefix($0) + odd + text.dropFirst($0) }
      let event = Sample.event(.originRequest, headers: values.map { ("X-A", String($0)) })
      #expect(Sample.cf(event)?["request"]?["headers"]?["x-a"]?.array?.map { $0["value"]?.string } == values.map { String($0) }, "\(length)")
    }
  }

  /// Names and values that need room again and again, each three times as long as they were.
  @Test("long texts find room") func room() {
    let value = String(repeating: "\"é", count: 10_000)
    let event = Sample.event(.originRequest, headers: [("X-A", value), ("X-B", value)])
    #expect(Sample.cf(event)?["request"]?["headers"]?["x-b"]?.array?.first?["value"]?.string == value)
  }

  @Test("bodies are shown in base64", arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("\u{0}\u{FF}", "AMO/")])
  func bodies(_ text: String, _ base64: String) {
    let event = Sample.event(.viewerRequest, body: EventBody(Array(text.utf8), isTruncated: text == "foo"), method: "POST")
    #expect(
      Sample.cf(event)?["request"]?["body"]?.compact
        == #"{"action":"read-only","data":"\#(base64)","encoding":"base64","inputTruncated":\#(text == "foo")}"#)
  }

  @Test("what comes back as it was shown is no change, whatever bytes it was", arguments: HookPoint.allCases)
  func unchanged(_ hook: HookPoint) throws {
    var event = Sample.event(hook)
    var headers = EventHeaders()
    let latin: [UInt8] = [0x63, 0x61, 0x66, 0xE9]   // café in ISO 8859-1
    headers.append("X-Name".utf8.span, latin.span)
    headers.append("X-Quote".utf8.span, #""a\b""#.utf8.span)
    headers.append("x-quote".utf8.span, "é".utf8.span)
    event.request.headers = headers
    event.response?.headers = headers
    event.request.uri = [47] + latin
    event.request.querystring = latin
    let payload = event.payload()
    let cf = try #require(try JSONValue(parsing: payload)["Records"]?.array?.first?["cf"])
    let returned = try #require(event.response == nil ? cf["request"] : cf["response"])
    // As it was written, and as another writer may write it.
    for text in [returned.compact, returned.indented()] {
      let decision = try event.decision(on: Array(text.utf8))
      #expect(decision == (event.response == nil ? .request(RequestChange()) : .response(ResponseChange(status: 200))), "\(text)")
    }
  }

  /// What stands as it was shown is not read again, and what stands beside it is.
  @Test("a part that was changed is found beside others that were not", arguments: [
    (#""uri":"/a""#, #""uri":"/other""#, RequestChange(uri: Array("/other".utf8))),
    (#""value":"a""#, #""value":"z""#, RequestChange(headers: EventHeaders([("Host", "www.example.com"), ("Accept", "z"), ("accept", "b"), ("Via", "1.1 x")]))),
    (#"{"clientIp""#, #"{"extra":[{"headers":{}}],"clientIp""#, RequestChange()),
    (#","method""#, #" , "method""#, RequestChange()),
  ])
  func parts(_ old: String, _ new: String, _ change: RequestChange) throws {
    let event = Sample.event(.originRequest)
    let shown = try #require(Sample.cf(event)?["request"]).compact
    #expect(shown.contains(old))
    #expect(try event.decision(on: Array(shown.replacing(old, with: new).utf8)) == .request(change))
  }

  @Test("what only begins as it was shown is no JSON", arguments: ["x", "}", "\"", "{}"])
  func tails(_ tail: String) throws {
    let event = Sample.event(.originRequest)
    let cf = try #require(Sample.cf(event)), shown = try #require(cf["request"]).compact
    let headers = try #require(cf["request"]?["headers"]).compact
    for text in [shown + tail, shown.replacing(headers, with: headers + tail), String(shown.dropLast())] {
      guard case .failure(let failure) = Sample.decide(event, text) else {
        Issue.record("\(text) is taken")
        continue
      }
      #expect(failure.text.contains("no JSON"), "\(text)")
    }
  }
}
