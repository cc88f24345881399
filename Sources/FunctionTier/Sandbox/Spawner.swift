// Owns: the socket to the process that launches sandboxes (CSandbox/include/CSandbox.h), and which of its slots are taken.
// Any thread: the slots have a lock of their own, held for some instructions; requests are single messages.
import CSandbox
import Distribution
import Glibc
import Synchronization

/// A process of its own that launches and kills sandboxes for this one, which can do neither once it is confined.
public final class Spawner: Sendable {
  /// The most sandboxes at once.
  public static let mostSandboxes = Int(SK_SANDBOXES)

  /// The epoll watches that a sandbox keeps when there are none left for this process (``endWatchers()``).
  public static let mostWatches = Int(SK_SANDBOX_WATCHES)

  let facts: SpawnerFacts
  private let socket: Int32, guardian: Int32
  private let peaks: SharedPeaks
  /// The second in which it was asked last for the ends of those that hold too many watches.
  private let watchersEnded = Atomic<UInt64>(0)
  private let slots = Mutex(Slots())
  private let trial = Mutex<SandboxReport?>(nil)
  /// Flags of every request on this machine, as the report found.
  private let everySandbox = Atomic<UInt32>(0)

  /// Slots that are taken, and sandboxes nobody holds any more that may still live.
  private struct Slots {
    var isTaken = [Bool](repeating: false, count: Spawner.mostSandboxes)
    var next = 0
    var orphans: [(lifeline: Int32, slot: Int)] = []

    /// The free slot that was used longest ago, so that a user's number comes back late.
    mutating func take() -> Int? {
      for _ in 0..<isTaken.count {
        defer { next = (next + 1) % isTaken.count }
        if !isTaken[next] {
          isTaken[next] = true
          return next
        }
      }
      return nil
    }
  }

  /// Forks it, and has it begin. Before threads are started and before anything is given up; what it finds of the machine is asked at once (some ms).
  /// - Parameters:
  ///   - roots: absolute paths of files, and of folders of which parts, that may be shown in sandboxes, 16 at most; they may be made later.
  ///   - usesControlGroups: false: memory is watched and CPU is not shared out, whatever the machine has.
  /// - Throws: ``SpawnFailure`` when the system has no process or descriptor left.
  public convenience init(roots: [String], usesControlGroups: Bool = true) throws(SpawnFailure) {
    try self.init(beginning: SpawnerInWaiting(roots: roots, usesControlGroups: usesControlGroups))
  }

  /// Has one begin that has waited, at any time and once; what it finds of the machine is asked at once (some ms).
  /// - Throws: ``SpawnFailure`` when it is gone, or has begun.
  public init(beginning waiting: SpawnerInWaiting) throws(SpawnFailure) {
    guard let (socket, guardian, peaks) = waiting.take() else { throw SpawnFailure(description: "the process that starts sandboxes has begun already") }
    var found = sk_spawner_facts()
    let result = unsafe sk_spawner_begin(socket, &found)
    (self.socket, self.guardian, self.peaks) = (socket, guardian, peaks)
    facts = SpawnerFacts(found)
    // Here, where everything has a value: the socket is closed with this.
    guard result == 0 else { throw SpawnFailure(birth: result) }
  }

  /// Ends every sandbox, and waits for those who look after them: milliseconds.
  deinit { sk_spawner_end(socket, guardian) }

  /// Asks for a sandbox. Returns at once: it is up some 10–20 ms later, and a failure is found at its end (``Sandbox/end()``).
  /// - Throws: ``SpawnFailure`` when there are ``mostSandboxes`` already, descriptors have run out, the description cannot be said, or the
  ///   spawner is gone.
  public func spawn(_ description: SandboxDescription) throws(SpawnFailure) -> Sandbox {
    // Where none can be started, the reason is known since the start.
    if let problem = trial.withLock({ $0?.problem }) { throw SpawnFailure(description: problem) }
    return try spawn(description, flags: everySandbox.load(ordering: .relaxed))
  }

  func spawn(_ description: SandboxDescription, flags: UInt32) throws(SpawnFailure) -> Sandbox {
    let message = try RequestTexts(description)
    releaseOrphans()
    guard let slot = slots.withLock({ $0.take() }) else { throw SpawnFailure(description: "there are \(Self.mostSandboxes) sandboxes already") }
    var ours = [Int32](repeating: -1, count: 4), theirs = ours
    guard unsafe sk_sandbox_connect(&ours, &theirs) == 0 else {
      release(slot)
      throw SpawnFailure(description: "no descriptors for a sandbox: \(unsafe String(cString: strerror(errno)))")
    }
    var request = description.request
    request.slot = UInt32(slot)
    request.flags |= flags
    let result = unsafe message.bytes.withUnsafeBufferPointer { texts in
      unsafe sk_sandbox_ask(socket, &request, texts.baseAddress, UInt32(texts.count), theirs, UInt32(theirs.count))
    }
    for descriptor in theirs { close(descriptor) }
    guard result == 0 else {
      for descriptor in ours { close(descriptor) }
      release(slot)
      throw SpawnFailure(description: "the process that starts sandboxes does not answer: \(unsafe String(cString: strerror(-result)))")
    }
    return Sandbox(self, slot: slot, control: ours[0], output: ours[1], errors: ours[2], lifeline: ours[3])
  }

  /// What holds for sandboxes on this machine. The first time it starts one, and waits for it: up to 5 s, usually 30 ms.
  public var report: SandboxReport {
    trial.withLock { known in
      if let known { return known }
      let report = SandboxReport(tryingOut: self)
      known = report
      if !report.hasProc { everySandbox.store(UInt32(SK_SANDBOX_NO_PROC), ordering: .relaxed) }
      return report
    }
  }

  /// What was left in the control groups of one that is gone with everybody who could look after it, and was killed: one sentence; nil when there was
  /// nothing.
  public var leftovers: String? {
    facts.left == 0 ? nil : "functions: killed \(facts.left) process\(facts.left == 1 ? "" : "es") of sandboxes that an earlier skerry had left in its control groups"
  }

  /// Kills every sandbox that holds more than ``mostWatches`` epoll watches, where they share them with this process: it has none left. Does not wait
  /// for it. At most once a second, whoever asks: looking takes the spawner a while.
  public func endWatchers() {
    let now = monotonicNanoseconds() / 1_000_000_000 + 1
    if watchersEnded.exchange(now, ordering: .relaxed) != now { ask(SK_SANDBOX_END_WATCHERS, 0) }
  }

  // MARK: For Sandbox

  func ask(_ kind: Int, _ slot: Int) {
    var request = sk_sandbox_request()
    request.kind = UInt32(kind)
    request.slot = UInt32(slot)
    _ = unsafe sk_sandbox_ask(socket, &request, nil, 0, nil, 0)
  }

  /// Reads a lifeline; at its end the slot is free.
  func readEnd(_ lifeline: Int32, _ slot: Int) -> SandboxEnd? {
    var message = sk_sandbox_end()
    let result = unsafe sk_sandbox_read_end(lifeline, &message)
    guard result != 0 else { return nil }
    release(slot)
    return result > 0 ? SandboxEnd(message) : SandboxEnd(cause: .abandoned, peakBytes: 0)
  }

  /// Keeps the slot of a sandbox that nobody holds any more until it is gone.
  func adopt(_ lifeline: Int32, _ slot: Int) { slots.withLock { $0.orphans.append((lifeline, slot)) } }

  func peakBytes(_ slot: Int) -> Int {
    guard let path = facts.peakFile(slot: slot) else { return unsafe Int(peaks.numbers[slot]) }
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var number = 0
    var bytes = [UInt8](repeating: 0, count: 32)
    let length = unsafe read(file, &bytes, bytes.count)
    for byte in bytes.prefix(max(0, length)) where (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { number = number &* 10 &+ Int(byte - UInt8(ascii: "0")) }
    return number
  }

  private func release(_ slot: Int) { slots.withLock { $0.isTaken[slot] = false } }

  private func releaseOrphans() {
    let orphans = slots.withLock { slots in
      defer { slots.orphans = [] }
      return slots.orphans
    }
    for orphan in orphans {
      if readEnd(orphan.lifeline, orphan.slot) != nil { close(orphan.lifeline) } else { adopt(orphan.lifeline, orphan.slot) }
    }
  }
}

/// A process that will launch sandboxes and does nothing yet: it was forked in time, and has looked for nothing and made nothing. Any thread.
public final class SpawnerInWaiting: Sendable {
  /// Files, and folders of which parts, that may be shown in sandboxes.
  public let roots: [String]
  private let link: Mutex<(socket: Int32, guardian: Int32, peaks: SharedPeaks)?>

  /// Forks it. Before threads are started and before anything is given up.
  /// - Parameters:
  ///   - roots: absolute paths of files, and of folders of which parts, that may be shown in sandboxes, 16 at most; they may be made later.
  ///   - usesControlGroups: false: memory is watched and CPU is not shared out, whatever the machine has.
  /// - Throws: ``SpawnFailure`` when the roots cannot be shown, or the system has no process or descriptor left.
  public init(roots: [String], usesControlGroups: Bool = true) throws(SpawnFailure) {
    if let problem = Self.problem(with: roots) { throw SpawnFailure(description: problem) }
    var shared: UnsafePointer<UInt64>? = nil, guardian: Int32 = 0
    let result = unsafe withTexts(roots) { texts in
      unsafe sk_spawner_prepare(texts, usesControlGroups ? 0 : 1, &shared, &guardian)
    }
    guard result >= 0, let shared = unsafe shared else { throw SpawnFailure(birth: result) }
    self.roots = roots
    link = unsafe Mutex((result, guardian, SharedPeaks(numbers: shared)))
  }

  /// Why these cannot be shown in sandboxes: one sentence without a full stop; nil when they can.
  static func problem(with roots: [String]) -> String? {
    let most = Int(SK_SANDBOX_FOLDERS), longest = Int(SK_SANDBOX_PATH_BYTES) - 1
    if roots.count > most { return "\(roots.count) folders and files are to be shown in sandboxes, and \(most) can be: \(roots.joined(separator: ", "))" }
    if let root = roots.first(where: { !$0.hasPrefix("/") }) { return "\(root) cannot be shown in sandboxes: its path is not absolute" }
    return roots.first { $0.utf8.count > longest }.map { "\($0) cannot be shown in sandboxes: its path is longer than \(longest) bytes" }
  }

  /// One that has not begun ends.
  deinit { if let link = link.withLock({ $0 }) { sk_spawner_end(link.socket, link.guardian) } }

  /// Whether bubblewrap is there, without which there is no use in beginning.
  public static var wouldFindBubblewrap: Bool { sk_sandbox_program_is_there() != 0 }

  fileprivate func take() -> (socket: Int32, guardian: Int32, peaks: SharedPeaks)? {
    link.withLock { link in
      defer { link = nil }
      return link
    }
  }
}

extension SpawnFailure {
  fileprivate init(birth result: Int32) { self.init(description: "the process that starts sandboxes: \(unsafe String(cString: strerror(-result)))") }
}

/// Numbers that the spawner writes and this process reads; each is whole whenever it is read.
@safe private struct SharedPeaks: @unchecked Sendable {
  let numbers: UnsafePointer<UInt64>
}

/// C texts in a list that ends with a null pointer.
private func withTexts<Result>(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result) -> Result {
  let copies = unsafe texts.map { unsafe strdup($0) } + [nil]
  defer { unsafe copies.forEach { unsafe free($0) } }
  let list = unsafe copies.map { unsafe UnsafePointer($0) }
  return unsafe list.withUnsafeBufferPointer { list in
    guard let first = list.baseAddress else { preconditionFailure("a list that ends with a null pointer is not empty") }
    return unsafe body(first)
  }
}
