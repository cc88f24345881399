// Owns: requests that a rule is for: the smallest that comes to mind, and others unlike it. For looking at a table, not for serving. Pure.

/// A request that a rule is for.
struct Sample {
  var path: [UInt8]
  var query: [UInt8]?
  var facts: RedirectFacts

  /// What a person types: the path and query, with the host where a condition names one.
  var url: String {
    let target = String(decoding: path, as: UTF8.self) + (query.map { "?" + String(decoding: $0, as: UTF8.self) } ?? "")
    return facts.host.isEmpty ? target : (facts.isSecure ? "https://" : "http://") + String(decoding: facts.host, as: UTF8.self) + target
  }
}

extension Sample {
  /// What stands for a placeholder, and for the rest behind a `*`; how an expression's free parts are chosen.
  static let variants: [(segment: String, rest: String, digit: UInt8, letter: UInt8)] = [
    ("x", "", UInt8(ascii: "0"), UInt8(ascii: "x")), ("7", "7/q", UInt8(ascii: "7"), UInt8(ascii: "q")),
    ("zz-k", "zz-k.html", UInt8(ascii: "9"), UInt8(ascii: "k")),
  ]

  /// A request for a rule; nil when none comes to mind, as for some expressions.
  static func make(_ table: RedirectTable, _ index: Int, variant: Int = 0) -> Sample? {
    guard let detail = table.detail(index) else { return Sample(path: table.key(index), query: nil, facts: .none) }
    return make(detail.rule, variant: variant, accepts: { path in
      guard case .regex(let expression) = detail.pattern else { return true }
      return expression.matches(path.span)
    })
  }

  /// - Parameters:
  ///   - segment: stands for placeholders, instead of the variant's own.
  ///   - accepts: whether an expression's path is one.
  static func make(_ rule: RedirectRule, variant: Int = 0, segment: String? = nil, accepts: ([UInt8]) -> Bool = { _ in true }) -> Sample? {
    let choice = variants[variant % variants.count]
    var text: [UInt8]
    switch rule.kind {
    case .exact: text = Array(rule.from.utf8)
    case .prefix: text = Array((rule.from.dropLast() + (segment ?? choice.rest)).utf8)
    case .placeholders:
      var parts = rule.from.split(separator: "/", omittingEmptySubsequences: false).map { part -> String in
        RedirectRule.isPlaceholder(part).map { $0.isEmpty ? String(part) : segment ?? choice.segment } ?? String(part)
      }
      if let last = parts.last, last.hasSuffix("*"), rule.from.hasSuffix("*") { parts[parts.count - 1] = last.dropLast() + choice.rest }
      text = Array(parts.joined(separator: "/").utf8)
    case .regex:
      var maker = ExpressionSample(rule.from, digit: choice.digit, letter: choice.letter)
      guard let made = maker.make(), accepts(made) else { return nil }
      text = made.first == slash ? made : [slash] + made
      guard accepts(text) else { return nil }
    }
    let path = rule.matchesDecoded && rule.kind == .regex ? encoded(text) : PathText.canonical(text.span)
    var sample = Sample(path: path, query: nil, facts: RedirectFacts())
    for condition in rule.conditions where !condition.isNegated { sample.fulfil(condition.subject) }
    sample.facts.query = sample.query
    return sample
  }

  /// A decoded path as a request has it.
  private static func encoded(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    for byte in text { if ByteClass(byte).contains(.segment) { result.append(byte) } else { PathText.encode(byte, into: &result) } }
    return result
  }

  private mutating func fulfil(_ subject: RedirectCondition.Subject) {
    func add(_ pair: String) { query = (query.map { $0 + [UInt8(ascii: "&")] } ?? []) + Array(pair.utf8) }
    switch subject {
    case .host(let names): facts.host = names.first.map { Array(($0.hasPrefix("*.") ? "x" + $0.dropFirst() : $0).utf8) } ?? []
    case .hostMatches(let pattern): facts.host = text(pattern)
    case .method(let methods): facts.method = methods.first.map { Array($0.utf8) } ?? []
    case .scheme(let scheme): facts.isSecure = scheme == "https"
    case .query(let text): query = Array(text.utf8)
    case .queryMatches(let pattern): query = text(pattern)
    case .parameter(let name, let value): add(name + (value.map { "=" + $0 } ?? "=1"))
    case .captured(let name, _): add(name + "=1")
    case .cookie(let name, let value): facts.cookies = (facts.cookies.isEmpty ? [] : facts.cookies + [59, 32]) + Array("\(name)=\(value ?? "1")".utf8)
    case .cookies(let names): facts.cookies = (facts.cookies.isEmpty ? [] : facts.cookies + [59, 32]) + Array("\(names.first ?? "")=1".utf8)
    case .country(let codes): facts.country = codes.first.map { Array($0.utf8) } ?? []
    case .language(let tags): facts.languages = tags.first.map { Array($0.utf8) } ?? []
    }
    func text(_ pattern: String) -> [UInt8] {
      var maker = ExpressionSample(pattern, digit: UInt8(ascii: "0"), letter: UInt8(ascii: "x"))
      return maker.make() ?? []
    }
  }
}

/// Makes a text that an expression matches: of alternatives the first, of repetitions the fewest. Knows what people write in rules; for
/// anything else it gives up, and whoever asked makes sure with the expression itself.
struct ExpressionSample {
  private let pattern: [Character]
  private let digit: UInt8, letter: UInt8
  private var i = 0, depth = 0

  init(_ pattern: String, digit: UInt8, letter: UInt8) {
    self.pattern = Array(pattern)
    (self.digit, self.letter) = (digit, letter)
  }

  mutating func make() -> [UInt8]? {
    let text = alternatives()
    return i == pattern.count ? text : nil
  }

  private var next: Character? { i < pattern.count ? pattern[i] : nil }

  private mutating func alternatives() -> [UInt8]? {
    guard depth < 32, let first = sequence() else { return nil }
    while next == "|" {
      i += 1
      guard sequence() != nil else { return nil }
    }
    return first
  }

  private mutating func sequence() -> [UInt8]? {
    var text: [UInt8] = []
    while let character = next, character != "|", character != ")" {
      guard let atom = atom(character), let count = repetitions() else { return nil }
      for _ in 0..<count { text += atom }
    }
    return text
  }

  private mutating func atom(_ character: Character) -> [UInt8]? {
    i += 1
    switch character {
    case "^", "$": return []
    case ".": return [letter]
    case "(": return group()
    case "[": return characterClass()
    case "\\": return escape()
    case "*", "+", "?": return nil
    default: return Array(String(character).utf8)
    }
  }

  private mutating func group() -> [UInt8]? {
    if next == "?" {
      i += 1
      if next == "P" { i += 1 }
      if next == ":" { i += 1 } else if next == "<" {
        while let character = next, character != ">" { i += 1; _ = character }
        i += 1
      } else { return nil }
    }
    depth += 1
    defer { depth -= 1 }
    guard let text = alternatives(), next == ")" else { return nil }
    i += 1
    return text
  }

  private mutating func escape() -> [UInt8]? {
    guard let character = next else { return nil }
    i += 1
    switch character {
    case "d": return [digit]
    case "w": return [letter]
    case "D", "S", "W": return character == "W" ? [UInt8(ascii: "-")] : [letter]
    case "s": return [UInt8(ascii: " ")]
    case "b", "A", "z": return []
    default: return character.isASCII && !character.isLetter && !character.isNumber ? Array(String(character).utf8) : nil
    }
  }

  /// The first member that suits; of a negated class, something that is none.
  private mutating func characterClass() -> [UInt8]? {
    var members: [Range<UInt8>] = [], isNegated = false, isFirst = true
    if next == "^" { isNegated = true; i += 1 }
    while let character = next, character != "]" || isFirst {
      isFirst = false
      i += 1
      var low = character.asciiValue
      if character == "\\" {
        guard let escaped = escape(), let byte = escaped.first else { return nil }
        if byte == digit { members.append(UInt8(ascii: "0")..<UInt8(ascii: "9") + 1) }
        low = byte
      }
      guard let first = low else { return nil }
      if next == "-", i + 1 < pattern.count, pattern[i + 1] != "]", let last = pattern[i + 1].asciiValue, last >= first {
        i += 2
        members.append(first..<last + 1)
      } else {
        members.append(first..<first + 1)
      }
    }
    guard next == "]", !members.isEmpty else { return nil }
    i += 1
    let wanted = [letter, digit, UInt8(ascii: "-"), UInt8(ascii: "x"), UInt8(ascii: "_"), UInt8(ascii: "A")]
    let found = wanted.first { byte in members.contains { $0.contains(byte) } != isNegated }
    return (found ?? (isNegated ? nil : members[0].lowerBound)).map { [$0] }
  }

  /// How often, at least, what stood before.
  private mutating func repetitions() -> Int? {
    var count = 1
    switch next {
    case "*", "?": count = 0; i += 1
    case "+": i += 1
    case "{":
      i += 1
      var text = ""
      while let character = next, character != "}" { text.append(character); i += 1 }
      guard next == "}", let least = Int(text.prefix { $0 != "," }), least <= 100 else { return nil }
      i += 1
      count = least
    default: return 1
    }
    if next == "?" { i += 1 }
    return count
  }
}
