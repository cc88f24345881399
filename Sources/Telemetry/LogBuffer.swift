// Owns: building JSON log lines (RFC 8259) without Strings, in a block of memory that is handed to the LogWriter's thread when half full.
// Confined to one thread (not Sendable). The only unsafe code is the raw writing below; every write is preceded by a check of the room left.
//
// Cost: names are literals whose copies the compiler turns into plain stores; values are scanned and copied eight bytes at a time.

/// A worker's log lines on their way to the writer.
///
/// ```swift
/// log.beginLine(at: now)                       // {"time":"2026-11-21T02:20:06.123Z"
/// log.token("method", method)                  // ,"method":"GET"
/// log.string("uri", path)                      // ,"uri":"\/a\"b"
/// log.integer("status", 200)                   // ,"status":200
/// log.endLine()                                // }\n
/// ```
///
/// Names must need no escaping. Lines that do not fit (more than `lineLimitBytes`) are dropped and counted as too long; values are cut
/// before that, so it takes an absurd number of fields. Call `flush()` about once a second and when going idle: a line waits for it.
@safe public struct LogBuffer: ~Copyable {
  /// A block is handed over once it holds this many bytes.
  public static let handOverBytes = 32_768
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
  private var lineStart = 0
  private var lines = 0
  @usableFromInline var overflowed = false
  private var second = Int64.min
  /// `2026-11-21T02:20:06.`, of `second`.
  private var secondText = InlineArray<20, UInt8>(repeating: 0)

  init(writer: LogWriter) {
    self.writer = writer
    block = LogBlock(capacityBytes: LogBlock.standardCapacityBytes)
    unsafe base = block.base
  }

  deinit { if end > 0 { handOver(discardingReplacement: ()) } }

  // MARK: Lines

  /// Starts a line with its first field, `time`.
  /// - Parameters:
  ///   - time: milliseconds of the wall clock; the text of a second is kept, so lines of one second share its making.
  public mutating func beginLine(at time: Timestamp) {
    lineStart = end
    overflowed = false
    let (newSecond, milliseconds) = time.milliseconds.dividedFloor(by: 1000)
    if newSecond != second {
      second = newSecond
      let text = Timestamp(milliseconds: newSecond * 1000).text
      for index in secondText.indices { secondText[index] = text[index] }
    }
    put("{\"time\":\"")
    let prefix = secondText
    put(prefix.span)
    putThreeDigits(UInt64(milliseconds))
    put("Z\"")
  }

  /// Ends the line; hands the block to the writer when it is half full. Never blocks.
  public mutating func endLine() {
    put("}\n")
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

  /// A field whose value is text from outside: quoted and escaped. Bytes that are not part of valid UTF-8 are written as the ISO-8859-1
  /// characters they would be (`\u00e9`), as RFC 9110 section 5.5 reads such field values. At most `valueLimitBytes` are taken.
  @inlinable @inline(__always)
  public mutating func string(_ name: StaticString, _ value: Span<UInt8>) {
    self.name(name)
    putEscaped(value)
  }

  /// A field whose value is known to need no escaping (methods, request ids, addresses, dates): quoted and copied.
  @inlinable @inline(__always)
  public mutating func token(_ name: StaticString, _ value: Span<UInt8>) {
    self.name(name)
    put("\"")
    put(value)
    put("\"")
  }

  /// A field whose value is one of the program's own words.
  @inlinable @inline(__always)
  public mutating func word(_ name: StaticString, _ value: StaticString) {
    self.name(name)
    put("\"")
    put(value)
    put("\"")
  }

  /// A field whose value is a whole number.
  @inlinable @inline(__always)
  public mutating func integer(_ name: StaticString, _ value: Int) {
    self.name(name)
    if value < 0 { put("-") }
    putDecimal(UInt64(value.magnitude))
  }

  /// A field whose value is a number with three decimals: seconds from milliseconds, or milliseconds from microseconds.
  /// - Parameters:
  ///   - thousandths: the value times 1,000; negative values are written as 0.
  @inlinable @inline(__always)
  public mutating func decimal(_ name: StaticString, thousandths: Int) {
    self.name(name)
    let value = UInt64(max(thousandths, 0))
    putDecimal(value / 1000)
    put(".")
    putThreeDigits(value % 1000)
  }

  /// A field whose value is true or false.
  @inlinable @inline(__always)
  public mutating func boolean(_ name: StaticString, _ value: Bool) {
    self.name(name)
    if value { put("true") } else { put("false") }
  }

  /// A field whose value is a list; its members are objects. Close it with `endArray()`.
  @inlinable public mutating func beginArray(_ name: StaticString) {
    self.name(name)
    put("[")
  }

  /// A member of the list, holding fields. Close it with `endObject()`.
  @inlinable public mutating func beginObject() {
    putComma()
    put("{")
  }

  @inlinable public mutating func endObject() { put("}") }
  @inlinable public mutating func endArray() { put("]") }

  @inlinable @inline(__always)
  mutating func name(_ name: StaticString) {
    putComma()
    put("\"")
    put(name)
    put("\":")
  }

  /// A comma unless this is the first member of an object or list.
  @inlinable @inline(__always)
  mutating func putComma() {
    guard end > 0, end < capacityBytes else {
      overflowed = true
      return
    }
    let last = unsafe base.load(fromByteOffset: end - 1, as: UInt8.self)
    if last != UInt8(ascii: "{"), last != UInt8(ascii: "[") { put(",") }
  }
}

// MARK: - Writing bytes. Unsafe; each function makes sure of its room first.

extension LogBuffer {
  @inlinable @inline(__always)
  mutating func put(_ text: StaticString) {
    let count = text.utf8CodeUnitCount
    guard count <= capacityBytes - end else {
      overflowed = true
      return
    }
    unsafe (base + end).copyMemory(from: text.utf8Start, byteCount: count)
    end += count
  }

  @inlinable
  mutating func put(_ bytes: Span<UInt8>) {
    let count = bytes.count
    guard count <= capacityBytes - end else {
      overflowed = true
      return
    }
    let target = unsafe base + end
    unsafe bytes.withUnsafeBytes { source in
      if let start = source.baseAddress { unsafe target.copyMemory(from: start, byteCount: count) }
    }
    end += count
  }

  /// The decimal digits of a number, at most 20.
  @usableFromInline
  mutating func putDecimal(_ value: UInt64) {
    var digits = 1
    var bound: UInt64 = 10
    while digits < 20, value >= bound {
      digits += 1
      bound = digits < 20 ? bound &* 10 : .max
    }
    guard digits <= capacityBytes - end else {
      overflowed = true
      return
    }
    var rest = value
    var position = end + digits
    while position > end {
      position -= 1
      unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: 48 + rest % 10), toByteOffset: position, as: UInt8.self)
      rest /= 10
    }
    end += digits
  }

  /// A number below 1,000 with leading zeros.
  @usableFromInline
  mutating func putThreeDigits(_ value: UInt64) {
    guard 3 <= capacityBytes - end else {
      overflowed = true
      return
    }
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: 48 + value / 100 % 10), toByteOffset: end, as: UInt8.self)
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: 48 + value / 10 % 10), toByteOffset: end + 1, as: UInt8.self)
    unsafe base.storeBytes(of: UInt8(truncatingIfNeeded: 48 + value % 10), toByteOffset: end + 2, as: UInt8.self)
    end += 3
  }

  /// The value in quotes, escaped. Runs of plain bytes are copied by the word; the word is stored first and only the part before the
  /// byte that needs care is kept, hence the slack of 16 bytes in every check.
  @usableFromInline @inline(never)
  mutating func putEscaped(_ value: Span<UInt8>) {
    put("\"")
    let limit = capacityBytes - LogBuffer.tailReserveBytes
    let target = unsafe base
    var write = end
    unsafe value.withUnsafeBytes { source in
      var read = 0
      var stop = min(source.count, LogBuffer.valueLimitBytes)
      while true {
        // Plain copying needs as much room as there is left to read; what has no room is cut off.
        stop = min(stop, read + max(limit - write - 16, 0))
        let copied = unsafe copyPlainRun(source, from: read, to: stop, into: target, at: write)
        read += copied
        write += copied
        if read >= stop { break }
        let (taken, written) = unsafe putSpecial(source, from: read, to: stop, into: target, at: write)
        read += taken
        write += written
      }
    }
    end = write
    put("\"")
  }
}

/// Copies bytes until the first that JSON or UTF-8 asks care for; returns how many. May scribble up to 8 bytes behind what it returns.
@inline(__always)
private func copyPlainRun(
  _ source: UnsafeRawBufferPointer, from: Int, to stop: Int, into target: UnsafeMutableRawPointer, at position: Int
) -> Int {
  var read = from
  while stop - read >= 8 {
    let word = unsafe source.loadUnaligned(fromByteOffset: read, as: UInt64.self)
    unsafe target.storeBytes(of: word, toByteOffset: position + read - from, as: UInt64.self)
    let special = specialBytes(in: word)
    if special != 0 { return read - from + special.trailingZeroBitCount / 8 }
    read += 8
  }
  while read < stop {
    let byte = unsafe source[read]
    if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte >= 0x80 { break }
    unsafe target.storeBytes(of: byte, toByteOffset: position + read - from, as: UInt8.self)
    read += 1
  }
  return read - from
}

/// A word whose lowest set bit marks the first (lowest) byte below 0x20, at or above 0x80, or equal to `"` or `\`; 0 when there is none.
/// A borrow can only run upwards from a byte that is itself a hit, so the lowest mark is exact.
@inline(__always)
func specialBytes(in word: UInt64) -> UInt64 {
  let ones: UInt64 = 0x0101_0101_0101_0101
  let control = word &- ones &* 0x20
  let quote = (word ^ (ones &* 0x22)) &- ones
  let backslash = (word ^ (ones &* 0x5c)) &- ones
  return (control | quote | backslash | word) & (ones &* 0x80)
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
