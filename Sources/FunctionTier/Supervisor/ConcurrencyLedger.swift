// Owns: how many invocations run at once, of each function and of all, and which further one is throttled. Lambda's rules: reserved
// concurrency is both a limit and a part of the account's that others cannot use; 0 disables a function. Pure; the supervisor's.

/// Who may run.
struct ConcurrencyLedger {
  /// The most invocations of all functions together, and the most bytes of their events. One event alone may be longer.
  let limit: Int, byteLimit: Int
  private var reserved: [String: Int] = [:]
  private var reservedTotal = 0
  private var running: [String: Int] = [:]
  private(set) var total = 0
  /// Bytes of the events of those that run.
  private(set) var bytes = 0
  /// Those of functions without reserved concurrency.
  private var unreserved = 0

  init(limit: Int, byteLimit: Int = .max) { (self.limit, self.byteLimit) = (limit, byteLimit) }

  /// Reserves concurrency; nil takes a reservation back.
  mutating func reserve(_ function: String, _ count: Int?) {
    let was = reserved[function] != nil
    reservedTotal += (count ?? 0) - (reserved[function] ?? 0)
    reserved[function] = count
    let current = running[function] ?? 0
    if was && count == nil { unreserved += current }
    if !was && count != nil { unreserved -= current }
  }

  /// How many invocations of a function run.
  func running(_ function: String) -> Int { running[function] ?? 0 }

  /// Whether there is memory for one more event.
  func hasRoom(for event: Int) -> Bool { total == 0 || event <= byteLimit - bytes }

  /// Counts an invocation in.
  /// - Parameter event: bytes of its event.
  /// - Returns: why it may not run; nil when it may, and is counted until ``leave(_:event:)``.
  mutating func enter(_ function: String, event: Int) -> InvocationFailure.Kind? {
    let current = running[function] ?? 0
    if let own = reserved[function] {
      if own == 0 { return .disabled }
      if current >= own { return .throttled(.reserved) }
    } else if unreserved >= limit - reservedTotal {
      return .throttled(.account)
    }
    if total >= limit || !hasRoom(for: event) { return .throttled(.account) }
    bytes += event
    running[function] = current + 1
    total += 1
    if reserved[function] == nil { unreserved += 1 }
    return nil
  }

  /// Counts an invocation out.
  mutating func leave(_ function: String, event: Int) {
    guard let current = running[function] else { return }
    bytes -= event
    running[function] = current > 1 ? current - 1 : nil
    total -= 1
    if reserved[function] == nil { unreserved -= 1 }
  }
}
