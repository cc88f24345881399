// The function tier as the rest of the house sees it: functions are prepared with a configuration, and invoked.
// It lives as long as the process; reloads only change what is prepared. Any thread.
public import Distribution

/// The function tier.
public final class FunctionTier: Sendable {
  /// Its settings; named in Documentation/configuration.md.
  public struct Configuration: Sendable, Equatable {
    /// The folder of versions, runtimes and staging areas: below the proxy's state folder.
    public var folder: String
    /// The most invocations at once, of all functions together. Further ones are throttled. Default 1,000.
    public var concurrency = 1_000

    /// The defaults.
    public init(folder: String) { self.folder = folder }
  }

  /// What is wrong with a function that was to be prepared.
  public struct Problem: Error, Sendable, Equatable {
    /// Its place among the definitions.
    public var index: Int
    /// One sentence without a full stop, with the file inside of the code where one is to blame.
    public var text: String
  }

  private let configuration: Configuration

  /// A tier without functions.
  public init(_ configuration: Configuration) { self.configuration = configuration }

  /// Takes up the functions of a configuration: reads their code and keeps a copy. Blocks. What is the same as before keeps its environments.
  /// - Returns: by definition: nil for the rewrite engine's, and for those that have a problem.
  public func prepare(_ definitions: [FunctionDefinition]) -> (functions: [TierFunction?], problems: [Problem]) {
    (definitions.map { $0.runtime.isRewriteEngine ? nil : TierFunction(name: $0.name, qualifier: nil, self) }, [])
  }

  /// Invokes a function.
  /// - Parameter answer: called once, on the supervisor's thread: it must not block.
  public func invoke(_ function: TierFunction, _ invocation: Invocation, answer: @escaping @Sendable (InvocationOutcome) -> Void) {
    var report = InvocationReport()
    report.requestID = invocation.requestID
    answer(.failed(InvocationFailure(.notStarted, errorType: "Sandbox.NotStarted", errorMessage: "no function can be started yet"), report))
  }
}
