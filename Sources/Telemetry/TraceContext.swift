// Owns: the header traceparent (W3C Trace Context, https://www.w3.org/TR/trace-context/, 3.2): reading it strictly and writing it.
// Pure values; any thread.

/// A trace's id: sixteen bytes, not all zero.
public struct TraceID: Sendable, Equatable {
  /// The first eight bytes, and the last.
  public let high, low: UInt64

  /// An id of two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Its 32 hexadecimal digits.
  public var text: [UInt8] { hexadecimal(high) + hexadecimal(low) }
}

/// A span's id: eight bytes, not all zero.
public typealias SpanID = UInt64

/// What a traceparent says.
public struct TraceContext: Sendable, Equatable {
  /// Bytes of one of version 00.
  public static let length = 55

  /// The trace.
  public var trace: TraceID
  /// The span that a request is part of.
  public var parent: SpanID
  /// Whether who sent it may have recorded the trace.
  public var isSampled: Bool

  /// A context.
  public init(trace: TraceID, parent: SpanID, isSampled: Bool) {
    self.trace = trace
    self.parent = parent
    self.isSampled = isSampled
  }

  /// What a header's value says; nil when it must be ignored: wrong length, version ff, an id of zeros, anything but small hexadecimal digits.
  public init?(_ value: Span<UInt8>) {
    guard value.count >= Self.length, let version = Self.number(value, 0, 2), version != 0xff else { return nil }
    // Later versions may go on behind a hyphen.
    guard value.count == Self.length || version > 0 && value[Self.length] == Self.hyphen else { return nil }
    guard value[2] == Self.hyphen, value[35] == Self.hyphen, value[52] == Self.hyphen else { return nil }
    guard let high = Self.number(value, 3, 16), let low = Self.number(value, 19, 16), let parent = Self.number(value, 36, 16),
      let flags = Self.number(value, 53, 2), high | low != 0, parent != 0
    else { return nil }
    self.init(trace: TraceID(high: high, low: low), parent: parent, isSampled: flags & 1 != 0)
  }

  /// The header's value, of version 00.
  public var text: [UInt8] { Array("00-".utf8) + trace.text + [Self.hyphen] + hexadecimal(parent) + Array(isSampled ? "-01".utf8 : "-00".utf8) }

  private static let hyphen = UInt8(ascii: "-")

  private static func number(_ text: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64? {
    var result: UInt64 = 0
    for i in start..<start + count {
      switch text[i] {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): result = result << 4 | UInt64(text[i] - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): result = result << 4 | UInt64(text[i] - UInt8(ascii: "a") + 10)
      default: return nil
      }
    }
    return result
  }
}

/// The sixteen hexadecimal digits of a number.
func hexadecimal(_ value: UInt64) -> [UInt8] {
  (0..<16).map { place in
    let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place) & 15)
    return digit < 10 ? 48 + digit : 87 + digit
  }
}

/// Makes ids. Not for secrets (xoroshiro128+, Blackman and Vigna); one for each thread.
public struct TraceIDs: Sendable {
  private var state: (UInt64, UInt64)

  /// Ids that nobody else makes, as far as chance goes.
  public init() {
    var random = SystemRandomNumberGenerator()
    state = (random.next() | 1, random.next())
  }

  /// A number, not zero.
  public mutating func next() -> UInt64 {
    let (a, b) = state
    let sum = a &+ b, c = a ^ b
    state = ((a << 24 | a >> 40) ^ c ^ (c << 16), c << 37 | c >> 27)
    return sum == 0 ? 1 : sum
  }

  /// A trace's id.
  public mutating func nextTrace() -> TraceID { TraceID(high: next(), low: next()) }
}
