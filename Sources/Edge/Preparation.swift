// Owns: a configuration made ready beside the one that serves: names resolved, code and certificates read, sockets bound, files opened. Nothing
// of it is in effect yet, and if any of it fails nothing ever is. Made on a thread that is no worker; taken over by the main thread.
import ControlPlane
public import Distribution
import FunctionTier
import Glibc
import Pipeline
import Telemetry
import TLS
public import Transport

/// What serves now. Immutable; any thread.
struct Standing: Sendable {
  /// 1 is that of the start.
  let generation: Int
  /// When it was taken up, and the digest of its file.
  let since: Timestamp, digest: String
  /// What it lacks and has lacked from the start.
  let tolerated: Set<String>
  let serving: ServingConfiguration
  /// By listener of the configuration.
  let doors: [Door]
  let admin: AdminDoor?
  let logs: Logs
  var configuration: Configuration { serving.configuration }

  /// Whether it has a function of the function tier that could not be made ready.
  func lacks(function name: String) -> Bool {
    zip(configuration.functions, serving.tierFunctions).contains { $0.name == name && !$0.runtime.isRewriteEngine && $1 == nil }
  }
}

/// What all configurations of a process share. Any thread.
struct Foundations: Sendable {
  let workers: Int
  /// For the files of folder origins.
  let files: BlockingPool
  let tickets: TicketKeys
  let diagnostics: Diagnostics
  /// What the workers have in common through all configurations.
  let shared: SharedState
  /// What runs the functions of the function tier.
  let functions: FunctionHouse
}

/// A configuration made ready.
struct Preparation: Sendable {
  /// A door of the configuration.
  enum Entrance: Sendable {
    case standing(Door)
    /// One socket for each worker.
    case bound([ListeningSocket], configured: SocketAddress)
  }
  enum AdminEntrance: Sendable {
    case standing(AdminDoor)
    case bound(ListeningSocket, configured: SocketAddress)
  }

  let serving: ServingConfiguration
  /// The functions of the function tier, not yet taken up; nil where none has ever been.
  let functions: FunctionTier.Prepared?
  let logs: Logs
  /// By listener of the configuration: what it shows; nil for clear text.
  let secure: [SecureListener?]
  let entrances: [Entrance]
  let admin: AdminEntrance?
  /// Functions that have changed and could not be loaded to see whether they can be.
  let untried: [ConfigurationProblem]
  /// Inherited sockets that the configuration has no place for, which have been closed: their addresses, and their places among what was inherited.
  let unwanted: (addresses: [SocketAddress], indices: [Int])

  /// Makes a configuration ready. Blocks: on files, and for as long as it takes.
  /// - Parameters:
  ///   - standing: what serves now; what is the same in both goes on.
  ///   - triesFunctions: whether functions that have changed are loaded before anything is in effect.
  ///   - inheritance: at the start: sockets that the process was started with.
  ///   - privilege: at the start: what the process is about to give up. Files are made as whom it will be.
  /// - Throws: ``StartFailure`` when an address cannot be bound or a file cannot be opened; then nothing is left of it.
  init(
    _ configuration: Configuration, after standing: Standing?, triesFunctions: Bool = false, _ foundations: Foundations, _ privilege: LeastPrivilege = .given,
    _ inheritance: Inheritance = Inheritance()
  ) throws(StartFailure) {
    let diagnostics = foundations.diagnostics
    let functions = try privilege.asTheUser { () throws(StartFailure) in try Self.functions(configuration, after: standing, foundations) }
    self.functions = functions
    do {
      serving = try ServingConfiguration(configuration, files: foundations.files, tier: functions?.functions ?? [], previous: standing?.serving) { diagnostics.say(.info, $0) }
    } catch {
      throw StartFailure(description: "\(error)")
    }
    let logs = try privilege.asTheUser { () throws(StartFailure) in try Logs(configuration, after: standing?.logs, foundations.diagnostics) }
    self.logs = logs
    var binding = Binding(standing, inheritance)
    do throws(StartFailure) {
      // It takes time: before there are sockets, as whoever connects to them waits until it serves, and before files are read that may change meanwhile.
      untried = triesFunctions ? try foundations.functions.tryOut(functions, logs) : []
      secure = try Self.secure(configuration, serving, foundations.tickets)
      entrances = try binding.entrances(configuration, workers: foundations.workers)
      admin = try binding.admin(configuration)
      unwanted = binding.inheritance.closeRest()
    } catch {
      binding.undo()
      if triesFunctions { foundations.functions.tier?.forgetTrials() }
      logs.end(unlessIn: standing?.logs, deadlineMilliseconds: Self.refusedLogMilliseconds)
      throw error
    }
    if let admin = configuration.admin, let problem = privilege.asTheUser({ AdminToken.provide(at: admin.tokenPath) }) { foundations.diagnostics.say(.warning, problem) }
  }

  /// How long the lines of a log that is not wanted after all may take to be written: those of functions that do not load.
  private static let refusedLogMilliseconds: Int64 = 500

  /// Has the function tier keep a copy of its functions' code. What cannot be run from the start is said, and answered 503; a function that runs,
  /// or is new, is no price for a reload.
  private static func functions(_ configuration: Configuration, after standing: Standing?, _ foundations: Foundations) throws(StartFailure) -> FunctionTier.Prepared? {
    try foundations.functions.start(for: configuration, isReload: standing != nil)
    guard let tier = foundations.functions.tier else { return nil }
    let prepared = tier.prepare(configuration.functions, associated: configuration.associatedQualifiers)
    for problem in prepared.problems {
      let name = configuration.functions[problem.index].name, text = "function \(name): \(problem.text)"
      if let standing, !standing.lacks(function: name) { throw StartFailure(description: text) }
      foundations.diagnostics.say(.error, text)
    }
    return prepared
  }

  private static func secure(
    _ configuration: Configuration, _ serving: ServingConfiguration, _ tickets: TicketKeys
  ) throws(StartFailure) -> [SecureListener?] {
    var listeners: [SecureListener?] = []
    for listener in configuration.listeners {
      guard var tls = listener.tls else {
        listeners.append(nil)
        continue
      }
      tls.keepsClientHello = serving.wantsFingerprints
      do throws(CertificateFailure) { listeners.append(try SecureListener(tls, tickets)) } catch {
        throw StartFailure(description: "\(error.path): \(error.reason)")
      }
    }
    return listeners
  }
}

/// The sockets of a configuration as they are found or made.
private struct Binding {
  private var doors: [Door]
  private let standingAdmin: AdminDoor?
  /// What is listened on already, by this proxy.
  private let taken: [SocketAddress]
  private var made: [ListeningSocket] = []
  /// The address that is being seen to, as it is configured.
  private var wanted: ListenAddress?
  /// What has not been taken yet.
  var inheritance: Inheritance

  init(_ standing: Standing?, _ inheritance: Inheritance) {
    self.inheritance = inheritance
    doors = standing?.doors ?? []
    standingAdmin = standing?.admin
    taken = doors.map(\.address)
  }

  mutating func entrances(_ configuration: Configuration, workers: Int) throws(StartFailure) -> [Preparation.Entrance] {
    var entrances: [Preparation.Entrance] = []
    for listener in configuration.listeners {
      let address = try Self.address(listener.address)
      wanted = listener.address
      if let index = doors.firstIndex(where: { $0.configured == address }) {
        entrances.append(.standing(doors.remove(at: index)))
        continue
      }
      let inherited = inheritance.takeSockets(for: address)
      if !inherited.isEmpty {
        entrances.append(.bound(try fill(inherited, workers), configured: address))
        continue
      }
      // An address that covers one of ours, or is covered by it, is bound beside it until that is closed.
      let isBeside = address.port != 0 && taken.contains { $0.port == address.port }
      var sockets = [try bind(address, isFirst: !isBeside)]
      while sockets.count < workers { sockets.append(try bind(sockets[0].address, isFirst: false)) }
      entrances.append(.bound(sockets, configured: address))
    }
    return entrances
  }

  mutating func admin(_ configuration: Configuration) throws(StartFailure) -> Preparation.AdminEntrance? {
    guard let admin = configuration.admin else { return nil }
    let address = try Self.address(admin.address)
    wanted = admin.address
    if let standingAdmin, standingAdmin.configured == address { return .standing(standingAdmin) }
    if let inherited = inheritance.takeSockets(for: address).first { return .bound(inherited, configured: address) }
    return .bound(try bind(address, isFirst: true), configured: address)
  }

  /// One socket for each worker, where fewer were inherited.
  private mutating func fill(_ inherited: [ListeningSocket], _ workers: Int) throws(StartFailure) -> [ListeningSocket] {
    var sockets = inherited
    while sockets.count < workers {
      do throws(IOFailure) { sockets.append(try inherited[sockets.count % inherited.count].another()) } catch {
        throw StartFailure(description: "cannot listen on \(inherited[0].address): \(error)", part: wanted.map { .address($0) })
      }
    }
    return sockets
  }

  /// Closes what was made; a Unix socket's path goes with it.
  func undo() {
    for socket in made {
      socket.close()
      if case .unix(let path) = socket.address { unsafe unlink(path) }
    }
  }

  private mutating func bind(_ address: SocketAddress, isFirst: Bool) throws(StartFailure) -> ListeningSocket {
    do throws(IOFailure) {
      let socket = try ListeningSocket(binding: address, isFirst: isFirst)
      made.append(socket)
      return socket
    } catch {
      var reason = "\(error)"
      if case .system(let code) = error { reason = unsafe String(cString: strerror(code)) }
      if let held = inheritance.sockets.first(where: { $0.socket.address.port == address.port }), error == .system(EADDRINUSE) {
        reason += "; the service manager holds \(held.socket.address), which is no address of the configuration: the two must be the same"
      }
      throw StartFailure(description: "cannot listen on \(address): \(reason)", part: wanted.map { .address($0) })
    }
  }

  private static func address(_ address: ListenAddress) throws(StartFailure) -> SocketAddress {
    guard let known = SocketAddress(address) else { throw StartFailure(description: "\(address.description) is no address that can be listened on") }
    return known
  }
}

extension SocketAddress {
  /// The configuration's address; `localhost` means 127.0.0.1, an empty host or `*` every IPv4 address.
  public init?(_ address: ListenAddress) {
    switch address {
    case .unix(let path): self = .unix(path: path)
    case .tcp(let host, let port):
      let name = host == "localhost" ? "127.0.0.1" : host.isEmpty || host == "*" ? "0.0.0.0" : host
      self.init(host: name, port: UInt16(clamping: port))
    }
  }
}
