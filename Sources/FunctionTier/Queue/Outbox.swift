// Owns: what destinations have not been told yet. A record that is not taken at once, or is for a server, lies on disk until it is taken, is
// tried again, and is lost only when nobody has taken it for as long as an event may wait. Servers are spoken to by threads of the outbox's own,
// so that one that does not answer keeps no event waiting. Any thread. Rule of the lock: a few moves at a time.
import Distribution
import Glibc
import JSONText
import Synchronization
import Telemetry
import Transport

/// Records on their way to destinations.
final class Outbox: Sendable {
  /// How long a record is tried to be delivered: the longest that an event may wait.
  static let patienceMilliseconds: Int64 = 6 * 3_600_000
  /// The wait after a first failure; it grows twofold up to the longest.
  static let firstWaitMilliseconds: Int64 = 1_000, longestWaitMilliseconds: Int64 = 300_000
  /// Records that are being delivered at once.
  static let deliveriesAtOnce = 4
  /// Records that may wait for a destination; a further one is lost, and said.
  static let recordLimit = 10_000

  private struct Letter {
    var name: String
    var written: Int64
    var due: Int64 = 0
    var wait: Int64 = 0

    /// The same, after a wait that is longer than the last one.
    var later: Letter {
      var letter = self
      letter.wait = min(max(wait * 2, Outbox.firstWaitMilliseconds), Outbox.longestWaitMilliseconds)
      letter.due = Timestamp.now.milliseconds + letter.wait
      return letter
    }
  }
  private struct State {
    var waiting: [Letter] = []
    var underway = 0, undelivered = 0, unreadable = 0, number = 0
    var isStopping = false
  }

  private let folder: DurableFolder
  private let courier = Courier()
  /// Raised when nothing is being delivered any more, once the process ends.
  private let isDone = EndSignal()
  private let diagnostics: Diagnostics
  private let changed: @Sendable () -> Void
  private let state = Mutex(State())
  private let helpers: BlockingPool

  /// Takes up what an earlier process left.
  /// - Parameter changed: called when ``sendDue(_:)`` has something to do.
  init(folder: String, _ diagnostics: Diagnostics, changed: @escaping @Sendable () -> Void) throws(EventQueue.Refusal) {
    self.folder = DurableFolder(folder)
    self.diagnostics = diagnostics
    self.changed = changed
    var settings = BlockingPool.Configuration()
    (settings.threads, settings.queueLimit) = (Self.deliveriesAtOnce, Self.deliveriesAtOnce)
    do throws(IOFailure) { helpers = try BlockingPool(configuration: settings) } catch { throw .disk("\(folder): \(error)") }
    for name in try DurableFolder.open(folder) {
      guard let written = Int64(name.prefix { $0 != "-" }) else {
        _ = self.folder.remove(name)   // the event it was for is still there
        continue
      }
      state.withLock { $0.waiting.append(Letter(name: name, written: written)) }
    }
  }

  /// Records that wait, those that were lost, and how often one could not be read.
  var statistics: (untold: Int, undelivered: Int, unreadable: Int) { state.withLock { ($0.waiting.count + $0.underway, $0.undelivered, $0.unreadable) } }

  /// Ends: nothing more is begun; what is being delivered may go on until `end`, and then is broken off.
  func stop(by end: ContinuousClock.Instant) {
    if state.withLock({ state in
      state.isStopping = true
      return state.underway > 0
    }) {
      isDone.wait(milliseconds: max(0, (end - .now).wholeMilliseconds))
      courier.giveUp()
      isDone.wait(milliseconds: Self.lastMilliseconds)
    }
    // Who looks a name up cannot be called back: that thread ends with the process.
    if state.withLock({ $0.underway == 0 }) { helpers.stop() }
  }
  /// How long those that are broken off may take to notice.
  private static let lastMilliseconds = 250

  /// Has a destination told. When this returns, the file it names has the record, or the disk has it to be told later. Blocks.
  /// - Parameter subject: whose record it is, for messages.
  func tell(_ destination: EventDestination, _ record: JSONValue, of subject: String, _ now: Int64) {
    var problem: String?
    if case .file = destination {
      problem = courier.deliver(record, to: destination)
      if problem == nil { return }
    }
    if let problem { say(problem, subject, destination) }
    let letter: Letter? = state.withLock { state in
      guard state.waiting.count + state.underway < Self.recordLimit else { return nil }
      state.number += 1
      return Letter(name: "\(now)-\(getpid())-\(state.number)", written: now, due: problem == nil ? 0 : now + Self.firstWaitMilliseconds, wait: problem == nil ? 0 : Self.firstWaitMilliseconds)
    }
    guard let letter else { return lose(subject, destination, "\(Self.recordLimit) records wait already") }
    var content = destination.members
    content.append("subject", .string(subject))
    content.append("record", record)
    do throws(FolderProblem) { try folder.write(Array(JSONValue.object(content).compact.utf8), as: letter.name) } catch { return lose(subject, destination, error.text) }
    state.withLock { $0.waiting.append(letter) }
    changed()
  }

  /// Begins to deliver what is due.
  /// - Returns: how many milliseconds there is nothing more to do.
  func sendDue(_ now: Int64) -> Int64 {
    while true {
      let (letter, wait): (Letter?, Int64) = state.withLock { state in
        guard !state.isStopping, state.underway < Self.deliveriesAtOnce, let index = state.waiting.indices.min(by: { state.waiting[$0].due < state.waiting[$1].due }) else { return (nil, .max) }
        if state.waiting[index].due > now { return (nil, state.waiting[index].due - now) }
        state.underway += 1
        return (state.waiting.remove(at: index), 0)
      }
      guard let letter else { return wait }
      if helpers.submit({ [self] in deliver(letter) }) != nil {
        state.withLock { state in
          state.underway -= 1
          state.waiting.append(letter)
        }
        return Self.firstWaitMilliseconds
      }
    }
  }

  private func deliver(_ letter: Letter) {
    var left: Letter?
    switch folder.read(letter.name) {
    case .content(let content):
      left = deliver(letter, content)
      if left == nil { _ = folder.remove(letter.name) }
    case .gone: break   // a process that has replaced this one has delivered it
    case .unreadable(let problem):
      diagnostics.say(.error, key: "event record", "the record \(letter.name) of the end of an event cannot be read: \(problem); it is tried again")
      state.withLock { $0.unreadable += 1 }
      left = letter.later
    }
    state.withLock { state in
      state.underway -= 1
      if let left { state.waiting.append(left) }
      if state.isStopping && state.underway == 0 { isDone.raise() }
    }
    changed()
  }

  /// - Returns: when it is to be tried again; nil when it is done with.
  private func deliver(_ letter: Letter, _ content: [UInt8]) -> Letter? {
    guard let value = try? JSONValue(parsing: content), let destination = EventDestination(members: value), let record = value["record"] else {
      lose(letter.name, nil, "it is no record")
      return nil
    }
    guard let problem = courier.deliver(record, to: destination) else { return nil }
    if state.withLock({ $0.isStopping }) { return letter }
    let subject = value["subject"]?.string ?? ""
    guard Timestamp.now.milliseconds - letter.written < Self.patienceMilliseconds else {
      lose(subject, destination, problem)
      return nil
    }
    say(problem, subject, destination)
    return letter.later
  }

  /// A record is lost: that is always said.
  private func lose(_ subject: String, _ destination: EventDestination?, _ problem: String) {
    state.withLock { $0.undelivered += 1 }
    diagnostics.say(.error, Self.message(problem, subject, destination) + "; it is lost")
  }

  /// A destination does not take records: said once a second of each.
  private func say(_ problem: String, _ subject: String, _ destination: EventDestination) {
    diagnostics.say(.error, key: "event destination \(destination.place)", Self.message(problem, subject, destination) + "; it is tried again")
  }

  private static func message(_ problem: String, _ subject: String, _ destination: EventDestination?) -> String {
    "the end of an event of \(subject) could not be told\(destination.map { " to \($0.place)" } ?? ""): \(problem)"
  }
}

extension EventDestination {
  /// What messages call it. Of a URL no more than the server: the rest of it may be a secret.
  fileprivate var place: String {
    switch self {
    case .file(let path): path
    case .server(let server): "\(server.isSecure ? "https" : "http")://\(server.host.contains(":") ? "[\(server.host)]" : server.host):\(server.port)"
    }
  }

  /// As it lies on disk: the URL, or the file's absolute path; and whom it trusts.
  fileprivate var members: JSONObject {
    switch self {
    case .file(let path): ["destination": .string(path)]
    case .server(let server):
      server.certificateAuthority.map { ["destination": .string(server.url), "certificateAuthority": .string($0)] } ?? ["destination": .string(server.url)]
    }
  }

  fileprivate init?(members: JSONValue) {
    guard let text = members["destination"]?.string else { return nil }
    if text.hasPrefix("/") {
      self = .file(text)
    } else {
      guard let server = EventServer(url: text, certificateAuthority: members["certificateAuthority"]?.string) else { return nil }
      self = .server(server)
    }
  }
}
