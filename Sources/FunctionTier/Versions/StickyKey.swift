// Owns: what keeps a viewer at one version of an alias that shares invocations out: a part of the request in the event. Pure; any thread.
import JSONText

/// A part of an event's request.
public enum StickyKey: Sendable, Equatable {
  /// The viewer's address.
  case clientIP
  /// The first value of a header, by its name in lower case.
  case header(String)
  /// A cookie's value.
  case cookie(String)

  /// As it is written: `client-ip`, `header:NAME`, `cookie:NAME`. Nil for anything else.
  public init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
    switch (parts.first, parts.count) {
    case ("client-ip", 1): self = .clientIP
    case ("header", 2): self = .header(parts[1].lowercased())
    case ("cookie", 2): self = .cookie(parts[1])
    default: return nil
    }
  }

  /// The same as text.
  public var text: String {
    switch self {
    case .clientIP: "client-ip"
    case .header(let name): "header:\(name)"
    case .cookie(let name): "cookie:\(name)"
    }
  }

  /// The key of an event; empty where it has none: then the choice is random.
  func key(of payload: [UInt8]) -> [UInt8] {
    guard let event = try? JSONValue(parsing: payload.span, replacesHalfPairs: true), let request = event["Records"]?.array?.first?["cf"]?["request"] else { return [] }
    func values(_ name: String) -> [String] { (request["headers"]?[name]?.array ?? []).compactMap { $0["value"]?.string } }
    switch self {
    case .clientIP: return Array((request["clientIp"]?.string ?? "").utf8)
    case .header(let name): return Array((values(name).first ?? "").utf8)
    case .cookie(let name):
      for line in values("cookie") {
        for pair in line.split(separator: ";") {
          let trimmed = pair.drop { $0 == " " }
          if trimmed.hasPrefix(name + "=") { return Array(trimmed.dropFirst(name.utf8.count + 1).utf8) }
        }
      }
      return []
    }
  }
}
