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
  private static let words: [(StaticString, ViewerDevice)] = [
    ("android", .android), ("iphone", [.iOS, .mobile]), ("ipod", [.iOS, .mobile]), ("ipad", [.iOS, .tablet]),
    ("mobile", .mobile), ("windows phone", .mobile), ("iemobile", .mobile), ("blackberry", .mobile), ("bb10", .mobile), ("opera mini", .mobile),
    ("opera mobi", .mobile), ("symbian", .mobile), ("kaios", .mobile),
    ("tablet", .tablet), ("kindle", .tablet), ("silk/", .tablet), ("playbook", .tablet),
    ("smart-tv", .smartTV), ("smarttv", .smartTV), ("smart tv", .smartTV), ("googletv", .smartTV), ("android tv", .smartTV), ("apple tv", .smartTV),
    ("appletv", .smartTV), ("hbbtv", .smartTV), ("netcast", .smartTV), ("web0s", .smartTV), ("viera", .smartTV), ("bravia", .smartTV),
    ("roku", .smartTV), ("crkey", .smartTV), ("; aft", .smartTV),
  ]

  /// The words by their first byte: most places of a text begin none.
  private static let wordsByFirstByte: [[(bytes: [UInt8], kinds: ViewerDevice)]] = {
    var table: [[(bytes: [UInt8], kinds: ViewerDevice)]] = Array(repeating: [], count: 256)
    for (word, kinds) in words {
      let bytes = word.withUTF8Buffer { unsafe Array($0) }
      table[Int(bytes[0])].append((bytes, kinds))
    }
    return table
  }()

  /// What a User-Agent says. At most ``textLimit`` bytes are looked at.
  public init(userAgent: Span<UInt8>) {
    let count = min(userAgent.count, Self.textLimit), table = Self.wordsByFirstByte
    var kinds: ViewerDevice = []
    for start in 0..<count {
      for (word, kind) in table[Int(lowercased(userAgent[start]))] where word.count <= count - start {
        var length = 1
        while length < word.count && lowercased(userAgent[start + length]) == word[length] { length += 1 }
        if length == word.count { kinds.formUnion(kind) }
      }
    }
    if kinds.contains(.smartTV) { kinds.subtract([.mobile, .tablet]) }
    // An Android browser that is not on a telephone leaves `Mobile` out.
    if kinds.contains(.android) && kinds.isDisjoint(with: [.mobile, .smartTV]) { kinds.insert(.tablet) }
    if kinds.isDisjoint(with: [.mobile, .tablet, .smartTV]) { kinds.insert(.desktop) }
    self = kinds
  }
  /// Bytes of a User-Agent that are looked at.
  public static let textLimit = 512
}
