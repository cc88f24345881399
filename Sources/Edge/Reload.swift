// Owns: one reload under way: a thread that reads the configuration again and makes it ready. It tells the main thread what came of it and ends.
import ControlPlane
import Transport

/// A reload under way. The main thread's, but for its thread.
final class Reload {
  /// What came of it.
  struct Outcome: Sendable {
    var reading: ConfigurationReading
    /// Nil when the reading was refused.
    var preparation: Result<Preparation, StartFailure>?
    /// When the files were looked at first.
    var began: ContinuousClock.Instant

    /// The same with what was found when it was made ready, as far as that has a place in a file.
    func with(_ failure: StartFailure, of source: ConfigurationSource) -> Outcome {
      with((failure.problem(of: reading, in: source.path).map { [$0] } ?? []) + failure.problems)
    }

    /// The same with further problems.
    func with(_ problems: [ConfigurationProblem]) -> Outcome {
      var outcome = self
      outcome.reading.problems += problems
      return outcome
    }
  }

  private let thread: EventLoopThread

  /// Begins; the outcome is posted to the queue.
  init(_ source: ConfigurationSource, after standing: Standing, triesFunctions: Bool, _ foundations: Foundations, _ queue: MainQueue) {
    thread = EventLoopThread {
      let began = ContinuousClock.now
      let reading = source.read()
      let preparation = reading.configuration.map { configuration in
        let hadFunctions = foundations.functions.tier != nil
        let result = Result { () throws(StartFailure) in try Preparation(configuration, after: standing, triesFunctions: triesFunctions, foundations) }
        // What it says of all functions is nobody's when it does not serve.
        if case .failure = result, !hadFunctions { foundations.functions.withdraw() }
        return result
      }
      queue.post(.prepared(Outcome(reading: reading, preparation: preparation, began: began)))
    }
  }

  /// Waits for its thread, which has nothing left to do.
  func end() { thread.join() }
}
