// Owns: whose function runs when some take long. While a function runs, everything else on its worker waits; several long runs in
// a row would make it wait for all of them. So a turn of the loop starts one long run: further functions that took long lately,
// or must be built first, queue behind whatever is ready in the meantime. Others never wait, and nobody does while nothing is long.
import RewriteEngine
import Transport

extension Worker {
  /// CPU time of a run from which on it is long: a quarter of the default limit, more than twenty times what functions usually take.
  static let longRunNanoseconds: UInt64 = 250_000
  /// Requests that may wait for a long run; a further one is answered 503, FunctionThrottledError.
  static let longRunsWaitingLimit = 128

  /// Returns when the function at `index` may run.
  /// - Returns: false when it may not, because too many wait.
  @inline(__always) nonisolated(nonsending) func hasTurn(_ index: Int) async -> Bool {
    if lastLongTurn != loop.turn && loop.queuedTasks == 0 { return true }
    return await queueIfLong(index)
  }

  nonisolated(nonsending) private func queueIfLong(_ index: Int) async -> Bool {
    guard let code = configuration.functions[index], !isThrottled(code) else { return true }
    if let recent = isolatePool?.recentNanoseconds(of: code), recent < Self.longRunNanoseconds { return true }
    guard loop.queuedTasks < Self.longRunsWaitingLimit else { return false }
    await loop.queueForTurn()
    return true
  }
}
