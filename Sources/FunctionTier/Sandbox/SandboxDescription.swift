// What a sandbox is asked to be. Values; any thread.
// Source: design/function-tier.md, "Sandbox" and "Limits".
public import Distribution

/// A sandbox as it is asked for.
public struct SandboxDescription: Sendable {
  /// The program's path inside the sandbox, and its arguments; at most 60 words.
  public var program: [String]
  /// Folders and files of the host shown inside, read-only: absolute paths below the spawner's roots, without symbolic links, and where they
  /// appear. At most 16.
  public var readOnly: [(host: String, inside: String)]
  /// All of the program's environment variables: it inherits none.
  public var environment: [String: String]
  /// What its processes may allocate, in MB (2²⁰ bytes); beyond it the sandbox is killed, as out of memory. At least 16.
  public var memoryMB: Int
  /// The size of its own, empty /tmp in MB, which lies in memory too; beyond it ENOSPC. At least 1.
  public var temporaryMB: Int
  /// The most processes and threads; beyond it EAGAIN.
  public var processes: Int
  /// What it may reach.
  public var network: FunctionNetwork
  /// Whether it speaks the Runtime API over HTTP: something listens on 127.0.0.1:9001 inside from before it starts, and ``Sandbox/takeListener()``
  /// has the listener. Not with `network: host`, where everybody on the machine could speak to it.
  public var runtimeAPI: Bool

  /// A sandbox; the defaults are Lambda@Edge's.
  public init(
    program: [String], readOnly: [(host: String, inside: String)] = [], environment: [String: String] = [:], memoryMB: Int = 128, temporaryMB: Int = 512,
    processes: Int = 256, network: FunctionNetwork = .none, runtimeAPI: Bool = false
  ) {
    self.program = program
    self.readOnly = readOnly
    self.environment = environment
    self.memoryMB = memoryMB
    self.temporaryMB = temporaryMB
    self.processes = processes
    self.network = network
    self.runtimeAPI = runtimeAPI
  }
}

/// Why a sandbox could not be asked for.
public struct SpawnFailure: Error, CustomStringConvertible {
  /// One sentence.
  public let description: String
}

/// How a sandbox ended.
public struct SandboxEnd: Sendable, Equatable {
  /// Why.
  public enum Cause: Sendable, Equatable {
    /// The program ended by itself, with this status; 128 + a signal's number when a signal ended it.
    case exited(status: Int)
    /// ``Sandbox/kill()``.
    case killed
    /// It, or one of its processes, used more than its memory.
    case outOfMemory
    /// It held more than ``Spawner/mostWatches`` epoll watches when the proxy's user had none left.
    case outOfWatches
    /// The program was not executed; what failed, when the spawner knows. bubblewrap's own words are on ``Sandbox/errors``.
    case notStarted(String)
    /// The spawner is gone, and everything it had started with it.
    case abandoned
  }
  /// Why.
  public let cause: Cause
  /// The most memory it used, /tmp and what of files the kernel keeps for it included, in bytes; 0 when nobody knows.
  public let peakBytes: Int
}
