// Times and sizes as they are written: `500ms`, `30s`, `2MiB`.
// Source: design/configuration.md.

extension Value {
  /// A time: a number of seconds, or a number with `ms`, `s`, `m`, `h` or `d`.
  func duration(_ range: ClosedRange<Duration>) -> Duration? {
    guard let text = plainText, let milliseconds = Quantity.milliseconds(text) else {
      mismatch("a time such as 500ms, 30s, 5m, 1h or 1d, or a number of seconds")
      return nil
    }
    let duration = Duration.milliseconds(milliseconds)
    guard range.contains(duration) else {
      let bounds = "from \(Quantity.describe(range.lowerBound)) to \(Quantity.describe(range.upperBound))"
      error("\(name) must be \(bounds), not \(text)")
      return nil
    }
    return duration
  }

  /// A time that is a whole number of seconds.
  func seconds(_ range: ClosedRange<Int>) -> Int? {
    guard let duration = duration(.seconds(range.lowerBound) ... .seconds(range.upperBound)) else { return nil }
    let (seconds, attoseconds) = duration.components
    if attoseconds != 0 {
      error("\(name) must be a whole number of seconds")
      return nil
    }
    return Int(seconds)
  }

  /// A size: a number of bytes, or a number with `KiB`, `MiB` or `GiB`.
  func byteCount(_ range: ClosedRange<Int>) -> Int? {
    guard let text = plainText, let bytes = Quantity.bytes(text) else {
      mismatch("a size such as 64KiB, 2MiB or 1GiB, or a number of bytes")
      return nil
    }
    guard range.contains(bytes) else {
      let bounds = "from \(Quantity.describe(range.lowerBound)) to \(Quantity.describe(range.upperBound))"
      error("\(name) must be \(bounds), not \(text)")
      return nil
    }
    return bytes
  }
}

package enum Quantity {
  private static let timeUnits = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
  private static let sizeUnits = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("B", 1)]

  /// The milliseconds of a time; nil when it is none.
  package static func milliseconds(_ text: String) -> Int? { scaled(text, units: timeUnits, plain: 1000) }
  static func bytes(_ text: String) -> Int? { scaled(text, units: sizeUnits, plain: 1) }

  /// A decimal number with at most 15 digits before and 3 after its point, times its unit; nil for anything else.
  private static func scaled(_ text: String, units: [(String, Int)], plain: Int) -> Int? {
    let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    let unit = text[number.endIndex...].drop { $0 == " " }
    guard let scale = unit.isEmpty ? plain : units.first(where: { $0.0 == unit })?.1 else { return nil }
    let parts = number.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, first.count <= 15, let whole = Int(first) else { return nil }
    var (result, overflow) = whole.multipliedReportingOverflow(by: scale)
    if overflow { return nil }
    if parts.count == 2 {
      guard (1...3).contains(parts[1].count), let fraction = Int(parts[1]) else { return nil }
      let divisor = [10, 100, 1000][parts[1].count - 1]
      guard fraction * scale % divisor == 0 else { return nil }
      (result, overflow) = result.addingReportingOverflow(fraction * scale / divisor)
    }
    return overflow ? nil : result
  }

  /// A time in its largest whole unit.
  static func describe(_ duration: Duration) -> String {
    let milliseconds = Int(duration / .milliseconds(1))
    let unit = timeUnits.last { milliseconds >= $0.1 && milliseconds % $0.1 == 0 } ?? ("ms", 1)
    return "\(milliseconds / unit.1)\(unit.0)"
  }

  /// A size in its largest whole unit.
  static func describe(_ bytes: Int) -> String {
    let unit = sizeUnits.dropLast().last { bytes >= $0.1 && bytes % $0.1 == 0 } ?? (" bytes", 1)
    return "\(bytes / unit.1)\(unit.0)"
  }
}
