// Signed URLs and cookies before a real program (spec/request-pipeline.md 16), with what real signers made (SignatureVectors).
import TestTools
import Testing

extension Scenarios {
  @Suite struct SignedRequests {
    private func start(_ origin: ScriptedOrigin, _ more: String = "", _ change: (inout Configuration.Distribution) -> Void = { _ in }) throws -> Skerry {
      let keys = """
        publicKeys:
          KRSA: rsa.pem
          videos: { id: KECDSA, encodedKey: ec.pem }
        keyGroups:
          signers: [KRSA, videos]
        \(more)
        """
      return try startSkerry(before: origin, more: keys, files: ["rsa.pem": SignatureVectors.rsa, "ec.pem": SignatureVectors.ec]) {
        $0.behavior = "trustedKeyGroups: [signers]"
        change(&$0)
      }
    }
    private func request(_ name: String, cookies more: String = "", host: String = "media.test") throws -> String {
      let vector = try #require(SignatureVectors.all[name])
      let target = vector.cookies.isEmpty ? vector.target : SignatureVectors.path, cookies = [more, vector.cookies].filter { !$0.isEmpty }.joined(separator: "; ")
      return "GET \(target) HTTP/1.1\r\nHost: \(host)\r\n\(cookies.isEmpty ? "" : "Cookie: \(cookies)\r\n")\r\n"
    }

    @Test func whatIsSignedIsLetInAndWhatSignsItIsTakenOut() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("\($0.target) \($0.fields["cookie"] ?? "-")") } }
      let skerry = try start(origin), viewer = try skerry.viewer()
      let expected = [
        ("botoCanned", "/films/one.mp4 a=1"), ("botoCannedWithQuery", "/films/one.mp4?size=large&x a=1"), ("botoCustom", "/films/one.mp4 a=1"),
        ("cannedSHA256", "/films/one.mp4 a=1"), ("cannedECDSA", "/films/one.mp4 a=1"), ("cookieCustom", "/films/one.mp4 a=1"), ("cookieECDSA", "/films/one.mp4 a=1"),
      ]
      for (name, answer) in expected {
        let response = try viewer.exchange(request(name, cookies: "a=1"))
        #expect(response.status == 200 && response.bodyText == answer, "\(name)")
      }
      #expect(try viewer.exchange(request("cookieCustom")).bodyText == "/films/one.mp4 -")
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_signatures_total{outcome=\"verified\"}"] >= 7)
      // The log has the request as it came.
      let line = try skerry.waitForLogLine("of a signed URL") { "\($0["query"] ?? .null)".contains("Key-Pair-Id=KRSA") }
      #expect(line["status"] == .number(200))
    }

    @Test func whatIsNotIsToldSoInXML() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin), viewer = try skerry.viewer()
      let expected = [
        ("botoExpired", SignatureAnswer.denied), ("cannedOther", .unknown), ("cannedMilliseconds", .malformed), ("otherAddress", .denied), ("cookieExpired", .denied),
      ]
      for (name, answer) in expected {
        let response = try viewer.exchange(request(name))
        #expect(response.status == 403 && response.bodyText == answer.rawValue, "\(name)")
        #expect(response.fields["content-type"] == "text/xml" && response.fields["x-cache"] == "Error from cloudfront")
      }
      let response = try viewer.exchange("GET /films/one.mp4 HTTP/1.1\r\nHost: media.test\r\nCookie: a=1\r\n\r\n")
      #expect(response.bodyText == SignatureAnswer.missing.rawValue && response.fields["content-length"] == "146")
      #expect(try viewer.exchange(request("botoCanned", host: "other.test")).bodyText == SignatureAnswer.denied.rawValue)
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_requests_refused_total{reason=\"signature\"}"] == 4 && metrics["skerry_requests_refused_total{reason=\"signature_missing\"}"] == 1)
      #expect(metrics["skerry_requests_refused_total{reason=\"signature_key\"}"] == 1 && metrics["skerry_requests_refused_total{reason=\"signature_policy\"}"] == 1)
      #expect(origin.requests.isEmpty)
    }

    @Test func aCookieIsVerifiedOnce() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try start(origin), viewer = try skerry.viewer()
      for _ in 0..<5 { #expect(try viewer.exchange(request("cookieCustom")).status == 200) }
      let metrics = try skerry.metrics()
      #expect(metrics["skerry_signatures_total{outcome=\"verified\"}"] == 1 && metrics["skerry_signatures_total{outcome=\"remembered\"}"] == 4)
    }

    /// A function sees the request without what signed it, and only one that was let in; other behaviors are not asked for signatures.
    @Test func functionsComeBehind() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok($0.target) } }
      let code = "function handler(event) { return { statusCode: 200, body: JSON.stringify([Object.keys(event.request.querystring), event.request.cookies]) }; }"
      let vector = "functions:\n  seen: { runtime: cloudfront-js-2.0, code: seen.js }"
      let keys = "publicKeys: { KRSA: rsa.pem }\nkeyGroups: { signers: [KRSA] }\n" + vector
      let skerry = try startSkerry(before: origin, more: keys, files: ["rsa.pem": SignatureVectors.rsa, "seen.js": code]) {
        $0.behavior = "trustedKeyGroups: [signers]\nfunctions: { viewer-request: seen }"
        $0.more = """
          behaviors:
            - { path: /open/*, origin: app, cachePolicy: CachingDisabled, originRequestPolicy: AllViewer }
          """
      }
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange(request("botoCannedWithQuery")).bodyText == "[[\"size\",\"x\"],{}]")
      #expect(try viewer.exchange(request("botoExpired")).bodyText == SignatureAnswer.denied.rawValue)
      #expect(try viewer.exchange("GET /open/x?Policy=mine HTTP/1.1\r\nHost: media.test\r\n\r\n").bodyText == "/open/x?Policy=mine")
    }

    @Test func anErrorPageMayReplaceTheXML() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { ok("page at \($0.target)") } }
      let skerry = try start(origin) { $0.more = "errorResponses:\n  - { errorCode: 403, responsePagePath: /no.html, responseCode: 403 }" }
      let response = try skerry.viewer().exchange(request("botoExpired"))
      #expect(response.status == 403 && response.bodyText == "page at /no.html")
    }
  }
}

/// The four answers.
private enum SignatureAnswer: String {
  case missing = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>MissingKey</Code><Message>Missing Key-Pair-Id query parameter or cookie value</Message></Error>"
  case unknown = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>InvalidKey</Code><Message>Unknown Key</Message></Error>"
  case malformed = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>MalformedPolicy</Code><Message>Malformed Policy</Message></Error>"
  case denied = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>"
}
