// Owns: what the supervisor needs of a sandbox that runs, and of what starts one. Sandbox/ has the real ones; tests have processes without a
// sandbox around them. The supervisor's thread.

/// A sandbox that was asked for. Letting go of it kills it and closes its descriptors.
protocol RunningSandbox: AnyObject {
  /// The other end of descriptor 3 inside; a non-blocking stream socket.
  var control: Int32 { get }
  /// What is written to standard output and error; non-blocking.
  var output: Int32 { get }
  var errors: Int32 { get }
  /// Readable once everything inside is gone.
  var lifeline: Int32 { get }
  /// Kills everything inside. Does not wait.
  func kill()
  /// Limits its share of the processor, once its code is loaded.
  func limitCPU()
  /// Whether it can be kept from running while nothing is asked of it.
  var canBeFrozen: Bool { get }
  /// Keeps it from running, or lets it run again. Does not wait.
  func freeze(_ frozen: Bool)
  /// The most memory it has used so far, in bytes; 0 when nobody knows.
  var peakMemoryBytes: Int { get }
  /// How it ended; nil while something is left of it.
  func end() -> SandboxEnd?
  /// The listener of its Runtime API, the caller's to close; nil as long as it has not come.
  func takeListener() -> Int32?
}

/// What starts sandboxes.
protocol SandboxLauncher: Sendable {
  /// Has a sandbox started; does not wait until it runs.
  func launch(_ description: SandboxDescription) throws(SpawnFailure) -> any RunningSandbox
  /// Kills those that hold very many epoll watches. Does not wait. Any thread.
  func endWatchers()
}

extension SandboxEnd.Cause {
  /// How the program ended by itself, in Lambda's words; nil when it did not.
  var exitWords: String? {
    guard case .exited(let status) = self else { return nil }
    // As Lambda's, and with it Go's, are called.
    let signals = [
      1: "hangup", 2: "interrupt", 3: "quit", 4: "illegal instruction", 5: "trace/breakpoint trap", 6: "aborted", 7: "bus error", 8: "floating point exception", 9: "killed",
      10: "user defined signal 1", 11: "segmentation fault", 12: "user defined signal 2", 13: "broken pipe", 14: "alarm clock", 15: "terminated", 24: "CPU time limit exceeded",
      25: "file size limit exceeded", 26: "virtual timer expired", 27: "profiling timer expired", 29: "I/O possible", 30: "power failure", 31: "bad system call",
    ]
    return status > 128 ? "signal: \(signals[status - 128] ?? "signal \(status - 128)")" : "exit status \(status)"
  }
}

extension Sandbox: RunningSandbox {}

extension Spawner: SandboxLauncher {
  func launch(_ description: SandboxDescription) throws(SpawnFailure) -> any RunningSandbox { try spawn(description) }
}
