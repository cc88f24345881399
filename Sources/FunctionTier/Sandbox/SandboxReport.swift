// What holds for sandboxes on this machine: what the spawner found, and what came of starting one. Said at start, once (Documentation/security.md).
import CSandbox
import Glibc

/// What this machine's sandboxes can and cannot do.
public struct SandboxReport: Sendable, Equatable {
  /// How memory is limited.
  public enum MemoryLimit: String, Sendable {
    /// By cgroups, version 2: to the byte.
    case cgroup2 = "exact (cgroup v2)"
    /// By cgroups, version 1: to the byte.
    case cgroup1 = "exact (cgroup v1)"
    /// By looking every 10 ms: a program that allocates fast gets somewhat more before it is killed.
    case watched = "approximate (a look every 10 ms)"
  }

  /// Why functions cannot be run in sandboxes here; nil when they can.
  public let problem: String?
  /// How memory is limited.
  public let memory: MemoryLimit
  /// Whether the CPU share holds.
  public let limitsCPU: Bool
  /// Whether sandboxes that have nothing to do can be kept from running.
  public let freezes: Bool
  /// Controllers that the groups of version 2 which we have lack, and nothing else has: of `memory`, `cpu`, `pids`.
  public let missingControllers: [String]
  /// Whether these lack since other programs are in skerry's group: a shell that started it.
  public let isCrowded: Bool
  /// Whether each sandbox runs as a user of its own. Only as root; otherwise all run as the proxy's.
  public let hasOwnUsers: Bool
  /// Whether there is a /proc inside. In a container that masks its own, there can be none.
  public let hasProc: Bool
  /// Whether `network: outbound` can be had.
  public let hasOutbound: Bool

  /// Whether functions can be run.
  public var isUsable: Bool { problem == nil }

  /// One line: what holds.
  public var description: String {
    if let problem { return "no sandboxes: \(problem)" }
    return [
      "sandboxes: memory limits \(memory.rawValue)", limitsCPU ? "CPU shares" : "no CPU shares (no cgroups)",
      freezes ? nil : "idle ones go on running (no cgroup of ours to freeze)",
      missingControllers.isEmpty ? nil : "cgroup v2 without the controllers \(missingControllers.joined(separator: ", "))\(isCrowded ? " (other programs are in its group: systemd-run --scope -p Delegate=yes skerry … makes one for it)" : "")",
      hasOwnUsers ? "each as a user of its own" : "all as this user, whose epoll watches they share (started as root, each is a user of its own)", hasProc ? nil : "no /proc inside", hasOutbound ? nil : "no network: outbound (install passt)",
    ].compactMap { $0 }.joined(separator: "; ")
  }

  /// Starts a sandbox that does nothing, and reads what failed.
  init(tryingOut spawner: Spawner) {
    let facts = spawner.facts
    memory = switch facts.memory {
    case .cgroup2: .cgroup2
    case .cgroup1: .cgroup1
    case .watched: .watched
    }
    limitsCPU = facts.limitsCPU
    freezes = facts.freezes
    let controllers = [("memory", facts.memory != .watched), ("cpu", facts.limitsCPU), ("pids", facts.limitsProcesses)]
    missingControllers = facts.hasUnifiedGroups ? controllers.filter { !$0.1 }.map(\.0) : []
    isCrowded = facts.isCrowded
    hasOwnUsers = facts.hasOwnUsers
    hasOutbound = facts.pasta != nil
    var problem: String?
    var hasProc = true
    if facts.bubblewrap == nil {
      problem = "bubblewrap is not installed (Debian: bubblewrap)"
    } else if !facts.filtersSystemCalls {
      problem = "no filter of system calls could be made (libseccomp)"
    } else if facts.isRoot && !facts.hasOwnUsers {
      problem = "started as root, in a user namespace that has no users left for sandboxes: start as another user"
    } else {
      problem = Self.trial(spawner, 0)
      if let first = problem, first.contains("proc") {
        hasProc = false
        problem = Self.trial(spawner, UInt32(SK_SANDBOX_NO_PROC))
        if problem != nil { problem = first }
      }
    }
    self.problem = problem
    self.hasProc = hasProc
  }

  /// Nil when a sandbox could be started; else why not.
  private static func trial(_ spawner: Spawner, _ flags: UInt32) -> String? {
    let waitMilliseconds: Int32 = 5000
    let sandbox: Sandbox
    do throws(SpawnFailure) {
      sandbox = try spawner.spawn(SandboxDescription(program: ["/usr/bin/true"], temporaryMB: 1), flags: flags)
    } catch { return error.description }
    var wait = pollfd(fd: sandbox.lifeline, events: Int16(POLLIN), revents: 0)
    while unsafe poll(&wait, 1, waitMilliseconds) < 0, errno == EINTR {}
    guard let end = sandbox.end() else { return "one that does nothing was not done within \(waitMilliseconds / 1000) s" }
    if end.cause == .exited(status: 0) { return nil }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let length = unsafe read(sandbox.errors, &bytes, bytes.count)
    let words = String(decoding: bytes.prefix(max(0, length)), as: UTF8.self).split(separator: "\n").joined(separator: " ")
    let layer = words.contains("namespace") || words.contains("uid map")
      ? " (user namespaces are not allowed here: in a container they need its runtime's leave, elsewhere sysctl kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns or user.max_user_namespaces)"
      : words.contains("/proc/sys") ? " (in systemd's unit the drop-in skerry-functions.conf allows what sandboxes need)" : ""
    return "\(words.isEmpty ? "\(end.cause)" : words)\(layer)"
  }
}
