// Owns: the cache key (spec/request-pipeline.md, 3): which parts of a request make it another object. A plan is compiled once per behavior;
// writing a key is one pass over the request and allocates nothing unless the policy chooses among cookies or query strings.
// A key is bytes that can only be read back in one way: every part begins with a tag, everything variable with its length. So no two
// requests that differ in a part share a key, whatever bytes they hold (FuzzTests). Pure; any thread.
public import Distribution
public import HTTPWire
public import Transport

/// What the keys of one behavior's objects are made of.
public struct KeyPlan: Sendable {
  /// A header of the policy.
  private struct Header: Sendable {
    /// In lower case.
    let name: [UInt8]
    /// Which of the known names it is; nil for any other, compared as text.
    let known: FieldName?
    /// One that the proxy makes, whatever the viewer sent.
    let cloudFront: CloudFrontHeader?
  }

  /// The distribution, length first.
  private let prefix: [UInt8]
  private let distributionCount: Int
  private let headers: [Header]
  private let cookies: NameSelection
  private let queryStrings: NameSelection
  private let acceptsGzip: Bool, acceptsBrotli: Bool
  private let normalizesQueryStrings: Bool

  /// The plan of a policy's keys in a distribution.
  /// - Parameter distribution: its id: the caches of two distributions share nothing.
  public init(_ policy: CachePolicy, distribution: String) {
    var prefix: [UInt8] = []
    Self.appendLength(distribution.utf8.count) { prefix.append($0) }
    self.prefix = prefix + Array(distribution.utf8)
    distributionCount = distribution.utf8.count
    headers = policy.headers.map { text in
      let name = Array(text.utf8), known = FieldName(name.span)
      return Header(name: name, known: known.text.utf8CodeUnitCount > 0 ? known : nil, cloudFront: CloudFrontHeader(lowercasedName: text))
    }
    cookies = policy.cookies
    queryStrings = policy.queryStrings
    acceptsGzip = policy.enableAcceptEncodingGzip
    acceptsBrotli = policy.enableAcceptEncodingBrotli
    normalizesQueryStrings = policy.normalizeQueryStrings
  }

  /// Appends the key of a request to an empty buffer.
  /// - Parameters:
  ///   - request: after the viewer-request function and the default root object.
  ///   - chosenOrigin: what tells the origin that a function chose from others; nil when the behavior's is asked.
  ///   - coding: instead of what the viewer accepts; nil for that.
  ///   - viewerHeader: the value of a header that the proxy makes; nil when it has none.
  /// - Returns: where the parts stand that invalidations look at.
  public func append(
    _ request: borrowing RequestHead, chosenOrigin: [UInt8]? = nil, coding: AcceptEncoding? = nil, to key: inout ByteBuffer, viewerHeader: (CloudFrontHeader) -> String?
  ) -> KeyPlaces {
    key.append(prefix.span)
    let distribution = prefix.count - distributionCount..<prefix.count
    key.append(request.line.method == .options ? Part.options : Part.getOrHead)
    appendSized(request.path, to: &key)
    let path = key.count - request.path.count..<key.count
    var query = 0..<0
    if queryStrings != .none && request.hasQuery { query = appendQuery(request.query, to: &key) }
    if !headers.isEmpty { appendHeaders(request.fields, to: &key, viewerHeader) }
    if cookies != .none && request.fields.present.has(.cookie) { appendCookies(request.fields, to: &key) }
    if acceptsGzip || acceptsBrotli { appendCoding(coding ?? self.coding(request), to: &key) }
    if let chosenOrigin {
      key.append(Part.origin)
      appendSized(chosenOrigin.span, to: &key)
    }
    return KeyPlaces(distribution: distribution, path: path, query: query)
  }

  /// The tags. One byte each; their order in a key is that of ``append(_:to:viewerHeader:)``.
  private enum Part {
    static let getOrHead: UInt8 = 71, options: UInt8 = 79
    static let query: UInt8 = 113, header: UInt8 = 104, cookies: UInt8 = 99, coding: UInt8 = 101, origin: UInt8 = 111, variant: UInt8 = 118
    static let slice: UInt8 = 115, edition: UInt8 = 109, target: UInt8 = 116
  }

  /// The parameters as the origin would see them if the cache policy alone decided: in their order and case. Chosen ones lose empty
  /// members (`&&`); with `all` the query stands as it came, so that `/a?` is not `/a`.
  private func appendQuery(_ query: Span<UInt8>, to key: inout ByteBuffer) -> Range<Int> {
    if queryStrings == .all && !normalizesQueryStrings {
      key.append(Part.query)
      appendSized(query, to: &key)
      return key.count - query.count..<key.count
    }
    var chosen = queryStrings.filterQuery(query)
    if normalizesQueryStrings { chosen = Self.normalized(chosen) }
    if chosen.isEmpty { return 0..<0 }
    key.append(Part.query)
    appendSized(chosen.span, to: &key)
    return key.count - chosen.count..<key.count
  }

  /// Parameters in lower case, in the order of their bytes, without empty ones: `normalizeQueryStrings`. Percent-encodings stay as they are.
  static func normalized(_ query: [UInt8]) -> [UInt8] {
    let parameters = query.map(\.lowercased).split(separator: 38, omittingEmptySubsequences: true)
    return Array(parameters.sorted { $0.lexicographicallyPrecedes($1) }.joined(separator: [38]))
  }

  /// Each header with the number of its lines and each line's value as it came: absent is not empty, two lines are not one.
  private func appendHeaders(_ fields: borrowing HeaderSection, to key: inout ByteBuffer, _ viewerHeader: (CloudFrontHeader) -> String?) {
    for header in headers {
      key.append(Part.header)
      appendSized(header.name.span, to: &key)
      if let made = header.cloudFront {
        let value = viewerHeader(made)
        key.append(value == nil ? 0 : 1)
        if let value { appendSized(value.utf8.span, to: &key) }
        continue
      }
      var lines = 0
      for i in 0..<fields.count where matches(header, fields, i) { lines += 1 }
      Self.appendLength(lines) { key.append($0) }
      for i in 0..<fields.count where matches(header, fields, i) { appendSized(fields.value(i), to: &key) }
    }
  }

  private func matches(_ header: Header, _ fields: borrowing HeaderSection, _ line: Int) -> Bool {
    let name = fields[line].name
    if let known = header.known { return name == known }
    return name != .dropped && fields.name(line).equalsIgnoringCase(header.name.span)
  }

  /// The chosen cookies as the origin sees them: sorted by name, `$…` and malformed ones left out (spec 3).
  private func appendCookies(_ fields: borrowing HeaderSection, to key: inout ByteBuffer) {
    var all = ByteBuffer(capacity: 256)
    for i in 0..<fields.count where fields[i].name == .cookie {
      if !all.isEmpty { all.append("; ") }
      all.append(fields.value(i))
    }
    let chosen = cookies.filterCookies(all.readable)
    if chosen.isEmpty { return }
    key.append(Part.cookies)
    appendSized(chosen.span, to: &key)
  }

  /// The table of spec 3.2: a viewer that takes neither coding has the key of one that does not say.
  private func appendCoding(_ coding: AcceptEncoding, to key: inout ByteBuffer) {
    switch coding {
    case .brotliAndGzip: key.append(Part.coding); key.append(3)
    case .brotli: key.append(Part.coding); key.append(2)
    case .gzip: key.append(Part.coding); key.append(1)
    case .identity: break
    }
  }

  /// Whether keys hold anything of a request beside its target and what it accepts.
  public var holdsFields: Bool { !headers.isEmpty || cookies != .none }
  /// Appends to a key its target's edition (``ObjectStore/edition(of:_:)``).
  public static func append(edition: UInt64, to key: inout ByteBuffer) {
    key.append(Part.target)
    for shift in 0..<8 { key.append(UInt8(truncatingIfNeeded: edition >> UInt64(shift * 8))) }
  }

  /// Every coding that keys of this plan can have.
  public var codings: [AcceptEncoding] {
    AcceptEncoding.allCases.filter { coding in
      switch coding {
      case .identity: true
      case .gzip: acceptsGzip
      case .brotli: acceptsBrotli
      case .brotliAndGzip: acceptsGzip && acceptsBrotli
      }
    }
  }
  /// What the viewer accepts of the codings that the policy keeps apart; ``AcceptEncoding/identity`` also when it does not say.
  public func coding(_ request: borrowing RequestHead) -> AcceptEncoding {
    guard acceptsGzip || acceptsBrotli, let line = request.fields.first(.acceptEncoding) else { return .identity }
    return coding(request.fields, line)
  }
  private func coding(_ fields: borrowing HeaderSection, _ line: Int) -> AcceptEncoding {
    if fields.isOnly(line) { return Self.coding(fields.value(line), gzip: acceptsGzip, brotli: acceptsBrotli) }
    var all = ByteBuffer(capacity: 128)
    fields.appendValues(of: .acceptEncoding, to: &all)
    return Self.coding(all.readable, gzip: acceptsGzip, brotli: acceptsBrotli)
  }

  /// What browsers send is known at a glance; anything else is read.
  private static func coding(_ value: Span<UInt8>, gzip: Bool, brotli: Bool) -> AcceptEncoding {
    if gzip && brotli && (value.equalsLowercase("gzip, deflate, br") || value.equalsLowercase("gzip, deflate, br, zstd")) { return .brotliAndGzip }
    if gzip && value.equalsLowercase("gzip") { return .gzip }
    return AcceptEncoding(normalizing: value, gzip: gzip, brotli: brotli)
  }

  // MARK: Variants (rfc9111)

  /// Appends to a key what tells the variants of its object apart: the request's values of the fields that the object's Vary names
  /// (RFC 9111, 4.1), several lines joined, whitespace around their members aside.
  /// - Parameters:
  ///   - names: in lower case, as ``VaryNames`` has them.
  ///   - edition: what tells this list of names from those there were before: what stood under them is found no more.
  public static func appendVariant(_ names: [[UInt8]], edition: [UInt8], _ request: borrowing RequestHead, to key: inout ByteBuffer) {
    key.append(Part.edition)
    appendLength(edition.count) { key.append($0) }
    key.append(edition.span)
    for name in names {
      key.append(Part.variant)
      appendLength(name.count) { key.append($0) }
      key.append(name.span)
      var value = ByteBuffer(capacity: 128), isPresent = false
      for i in 0..<request.fields.count where request.fields[i].name != .dropped && request.fields.name(i).equalsIgnoringCase(name.span) {
        isPresent = true
        appendMembers(request.fields.value(i), to: &value)
      }
      key.append(isPresent ? 1 : 0)
      guard isPresent else { continue }
      appendLength(value.count) { key.append($0) }
      key.append(value.readable)
    }
  }

  /// Appends to a key what tells the slices of its object apart: which state of the content they are of, and where they lie in it.
  /// - Parameter etag: a strong one: what has the same is the same, byte for byte (RFC 9110, 8.8.1).
  public static func appendSlice(_ range: Range<Int>, of etag: Span<UInt8>, to key: inout ByteBuffer) {
    key.append(Part.slice)
    appendLength(etag.count) { key.append($0) }
    key.append(etag)
    appendLength(range.lowerBound) { key.append($0) }
    appendLength(range.count) { key.append($0) }
  }

  /// Members of a list, each followed by a comma, without the whitespace around them; commas in quoted strings are not between members.
  private static func appendMembers(_ value: Span<UInt8>, to out: inout ByteBuffer) {
    var start = 0, i = 0, isQuoted = false
    while i <= value.count {
      if i == value.count || (value[i] == 44 && !isQuoted) {
        let member = value.extracting(start..<i).trimmed()
        if member.count > 0 {
          out.append(member)
          out.append(44)
        }
        start = i + 1
      } else if value[i] == 34 {
        isQuoted.toggle()
      } else if value[i] == 92 && isQuoted && i + 1 < value.count {
        i += 1
      }
      i += 1
    }
  }

  // MARK: Bytes

  /// Appends bytes, their number first.
  private func appendSized(_ bytes: Span<UInt8>, to key: inout ByteBuffer) {
    Self.appendLength(bytes.count) { key.append($0) }
    key.append(bytes)
  }

  /// A number in groups of seven bits, the lowest first; all but the last have the eighth bit.
  @inline(__always) private static func appendLength(_ length: Int, _ append: (UInt8) -> Void) {
    var rest = UInt(bitPattern: length)
    while rest >= 128 {
      append(UInt8(truncatingIfNeeded: rest) | 128)
      rest >>= 7
    }
    append(UInt8(truncatingIfNeeded: rest))
  }
}

/// A key for people to read.
public struct ReadableKey: Sendable, Equatable, CustomStringConvertible {
  /// One part.
  public struct Part: Sendable, Equatable {
    /// Where it comes from: `distribution`, `method`, `path`, `query`, `header NAME`, `cookies`, `accept-encoding`, `origin`, `edition`, `variants`,
    /// `vary NAME`, `slice`.
    public let source: String
    /// What it is; nil for a header that the request does not have. Several lines of a header are joined by ` | `.
    public let value: String?
  }
  /// The parts in the key's order.
  public let parts: [Part]

  /// Reads a key.
  /// - Returns: nil when the bytes are no key.
  public init?(_ key: Span<UInt8>) {
    var reader = KeyReader(key)
    var parts: [Part] = []
    guard let distribution = reader.sized(), let method = reader.byte(), method == 71 || method == 79, let path = reader.sized() else { return nil }
    parts.append(Part(source: "distribution", value: distribution))
    parts.append(Part(source: "method", value: method == 71 ? "GET" : "OPTIONS"))
    parts.append(Part(source: "path", value: path))
    while let tag = reader.byte() {
      guard let part = reader.part(tag) else { return nil }
      parts.append(part)
    }
    self.parts = parts
  }

  /// `distribution=E1 method=GET path=/a query=b header accept=…`; bytes that are no visible ASCII are percent-encoded.
  public var description: String { parts.map { "\($0.source)=\($0.value ?? "-")" }.joined(separator: " ") }
}

private struct KeyReader: ~Escapable {
  private let key: Span<UInt8>
  private var place = 0

  @_lifetime(copy key) init(_ key: Span<UInt8>) { self.key = key }

  mutating func byte() -> UInt8? {
    guard place < key.count else { return nil }
    place += 1
    return key[place - 1]
  }

  mutating func length() -> Int? {
    var length = 0, shift = 0
    while let byte = byte(), shift < 56 {
      length |= Int(byte & 127) << shift
      if byte < 128 { return length }
      shift += 7
    }
    return nil
  }

  mutating func sized() -> String? {
    guard let length = length(), length <= key.count - place else { return nil }
    defer { place += length }
    return Self.visible(key.slice(place, length))
  }

  mutating func part(_ tag: UInt8) -> ReadableKey.Part? {
    switch tag {
    case 113: return sized().map { .init(source: "query", value: $0) }
    case 99: return sized().map { .init(source: "cookies", value: $0) }
    case 111: return sized().map { .init(source: "origin", value: $0) }
    case 109: return sized().map { .init(source: "variants", value: $0) }
    case 116:
      guard key.count - place >= 8 else { return nil }
      var edition: UInt64 = 0
      for shift in 0..<8 { edition |= UInt64(byte() ?? 0) << UInt64(shift * 8) }
      return .init(source: "edition", value: String(edition, radix: 36))
    case 115:
      guard let etag = sized(), let start = length(), let count = length() else { return nil }
      return .init(source: "slice", value: "\(start)+\(count) of \(etag)")
    case 101:
      guard let code = byte(), code >= 1, code <= 3 else { return nil }
      return .init(source: "accept-encoding", value: ["gzip", "br", "br,gzip"][Int(code) - 1])
    case 104, 118:
      guard let name = sized(), let lines = length(), lines < 1 << 16 else { return nil }
      var values: [String] = []
      for _ in 0..<lines {
        guard let value = sized() else { return nil }
        values.append(value)
      }
      return .init(source: "\(tag == 104 ? "header" : "vary") \(name)", value: values.isEmpty ? nil : values.joined(separator: " | "))
    default: return nil
    }
  }

  /// Visible ASCII and spaces as they are, other bytes as `%XX`.
  private static func visible(_ bytes: Span<UInt8>) -> String {
    var text = ""
    for i in 0..<bytes.count {
      let byte = bytes[i]
      if byte >= 32 && byte < 127 {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        text += "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16, uppercase: true))"
      }
    }
    return text
  }
}
