// Signed URLs and cookies: what real signers make is understood, and nothing else is (SignatureVectors, spec/request-pipeline.md 16).
@testable import Distribution
import TestTools
import TLS
import Testing

@Suite struct SignedPolicyTests {
  /// What becomes of a request; nil: it is let in.
  private func outcome(
    _ target: String, _ cookies: String = "", isSecure: Bool = false, host: String = "media.test", from address: UInt32? = 0x7f00_0001, at now: Int = 1_800_000_000
  ) throws -> SignatureRefusal? {
    let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map { Array($0.utf8) }
    var query = parts.count > 1 ? parts[1] : nil, rest = Array(cookies.utf8)
    let inURL = SignatureParameters(takingFrom: &query), inCookies = SignatureParameters(takingFrom: &rest)
    let keys = [
      Array("KRSA".utf8): try PublicKey(pem: Array(SignatureVectors.rsa.utf8)), Array("KECDSA".utf8): try PublicKey(pem: Array(SignatureVectors.ec.utf8)),
    ]
    let url = SignedURL(isSecure: isSecure, host: Array(host.utf8), path: parts[0], query: query)
    do throws(SignatureRefusal) {
      try (inURL.isEmpty ? inCookies : inURL).check(url, from: address, at: now, keys) { $3.verifies($0, of: $1, $2) }
      return nil
    } catch { return error }
  }

  static let vectors: [(String, SignatureRefusal?)] = [
    ("botoCanned", nil), ("botoCannedWithQuery", nil), ("botoCustom", nil), ("botoExpired", .accessDenied), ("cannedSHA256", nil), ("cannedECDSA", nil),
    ("cannedECDSASHA256", nil), ("cannedOther", .unknownKey), ("cannedMilliseconds", .malformedPolicy), ("anything", nil), ("everything", nil),
    ("httpsOnly", .accessDenied), ("notYet", .accessDenied), ("ended", .accessDenied), ("elsewhere", .accessDenied), ("otherAddress", .accessDenied),
    ("anyAddress", nil), ("dots", .accessDenied), ("twoStatements", .malformedPolicy), ("unknownCondition", .malformedPolicy), ("noEnd", .malformedPolicy),
    ("withSpaces", nil), ("noJSON", .malformedPolicy),
  ]
  @Test(arguments: vectors) func urls(_ name: String, _ expected: SignatureRefusal?) throws {
    #expect(try outcome(#require(SignatureVectors.all[name]).target) == expected)
  }

  static let cookies: [(String, String, SignatureRefusal?)] = [
    ("cookieCustom", "/films/one.mp4", nil), ("cookieCustom", "/films/a/b?x=1", nil), ("cookieCustom", "/songs/1", .accessDenied),
    ("cookieCanned", "/films/one.mp4", nil), ("cookieCanned", "/films/two.mp4", .accessDenied), ("cookieCanned", "/films/one.mp4?x", .accessDenied),
    ("cookieECDSA", "/any", nil), ("cookieExpired", "/any", .accessDenied),
  ]
  @Test(arguments: cookies) func fromCookies(_ name: String, _ target: String, _ expected: SignatureRefusal?) throws {
    let cookies = try #require(SignatureVectors.all[name]).cookies
    #expect(try outcome(target, cookies) == expected)
    #expect(try outcome(target, "a=1;\(cookies) ; b=2") == expected)
  }

  /// Every byte of a signature and of what it is over counts.
  @Test func anythingChanged() throws {
    let canned = try #require(SignatureVectors.all["botoCannedWithQuery"]).target, custom = try #require(SignatureVectors.all["botoCustom"]).target
    #expect(try outcome(canned, host: "media.test:8080") == .accessDenied)
    #expect(try outcome(canned, isSecure: true) == .accessDenied)
    #expect(try outcome(canned.replacing("size=large", with: "size=small")) == .accessDenied)
    #expect(try outcome(canned.replacing("&x&", with: "&")) == .accessDenied)
    #expect(try outcome(canned.replacing("Expires=4102444800", with: "Expires=4102444801")) == .accessDenied)
    #expect(try outcome(canned + "&more") == .accessDenied)
    #expect(try outcome(canned + "&Hash-Algorithm=SHA256") == .accessDenied)
    #expect(try outcome(canned + "&Hash-Algorithm=SHA1") == nil)
    #expect(try outcome(canned + "&Hash-Algorithm=MD5") == .accessDenied)
    #expect(try outcome(canned, at: 4_102_444_799) == nil)
    #expect(try outcome(canned, at: 4_102_444_800) == .accessDenied)
    #expect(try outcome(custom + "&more") == nil)
    #expect(try outcome(custom, from: 0x0800_0001) == .accessDenied)
    #expect(try outcome(custom, from: nil) == .accessDenied)
    #expect(try outcome(custom, host: "MEDIA.test") == nil)
    #expect(try outcome(#require(SignatureVectors.all["anyAddress"]).target, from: nil) == nil)
    #expect(try outcome(custom.replacing("KRSA", with: "KECDSA")) == .accessDenied)
    for name in ["Signature", "Policy"] {
      let start = try #require(custom.firstRange(of: name + "=")).upperBound
      var changed = custom
      changed.replaceSubrange(start...start, with: custom[start] == "A" ? "B" : "A")
      #expect(try outcome(changed) != nil)
    }
  }

  @Test func whatIsMissing() throws {
    let canned = try #require(SignatureVectors.all["botoCanned"]).target
    func without(_ name: String) -> String { canned.split(separator: "&").map(String.init).filter { !$0.hasPrefix(name) }.joined(separator: "&") }
    #expect(try outcome("/films/one.mp4") == .missingKey)
    #expect(try outcome(without("Key-Pair-Id")) == .missingKey)
    #expect(try outcome(canned.replacing("Key-Pair-Id=KRSA", with: "Key-Pair-Id=")) == .missingKey)
    #expect(try outcome(canned.replacing("Key-Pair-Id", with: "key-pair-id")) == .missingKey)
    #expect(try outcome(without("Signature")) == .accessDenied)
    #expect(try outcome("/films/one.mp4?Signature=AAAA&Key-Pair-Id=KRSA") == .malformedPolicy)
    #expect(try outcome("/films/one.mp4?Expires=-1&Signature=AAAA&Key-Pair-Id=KRSA") == .malformedPolicy)
    // A URL's parameters win, whatever the cookies say.
    #expect(try outcome("/films/one.mp4?Policy=x", #require(SignatureVectors.all["cookieCustom"]).cookies) == .missingKey)
  }

  @Test func theAnswersAreCloudFronts() {
    #expect(SignatureRefusal.accessDenied.page == "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AccessDenied</Code><Message>Access denied</Message></Error>")
    #expect(SignatureRefusal.missingKey.page.utf8.count == 146 && SignatureRefusal.accessDenied.page.utf8.count == 110)
  }

  // MARK: Parts

  static let queries: [(String?, String?, String?)] = [
    (nil, nil, nil), ("", "", nil), ("a=1", "a=1", nil), ("Signature=s", nil, "s"), ("a&Signature=s&b", "a&b", "s"), ("Signature=s&Signature=t&a", "a", "s"),
    ("&Signature=s", "", "s"), ("a&&Signature=s&", "a&&", "s"), ("signature=s", "signature=s", nil), ("Signature", nil, ""), ("Signature=%7E%7e%zz%4", nil, "~~%zz%4"),
    ("xSignature=1&Signaturex=2", "xSignature=1&Signaturex=2", nil),
  ]
  @Test(arguments: queries) func parametersLeaveTheQuery(_ query: String?, _ rest: String?, _ signature: String?) {
    var bytes = query.map { Array($0.utf8) }
    let parameters = SignatureParameters(takingFrom: &bytes)
    #expect(bytes.map { String(decoding: $0, as: UTF8.self) } == rest)
    #expect(parameters.signature.map { String(decoding: $0, as: UTF8.self) } == signature)
  }

  static let headers: [(String, String)] = [
    ("a=1; b=2", "a=1; b=2"), ("CloudFront-Signature=s", ""), ("a=1; CloudFront-Signature=s; b=2", "a=1; b=2"), ("CloudFront-Policy=s ;a;;  b=c=d", "a; b=c=d"),
    ("cloudfront-Signature=s", "cloudfront-Signature=s"), ("CloudFront-=x", "CloudFront-=x"), ("Signature=x", "Signature=x"),
  ]
  @Test(arguments: headers) func parametersLeaveTheCookies(_ cookies: String, _ rest: String) {
    var bytes = Array(cookies.utf8)
    _ = SignatureParameters(takingFrom: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == rest)
  }

  static let encoded: [(String, [UInt8]?)] = [
    ("", []), ("AA__", [0]), ("AA", [0]), ("AAA_", [0, 0]), ("AAAA", [0, 0, 0]), ("-~-~", [0xfb, 0xff, 0xbf]), ("AB", nil), ("A", nil), ("AAAAA", nil), ("A___", nil),
    ("AA_", nil), ("AAAA_", nil), ("AA==", nil), ("+/AA", nil), ("A\u{0}AA", nil), ("AAA_AAAA", nil),
  ]
  @Test(arguments: encoded) func encoding(_ text: String, _ bytes: [UInt8]?) { #expect(SignatureParameters.decoded(Array(text.utf8)) == bytes) }

  /// Pattern, URL, whether it is one of them.
  static let resources: [(String, String, Bool)] = [
    ("*", "https://a.test/x?y", true), ("", "http://a.test/", false), ("/x", "http://a.test/x", false), ("a.test/*", "http://a.test/x", false),
    ("http://a.test/x", "http://a.test/x", true), ("http://a.test/x", "https://a.test/x", false), ("http://a.test/x", "http://a.test/x?y", false),
    ("http://A.test/x", "http://a.TEST/x", true), ("http://a.test/X", "http://a.test/x", false), ("*://a.test/x", "https://a.test/x", true),
    ("http*://a.test/x", "https://a.test/x", true), ("http*://a.test/x", "http://a.test/x", true),
    ("https://*.test/x", "https://a.b.test/x", true), ("https://*.test/x", "https://evil/a.test/x", false), ("https://?.test/x", "https://a.test/x", true),
    ("https://*", "https://a.test/x?y=1", true), ("https://a*", "https://a.test/x", true), ("https://a.test", "https://a.test/", true),
    ("https://a.test", "https://a.test/x", false), ("https://a.test*", "https://a.test.evil/x", true),
    ("https://a.test/*", "https://a.test/", true), ("https://a.test/*", "https://a.test/x/y?z=/", true), ("https://a.test/*.jpg", "https://a.test/x/y.jpg", true),
    ("https://a.test/*.jpg", "https://a.test/x.png?.jpg", false), ("https://a.test/*.jpg", "https://a.test/x.jpg?y", false), ("https://a.test/*.jpg*", "https://a.test/x.jpg?y", true),
    ("https://a.test/x?.jpg", "https://a.test/x1.jpg", true), ("https://a.test/x?.jpg", "https://a.test/x?.jpg", true),
    ("https://a.test/x?y=*", "https://a.test/x?y=1&z=2", true), ("https://a.test/x?y=*", "https://a.test/x?z=2", false), ("https://a.test/x?*", "https://a.test/x", true),
    ("https://a.test/x?y=?", "https://a.test/x?y=1", true), ("https://a.test/x?y=?", "https://a.test/x?y=12", false),
    ("https://a.test/open/*", "https://a.test/open/../secret", false), ("https://a.test/open/*", "https://a.test/open/%2e%2e/secret", false),
    ("https://a.test/*", "https://a.test/open/../secret", true), ("https://a.test/open/../x", "https://a.test/open/../x", true), ("https://a.test/a//*", "https://a.test/a//b", false),
    ("https://a.test:8443/*", "https://a.test:8443/x", true), ("https://a.test/*", "https://a.test:8443/x", false),
  ]
  @Test(arguments: resources) func resource(_ pattern: String, _ url: String, _ matches: Bool) throws {
    let mark = try #require(url.firstRange(of: "://")), slash = try #require(url[mark.upperBound...].firstIndex(of: "/"))
    let parts = url[slash...].split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false).map { Array($0.utf8) }
    let host = Array(url[mark.upperBound..<slash].utf8)
    let asked = SignedURL(isSecure: url.hasPrefix("https"), host: host, path: parts[0], query: parts.count > 1 ? parts[1] : nil)
    #expect(ResourcePattern(pattern).matches(asked) == matches)
  }

  @Test func keysThatAreNotTaken() {
    for pem in [SignatureVectors.short, SignatureVectors.p384, "", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "-----BEGIN PRIVATE KEY-----"] {
      #expect(throws: PublicKeyFailure.self) { try PublicKey(pem: Array(pem.utf8)) }
    }
  }
}
