// A function of the tier as requests name it: with a version, an alias, or neither. Any thread.
import Synchronization
public import Transport

/// A function of the tier, at one of its versions or aliases. Kept by a configuration; the same function is the same object in all
/// configurations in which nothing of it has changed.
public final class TierFunction: Sendable {
  /// The function's name in the configuration.
  public let name: String
  /// A version's number or an alias; nil for the newest code.
  public let qualifier: String?
  let revision: Revision
  let interpreter: Interpreter
  let tally: FunctionTally
  private let tier: FunctionTier

  init(name: String, qualifier: String?, _ revision: Revision, _ interpreter: Interpreter, _ tally: FunctionTally, _ tier: FunctionTier) {
    self.name = name
    self.qualifier = qualifier
    self.revision = revision
    self.interpreter = interpreter
    self.tally = tally
    self.tier = tier
  }

  /// How long one invocation may take.
  public var timeout: Duration { revision.timeout }

  /// The same function at a version or alias.
  public func qualified(by qualifier: String?) -> TierFunction {
    qualifier == self.qualifier ? self : TierFunction(name: name, qualifier: qualifier, revision, interpreter, tally, tier)
  }

  /// Environments of the function, whatever its version, that are always kept, and how many of them are up.
  public var provisioned: (wanted: Int, ready: Int) {
    let numbers = tally.current
    return (numbers.provisioned, numbers.provisionedReady)
  }

  /// Whether there is such a version or alias, if it names one.
  public var isThere: Bool { qualifier.map { $0 == "$LATEST" || tier.versions.versions(of: name).has($0) } ?? true }

  /// Invokes it.
  /// - Parameter answer: called once, on any thread: it must not block.
  func invoke(_ invocation: Invocation, answer: @escaping @Sendable (InvocationOutcome) -> Void) { tier.invoke(self, invocation, answer: answer) }

  /// Invokes it and waits for the outcome. For tasks of any loop: the caller goes on on its own.
  /// - Parameter loop: the caller's: an environment that is idle is then asked directly and answers to it.
  public nonisolated(nonsending) func call(_ invocation: Invocation, on loop: EventLoop? = nil) async -> InvocationOutcome {
    let reply = Reply()
    let warm = tier.invoke(self, invocation, on: loop) { reply.fulfil($0) }
    defer { warm?.end() }
    return await reply.outcome()
  }
}

/// Where one caller waits for one outcome.
private final class Reply: Sendable {
  private let wakeup = Wakeup()
  private let value = Mutex<InvocationOutcome?>(nil)

  func fulfil(_ outcome: InvocationOutcome) {
    value.withLock { $0 = outcome }
    wakeup.wake()
  }

  nonisolated(nonsending) func outcome() async -> InvocationOutcome {
    while true {
      await wakeup.wait()
      if let outcome = value.withLock({ $0 }) { return outcome }
    }
  }
}
