// Owns: the phases of an environment and what a frame means in each: a pure state machine, without descriptors and clocks.
//
//     booting → ready → initializing → idle → invoking [→ answered] → idle …     Lambda's INIT, INVOKE, and
//         any of them → ending → gone                                             SHUTDOWN
//
// Bootstraps of ours are idle with their answer; a program that speaks HTTP is when it asks for the next invocation.
//
// What a sandbox sends is the function's to forge: a frame that no bootstrap sends in this phase is a violation and ends the environment; one
// about an earlier invocation is stale and dropped.

/// The life of one environment.
struct EnvironmentLife: Equatable {
  /// Where it stands.
  enum Phase: Equatable {
    /// The sandbox and the interpreter are being started.
    case booting
    /// The interpreter waits for a function: pre-warmed.
    case ready
    /// The function's code is being loaded.
    case initializing
    /// The function waits for an invocation.
    case idle
    /// An invocation runs.
    case invoking
    /// The invocation has been answered, and the program has not asked for the next one: what it does now is its own.
    case answered
    /// It is being ended; nothing it says is of interest any more.
    case ending
    /// All its processes are gone.
    case gone
  }

  /// What a frame means.
  enum Event: Equatable {
    case booted, loaded, loadFailed, result
    /// The handler threw; `isLast` when the environment cannot go on.
    case failed(isLast: Bool)
    /// About an invocation that is over.
    case stale
    case violation(String)
  }

  private(set) var phase = Phase.booting
  /// Whether it says itself when it is idle again.
  let asksForInvocations: Bool
  /// The invocation, or loading, that was asked for last; and the one before. Of an invocation it cannot be foreseen: who answers what has not been
  /// asked yet is found out.
  private(set) var serial: UInt32 = 0, earlier: UInt32 = 0
  /// Invocations so far.
  private(set) var invocations = 0

  init(asksForInvocations: Bool = false) { self.asksForInvocations = asksForInvocations }

  /// A frame came.
  mutating func receive(_ frame: Frame) -> Event {
    switch (phase, frame.kind) {
    case (.ending, _), (.gone, _): return .stale
    case (.booting, .ready):
      phase = .ready
      return .booted
    case (_, .load), (_, .invoke), (_, .ready), (.booting, _), (.ready, _): return .violation("a frame out of turn: \(frame.kind) while \(phase)")
    default: break
    }
    guard frame.serial == serial else { return frame.serial == earlier ? .stale : .violation("an answer to what was not asked") }
    switch (phase, frame.kind) {
    case (.initializing, .loaded):
      phase = .idle
      return .loaded
    case (.initializing, .lastFailure):
      phase = .ending
      return .loadFailed
    case (.invoking, .result):
      phase = asksForInvocations ? .answered : .idle
      return .result
    case (.invoking, .failure):
      phase = asksForInvocations ? .answered : .idle
      return .failed(isLast: false)
    case (.invoking, .lastFailure):
      phase = .ending
      return .failed(isLast: true)
    case (.idle, _), (.answered, _): return .stale
    default: return .violation("a frame out of turn: \(frame.kind) while \(phase)")
    }
  }

  /// A function is to be loaded. Only while ``Phase/ready``.
  /// - Returns: the frame's serial.
  mutating func load() -> UInt32 {
    precondition(phase == .ready, "a function is loaded once")
    phase = .initializing
    serial &+= 1
    return serial
  }

  /// An invocation is to run. Only while ``Phase/idle``.
  /// - Parameter mark: unlike others, and unknown to what is in the sandbox.
  /// - Returns: the frame's serial.
  mutating func invoke(_ mark: UInt32) -> UInt32 {
    precondition(phase == .idle, "one invocation at a time")
    phase = .invoking
    (earlier, serial) = (serial, mark == serial ? mark &+ 1 : mark)
    invocations += 1
    return serial
  }

  /// It asks for the next invocation.
  /// - Returns: whether that is news: it has answered the one before.
  mutating func ask() -> Bool {
    guard phase == .answered else { return false }
    phase = .idle
    return true
  }

  /// It is to end.
  mutating func end() { if phase != .gone { phase = .ending } }

  /// All its processes are gone.
  mutating func vanish() { phase = .gone }
}
