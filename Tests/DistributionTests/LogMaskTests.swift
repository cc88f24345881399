// What the access log must not show, however it is spelt. Source: Documentation/observability.md, "Masks".
import Distribution
import Testing

struct LogMaskTests {
  private static let mask = LogMask(cookies: ["Session", "csrf"], headers: ["X-Key"], query: ["token", "API_key", "Pass word"])

  static let queries: [(String, String)] = [
    ("", ""), ("a=1", "a=1"), ("token=x", "token=***"), ("token=", "token=***"), ("token", "token"), ("a=1&token=x&b=2", "a=1&token=***&b=2"),
    ("TOKEN=x&Api_Key=y", "TOKEN=***&Api_Key=***"), ("%74oken=x", "%74oken=***"), ("t%6Fk%65n=x", "t%6Fk%65n=***"), ("a;token=x", "a;token=***"),
    // A server that does not split at semicolons takes all of it for the value.
    ("token=x;y=z&b", "token=***&b"), ("token=a=b", "token=***"), ("a=token=x", "a=token=x"), ("tokens=x&xtoken=y", "tokens=x&xtoken=y"),
    ("token=x?y#z", "token=***"), ("%zztoken=x", "%zztoken=x"), ("token%=x", "token%=x"), ("+token=x", "+token=***"), ("pass+word=x", "pass+word=***"), ("pass%20word=x&pass%2Bword=y", "pass%20word=***&pass%2Bword=***"), ("&&token=1&token=2", "&&token=***&token=***"),
  ]
  @Test(arguments: queries) func query(_ text: String, _ shown: String) {
    #expect(String(decoding: Self.mask.query(bytes(text).span), as: UTF8.self) == shown)
  }

  static let urls: [(String, String)] = [
    ("http://a.test/token=x", "http://a.test/token=x"), ("http://a.test/?token=x", "http://a.test/?token=***"), ("/p?a=1&token=x#f", "/p?a=1&token=***"),
    ("/p#token=x", "/p#token=***"), ("/p#a&token=x", "/p#a&token=***"), ("", ""), ("?", "?"), ("/p?q=/?token=x", "/p?q=/?token=***"),
  ]
  @Test(arguments: urls) func url(_ text: String, _ shown: String) {
    #expect(String(decoding: Self.mask.url(bytes(text).span), as: UTF8.self) == shown)
  }

  static let cookies: [(String, String)] = [
    ("", ""), ("a=1", "a=1"), ("session=x", "session=***"), ("SESSION=x; a=1", "SESSION=***; a=1"), ("a=1; session=x; csrf=y", "a=1; session=***; csrf=***"),
    ("session", "session"), ("session=", "session=***"), ("a=session=x", "a=session=x"), ("session=a=b;c=d", "session=***;c=d"),
    ("session=\"a;b\";c=d", "session=***;c=d"), ("session=\"a;b", "session=***"), (" session = x;b", " session =***;b"), ("xsession=1;;=2", "xsession=1;;=2"),
  ]
  @Test(arguments: cookies) func cookie(_ text: String, _ shown: String) {
    #expect(String(decoding: Self.mask.cookies(bytes(text).span), as: UTF8.self) == shown)
  }

  @Test func headersAndEveryName() {
    #expect(Self.mask.hidesHeader("x-key") && !Self.mask.hidesHeader("user-agent"))
    let all = LogMask(cookies: ["*"], headers: ["*"], query: ["*"])
    #expect(all.hidesHeader("referer") && !all.isEmpty && LogMask().isEmpty)
    #expect(String(decoding: all.cookies(bytes("a=1; b=2").span), as: UTF8.self) == "a=***; b=***")
    #expect(String(decoding: all.query(bytes("a=1&b").span), as: UTF8.self) == "a=***&b")
  }

  @Test func thirtyThreeColumns() {
    #expect(AccessLog.W3CField.standard.count == 33)
    #expect(AccessLog(format: .w3c).preamble == """
      #Version: 1.0
      #Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) \
      x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher \
      x-edge-response-result-type cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type \
      sc-content-type sc-content-len sc-range-start sc-range-end

      """)
    #expect(AccessLog().preamble.isEmpty)
  }
}
