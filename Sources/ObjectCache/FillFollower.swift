// Owns: the side of one who waits for another's fetch.
import Transport

/// One who waits for what another fetches. Owned by one task; ``nudge()`` may be called from any thread.
public final class FillFollower: Sendable {
  private let fill: Fill
  private let seat: Fill.Seat

  init(_ fill: Fill) {
    self.fill = fill
    seat = fill.sit()
  }
  deinit { if fill.stand(seat) { fill.store.ended(fill) } }

  /// What came of the fetch for one who waited.
  public enum Outcome: Sendable {
    /// To be served; its body may still grow.
    case response(StoredResponse)
    /// The leader got no answer: it is this one's turn.
    case lead(FillLeader)
    /// To be fetched by each for itself.
    case pass
    /// There is no answer, and asking once more would not help.
    case failed
  }

  /// What there is to say now.
  public func outcome() -> Outcome? {
    switch fill.ask(seat) {
    case .nothing, .phase(.waiting): nil
    case .lead: .lead(FillLeader(fill))
    case .phase(.answered(let response)): .response(response)
    case .phase(.passed): .pass
    case .phase(.failed): .failed
    }
  }

  /// Waits until there is something to say, or somebody nudged. On the task's own loop, where it goes on.
  /// - Returns: nil after ``nudge()``.
  public nonisolated(nonsending) func wait() async -> Outcome? {
    if let outcome = outcome() { return outcome }
    await seat.wakeup.wait()
    return outcome()
  }
  /// Ends a wait: the viewer has left. Any thread.
  public func nudge() { seat.wakeup.wake() }
}
