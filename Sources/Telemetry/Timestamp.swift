// Owns: points in time as log lines write them (RFC 3339 / ISO 8601, UTC, milliseconds).
// Pure arithmetic on values but for the two clocks at the end, which any thread may read; no C library calendar, hence no locale and no lock.

internal import CSystem
internal import Glibc

/// A moment on the wall clock in milliseconds since 1970-01-01T00:00:00Z (leap seconds not counted, as POSIX does).
public struct Timestamp: Sendable, Equatable {
  public var milliseconds: Int64

  public init(milliseconds: Int64) { self.milliseconds = milliseconds }

  /// How many bytes `2026-11-21T02:20:06.123Z` takes.
  public static let textLength = 24

  /// Now, by CLOCK_REALTIME. Any thread.
  public static var now: Timestamp {
    let (seconds, nanoseconds) = readClock(CLOCK_REALTIME)
    return Timestamp(milliseconds: seconds * 1000 + nanoseconds / 1_000_000)
  }

  /// The year, month and day of the proleptic Gregorian calendar for a count of days since 1970-01-01.
  /// Years run from March here, so that the leap day is the last day of a year.
  static func civil(daysSinceEpoch days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let marchMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
    let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
  }

  /// The 24 bytes `2026-11-21T02:20:06.123Z`. Years outside 0…9999 are written as 0000 or 9999.
  public var text: [UInt8] {
    let (days, withinDay) = milliseconds.dividedFloor(by: 86_400_000)
    let (year, month, day) = Timestamp.civil(daysSinceEpoch: days)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Timestamp.textLength)
    func put(_ value: Int64, digits: Int, then separator: Unicode.Scalar) {
      var divisor: Int64 = 1
      for _ in 1..<digits { divisor *= 10 }
      while divisor > 0 {
        bytes.append(UInt8(truncatingIfNeeded: 48 + value / divisor % 10))
        divisor /= 10
      }
      bytes.append(UInt8(ascii: separator))
    }
    put(min(max(year, 0), 9999), digits: 4, then: "-")
    put(month, digits: 2, then: "-")
    put(day, digits: 2, then: "T")
    put(withinDay / 3_600_000, digits: 2, then: ":")
    put(withinDay / 60_000 % 60, digits: 2, then: ":")
    put(withinDay / 1_000 % 60, digits: 2, then: ".")
    put(withinDay % 1_000, digits: 3, then: "Z")
    return bytes
  }
}

extension Int64 {
  /// Quotient rounded toward minus infinity and the remainder, which is never negative.
  func dividedFloor(by divisor: Int64) -> (quotient: Int64, remainder: Int64) {
    let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
    return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
  }
}

/// Milliseconds on CLOCK_MONOTONIC; for intervals and deadlines. Any thread.
func monotonicMilliseconds() -> Int64 {
  let (seconds, nanoseconds) = readClock(CLOCK_MONOTONIC)
  return seconds * 1000 + nanoseconds / 1_000_000
}

private func readClock(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
  var time = timespec()
  unsafe clock_gettime(clock, &time)
  return (Int64(time.tv_sec), Int64(time.tv_nsec))
}
