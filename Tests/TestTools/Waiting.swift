// Owns: waiting for what comes true in another thread or process, and what a busy machine may keep from being so at once.

/// Looks every few milliseconds whether something holds, for at most a minute: longer than any machine that can be worked on takes for it.
public func until(_ holds: () -> Bool) async throws -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < end {
    if holds() { return true }
    try await Task.sleep(for: .milliseconds(5))
  }
  return holds()
}

/// Whether what is to come within a short time, or where nobody else interferes, does so once in a few tries: a machine that is busy
/// makes anything late for a while.
public func inOneOfAFewTries(_ attempt: () throws -> Bool) rethrows -> Bool { try (0..<5).contains { _ in try attempt() } }
