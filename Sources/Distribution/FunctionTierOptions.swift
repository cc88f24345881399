// What a configuration says of the function tier as a whole: the section `functionTier`. Immutable values; any thread.
// Source: design/function-tier.md. What happens at each limit is in Documentation/configuration.md.

/// Settings of the function tier.
public struct FunctionTierOptions: Sendable, Equatable {
  /// The paths of the programs that run functions; nil for those below PATH. From the next start on.
  public var nodejs: String?, python: String?
  /// The most invocations at once, of all functions together. Further ones: 503, LambdaLimitExceeded.
  public var concurrency = 1_000
  /// The most bytes of the events of these invocations, all together, and of the bodies that are held for functions. Further ones: 503, LambdaLimitExceeded.
  public var eventBytes = 256 << 20
  /// The most environments. Idle ones make room; with none idle, invocations wait.
  public var environments = 100
  /// Environments of each kind that are started before they are asked for. 0: none.
  public var prewarmed = 1
  /// Environments of one function that may be starting at once.
  public var startsAtOnce = 4
  /// How long an environment may be idle before it is ended.
  public var idleTimeout = Duration.seconds(300)
  /// How long an environment is idle before it is kept from running until its next invocation; looked after once a second. 0: never.
  public var freezeAfter = Duration.seconds(1)
  /// How long loading a function's code may take. Beyond it: 503, and the environment is killed.
  public var initTimeout = Duration.seconds(10)
  /// How long loading the functions that a reload changes may take before it is taken up, all together. Beyond it: the reload is refused. 0: they are not
  /// loaded before they serve.
  public var trialTimeout = Duration.seconds(30)
  /// How long an invocation may wait for an environment. Beyond it: 503.
  public var waitTimeout = Duration.seconds(20)
  /// The size of an environment's /tmp in bytes; it lies in memory.
  public var temporaryBytes = 512 << 20
  /// The most processes and threads of an environment.
  public var processes = 256

  /// The defaults.
  public init() {}

  /// The most environments that are always kept, of all functions together: a tenth of ``environments`` stays for those that none are kept of, as Lambda
  /// leaves 100 of an account's concurrency of 1,000 unreserved.
  public var mostProvisioned: Int { Self.mostProvisioned(environments: environments, concurrency: concurrency) }
  /// The same of numbers.
  public static func mostProvisioned(environments: Int, concurrency: Int) -> Int { min(concurrency, environments - (environments + 9) / 10) }
  /// The least concurrency that functions without a reserved one are to have, together: a tenth, as Lambda has it.
  public var leastUnreserved: Int { (concurrency + 9) / 10 }
}
