// Owns: our ends of one running sandbox. The supervisor's thread; nothing in it waits.
import CSandbox
import Glibc

/// A sandbox that was asked for: it is being started, runs, or has ended. Letting go of it kills it.
public final class Sandbox {
  /// Our end of the stream socket that is descriptor 3 inside; non-blocking.
  public let control: Int32
  /// What it writes to stdout and stderr: pipes to read from; non-blocking. At their end everybody who could write is gone.
  public let output: Int32, errors: Int32
  /// Becomes readable when everything in the sandbox is gone; then ``end()`` says why.
  public let lifeline: Int32
  /// Its number while it lives, below ``Spawner/mostSandboxes``.
  public let slot: Int
  private let spawner: Spawner
  private var known: SandboxEnd?

  init(_ spawner: Spawner, slot: Int, control: Int32, output: Int32, errors: Int32, lifeline: Int32) {
    (self.spawner, self.slot) = (spawner, slot)
    (self.control, self.output, self.errors, self.lifeline) = (control, output, errors, lifeline)
  }

  deinit {
    for descriptor in [control, output, errors] { close(descriptor) }
    if known == nil {
      kill()
      spawner.adopt(lifeline, slot)
    } else {
      close(lifeline)
    }
  }

  /// Kills everything in it at once, whatever it has started; ``lifeline`` tells when that is done (3–4 ms). Any number of times.
  public func kill() { if known == nil { spawner.ask(SK_SANDBOX_KILL, slot) } }

  /// From now on it gets memory / 1769 MB of a processor, as on Lambda. After its initialization, which would take eight times as long.
  /// Without cgroups nothing happens (``SandboxReport/limitsCPU``).
  public func limitCPU() { if known == nil { spawner.ask(SK_SANDBOX_LIMIT_CPU, slot) } }

  /// Whether it can be frozen.
  public var canBeFrozen: Bool { spawner.facts.freezes }
  /// Has nothing in it run any more, until it is to run again. Returns at once; what is asked of it meanwhile it finds afterwards.
  public func freeze(_ frozen: Bool) { if known == nil { spawner.ask(frozen ? SK_SANDBOX_FREEZE : SK_SANDBOX_THAW, slot) } }

  /// How it ended; nil while it lives. Asks the lifeline once.
  public func end() -> SandboxEnd? {
    if let known { return known }
    known = spawner.readEnd(lifeline, slot)
    return known
  }

  /// The most memory it has used so far, in bytes: the kernel's figure, with /tmp and what of files the kernel keeps for it; without cgroups,
  /// the highest of those that were looked up. One system call or three.
  public var peakMemoryBytes: Int { known?.peakBytes ?? spawner.peakBytes(slot) }
  /// Whether it ended, or is ending, because it used too much memory.
  public var wasOutOfMemory: Bool { known?.cause == .outOfMemory }

  /// The listener of its Runtime API, the caller's to close; non-blocking. It comes as the first message on ``control``: nil before that, and
  /// when there is none.
  public func takeListener() -> Int32? {
    let result = sk_sandbox_take_listener(control)
    return result >= 0 ? result : nil
  }
}
