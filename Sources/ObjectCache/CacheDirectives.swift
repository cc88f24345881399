// Owns: reading Cache-Control (RFC 9111, 5.2), of requests and responses alike. One pass, nothing allocated, every input has a meaning:
// what is malformed makes a response less storable, never more. Pure; any thread.
public import HTTPWire

/// What the Cache-Control fields of one message say.
public struct CacheDirectives: BitwiseCopyable, Sendable, Equatable {
  /// Directives without a number.
  public struct Flags: OptionSet, BitwiseCopyable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }
    /// `no-store`
    public static let noStore = Flags(rawValue: 1)
    /// `no-cache` without field names.
    public static let noCache = Flags(rawValue: 2)
    /// `no-cache="…"`: these fields only (5.2.2.4).
    public static let noCacheFields = Flags(rawValue: 4)
    /// `private` without field names.
    public static let `private` = Flags(rawValue: 8)
    /// `private="…"`: these fields only (5.2.2.7).
    public static let privateFields = Flags(rawValue: 16)
    /// `public`
    public static let `public` = Flags(rawValue: 32)
    /// `must-revalidate`
    public static let mustRevalidate = Flags(rawValue: 64)
    /// `proxy-revalidate`
    public static let proxyRevalidate = Flags(rawValue: 128)
    /// `must-understand`
    public static let mustUnderstand = Flags(rawValue: 256)
    /// `only-if-cached`
    public static let onlyIfCached = Flags(rawValue: 512)
    /// `max-stale` without a number: however stale.
    public static let maxStaleAny = Flags(rawValue: 1024)
    /// `no-transform`
    public static let noTransform = Flags(rawValue: 2048)
  }

  /// The directives without a number.
  public var flags: Flags = []
  /// `max-age` in seconds. Like all numbers here: nil when absent, the first when repeated (4.2.1), ``longest`` when larger, 0 when it is no
  /// number: then the response is stale.
  public var maxAge: Int?
  /// `s-maxage` in seconds.
  public var sharedMaxAge: Int?
  /// `stale-while-revalidate` in seconds (RFC 5861, 3).
  public var staleWhileRevalidate: Int?
  /// `stale-if-error` in seconds (RFC 5861, 4).
  public var staleIfError: Int?
  /// `min-fresh` in seconds. One that is no number asks for ``longest``.
  public var minFresh: Int?
  /// `max-stale` in seconds.
  public var maxStale: Int?

  /// The longest time in seconds (1.2.2): 68 years.
  public static let longest = 1 << 31

  /// Nothing is said.
  public init() {}

  /// Whether one of these is set.
  public func has(_ flags: Flags) -> Bool { !self.flags.isDisjoint(with: flags) }

  /// What the Cache-Control lines among these fields say.
  public init(_ fields: borrowing HeaderSection) {
    guard fields.present.has(.cacheControl) else { return }
    for i in 0..<fields.count where fields[i].name == .cacheControl { read(fields.value(i)) }
  }

  /// Reads one line's value, behind what was read before.
  public mutating func read(_ value: Span<UInt8>) {
    var list = DirectiveList(value)
    while list.next() { take(value.extracting(list.name), value, list.argument) }
  }

  private mutating func take(_ name: Span<UInt8>, _ value: Span<UInt8>, _ argument: Range<Int>?) {
    switch name.count {
    case 6 where name.equalsLowercase("public"): flags.insert(.public)
    case 7 where name.equalsLowercase("max-age"): Self.note(&maxAge, value, argument)
    case 7 where name.equalsLowercase("private"): flags.insert(Self.names(value, argument) ? .privateFields : .private)
    case 8 where name.equalsLowercase("no-store"): flags.insert(.noStore)
    case 8 where name.equalsLowercase("no-cache"): flags.insert(Self.names(value, argument) ? .noCacheFields : .noCache)
    case 8 where name.equalsLowercase("s-maxage"): Self.note(&sharedMaxAge, value, argument)
    case 9 where name.equalsLowercase("min-fresh"): Self.note(&minFresh, value, argument, otherwise: Self.longest)
    case 9 where name.equalsLowercase("max-stale"):
      if argument == nil { flags.insert(.maxStaleAny) } else { Self.note(&maxStale, value, argument) }
    case 12 where name.equalsLowercase("no-transform"): flags.insert(.noTransform)
    case 14 where name.equalsLowercase("only-if-cached"): flags.insert(.onlyIfCached)
    case 14 where name.equalsLowercase("stale-if-error"): Self.note(&staleIfError, value, argument)
    case 15 where name.equalsLowercase("must-revalidate"): flags.insert(.mustRevalidate)
    case 15 where name.equalsLowercase("must-understand"): flags.insert(.mustUnderstand)
    case 16 where name.equalsLowercase("proxy-revalidate"): flags.insert(.proxyRevalidate)
    case 22 where name.equalsLowercase("stale-while-revalidate"): Self.note(&staleWhileRevalidate, value, argument)
    default: break   // 5.2.3: a cache ignores what it does not know
    }
  }

  private static func note(_ place: inout Int?, _ value: Span<UInt8>, _ argument: Range<Int>?, otherwise: Int = 0) {
    if place == nil { place = argument.flatMap { seconds(value.extracting($0)) } ?? otherwise }
  }

  /// delta-seconds: digits only.
  static func seconds(_ text: Span<UInt8>) -> Int? {
    guard text.count > 0 else { return nil }
    var seconds = 0
    for i in 0..<text.count {
      guard text[i].isDigit else { return nil }
      seconds = min(seconds * 10 + Int(text[i] - 48), longest)
    }
    return seconds
  }

  /// Whether an argument names fields; an empty or malformed one (spoilt, or a quote without its end) names none, and the directive stands
  /// as if it had no argument.
  private static func names(_ value: Span<UInt8>, _ argument: Range<Int>?) -> Bool {
    var isNamed = false
    for i in argument ?? 0..<0 {
      if value[i] == 34 || value[i] == 61 { return false }
      if value[i] != 44 && value[i] != 32 && value[i] != 9 { isNamed = true }
    }
    return isNamed
  }

  /// Calls `body` with each field name that a `no-cache="…"` or `private="…"` of a response names. Off the hot path.
  public static func forEachNamedField(_ fields: borrowing HeaderSection, _ body: (Span<UInt8>) -> Void) {
    for i in 0..<fields.count where fields[i].name == .cacheControl {
      let value = fields.value(i)
      var list = DirectiveList(value)
      while list.next() {
        let name = value.extracting(list.name)
        guard let argument = list.argument, name.equalsLowercase("no-cache") || name.equalsLowercase("private") else { continue }
        var start = argument.lowerBound
        while start < argument.upperBound {
          let end = min(value.next(44, from: start), argument.upperBound)
          let field = value.extracting(start..<end).trimmed()
          if field.count > 0 { body(field) }
          start = end + 1
        }
      }
    }
  }
}

/// The directives of one Cache-Control line, one after another: `#( token [ "=" ( token / quoted-string ) ] )`. What a quoted string
/// holds is never taken for a directive. A member that is malformed is passed over.
struct DirectiveList: ~Escapable {
  private let value: Span<UInt8>
  private var place = 0
  /// Where the present directive's name lies.
  private(set) var name = 0..<0
  /// Where its argument lies, without quotes; nil without one.
  private(set) var argument: Range<Int>?
  /// Whether a quote was found that nothing closes: no later one opens a string either, and none is looked for.
  private var hasOpenQuote = false

  @_lifetime(copy value) init(_ value: Span<UInt8>) { self.value = value }

  /// Goes to the next directive.
  /// - Returns: false when there is none.
  mutating func next() -> Bool {
    while place < value.count {
      while place < value.count && (value[place] == 44 || isSpace(value[place])) { place += 1 }
      if place == value.count { return false }
      let start = place
      while place < value.count && value[place] != 61 && value[place] != 44 && value[place] != 34 { place += 1 }
      name = start..<trimmedEnd(start, place)
      argument = nil
      if place < value.count && value[place] == 34 {   // a quote where a name should be
        _ = quoted()
        passMember()
        continue
      }
      if place < value.count && value[place] == 61 {
        argument = readArgument(after: name.upperBound)
        passMember()
      }
      if !name.isEmpty { return true }
    }
    return false
  }

  /// An argument from its `=` on. Whitespace around that is no part of the grammar: it spoils the argument, which then begins with it.
  private mutating func readArgument(after name: Int) -> Range<Int> {
    let equals = place
    place += 1
    let isTight = equals == name && !(place < value.count && isSpace(value[place]))
    while place < value.count && isSpace(value[place]) { place += 1 }
    var found = place..<place
    if place < value.count && value[place] == 34 {
      found = quoted()
    } else {
      while place < value.count && value[place] != 44 && value[place] != 34 { place += 1 }
      found = found.lowerBound..<trimmedEnd(found.lowerBound, place)
    }
    return isTight || found.isEmpty ? found : equals..<found.upperBound
  }

  /// A quoted string from its first quote on. A backslash takes the next byte as it is, and stays: no argument that has a meaning here needs
  /// one. A quote that nothing closes opens no string: what stands behind it is not hidden.
  private mutating func quoted() -> Range<Int> {
    let start = place + 1
    var end = start
    while !hasOpenQuote && end < value.count && value[end] != 34 { end += value[end] == 92 ? 2 : 1 }
    guard !hasOpenQuote && end < value.count else {
      hasOpenQuote = true
      place = start
      return start - 1..<start
    }
    place = end + 1
    return start..<end
  }

  /// Passes over the rest of a member, quoted strings included. What stands behind an argument spoils it: `60s` is no number.
  private mutating func passMember() {
    while place < value.count && value[place] != 44 {
      let isSpace = isSpace(value[place])
      if value[place] == 34 { _ = quoted() } else { place += 1 }
      if !isSpace, let found = argument { argument = found.lowerBound..<place }
    }
  }

  private func trimmedEnd(_ start: Int, _ end: Int) -> Int {
    var end = end
    while end > start && isSpace(value[end - 1]) { end -= 1 }
    return end
  }

  private func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 }
}
