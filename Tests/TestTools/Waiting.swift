// Owns: waiting for what comes true in another thread or process.

/// Looks every few milliseconds whether something holds, for at most a minute: longer than any machine that can be worked on takes for it.
public func until(_ holds: () -> Bool) async throws -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < end {
    if holds() { return true }
    try await Task.sleep(for: .milliseconds(5))
  }
  return holds()
}
