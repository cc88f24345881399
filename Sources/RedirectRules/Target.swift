// Owns: what a rule answers: the target's text with places for captures, and the Location that is made of it. Whatever a viewer sent, the
// Location has no control byte, names the host that the rule's author wrote, and captures stay inside the part of the URL they stand in
// (Documentation/redirects.md, "Security"). Immutable; any thread.

/// A rule's target, ready to be filled in.
struct Target: Sendable {
  /// Where in a URL something stands.
  enum Part: Sendable { case authority, path, query, fragment }
  private enum Piece: Sendable {
    case literal([UInt8])
    case capture(Int, Part)
  }

  private var pieces: [Piece] = []
  /// The fragment is kept apart: the request's query goes before it.
  private var fragment: [Piece] = []
  /// Whether it names a host; otherwise it is a path on the request's own.
  private var namesHost = false
  private var hasQuery = false
  /// Whether there is any capture in it.
  private(set) var hasCaptures = false

  /// Reads a target.
  /// - Parameters:
  ///   - names: what captures are called: `:name` in `text`, or `$1` where they have numbers.
  ///   - isRegex: whether `$1` and `${name}` are captures instead of `:name`. The whole match is `$0`.
  /// - Throws: what is wrong with it.
  init(_ text: String, captures names: [String], isRegex: Bool) throws(RedirectProblem) {
    var scanner = TargetScanner(Array(text.utf8), names, isRegex)
    try scanner.scan()
    (pieces, fragment, namesHost, hasQuery) = ([], [], scanner.namesHost, scanner.hasQuery)
    for (piece, part) in scanner.pieces {
      let made: Piece
      switch piece {
      case .text(let bytes): made = .literal(PathText.reference(bytes.span))
      case .capture(let number):
        made = .capture(number, part)
        hasCaptures = true
      }
      if part == .fragment { fragment.append(made) } else { pieces.append(made) }
    }
  }

  /// The Location for a request.
  /// - Parameters:
  ///   - text: what captures are ranges of; `isDecoded` when its percent-encodings are.
  ///   - values: of captures that are no part of it, numbered after the ranges.
  ///   - query: of the request; empty without one.
  /// - Returns: nil when a capture does not fit where it stands, or the Location would be too long.
  func location(
    _ text: Span<UInt8>, _ ranges: [Range<Int>], isDecoded: Bool, values: [[UInt8]], query: Span<UInt8>, _ handling: RedirectRule.QueryHandling
  ) -> [UInt8]? {
    var result: [UInt8] = []
    func write(_ list: [Piece]) -> Bool {
      for piece in list {
        switch piece {
        case .literal(let bytes): result.append(contentsOf: bytes)
        case .capture(let number, let part):
          let fits: Bool
          if number < ranges.count {
            fits = Self.write(text.extracting(ranges[number]), part, isDecoded: isDecoded, to: &result)
          } else {
            let value = values[number - ranges.count]
            fits = Self.write(value.span, part, isDecoded: false, to: &result)
          }
          if !fits { return false }
        }
        if result.count > RedirectLimits.locationBytes { return false }
      }
      return true
    }
    guard write(pieces) else { return nil }
    if !namesHost { Self.keepOnHost(&result) }
    if query.count > 0 { Self.append(query, to: &result, hasQuery: hasQuery, handling) }
    guard write(fragment), result.count <= RedirectLimits.locationBytes else { return nil }
    return result
  }

  /// A path begins with one slash: `//host` would be another host's, and to browsers `/\host` too, whose backslash is never written.
  private static func keepOnHost(_ location: inout [UInt8]) {
    if location.first != slash { location.insert(slash, at: 0) }
    let slashes = location.prefix { $0 == slash }.count
    if slashes > 1 { location.removeSubrange(1..<slashes) }
  }

  /// Adds the request's query as the rule wants it.
  static func append(_ query: Span<UInt8>, to location: inout [UInt8], hasQuery: Bool, _ handling: RedirectRule.QueryHandling) {
    if handling == .drop || handling == .keep && hasQuery { return }
    location.append(hasQuery ? UInt8(ascii: "&") : question)
    for i in 0..<query.count {
      let byte = query[i]
      let isFine = ByteClass(byte).contains(.segment) || byte == question || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "]") || byte == percent
      if isFine { location.append(byte) } else { PathText.encode(byte, into: &location) }
    }
  }

  /// Writes a capture so that it ends nothing of where it stands.
  /// - Returns: false when it cannot be a part of a host's name.
  private static func write(_ value: Span<UInt8>, _ part: Part, isDecoded: Bool, to location: inout [UInt8]) -> Bool {
    for i in 0..<value.count {
      let byte = value[i], classes = ByteClass(byte)
      switch part {
      case .authority:
        guard classes.contains(.unreserved), byte != UInt8(ascii: "."), byte != UInt8(ascii: "_"), byte != UInt8(ascii: "~") else { return false }
        location.append(byte)
        continue
      case .path, .fragment: if classes.contains(.segment) { location.append(byte); continue }
      case .query:
        // What divides parameters is no part of one; an old form of + is a space.
        let divides = byte == UInt8(ascii: "&") || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "+") || byte == UInt8(ascii: ";")
        if classes.contains(.segment) && !divides { location.append(byte); continue }
      }
      if byte == percent && !isDecoded && PathText.hasPair(value, at: i) { location.append(byte) } else { PathText.encode(byte, into: &location) }
    }
    return part != .authority || value.count > 0
  }
}

/// Takes a target apart: text, captures, and which part of a URL each is in.
struct TargetScanner {
  enum Piece { case text([UInt8]), capture(Int) }

  private let text: [UInt8], names: [String], isRegex: Bool
  private(set) var pieces: [(Piece, Target.Part)] = []
  private(set) var namesHost = false
  private(set) var hasQuery = false
  private var part = Target.Part.path
  private var literal: [UInt8] = []

  init(_ text: [UInt8], _ names: [String], _ isRegex: Bool) {
    self.text = text
    self.names = names
    self.isRegex = isRegex
  }

  mutating func scan() throws(RedirectProblem) {
    var i = try scanScheme()
    while i < text.count {
      if let (number, end) = try capture(at: i) {
        flush()
        pieces.append((.capture(number), part))
        i = end
        continue
      }
      enter(text[i])
      literal.append(text[i])
      i += 1
    }
    flush()
    try checkAuthority()
  }

  /// `/`, `//`, `http://`, `https://`, or a capture that is a path.
  private mutating func scanScheme() throws(RedirectProblem) -> Int {
    let lower = PathText.folded(text.span)
    for scheme in ["https://", "http://", "//"] where lower.starts(with: scheme.utf8) {
      namesHost = true
      literal = Array(text[..<scheme.utf8.count])
      part = .authority
      return scheme.utf8.count
    }
    if text.first == slash { return 0 }
    if isRegex, text.first == UInt8(ascii: "$"), try capture(at: 0) != nil { return 0 }
    throw RedirectProblem("a target begins with /, http:// or https://")
  }

  private mutating func flush() {
    if !literal.isEmpty { pieces.append((.text(literal), part)) }
    literal = []
  }

  /// A delimiter begins another part of the URL.
  private mutating func enter(_ byte: UInt8) {
    let next: Target.Part
    switch (part, byte) {
    case (.fragment, _): return
    case (_, UInt8(ascii: "#")): next = .fragment
    case (.authority, slash): next = .path
    case (.authority, question), (.path, question): next = .query
    default: return
    }
    flush()
    part = next
    if next == .query { hasQuery = true }
  }

  /// A capture's number, from 0, and where its name ends; nil where there is none.
  private func capture(at index: Int) throws(RedirectProblem) -> (Int, Int)? {
    if isRegex { return try group(at: index) }
    guard text[index] == colon else { return nil }
    var end = index + 1
    while end < text.count && isName(text[end]) { end += 1 }
    let name = String(decoding: text[(index + 1)..<end], as: UTF8.self)
    return names.firstIndex(of: name).map { ($0, end) }
  }

  /// `$1`, `${1}` or `${name}`; a `$` before anything else is one.
  private func group(at index: Int) throws(RedirectProblem) -> (Int, Int)? {
    guard text[index] == UInt8(ascii: "$"), index + 1 < text.count else { return nil }
    let next = text[index + 1]
    var name: String, end: Int
    if next == UInt8(ascii: "{") {
      guard let brace = text[index...].firstIndex(of: UInt8(ascii: "}")) else { return nil }
      (name, end) = (String(decoding: text[(index + 2)..<brace], as: UTF8.self), brace + 1)
    } else if next >= UInt8(ascii: "0") && next <= UInt8(ascii: "9") {
      (name, end) = (String(UnicodeScalar(next)), index + 2)
    } else {
      return nil
    }
    guard let number = names.firstIndex(of: name) else { throw RedirectProblem("the expression has no group \(name)") }
    return (number, end)
  }

  private func isName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
    default: false
    }
  }

  /// A host has a name, and ends with what the author wrote: who could choose its end could choose any host.
  private func checkAuthority() throws(RedirectProblem) {
    guard namesHost else { return }
    var last: [UInt8]?, isOpen = false
    for (index, (piece, part)) in pieces.enumerated() where part == .authority {
      switch piece {
      case .capture:
        isOpen = true
        last = []
      case .text(let bytes):
        last = index == 0 ? Array(bytes[(bytes.firstIndex(of: slash).map { $0 + 2 } ?? 0)...]) : bytes
        // `.com` alone is nobody's host.
        if isOpen && bytes.first == UInt8(ascii: ".") && bytes.dropFirst().dropLast().contains(UInt8(ascii: ".")) { isOpen = false }
        if isOpen && bytes.firstIndex(of: UInt8(ascii: ".")).map({ $0 > 0 && $0 < bytes.count - 1 }) == true { isOpen = false }
      }
    }
    if isOpen {
      throw RedirectProblem("a viewer can choose the host that the target names (an open redirect); write the whole host", isOpenRedirect: true)
    }
    if last?.isEmpty != false { throw RedirectProblem("the target has no host") }
  }
}
