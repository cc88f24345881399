// Owns: starting other programs from tests. Foundation's Process is not used: to close what is open it copies directory entries of
// /proc/self/fd beyond the end of the buffer they lie in, which ends a test process with many open descriptors now and then (Swift 6.3).
public import Glibc

/// The system refused to start a program.
public struct SpawnFailure: Error {
  /// What was to be started.
  public let program: String
  /// An errno value.
  public let code: Int32
}

/// Where a standard stream of a child leads.
public enum ChildStream: Sendable {
  /// `/dev/null`.
  case nowhere
  /// A file, made or emptied.
  case file(String)
  /// A descriptor of this process.
  case descriptor(Int32)
}

/// Starts `arguments[0]`, a path, with no signal blocked. Any thread.
/// - Parameters:
///   - folder: where it runs; nil for here.
///   - environment: its variables; nil for this process's.
/// - Returns: its number; somebody must wait for it.
/// - Throws: ``SpawnFailure``.
public func spawn(
  _ arguments: [String], in folder: String? = nil, environment: [String: String]? = nil, output: ChildStream = .nowhere, errors: ChildStream = .nowhere
) throws -> pid_t {
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
  for (stream, number) in [(output, Int32(1)), (errors, 2)] {
    switch stream {
    case .nowhere: unsafe posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_WRONLY, 0)
    case .file(let path): unsafe posix_spawn_file_actions_addopen(&actions, number, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    case .descriptor(let descriptor): unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, number)
    }
  }

  // Test threads may block signals; the child must not inherit that, or it would be deaf to SIGTERM.
  var attributes = posix_spawnattr_t()
  var noSignals = sigset_t()
  unsafe sigemptyset(&noSignals)
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  unsafe posix_spawnattr_setsigmask(&attributes, &noSignals)
  unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

  let words = (folder.map { ["/bin/sh", "-c", "cd \"$0\" && exec \"$@\"", $0] } ?? []) + arguments
  let argumentVector = unsafe words.map { unsafe strdup($0) } + [nil]
  let environmentVector = unsafe environment.map { unsafe $0.map { unsafe strdup("\($0.key)=\($0.value)") } + [nil] }
  defer { unsafe (argumentVector + (environmentVector ?? [])).forEach { unsafe free($0) } }
  var child: pid_t = 0
  let code = if let environmentVector = unsafe environmentVector {
    unsafe posix_spawn(&child, words[0], &actions, &attributes, argumentVector, environmentVector)
  } else {
    unsafe posix_spawn(&child, words[0], &actions, &attributes, argumentVector, environ)
  }
  guard code == 0 else { throw SpawnFailure(program: arguments[0], code: code) }
  return child
}

/// Waits for a child's end. Blocks the calling thread.
/// - Returns: its exit status, or the negative number of the signal that ended it.
public func waitForEnd(of child: pid_t) -> Int32 {
  var status: Int32 = 0
  while unsafe waitpid(child, &status, 0) < 0, errno == EINTR {}
  let signal = status & 0x7f
  return signal == 0 ? status >> 8 & 0xff : -signal
}
