// Owns: the bytes of one direction of one connection, or of one message head.
// One of the few files with unsafe code: everything that leaves it is a bounds-checked Span.
import Glibc
import CSystem  // after Glibc: see csystem.c
import TLS

/// A single-owner byte buffer; the bytes from its read position to its end are ``readable``.
///
/// An empty buffer may hold no memory at all: ``acquire()`` takes a block the thread keeps, ``releaseIfEmpty()`` gives it back.
/// A buffer that outgrows its block continues in memory of its own. Confined to the thread of its event loop.
@safe public struct ByteBuffer: ~Copyable {
  @usableFromInline var base: UnsafeMutableRawPointer
  @usableFromInline var capacity = 0
  @usableFromInline var start = 0
  @usableFromInline var end = 0

  /// A buffer that holds no memory.
  @inlinable public init() { unsafe base = Self.nothing }

  /// A buffer with memory of its own.
  /// - Parameter capacity: bytes.
  public init(capacity: Int) {
    precondition(capacity > 0, "a buffer's capacity is positive")
    self.capacity = Self.ownCapacity(capacity)
    unsafe base = .allocate(byteCount: self.capacity, alignment: 16)
  }

  /// A capacity that memory of a buffer's own may have: a block is known by its size.
  private static func ownCapacity(_ bytes: Int) -> Int { bytes == blockSize || bytes == smallBlockSize ? bytes + 16 : bytes }

  /// A valid address for "no memory": never read or written, because the capacity is 0.
  @usableFromInline static var nothing: UnsafeMutableRawPointer {
    unsafe UnsafeMutableRawPointer(bitPattern: 16).unsafelyUnwrapped
  }

  deinit { giveBack() }

  /// Bytes of one block: room for nearly every message head, and one receive of a body.
  public static let blockSize = Int(SK_BYTES_SIZE)
  /// Bytes of a small block: room for most heads alone.
  static let smallBlockSize = Int(SK_FEW_BYTES_SIZE)

  // MARK: Reading

  /// The bytes not yet consumed.
  @inlinable public var readable: Span<UInt8> {
    @_lifetime(borrow self) get {
      let view = unsafe UnsafeBufferPointer(start: (base + start).assumingMemoryBound(to: UInt8.self), count: end - start)
      return unsafe _overrideLifetime(Span(_unsafeElements: view), borrowing: self)
    }
  }
  /// How many bytes are readable.
  @inlinable public var count: Int { end - start }
  /// Whether nothing is readable.
  @inlinable public var isEmpty: Bool { end == start }
  /// Whether the buffer holds memory.
  @inlinable public var holdsMemory: Bool { capacity != 0 }

  /// Moves past the first `n` readable bytes. `n` must not exceed ``count``.
  @inlinable public mutating func consume(_ n: Int) {
    precondition(n >= 0 && n <= end - start, "consumed more than is readable")
    start += n
  }
  /// Forgets all bytes and keeps the memory.
  @inlinable public mutating func removeAll() { start = 0; end = 0 }
  /// Forgets the readable bytes after the first `n`.
  @inlinable public mutating func truncate(to n: Int) {
    precondition(n >= 0 && n <= end - start, "truncated to more than is readable")
    end = start + n
  }

  // MARK: Memory

  /// Takes a block when the buffer holds no memory.
  @inlinable public mutating func acquire() { if capacity == 0 { takeBlock() } }
  @usableFromInline mutating func takeBlock() {
    unsafe base = sk_block_take(SK_BYTES)
    capacity = Self.blockSize
  }
  /// Takes a small block when the buffer holds no memory: for what is seldom long and of which there are many.
  public mutating func acquireSmall() {
    guard capacity == 0 else { return }
    unsafe base = sk_block_take(SK_FEW_BYTES)
    capacity = Self.smallBlockSize
  }
  /// Gives the memory back when nothing is readable.
  @inlinable public mutating func releaseIfEmpty() { if start == end && capacity != 0 { release() } }
  /// Gives the memory back and forgets all bytes.
  public mutating func release() {
    giveBack()
    unsafe base = Self.nothing
    capacity = 0
    start = 0
    end = 0
  }
  private func giveBack() {
    if capacity == Self.blockSize { unsafe sk_block_give(SK_BYTES, base) } else if capacity > 0 { giveBackOther() }
  }
  @inline(never) private func giveBackOther() {
    if capacity == Self.smallBlockSize { unsafe sk_block_give(SK_FEW_BYTES, base) } else { unsafe base.deallocate() }
  }

  /// Splits off the first `n` readable bytes together with the memory they lie in. What follows them is copied to a fresh
  /// block: most often nothing does, and nothing is copied.
  public mutating func split(_ n: Int) -> ByteBuffer {
    precondition(n >= 0 && n <= count, "split off more than is readable")
    var first = ByteBuffer()
    swap(&self, &first)
    if first.count > n {
      acquire()
      append(first.readable.extracting(n...))
      first.truncate(to: n)
    }
    return first
  }

  // MARK: Writing

  /// Appends bytes, growing past the block when they do not fit.
  @inlinable public mutating func append(_ bytes: Span<UInt8>) {
    let n = bytes.count
    if n > capacity - end { makeRoom(n) }
    unsafe bytes.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { unsafe (base + end).copyMemory(from: from, byteCount: n) }
    }
    end += n
  }
  /// Appends the UTF-8 bytes of a literal: inlined, so that the copy's length is known and it becomes a few stores.
  @inlinable @inline(__always) public mutating func append(_ text: StaticString) {
    let n = text.utf8CodeUnitCount
    if n > capacity - end { makeRoom(n) }
    unsafe (base + end).copyMemory(from: text.utf8Start, byteCount: n)
    end += n
  }
  /// Appends a field line: `name: value CRLF`.
  @inlinable public mutating func appendLine(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let n = name.count, m = value.count
    if n + m + 4 > capacity - end { makeRoom(n + m + 4) }
    unsafe name.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (base + end).copyMemory(from: from, byteCount: n) } }
    unsafe base.storeBytes(of: UInt16(0x203a).littleEndian, toByteOffset: end + n, as: UInt16.self)       // ": "
    unsafe value.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (base + end + n + 2).copyMemory(from: from, byteCount: m) } }
    unsafe base.storeBytes(of: UInt16(0x0a0d).littleEndian, toByteOffset: end + n + 2 + m, as: UInt16.self)   // CRLF
    end += n + m + 4
  }
  /// Appends readable bytes of its own once more.
  public mutating func append(copyOf range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "no such bytes")
    if range.count > capacity - end { makeRoom(range.count) }
    unsafe (base + end).copyMemory(from: base + start + range.lowerBound, byteCount: range.count)
    end += range.count
  }
  /// Appends one byte.
  @inlinable public mutating func append(_ byte: UInt8) {
    if end == capacity { makeRoom(1) }
    unsafe base.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
    end += 1
  }
  /// Puts a byte in the place of a readable one.
  @inlinable public mutating func replace(_ index: Int, by byte: UInt8) {
    precondition(index >= 0 && index < end - start, "replaced what is not readable")
    unsafe base.storeBytes(of: byte, toByteOffset: start + index, as: UInt8.self)
  }
  /// Makes small letters of the capitals among `count` readable bytes from `index` on.
  public mutating func lowercase(from index: Int, count: Int) {
    precondition(index >= 0 && count >= 0 && index + count <= end - start, "no such bytes")
    for place in (start + index)..<(start + index + count) {
      let byte = unsafe base.load(fromByteOffset: place, as: UInt8.self)
      if byte >= 65 && byte <= 90 { unsafe base.storeBytes(of: byte | 0x20, toByteOffset: place, as: UInt8.self) }
    }
  }
  /// Appends four bytes, the most significant first.
  @inlinable public mutating func append(bigEndian word: UInt32) {
    if 4 > capacity - end { makeRoom(4) }
    unsafe base.storeBytes(of: word.bigEndian, toByteOffset: end, as: UInt32.self)
    end += 4
  }
  /// Appends the UTF-8 bytes of a string. It has a label so that a literal never becomes a String by accident.
  public mutating func append(text: String) { append(text.utf8.span) }
  /// Appends a part of another buffer's readable bytes.
  @inlinable public mutating func append(_ other: borrowing ByteBuffer, _ range: Range<Int>) {
    append(other.readable.extracting(range))
  }
  /// Appends a number in decimal digits; `value` must not be negative.
  public mutating func append(decimal value: Int) {
    precondition(value >= 0, "a negative number on the wire")
    if 20 > capacity - end { makeRoom(20) }
    var digits = 1, rest = UInt(bitPattern: value)
    while rest >= 1000 { (rest, digits) = (rest / 1000, digits + 3) }
    digits += rest >= 100 ? 2 : rest >= 10 ? 1 : 0
    rest = UInt(bitPattern: value)
    for place in stride(from: end + digits - 1, through: end, by: -1) {
      unsafe base.storeBytes(of: 48 + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
      rest /= 10
    }
    end += digits
  }
  /// Appends a number in lower-case hexadecimal digits, without leading zeros.
  public mutating func append(hexadecimal value: Int) {
    precondition(value >= 0, "a negative number on the wire")
    var shift = value == 0 ? 0 : (Int.bitWidth - 1 - value.leadingZeroBitCount) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: value >> shift & 15)
      append(digit < 10 ? 48 + digit : 87 + digit)
      shift -= 4
    }
  }

  /// Makes room for `n` more bytes: first by moving the readable bytes to the front, then in memory of its own.
  @usableFromInline @inline(never) mutating func makeRoom(_ n: Int) {
    let readableCount = end - start
    if capacity - readableCount >= n && start > 0 {
      unsafe base.copyMemory(from: base + start, byteCount: readableCount)
    } else if capacity == Self.smallBlockSize && readableCount + n <= Self.blockSize {
      var block = ByteBuffer()
      block.acquire()
      block.append(readable)
      swap(&self, &block)
      return
    } else {
      let larger = Self.ownCapacity(max(capacity * 2, readableCount + n, 1024))
      let memory = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
      unsafe memory.copyMemory(from: base + start, byteCount: readableCount)
      giveBack()
      unsafe base = memory
      capacity = larger
    }
    start = 0
    end = readableCount
  }

  // MARK: System calls

  /// What one receive brought.
  public enum Received: Equatable, Sendable {
    /// So many bytes; `drained` when there was room for more, so the socket holds none now.
    case bytes(Int, drained: Bool)
    case end, wouldBlock
    case failed(Int32)
  }

  /// One `recv` into the free room, which is made if there is none.
  /// - Parameter limit: the most bytes that may be readable afterwards.
  public mutating func receive(from descriptor: Int32, limit: Int = .max) -> Received {
    if end == capacity { makeRoom(min(limit - count, max(capacity, 1024))) }
    let room = min(capacity - end, limit - count)
    guard room > 0 else { return .wouldBlock }
    let n = unsafe recv(descriptor, base + end, room, 0)
    if n > 0 { end += n; return .bytes(n, drained: n < room) }
    if n == 0 { return .end }
    let code = errno
    return code == EAGAIN || code == EINTR ? .wouldBlock : .failed(code)
  }

  /// Records of a secured connection into the free room, like ``receive(from:limit:)``.
  mutating func receive(from tls: TLSConnection, limit: Int) -> TLSConnection.Read {
    if end == capacity { makeRoom(min(limit - count, max(capacity, 1024))) }
    let room = min(capacity - end, limit - count)
    guard room > 0 else { return .wait }
    let read = unsafe tls.read(into: base + end, room: room)
    if case .bytes(let n) = read { end += n }
    return read
  }
}
