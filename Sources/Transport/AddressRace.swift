// Owns: connecting to the first of several addresses that answers ("Happy Eyeballs", RFC 8305, section 5): attempts start one after the
// other, 250 ms apart or as soon as the one before has failed; the first to connect wins and the others are closed.
// Confined to the loop's thread; one instance per connection to be made, gone with it.
import Glibc
import CSystem  // after Glibc: the first file's first import decides who owns the system's types

/// Why none of the addresses could be connected to.
public struct ConnectFailure: Error, Equatable, Sendable {
  /// The address of the last attempt that failed; nil when there was none to try.
  public let address: SocketAddress?
  /// `timedOut`, or what the system said (`ECONNREFUSED`, `ENETUNREACH`, …).
  public let reason: IOFailure
}

/// A connection attempt to several addresses.
public final class AddressRace {
  /// Limits and times.
  public struct Configuration: Sendable {
    /// All attempts together; CloudFront's connectionTimeout. Default 10 s.
    public var timeoutMilliseconds = 10_000
    /// How long an attempt is alone before the next one starts. Default 250 ms (RFC 8305, 8).
    public var staggerMilliseconds = 250
    /// Addresses tried at most; further ones are ignored. Default 8.
    public var addressLimit = 8
    /// The defaults.
    public init() {}
  }

  /// Connects to the first address that answers. Call on the loop's thread.
  /// - Parameters:
  ///   - addresses: with ports, in the order in which they are to be tried.
  /// - Returns: the connected socket and the address it leads to.
  public nonisolated(nonsending) static func connect(
    to addresses: [SocketAddress], on loop: EventLoop, configuration: Configuration = Configuration()
  ) async throws(ConnectFailure) -> (socket: Socket, address: SocketAddress) {
    let race = AddressRace(addresses, loop, configuration)
    race.begin()
    if race.outcome == nil { unsafe await suspended { unsafe race.waiter.park($0) } }
    switch race.outcome {
    case .won(let descriptor, let address): return (Socket(loop: loop, descriptor: descriptor), address)
    case .lost(let failure): throw failure
    case nil: throw ConnectFailure(address: nil, reason: .cancelled)
    }
  }

  private enum Outcome {
    case won(Int32, SocketAddress)
    case lost(ConnectFailure)
  }

  private let loop: EventLoop
  private let configuration: Configuration
  private var waiting: ArraySlice<SocketAddress>
  private var running: [ConnectAttempt] = []
  private var lastFailure = ConnectFailure(address: nil, reason: .system(EADDRNOTAVAIL))
  private var outcome: Outcome?
  private var waiter = WaiterSlot()
  private var stagger: TimerID?
  private var timeout: TimerID?

  private init(_ addresses: [SocketAddress], _ loop: EventLoop, _ configuration: Configuration) {
    self.loop = loop
    self.configuration = configuration
    waiting = addresses.prefix(configuration.addressLimit)
  }

  private func begin() {
    timeout = loop.schedule(afterMilliseconds: configuration.timeoutMilliseconds) { [weak self] in self?.timeIsUp() }
    startNext()
  }

  /// Starts attempts until one is under way; the next follows when it fails or has been alone for long enough.
  private func startNext() {
    stagger.map(loop.cancel)
    stagger = nil
    while outcome == nil, let address = waiting.popFirst() {
      let (descriptor, code) = AddressRace.open(address)
      switch code {
      case 0: return end(.won(descriptor, address))
      case EINPROGRESS:
        let attempt = ConnectAttempt(descriptor: descriptor, address: address, race: self)
        running.append(attempt)
        loop.register(attempt, [.output, .edgeTriggered])
        if !waiting.isEmpty {
          stagger = loop.schedule(afterMilliseconds: configuration.staggerMilliseconds) { [weak self] in self?.startNext() }
        }
        return
      default:
        if descriptor >= 0 { Glibc.close(descriptor) }
        lastFailure = ConnectFailure(address: address, reason: .system(code))
      }
    }
    if outcome == nil, running.isEmpty { end(.lost(lastFailure)) }
  }

  /// An attempt's socket is writable or broken: it has connected or failed.
  fileprivate func decided(_ attempt: ConnectAttempt) {
    guard outcome == nil else { return }
    let code = SystemCalls.pendingError(attempt.descriptor)
    running.removeAll { $0 === attempt }
    if code == 0 {
      loop.forget(attempt)
      return end(.won(attempt.descriptor, attempt.address))
    }
    loop.unregister(attempt)
    lastFailure = ConnectFailure(address: attempt.address, reason: .system(code))
    startNext()
  }

  private func timeIsUp() {
    end(.lost(ConnectFailure(address: running.first?.address ?? lastFailure.address, reason: .timedOut)))
  }

  private func end(_ outcome: Outcome) {
    guard self.outcome == nil else { return }
    self.outcome = outcome
    for attempt in running { loop.unregister(attempt) }
    running = []
    stagger.map(loop.cancel)
    timeout.map(loop.cancel)
    waiter.wake()
  }

  /// Begins to connect.
  /// - Returns: the descriptor (-1 when there is none) and 0, EINPROGRESS or why it failed at once.
  private static func open(_ address: SocketAddress) -> (descriptor: Int32, code: Int32) {
    let descriptor = Glibc.socket(address.family, SystemCalls.stream, 0)
    guard descriptor >= 0 else { return (-1, errno) }
    guard Descriptors.mayServe(descriptor) else { return (descriptor, EMFILE) }
    if address.family != AF_UNIX { SystemCalls.setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1) }
    let code = unsafe address.withSocketAddress { unsafe Glibc.connect(descriptor, $0, $1) == 0 ? 0 : errno }
    return (descriptor, code)
  }
}

/// One attempt of a race.
private final class ConnectAttempt: EventHandler {
  let address: SocketAddress
  private weak var race: AddressRace?

  init(descriptor: Int32, address: SocketAddress, race: AddressRace) {
    self.address = address
    self.race = race
    super.init(descriptor: descriptor)
  }

  override var isConnection: Bool { true }
  override func ready(_ events: SystemCalls.Events) {
    if events.writable { race?.decided(self) }
  }
}
