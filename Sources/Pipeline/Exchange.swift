// Owns: what is known of one request while it walks through the steps. Owned by the connection's task.
import Distribution
import HTTPWire
import Origins
import RewriteEngine
import Telemetry
import TLS
import Transport

/// The steps of a request, in their order (architecture.md).
public enum Step: UInt8, CaseIterable, Sendable {
  case received, distributionChosen, behaviorChosen, redirectRules, viewerRequest, rootObject, lookup
  case originRequest, originResponse, errorPage, viewerResponse, responseHeaders, sending, sent
}

/// When the steps that logs and histograms speak of were taken. Monotonic nanoseconds; 0 for "not taken".
struct Timeline: BitwiseCopyable, Sendable {
  var received: UInt64 = 0
  var originRequest: UInt64 = 0
  var originResponse: UInt64 = 0
  /// The response's first bytes are on their way.
  var sending: UInt64 = 0
  var sent: UInt64 = 0

  /// From the request's first byte to the response's; nil before there is one.
  var firstByteMicroseconds: Int? { sending > 0 ? Int(sending - received) / 1000 : nil }
  /// From sending the request to the origin to the first byte of its response; nil without one.
  var originFirstByteMicroseconds: Int? { originResponse > originRequest && originRequest > 0 ? Int(originResponse - originRequest) / 1000 : nil }

  mutating func mark(_ step: Step, _ now: UInt64) {
    switch step {
    case .received: received = now
    case .originRequest: originRequest = now
    case .originResponse: originResponse = now
    case .sending: sending = now
    case .sent: sent = now
    default: break
    }
  }
}

/// What one run of a function came to, for the log.
struct FunctionReport: Sendable {
  let name: String
  let hook: FunctionHook
  let outcome: RunOutcome
  let cpuMicroseconds: Int
  let error: String?
  /// How long a function of the function tier took; nil for the rewrite engine's, whose CPU time says it.
  var durationMicroseconds: Int?
  /// Whether its environment was made for this run.
  var isColdStart = false
  /// AwsRequestId of a run of the function tier: what its lines in the function log have.
  var invocationID = ""

  init(_ function: WorkerFunction, _ hook: FunctionHook, _ outcome: RunOutcome, cpuMicroseconds: Int = 0, error: String?) {
    name = function.code.name
    self.hook = hook
    self.outcome = outcome
    self.cpuMicroseconds = cpuMicroseconds
    self.error = error
  }
}

/// One request on its way, with everything decided about it so far.
struct Exchange: ~Copyable {
  var request: RequestHead
  /// The start line as the viewer sent it; the request's own is what functions made of it.
  let received: RequestLine
  let peer: SocketAddress
  let peerText: [UInt8]
  /// What secures the viewer's connection; nil for plain HTTP.
  let tls: TLSConnection?
  /// Whether the viewer speaks HTTPS.
  let isSecure: Bool
  /// Whether it is the first request on its connection.
  private let isFirst: Bool
  /// Who the request is from, when a trusted proxy passes it on: not the peer.
  let client: ClientAddress?
  var site: WorkerSite
  var behavior: CompiledBehavior
  /// How many fields the viewer sent; functions add behind them.
  let receivedFields: Int
  /// Where the request's id lies among its head's bytes.
  private let idStart: Int
  var timeline = Timeline()
  /// Sees the request walk through its steps, when somebody wants to know why it goes where it goes.
  var observer: Explanation?
  /// The connection to the origin whose answer is under way.
  var upstream: ClientConnection?
  /// The file whose content is under way.
  var file: FileBody?

  /// What the cache has to do with it; nil where the behavior caches nothing.
  var cacheWork: CacheWork?
  /// The stored response that is sent as it is; then there is nothing else that the cache has to do.
  var hit: CacheHit?
  /// Whether the response's head is looked at before it is sent: that of an error page is.
  var wantsHead = false

  // What came of it.
  var status = 0
  var result = ResultType.miss
  var detailedResult: StaticString = ""
  var originStatus = 0
  var origin: CompiledOrigin?
  /// The origin's place among the numbers; out of range without one.
  var originPlace = -1
  /// Where a function sends the request; nil: where its behavior does.
  var route: Route?
  /// The rule of the behavior's table of redirects that answered; −1 for none.
  var redirectRule: Int32 = -1
  var reusedConnection = false
  var attempts = 0
  var functions: [FunctionReport] = []
  /// Whether this request has been counted as one that waited for a connection.
  var hasWaited = false
  /// When the origin's answer must be whole, in the loop's milliseconds, whatever attempts that takes; 0: no bound (``fetchOnce(from:_:_:)``).
  var completeBy: UInt64 = 0
  /// Whether an answer had begun when an attempt failed: then there is no other.
  var answerBegan = false
  /// What the result was when the response began, if it broke off then.
  private(set) var resultAtStart: ResultType?
  /// Its part of a trace; nil without tracing.
  private(set) var trace: RequestTrace?
  /// What logs tell of the response's head, when one asks for it.
  var answer: AnswerFacts?
  /// What only few requests bring.
  private var notes: ExchangeNotes?

  /// - Parameter secured: what secures the connection of the viewer on whose behalf it is made; nil for the present one's.
  init(_ request: consuming RequestHead, _ viewer: borrowing ServerConnection, _ worker: Worker, onBehalfOf secured: TLSConnection? = nil) {
    received = request.line
    receivedFields = request.fields.count
    self.request = request
    peer = viewer.peer
    peerText = viewer.peerText
    // No `||`: a closure that reads properties of a value that is not whole, as its right side is, was compiled to one release too many.
    let observer = worker.takeObserver()
    var isSecure = secured != nil
    if viewer.tls != nil { isSecure = true }
    if let observer, observer.isSecure { isSecure = true }
    tls = secured ?? viewer.tls
    self.observer = observer
    self.isSecure = isSecure
    wantsHead = observer != nil
    isFirst = tls?.requests == 0
    tls?.requests += 1
    client = self.request.fields.present.has(.xForwardedFor) ? ClientAddress.find(behind: viewer.peer, self.request.fields, trusted: worker.trustedProxies) : nil
    site = worker.unknownSite
    behavior = worker.unknownSite.site.behaviors[0]
    worker.ids.renew()
    let id = worker.ids.text
    idStart = self.request.keep(id.span)
    reached(.received)
    if let tracer = worker.tracer { beginTrace(tracer) }
  }

  private mutating func beginTrace(_ tracer: Tracer) {
    let trace = tracer.begin(request.fields)
    // What tells of a trace that is not this one goes no further (W3C Trace Context, 4.2).
    if !trace.continues { request.fields.drop(FieldNameSet(.traceparent, .tracestate)) }
    self.trace = trace
  }

  /// The viewer's address.
  var clientAddress: SocketAddress { client?.address ?? peer }
  /// The viewer's address, in text.
  var clientText: [UInt8] { client?.text ?? peerText }

  /// Notes that a step was taken.
  @inline(__always) mutating func reached(_ step: Step) {
    let timed = step == .received || step == .originRequest || step == .originResponse || step == .sending || step == .sent
    guard timed || observer != nil else { return }
    reached(step, at: monotonicNanoseconds())
  }

  /// Notes that a step was taken at a time.
  @inline(__always) mutating func reached(_ step: Step, at now: UInt64) {
    timeline.mark(step, now)
    if let observer { observer.took(step, self, nanoseconds: now - timeline.received) }
  }

  /// Notes that the response broke off.
  mutating func breakOff() {
    resultAtStart = resultAtStart ?? result
    result = .error
  }

  /// X-Amz-Cf-Id: 56 bytes.
  var id: Span<UInt8> { @_lifetime(borrow self) get { request.kept(idStart, RequestIDs.length) } }
  /// Whether the request has a body: announced, or made by a function.
  var hasBody: Bool { received.framing != .none || held?.isReplaced == true }
  /// How the body's end is told to an origin.
  var bodyFraming: BodyFraming { if let held, held.isReplaced { .length(held.bytes.count) } else { received.framing } }
  /// The handshake that this request brought, as CloudFront-Viewer-TLS has it.
  var handshake: StaticString { !isFirst ? "connectionReused" : tls?.isResumed == true ? "sessionResumed" : "fullHandshake" }
  /// GET or HEAD.
  var isSafe: Bool { received.method.isRetried }
}

/// What only few requests bring, kept apart: of most, nothing of it is made or ended.
private final class ExchangeNotes {
  var held: HeldBody?
  var asked: OriginAsk?
  var requestLogData: [UInt8] = [], responseLogData: [UInt8] = []
  var viewerFailure: WireFailure?
  var failure: String?
  var hasTakenBack = false
}

extension Exchange {
  private mutating func note(_ write: (ExchangeNotes) -> Void) {
    let notes = self.notes ?? ExchangeNotes()
    self.notes = notes
    write(notes)
  }

  /// Its body as functions of the tier were given it, or made it; nil where none was.
  var held: HeldBody? {
    get { notes?.held }
    set { if newValue != nil || notes != nil { note { $0.held = newValue } } }
  }
  /// The request to the origin that is under way as functions of the tier left it; nil where none is told of it.
  var asked: OriginAsk? {
    get { notes?.asked }
    set { if newValue != nil || notes != nil { note { $0.asked = newValue } } }
  }
  /// What a function gave to `cf.logCustomData` at the viewer's request.
  var requestLogData: [UInt8] {
    get { notes?.requestLogData ?? [] }
    set { if !newValue.isEmpty || notes != nil { note { $0.requestLogData = newValue } } }
  }
  /// What a function gave to `cf.logCustomData` at the response to the viewer.
  var responseLogData: [UInt8] {
    get { notes?.responseLogData ?? [] }
    set { if !newValue.isEmpty || notes != nil { note { $0.responseLogData = newValue } } }
  }
  /// What went wrong on the viewer's side while its body was read.
  var viewerFailure: WireFailure? {
    get { notes?.viewerFailure }
    set { if newValue != nil || notes != nil { note { $0.viewerFailure = newValue } } }
  }
  /// Whether an answer was taken back before anything of it was sent, and an error's page asked for in its place.
  var hasTakenBack: Bool {
    get { notes?.hasTakenBack ?? false }
    set { note { $0.hasTakenBack = newValue } }
  }
  /// Why it failed, in words, for the log.
  var failure: String? {
    get { notes?.failure }
    @inline(__always) set { if newValue != nil || notes != nil { note { $0.failure = newValue } } }
  }
}

/// Makes request ids: 56 bytes, opaque, unguessable enough to name a request to its owner, ending in `==` as CloudFront's do.
/// 30 characters name this worker's life, the 24 in the middle are new each time.
struct RequestIDs {
  static let length = 56
  private var state: (UInt64, UInt64)
  /// The newest id.
  private(set) var text = InlineArray<56, UInt8>(repeating: UInt8(ascii: "="))
  /// Two characters of the alphabet for every 12 bits.
  private let pairs: [UInt16]

  init() {
    var random = SystemRandomNumberGenerator()
    state = (random.next() | 1, random.next())
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8.map { UInt16($0) }
    pairs = (0..<4096).map { alphabet[$0 >> 6] << 8 | alphabet[$0 & 63] }
    for i in 0..<54 { text[i] = UInt8(alphabet[Int(random.next() & 63)]) }
  }

  /// xoroshiro128+ (Blackman and Vigna): not for secrets, and none is made of it.
  private mutating func random() -> UInt64 {
    let (a, b) = state
    let sum = a &+ b
    let c = a ^ b
    state = ((a << 24 | a >> 40) ^ c ^ (c << 16), c << 37 | c >> 27)
    return sum >> 4
  }

  /// Eight characters for 48 bits.
  @inline(__always) private func characters(_ bits: UInt64) -> UInt64 {
    func pair(_ shift: UInt64) -> UInt64 { UInt64(pairs[Int(bits >> shift & 4095)]) }
    return pair(0) | pair(12) << 16 | pair(24) << 32 | pair(36) << 48
  }

  /// Makes ``text`` a new id.
  mutating func renew() {
    let words = (characters(random()), characters(random()), characters(random()))
    var bytes = text.mutableSpan
    unsafe bytes.withUnsafeMutableBytes { text in
      unsafe text.storeBytes(of: words.0.littleEndian, toByteOffset: 24, as: UInt64.self)
      unsafe text.storeBytes(of: words.1.littleEndian, toByteOffset: 32, as: UInt64.self)
      unsafe text.storeBytes(of: words.2.littleEndian, toByteOffset: 40, as: UInt64.self)
    }
  }
}
