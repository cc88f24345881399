// Owns: building records of columns separated by tabs, as CloudFront's standard logs have them (spec/request-pipeline.md, 21.1): a value that
// is missing is `-`, and what could be taken for the end of a column or a line is percent-encoded.
//
// Every column ends with a tab; the end of the record replaces the last one.

extension LogBuffer {
  /// Starts a record.
  public mutating func beginRecord() {
    lineStart = end
    overflowed = false
  }

  /// Ends the record; hands the block to the writer when it holds ``handOverBytes``. Never blocks.
  public mutating func endRecord() {
    if makeRoom(0) {
      if end > lineStart { end -= 1 }
      put("\n")
    }
    finishLine()
  }

  /// A column without a value.
  public mutating func missing() { if makeRoom(0) { put("-\t") } }

  /// A column of text from outside, percent-encoded as CloudFront does it; `-` when it is empty. At most `valueLimitBytes` are taken.
  public mutating func column(encoding value: Span<UInt8>) {
    guard value.count > 0 else { return missing() }
    guard makeRoom(0) else { return }
    putEncoded(value)
    put("\t")
  }

  /// A column whose value is known to need no encoding; `-` when it is empty.
  public mutating func column(_ value: Span<UInt8>) {
    guard value.count > 0 else { return missing() }
    guard makeRoom(value.count) else { return }
    put(value)
    put("\t")
  }

  /// A column whose value is one of the program's own words; `-` when it is empty.
  public mutating func column(_ value: StaticString) {
    guard value.utf8CodeUnitCount > 0 else { return missing() }
    guard makeRoom(value.utf8CodeUnitCount) else { return }
    put(value)
    put("\t")
  }

  /// A column whose value is a whole number; `-` for a negative one.
  public mutating func column(_ value: Int) {
    guard value >= 0 else { return missing() }
    guard makeRoom(0) else { return }
    putDecimal(UInt64(value))
    put("\t")
  }

  /// A column whose value is a status: three digits.
  public mutating func column(status: Int) {
    guard makeRoom(0) else { return }
    putThreeDigits(UInt64(min(max(status, 0), 999)))
    put("\t")
  }

  /// A column whose value is a number of seconds with three decimals; `-` for a negative one.
  public mutating func column(milliseconds: Int) {
    guard milliseconds >= 0 else { return missing() }
    guard makeRoom(0) else { return }
    putDecimal(UInt64(milliseconds / 1000))
    put(".")
    putThreeDigits(UInt64(milliseconds % 1000))
    put("\t")
  }

  /// A column whose value is the day of a moment: `2026-11-21`, UTC.
  public mutating func column(dateOf time: Timestamp) { putSecond(time, 0..<10) }

  /// A column whose value is the time of day: `02:20:06`, UTC.
  public mutating func column(timeOf time: Timestamp) { putSecond(time, 11..<19) }

  private mutating func putSecond(_ time: Timestamp, _ part: Range<Int>) {
    guard makeRoom(Timestamp.textLength) else { return }
    _ = keepSecond(of: time)
    let text = secondText
    put(text.span.extracting(part))
    put("\t")
  }

  /// The value, encoded; what has no room before the reserve for later columns is cut off.
  private mutating func putEncoded(_ value: Span<UInt8>) {
    let limit = capacityBytes - LogBuffer.tailReserveBytes
    var target = unsafe base + end
    let first = unsafe target, low = Self.lowPlain, high = Self.highPlain
    for i in 0..<min(value.count, LogBuffer.valueLimitBytes, max(0, (limit - end) / 3)) {
      let byte = value[i], row = byte < 64 ? low : byte < 128 ? high : 0
      if row >> UInt64(byte & 63) & 1 != 0 {
        unsafe target.storeBytes(of: byte, as: UInt8.self)
        unsafe target += 1
      } else {
        unsafe target.storeBytes(of: UInt8(ascii: "%"), as: UInt8.self)
        unsafe target.storeBytes(of: Self.digit(byte >> 4), toByteOffset: 1, as: UInt8.self)
        unsafe target.storeBytes(of: Self.digit(byte & 15), toByteOffset: 2, as: UInt8.self)
        unsafe target += 3
      }
    }
    end += unsafe first.distance(to: target)
  }

  /// Bytes below 64, and below 128, that CloudFront's logs show as they are: not what is at most a space or at least DEL, and not
  /// `" # % ' < > [ \ ] ^ ` { | } ~`.
  private static let lowPlain = plain(0), highPlain = plain(64)

  private static func plain(_ first: UInt8) -> UInt64 {
    (first..<first + 64).reduce(0) { bits, byte in
      byte <= 0x20 || byte >= 0x7f || "\"#%'<>[\\]^`{|}~".utf8.contains(byte) ? bits : bits | 1 << UInt64(byte - first)
    }
  }

  private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 + nibble : 55 + nibble }
}
