// Owns: what kind of device a User-Agent speaks of, for the CloudFront-Is-…-Viewer headers. CloudFront's own table is not public; this one
// knows the words that browsers and their vendors document, and errs towards a desktop. A pure function of the text.
// Source: spec/request-pipeline.md 12; Documentation/configuration.md says what is chosen.

/// Kinds of device; several may be true of one, as of an iPad, which says `Mobile` too.
public struct ViewerDevice: OptionSet, Sendable {
  /// A bit for each kind.
  public let rawValue: UInt8
  /// The kinds of these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Android.
  public static let android = ViewerDevice(rawValue: 1)
  /// iOS and iPadOS.
  public static let iOS = ViewerDevice(rawValue: 2)
  /// A telephone, or what calls itself mobile.
  public static let mobile = ViewerDevice(rawValue: 4)
  /// A tablet.
  public static let tablet = ViewerDevice(rawValue: 8)
  /// A television, or a box beside one.
  public static let smartTV = ViewerDevice(rawValue: 16)
  /// None of mobile, tablet and television.
  public static let desktop = ViewerDevice(rawValue: 32)

  /// The kind that a header asks for; nil when it asks for something else.
  public init?(asked header: CloudFrontHeader) {
    switch header {
    case .isAndroidViewer: self = .android
    case .isIOSViewer: self = .iOS
    case .isMobileViewer: self = .mobile
    case .isTabletViewer: self = .tablet
    case .isSmartTVViewer: self = .smartTV
    case .isDesktopViewer: self = .desktop
    default: return nil
    }
  }

  /// Words of a User-Agent in lower case, and what each says.
  private static let words: [(String, ViewerDevice)] = [
    ("android", .android), ("iphone", [.iOS, .mobile]), ("ipod", [.iOS, .mobile]), ("ipad", [.iOS, .tablet]),
    ("mobile", .mobile), ("windows phone", .mobile), ("iemobile", .mobile), ("blackberry", .mobile), ("bb10", .mobile), ("opera mini", .mobile),
    ("opera mobi", .mobile), ("symbian", .mobile), ("kaios", .mobile),
    ("tablet", .tablet), ("kindle", .tablet), ("silk/", .tablet), ("playbook", .tablet),
    ("smart-tv", .smartTV), ("smarttv", .smartTV), ("smart tv", .smartTV), ("googletv", .smartTV), ("android tv", .smartTV), ("apple tv", .smartTV),
    ("appletv", .smartTV), ("hbbtv", .smartTV), ("netcast", .smartTV), ("web0s", .smartTV), ("viera", .smartTV), ("bravia", .smartTV),
    ("roku", .smartTV), ("crkey", .smartTV), ("; aft", .smartTV),
  ]

  /// What a User-Agent says.
  public init(userAgent: String) {
    let text = String(userAgent.prefix(Self.textLimit)).lowercased()
    var kinds: ViewerDevice = []
    for (word, kind) in Self.words where text.contains(word) { kinds.formUnion(kind) }
    if kinds.contains(.smartTV) { kinds.subtract([.mobile, .tablet]) }
    // An Android browser that is not on a telephone leaves `Mobile` out.
    if kinds.contains(.android) && kinds.isDisjoint(with: [.mobile, .smartTV]) { kinds.insert(.tablet) }
    if kinds.isDisjoint(with: [.mobile, .tablet, .smartTV]) { kinds.insert(.desktop) }
    self = kinds
  }
  /// Characters of a User-Agent that are looked at.
  private static let textLimit = 512
}
