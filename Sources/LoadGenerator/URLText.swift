// Owns: the little that a client must know of URLs: what may stand in a request's target, and where a Location leads (RFC 3986, 5.2; RFC 9110,
// 10.2.2). Pure.

enum URLText {
  /// A target with everything percent-encoded that no request may have.
  static func encoded(_ text: String) -> String {
    var result = ""
    for byte in text.utf8 {
      if byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "<") && byte != UInt8(ascii: ">") {
        result.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        result += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }
    return result
  }

  /// A percent-decoded text; what is no `%XX` stays.
  static func decoded(_ text: some Sequence<UInt8>) -> [UInt8] {
    var result: [UInt8] = [], pending: [UInt8] = []
    for byte in text {
      pending.append(byte)
      if pending[0] != UInt8(ascii: "%") {
        result.append(byte)
        pending.removeAll()
      } else if pending.count == 3 {
        if let high = digit(pending[1]), let low = digit(pending[2]) { result.append(high << 4 | low) } else { result += pending }
        pending.removeAll()
      }
    }
    return result + pending
  }

  private static func digit(_ byte: UInt8) -> UInt8? { Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) } }

  /// A place on the web.
  struct Place: Equatable {
    var isSecure: Bool
    /// Host and port in lower case, without the scheme's own port.
    var authority: String
    /// Path and query.
    var path: String
  }

  /// Where a Location leads from a place. Dot segments are put away, fragments left out.
  static func resolve(_ location: String, from base: Place) -> Place {
    let text = location.prefix { $0 != "#" }, lower = text.lowercased()
    for (prefix, isSecure) in [("https://", true), ("http://", false), ("//", base.isSecure)] where lower.hasPrefix(prefix) {
      let rest = text.dropFirst(prefix.count), authority = rest.prefix { $0 != "/" && $0 != "?" }
      let path = rest.dropFirst(authority.count)
      return Place(isSecure: isSecure, authority: canonical(String(authority), isSecure), path: withoutDots(path.first == "/" ? String(path) : "/" + path))
    }
    if text.first == "/" { return Place(isSecure: base.isSecure, authority: base.authority, path: withoutDots(String(text))) }
    let own = base.path.prefix { $0 != "?" }
    if text.first == "?" { return Place(isSecure: base.isSecure, authority: base.authority, path: String(own) + text) }
    if text.isEmpty { return base }
    let folder = own.lastIndex(of: "/").map { own[...$0] } ?? "/"
    return Place(isSecure: base.isSecure, authority: base.authority, path: withoutDots(String(folder) + text))
  }

  /// An authority in lower case, without the port that goes without saying.
  static func canonical(_ authority: String, _ isSecure: Bool) -> String {
    let lower = authority.lowercased(), usual = isSecure ? ":443" : ":80"
    return lower.hasSuffix(usual) ? String(lower.dropLast(usual.count)) : lower
  }

  /// RFC 3986, 5.2.4, on the path alone.
  private static func withoutDots(_ target: String) -> String {
    guard target.contains("/.") else { return target }
    let path = target.prefix { $0 != "?" }
    var kept: [Substring] = []
    let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    for (index, segment) in segments.enumerated() {
      let isLast = index == segments.count - 1
      switch segment {
      case ".": if isLast { kept.append("") }
      case "..":
        _ = kept.popLast()
        if isLast { kept.append("") }
      default: kept.append(segment)
      }
    }
    return "/" + kept.joined(separator: "/") + target.dropFirst(path.count)
  }
}
