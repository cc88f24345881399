// The cache key: spec/request-pipeline.md, 3.

import Distribution
import HTTPWire
import TestTools
import Testing
import Transport

@testable import ObjectCache

private func plan(
  headers: [String] = [], cookies: NameSelection = .none, query: NameSelection = .none, gzip: Bool = false, brotli: Bool = false, normalize: Bool = false
) -> KeyPlan {
  var policy = CachePolicy(
    name: "p", headers: headers, cookies: cookies, queryStrings: query, enableAcceptEncodingGzip: gzip, enableAcceptEncodingBrotli: brotli)
  policy.normalizeQueryStrings = normalize
  return KeyPlan(policy, distribution: "E1")
}

@Suite struct CacheKeyTests {
  /// What is in the key, as a person reads it.
  static let readable: [(String, KeyPlan, String, [String], String)] = [
    ("nothing but the path", plan(), "GET /a?b=c", ["Cookie: a=1", "Accept-Encoding: gzip"], "path=/a"),
    ("HEAD is GET", plan(), "HEAD /a", [], "path=/a"),
    ("the raw path", plan(), "GET /a/../B//%41", [], "path=/a/../B//%41"),
    ("all of a query", plan(query: .all), "GET /a?b=c&&=d&b=&B", [], "path=/a query=b=c&&=d&b=&B"),
    ("an empty query is one", plan(query: .all), "GET /a?", [], "path=/a query="),
    ("no query", plan(query: .all), "GET /a", [], "path=/a"),
    ("chosen parameters, in order, all of a name", plan(query: .only(["b", "a"])), "GET /?a=1&c=2&b=3&a=4", [], "path=/ query=a=1&b=3&a=4"),
    ("names in the case they have", plan(query: .only(["b"])), "GET /?B=1&b=2", [], "path=/ query=b=2"),
    ("names are not decoded", plan(query: .only(["b"])), "GET /?%62=1", [], "path=/"),
    ("none of the chosen", plan(query: .only(["b"])), "GET /?a=1", [], "path=/"),
    ("chosen parameters lose empty members", plan(query: .allExcept(["x"])), "GET /?&&a&x=1&=2&", [], "path=/ query=a&=2"),
    ("only & separates", plan(query: .only(["a"])), "GET /?a=1;b=2&c", [], "path=/ query=a=1;b=2"),
    ("sorted and lower case", plan(query: .all, normalize: true), "GET /?b=X&a=2&&B=x&a=1", [], "path=/ query=a=1&a=2&b=x&b=x"),
    ("normalised to nothing", plan(query: .all, normalize: true), "GET /?&", [], "path=/"),
    ("a header", plan(headers: ["accept-language"]), "GET /", ["Accept-Language: de"], "path=/ header accept-language=de"),
    ("a header's lines", plan(headers: ["x-a"]), "GET /", ["X-A: 1", "x-a:", "X-a: 2, 3"], "path=/ header x-a=1 |  | 2, 3"),
    ("an absent header", plan(headers: ["x-a"]), "GET /", [], "path=/ header x-a=-"),
    ("an empty header", plan(headers: ["x-a"]), "GET /", ["X-A:"], "path=/ header x-a="),
    ("headers in the policy's order", plan(headers: ["host", "origin"]), "GET /", ["Origin: o"], "path=/ header host=www.example.com header origin=o"),
    ("what the proxy makes, not what came", plan(headers: ["cloudfront-viewer-country"]), "GET /", ["CloudFront-Viewer-Country: XX"],
     "path=/ header cloudfront-viewer-country=DE"),
    ("what the proxy cannot make", plan(headers: ["cloudfront-viewer-city"]), "GET /", [], "path=/ header cloudfront-viewer-city=-"),
    ("cookies by name", plan(cookies: .all), "GET /", ["Cookie: b=2; a=1", "Cookie: $V=1; c"], "path=/ cookies=a=1; b=2"),
    ("chosen cookies", plan(cookies: .only(["a"])), "GET /", ["Cookie: A=0; a=2; a=1; b=3"], "path=/ cookies=a=2; a=1"),
    ("all cookies but", plan(cookies: .allExcept(["b"])), "GET /", ["Cookie: b=2; a=1"], "path=/ cookies=a=1"),
    ("no cookie of the chosen", plan(cookies: .only(["z"])), "GET /", ["Cookie: a=1"], "path=/"),
    ("bytes that nobody can see", plan(headers: ["x-a"]), "GET /", ["X-A: \u{e9}"], "path=/ header x-a=%C3%A9"),
  ]

  @Test(arguments: readable)
  func isMadeOfWhatThePolicyNames(_ what: String, _ plan: KeyPlan, _ line: String, _ fields: [String], _ expected: String) throws {
    let key = try key(plan, line, fields, made: [.viewerCountry: "DE"])
    #expect(ReadableKey(key.span)?.description == "distribution=E1 method=GET \(expected)")
  }

  /// The table of spec 3.2.
  static let codings: [(gzip: Bool, brotli: Bool, header: String?, key: String?)] = [
    (true, true, "gzip, deflate, br", "br,gzip"), (true, true, "gzip, deflate, br, zstd", "br,gzip"), (true, true, "br, gzip", "br,gzip"),
    (true, true, "gzip", "gzip"), (true, true, "GZIP", "gzip"), (true, true, "br", "br"), (true, true, "br;q=0, gzip;q=0.5", "gzip"),
    (true, true, "deflate, zstd", nil), (true, true, "identity", nil), (true, true, "", nil), (true, true, nil, nil),
    (true, false, "gzip, br", "gzip"), (true, false, "br", nil), (false, true, "gzip, br", "br"), (false, true, "gzip", nil),
    (false, false, "gzip, br", nil), (true, true, "x-gzip", nil), (true, true, "*", nil), (true, true, "gzip;q=0", nil),
  ]

  @Test(arguments: codings)
  func normalisesAcceptEncoding(_ row: (gzip: Bool, brotli: Bool, header: String?, key: String?)) throws {
    let key = try key(plan(gzip: row.gzip, brotli: row.brotli), "GET /", row.header.map { ["Accept-Encoding: \($0)"] } ?? [])
    #expect(ReadableKey(key.span)?.parts.first { $0.source == "accept-encoding" }?.value == row.key)
  }

  @Test func severalLinesOfAcceptEncodingAreOneList() throws {
    let plan = plan(gzip: true, brotli: true)
    #expect(try key(plan, "GET /", ["Accept-Encoding: gzip", "Accept-Encoding: br"]) == key(plan, "GET /", ["Accept-Encoding: br, gzip"]))
  }

  @Test func optionsAndDistributionsStandApart() throws {
    let plan = plan()
    #expect(try key(plan, "OPTIONS /a") != key(plan, "GET /a"))
    let other = KeyPlan(CachePolicy(name: "p"), distribution: "E2")
    #expect(try key(other, "GET /a") != key(plan, "GET /a"))
  }

  @Test func tellsWhereThePartsStand() throws {
    let head = try request("GET /abc?x=1&y=2")
    var key = ByteBuffer()
    let places = plan(query: .only(["y"])).append(head, to: &key) { _ in nil }
    func text(_ range: Range<Int>) -> String { key.readable.extracting(range).text }
    #expect((text(places.distribution), text(places.path), text(places.query)) == ("E1", "/abc", "y=2"))
  }

  /// RFC 9111, 4.1.
  static let variants: [([String], [String], Bool)] = [
    (["Accept-Language: de, en"], ["Accept-Language: de,en"], true), (["Accept-Language: de", "Accept-Language: en"], ["Accept-Language: de,  en"], true),
    (["Accept-Language: de"], ["Accept-Language: DE"], false), (["Accept-Language: de, en"], ["Accept-Language: en, de"], false),
    ([], ["Accept-Language:"], false), ([], [], true), (["Accept-Language: \"a,b\""], ["Accept-Language: \"a, b\""], false),
    (["Accept-Language: ,de,"], ["Accept-Language: de"], true), (["X: 1"], ["X: 2"], true),
  ]

  @Test(arguments: variants) func tellsVariantsApart(_ one: [String], _ other: [String], _ areSame: Bool) throws {
    func variant(_ fields: [String], edition: String = "e1") throws -> [UInt8] {
      let head = try request("GET /", fields)
      var key = ByteBuffer()
      _ = plan().append(head, to: &key) { _ in nil }
      KeyPlan.appendVariant([Array("accept-language".utf8)], edition: bytes(edition), head, to: &key)
      #expect(ReadableKey(key.readable) != nil)
      return bytes(key.readable)
    }
    #expect(try (variant(one) == variant(other)) == areSame && variant(one) != variant(one, edition: "e2"))
  }

  @Test func bytesThatAreNoKeyAreRead() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
      _ = ReadableKey(bytes.span)
    }
  }
}

/// Requests that differ in a part of the key have different keys, whatever they are made of; and a part reads back as it was.
@Suite(.mayBlock) struct KeyInjectivityTests {
  private static let pieces = ["", "a", "b", "=", "&", ";", "; ", "|", " | ", "%", "%00", "h", "q", "c", "e", "v", "1", "/", "?a", ",", "\u{1}", "\u{7f}"]

  /// The parts of a request, chosen so that clever bytes meet often.
  private struct Parts: Hashable {
    var path: String, query: String?, headers: [[String]], cookie: String
  }

  @Test func noTwoRequestsShareAKey() throws {
    var random = SplitMix(seed: 7)
    let names = ["x-a", "x-b"]
    let plan = plan(headers: names, cookies: .all, query: .all)
    var seen: [[UInt8]: Parts] = [:]
    func text(_ most: Int, without: String) -> String {
      (0..<Int.random(in: 0...most, using: &random)).map { _ in Self.pieces.randomElement(using: &random) ?? "" }.joined().filter { !without.contains($0) }
    }
    for _ in 0..<20_000 {
      let parts = Parts(
        path: "/" + text(2, without: "?\u{1}\u{7f} "), query: Bool.random(using: &random) ? text(3, without: "\u{1}\u{7f} ") : nil,
        headers: names.map { _ in (0..<Int.random(in: 0...2, using: &random)).map { _ in text(2, without: "\u{1}\u{7f}").trimmingSpaces } },
        cookie: ["", "a=1", "b=1", "a=1; b=1", "a=1&b", "a=; b="].randomElement(using: &random) ?? "")
      var fields = zip(names, parts.headers).flatMap { name, values in values.map { "\(name): \($0)" } }
      if !parts.cookie.isEmpty { fields.append("Cookie: \(parts.cookie)") }
      let key = try key(plan, "GET \(parts.path)\(parts.query.map { "?" + $0 } ?? "")", fields)
      #expect(ReadableKey(key.span) != nil)
      if let other = seen[key] { #expect(other == parts) }
      seen[key] = parts
    }
    #expect(Set(seen.values).count == seen.count)
  }
}

extension String {
  fileprivate var trimmingSpaces: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
