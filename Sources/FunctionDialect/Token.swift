// Owns: the words of a source. What a slash begins depends on what stands before it, so `Outline` asks for one token at a time
// and says whether an operand may follow.
// Source: ECMA-262, 12 (lexical grammar) and B.1.1 (comments like HTML's).

/// One token.
struct Token {
  enum Kind: UInt8 {
    /// A name or a keyword, its escapes undone.
    case name
    /// `#name`.
    case privateName
    case number
    case string
    /// A piece of a template literal, from a backquote or `}` to `${` or a backquote.
    case template
    case regularExpression
    /// An operator or bracket, with its text.
    case punctuator
  }

  var kind: Kind
  /// Its text, for names and punctuators; for a regular expression its flags. Empty otherwise.
  var text: String
  /// Its first byte in the source.
  var start: Int
  /// The byte behind it.
  var end: Int
  /// Whether a line ends between it and the token before.
  var startsLine: Bool
  /// The innermost bracket around it, as an index of `Outline.brackets`; an opening or closing bracket stands outside its own.
  var enclosing = 0
  /// The pair it belongs to when it opens or closes one; 0 otherwise.
  var bracket = 0
  /// What it turned out to be.
  var use = Use.other

  enum Use: UInt8 {
    case other
    /// A name that stands for a value, to be looked up.
    case reference
    /// A name that is a statement's label, a member or a key.
    case property
    /// A name that is given a meaning here.
    case declaration
    /// A keyword that acts as one.
    case keyword
    /// The backquote of a template with a tag before it.
    case tagged
  }

  func isPunctuator(_ text: String) -> Bool { kind == .punctuator && self.text == text }
  func isKeyword(_ text: String) -> Bool { use == .keyword && self.text == text }
}

/// Reads tokens from bytes.
struct Tokenizer {
  let source: [UInt8]
  private(set) var place = 0
  private var sawLineEnd = true

  init(_ source: [UInt8]) {
    self.source = source
    if source.starts(with: [0xef, 0xbb, 0xbf]) { place = 3 }
    if at(0, UInt8(ascii: "#")), at(1, UInt8(ascii: "!")) { skipLine() }
  }

  /// What came of asking for a token.
  enum Result {
    case token(Token)
    case end
    /// The bytes here are no token.
    case unreadable
  }

  /// The next token.
  /// - Parameter operandExpected: a slash begins a regular expression here, not a division.
  mutating func next(operandExpected: Bool) -> Result {
    guard skipBlank() else { return .unreadable }
    let startsLine = sawLineEnd
    sawLineEnd = false
    let start = place
    guard let byte = peek(0) else { return .end }
    var text = "", kind = Token.Kind.punctuator
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "'"):
      kind = .string
      guard skipString(byte) else { return .unreadable }
    case UInt8(ascii: "`"):
      kind = .template
      guard skipTemplate() else { return .unreadable }
    case UInt8(ascii: "0")...UInt8(ascii: "9"):
      kind = .number
      skipNumber()
    case UInt8(ascii: ".") where peek(1).map(Tokenizer.isDigit) ?? false:
      kind = .number
      skipNumber()
    case UInt8(ascii: "/") where operandExpected:
      kind = .regularExpression
      guard skipRegularExpression() else { return .unreadable }
      text = name() ?? ""
    case UInt8(ascii: "#"):
      kind = .privateName
      place += 1
      guard let name = name() else { return .unreadable }
      text = name
    default:
      if let name = name() {
        (kind, text) = (.name, name)
      } else if let punctuator = punctuator() {
        text = punctuator
      } else {
        return .unreadable
      }
    }
    return .token(Token(kind: kind, text: text, start: start, end: place, startsLine: startsLine))
  }

  /// The rest of a template behind the `}` of a substitution, which has just been read; nil when it has no end.
  mutating func templateRest() -> Token? {
    let start = place - 1
    place -= 1
    guard skipTemplate() else { return nil }
    return Token(kind: .template, text: "", start: start, end: place, startsLine: false)
  }

  // MARK: Bytes

  private func peek(_ distance: Int) -> UInt8? { place + distance < source.count ? source[place + distance] : nil }
  private func at(_ distance: Int, _ byte: UInt8) -> Bool { peek(distance) == byte }
  private func at(_ text: String) -> Bool {
    let end = place + text.utf8.count
    return end <= source.count && source[place..<end].elementsEqual(text.utf8)
  }

  static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// Whether a byte may stand in a name; those of other scripts all may, white space beyond ASCII is looked at before.
  private static func isNamePart(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...0xff:
      true
    default: false
    }
  }

  /// The length of the white space at some place, and whether it ends a line; nil where there is none.
  private func blank() -> (length: Int, endsLine: Bool)? {
    switch peek(0) {
    case 0x09, 0x0b, 0x0c, 0x20: (1, false)
    case 0x0a, 0x0d: (1, true)
    case 0xc2 where at(1, 0xa0): (2, false)
    case 0xe2 where at(1, 0x80) && (at(2, 0xa8) || at(2, 0xa9)): (3, true)
    case 0xe2 where at(1, 0x80) && ((0x80...0x8a).contains(peek(2) ?? 0) || at(2, 0xaf)): (3, false)
    case 0xe2 where at(1, 0x81) && at(2, 0x9f), 0xe1 where at(1, 0x9a) && at(2, 0x80), 0xe3 where at(1, 0x80) && at(2, 0x80),
      0xef where at(1, 0xbb) && at(2, 0xbf):
      (3, false)
    default: nil
    }
  }

  /// Passes white space and comments; false at a comment without an end.
  private mutating func skipBlank() -> Bool {
    while true {
      if let blank = blank() {
        place += blank.length
        sawLineEnd = sawLineEnd || blank.endsLine
      } else if at("//") || at("<!--") || sawLineEnd && at("-->") {
        skipLine()
      } else if at("/*") {
        place += 2
        while !at("*/") {
          guard let byte = peek(0) else { return false }
          sawLineEnd = sawLineEnd || byte == 0x0a || byte == 0x0d
          place += 1
        }
        place += 2
      } else {
        return true
      }
    }
  }

  private mutating func skipLine() {
    while place < source.count, blank()?.endsLine != true { place += 1 }
  }

  private mutating func skipString(_ quote: UInt8) -> Bool {
    place += 1
    while let byte = peek(0) {
      place += 1
      if byte == quote { return true }
      if byte == 0x0a || byte == 0x0d { return false }
      if byte == UInt8(ascii: "\\") {
        if at("\r\n") { place += 1 }
        place += 1
      }
    }
    return false
  }

  /// From a backquote or `}` to behind the next backquote or `${`.
  private mutating func skipTemplate() -> Bool {
    place += 1
    while let byte = peek(0) {
      place += 1
      if byte == UInt8(ascii: "`") { return true }
      if byte == UInt8(ascii: "$"), at(0, UInt8(ascii: "{")) {
        place += 1
        return true
      }
      if byte == UInt8(ascii: "\\") { place += 1 }
    }
    return false
  }

  private mutating func skipRegularExpression() -> Bool {
    place += 1
    var inClass = false
    while let byte = peek(0), blank()?.endsLine != true {
      place += 1
      switch byte {
      case UInt8(ascii: "["): inClass = true
      case UInt8(ascii: "]"): inClass = false
      case UInt8(ascii: "/") where !inClass: return true
      case UInt8(ascii: "\\"):
        if blank()?.endsLine == true { return false }
        place += 1
      default: break
      }
    }
    return false
  }

  /// Digits of any base, separators, a point, an exponent and the suffix of a BigInt.
  private mutating func skipNumber() {
    let isPrefixed = at(0, UInt8(ascii: "0")) && "xXoObB".utf8.contains(peek(1) ?? 0)
    if isPrefixed { place += 2 }
    var sawPoint = false
    while let byte = peek(0) {
      if byte == UInt8(ascii: "."), !sawPoint, !isPrefixed {
        sawPoint = true
      } else if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E"), !isPrefixed {
        if at(1, UInt8(ascii: "+")) || at(1, UInt8(ascii: "-")) { place += 1 }
      } else if !Tokenizer.isNamePart(byte) || byte >= 0x80 {
        return
      }
      place += 1
    }
  }

  /// A name at this place, `\u0061` and `\u{61}` undone; nil when there is none.
  private mutating func name() -> String? {
    let start = place
    while let byte = peek(0), Tokenizer.isNamePart(byte), byte < 0x80 || blank() == nil { place += 1 }
    if !at(0, UInt8(ascii: "\\")) { return place == start ? nil : String(decoding: source[start..<place], as: UTF8.self) }
    var text = String(decoding: source[start..<place], as: UTF8.self)
    while let byte = peek(0) {
      if byte == UInt8(ascii: "\\") {
        guard let scalar = escapedScalar() else { return nil }
        text.unicodeScalars.append(scalar)
      } else if Tokenizer.isNamePart(byte), byte < 0x80 || blank() == nil {
        let run = place
        while let byte = peek(0), Tokenizer.isNamePart(byte), byte < 0x80 || blank() == nil { place += 1 }
        text += String(decoding: source[run..<place], as: UTF8.self)
      } else {
        break
      }
    }
    return text
  }

  /// Reads `\uXXXX` or `\u{X…}`.
  private mutating func escapedScalar() -> Unicode.Scalar? {
    guard at(1, UInt8(ascii: "u")) else { return nil }
    place += 2
    let isBraced = at(0, UInt8(ascii: "{"))
    if isBraced { place += 1 }
    var value: UInt32 = 0, digits = 0
    while let byte = peek(0), let digit = Character(Unicode.Scalar(byte)).hexDigitValue, digits < (isBraced ? 8 : 4) {
      value = value << 4 | UInt32(digit)
      digits += 1
      place += 1
    }
    if isBraced {
      guard at(0, UInt8(ascii: "}")), digits > 0 else { return nil }
      place += 1
    } else if digits != 4 {
      return nil
    }
    return Unicode.Scalar(value)
  }

  /// Every operator and bracket, by first byte, the longest first.
  private static let punctuators: [UInt8: [String]] = {
    let all = [
      ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=", ">=", "&&", "||", "??", "?.",
      "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<", ">>", "**", "{", "}", "(", ")", "[", "]", ".", ";", ",", "<", ">",
      "+", "-", "*", "/", "%", "&", "|", "^", "!", "~", "?", ":", "=",
    ]
    return Dictionary(grouping: all) { $0.utf8.first ?? 0 }
  }()

  private mutating func punctuator() -> String? {
    for text in Tokenizer.punctuators[peek(0) ?? 0] ?? [] {
      let count = text.utf8.count
      guard place + count <= source.count, source[place..<place + count].elementsEqual(text.utf8) else { continue }
      // `a?.5:b` is a question about .5.
      if text == "?.", peek(2).map(Tokenizer.isDigit) ?? false { continue }
      place += count
      return text
    }
    return nil
  }
}
