// Owns: asking a server once for each of many paths whether something is there (`skerry redirects check --origin`): on the transport and with the TLS
// of load tests, on a thread of its own.
import CSystem
import Glibc
import Transport

/// Asks a server what it answers at some paths.
public struct TargetSurvey: Sendable {
  /// What came of asking for one path.
  public enum Outcome: Sendable, Equatable {
    /// The status of its answer.
    case status(Int)
    /// No answer, and why.
    case none(String)
    /// No secured connection, and why.
    case untrusted(String)
  }

  private let options: LoadOptions

  /// - Parameter options: the target; so many connections are used, each for one request at a time.
  public init(_ options: LoadOptions) { self.options = options }

  /// Asks for each path once: HEAD, then GET where HEAD is not allowed. Any thread but a loop's.
  /// - Returns: in the order of the paths.
  /// - Throws: ``LoadProblem`` when the target's name has no address, or the authorities cannot be read.
  public func ask(_ paths: [String]) async throws(LoadProblem) -> [Outcome] {
    Descriptors.prepare()
    let loop: EventLoop
    do throws(IOFailure) { loop = try EventLoop() } catch { throw LoadProblem("the system has no descriptor left") }
    let thread = loop.start(name: "survey")
    defer {
      loop.stop()
      thread.join()
    }
    let survey = SurveyIsolation(loop, options, paths)
    return try await Task(executorPreference: loop) { await survey.run() }.value.get()
  }
}

/// What one survey's thread has to itself.
private actor SurveyIsolation {
  private let loop: EventLoop
  private let options: LoadOptions
  private let paths: [String]
  private var next = 0, resent = 0
  private var outcomes: [TargetSurvey.Outcome]
  private var side: TargetSide?
  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe loop.asUnownedSerialExecutor() }

  init(_ loop: EventLoop, _ options: LoadOptions, _ paths: [String]) {
    self.loop = loop
    self.options = options
    self.paths = paths
    outcomes = Array(repeating: .none(""), count: paths.count)
  }

  func run() async -> Result<[TargetSurvey.Outcome], LoadProblem> {
    do throws(LoadProblem) {
      side = try TargetSide(options.target, try await options.target.addresses(on: loop), loop, options)
    } catch { return .failure(error) }
    let loop = loop
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<min(options.connections, paths.count) { group.addTask(executorPreference: loop) { await self.askForSome() } }
    }
    return .success(outcomes)
  }

  /// Asks for paths that nobody has asked for yet, one after another.
  private func askForSome() async {
    guard let side else { return }
    let channel = Channel(side, nil)
    defer { channel.close() }
    while next < paths.count {
      let index = next
      next += 1
      var outcome = await ask("HEAD", paths[index], channel)
      if outcome == .status(405) || outcome == .status(501) { outcome = await ask("GET", paths[index], channel) }
      outcomes[index] = outcome
    }
  }

  private func ask(_ method: String, _ path: String, _ channel: Channel) async -> TargetSurvey.Outcome {
    let head = "\(method) \(URLText.encoded(path)) HTTP/1.1\r\nHost: \(options.target.authority)\r\nUser-Agent: skerry\r\n\r\n"
    do throws(LoadFailure) {
      var again = 0
      let answer = try await channel.ask(isHead: method == "HEAD", hasContent: false, [], resent: &again) { _, output in output.append(text: head) }
      resent += again
      return .status(answer.status)
    } catch { return error.kind == .tls ? .untrusted(error.text) : .none(error.text) }
  }
}
