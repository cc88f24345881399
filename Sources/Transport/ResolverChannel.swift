// Owns: a c-ares channel on an event loop: its sockets are watched by the loop, its time-outs are timers of the loop.
// Confined to the loop's thread. Unsafe where C hands out pointers (CAres.h); nothing unsafe leaves.
import CAres

/// What the name servers said.
enum ResolverAnswer {
  /// At least one address; the time to live is the shortest of them.
  case addresses([SocketAddress], ttlSeconds: Int)
  /// The name does not exist or has no address (NXDOMAIN, or no A and AAAA records).
  case unknown
  /// No usable answer: time-outs, SERVFAIL, REFUSED, nonsense.
  case failed
}

@safe final class ResolverChannel {
  private let loop: EventLoop
  private var channel: UnsafeMutableRawPointer?
  private var sockets: [Int32: ResolverSocket] = [:]
  private var timer: TimerID?
  /// Look-ups under way.
  private(set) var lookups = 0

  /// Asks the configuration's servers, or those its file names now.
  init(loop: EventLoop, _ configuration: Resolver.Configuration) throws(ResolveFailure) {
    self.loop = loop
    unsafe channel = nil
    let watch: cares_watch = { owner, descriptor, readable, writable in
      unsafe Unmanaged<ResolverChannel>.fromOpaque(owner).takeUnretainedValue()
        .watch(descriptor, readable: readable != 0, writable: writable != 0)
    }
    let owner = unsafe Unmanaged.passUnretained(self).toOpaque()
    unsafe channel = cares_open(
      Int32(clamping: configuration.attemptTimeoutMilliseconds), Int32(clamping: configuration.attempts), configuration.servers,
      configuration.serversFile, configuration.serversPort, watch, owner)
    if unsafe channel == nil { throw .unavailable }
  }

  /// Ends all look-ups (they answer `failed`) and closes all sockets. Must be called before the last reference goes.
  func close() {
    guard let ending = unsafe channel else { return }
    unsafe channel = nil
    unsafe cares_close(ending)
    timer.map(loop.cancel)
  }

  /// Asks for the IPv4 and IPv6 addresses of a name, /etc/hosts first; `completion` runs once, possibly before this returns.
  func lookUp(_ name: String, _ completion: @escaping (ResolverAnswer) -> Void) {
    guard let channel = unsafe channel else { return completion(.failed) }
    lookups += 1
    let box = unsafe Unmanaged.passRetained(Completion { [self] answer in   // so the channel stays until its look-ups have ended
      lookups -= 1
      completion(answer)
    }).toOpaque()
    unsafe cares_lookup(channel, name, { box, outcome, addresses, count in
      let answer = unsafe ResolverChannel.answer(outcome, UnsafeBufferPointer(start: addresses, count: Int(count)))
      unsafe Unmanaged<Completion>.fromOpaque(box).takeRetainedValue().run(answer)
    }, box)
    rearm()
  }

  private final class Completion {
    let run: (ResolverAnswer) -> Void
    init(run: @escaping (ResolverAnswer) -> Void) { self.run = run }
  }

  private static func answer(_ outcome: cares_outcome, _ found: UnsafeBufferPointer<cares_address>) -> ResolverAnswer {
    switch outcome {
    case cares_unknown: return .unknown
    case cares_failed: return .failed
    default: break
    }
    var addresses: [SocketAddress] = []
    var ttl = Int32.max
    for unsafe address in unsafe found {
      ttl = min(ttl, address.ttl)
      let (high, low) = unsafe withUnsafeBytes(of: address.bytes) {
        unsafe (UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)), UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
      }
      addresses.append(address.length == 4 ? .ipv4(UInt32(truncatingIfNeeded: high >> 32), port: 0) : .ipv6(high: high, low: low, port: 0))
    }
    return addresses.isEmpty ? .unknown : .addresses(addresses, ttlSeconds: Int(ttl))
  }

  // MARK: Sockets and time-outs

  /// c-ares opens, waits for or is about to close a socket.
  private func watch(_ descriptor: Int32, readable: Bool, writable: Bool) {
    var interest: EventLoop.Interest = []
    if readable { interest.insert(.input) }
    if writable { interest.insert(.output) }
    if interest.isEmpty {
      if let socket = sockets.removeValue(forKey: descriptor) { loop.forget(socket) }
    } else if let socket = sockets[descriptor] {
      loop.update(socket, interest)
    } else {
      let socket = ResolverSocket(descriptor: descriptor, channel: self)
      sockets[descriptor] = socket
      loop.register(socket, interest)
    }
  }

  /// Lets c-ares read and write a socket, or only look at its clock.
  fileprivate func process(readable: Int32 = cares_no_socket, writable: Int32 = cares_no_socket) {
    guard let channel = unsafe channel else { return }
    unsafe cares_process(channel, readable, writable)
    rearm()
  }

  private func rearm() {
    timer.map(loop.cancel)
    timer = nil
    guard let channel = unsafe channel else { return }
    let milliseconds = unsafe cares_timeout(channel)
    guard milliseconds >= 0 else { return }
    timer = loop.schedule(afterMilliseconds: Int(milliseconds)) { [weak self] in self?.process() }
  }
}

/// A socket that c-ares owns, watched level-triggered.
private final class ResolverSocket: EventHandler {
  private weak var channel: ResolverChannel?

  init(descriptor: Int32, channel: ResolverChannel) {
    self.channel = channel
    super.init(descriptor: descriptor)
  }

  override func ready(_ events: SystemCalls.Events) {
    channel?.process(
      readable: events.readable ? descriptor : cares_no_socket, writable: events.writable ? descriptor : cares_no_socket)
  }
}
