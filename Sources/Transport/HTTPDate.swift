// Owns: dates as HTTP writes and reads them (RFC 9110, 5.6.7).
import Glibc

/// The preferred date form of HTTP (IMF-fixdate). Pure functions; any thread.
public enum HTTPDate {
  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

  /// `Sun, 06 Nov 1994 08:49:37 GMT`
  /// - Parameter seconds: since 1970, UTC.
  public static func text(_ seconds: Int) -> String {
    var time = seconds, parts = unsafe tm()
    unsafe gmtime_r(&time, &parts)
    func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
    return unsafe "\(days[Int(parts.tm_wday)]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }

  /// Reads an IMF-fixdate, the one form that senders must use.
  /// - Returns: seconds since 1970, or nil when the text has another form (then a recipient ignores the header).
  public static func seconds(_ text: String) -> Int? {
    let parts = text.split(separator: " ")
    guard parts.count == 6, parts[5] == "GMT", let month = months.firstIndex(of: String(parts[2])),
      let day = Int32(parts[1]), let year = Int32(parts[3]), (1970...9999).contains(year), (1...31).contains(day) else { return nil }
    let clock = parts[4].split(separator: ":").compactMap { Int32($0) }
    guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else { return nil }
    var fields = unsafe tm()
    unsafe fields.tm_year = year - 1900
    unsafe fields.tm_mon = Int32(month)
    unsafe fields.tm_mday = day
    unsafe fields.tm_hour = clock[0]
    unsafe fields.tm_min = clock[1]
    unsafe fields.tm_sec = clock[2]
    return unsafe timegm(&fields)
  }
}
