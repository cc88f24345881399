// Owns: what a reload brings is loaded before it is taken up, so that what does not load does not take the place of what serves. Blocks; a reload's thread.
import Distribution
import Foundation
import Synchronization
public import Telemetry

extension FunctionTier {
  /// What came of loading what a configuration brings.
  public struct TrialReport: Sendable, Equatable {
    /// Something said of a function, at its place in its code as far as that is known.
    public struct Finding: Sendable, Equatable {
      /// The function's name.
      public var function: String
      /// One sentence without a full stop.
      public var text: String
      /// The file, as its author has it; where the code is an archive, as if that were a folder.
      public var file: String
      /// From 1.
      public var line = 1, column = 1
    }

    /// Functions that do not load, by their own fault.
    public var faults: [Finding] = []
    /// Functions that were not tried, and why.
    public var untried: [Finding] = []
  }

  /// Loads those functions once, each in an environment of its own, that serve newest code and are new or others than what serves. Nothing changes for
  /// what serves; environments that have loaded theirs are kept until the configuration is adopted, or ``forgetTrials(forGood:)``. Blocks until all are
  /// done, at most ``Configuration/trialMilliseconds``.
  /// - Parameter log: where lines go, as long as no configuration has been adopted.
  public func tryOut(_ prepared: Prepared, log: LogWriter?) -> TrialReport {
    var report = TrialReport()
    guard configuration.trialMilliseconds > 0 else { return report }
    let (former, isFirst) = newest.withLock { ($0 ?? [:], $0 == nil) }
    var tried: [Prepared.Candidate] = []
    for candidate in prepared.candidates where former[candidate.definition.name]?.loads(like: candidate.trial.revision) != true {
      // It never runs.
      if candidate.definition.tier.reservedConcurrency == 0 {
        supervisor.trialCounts.withLock { $0[2] += 1 }
        report.untried.append(candidate.finding("is taken up untried: its reserved concurrency is 0"))
      } else { tried.append(candidate) }
    }
    guard !tried.isEmpty else { return report }
    if isFirst { supervisor.post(.log(log)) }
    let outcomes = outcomes(of: tried.map(\.trial)), time = Lines.seconds(.milliseconds(configuration.trialMilliseconds))
    for (candidate, outcome) in zip(tried, outcomes) {
      switch outcome {
      case .loaded: break
      case .failed(let failure): report.faults.append(candidate.finding(failure))
      case .omitted(let why): report.untried.append(candidate.finding("is taken up untried: \(why)"))
      case .unfinished:
        report.faults.append(candidate.finding("was not loaded within \(time) seconds, which all functions that a reload changes have together (functionTier.trialTimeout)"))
      }
    }
    return report
  }

  private func outcomes(of trials: [Trial]) -> [TrialOutcome] {
    let done = EndSignal(), found = Mutex<[TrialOutcome]>([])
    supervisor.post(.tryOut(trials) { outcomes in
      found.withLock { $0 = outcomes }
      done.raise()
    })
    // The supervisor says when the time is over; this is for one that does not turn any more.
    done.wait(milliseconds: configuration.trialMilliseconds + Self.stopMilliseconds)
    let outcomes = found.withLock { $0 }
    return outcomes.count == trials.count ? outcomes : Array(repeating: .omitted("nothing was heard of its trial"), count: trials.count)
  }

  /// What was tried is not taken up: its environments end. Any thread; does not wait for it.
  /// - Parameter forGood: the process ends: who waits for trials is told at once, and nothing is tried any more.
  public func forgetTrials(forGood: Bool = false) {
    supervisor.post(.endTrials(forGood: forGood))
    if newest.withLock({ $0 == nil }) { supervisor.post(.log(nil)) }
  }
}

extension FunctionTier.Prepared {
  /// A function whose newest code serves with the configuration.
  struct Candidate: Sendable {
    var definition: FunctionDefinition
    var trial: Trial

    /// What is said of it.
    /// - Parameter place: nil for none in particular.
    func finding(_ words: String, at place: FaultPlace? = nil) -> FunctionTier.TrialReport.Finding {
      var file = definition.codePath, isFolder: ObjCBool = false
      let isThere = unsafe FileManager.default.fileExists(atPath: file, isDirectory: &isFolder)
      let holdsFiles = file.hasSuffix(".zip") || isThere && isFolder.boolValue
      if let place, holdsFiles { file += "/" + place.path }
      return FunctionTier.TrialReport.Finding(
        function: definition.name, text: "function \(definition.name) \(words)".inOneLine, file: file.inOneLine, line: place?.line ?? 1, column: place?.column ?? 1)
    }

    /// It does not load.
    func finding(_ failure: InvocationFailure) -> FunctionTier.TrialReport.Finding {
      // Our own messages begin with an invocation's id, and there is none.
      let message = failure.errorMessage
      let words = message.hasPrefix("RequestId: ") ? message.firstRange(of: " Error: ").map { String(message[$0.upperBound...]) } ?? message : message
      return finding("cannot be loaded: \(failure.errorType): \(words)", at: FaultPlace(failure))
    }
  }
}

extension String {
  /// For terminals and logs: much of it is the function's own words.
  fileprivate var inOneLine: String {
    String(String.UnicodeScalarView(unicodeScalars.prefix(Self.mostScalars).map { $0.properties.generalCategory == .control ? " " : $0 }))
  }
  private static let mostScalars = 2_000
}
