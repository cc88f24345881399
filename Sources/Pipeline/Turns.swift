// Owns: whose function runs when some take long. While a function runs, everything else on its worker waits; several long runs in
// a row would make it wait for all of them. So a turn of the loop starts one long run: further functions that took long lately,
// or must be built first, queue behind whatever is ready in the meantime. Others never wait, and nobody does while nothing is long.
import Distribution
import RewriteEngine
import Transport

extension Worker {
  /// CPU time of a run from which on it is long: a quarter of the default limit, more than twenty times what functions usually take.
  static let longRunNanoseconds: UInt64 = 250_000

  /// Returns when the function at `index` of the exchange's configuration may run.
  /// - Returns: false when it may not, because too many wait (`limits.rewriteEngine.waitingRuns`).
  @inline(__always) nonisolated(nonsending) func hasTurn(_ index: Int, _ exchange: borrowing Exchange) async -> Bool {
    if lastLongTurn != loop.turn && loop.queuedTasks == 0 { return true }
    guard let function = exchange.site.functions[index] else { return true }
    return await queueIfLong(function)
  }

  @inline(never) nonisolated(nonsending) private func queueIfLong(_ function: WorkerFunction) async -> Bool {
    if function.throttle.isActive(now: loop.now) { return true }
    if let recent = isolatePool?.recentNanoseconds(of: function.code), recent < Self.longRunNanoseconds { return true }
    guard loop.queuedTasks < configuration.configuration.limits.rewriteEngine.waitingRuns else { return false }
    await loop.queueForTurn()
    return true
  }
}
