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

  /// The key of an event; empty where it has none: then the choice is random. Asked for each invocation: nothing is read but what lies on the way.
  func key(of payload: [UInt8]) -> [UInt8] { (try? find(in: payload)) ?? [] }

  private func find(in payload: [UInt8]) throws(JSONFailure) -> [UInt8] {
    var reader = try JSONReader(payload.span, replacesHalfPairs: true)
    guard try reader.enter("Records"), try reader.next() == .arrayStart, try reader.enter("cf"), try reader.enter("request") else { return [] }
    switch self {
    case .clientIP:
      guard try reader.enter("clientIp"), try reader.next() == .string else { return [] }
      return reader.bytes.array
    case .header(let name):
      guard try reader.enter("headers"), try reader.enter(name), try reader.next() == .arrayStart else { return [] }
      return try reader.nextValue() ?? []
    case .cookie(let name):
      guard try reader.enter("headers"), try reader.enter("cookie"), try reader.next() == .arrayStart else { return [] }
      let wanted = Array("\(name)=".utf8)
      while let line = try reader.nextValue() {
        for pair in line.split(separator: UInt8(ascii: ";")) {
          let trimmed = pair.drop { $0 == UInt8(ascii: " ") }
          if trimmed.starts(with: wanted) { return Array(trimmed.dropFirst(wanted.count)) }
        }
      }
      return []
    }
  }
}

extension JSONReader {
  /// Goes into the object that comes next, up to the value of a member.
  /// - Returns: false when it is no object or has no such member.
  fileprivate mutating func enter(_ name: String) throws(JSONFailure) -> Bool {
    guard try next() == .objectStart else { return false }
    while try next() == .name {
      if bytes.equals(name.utf8.span) { return true }
      try skipValue()
    }
    return false
  }

  /// The `value` of the next entry of a header's list; nil when there is none.
  fileprivate mutating func nextValue() throws(JSONFailure) -> [UInt8]? {
    let list = depth
    guard try enter("value"), try next() == .string else { return nil }
    let value = bytes.array
    while depth > list { _ = try next() }
    return value
  }
}
