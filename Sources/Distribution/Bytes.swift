// Comparing bytes from the wire with names we know, without making strings.

/// The lower-case form of an ASCII letter; any other byte unchanged.
@usableFromInline @inline(__always)
func lowercased(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

extension Span where Element == UInt8 {
  /// Whether these are exactly the bytes of a short ASCII literal.
  func equals(_ literal: String) -> Bool {
    let bytes = literal.utf8
    guard bytes.count == count else { return false }
    var index = 0
    for byte in bytes {
      if self[index] != byte { return false }
      index += 1
    }
    return true
  }
}

/// A set of lower-case ASCII names that is searched with bytes in any case. Immutable, allocation-free to search.
///
/// The names lie one after another in one array, grouped by length; a bit mask of the lengths answers most searches.
public struct NameTable: Sendable, Equatable {
  /// Bit n is set when a name of n bytes (63 for every longer one) is in the table.
  @usableFromInline var lengthMask: UInt64 = 0
  /// All names, one after another.
  @usableFromInline var bytes: [UInt8] = []
  /// Where each name begins in `bytes`, and where the last one ends.
  @usableFromInline var starts: [Int32] = [0]

  /// A table of these names, in whatever case.
  public init(_ names: some Sequence<String>) {
    for name in names {
      bytes.append(contentsOf: name.utf8.lazy.map(lowercased))
      starts.append(Int32(bytes.count))
      lengthMask |= 1 << UInt64(min(name.utf8.count, 63))
    }
  }

  /// Whether nothing is in the table.
  public var isEmpty: Bool { starts.count == 1 }

  /// Whether the name is in the table, ASCII case ignored.
  @inlinable
  public func contains(_ name: Span<UInt8>) -> Bool {
    let length = name.count
    guard lengthMask >> UInt64(min(length, 63)) & 1 == 1 else { return false }
    for index in 1..<starts.count {
      let start = Int(starts[index - 1])
      if Int(starts[index]) - start == length && matches(name, at: start) { return true }
    }
    return false
  }

  /// Whether the name equals the bytes of the same length from `start`.
  @inlinable
  func matches(_ name: Span<UInt8>, at start: Int) -> Bool {
    for index in 0..<name.count where bytes[start + index] != lowercased(name[index]) { return false }
    return true
  }
}
