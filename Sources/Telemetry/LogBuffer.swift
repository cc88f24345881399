// Owns: building log lines without Strings, in a block of memory that is handed to the LogWriter's thread when it is two thirds full:
// JSON lines (RFC 8259) here, records of columns in LogBuffer+Columns.swift.
// Confined to one thread (not Sendable). The only unsafe code is the raw writing below; every write is preceded by a check of the room left.
//
// Cost: names are literals whose copies the compiler turns into plain stores; values are scanned and copied sixteen bytes at a time.
import CSystem

/// A worker's log lines on their way to the writer.
///
/// ```swift
/// log.beginLine()                              // {
/// log.moment("time", now)                      // "time":"2026-11-21T02:20:06.123Z"
/// log.token("method", method)                  // ,"method":"GET"
/// log.string("uri", path)                      // ,"uri":"\/a\"b"
/// log.integer("status", 200)                   // ,"status":200
/// log.endLine()                                // }\n
/// ```
///
/// Names must need no escaping. Every line finds room for `lineLimitBytes`; one that does not fit is dropped and counted as too long; values are cut
/// before that, so it takes an absurd number of fields. Call `flush()` about once a second and when going idle: a line waits for it.
@safe public struct LogBuffer: ~Copyable {
  /// A block is handed over once it holds this many bytes.
  public static let handOverBytes = 65_536
  /// The room every line finds: what is left of a block that was not yet handed over.
  public static let lineLimitBytes = LogBlock.standardCapacityBytes - handOverBytes
  /// At most this many bytes of a value are logged; the rest is cut off.
  public static let valueLimitBytes = 8_192
  /// Room that a long value leaves for the fields after it.
  static let tailReserveBytes = 4_096

  private let writer: LogWriter
  private var block: LogBlock
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var end = 0
  @usableFromInline let capacityBytes = LogBlock.standardCapacityBytes
  var lineStart = 0
  private var lines = 0
  @usableFromInline var overflowed = false
  private var second = Int64.min
  /// `2026-11-21T02:20:06.`, of `second`.
  private(set) var secondText = InlineArray<20, UInt8>(repeating: 0)

  init(writer: LogWriter) {
    self.writer = writer
    block = LogBlock(capacityBytes: LogBlock.standardCapacityBytes)
    unsafe base = block.base
  }

  deinit { if end > 0 { handOver(discardingReplacement: ()) } }

  // MARK: Lines

  /// Starts a line.
  public mutating func beginLine() {
    lineStart = end
    overflowed = false
    if makeRoom(0) { put("{") }
  }

  /// A field whose value is a moment, ISO 8601 with milliseconds.
  /// - Parameters:
  ///   - time: milliseconds of the wall clock; the text of a second is kept, so lines of one second share its making.
  public mutating func moment(_ name: StaticString, _ time: Timestamp) {
    let milliseconds = keepSecond(of: time)
    guard makeRoom(name.utf8CodeUnitCount + Timestamp.textLength) else { return }
    put("\"")
    put(name)
    put("\":\"")
    let prefix = secondText
    put(prefix.span)
    putThreeDigits(UInt64(milliseconds))
    put("Z\",")
  }

  /// Makes ``secondText`` that of a moment.
  /// - Returns: the milliseconds beyond the second.
  @inline(__always) mutating func keepSecond(of time: Timestamp) -> Int64 {
    let (newSecond, milliseconds) = time.milliseconds.dividedFloor(by: 1000)
    if newSecond != second {
      second = newSecond
      let text = Timestamp(milliseconds: newSecond * 1000).text
      for index in secondText.indices { secondText[index] = text[index] }
    }
    return milliseconds
  }

  /// Ends the line; hands the block to the writer when it holds ``handOverBytes``. Never blocks.
  public mutating func endLine() {
    close("}\n")
    finishLine()
  }

  /// Counts the line that has been written, or takes it back when it did not fit.
  mutating func finishLine() {
    if overflowed {
      end = lineStart
      writer.countTooLong()
      return
    }
    lines += 1
    if end >= LogBuffer.handOverBytes { handOver() }
  }

  /// Hands over what has been written so far. Only between lines. Never blocks; cheap when there is nothing.
  public mutating func flush() {
    if end > 0 { handOver() }
  }

  private mutating func handOver() {
    block.count = end
    block.lines = lines
    block = writer.exchange(block)
    unsafe base = block.base
    end = 0
    lines = 0
    lineStart = 0
  }

  /// The last hand-over of a buffer that goes away.
  private func handOver(discardingReplacement: Void) {
    block.count = end
    block.lines = lines
    _ = writer.exchange(block)
  }

  // MARK: Fields
  // Every field ends with a comma; what closes an object or list replaces it. So no field needs to know whether it is the first.

  /// A field whose value is text from outside: quoted and escaped. Bytes that are not part of valid UTF-8 are written as the ISO-8859-1
  /// characters they would be (`\u00e9`), as RFC 9110 section 5.5 reads such field values. At most `valueLimitBytes` are taken.
  @inlinable @inline(__always)
  public mutating func string(_ name: StaticString, _ value: Span<UInt8>) {
    guard makeRoom(name.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    put("\":\"")
    putEscaped(value)
    put("\",")
  }

  /// A field whose value is known to need no escaping (methods, request ids, addresses, dates): quoted and copied.
  @inlinable @inline(__always)
  public mutating func token(_ name: StaticString, _ value: Span<UInt8>) {
    guard makeRoom(name.utf8CodeUnitCount + value.count) else { return }
    put("\"")
    put(name)
    put("\":\"")
    put(value)
    put("\",")
  }

  /// A field whose value is one of the program's own words.
  @inlinable @inline(__always)
  public mutating func word(_ name: StaticString, _ value: StaticString) {
    guard makeRoom(name.utf8CodeUnitCount + value.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    put("\":\"")
    put(value)
    put("\",")
  }

  /// A field whose value is a whole number.
  @inlinable @inline(__always)
  public mutating func integer(_ name: StaticString, _ value: Int) {
    guard makeRoom(name.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    if value < 0 { put("\":-") } else { put("\":") }
    putDecimal(UInt64(value.magnitude))
    put(",")
  }

  /// A field whose value is a number with three decimals: seconds from milliseconds, or milliseconds from microseconds.
  /// - Parameters:
  ///   - thousandths: the value times 1,000; negative values are written as 0.
  @inlinable @inline(__always)
  public mutating func decimal(_ name: StaticString, thousandths: Int) {
    guard makeRoom(name.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    put("\":")
    let value = UInt64(max(thousandths, 0))
    putDecimal(value / 1000)
    put(".")
    putThreeDigits(value % 1000)
    put(",")
  }

  /// A field whose value is true or false.
  @inlinable @inline(__always)
  public mutating func boolean(_ name: StaticString, _ value: Bool) {
    guard makeRoom(name.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    if value { put("\":true,") } else { put("\":false,") }
  }

  /// A field whose value is a list; its members are objects. Close it with `endArray()`.
  @inlinable public mutating func beginArray(_ name: StaticString) {
    guard makeRoom(name.utf8CodeUnitCount) else { return }
    put("\"")
    put(name)
    put("\":[")
  }

  /// A member of the list, holding fields. Close it with `endObject()`.
  @inlinable public mutating func beginObject() { if makeRoom(0) { put("{") } }

  /// Ends the innermost object.
  @inlinable public mutating func endObject() { close("},") }

  /// Ends the innermost list.
  @inlinable public mutating func endArray() { close("],") }

  /// Writes the end of an object or list over the comma of its last member, if it has one.
  @inlinable mutating func close(_ text: StaticString) {
    guard makeRoom(0) else { return }
    if end > 0, unsafe base.load(fromByteOffset: end - 1, as: UInt8.self) == UInt8(ascii: ",") { end -= 1 }
    put(text)
  }
}

// MARK: - Writing bytes. Unsafe: `makeRoom` is called before any of these, once per field.

extension LogBuffer {
  /// What a field may need beside its name and a copied value: punctuation and a number of 20 digits and three decimals.
  @usableFromInline static var fieldOverheadBytes: Int { @inlinable @inline(__always) get { 40 } }

  /// Whether a field fits whose name and copied value have so many bytes; once one does not, the line is lost.
  @inlinable @inline(__always)
  mutating func makeRoom(_ count: Int) -> Bool {
    if count <= capacityBytes - LogBuffer.fieldOverheadBytes - end { return true }
    overflowed = true
    return false
  }

  @inlinable @inline(__always)
  mutating func put(_ text: StaticString) {
    let count = text.utf8CodeUnitCount
    unsafe (base + end).copyMemory(from: text.utf8Start, byteCount: count)
    end = end &+ count
  }

  @inlinable
  mutating func put(_ bytes: Span<UInt8>) {
    let target = unsafe base + end
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe target.copyMemory(from: start, byteCount: source.count) }
    }
    end = end &+ bytes.count
  }

  /// The decimal digits of a number, at most 20.
  @usableFromInline
  mutating func putDecimal(_ value: UInt64) {
    if value < 10 {
      unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ value), toByteOffset: end, as: UInt8.self)
      end = end &+ 1
      return
    }
    if value < 1_000 {   // most are: statuses, sizes of heads, times
      if value >= 100 { return putThreeDigits(value) }
      unsafe base.storeBytes(of: twoDigits(value), toByteOffset: end, as: UInt16.self)
      end = end &+ 2
      return
    }
    let position = end &+ decimalDigits(value)
    end = position
    var rest = value
    var target = unsafe base + position
    while rest >= 100 {
      let (quotient, digits) = rest.quotientAndRemainder(dividingBy: 100)
      unsafe target -= 2
      unsafe target.storeBytes(of: twoDigits(digits), as: UInt16.self)
      rest = quotient
    }
    if rest >= 10 {
      unsafe (target - 2).storeBytes(of: twoDigits(rest), as: UInt16.self)
    } else {
      unsafe (target - 1).storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ rest), as: UInt8.self)
    }
  }

  /// A number below 1,000 with leading zeros.
  @inlinable @inline(__always)
  mutating func putThreeDigits(_ value: UInt64) {
    let hundreds = value / 100, rest = value % 100
    unsafe (base + end).storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ hundreds), as: UInt8.self)
    unsafe (base + end).storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ rest / 10), toByteOffset: 1, as: UInt8.self)
    unsafe (base + end).storeBytes(of: UInt8(truncatingIfNeeded: 48 &+ rest % 10), toByteOffset: 2, as: UInt8.self)
    end = end &+ 3
  }

  /// The value, escaped. Most need nothing but copying.
  @usableFromInline @inline(never)
  mutating func putEscaped(_ value: Span<UInt8>) {
    let (count, target) = unsafe (value.count, base + end)
    guard count <= LogBuffer.valueLimitBytes, end &+ count &+ 16 <= capacityBytes &- LogBuffer.tailReserveBytes else { return putEscapedSlowly(value) }
    let copied = unsafe value.withUnsafeBufferPointer { unsafe sk_copy_plain(target, $0.baseAddress, count) }
    if copied == count { end = end &+ count } else { putEscapedSlowly(value) }
  }

  /// A value that holds what needs care, or that may not fit: what has no room is cut off.
  @inline(never)
  private mutating func putEscapedSlowly(_ value: Span<UInt8>) {
    let target = unsafe base, start = end, limit = capacityBytes - LogBuffer.tailReserveBytes
    end = unsafe value.withUnsafeBytes { unsafe escape($0.prefix(LogBuffer.valueLimitBytes), into: target, at: start, limit: limit) }
  }
}

/// A field that is the same in many lines, escaped once.
public struct LogField: Sendable {
  @usableFromInline let bytes: [UInt8]

  /// A field of text; the name must need no escaping.
  public init(_ name: StaticString, _ value: String) { bytes = Array("\"\(name)\":\"".utf8) + Self.escaped(Array(value.utf8)) + Array("\",".utf8) }

  private static func escaped(_ value: [UInt8]) -> [UInt8] {
    let room = 6 * value.count + 16   // an escape has 6 bytes, and copying may scribble 16 beyond
    return unsafe [UInt8](unsafeUninitializedCapacity: room) { target, count in
      guard let start = target.baseAddress else { return }
      unsafe count = value.withUnsafeBytes { unsafe escape($0[...], into: UnsafeMutableRawPointer(start), at: 0, limit: room) }
    }
  }
}

extension LogBuffer {
  /// A field made before.
  @inlinable @inline(__always)
  public mutating func field(_ field: LogField) {
    guard makeRoom(field.bytes.count) else { return }
    put(field.bytes.span)
  }
}

/// Writes text as the inside of a JSON string, cutting off what does not fit below `limit`. Plain copying stores a piece of 16 first and
/// keeps only the part before the byte that needs care, hence the slack.
/// - Returns: one past the last byte written.
private func escape(_ text: Slice<UnsafeRawBufferPointer>, into target: UnsafeMutableRawPointer, at place: Int, limit: Int) -> Int {
  let source = unsafe UnsafeRawBufferPointer(rebasing: text)
  guard let start = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return place }
  let bytes = unsafe target.assumingMemoryBound(to: UInt8.self)
  var read = 0, write = place, stop = source.count
  while true {
    stop = min(stop, read + max(limit - write - 16, 0))
    let copied = unsafe sk_copy_plain(bytes + write, start + read, stop - read)
    read += copied
    write += copied
    if read >= stop { return write }
    let (taken, written) = unsafe putSpecial(source, from: read, to: stop, into: target, at: write)
    read += taken
    write += written
  }
}

/// The two digits of a number below 100, as they lie in memory.
@inline(__always)
private func twoDigits(_ value: UInt64) -> UInt16 {
  let tens = (value &* 103) >> 10   // division by 10, exact below 179
  return (UInt16(truncatingIfNeeded: value &- tens &* 10) << 8 | UInt16(truncatingIfNeeded: tens) &+ 0x3030).littleEndian
}

/// How many decimal digits a number has (1 for 0).
@inline(__always)
func decimalDigits(_ value: UInt64) -> Int {
  var digits = 1
  var rest = value
  while rest >= 10_000 {
    rest /= 10_000
    digits += 4
  }
  return digits + (rest >= 1_000 ? 3 : rest >= 100 ? 2 : rest >= 10 ? 1 : 0)
}

/// Writes one character that cannot be copied blindly: an escape (at most 6 bytes) or a whole UTF-8 sequence (at most 4).
private func putSpecial(
  _ source: UnsafeRawBufferPointer, from read: Int, to stop: Int, into target: UnsafeMutableRawPointer, at position: Int
) -> (taken: Int, written: Int) {
  let byte = unsafe source[read]
  let length = byte >= 0x80 ? unsafe utf8SequenceLength(source, at: read, to: stop) : 0
  if length > 0 {
    unsafe (target + position).copyMemory(from: UnsafeRawPointer(source.baseAddress! + read), byteCount: length)
    return (length, length)
  }
  func store(_ value: UInt8, _ offset: Int) { unsafe target.storeBytes(of: value, toByteOffset: position + offset, as: UInt8.self) }
  func hexadecimal(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 + nibble : 87 + nibble }
  store(UInt8(ascii: "\\"), 0)
  if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
    store(byte, 1)
    return (1, 2)
  }
  store(UInt8(ascii: "u"), 1)
  store(UInt8(ascii: "0"), 2)
  store(UInt8(ascii: "0"), 3)
  store(hexadecimal(byte >> 4), 4)
  store(hexadecimal(byte & 15), 5)
  return (1, 6)
}

/// The length of the well-formed UTF-8 sequence that begins at a byte of 0x80 or more (Unicode, table 3-7); 0 when there is none.
private func utf8SequenceLength(_ source: UnsafeRawBufferPointer, at start: Int, to stop: Int) -> Int {
  let lead = unsafe source[start]
  let length: Int
  var second: ClosedRange<UInt8> = 0x80...0xbf
  switch lead {
  case 0xc2...0xdf: length = 2
  case 0xe0: (length, second) = (3, 0xa0...0xbf)
  case 0xed: (length, second) = (3, 0x80...0x9f)
  case 0xe1...0xef: length = 3
  case 0xf0: (length, second) = (4, 0x90...0xbf)
  case 0xf1...0xf3: length = 4
  case 0xf4: (length, second) = (4, 0x80...0x8f)
  default: return 0
  }
  guard stop - start >= length, second.contains(unsafe source[start + 1]) else { return 0 }
  for index in start + 2..<start + max(length, 2) where unsafe source[index] & 0xc0 != 0x80 { return 0 }
  return length
}
