// Rate limits and restrictions by country before a real program (Documentation/protection.md).
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite struct Rates {
    private func start(_ origin: ScriptedOrigin, _ limit: String, more: String = "", workers: Int = 1) throws -> Skerry {
      try startSkerry(before: origin, more: more, arguments: ["--workers", String(workers)]) { $0.behavior = "rateLimit: \(limit)" }
    }
    private func get(_ skerry: Skerry, from source: String = "127.0.0.1", _ fields: String = "") throws -> Response {
      try skerry.viewer(from: source).exchange("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\(fields)\r\n")
    }

    /// Whatever workers the connections come to.
    @Test func aClientGetsItsRateAndNoMore() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin, "{ rate: 1/h, burst: 6 }", workers: 2)
      let viewers = try (0..<10).map { _ in try skerry.viewer() }
      let answers = try viewers.map { try $0.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      #expect(answers.map(\.status) == [200, 200, 200, 200, 200, 200, 429, 429, 429, 429])
      #expect(answers[9].fields["retry-after"] == "3600" && answers[9].fields["cache-control"] == "no-store")
      #expect(answers[9].fields["x-cache"] == "LimitExceeded from cloudfront" && answers[9].fields["connection"] == nil)
      #expect(try get(skerry, from: "127.0.0.2").status == 200, "another client")
      #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"rate\"}"] == 4)
      #expect(origin.requests.count == 7)
    }

    @Test func tokensComeBack() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin, "{ rate: 20, burst: 1, answer: 503 }"), viewer = try skerry.viewer()
      var statuses: Set<Int> = []
      try eventually("a token after a refusal") {
        statuses.insert(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status)
        return statuses == [200, 503]
      }
      try eventually("another token") { try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200 }
    }

    @Test func byHeaderOrBoth() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let byHeader = try start(origin, "{ rate: 1/h, key: { header: X-Api-Key } }")
      #expect(try get(byHeader, "x-api-key: one\r\n").status == 200)
      #expect(try get(byHeader, from: "127.0.0.2", "x-api-key: one\r\n").status == 429)
      #expect(try get(byHeader, "x-api-key: two\r\n").status == 200)
      #expect(try get(byHeader).status == 200)
      #expect(try get(byHeader).status == 429, "without the header by address")
      #expect(try get(byHeader, from: "127.0.0.2").status == 200)
      let byBoth = try start(origin, "{ rate: 1/h, key: [clientIp, { header: X-Api-Key }] }")
      #expect(try get(byBoth, "x-api-key: one\r\n").status == 200)
      #expect(try get(byBoth, from: "127.0.0.2", "x-api-key: one\r\n").status == 200)
      #expect(try get(byBoth, "x-api-key: one\r\n").status == 429)
    }

    /// The client is whom a trusted proxy names; of IPv6 a /64 is one client.
    @Test func behindAProxy() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin, "{ rate: 1/h }", more: "trustedProxies: [127.0.0.1]")
      for (client, status) in [
        ("192.0.2.1", 200), ("192.0.2.2", 200), ("192.0.2.1", 429), ("2001:db8:0:1::1", 200), ("2001:db8:0:1:2::3", 429), ("2001:db8:0:2::1", 200),
        ("::ffff:192.0.2.2", 429),
      ] { #expect(try get(skerry, "X-Forwarded-For: \(client)\r\n").status == status, "\(client)") }
      #expect(try get(skerry, from: "127.0.0.2", "X-Forwarded-For: 192.0.2.9\r\n").status == 200)
      #expect(try get(skerry, from: "127.0.0.2", "X-Forwarded-For: 192.0.2.8\r\n").status == 429, "not a trusted one")
    }

    @Test func aDryRunOnlyCounts() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin, "{ rate: 1/h, dryRun: true }")
      for _ in 0..<3 { #expect(try get(skerry).status == 200) }
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"rate_dry_run\"}"] == 2)
    }

    /// Behaviors count for themselves, and an error page does not replace the answer.
    @Test func eachBehaviorForItself() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let skerry = try startSkerry(before: origin) {
        $0.behavior = "rateLimit: { rate: 1/h, answer: 403 }"
        $0.more = """
          errorResponses: [ { errorCode: 403, responsePagePath: /no.html, responseCode: 403 } ]
          behaviors:
            - { path: /a/*, origin: app, cachePolicy: CachingDisabled, rateLimit: { rate: 2/h } }
            - { path: /b/*, origin: app, cachePolicy: CachingDisabled }
          """
      }
      let viewer = try skerry.viewer()
      func get(_ path: String) throws -> Response { try viewer.exchange("GET \(path) HTTP/1.1\r\nHost: a.test\r\n\r\n") }
      #expect(try (0..<3).map { _ in try get("/a/x").status } == [200, 200, 429])
      #expect(try (0..<3).map { _ in try get("/b/x").status } == [200, 200, 200])
      #expect(try get("/x").status == 200)
      let refused = try get("/x")
      #expect(refused.status == 403 && refused.bodyText.contains("Too many requests"))
    }
  }

  @Suite struct Countries {
    /// A folder with databases; gone with this.
    private final class Databases {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-geo-\(UUID().uuidString)")
      init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data(GeoDatabaseWriter.places).write(to: folder.appendingPathComponent("places.mmdb"))
        try Data(GeoDatabaseWriter.systems).write(to: folder.appendingPathComponent("systems.mmdb"))
      }
      deinit { try? FileManager.default.removeItem(at: folder) }
      var yaml: String { "geo: { database: \(folder.path)/places.mmdb, asnDatabase: \(folder.path)/systems.mmdb }" }
    }
    private static let everyGeoHeader = """
      originRequestPolicies:
        places:
          headers: { allViewerAndWhitelistCloudFront: [CloudFront-Viewer-ASN, CloudFront-Viewer-City, CloudFront-Viewer-Country, CloudFront-Viewer-Country-Name, CloudFront-Viewer-Country-Region, CloudFront-Viewer-Country-Region-Name, CloudFront-Viewer-Latitude, CloudFront-Viewer-Longitude, CloudFront-Viewer-Metro-Code, CloudFront-Viewer-Postal-Code, CloudFront-Viewer-Time-Zone] }
      """

    @Test func theOriginIsToldWhereTheViewerIs() throws {
      let databases = try Databases()
      let origin = try ScriptedOrigin { try $0.answerAll { (request: Request) -> String in
        let known = request.fields.list.filter { $0.name.lowercased().hasPrefix("cloudfront-viewer-") }
        return ok(known.map { "\($0.name.dropFirst(18)): \($0.value)" }.sorted().joined(separator: "\n"))
      } }
      let skerry = try startSkerry(before: origin, more: databases.yaml + "\n" + Self.everyGeoHeader) { $0.originRequestPolicy = "places" }
      func known(from source: String) throws -> String { try skerry.viewer(from: source).exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText }
      #expect(try known(from: "127.0.0.1") == """
        ASN: 64500
        City: Denver
        Country-Name: United States
        Country-Region-Name: Colorado
        Country-Region: CO
        Country: US
        Latitude: 39.75250
        Longitude: -104.99950
        Metro-Code: 751
        Postal-Code: 80202
        Time-Zone: America/Denver
        """)
      #expect(try known(from: "127.1.0.1").contains("City: S%C3%A3o Paulo\n"))
      #expect(try known(from: "127.2.0.1") == "ASN: 64500\nCountry-Name: Germany\nCountry: DE")
      #expect(try known(from: "127.3.0.1") == "ASN: 64500")
    }

    @Test func restrictions() throws {
      let databases = try Databases(), origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      for (restriction, expected) in [
        ("{ type: whitelist, countries: [DE, US] }", [200, 403, 200, 200]), ("{ type: blacklist, countries: [DE, US] }", [403, 200, 403, 200]), ("{ type: none }", [200, 200, 200, 200]),
      ] {
        let skerry = try startSkerry(before: origin, more: databases.yaml) { $0.more = "geoRestriction: \(restriction)" }
        let statuses = try ["127.0.0.1", "127.1.0.1", "127.2.0.1", "127.3.0.1"].map { try skerry.viewer(from: $0).exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status }
        #expect(statuses == expected, "\(restriction)")
        guard expected.contains(403) else { continue }
        let line = try skerry.waitForLogLine("of a viewer who is not served") { $0["status"] == .number(403) }
        #expect(line["detailedResultType"] == .text("ClientGeoBlocked") && line["resultType"] == .text("Error"))
        #expect(try skerry.metrics()["skerry_requests_refused_total{reason=\"country\"}"] == Double(expected.filter { $0 == 403 }.count))
      }
    }

    /// Fixtures win over databases, the client is whom a trusted proxy names, and an error page may say it more kindly.
    @Test func fixturesProxiesAndPages() throws {
      let databases = try Databases(), origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let fixed = try startSkerry(before: origin, more: databases.yaml + "\nviewer: { country: AT }") { $0.more = "geoRestriction: { type: whitelist, countries: [AT] }" }
      #expect(try fixed.viewer().exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "/x")
      let proxied = try startSkerry(before: origin, more: databases.yaml + "\ntrustedProxies: [127.0.0.1]") {
        $0.more = "geoRestriction: { type: blacklist, countries: [FR] }\nerrorResponses: [ { errorCode: 403, responsePagePath: /sorry.html, responseCode: 403 } ]"
      }
      let viewer = try proxied.viewer()
      #expect(try viewer.exchange("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").status == 200)
      let response = try viewer.exchange("GET /x HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 2001:db8::7\r\n\r\n")
      #expect(response.status == 403 && response.bodyText == "/sorry.html")
    }
  }
}
