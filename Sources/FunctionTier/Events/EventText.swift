// Owns: the memory that an event's JSON is written into (RFC 8259): room is asked for once per run of bytes, and a text is copied and looked through in
// one go. Unsafe code, because `[UInt8]` asks for room and for its single owner at every byte: an event took 40,000 instructions. Any one thread.
import CSystem
import JSONText

/// JSON that is being written.
@safe struct EventText: ~Copyable {
  /// Bytes that copying may scribble behind what it copies (sk_copy_plain).
  private static let scribbled = 16

  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  /// How many bytes have been written.
  private(set) var count = 0

  /// Nothing yet, with room for so many bytes; it grows.
  init(capacity: Int) {
    self.capacity = max(capacity, 0) + Self.scribbled
    unsafe base = .allocate(capacity: self.capacity)
  }

  deinit { unsafe base.deallocate() }

  /// What has been written.
  var array: [UInt8] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }

  private mutating func makeRoom(_ bytes: Int) { if capacity - count < bytes + Self.scribbled { grow(bytes) } }

  @inline(never) private mutating func grow(_ bytes: Int) {
    let larger = max(capacity * 2, count + bytes + Self.scribbled)
    let moved = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
    unsafe moved.update(from: base, count: count)
    unsafe base.deallocate()
    unsafe base = moved
    capacity = larger
  }

  /// Appends fixed text.
  @inline(__always) mutating func append(_ text: StaticString) {
    let length = text.utf8CodeUnitCount
    makeRoom(length)
    unsafe (base + count).update(from: text.utf8Start, count: length)
    count += length
  }

  /// Appends bytes.
  mutating func append(_ bytes: Span<UInt8>) {
    makeRoom(bytes.count)
    unsafe bytes.withUnsafeBufferPointer { if let start = $0.baseAddress { unsafe (base + count).update(from: start, count: $0.count) } }
    count += bytes.count
  }

  /// Begins the member of a header's lines: `"name":[`. Names are tokens: nothing in them is to be escaped.
  mutating func append(name: Span<UInt8>) {
    makeRoom(name.count + 4)
    unsafe base[count] = 34
    unsafe name.withUnsafeBufferPointer { unsafe sk_copy_lower(base + count + 1, $0.baseAddress, $0.count) }
    count += 1 + name.count
    append("\":[")
  }

  /// Appends a header's line: `{"key":…,"value":…}`.
  mutating func append(line name: Span<UInt8>, _ value: Span<UInt8>) {
    append("{\"key\":")
    append(quoted: name)
    append(",\"value\":")
    append(quoted: value)
    append("}")
  }

  /// Appends a number without its sign.
  mutating func append(decimal number: Int) {
    var digits = 1, rest = number.magnitude
    while rest >= 10 { (rest, digits) = (rest / 10, digits + 1) }
    makeRoom(digits)
    rest = number.magnitude
    for place in stride(from: count + digits - 1, through: count, by: -1) {
      unsafe base[place] = 48 + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count += digits
  }

  /// Appends a JSON string. Bytes that are no UTF-8 are shown as U+FFFD.
  mutating func append(quoted text: Span<UInt8>) {
    let start = count, length = text.count
    makeRoom(2 * length + 2)
    unsafe base[count] = 34
    count += 1
    var done = 0
    while true {
      let plain = unsafe text.withUnsafeBufferPointer { rest in
        unsafe rest.baseAddress.map { unsafe sk_copy_plain(base + count, $0 + done, length - done) } ?? 0
      }
      done += plain
      count += plain
      if done == length { break }
      guard text[done] == 34 || text[done] == 92 else {
        count = start
        return append(JSONValue.quoted(String(text: text)).utf8.span)
      }
      unsafe base[count] = 92
      unsafe base[count + 1] = text[done]
      count += 2
      done += 1
    }
    unsafe base[count] = 34
    count += 1
  }
}
