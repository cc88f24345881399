// From the tier's tallies to what the metrics page shows. Any thread.
import Synchronization
public import Telemetry

extension FunctionTier {
  /// The numbers of this moment.
  public var facts: FunctionTierFacts {
    var facts = FunctionTierFacts()
    (facts.environments, facts.ready) = (supervisor.sandboxes.load(ordering: .relaxed), supervisor.ready.load(ordering: .relaxed))
    (facts.direct, facts.staleFrames) = (supervisor.direct.load(ordering: .relaxed), supervisor.staleFrames.load(ordering: .relaxed))
    (facts.frozen, facts.froze) = (supervisor.frozen.load(ordering: .relaxed), supervisor.froze.load(ordering: .relaxed))
    facts.trials = supervisor.trialCounts.withLock { $0 }
    facts.lingered = supervisor.lingered.load(ordering: .relaxed)
    facts.ended = supervisor.ended.withLock { $0 }
    facts.apiLimitsReached = supervisor.apiLimitsReached.withLock { $0 }
    facts.functions = numbers.map { name, numbers in
      var function = FunctionTierFacts.Function(name: name, results: numbers.results)
      function.sums = [
        .duration: numbers.durationMicroseconds, .started: numbers.begun, .coldStarts: numbers.coldStarts, .initializations: numbers.initializations,
        .initialization: numbers.initMicroseconds, .droppedOutput: numbers.droppedOutputBytes,
      ]
      function.levels = [
        .concurrent: numbers.concurrent, .mostConcurrent: numbers.mostConcurrent, .environments: numbers.environments, .peakMemory: Int(numbers.peakBytes),
        .provisioned: numbers.provisioned, .provisionedReady: numbers.provisionedReady,
      ]
      return function
    }
    return facts
  }
}
