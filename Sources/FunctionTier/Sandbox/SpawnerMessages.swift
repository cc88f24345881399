// The spawner's messages as Swift values (CSandbox/include/CSandbox.h). Any thread.
import CSandbox
import Distribution
import Glibc

/// What the spawner found when it was born.
struct SpawnerFacts: Sendable {
  enum Memory: Sendable { case watched, cgroup1, cgroup2 }
  let memory: Memory
  let limitsCPU: Bool, limitsProcesses: Bool, hasOwnUsers: Bool, filtersSystemCalls: Bool, isRoot: Bool, freezes: Bool, hasUnifiedGroups: Bool, isCrowded: Bool
  let firstUser: Int
  let left: Int
  let bubblewrap: String?, pasta: String?
  let memoryFolder: String?

  init(_ facts: sk_spawner_facts) {
    memory = switch UInt32(facts.memory) {
    case SK_MEMORY_CGROUP_2.rawValue: .cgroup2
    case SK_MEMORY_CGROUP_1.rawValue: .cgroup1
    default: .watched
    }
    limitsCPU = facts.limits_cpu != 0
    limitsProcesses = facts.limits_processes != 0
    hasOwnUsers = facts.own_users != 0
    filtersSystemCalls = facts.system_calls != 0
    isRoot = facts.is_root != 0
    freezes = facts.freezes != 0
    hasUnifiedGroups = facts.has_unified != 0
    isCrowded = facts.is_crowded != 0
    firstUser = Int(facts.first_user)
    left = Int(facts.left)
    bubblewrap = text(facts.bwrap)
    pasta = text(facts.pasta)
    memoryFolder = text(facts.memory_folder)
  }

  /// The file with the most memory a slot's group has used.
  func peakFile(slot: Int) -> String? {
    guard let memoryFolder else { return nil }
    return "\(memoryFolder)/\(slot)/\(memory == .cgroup2 ? "memory.peak" : "memory.max_usage_in_bytes")"
  }
}

/// A NUL-ended text in an array of C; nil for an empty one.
private func text<Bytes>(_ array: Bytes) -> String? {
  let text = unsafe withUnsafeBytes(of: array) { bytes in unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self) }
  return text.isEmpty ? nil : text
}

extension SandboxEnd {
  init(_ message: sk_sandbox_end) {
    cause = switch Int(message.cause) {
    case SK_ENDED_EXITED: .exited(status: Int(message.status))
    case SK_ENDED_KILLED: .killed
    case SK_ENDED_OUT_OF_MEMORY: .outOfMemory
    case SK_ENDED_OUT_OF_WATCHES: .outOfWatches
    default: .notStarted(text(message.text) ?? "")
    }
    peakBytes = Int(clamping: message.peak_bytes)
  }
}

extension SandboxDescription {
  /// The fixed part of the request; its texts are ``RequestTexts``.
  var request: sk_sandbox_request {
    var request = sk_sandbox_request()
    request.kind = UInt32(SK_SANDBOX_SPAWN)
    request.memory_bytes = UInt64(max(0, memoryMB)) << 20
    request.temporary_bytes = UInt64(max(0, temporaryMB)) << 20
    request.processes = UInt32(clamping: processes)
    request.network = switch network {
    case .none: UInt32(SK_NETWORK_NONE)
    case .outbound: UInt32(SK_NETWORK_OUTBOUND)
    case .host: UInt32(SK_NETWORK_HOST)
    }
    request.flags = runtimeAPI ? UInt32(SK_SANDBOX_RUNTIME_API) : 0
    request.arguments = UInt16(clamping: program.count)
    request.variables = UInt16(clamping: environment.count)
    request.folders = UInt16(clamping: readOnly.count)
    return request
  }
}

/// The texts of a request: words, variables, folders, each ended by NUL.
struct RequestTexts {
  private(set) var bytes: [UInt8] = []

  init(_ description: SandboxDescription) throws(SpawnFailure) {
    for word in description.program { try add(word) }
    for (name, value) in description.environment.sorted(by: { $0.key < $1.key }) {
      guard !name.isEmpty, !name.contains("=") else { throw SpawnFailure(description: "\(name) is no name of an environment variable") }
      try add("\(name)=\(value)")
    }
    for (host, inside) in description.readOnly {
      try add(host)
      try add(inside)
    }
    guard bytes.count <= Int(SK_SANDBOX_REQUEST_BYTES) else {
      throw SpawnFailure(description: "its arguments and environment are longer than \(SK_SANDBOX_REQUEST_BYTES) bytes")
    }
  }

  private mutating func add(_ text: String) throws(SpawnFailure) {
    guard !text.utf8.contains(0) else { throw SpawnFailure(description: "a text with a NUL in it cannot be said") }
    bytes += text.utf8
    bytes.append(0)
  }
}
