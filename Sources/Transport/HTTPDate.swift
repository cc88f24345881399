// Owns: dates as HTTP writes and reads them (RFC 9110, 5.6.7). Pure functions; any thread.

/// The dates of HTTP, as seconds since 1970, UTC.
public enum HTTPDate {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let longDays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Sun, 06 Nov 1994 08:49:37 GMT`
  /// - Parameter seconds: since 1970, UTC.
  public static func text(_ seconds: Int) -> String {
    let day = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400, clock = seconds - day * 86_400
    let (year, month, dayOfMonth) = civil(fromDay: day)
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return "\(days[((day + 4) % 7 + 7) % 7]), \(two(dayOfMonth)) \(months[month - 1]) \(year) \(two(clock / 3600)):\(two(clock / 60 % 60)):\(two(clock % 60)) GMT"
  }

  /// Reads any of the three forms.
  public static func seconds(_ text: String) -> Int? { seconds(text.utf8.span) }

  /// Reads a date in one of the three forms that a recipient must accept: IMF-fixdate, RFC 850's and asctime's. Each is fixed to the byte,
  /// but the case of letters, which a cache overlooks (RFC 9111, 4.2).
  /// - Returns: seconds since 1970, or nil when the text has another form (then a recipient ignores the header).
  public static func seconds(_ text: Span<UInt8>) -> Int? {
    var reader = DateReader(text)
    let name = reader.letters()
    if name == 0 { return nil }
    if reader.take(",") { return name == 3 ? fixdate(&reader) : rfc850(&reader) }
    return name == 3 ? asctime(&reader) : nil
  }

  /// `Sun, 06 Nov 1994 08:49:37 GMT`, behind the comma.
  private static func fixdate(_ reader: inout DateReader) -> Int? {
    guard reader.matches(days, at: 0), reader.take(" "), let day = reader.number(2), reader.take(" "), let month = reader.month(months), reader.take(" "),
      let year = reader.number(4), reader.take(" "), let clock = reader.clock(), reader.take(" "), reader.take("GMT"), reader.isAtEnd
    else { return nil }
    return moment(year, month, day, clock)
  }

  /// `Sunday, 06-Nov-94 08:49:37 GMT`, behind the comma. Two digits of a year mean the nearest such year that is not more than 50 years
  /// ahead; what is ahead is counted from 2026, when this was written: the form is obsolete since 1997.
  private static func rfc850(_ reader: inout DateReader) -> Int? {
    guard reader.matches(longDays, at: 0), reader.take(" "), let day = reader.number(2), reader.take("-"), let month = reader.month(months), reader.take("-"),
      let year = reader.number(2), reader.take(" "), let clock = reader.clock(), reader.take(" "), reader.take("GMT"), reader.isAtEnd
    else { return nil }
    return moment(year > 76 ? 1900 + year : 2000 + year, month, day, clock)
  }

  /// `Sun Nov  6 08:49:37 1994`, behind the day's name.
  private static func asctime(_ reader: inout DateReader) -> Int? {
    guard reader.matches(days, at: 0), reader.take(" "), let month = reader.month(months), reader.take(" "), let day = reader.paddedNumber(), reader.take(" "),
      let clock = reader.clock(), reader.take(" "), let year = reader.number(4), reader.isAtEnd
    else { return nil }
    return moment(year, month, day, clock)
  }

  /// The name of the day is not compared with the date: a sender's calendar may be wrong about the one it does not need.
  private static func moment(_ year: Int, _ month: Int, _ day: Int, _ clock: Int) -> Int? {
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let length = month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    guard day >= 1, day <= length else { return nil }
    return self.day(year, month, day) * 86_400 + clock
  }

  /// Days since 1970 of a date of the Gregorian calendar: years begin in March, so that a leap day is a year's last.
  private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
    let y = month <= 2 ? year - 1 : year
    let era = (y >= 0 ? y : y - 399) / 400, yearOfEra = y - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private static func civil(fromDay day: Int) -> (year: Int, month: Int, day: Int) {
    let z = day + 719_468
    let era = (z >= 0 ? z : z - 146_096) / 146_097, dayOfEra = z - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let march = (5 * dayOfYear + 2) / 153, month = march < 10 ? march + 3 : march - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * march + 2) / 5 + 1)
  }
}

/// Reads the parts of a date from the front of its text.
private struct DateReader: ~Escapable {
  private let text: Span<UInt8>
  private var place = 0

  @_lifetime(copy text) init(_ text: Span<UInt8>) { self.text = text }

  var isAtEnd: Bool { place == text.count }

  /// Passes over letters.
  /// - Returns: how many.
  mutating func letters() -> Int {
    let start = place
    while place < text.count, text[place] | 0x20 >= 97, text[place] | 0x20 <= 122 { place += 1 }
    return place - start
  }

  mutating func take(_ literal: StaticString) -> Bool {
    let n = literal.utf8CodeUnitCount
    guard place + n <= text.count, matches(literal, at: place) else { return false }
    place += n
    return true
  }

  private func matches(_ literal: StaticString, at start: Int) -> Bool {
    literal.withUTF8Buffer { bytes in
      for i in 0..<bytes.count where unsafe !isSame(text[start + i], bytes[i]) { return false }
      return true
    }
  }

  /// Whether one of the names stands at `start`, as far as the place.
  func matches(_ names: [String], at start: Int) -> Bool {
    names.contains { name in
      let bytes = name.utf8.span
      guard start + bytes.count <= text.count else { return false }
      for i in 0..<bytes.count where !isSame(text[start + i], bytes[i]) { return false }
      return true
    }
  }

  /// Whether a byte is the expected one, a letter in either case.
  private func isSame(_ byte: UInt8, _ expected: UInt8) -> Bool {
    byte == expected || byte ^ 0x20 == expected && expected | 0x20 >= 97 && expected | 0x20 <= 122
  }

  /// 1–12.
  mutating func month(_ names: [String]) -> Int? {
    for (index, name) in names.enumerated() where matches([name], at: place) {
      place += 3
      return index + 1
    }
    return nil
  }

  /// So many digits.
  mutating func number(_ digits: Int) -> Int? {
    guard place + digits <= text.count else { return nil }
    var number = 0
    for i in place..<place + digits {
      guard text[i] >= 48, text[i] <= 57 else { return nil }
      number = number * 10 + Int(text[i] - 48)
    }
    place += digits
    return number
  }

  /// Two digits, or a space and one.
  mutating func paddedNumber() -> Int? { take(" ") ? number(1) : number(2) }

  /// `08:49:37`, in seconds; 60 is a leap second.
  mutating func clock() -> Int? {
    guard let hour = number(2), take(":"), let minute = number(2), take(":"), let second = number(2), hour < 24, minute < 60, second <= 60 else { return nil }
    return hour * 3600 + minute * 60 + second
  }
}
