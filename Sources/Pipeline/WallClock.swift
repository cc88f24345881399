// Owns: what time it is, of the calendar. Debug builds can be shown another time: scenarios let hours pass without waiting.
import Glibc

enum WallClock {
  /// Milliseconds since 1970; a few milliseconds coarse.
  static var milliseconds: Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME_COARSE, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec / 1_000_000) + shift
  }

  #if DEBUG
    /// The file that `SKERRY_CLOCK_SHIFT` names holds milliseconds that have passed besides; it may change at any time.
    private static let shiftPath = unsafe getenv("SKERRY_CLOCK_SHIFT").map { unsafe String(cString: $0) }
    private static var shift: Int64 {
      guard let shiftPath, let file = unsafe fopen(shiftPath, "r") else { return 0 }
      defer { unsafe fclose(file) }
      var text = [CChar](repeating: 0, count: 32)
      guard unsafe fgets(&text, 31, file) != nil else { return 0 }
      return unsafe strtoll(text, nil, 10)
    }
  #else
    private static var shift: Int64 { 0 }
  #endif
}
