// Owns: a binary upgrade under way, on the side of the process that is to be replaced: the program's file is started anew with the very sockets
// that listen here, whatever is queued in them. When the new process is ready this one drains; if it is not, this one goes on.
import Confinement
import Glibc
import Transport

/// An upgrade under way. The main thread's, but for its thread.
final class Upgrade {
  /// How long the new process may take until it is ready.
  static let timeoutMilliseconds: Int32 = 60_000

  /// The longest list of what the new process may lack, in bytes. A longer one is left out, and the new process may lack whatever it lacks at its start, as one
  /// that replaces nobody.
  private static let toleratedBytes = 16_384

  /// What came of it.
  enum Outcome: Sendable {
    /// The new process serves; it does not want the sockets at these places.
    case ready(process: Int32, unwanted: Set<Int>)
    case failed(String)
  }

  private let thread: EventLoopThread

  /// Begins; the outcome is posted to the queue.
  /// - Parameters:
  ///   - sockets: with the name of each that its address does not name.
  ///   - lacking: what this process lacks: the new one may, too. What this one has, the new one is to have.
  init(_ starter: Starter, _ sockets: [(socket: ListeningSocket, name: String?)], lacking: Set<String>, _ queue: MainQueue) {
    let descriptors = sockets.map(\.socket.descriptor), names = sockets.map { $0.name ?? "-" }
    let held = sockets.map { $0.socket.isHeldElsewhere ? "1" : "0" }.joined()
    let tolerated = lacking.sorted().joined(separator: Inheritance.toleratedSeparator)
    thread = EventLoopThread { queue.post(.upgraded(Self.run(starter, descriptors, names, held, tolerated))) }
  }

  /// Waits for its thread, which has nothing left to do.
  func end() { thread.join() }

  private static func run(_ starter: Starter, _ descriptors: [Int32], _ names: [String], _ held: String, _ tolerated: String) -> Outcome {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { return .failed("the system has no descriptor left") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let word = ends[0]
    defer { close(word) }
    let process: Int32
    do throws(ConfinementFailure) {
      defer { close(ends[1]) }
      var environment = [
        "LISTEN_FDS": String(descriptors.count + 1),
        "LISTEN_FDNAMES": (names + [Inheritance.wordName]).joined(separator: ":"),
        Inheritance.predecessorVariable: String(getpid()),
        Inheritance.heldVariable: held,
      ]
      // A list that is too long is left out: then everything is tolerated.
      if tolerated.utf8.count <= Self.toleratedBytes { environment[Inheritance.toleratedVariable] = tolerated }
      process = try starter.start(with: descriptors + [ends[1]], environment: environment)
    } catch { return .failed(error.description) }
    var entry = pollfd(fd: word, events: Int16(POLLIN), revents: 0), ready: Int32
    repeat { ready = unsafe poll(&entry, 1, timeoutMilliseconds) } while ready < 0 && errno == EINTR
    guard ready > 0 else {
      // It finds nobody waiting for its word any more, and ends; or is ended here.
      kill(process, SIGTERM)
      return .failed("process \(process) was not ready after \(timeoutMilliseconds / 1000) s")
    }
    return answer(of: process, word) ?? .failed("process \(process) ended before it was ready; what it said stands above")
  }

  /// `ready` and the places of sockets that are not wanted; nil when it closed without a word.
  private static func answer(of process: Int32, _ word: Int32) -> Outcome? {
    var text = [UInt8](repeating: 0, count: 8192)
    let count = unsafe read(word, &text, text.count)
    guard count > 0 else { return nil }
    let words = String(decoding: text[..<count], as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.first == "ready" else { return nil }
    return .ready(process: process, unwanted: Set(words.dropFirst().compactMap { Int($0) }))
  }
}
