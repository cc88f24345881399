import Distribution
import Testing

/// spec/request-pipeline.md, 12: several kinds may be true of one device.
struct ViewerDeviceTests {
  struct Agent: Sendable, CustomTestStringConvertible {
    let name: String, text: String, kinds: ViewerDevice
    var testDescription: String { name }
  }

  static let agents = [
    Agent(name: "Firefox on Linux", text: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", kinds: .desktop),
    Agent(
      name: "Safari on a Mac", text: "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15",
      kinds: .desktop),
    Agent(
      name: "iPhone", text: "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Mobile/15E148 Safari/604.1",
      kinds: [.iOS, .mobile]),
    Agent(
      name: "iPad", text: "Mozilla/5.0 (iPad; CPU OS 12_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/12.1 Mobile/15E148 Safari/604.1",
      kinds: [.iOS, .tablet, .mobile]),
    Agent(
      name: "Android telephone", text: "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
      kinds: [.android, .mobile]),
    Agent(
      name: "Android tablet", text: "Mozilla/5.0 (Linux; Android 13; SM-X900) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
      kinds: [.android, .tablet]),
    Agent(
      name: "Android television", text: "Mozilla/5.0 (Linux; Android 12; BRAVIA 4K VH2) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
      kinds: [.android, .smartTV]),
    Agent(name: "Tizen", text: "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0/6.0 TV Safari/537.36", kinds: .smartTV),
    Agent(name: "webOS", text: "Mozilla/5.0 (Web0S; Linux/SmartTV) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/87.0 Safari/537.36", kinds: .smartTV),
    Agent(name: "Firefox on Android, a tablet", text: "Mozilla/5.0 (Android 14; Tablet; rv:128.0) Gecko/128.0 Firefox/128.0", kinds: [.android, .tablet]),
    Agent(name: "curl", text: "curl/8.5.0", kinds: .desktop), Agent(name: "nothing", text: "", kinds: .desktop),
    Agent(name: "a word beyond what is looked at", text: String(repeating: "x", count: 512) + "iPhone", kinds: .desktop),
  ]

  @Test("the kinds of a User-Agent", arguments: agents)
  func kinds(_ agent: Agent) {
    let kinds = ViewerDevice(userAgent: agent.text.utf8.span)
    #expect(kinds == agent.kinds)
  }

  @Test("each CloudFront-Is-…-Viewer asks for one kind, no other header for any")
  func asked() {
    for header in CloudFrontHeader.allCases { #expect((ViewerDevice(asked: header) != nil) == header.rawValue.contains("-Is-"), "\(header)") }
  }
}
