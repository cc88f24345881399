// Owns: the memory of a head's field lines. Unsafe inside: every access from outside is checked against the table's size.
import CSystem

/// Where one field line lies in its head. 20 bytes, trivially copyable; offsets count from the head's first byte.
public struct FieldLine: BitwiseCopyable, Sendable {
  @usableFromInline var nameStart: UInt32, valueStart: UInt32, valueLength: UInt32
  /// One past the line's CRLF.
  @usableFromInline var end: UInt32
  @usableFromInline var nameLength: UInt16
  /// Which name it is, ``FieldName/dropped`` once the line is out.
  public var name: FieldName

  @inline(__always) init(nameStart: Int, nameLength: Int, valueStart: Int, valueLength: Int, end: Int, name: FieldName) {
    self.nameStart = UInt32(truncatingIfNeeded: nameStart)
    self.nameLength = UInt16(truncatingIfNeeded: nameLength)
    self.valueStart = UInt32(truncatingIfNeeded: valueStart)
    self.valueLength = UInt32(truncatingIfNeeded: valueLength)
    self.end = UInt32(truncatingIfNeeded: end)
    self.name = name
  }
}

/// A table of field lines in memory that the thread keeps for the next head. It grows past ``standardSize`` only when lines are added.
@safe public struct FieldTable: ~Copyable {
  /// Lines that fit before the table grows.
  static var standardSize: Int { Int(SK_FIELD_TABLE_SIZE) / MemoryLayout<FieldLine>.stride }

  private var base: UnsafeMutablePointer<FieldLine>
  /// Lines that fit; 0 while the table holds no memory.
  private(set) var capacity = 0

  /// A table without memory.
  init() { unsafe base = UnsafeMutablePointer(bitPattern: 16).unsafelyUnwrapped }

  deinit { giveBack() }

  /// Takes memory when the table holds none.
  mutating func acquire() {
    guard capacity == 0 else { return }
    unsafe base = sk_block_take(SK_FIELD_TABLE).assumingMemoryBound(to: FieldLine.self)
    capacity = Self.standardSize
  }

  /// Gives the memory back.
  mutating func release() {
    giveBack()
    capacity = 0
  }

  private func giveBack() {
    if capacity == Self.standardSize { unsafe sk_block_give(SK_FIELD_TABLE, base) } else if capacity > 0 { unsafe base.deallocate() }
  }

  /// Makes room for a line at `index`; what lay there is undefined until it is written.
  @inline(__always) mutating func makeRoom(for index: Int) { if index >= capacity { grow(for: index) } }

  private mutating func grow(for index: Int) {
    if capacity == 0 && index < Self.standardSize { return acquire() }
    let larger = max(2 * capacity, index + 1)
    let memory = UnsafeMutablePointer<FieldLine>.allocate(capacity: larger)
    if capacity > 0 { unsafe memory.update(from: base, count: capacity) }
    giveBack()
    unsafe base = memory
    capacity = larger
  }

  /// A line. The index must be below ``capacity``.
  subscript(_ index: Int) -> FieldLine {
    @inline(__always) get {
      precondition(index >= 0 && index < capacity, "no such field line")
      return unsafe base[index]
    }
    @inline(__always) set {
      precondition(index >= 0 && index < capacity, "no such field line")
      unsafe base[index] = newValue
    }
  }
}
