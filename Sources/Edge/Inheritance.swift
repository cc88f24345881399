// Owns: listening sockets that this process was started with, by a service manager (systemd's socket activation, sd_listen_fds(3)) or by the
// process that it is to replace (Upgrade.swift): finding them, and matching them with what the configuration names.
import Glibc
import Transport

/// What a process was started with.
public struct Inheritance: Sendable {
  /// A socket, and what it is called.
  struct Named: Sendable {
    let socket: ListeningSocket
    let name: String
    /// Its place among what was handed over.
    let index: Int
  }

  /// Sockets that nobody has taken yet.
  private(set) var sockets: [Named] = []
  /// Where the process that is to be replaced waits for a word; nil when there is none.
  let predecessor: Predecessor?
  /// What was handed over and is no listening socket.
  private(set) var strange: [String] = []

  /// What the process that is to be replaced lacks of its configuration (``ConfigurationReading/tolerated``); nil when there is none, or it does not say.
  public let tolerated: Set<String>?

  /// Nothing.
  init() { (predecessor, tolerated) = (nil, nil) }

  /// The name under which the word to the predecessor travels.
  static let wordName = "skerry-word"

  /// Takes what the environment announces, and the announcement out of the environment: it is not for programs that this one starts. Once, while the
  /// process has one thread.
  public static func take() -> Inheritance {
    defer { for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", predecessorVariable, heldVariable, toleratedVariable] { unsafe unsetenv(name) } }
    guard let count = variable("LISTEN_FDS").flatMap({ Int($0) }), (1...descriptorLimit).contains(count) else { return Inheritance() }
    // Sockets are for the process that is named. Who replaces another is started by a process that cannot know its number before.
    let predecessor = variable(predecessorVariable).flatMap { Int32($0) }
    guard predecessor != nil || variable("LISTEN_PID").flatMap({ Int32($0) }) == getpid() else { return Inheritance() }
    let names = (variable("LISTEN_FDNAMES") ?? "").split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    let held = predecessor == nil ? Array(repeating: true, count: count) : (variable(heldVariable) ?? "").utf8.map { $0 == UInt8(ascii: "1") }
    return Inheritance(count, names, predecessor, heldElsewhere: held)
  }

  static let predecessorVariable = "SKERRY_PREDECESSOR"
  /// By socket, `1` for one that a service manager has too, `0` for another.
  static let heldVariable = "SKERRY_HELD"
  /// What may be lacking, separated.
  static let toleratedVariable = "SKERRY_TOLERATED", toleratedSeparator = "\u{1F}"
  /// As many as the starter hands on.
  private static let descriptorLimit = 1024
  private static let firstDescriptor: Int32 = 3

  private static func variable(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

  private init(_ count: Int, _ names: [String], _ predecessor: Int32?, heldElsewhere: [Bool]) {
    var word: Int32?
    for index in 0..<count {
      let descriptor = Self.firstDescriptor + Int32(index), name = index < names.count ? names[index] : ""
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      if predecessor != nil && name == Self.wordName { word = descriptor } else
      if let socket = ListeningSocket(inherited: descriptor, isHeldElsewhere: index < heldElsewhere.count && heldElsewhere[index]) { sockets.append(Named(socket: socket, name: name, index: index)) } else {
        strange.append(name.isEmpty ? "descriptor \(descriptor)" : name)
        close(descriptor)
      }
    }
    tolerated = predecessor.flatMap { _ in Self.variable(Self.toleratedVariable) }.map { Set($0.split(separator: Character(Self.toleratedSeparator)).map(String.init)) }
    self.predecessor = predecessor.flatMap { process in word.map { Predecessor(process: process, word: $0) } }
  }

  /// How a listener is called where its address alone does not tell which it is: one with port 0. There are no colons in names.
  static func name(of configured: SocketAddress) -> String { configured.description.replacing(":", with: "_") }

  /// Takes the sockets of an address: those bound to it, or else, for a port that the system was to choose, those of one address that are called
  /// after it.
  mutating func takeSockets(for configured: SocketAddress) -> [ListeningSocket] {
    var address = configured
    if case .unix = configured {} else if configured.port == 0 {
      guard let first = sockets.first(where: { $0.name == Self.name(of: configured) }) else { return [] }
      address = first.socket.address
    }
    let taken = sockets.filter { $0.socket.address == address }.map(\.socket)
    sockets.removeAll { $0.socket.address == address }
    return taken
  }

  /// Closes what nobody took.
  /// - Returns: the addresses, and the places among what was handed over.
  mutating func closeRest() -> (addresses: [SocketAddress], indices: [Int]) {
    defer { sockets = [] }
    for named in sockets { named.socket.close() }
    return (sockets.map(\.socket.address), sockets.map(\.index))
  }
}

/// The process that is to be replaced. Any thread.
struct Predecessor: Sendable {
  let process: Int32
  fileprivate let word: Int32

  /// Says that this process is ready, and which of the sockets it does not want. Once.
  /// - Returns: false when nobody waits for it any more: then the predecessor goes on, and this process must not serve.
  func sayReady(unwanted: [Int]) -> Bool {
    defer { close(word) }
    let line = Array(("ready" + unwanted.map { " \($0)" }.joined() + "\n").utf8)
    return unsafe write(word, line, line.count) == line.count
  }
}
