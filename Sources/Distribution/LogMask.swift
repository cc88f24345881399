// Owns: what of a request the access log does not show: cookies, header fields and query parameters, by name.
// Pure functions over bytes; any thread. Masking is generous where servers read alike texts differently: names are compared with
// percent-encoding undone and letter case aside, and what might be a parameter is taken for one.

/// What of a request the access log does not show. `*` among the names stands for every one.
public struct LogMask: Sendable, Equatable {
  /// What stands for a masked value.
  public static let replacement = "***"

  /// Names of cookies, header fields and query parameters, in lower case.
  public let cookies, headers, query: [String]
  /// The same as they are compared: blanks count nowhere, as servers differ in what they make of them.
  private let comparedCookies, comparedQuery: [[UInt8]]

  /// A mask.
  public init(cookies: [String] = [], headers: [String] = [], query: [String] = []) {
    self.cookies = cookies.map { $0.lowercased() }
    self.headers = headers.map { $0.lowercased() }
    self.query = query.map { $0.lowercased() }
    comparedCookies = self.cookies.map(Self.compared)
    comparedQuery = self.query.map(Self.compared)
  }

  /// Whether nothing is masked.
  public var isEmpty: Bool { cookies.isEmpty && headers.isEmpty && query.isEmpty }

  /// Whether the value of a header field is not shown.
  /// - Parameter name: in lower case.
  public func hidesHeader(_ name: String) -> Bool { headers.contains(name) || headers.contains("*") }

  /// A query without what is masked.
  /// - Parameter text: without `?`.
  public func query(_ text: Span<UInt8>) -> [UInt8] { parameters(text, from: 0) }

  /// A URL without what is masked of its query and fragment.
  public func url(_ text: Span<UInt8>) -> [UInt8] {
    var start = 0
    while start < text.count && text[start] != UInt8(ascii: "?") && text[start] != UInt8(ascii: "#") { start += 1 }
    return parameters(text, from: start)
  }

  /// The value of a Cookie header without what is masked (RFC 6265, 4.2.1). A quoted value may hold semicolons, as some servers read it.
  public func cookies(_ text: Span<UInt8>) -> [UInt8] {
    if cookies.isEmpty { return text.bytes }
    var result: [UInt8] = [], place = 0
    result.reserveCapacity(text.count)
    while place < text.count {
      let start = place
      while place < text.count && text[place] != UInt8(ascii: "=") && text[place] != UInt8(ascii: ";") { place += 1 }
      for i in start..<place { result.append(text[i]) }
      guard place < text.count else { break }
      let hides = text[place] == UInt8(ascii: "=") && matches(text, start, place, comparedCookies)
      result.append(text[place])
      place += 1
      guard text[place - 1] == UInt8(ascii: "=") else { continue }
      let end = Self.endOfCookie(text, from: place)
      if hides { result += Self.replacement.utf8 } else { for i in place..<end { result.append(text[i]) } }
      place = end
    }
    return result
  }

  private static func endOfCookie(_ text: Span<UInt8>, from start: Int) -> Int {
    var place = start
    if place < text.count && text[place] == UInt8(ascii: "\"") {
      place += 1
      while place < text.count && text[place] != UInt8(ascii: "\"") { place += 1 }
    }
    while place < text.count && text[place] != UInt8(ascii: ";") { place += 1 }
    return place
  }

  /// Copies a text, masking the values of parameters. A parameter begins where the parameters do and behind each of `? & ; #`; a masked value
  /// ends at `&` only, as not every server takes the others for its end.
  private func parameters(_ text: Span<UInt8>, from begin: Int) -> [UInt8] {
    if query.isEmpty { return text.bytes }
    var result: [UInt8] = [], place = 0, nameStart = begin
    result.reserveCapacity(text.count)
    while place < text.count {
      let byte = text[place]
      result.append(byte)
      place += 1
      guard place > begin else { continue }
      switch byte {
      case UInt8(ascii: "?"), UInt8(ascii: "&"), UInt8(ascii: ";"), UInt8(ascii: "#"): nameStart = place
      case UInt8(ascii: "=") where nameStart >= 0:
        if matches(text, nameStart, place - 1, comparedQuery) {
          result += Self.replacement.utf8
          while place < text.count && text[place] != UInt8(ascii: "&") { place += 1 }
        }
        nameStart = -1   // a further = belongs to the value
      default: break
      }
    }
    return result
  }

  /// Whether the bytes between two places spell one of the names.
  private func matches(_ text: Span<UInt8>, _ start: Int, _ end: Int, _ names: [[UInt8]]) -> Bool {
    if names.contains([UInt8(ascii: "*")]) { return true }
    var name: [UInt8] = [], place = start
    while place < end {
      var byte = text[place]
      if byte == UInt8(ascii: "%"), place + 2 < end, let high = Self.digit(text[place + 1]), let low = Self.digit(text[place + 2]) {
        byte = high << 4 | low
        place += 2
      }
      place += 1
      if Self.isBlank(byte) { continue }   // around the name, or within one that has some
      name.append(byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte)
    }
    return names.contains(name)
  }

  /// `+` is how forms write a blank.
  private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "+") }
  private static func compared(_ name: String) -> [UInt8] { name.utf8.filter { !isBlank($0) } }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

extension Span<UInt8> {
  fileprivate var bytes: [UInt8] {
    var copy: [UInt8] = []
    copy.reserveCapacity(count)
    for i in indices { copy.append(self[i]) }
    return copy
  }
}
