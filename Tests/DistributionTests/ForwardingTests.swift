// What the origin sees: headers, cookies, query strings, Accept-Encoding. Source: spec/request-pipeline.md 3, 5, 7, 12.
import Distribution
import Testing

struct ForwardingTests {
  /// The rules of a pair of managed policies by name.
  static func rules(_ cache: String?, _ request: String?) -> ForwardingRules {
    ForwardingRules(
      cachePolicy: cache.flatMap(CachePolicy.managed(named:)),
      originRequestPolicy: request.flatMap(OriginRequestPolicy.managed(named:)))
  }

  /// Header, then whether it is sent with: no policy, CachingDisabled alone, + AllViewer, + CORS-S3Origin,
  /// + AllViewerExceptHostHeader; for GET.
  static let headers: [(name: String, sent: [Bool])] = [
    ("Cache-Control", [true, true, true, true, true]), ("Pragma", [true, true, true, true, true]),
    ("Content-Type", [true, true, true, true, true]), ("content-md5", [true, true, true, true, true]),
    ("If-None-Match", [true, true, true, true, true]), ("Range", [true, true, true, true, true]),
    ("Accept", [false, false, true, false, true]), ("accept-language", [false, false, true, false, true]),
    ("Accept-Encoding", [false, false, true, false, true]), ("Referer", [false, false, true, false, true]),
    ("Authorization", [false, false, true, false, true]), ("X-Custom", [true, false, true, false, true]),
    ("Origin", [true, false, true, true, true]), ("Access-Control-Request-Method", [true, false, true, true, true]),
    ("User-Agent", [false, false, true, false, true]), ("Host", [false, false, false, false, false]),
    ("Cookie", [false, false, false, false, false]), ("Via", [false, false, false, false, false]),
    ("X-Forwarded-For", [false, false, false, false, false]), ("X-Forwarded-Proto", [false, false, false, false, false]),
    ("X-Edge-Secret", [false, false, false, false, false]), ("Proxy-Authorization", [false, false, false, false, false]),
    ("CloudFront-Viewer-Country", [false, false, false, false, false]), ("X-Amz-Cf-Id", [false, false, false, false, false]),
    ("Expect", [false, false, false, false, false]), ("TE", [false, false, false, false, false]),
    ("Connection", [false, false, false, false, false]), ("X", [true, false, true, false, true]),
    ("traceparent", [true, true, true, true, true]), ("TraceState", [true, true, true, true, true]), ("traceparents", [true, false, true, false, true]),
  ]

  @Test(arguments: headers) func header(_ test: (name: String, sent: [Bool])) {
    let rules = [
      Self.rules(nil, nil), Self.rules("CachingDisabled", nil), Self.rules("CachingDisabled", "AllViewer"),
      Self.rules("CachingDisabled", "CORS-S3Origin"), Self.rules("CachingDisabled", "AllViewerExceptHostHeader"),
    ]
    #expect(rules.map { $0.forwards(bytes(test.name).span, isSafe: true) } == test.sent)
    #expect(rules.map { $0.forwards(bytes(test.name.uppercased()).span, isSafe: true) } == test.sent)
  }

  @Test func authorizationByDefaultGoesWithUnsafeMethods() {
    let rules = Self.rules(nil, nil)
    #expect(rules.forwards(bytes("authorization").span, isSafe: false) == true)
    #expect(Self.rules("CachingDisabled", nil).forwards(bytes("authorization").span, isSafe: false) == false)
  }

  @Test func hostAndUserAgent() {
    let cases: [(String?, String?, Bool, Bool)] = [
      (nil, nil, false, false), ("CachingDisabled", nil, false, false), ("CachingDisabled", "AllViewer", true, true),
      ("CachingDisabled", "AllViewerExceptHostHeader", false, true), ("CachingDisabled", "HostHeaderOnly", true, false),
      ("CachingDisabled", "UserAgentRefererHeaders", false, true), ("Amplify", nil, true, false),
      // What is in the key is always sent: the list to include wins over the list to exclude.
      ("Amplify", "AllViewerExceptHostHeader", true, true),
    ]
    for (cache, request, host, agent) in cases {
      let rules = Self.rules(cache, request)
      #expect(rules.forwardsHost == host && rules.forwardsUserAgent == agent, "\(cache ?? "-") \(request ?? "-")")
    }
  }

  @Test func cloudFrontHeaders() {
    #expect(Self.rules("CachingDisabled", "AllViewer").cloudFrontHeaders == [])
    #expect(Self.rules("Amplify", nil).cloudFrontHeaders == [.viewerCountry])
    #expect(Self.rules("Amplify", "AllViewerAndCloudFrontHeaders-2022-06").cloudFrontHeaders.count == 21)
    let except = Self.rules("CachingDisabled", "AllViewerExceptHostHeader").cloudFrontHeaders
    #expect(except.contains(.viewerTLS) && !except.contains(.viewerAddress) && !except.contains(.viewerASN))
  }

  @Test func normalisedAcceptEncodingIsNotForwardedAsItIs() {
    let rules = Self.rules("CachingOptimized", "AllViewer")
    #expect(rules.acceptsGzip && rules.acceptsBrotli)
    #expect(rules.forwards(bytes("Accept-Encoding").span, isSafe: true) == false)
  }

  static let unions: [(NameSelection, NameSelection, NameSelection)] = [
    (.none, .none, .none), (.none, .only(["a"]), .only(["a"])), (.all, .only(["a"]), .all), (.none, .all, .all),
    (.only(["a"]), .only(["b", "a"]), .only(["a", "b"])), (.only(["a"]), .allExcept(["a", "b"]), .allExcept(["b"])),
    (.allExcept(["a"]), .only(["a"]), .all), (.allExcept(["a", "b"]), .allExcept(["b", "c"]), .allExcept(["b"])),
    (.allExcept(["a"]), .allExcept(["b"]), .all), (.allExcept(["a"]), .none, .allExcept(["a"])),
  ]
  @Test(arguments: unions) func union(_ a: NameSelection, _ b: NameSelection, _ result: NameSelection) {
    #expect(a.union(b) == result)
  }

  static let queries: [(NameSelection, String, String)] = [
    (.none, "a=1", ""), (.all, "b=2&&a=1&", "b=2&&a=1&"), (.only(["a"]), "b=2&a=1&c", "a=1"),
    (.only(["a"]), "a&a=&a=2&A=3", "a&a=&a=2"), (.only(["a"]), "", ""), (.only(["a"]), "aa=1&=a&a%3D1", ""),
    (.allExcept(["a"]), "b=2&a=1&c=%20;a=3", "b=2&c=%20;a=3"), (.allExcept(["a"]), "a=1", ""),
    (.only(["é"]), "é=1&e=2", "é=1"), (.only(["a"]), "a=1=2", "a=1=2"),
  ]
  @Test(arguments: queries) func query(_ rule: NameSelection, _ raw: String, _ result: String) {
    #expect(String(decoding: rule.filterQuery(bytes(raw).span), as: UTF8.self) == result)
  }

  static let cookies: [(NameSelection, String, String)] = [
    (.none, "a=1", ""), (.all, "b=2; a=1", "a=1; b=2"), (.all, "a=1;b=2;;  c=3 ", "a=1; b=2; c=3"),
    (.all, "b=1; a=2; b=0", "a=2; b=1; b=0"), (.all, "$Version=1; a=2", "a=2"), (.all, "junk; =x; a=1", "a=1"),
    (.only(["s"]), "t=1; s=x=y; S=2", "s=x=y"), (.allExcept(["t"]), "t=1; s=2; a=\"q\"", "a=\"q\"; s=2"),
    (.only(["s"]), "t=1", ""), (.all, "", ""), (.all, ";;;", ""), (.all, "a =1", "a =1"),
  ]
  @Test(arguments: cookies) func cookie(_ rule: NameSelection, _ raw: String, _ result: String) {
    #expect(String(decoding: rule.filterCookies(bytes(raw).span), as: UTF8.self) == result)
  }

  static let encodings: [(String, Bool, Bool, AcceptEncoding)] = [
    ("gzip, deflate, br", true, true, .brotliAndGzip), ("gzip", true, true, .gzip), ("br", true, true, .brotli),
    ("deflate, zstd", true, true, .identity), ("", true, true, .identity), ("gzip, br", true, false, .gzip),
    ("gzip, br", false, true, .brotli), ("br", true, false, .identity), ("GZIP;q=0.5,BR", true, true, .brotliAndGzip),
    ("gzip;q=0, br;q=0.0", true, true, .identity), ("xgzip, gzipx", true, true, .identity),
    ("gzip ;q=1.0", true, true, .gzip), ("gzip;q=0.001", true, true, .gzip), (",,;,gzip", true, true, .gzip),
  ]
  @Test(arguments: encodings)
  func acceptEncoding(_ value: String, _ gzip: Bool, _ brotli: Bool, _ result: AcceptEncoding) {
    #expect(AcceptEncoding(normalizing: bytes(value).span, gzip: gzip, brotli: brotli) == result)
  }
}
