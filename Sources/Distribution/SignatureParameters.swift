// What signed URLs and cookies carry beside the request proper, and the request without it.
// Pure functions over bytes; any thread. Linear in their input.
// Source: spec/request-pipeline.md 16; CloudFront's guide, "Use signed URLs", "Use signed cookies".
public import TLS

/// The parameters of one signature, as they came.
public struct SignatureParameters: Sendable, Equatable {
  /// The names, in the order of ``values``, as a query has them.
  private static let names: [StaticString] = ["Key-Pair-Id", "Signature", "Policy", "Expires", "Hash-Algorithm"]
  /// What stands before a name in a cookie.
  private static let cookiePrefix: StaticString = "CloudFront-"

  private var values: [[UInt8]?] = [nil, nil, nil, nil, nil]

  /// None.
  public init() {}

  /// Which key signed.
  public var keyPairID: [UInt8]? { values[0] }
  /// The signature, encoded.
  public var signature: [UInt8]? { values[1] }
  /// A custom policy, encoded.
  public var policy: [UInt8]? { values[2] }
  /// When a canned policy ends, in seconds since 1970.
  public var expires: [UInt8]? { values[3] }
  /// The digest's name.
  public var hashAlgorithm: [UInt8]? { values[4] }
  /// Whether there is nothing of a signature: a digest alone is none.
  public var isEmpty: Bool { values[..<4].allSatisfy { $0 == nil } }

  /// Takes the parameters out of a query; of one that is given twice the first counts and none stays.
  /// - Parameter query: without `?`; what is left of it when this returns, nil when nothing is.
  public init(takingFrom query: inout [UInt8]?) {
    guard let whole = query else { return }
    var rest: [UInt8] = [], isFirst = true
    for part in whole.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
      let name = part.prefix { $0 != UInt8(ascii: "=") }
      if let place = Self.place(of: name, prefix: "") {
        keep(Self.percentDecoded(part.dropFirst(name.count + 1)), at: place)
      } else {
        if !isFirst { rest.append(UInt8(ascii: "&")) }
        rest += part
        isFirst = false
      }
    }
    query = isFirst ? nil : rest
  }

  /// Takes the parameters out of cookies.
  /// - Parameter cookies: the pairs of all Cookie fields, `;` between them; what is left of them when this returns.
  public init(takingFrom cookies: inout [UInt8]) {
    var rest: [UInt8] = []
    for part in cookies.split(separator: UInt8(ascii: ";")) {
      let pair = part.drop { $0 == 32 || $0 == 9 }, name = pair.prefix { $0 != UInt8(ascii: "=") }
      if pair.isEmpty { continue }
      if let place = Self.place(of: name, prefix: Self.cookiePrefix) {
        let value = pair.dropFirst(name.count + 1)
        keep(Array(value.prefix(value.count - value.reversed().prefix { $0 == 32 || $0 == 9 }.count)), at: place)
      } else {
        if !rest.isEmpty { rest += [UInt8(ascii: ";"), 32] }
        rest += pair
      }
    }
    cookies = rest
  }

  private mutating func keep(_ value: [UInt8], at place: Int) { values[place] = values[place] ?? value }

  private static func place(of name: ArraySlice<UInt8>, prefix: StaticString) -> Int? {
    guard name.count > prefix.utf8CodeUnitCount, name.elementsEqual(prefix, upTo: prefix.utf8CodeUnitCount) else { return nil }
    let rest = name.dropFirst(prefix.utf8CodeUnitCount)
    return names.firstIndex { $0.utf8CodeUnitCount == rest.count && rest.elementsEqual($0, upTo: rest.count) }
  }

  /// Clients may write `~` as %7E.
  private static func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
    guard text.contains(UInt8(ascii: "%")) else { return Array(text) }
    var decoded: [UInt8] = [], index = text.startIndex
    while index < text.endIndex {
      if text[index] == UInt8(ascii: "%"), index + 2 < text.endIndex, let high = NormalizedPath.hexDigit(text[index + 1]),
        let low = NormalizedPath.hexDigit(text[index + 2])
      {
        decoded.append(high << 4 | low)
        index += 3
      } else {
        decoded.append(text[index])
        index += 1
      }
    }
    return decoded
  }

  // MARK: Values

  /// What a value stands for: base64 with `-` for `+`, `_` for `=` and `~` for `/`; the padding may be left out.
  public static func decoded(_ text: [UInt8]) -> [UInt8]? {
    var end = text.count
    while end > 0 && text.count - end < 2 && text[end - 1] == UInt8(ascii: "_") { end -= 1 }
    guard end % 4 != 1, end == text.count || text.count % 4 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(end / 4 * 3 + 2)
    var bits: UInt32 = 0, count = 0
    for index in 0..<end {
      guard let digit = digit(text[index]) else { return nil }
      bits = bits << 6 | UInt32(digit)
      count += 6
      if count >= 8 {
        count -= 8
        bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
      }
    }
    // What is left over of the last digit stands for nothing, or one signature could be written in several ways.
    return bits & (1 << UInt32(count) - 1) == 0 ? bytes : nil
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
    case UInt8(ascii: "-"): 62
    case UInt8(ascii: "~"): 63
    default: nil
    }
  }

  /// The digest that is named; SHA-1 when none is, nil when it is one that nobody signs with here.
  public var digest: SignatureDigest? {
    guard let hashAlgorithm else { return .sha1 }
    switch String(decoding: hashAlgorithm, as: UTF8.self) {
    case "SHA1": return .sha1
    case "SHA256": return .sha256
    default: return nil
    }
  }
}

extension ArraySlice<UInt8> {
  /// Whether the first bytes are a literal's.
  fileprivate func elementsEqual(_ literal: StaticString, upTo count: Int) -> Bool {
    literal.withUTF8Buffer { bytes in unsafe prefix(count).elementsEqual(bytes.prefix(count)) }
  }
}
