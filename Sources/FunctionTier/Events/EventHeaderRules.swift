// Which headers a function may not touch (spec/lambda-at-edge.md, 7; spec/cloudfront-functions.md, 6). Pure; any thread.
public import Distribution

/// The lists of names.
public enum EventHeaderRules {
  private static let disallowedNames: [[UInt8]] = list(
    """
    connection expect keep-alive proxy-authenticate proxy-authorization proxy-connection trailer upgrade x-accel-buffering x-accel-charset \
    x-accel-limit-rate x-accel-redirect x-amzn-auth x-amzn-cf-billing x-amzn-cf-id x-amzn-cf-xff x-amzn-errortype x-amzn-fle-profile \
    x-amzn-header-count x-amzn-header-order x-amzn-lambda-integration-tag x-amzn-requestid x-cache x-forwarded-proto x-real-ip
    """)
  /// By the first letter, `a` at 0.
  private static let disallowedByLetter: [[[UInt8]]] = (UInt8(ascii: "a")...UInt8(ascii: "z")).map { letter in disallowedNames.filter { $0.first == letter } }
  private static let disallowedBeginnings: [[UInt8]] = list("x-amz-cf- x-edge-")
  private static let madeByCloudFront: [UInt8] = Array("cloudfront-".utf8)

  private static let fixedInViewerRequest = list("cdn-loop content-length host transfer-encoding via")
  private static let fixedInOriginRequest = list(
    "accept-encoding cdn-loop content-length if-modified-since if-none-match if-range if-unmodified-since transfer-encoding via")
  private static let fixedInOriginResponse = list("transfer-encoding via")
  private static let fixedInViewerResponse = list("warning via content-length content-encoding transfer-encoding")

  private static func list(_ names: String) -> [[UInt8]] { names.split(separator: " ").map { Array($0.utf8) } }

  /// Whether functions neither see nor add a header, by its name in any case.
  public static func isDisallowed(_ name: Span<UInt8>, at hook: HookPoint) -> Bool {
    guard name.count > 5 else { return false }
    let letter = name[0].lowercased
    guard letter >= UInt8(ascii: "a"), letter <= UInt8(ascii: "z") else { return false }
    if letter == UInt8(ascii: "c"), name.count > madeByCloudFront.count, begins(name, madeByCloudFront) {
      return hook == .viewerRequest || hook == .viewerResponse
    }
    if letter == UInt8(ascii: "x") { for beginning in disallowedBeginnings where begins(name, beginning) { return true } }
    for other in disallowedByLetter[Int(letter - UInt8(ascii: "a"))] where other.count == name.count && begins(name, other) { return true }
    return false
  }

  /// Whether a name begins so, letter case aside.
  private static func begins(_ name: Span<UInt8>, _ beginning: [UInt8]) -> Bool {
    name.count >= beginning.count && name.extracting(..<beginning.count).equalsIgnoringCase(beginning.span)
  }

  /// The names that functions see and may neither add, change nor delete.
  static func readOnly(at hook: HookPoint) -> [[UInt8]] {
    switch hook {
    case .viewerRequest: fixedInViewerRequest
    case .originRequest: fixedInOriginRequest
    case .originResponse: fixedInOriginResponse
    case .viewerResponse: fixedInViewerResponse
    }
  }
}
