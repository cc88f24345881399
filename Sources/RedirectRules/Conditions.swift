// Owns: whether a rule's conditions hold for a request. Immutable; any thread. Source: Documentation/redirects.md, "Conditions".

/// What conditions look at beside the path. Only what a table reads need be filled in (`RedirectTable.reads`).
public struct RedirectFacts: Sendable {
  /// What a table's conditions look at.
  public struct Kinds: OptionSet, Sendable {
    public let rawValue: UInt8
    public init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Host.
    public static let host = Kinds(rawValue: 1)
    /// The method.
    public static let method = Kinds(rawValue: 2)
    /// Whether it came by TLS.
    public static let scheme = Kinds(rawValue: 4)
    /// The query string.
    public static let query = Kinds(rawValue: 8)
    /// Cookie fields.
    public static let cookies = Kinds(rawValue: 16)
    /// The viewer's country.
    public static let country = Kinds(rawValue: 32)
    /// Accept-Language.
    public static let languages = Kinds(rawValue: 64)
  }

  /// Host in lower case, without a port and a trailing dot.
  public var host: [UInt8] = []
  /// The method as it was sent.
  public var method: [UInt8] = []
  /// Whether it came by TLS.
  public var isSecure = false
  /// The query string; nil without `?`.
  public var query: [UInt8]?
  /// The values of the Cookie fields, with `; ` between.
  public var cookies: [UInt8] = []
  /// Two capital letters; empty when nobody knows.
  public var country: [UInt8] = []
  /// The values of Accept-Language, with `,` between.
  public var languages: [UInt8] = []

  /// Nothing known.
  public init() {}
  /// Nothing known; for tables that read nothing.
  public static let none = RedirectFacts()
}

/// A condition, ready to be asked.
struct Condition: Sendable {
  private enum Subject: Sendable {
    case host([[UInt8]]), hostMatches(Expression), method([[UInt8]]), secure(Bool), query([UInt8]), queryMatches(Expression)
    case parameter([UInt8], [UInt8]?), cookie([[UInt8]], [UInt8]?), country([[UInt8]]), language([[UInt8]])
  }
  private let subject: Subject
  private let isNegated: Bool

  /// Makes a condition ready.
  /// - Parameter compile: makes an expression of a pattern.
  init(_ condition: RedirectCondition, compile: ([UInt8]) throws(RedirectProblem) -> Expression) throws(RedirectProblem) {
    isNegated = condition.isNegated
    switch condition.subject {
    case .host(let names): subject = .host(names.map { Array($0.utf8) })
    case .hostMatches(let pattern): subject = .hostMatches(try compile(Array(pattern.utf8)))
    case .method(let methods): subject = .method(methods.map { Array($0.utf8) })
    case .scheme(let scheme): subject = .secure(scheme == "https")
    case .query(let text): subject = .query(Array(text.utf8))
    case .queryMatches(let pattern): subject = .queryMatches(try compile(Array(pattern.utf8)))
    case .parameter(let name, let value): subject = .parameter(Array(name.utf8), value.map { Array($0.utf8) })
    case .captured(let name, _): subject = .parameter(Array(name.utf8), nil)
    case .cookie(let name, let value): subject = .cookie([Array(name.utf8)], value.map { Array($0.utf8) })
    case .cookies(let names): subject = .cookie(names.map { Array($0.utf8) }, nil)
    case .country(let codes): subject = .country(codes.map { Array($0.utf8) })
    case .language(let tags): subject = .language(tags.map { Array($0.utf8) })
    }
  }

  /// Whether it holds.
  func holds(_ facts: RedirectFacts) -> Bool { isTrue(facts) != isNegated }

  private func isTrue(_ facts: RedirectFacts) -> Bool {
    switch subject {
    case .host(let names): names.contains { Self.isHost(facts.host, $0) }
    case .hostMatches(let expression): expression.matches(facts.host.span)
    case .method(let methods): methods.contains(facts.method)
    case .secure(let isSecure): facts.isSecure == isSecure
    case .query(let text): facts.query == text
    case .queryMatches(let expression): Self.matches(expression, facts.query ?? [])
    case .parameter(let name, let value): Self.parameter(name, value, in: facts.query) != nil
    case .cookie(let names, let value): names.contains { Self.hasCookie($0, value, in: facts.cookies) }
    case .country(let codes): codes.contains(facts.country)
    case .language(let tags): Self.preferred(facts.languages).map { most in tags.contains { Self.isLanguage(most, $0) } } == true
    }
  }

  private static func matches(_ expression: Expression, _ text: [UInt8]) -> Bool { expression.matches(text.span) }

  /// What it looks at.
  static func reads(_ condition: RedirectCondition) -> RedirectFacts.Kinds {
    switch condition.subject {
    case .host, .hostMatches: .host
    case .method: .method
    case .scheme: .scheme
    case .query, .queryMatches, .parameter, .captured: .query
    case .cookie, .cookies: .cookies
    case .country: .country
    case .language: .languages
    }
  }

  /// `*.example.com` is any name below it.
  private static func isHost(_ host: [UInt8], _ name: [UInt8]) -> Bool {
    guard name.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")]) else { return host == name }
    return host.count > name.count - 1 && host.suffix(name.count - 1) == name.dropFirst()
  }

  /// The value of the first parameter with a name, and with a value where one is named; nil without. Compared as they are written.
  static func parameter(_ name: [UInt8], _ value: [UInt8]?, in query: [UInt8]?) -> [UInt8]? {
    guard let query else { return nil }
    for pair in query.split(separator: UInt8(ascii: "&")) {
      let equals = pair.firstIndex(of: UInt8(ascii: "=")) ?? pair.endIndex
      let own = pair[equals...].dropFirst()
      if pair[..<equals].elementsEqual(name) && (value == nil || own.elementsEqual(value ?? [])) { return Array(own) }
    }
    return nil
  }

  private static func hasCookie(_ name: [UInt8], _ value: [UInt8]?, in cookies: [UInt8]) -> Bool {
    cookies.split(separator: UInt8(ascii: ";")).contains { pair in
      let pair = pair.drop { $0 == UInt8(ascii: " ") }
      guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { return false }
      return pair[..<equals].elementsEqual(name) && (value == nil || pair[equals...].dropFirst().elementsEqual(value ?? []))
    }
  }

  private static func isLanguage(_ tag: [UInt8], _ wanted: [UInt8]) -> Bool {
    tag == wanted || tag.starts(with: wanted + [UInt8(ascii: "-")])
  }

  /// The tag with the highest weight of Accept-Language, the first of several, in lower case (RFC 9110, 12.5.4).
  static func preferred(_ languages: [UInt8]) -> [UInt8]? {
    var best: (tag: [UInt8], weight: Int)?
    for entry in languages.split(separator: UInt8(ascii: ",")) {
      let parts = entry.filter { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") }.map(PathText.lowercased).split(separator: UInt8(ascii: ";"))
      guard let tag = parts.first else { continue }
      var weight = 1_000
      for part in parts.dropFirst() where part.starts(with: "q=".utf8) { weight = thousandths(part.dropFirst(2)) }
      if weight > best?.weight ?? 0 { best = (Array(tag), weight) }
    }
    return best?.tag
  }

  /// A weight such as `0.8` in thousandths; 0 for what is none.
  private static func thousandths(_ text: ArraySlice<UInt8>) -> Int {
    var value = 0, places = -1
    for byte in text.prefix(5) {
      if byte == UInt8(ascii: "."), places < 0 { places = 0; continue }
      guard byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") else { return 0 }
      value = value * 10 + Int(byte - UInt8(ascii: "0"))
      if places >= 0 { places += 1 }
    }
    for _ in max(places, 0)..<3 { value *= 10 }
    return min(value, 1_000)
  }
}
