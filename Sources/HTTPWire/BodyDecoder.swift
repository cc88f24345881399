// Owns: finding payload in the bytes of a message body (RFC 9112, 6 and 7.1). Framing never passes through: what goes on is
// framed anew, so no two readers can disagree about it. Chunk extensions are skipped, trailers told apart, within named limits.

/// Separates the payload of one message body from its framing. A pure state machine.
public struct BodyDecoder: BitwiseCopyable, Sendable {
  /// Bytes of one chunk's extensions that are skipped; more refuse the message.
  public static let maximumExtensionBytes = 4096
  /// Bytes of a trailer section; more refuse the message.
  public static let maximumTrailerBytes = 16_384
  /// Hexadecimal digits of a chunk size.
  static let maximumSizeDigits = 15

  private enum Phase: BitwiseCopyable {
    case done, length, untilClose
    case sizeStart, size, badWhitespace, extensionStart, quoted, quotedPair, sizeLF, data, dataCR, dataLF
    case trailerStart, trailerName, trailerValue, trailerLF, finalLF, malformed
  }
  private var phase = Phase.done
  private var digits = 0
  private var remaining = 0
  /// Bytes of the extensions or trailers under way.
  private var skipped = 0

  /// A decoder for a body that is framed so.
  public init(_ framing: BodyFraming = .none) {
    switch framing {
    case .none: phase = .done
    case .length(let n): (phase, remaining) = (.length, n)
    case .chunked: phase = .sizeStart
    case .untilClose: phase = .untilClose
    }
  }

  /// Whether the body has ended.
  public var isDone: Bool { phase == .done }
  /// Whether the end of the connection is the end of the body.
  public var endsAtClose: Bool { phase == .untilClose }
  /// Payload bytes that are surely still to come, if the framing says: for deciding whether a rest is worth reading.
  public var knownRemaining: Int? { phase == .length ? remaining : phase == .done ? 0 : nil }

  /// What stands at the front of the bytes.
  public enum Step: Equatable, Sendable {
    /// So many bytes of framing, to be consumed.
    case framing(Int)
    /// So many bytes of the trailer section, its empty line included, to be consumed.
    case trailers(Int)
    /// So many bytes of payload, to be taken and consumed.
    case payload(Int)
    /// Nothing yet: more bytes are needed.
    case incomplete
    case done
    case malformed
  }

  /// Looks at the next bytes of the body. The caller consumes what it is told of before it asks again.
  @inline(__always) public mutating func next(_ bytes: Span<UInt8>) -> Step {
    switch phase {
    case .done: return .done
    case .malformed: return .malformed
    case .untilClose: return bytes.isEmpty ? .incomplete : .payload(bytes.count)
    case .length, .data:
      if bytes.isEmpty { return .incomplete }
      let n = min(bytes.count, remaining)
      remaining -= n
      if remaining == 0 { phase = phase == .length ? .done : .dataCR }
      return .payload(n)
    default: return framing(bytes)
    }
  }

  /// Whether the trailer section is under way.
  private var isInTrailers: Bool {
    switch phase {
    case .trailerStart, .trailerName, .trailerValue, .trailerLF, .finalLF: true
    default: false
    }
  }

  private mutating func framing(_ bytes: Span<UInt8>) -> Step {
    var i = 0
    let isInTrailers = isInTrailers
    while i < bytes.count {
      switch phase {
      case .done: return isInTrailers ? .trailers(i) : .framing(i)
      case .data: return .framing(i)
      case .trailerStart where !isInTrailers: return .framing(i)
      case .malformed: return .malformed
      default: accept(bytes[i])
      }
      i += 1
    }
    if phase == .malformed { return .malformed }
    return i == 0 ? .incomplete : isInTrailers ? .trailers(i) : .framing(i)
  }

  /// One byte of framing.
  private mutating func accept(_ byte: UInt8) {
    switch phase {
    case .sizeStart, .size:
      if let digit = hexadecimalDigit(byte) {
        if digits == Self.maximumSizeDigits { return phase = .malformed }
        (remaining, digits, phase) = (remaining << 4 | digit, digits + 1, .size)
      } else if phase == .sizeStart {
        phase = .malformed
      } else {
        switch byte {
        case 13: phase = .sizeLF
        case 59: (phase, skipped) = (.extensionStart, 0)
        case 32, 9: (phase, skipped) = (.badWhitespace, 0)
        default: phase = .malformed
        }
      }
    case .badWhitespace:   // BWS before ';' must be understood (RFC 9112, 7.1.1)
      skipped += 1
      if byte == 59 { phase = .extensionStart } else if (byte != 32 && byte != 9) || skipped > 16 { phase = .malformed }
    case .extensionStart, .quoted, .quotedPair: acceptExtension(byte)
    case .sizeLF: phase = byte != 10 ? .malformed : remaining == 0 ? .trailerStart : .data
    case .dataCR: phase = byte == 13 ? .dataLF : .malformed
    case .dataLF: (phase, digits) = (byte == 10 ? .sizeStart : .malformed, 0)
    case .trailerStart, .trailerName, .trailerValue, .trailerLF: acceptTrailer(byte)
    case .finalLF: phase = byte == 10 ? .done : .malformed
    default: phase = .malformed
    }
  }

  /// `;name=value` with a quoted string as value; a control byte in it refuses.
  private mutating func acceptExtension(_ byte: UInt8) {
    skipped += 1
    if skipped > Self.maximumExtensionBytes || (byte < 32 && byte != 9 && byte != 13) || byte == 127 { return phase = .malformed }
    switch phase {
    case .quotedPair: phase = byte == 13 ? .malformed : .quoted
    case .quoted: phase = byte == 34 ? .extensionStart : byte == 92 ? .quotedPair : byte == 13 ? .malformed : .quoted
    default: phase = byte == 13 ? .sizeLF : byte == 34 ? .quoted : .extensionStart
    }
  }

  /// Trailers must be fields: no folding, no bare CR or LF.
  private mutating func acceptTrailer(_ byte: UInt8) {
    skipped += 1
    if skipped > Self.maximumTrailerBytes { return phase = .malformed }
    switch phase {
    case .trailerStart:
      if byte == 13 { phase = .finalLF } else { phase = byte.isTokenCharacter ? .trailerName : .malformed }
    case .trailerName:
      if byte == 58 { phase = .trailerValue } else if !byte.isTokenCharacter { phase = .malformed }
    case .trailerValue:
      if byte == 13 { phase = .trailerLF } else if (byte < 32 && byte != 9) || byte == 127 { phase = .malformed }
    default: phase = byte == 10 ? .trailerStart : .malformed
    }
  }

  private func hexadecimalDigit(_ byte: UInt8) -> Int? {
    if byte.isDigit { return Int(byte - 48) }
    let lower = byte.lowercased
    return lower >= 97 && lower <= 102 ? Int(lower - 87) : nil
  }
}
