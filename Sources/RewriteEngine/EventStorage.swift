// The bytes of one event on their way to the engine, in memory that does not move until the event is done.
// Unsafe: hand-managed buffers, because C reads them by pointer. Only `Isolate` uses this, on its thread.
import CQuickJS

/// Copies of what an event consists of, reused from run to run without allocating.
@safe struct EventStorage: ~Copyable {
  /// What C reads; all its pointers are into this storage.
  private(set) var event = unsafe sk_event()
  private var chunk: UnsafeMutableRawBufferPointer
  private var used = 0
  /// Chunks that were too small for this event; slices point into them until the next one.
  private var retired: [UnsafeMutableRawBufferPointer] = unsafe []
  private var requestHeaders = FieldTable()
  private var responseHeaders = FieldTable()

  /// Most heads fit; larger ones double it for good.
  private static let firstChunkBytes = 8 << 10

  init() { unsafe chunk = .allocate(byteCount: Self.firstChunkBytes, alignment: 16) }

  deinit {
    unsafe chunk.deallocate()
    for unsafe old in unsafe retired { unsafe old.deallocate() }
  }

  /// Forgets the last event.
  mutating func reset(_ type: FunctionEvent) {
    used = 0
    requestHeaders.count = 0
    responseHeaders.count = 0
    for unsafe old in unsafe retired { unsafe old.deallocate() }
    unsafe retired.removeAll()
    unsafe event = sk_event()
    unsafe event.type = type == .viewerRequest ? SK_VIEWER_REQUEST : SK_VIEWER_RESPONSE
  }

  /// Copies `text` to where it stays until `reset`; on request with a zero byte behind it, which is not counted.
  mutating func copy(_ text: Span<UInt8>, terminated: Bool = false) -> sk_slice {
    let byteCount = text.count + (terminated ? 1 : 0)
    if unsafe byteCount > chunk.count - used {
      unsafe retired.append(chunk)
      unsafe chunk = .allocate(byteCount: max(chunk.count * 2, byteCount), alignment: 16)
      used = 0
    }
    let start = unsafe chunk.baseAddress.unsafelyUnwrapped + used
    unsafe text.withUnsafeBytes { source in
      if let base = source.baseAddress { unsafe start.copyMemory(from: base, byteCount: source.count) }
    }
    if terminated { unsafe start.storeBytes(of: 0, toByteOffset: text.count, as: UInt8.self) }
    used += byteCount
    return unsafe sk_slice(bytes: start.assumingMemoryBound(to: UInt8.self), count: text.count)
  }

  /// Changes the event's own fields.
  mutating func set(_ change: (inout sk_event) -> Void) { unsafe change(&event) }

  mutating func addRequestHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let field = unsafe sk_field(name: copy(name), value: copy(value))
    unsafe requestHeaders.append(field)
    showRequestHeaders()
  }
  mutating func addResponseHeader(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let field = unsafe sk_field(name: copy(name), value: copy(value))
    unsafe responseHeaders.append(field)
    showResponseHeaders()
  }

  /// Header lines that lie in one text, which is copied as it is. `place` says where name and value of each lie; nil: it is left out.
  mutating func addRequestHeaders(in text: Span<UInt8>, _ count: Int, _ place: (Int) -> HeaderPlace?) {
    let copied = unsafe copy(text)
    for i in 0..<count { if let place = place(i) { unsafe requestHeaders.append(Self.field(copied, place)) } }
    showRequestHeaders()
  }
  mutating func addResponseHeaders(in text: Span<UInt8>, _ count: Int, _ place: (Int) -> HeaderPlace?) {
    let copied = unsafe copy(text)
    for i in 0..<count { if let place = place(i) { unsafe responseHeaders.append(Self.field(copied, place)) } }
    showResponseHeaders()
  }

  @inline(__always) private static func field(_ text: sk_slice, _ place: HeaderPlace) -> sk_field {
    unsafe sk_field(name: slice(text, place.name), value: slice(text, place.value))
  }
  @inline(__always) private static func slice(_ text: sk_slice, _ range: Range<Int>) -> sk_slice {
    precondition(unsafe range.lowerBound >= 0 && range.upperBound <= text.count, "a header outside of its text")
    return unsafe sk_slice(bytes: text.bytes + range.lowerBound, count: range.count)
  }

  private mutating func showRequestHeaders() {
    unsafe event.request_headers = UnsafePointer(requestHeaders.fields)
    unsafe event.request_header_count = requestHeaders.count
  }
  private mutating func showResponseHeaders() {
    unsafe event.response_headers = UnsafePointer(responseHeaders.fields)
    unsafe event.response_header_count = responseHeaders.count
  }

  /// A growing array of C fields.
  @safe private struct FieldTable: ~Copyable {
    private(set) var fields: UnsafeMutablePointer<sk_field> = .allocate(capacity: 64)
    private var capacity = 64
    var count = 0

    mutating func append(_ field: sk_field) {
      if count == capacity {
        let grown = UnsafeMutablePointer<sk_field>.allocate(capacity: capacity * 2)
        unsafe grown.update(from: fields, count: count)
        unsafe fields.deallocate()
        unsafe fields = grown
        capacity *= 2
      }
      unsafe fields[count] = field
      count += 1
    }

    deinit { unsafe fields.deallocate() }
  }
}
