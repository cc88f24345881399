// One function on one worker thread: a QuickJS runtime in an arena that is put back to its snapshot after every run
// (design/rewrite-engine.md). Belongs to the thread of its `ThreadContext`; not Sendable.
// Unsafe: calls C and lends its memory as spans, which the type system keeps from outliving the call.
import CQuickJS
import Glibc
public import KeyValueStores

/// A built function, ready to run.
///
/// One run is: `begin`, the setters, `run`, reading the result, `finish`. Setters copy what they are given. Texts of
/// a result are lent until `finish`; each run starts from a byte-identical heap.
///
/// ```swift
/// isolate.begin(.viewerRequest)
/// isolate.setMethod(method); isolate.setURI(path); isolate.addRequestHeader(name, value)
/// let invocation = isolate.run(nowMilliseconds: now)
/// if invocation.outcome == .request { isolate.forEachHeaderEdit { edit, name, value in … } }
/// isolate.finish()
/// ```
@safe public final class Isolate {
  /// The function this was built from.
  public let code: FunctionCode
  /// What a run took lately, in nanoseconds of CPU time: a mean in which the last eight runs count most, and none for more than 1 ms. 0 before
  /// the second.
  public var recentNanoseconds: UInt64 { recent.nanoseconds }
  private var recent = RecentTime()
  private let thread: ThreadContext
  let pointer: OpaquePointer
  var storage = EventStorage()
  /// The last run's result until `finish`.
  private(set) var result: UnsafePointer<sk_result>?
  /// The event's store where it is not the function's own; held until the next event, so that the run keeps its view.
  private var otherStore: KeyValueStore?

  /// Builds `code` on the calling thread, which must be `thread`'s: starts the engine, compiles, runs top-level code
  /// (within `Limits.loadCPUNanoseconds`), finds `handler`, takes the snapshot. About 0.5 ms, and 0.3 MB of memory.
  /// Top-level code sees the time of the build, and every run what it made of that.
  public init(_ code: FunctionCode, on thread: ThreadContext) throws(FunctionLoadError) {
    self.code = code
    self.thread = thread
    var limits = unsafe code.cLimits
    var result = unsafe sk_result()
    let pointer = unsafe code.source.withUnsafeBufferPointer { source in
      unsafe sk_isolate_create(
        thread.pointer, &limits, sk_slice(bytes: source.baseAddress, count: source.count), wallClockMilliseconds(), &result)
    }
    guard let pointer = unsafe pointer else {
      let message = unsafe text(result.error)
      throw unsafe FunctionLoadError(
        function: code.name, line: Int(result.error_line), column: Int(result.error_column),
        message: message.isEmpty ? "no memory to build the function" : message)
    }
    unsafe self.pointer = pointer
  }

  deinit { unsafe sk_isolate_destroy(pointer) }

  // MARK: The event

  /// Starts a new event; forgets what was set before.
  public func begin(_ event: FunctionEvent) {
    finish()
    storage.reset(event)
    otherStore = nil
    unsafe storage.set { unsafe $0.store = code.store?.unsafePointer }
  }

  /// The key-value store of this event, instead of the function's own, as after a change of its data. It is kept until
  /// the next event, and the run sees no other.
  public func use(_ store: KeyValueStore) {
    otherStore = store
    unsafe storage.set { unsafe $0.store = store.unsafePointer }
  }

  /// The request's method.
  public func setMethod(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.method = slice }
  }

  /// The request's path, raw, without query.
  public func setURI(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.uri = slice }
  }

  /// The request's query without `?`; to be left out when there was no `?`.
  public func setQuery(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set {
      unsafe $0.query = slice
      unsafe $0.has_query = true
    }
  }

  /// The viewer's address as text, without port.
  public func setViewerAddress(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.viewer_ip = slice }
  }

  /// `context.requestId`.
  public func setRequestID(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.request_id = slice }
  }

  /// `context.distributionId`.
  public func setDistributionID(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.distribution_id = slice }
  }

  /// `context.distributionDomainName`.
  public func setDistributionDomain(_ text: Span<UInt8>) {
    let slice = unsafe storage.copy(text)
    unsafe storage.set { unsafe $0.distribution_domain = slice }
  }

  /// The response's status and reason, for `.viewerResponse`.
  public func setStatus(_ status: UInt16, description: Span<UInt8>) {
    let slice = unsafe storage.copy(description)
    unsafe storage.set {
      unsafe $0.status = status
      unsafe $0.status_description = slice
    }
  }

  /// One request header line, in the order received; names in any case. `cookie` becomes `request.cookies`, and
  /// disallowed ones are hidden here, so that all lines may be given.
  public func addRequestHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { storage.addRequestHeader(name, value) }

  /// One response header line; `set-cookie` becomes `response.cookies`.
  public func addResponseHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) { storage.addResponseHeader(name, value) }

  /// Request header lines that lie in one text, which is copied as a whole: cheaper than one by one.
  /// - Parameter place: where name and value of a line lie; nil leaves it out. Called for each number below `count`.
  public func addRequestHeaders(in text: Span<UInt8>, count: Int, _ place: (Int) -> HeaderPlace?) { storage.addRequestHeaders(in: text, count, place) }

  /// Response header lines in the same way.
  public func addResponseHeaders(in text: Span<UInt8>, count: Int, _ place: (Int) -> HeaderPlace?) { storage.addResponseHeaders(in: text, count, place) }

  /// The whole event as JSON, which the function is then given as it is written: what it lacks is undefined. The other setters are
  /// to say the same, because what the function changes is judged by them. For `skerry invoke` and `skerry test`.
  public func setDocument(_ json: Span<UInt8>) {
    let slice = unsafe storage.copy(json, terminated: true)
    unsafe storage.set { unsafe $0.document = slice }
  }

  // MARK: The run

  /// Runs the handler. `nowMilliseconds` is what `Date.now()` gives all along: milliseconds since 1970.
  ///
  /// Never throws and never takes much longer than `Limits.cpuNanoseconds` of CPU time.
  public func run(nowMilliseconds: Int64) -> Invocation {
    if unsafe result != nil { unsafe sk_isolate_finish(pointer) }
    var event = unsafe storage.event
    let result = unsafe sk_isolate_run(pointer, &event, nowMilliseconds).unsafelyUnwrapped
    unsafe self.result = result
    let invocation = unsafe Invocation(result.pointee)
    if !invocation.isRecalled { recent.take(invocation.cpuNanoseconds) }
    return invocation
  }

  /// Puts the heap back. After it, and before the next `run`, results read as empty.
  public func finish() {
    guard unsafe result != nil else { return }
    unsafe result = nil
    unsafe sk_isolate_finish(pointer)
  }

  // MARK: The result

  /// Lends the URI to send, when `Invocation.uriChanged`.
  public func withURI<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.uri, to: body)
  }

  /// Lends the query to send without `?`, when `Invocation.queryChanged`.
  public func withQuery<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.query, to: body)
  }

  /// Lends the reason phrase, when `Invocation.hasStatusDescription`.
  public func withStatusDescription<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.status_description, to: body)
  }

  /// Lends the body, decoded, when `Invocation.hasBody`.
  public func withBody<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.body, to: body)
  }

  /// Lends what the handler returned as JSON, with the members CloudFront knows: of a good run with `setDocument`, else empty.
  public func withOutput<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.output, to: body)
  }

  /// Lends the text of what went wrong, as `TypeError: …` or `request.headers['host'] is a read-only header`;
  /// at most 1,024 bytes.
  public func withErrorText<R>(_ body: (Span<UInt8>) throws -> R) rethrows -> R {
    try unsafe lend(result?.pointee.error, to: body)
  }

  /// Where an exception was thrown: line and column from 1, or nil when unknown.
  public var errorPosition: (line: Int, column: Int)? {
    guard let result = unsafe result, unsafe result.pointee.error_line > 0 else { return nil }
    return unsafe (Int(result.pointee.error_line), Int(result.pointee.error_column))
  }

  /// Header lines to change: for each changed name a removal (of all its lines, with an empty value), then an addition for
  /// every line it is to have. Names are in lower case and never read-only or disallowed; cookies come as `cookie` and
  /// `set-cookie`. A response's framing (`content-length`, `transfer-encoding`) is never among them.
  public func forEachHeaderEdit(_ body: (_ edit: HeaderEdit, _ name: Span<UInt8>, _ value: Span<UInt8>) throws -> Void) rethrows {
    guard let result = unsafe result else { return }
    for index in 0..<(unsafe result.pointee.edit_count) {
      let edit = unsafe result.pointee.edits[index]
      try unsafe lend(edit.name) { name in
        try body(.removal, name, Span())
        for value in 0..<(unsafe edit.count) {
          try unsafe lend(edit.values[value]) { try body(.addition, name, $0) }
        }
      }
    }
  }

  /// The lines the last run gave to `console.log`, at most 10,240 bytes in all; they stay until the next run.
  public func forEachLogLine(_ body: (Span<UInt8>) throws -> Void) rethrows {
    for index in 0..<(unsafe sk_isolate_log_count(pointer)) {
      try unsafe lend(sk_isolate_log_line(pointer, index), to: body)
    }
  }

  /// Bytes of the snapshot: the engine, its modules and what top-level code made.
  public var baseBytes: Int { unsafe sk_isolate_base_bytes(pointer) }

  /// Bytes of it that runs have written to so far, in whole pages: what `finish` copies back.
  public var hotBytes: Int { unsafe sk_isolate_hot_bytes(pointer) }

  /// Where the heap begins; a guard page lies right before it. For tests.
  var heapStart: UnsafeRawPointer { unsafe sk_isolate_heap(pointer) }

  /// Whether the heap equals the snapshot and everything above it is zero. Slow; for tests.
  public var isPristine: Bool { unsafe sk_isolate_is_pristine(pointer) }
}

/// Where name and value of a header line lie in a text.
public struct HeaderPlace: Sendable {
  let name: Range<Int>, value: Range<Int>
  /// Places in a text, counted from its first byte.
  public init(name: Range<Int>, value: Range<Int>) { (self.name, self.value) = (name, value) }
}

/// Lends a slice as a span for the length of a call; absent ones as an empty span.
func lend<R>(_ slice: sk_slice?, to body: (Span<UInt8>) throws -> R) rethrows -> R {
  let count = unsafe slice?.count ?? 0
  let bytes = unsafe UnsafeBufferPointer(start: slice?.bytes, count: unsafe slice?.bytes == nil ? 0 : count)
  return try body(unsafe bytes.span)
}

/// A slice as text, with replacement characters for what is no UTF-8.
func text(_ slice: sk_slice) -> String {
  unsafe String(decoding: UnsafeBufferPointer(start: slice.bytes, count: slice.count), as: UTF8.self)
}

/// Milliseconds since 1970, as functions see them.
private func wallClockMilliseconds() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}
