// What functions return: every rule of spec/lambda-at-edge.md, 5 to 9, that can be told from the result alone.
import Distribution
import FunctionTier
import JSONText
import Testing

/// A row: the event, what its handler returned, and what the log says of it; nil when it is taken.
private struct Row: Sendable, CustomStringConvertible {
  let hook: HookPoint
  let result: String
  let failure: String?
  var description: String { "\(hook.rawValue): \(result.prefix(160))" }

  init(_ hook: HookPoint, _ result: String, _ failure: String? = nil) { (self.hook, self.result, self.failure) = (hook, result, failure) }
}

private func headers(_ fields: String...) -> String {
  fields.map { field in
    let parts = field.split(separator: ":", maxSplits: 1).map { $0.trimmingPrefix(" ") }
    return #""\#(parts[0])":[{"value":"\#(parts.count > 1 ? String(parts[1]) : "")"}]"#
  }.joined(separator: ",")
}

/// What the sample's request has, so that only what a row adds is another.
private let requestHeaders = #""host":[{"key":"Host","value":"www.example.com"}],"accept":[{"key":"Accept","value":"a"},{"key":"accept","value":"b"}],"via":[{"key":"Via","value":"1.1 x"}]"#
private let responseHeaders = #""content-type":[{"key":"Content-Type","value":"text/html"}],"via":[{"key":"Via","value":"1.1 y"}],"set-cookie":[{"value":"a=1"},{"value":"b=2"}]"#
private func custom(_ change: String = "") -> String {
  let fields = [
    "domainName": #""other.example""#, "port": "8080", "protocol": #""http""#, "path": #""""#, "sslProtocols": #"["TLSv1.2"]"#, "keepaliveTimeout": "5",
    "readTimeout": "30",
  ]
  let parts = change.split(separator: "=", maxSplits: 1).map(String.init)
  var all = fields
  if let name = parts.first { all[name] = parts.count > 1 ? parts[1] : nil }
  return #"{"uri":"/a","origin":{"custom":{\#(all.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ","))}}}"#
}
private let readOnly = "The function tried to add, delete, or change a read-only header, headerName : "
private let blacklisted = "The function tried to add a blacklisted header, headerName : "

@Suite struct EventResultTests {
  @Test("objects that are none, and requests", arguments: [
    Row(.viewerRequest, "", "no JSON"), Row(.viewerRequest, "null", "not an object"), Row(.viewerRequest, "[]", "not an object"),
    Row(.viewerRequest, "\"x\"", "not an object"), Row(.viewerRequest, "{", "no JSON"), Row(.viewerRequest, "{\"uri\":\"/\"} x", "no JSON"),
    Row(.viewerRequest, "{}", "neither a request nor a response"),
    Row(.viewerRequest, #"{"statusCode":200,"body":"x"}"#, "it has a statusCode, as answers to API Gateway have"),
    Row(.originResponse, #"{"statusCode":200}"#, "The function returned an invalid status code, the object has no status; it has a statusCode"),
    Row(.viewerRequest, #"{"uri":"/b"}"#), Row(.originRequest, #"{"uri":"/b","unknown":{"deep":[1,{}]}}"#),
    Row(.viewerRequest, #"{"uri":"b"}"#, "The uri must begin with /"), Row(.viewerRequest, #"{"uri":""}"#, "The uri must begin with /"),
    Row(.viewerRequest, #"{"uri":5}"#, "The uri must be a string"), Row(.viewerRequest, #"{"uri":"/a b"}"#, "The uri must have no spaces"),
    Row(.viewerRequest, #"{"uri":"/a?b"}"#, "The uri must have no spaces"), Row(.viewerRequest, #"{"uri":"/a#b"}"#, "The uri must have no spaces"),
    Row(.viewerRequest, #"{"uri":"/a\nb"}"#, "The uri must have no spaces"),
    Row(.viewerRequest, #"{"uri":"/a","querystring":"x y"}"#, "The querystring must have no spaces"),
    Row(.viewerRequest, #"{"uri":"/a","querystring":"x#y"}"#, "The querystring must have no spaces"),
    Row(.viewerRequest, #"{"uri":"/a","querystring":{}}"#, "The querystring must be a string"), Row(.viewerRequest, #"{"uri":"/a","querystring":""}"#),
    Row(.viewerRequest, #"{"uri":"/\#(String(repeating: "x", count: 8186))"}"#), Row(.viewerRequest, #"{"uri":"/\#(String(repeating: "x", count: 8187))"}"#, "shorter than 8192"),
    Row(.viewerRequest, #"{"uri":"/a","method":"GET","clientIp":"203.0.113.7"}"#), Row(.viewerRequest, #"{"uri":"/a","method":"POST"}"#, "The method of a request is read-only"),
    Row(.originRequest, #"{"uri":"/a","clientIp":"1.2.3.4"}"#, "The clientIp of a request is read-only"),
  ])
  private func requests(_ row: Row) { check(row) }

  @Test("headers: their shape", arguments: [
    Row(.viewerRequest, #"{"headers":[]}"#, "The headers must be an object"), Row(.viewerRequest, #"{"headers":"x"}"#, "must be an object"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":"b"}}"#, "each header entry in the headers object must be an array, headerName : x-a"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[]}}"#),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":["b"]}}"#, "an entry is no object"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":5}]}}"#, "must be a string or an array of strings, headerName : x-a"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"key":"X-A"}]}}"#, "must be a string or an array of strings"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":["b","c"]}]}}"#),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"X-A":[{"value":"c"}]}}"#, "not one in lower case, headerName : X-A"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x a":[{"value":"c"}]}}"#, "not one in lower case"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"":[{"value":"c"}]}}"#, "not one in lower case"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"b"}],"x-a":[{"value":"c"}]}}"#, "a member \"x-a\" already"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"b","value":"c"}]}}"#, "a member \"value\" already"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"key":"X-A","key":"x-a","value":"c"}]}}"#, "a member \"key\" already"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"key":5,"value":"c"}]}}"#, "headerName : x-a, an entry's key is no string"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":["b",null]}]}}"#, "must be a string or an array of strings"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"b"},null]}}"#, "an entry is no object"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"c\u007f"}]}}"#, "control characters"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":["b","c\u0000"]}]}}"#, "control characters"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":[\#(Array(repeating: "\"v\"", count: 196).joined(separator: ","))]}]}}"#),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":[\#(Array(repeating: "\"v\"", count: 197).joined(separator: ","))]}]}}"#, "more than 200 headers"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"c\r\nd: e"}]}}"#, "control characters"),
    Row(.viewerRequest, #"{"uri":"/a","headers":{\#(requestHeaders),"x-a":[{"value":"\#(String(repeating: "v", count: 33_000))"}]}}"#, "The headers exceed the maximum size"),
  ])
  private func headerShapes(_ row: Row) { check(row) }

  @Test("what the origin is told of its name and of the configuration's headers", arguments: [
    (#""host":[{"value":"a.test:8080"}]"#, nil), (#""accept":[]"#, nil), (#""host":[{"value":"a"},{"value":"b"}]"#, "must name one host"), (#""host":[{"value":["a","a"]}]"#, "must name one host"),
    (#""host":[{"value":"a b"}]"#, "must name one host, headerName : host"), (#""host":[{"value":""}]"#, "must name one host"), (#""host":[{"value":"a/b?c"}]"#, "must name one host"),
    (#""host":[{"value":"h"}],"x-secret":[{"value":"mine"}]"#, "among the request's headers, too, headerName : x-secret"),
  ] as [(String, String?)])
  func sentHeaders(_ fields: String, _ failure: String?) {
    check(Row(.originRequest, #"{"uri":"/a","headers":{"via":[{"key":"Via","value":"1.1 x"}],\#(fields)}}"#, failure))
  }

  @Test("headers: their lines", arguments: [
    (#"[{"key":"X-a","value":"b"}]"#, [("X-a", "b")]), (#"[{"value":" b\tc\t","key":"x-A"}]"#, [("x-A", "b\tc")]), (#"[{"key":"Other","value":"b"}]"#, [("X-A", "b")]),
    (#"[{"key":null,"value":""}]"#, [("X-A", "")]), (#"[{"value":"b"},{"key":"x-a","value":"c"},{"value":"d"}]"#, [("X-A", "b"), ("x-a", "c"), ("X-A", "d")]),
    (#"[{"more":{"value":[1]},"value":["b"," ","c"]}]"#, [("X-A", "b"), ("X-A", ""), ("X-A", "c")]), (#"[{"value":[]}]"#, []), ("[]", []), (#"[{"value":"\u00e9\ud83d"}]"#, [("X-A", "é\u{FFFD}")]),
  ] as [(String, [(String, String)])])
  func headerLines(_ entries: String, _ lines: [(String, String)]) throws {
    let event = Sample.event(.viewerRequest, headers: [("Host", "h")])
    let decision = try event.decision(on: Array(#"{"uri":"/a","headers":{"host":[{"value":"h"}],"x-a":\#(entries)}}"#.utf8))
    #expect(decision == .request(RequestChange(headers: lines.isEmpty ? nil : EventHeaders([("Host", "h")] + lines.map { (name: $0.0, value: $0.1) }))))
  }

  @Test("headers that are not functions' business", arguments:
    ["connection", "expect", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "trailer", "upgrade", "x-accel-buffering",
      "x-accel-charset", "x-accel-limit-rate", "x-accel-redirect", "x-amz-cf-id", "x-amz-cf-anything", "x-amzn-auth", "x-amzn-cf-billing", "x-amzn-cf-id",
      "x-amzn-cf-xff", "x-amzn-errortype", "x-amzn-fle-profile", "x-amzn-header-count", "x-amzn-header-order", "x-amzn-lambda-integration-tag",
      "x-amzn-requestid", "x-cache", "x-edge-location", "x-forwarded-proto", "x-real-ip"], HookPoint.allCases)
  func disallowed(_ name: String, _ hook: HookPoint) {
    let isResponse = hook == .originResponse || hook == .viewerResponse
    let own = isResponse ? responseHeaders : requestHeaders
    check(Row(hook, #"{\#(isResponse ? #""status":"200""# : #""uri":"/a""#),"headers":{\#(own),\#(headers("\(name): 1"))}}"#, blacklisted + name))
    // In an answer that a request event's function makes, too.
    if !isResponse { check(Row(hook, #"{"status":"200","headers":{\#(headers("\(name): 1"))}}"#, blacklisted + name)) }
  }

  @Test("CloudFront's own headers are for origin events", arguments: HookPoint.allCases)
  func cloudFrontHeaders(_ hook: HookPoint) {
    let isResponse = hook == .originResponse || hook == .viewerResponse
    let isViewer = hook == .viewerRequest || hook == .viewerResponse
    let result = #"{\#(isResponse ? #""status":"200""# : #""uri":"/a""#),"headers":{\#(isResponse ? responseHeaders : requestHeaders),\#(headers("cloudfront-viewer-country: DE"))}}"#
    check(Row(hook, result, isViewer ? blacklisted + "cloudfront-viewer-country" : nil))
  }

  static let readOnlyNames: [(HookPoint, [String])] = [
    (.viewerRequest, ["cdn-loop", "content-length", "host", "transfer-encoding", "via"]),
    (.originRequest, ["accept-encoding", "cdn-loop", "content-length", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "transfer-encoding", "via"]),
    (.originResponse, ["transfer-encoding", "via"]),
    (.viewerResponse, ["warning", "via", "content-length", "content-encoding", "transfer-encoding"]),
  ]

  @Test("read-only headers: not added, changed or deleted; others are", arguments: readOnlyNames)
  func readOnlyHeaders(_ hook: HookPoint, _ names: [String]) {
    let isResponse = hook == .originResponse || hook == .viewerResponse
    let begin = isResponse ? #"{"status":"200","headers":{"# : #"{"uri":"/a","headers":{"#
    for name in ["cdn-loop", "content-length", "host", "transfer-encoding", "via", "accept-encoding", "if-none-match", "warning", "content-encoding", "x-other"] {
      let isReadOnly = names.contains(name)
      func event(_ value: String?) -> Event {
        let fields = value.map { [(name, $0)] } ?? []
        return isResponse ? Sample.event(hook, response: fields) : Sample.event(hook, headers: fields)
      }
      let one = #""\#(name)":[{"value":"1"}]"#, other = #""\#(name)":[{"value":"2"}]"#, both = #""\#(name)":[{"value":"1"},{"value":"2"}]"#
      for (event, fields, changes) in [
        (event(nil), one, true), (event("1"), other, true), (event("1"), both, true), (event("1"), "", true), (event("1"), one, false), (event(nil), "", false),
      ] where !(name == "host" && hook == .originRequest && fields == both) {   // there is one host (sentHeaders)
        let result = Sample.decide(event, begin + fields + "}}")
        guard case .failure(let failure) = result else {
          #expect(!(isReadOnly && changes), "\(hook.rawValue) \(name) \(fields)")
          continue
        }
        #expect(isReadOnly && changes && failure.log == readOnly + name + ".", "\(hook.rawValue) \(name) \(fields): \(failure.log)")
      }
    }
  }

  @Test("bodies that replace a request's", arguments: [
    (#"{"action":"replace","encoding":"text","data":"new"}"#, "new", nil), (#"{"action":"replace","data":"bmV3"}"#, "new", nil),
    (#"{"action":"replace","encoding":"base64","data":""}"#, "", nil), (#"{"action":"replace"}"#, "", nil),
    (#"{"action":"read-only","encoding":"text","data":"new"}"#, nil, nil), (#"{"data":"new"}"#, nil, nil),
    // null is as if it were left out.
    (#"{"action":"replace","encoding":null,"data":"bmV3"}"#, "new", nil), (#"{"action":"replace","encoding":"text","data":null}"#, "", nil), (#"{"action":null,"encoding":"text","data":"new"}"#, nil, nil),
    (#"{"action":"drop"}"#, nil, "The body's action is neither read-only nor replace"),
    (#"{"action":"replace","encoding":"hex","data":""}"#, nil, "The body's encoding is neither text nor base64"),
    (#"{"action":"replace","encoding":5,"data":""}"#, nil, "The body's encoding is neither text nor base64"),
    (#"{"action":"replace","data":"bmV3Cg"}"#, nil, "The body is not valid base64"), (#"{"action":"replace","data":"b V3"}"#, nil, "The body is not valid base64"),
    (#"{"action":"replace","data":5}"#, nil, "The body's data is not a string"), (#""new""#, nil, "The body is not an object"), ("[]", nil, "The body is not an object"),
    (#"{"action":"replace","encoding":"text","data":"\#(String(repeating: "x", count: 1_048_577))"}"#, nil, "The body exceeds the maximum size"),
    (#"{"action":"replace","data":"\#(String(repeating: "A", count: 1_398_108))"}"#, nil, "The body exceeds the maximum size"),
  ] as [(String, String?, String?)])
  func bodies(_ body: String, _ replaced: String?, _ failure: String?) {
    let event = Sample.event(.originRequest, body: EventBody(Array("old".utf8)), method: "POST")
    switch Sample.decide(event, #"{"uri":"/a","body":\#(body)}"#) {
    case .success(let decision): #expect(failure == nil && decision == .request(RequestChange(body: replaced.map { Array($0.utf8) })))
    case .failure(let error): #expect(failure.map(error.log.contains) == true && failure.map(error.page.contains) == true, "\(error.log)")
    }
  }

  /// Each fault of a response's body is another one to mend: the viewer's page and the log say which.
  @Test("bodies of responses", arguments: [
    (HookPoint.viewerRequest, #""body":5"#, "The body is not a string"), (.originResponse, #""body":{"data":""}"#, "The body is not a string"),
    (.viewerRequest, #""body":"eA","bodyEncoding":"base64""#, "The body is not valid base64"), (.viewerRequest, #""body":"x","bodyEncoding":"gzip""#, "The bodyEncoding is neither text nor base64"),
    (.viewerRequest, #""body":"x","bodyEncoding":1"#, "The bodyEncoding is neither text nor base64"),
    (.viewerRequest, #""status":"204","body":"x""#, "The body must be empty in a response with status 204"),
    (.viewerResponse, #""body":"x""#, "The body cannot be replaced by a viewer-response function"),
    (.viewerRequest, #""body":"\#(String(repeating: "x", count: 40_961))""#, "The headers and the body exceed the maximum size"),
  ] as [(HookPoint, String, String)])
  func responseBodies(_ hook: HookPoint, _ members: String, _ text: String) {
    let result = members.contains("status") ? "{\(members)}" : #"{"status":"200",\#(members)}"#
    guard case .failure(let failure) = Sample.decide(Sample.event(hook), result) else {
      Issue.record("\(members.prefix(80)) is taken")
      return
    }
    #expect(failure.text == text && failure.page.contains(": \(text).") && failure.log.hasPrefix(text), "\(failure.log)")
  }

  @Test("a body that the function was not given cannot be replaced")
  func unseenBody() { check(Row(.viewerRequest, #"{"uri":"/a","body":{"action":"replace","data":""}}"#, "includeBody")) }

  @Test("sizes", arguments: [
    (HookPoint.viewerRequest, "text", 40_960, true), (.viewerRequest, "text", 40_961, false), (.viewerRequest, "base64", 54_616, true),
    (.viewerRequest, "base64", 54_620, false), (.originRequest, "text", 1_048_576, true), (.originRequest, "text", 1_048_577, false),
    (.originRequest, "base64", 1_398_104, true), (.originRequest, "base64", 1_398_108, false),
  ])
  func replacedSizes(_ hook: HookPoint, _ encoding: String, _ count: Int, _ fits: Bool) {
    let event = Sample.event(hook, body: EventBody([]), method: "POST"), data = String(repeating: "A", count: count)
    let result = Sample.decide(event, #"{"uri":"/a","body":{"action":"replace","encoding":"\#(encoding)","data":"\#(data)"}}"#)
    #expect(((try? result.get()) != nil) == fits)
  }

  /// What is shown whole may come back whole: a function that looks at a body and hands it on in base64 is not refused for its size.
  @Test("a whole body comes back", arguments: [HookPoint.viewerRequest, .originRequest], [0, 1, 2, 3])
  func wholeBody(_ hook: HookPoint, _ less: Int) throws {
    let bytes = [UInt8](repeating: 7, count: LambdaEdgeLimits(at: hook).exposedBodyBytes - less), event = Sample.event(hook, body: EventBody(bytes), method: "POST")
    let data = try #require(Sample.cf(event)?["request"]?["body"]?["data"]?.string)
    #expect(try Sample.decide(event, #"{"uri":"/a","body":{"action":"replace","data":"\#(data)"}}"#).get() == .request(RequestChange(body: bytes)))
  }

  @Test("sizes of responses", arguments: [
    (HookPoint.viewerRequest, 40_960), (.originRequest, 1_048_576), (.originResponse, 1_048_576),
  ])
  func responseSizes(_ hook: HookPoint, _ limit: Int) {
    let own = hook == .originResponse ? #""via":[{"key":"Via","value":"1.1 y"}],"# : "", ownBytes = hook == .originResponse ? 8 : 0
    for (count, fits) in [(limit - 6 - ownBytes, true), (limit - 5 - ownBytes, false)] {
      let result = #"{"status":"200","headers":{\#(own)"x-ab":[{"value":"12"}]},"body":"\#(String(repeating: "x", count: count))"}"#
      #expect(((try? Sample.decide(Sample.event(hook), result).get()) != nil) == fits)
    }
  }

  /// Headers are counted whether the function names them or leaves them as they were; where nothing of its own is in the response there is nothing to count.
  @Test("sizes of responses whose headers stay", arguments: [HookPoint.originResponse, .viewerResponse])
  func unchangedHeaders(_ hook: HookPoint) {
    let limit = LambdaEdgeLimits(at: hook).responseBytes, event = Sample.event(hook, response: [("X-Long", String(repeating: "v", count: 994))])
    let shown = Sample.cf(event)?["response"]?["headers"]?.compact ?? ""
    for headers in [#","headers":\#(shown)"#, ""] where hook == .originResponse {
      for (count, fits) in [(limit - 1_000, true), (limit - 999, false)] {
        let result = Sample.decide(event, #"{"status":"200"\#(headers),"body":"\#(String(repeating: "x", count: count))"}"#)
        #expect(((try? result.get()) != nil) == fits, "\(count)")
      }
    }
    let full = Sample.event(hook, response: [("X-Long", String(repeating: "v", count: limit))])
    #expect((try? Sample.decide(full, #"{"status":"200"}"#).get()) != nil)
  }

  @Test("origins", arguments: [
    ("", nil), ("domainName=\"\"", "domainName must be"), ("domainName=\"a:80\"", "domainName must be"), ("domainName=\"10.0.0.1\"", "domainName must be"),
    ("domainName=\"a b\"", "domainName must be"), ("domainName=5", "domainName must be a string"), ("domainName=\"\(String(repeating: "abcdefg.", count: 32))x\"", "domainName must be"),
    ("domainName=\"\(String(repeating: "abcdefg.", count: 31))x\"", nil), ("domainName", "domainName must be a string"),
    ("path=\"/a/b\"", nil), ("path=\"a\"", "path must"), ("path=\"/a/\"", "path must"), ("path=\"/\"", "path must"), ("path=\"/a b\"", "path must"), ("path", "path must be a string"),
    ("path=\"/\(String(repeating: "a", count: 254))\"", nil), ("path=\"/\(String(repeating: "a", count: 255))\"", "path must"),
    ("port=80", nil), ("port=443", nil), ("port=1024", nil), ("port=65535", nil), ("port=81", "port must"), ("port=1023", "port must"), ("port=65536", "port must"),
    ("port=\"80\"", "port must"), ("port=80.5", "port must"), ("port", "port must"), ("protocol=\"https\"", nil), ("protocol=\"ftp\"", "protocol must"), ("protocol", "protocol must"),
    ("sslProtocols=[\"TLSv1.2\",\"TLSv1.1\",\"TLSv1\",\"SSLv3\"]", nil), ("sslProtocols=[]", "sslProtocols must"), ("sslProtocols=[\"TLSv1.3\"]", "sslProtocols must"),
    ("sslProtocols=[1]", "sslProtocols must"), ("sslProtocols", "sslProtocols must"),
    ("keepaliveTimeout=1", nil), ("keepaliveTimeout=120", nil), ("keepaliveTimeout=0", "keepaliveTimeout must"), ("keepaliveTimeout=121", "keepaliveTimeout must"), ("keepaliveTimeout", "keepaliveTimeout must"),
    ("readTimeout=1", nil), ("readTimeout=120", nil), ("readTimeout=0", "readTimeout must"), ("readTimeout=121", "readTimeout must"), ("readTimeout", "readTimeout must"),
    ("responseCompletionTimeout=0", nil), ("responseCompletionTimeout=30", nil), ("responseCompletionTimeout=29", "responseCompletionTimeout must"),
    (#"customHeaders={"x-a":[{"key":"X-A","value":"b"}]}"#, nil), (#"customHeaders={"x-a":"b"}"#, "must be an array"), ("customHeaders=5", "customHeaders must be an object"),
    (#"customHeaders={"x-edge-a":[{"value":"b"}]}"#, blacklisted + "x-edge-a"), (#"customHeaders={"host":[{"value":"b"}]}"#, blacklisted + "host"),
    (#"customHeaders={"if-range":[{"value":"b"}]}"#, blacklisted + "if-range"), (#"customHeaders={"accept":[{"value":"b"}]}"#, "among the request's headers, too, headerName : accept"),
  ] as [(String, String?)])
  func customOrigins(_ change: String, _ failure: String?) { check(Row(.originRequest, custom(change), failure)) }

  @Test("buckets", arguments: [
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"none"}}"#, nil),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"/a","authMethod":"none","region":"eu-west-1","readTimeout":5,"customHeaders":{}}}"#, nil),
    (#"{"s3":{"domainName":"B.s3.amazonaws.com","path":"","authMethod":"none"}}"#, "in lower case"),
    (#"{"s3":{"domainName":"\#(String(repeating: "b.", count: 64))c","path":"","authMethod":"none"}}"#, "at most 128"),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"oac"}}"#, "authMethod must be none or origin-access-identity"),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"origin-access-identity"}}"#, "region must be given"),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"origin-access-identity","region":"eu-west-1"}}"#, "has no origin access identity"),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","path":"","authMethod":"none","readTimeout":0}}"#, "readTimeout must"),
    (#"{"s3":{"domainName":"b.s3.amazonaws.com","authMethod":"none"}}"#, "path must be a string"),
    ("{}", "exactly one"), ("[]", "exactly one"), (#"{"s3":{},"custom":{}}"#, "exactly one"), ("\"x\"", "origin must be an object"),
  ] as [(String, String?)])
  func buckets(_ origin: String, _ failure: String?) { check(Row(.originRequest, #"{"uri":"/a","origin":\#(origin)}"#, failure)) }

  @Test("an origin that the configuration made wider than functions may stays as it is")
  func configuredOrigin() throws {
    let local = EventOrigin(custom: "127.0.0.1", port: 81, isHTTPS: false)
    let event = Sample.event(.originRequest, origin: local)
    let origin = try #require(Sample.cf(event)?["request"]?["origin"]?.compact)
    #expect(try Sample.decide(event, #"{"uri":"/a","origin":\#(origin)}"#).get() == .request(RequestChange()))
    var changed = local
    changed.path = "/x"
    let result = #"{"uri":"/a","origin":\#(origin.replacing(#""path":"""#, with: #""path":"/x""#))}"#
    #expect(try Sample.decide(event, result).get() == .request(RequestChange(origin: changed)))
    // Elsewhere the origin is not the function's.
    #expect(try Sample.decide(Sample.event(.viewerRequest), result).get() == .request(RequestChange()))
  }

  @Test("responses", arguments: [
    Row(.viewerRequest, #"{"status":"200"}"#), Row(.viewerRequest, #"{"status":200}"#), Row(.originRequest, #"{"status":"599"}"#), Row(.originResponse, #"{"status":404}"#),
    Row(.viewerRequest, #"{"status":"199"}"#, "invalid status code"), Row(.viewerRequest, #"{"status":"600"}"#, "invalid status code"), Row(.viewerRequest, #"{"status":"20"}"#, "invalid status code"),
    Row(.viewerRequest, #"{"status":"OK"}"#, "invalid status code"), Row(.viewerRequest, #"{"status":200.5}"#, "invalid status code"), Row(.originResponse, #"{"status":"0200"}"#, "invalid status code"),
    Row(.viewerRequest, #"{"status":true}"#, "invalid status code"), Row(.originResponse, #"{"headers":{}}"#, "has no status"), Row(.viewerResponse, #"{}"#, "has no status"),
    Row(.viewerRequest, #"{"status":"200","statusDescription":"Fine"}"#), Row(.viewerRequest, #"{"status":"200","statusDescription":5}"#, "statusDescription"),
    Row(.viewerRequest, #"{"status":"200","statusDescription":"a\r\nb"}"#, "statusDescription"),
    Row(.viewerRequest, #"{"status":"200","body":"x"}"#), Row(.viewerRequest, #"{"status":"200","body":{}}"#, "The body is not a string"), Row(.viewerRequest, #"{"status":"200","body":5}"#, "The body is not a string"),
    Row(.viewerRequest, #"{"status":"200","body":"eA==","bodyEncoding":"base64"}"#), Row(.viewerRequest, #"{"status":"200","body":"eA","bodyEncoding":"base64"}"#, "not valid base64"),
    Row(.viewerRequest, #"{"status":"200","body":"x","bodyEncoding":"gzip"}"#, "bodyEncoding is neither"),
    Row(.viewerRequest, #"{"status":"204","body":"x"}"#, "must be empty in a response with status 204"), Row(.viewerRequest, #"{"status":"204","body":""}"#), Row(.originRequest, #"{"status":"204","body":"x"}"#),
    Row(.viewerRequest, #"{"status":"200","headers":{"content-length":[{"value":"7"}]}}"#), Row(.viewerRequest, #"{"status":"200","headers":{"via":[{"value":"7"}]}}"#, readOnly + "via"),
    Row(.originRequest, #"{"status":"200","headers":{"transfer-encoding":[{"value":"chunked"}]}}"#, readOnly + "transfer-encoding"),
    Row(.viewerResponse, #"{"status":"200","headers":{\#(responseHeaders),"x-a":[{"value":"b"}]}}"#), Row(.viewerResponse, #"{"status":200}"#),
    Row(.viewerResponse, #"{"status":"201"}"#, "a viewer-response function cannot change it"), Row(.viewerResponse, #"{"status":"200","body":"x"}"#, "cannot be replaced by a viewer-response function"),
    Row(.originResponse, #"{"status":"200","headers":{"x-a":[{"value":"b"}]}}"#, readOnly + "via"),
  ])
  private func responses(_ row: Row) { check(row) }

  @Test("an origin's status that functions may not return stays") func foreignStatus() throws {
    let event = Sample.event(.originResponse, status: 199)
    #expect(try Sample.decide(event, #"{"status":"199"}"#).get() == .response(ResponseChange(status: 199)))
  }

  @Test("what comes of a request and a response") func decisions() throws {
    let request = Sample.decide(
      Sample.event(.originRequest),
      #"{"uri":"/b","querystring":"","headers":{\#(requestHeaders),"x-new-one":[{"value":" a "},{"key":"x-nEw-One","value":["b","c"]},{"key":"X-Other","value":"d"}]}}"#)
    let wanted = EventHeaders([
      ("Host", "www.example.com"), ("Accept", "a"), ("accept", "b"), ("Via", "1.1 x"), ("X-New-One", "a"), ("x-nEw-One", "b"), ("x-nEw-One", "c"), ("X-New-One", "d"),
    ])
    #expect(try request.get() == .request(RequestChange(uri: Array("/b".utf8), querystring: [], headers: wanted)))
    let response = Sample.decide(
      Sample.event(.viewerRequest), #"{"status":"302","statusDescription":"Found","headers":{"location":[{"key":"Location","value":"/x"}]},"body":"aGk=","bodyEncoding":"base64"}"#)
    #expect(
      try response.get()
        == .response(ResponseChange(status: 302, statusDescription: Array("Found".utf8), headers: EventHeaders([("Location", "/x")]), body: Array("hi".utf8))))
    let changed = Sample.decide(Sample.event(.originResponse), #"{"status":"404","statusDescription":"OK","body":""}"#)
    #expect(try changed.get() == .response(ResponseChange(status: 404, body: [])))
  }

  @Test("limits by event and generation") func limits() {
    for hook in HookPoint.allCases {
      let isViewer = hook == .viewerRequest || hook == .viewerResponse
      let current = LambdaEdgeLimits(at: hook), legacy = LambdaEdgeLimits(at: hook, .legacy)
      #expect(current.timeout == .seconds(30) && current.memoryMB == 10_240)
      #expect(legacy.timeout == .seconds(isViewer ? 5 : 30) && legacy.memoryMB == (isViewer ? 128 : 10_240))
      #expect(current.exposedBodyBytes == (isViewer ? 40_960 : 1_048_576) && legacy.responseBytes == current.responseBytes)
    }
  }

  private func check(_ row: Row) {
    switch (Sample.decide(Sample.event(row.hook), row.result), row.failure) {
    case (.success, nil): return
    case (.success(let decision), let wanted?): Issue.record("\(row): taken as \(decision), and not refused for \(wanted)")
    case (.failure(let failure), nil): Issue.record("\(row): refused: \(failure.log)")
    case (.failure(let failure), let wanted?): #expect(failure.log.contains(wanted), "\(row): \(failure.log)")
    }
  }
}
