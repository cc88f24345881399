// Owns: decoding blocks of fields (RFC 7541, 3 and 6), whose bytes come in pieces, and the peer's dynamic table.
import Transport

/// Decodes the blocks of fields of one connection, one after another.
struct HPACKDecoder: ~Copyable {
  enum Failure: Error {
    /// A block that cannot be decoded: the tables are no longer the same on both sides (RFC 9113, 4.3).
    case compression
    /// More than anybody may want.
    case tooMuch
  }

  private let fixed = StaticTable.shared
  private let huffman = HuffmanCode.shared
  private var table = DynamicTable()
  /// The field that is being read.
  private var line = ByteBuffer()
  /// Changes of the table's size stand in front of a block's fields (RFC 7541, 4.2).
  private var mayResize = true

  init() {}

  /// Decodes as many fields as are whole.
  /// - Parameter isLast: whether the block ends with these bytes.
  /// - Returns: how many bytes were taken; the others are to come again with those behind them.
  mutating func decode(_ block: Span<UInt8>, isLast: Bool, into fields: inout FieldBlock) throws(Failure) -> Int {
    var at = 0
    while at < block.count {
      let start = at, first = block[at]
      let isWhole: Bool
      if first & 0x80 != 0 {
        isWhole = try takeIndexed(block, &at, &fields)
      } else if first & 0xe0 == 0x20 {
        isWhole = try resize(block, &at)
      } else {
        isWhole = try takeLiteral(block, &at, &fields)
      }
      guard isWhole else {
        at = start
        break
      }
      if fields.isTooMuch { throw .tooMuch }
    }
    guard isLast else { return at }
    guard at == block.count else { throw .compression }
    mayResize = true
    line.release()
    return at
  }

  /// An integer (RFC 7541, 5.1); nil when it is not whole. None that means something is larger than a block may be.
  @inline(__always) private func integer(_ block: Span<UInt8>, _ at: inout Int, prefix: UInt8) throws(Failure) -> Int? {
    let mask = 1 &<< prefix &- 1
    guard at < block.count else { return nil }
    let first = block[at] & mask
    at += 1
    return first < mask ? Int(first) : try longInteger(block, &at, Int(first))
  }
  private func longInteger(_ block: Span<UInt8>, _ at: inout Int, _ first: Int) throws(Failure) -> Int? {
    var value = first, shift = 0
    while at < block.count {
      let byte = block[at]
      at += 1
      value += Int(byte & 0x7f) << shift
      shift += 7
      if value > 1 << 24 || shift > 28 { throw .compression }
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }

  /// A field that is in a table (6.1).
  @inline(__always) private mutating func takeIndexed(_ block: Span<UInt8>, _ at: inout Int, _ fields: inout FieldBlock) throws(Failure) -> Bool {
    guard let index = try integer(block, &at, prefix: 7) else { return false }
    mayResize = false
    guard index > 0 else { throw .compression }
    if index <= StaticTable.count {
      let entry = fixed.entries[index - 1]
      fields.take(fixed.text.span.slice(entry.start, entry.lineLength), entry.nameLength, entry.valueLength, entry.facts)
    } else {
      let place = index - StaticTable.count - 1
      guard place < table.count else { throw .compression }
      let entry = table.entry(place)
      fields.take(table.line(entry), entry.nameLength, entry.valueLength, entry.facts)
    }
    return true
  }

  /// A field in full, or with the name of another (6.2).
  private mutating func takeLiteral(_ block: Span<UInt8>, _ at: inout Int, _ fields: inout FieldBlock) throws(Failure) -> Bool {
    var field = ByteBuffer()   // this structure cannot lend its bytes to its other parts
    swap(&field, &line)
    if !field.holdsMemory { field.acquireSmall() }
    field.removeAll()
    let isWhole = try takeLiteral(block, &at, &fields, &field)
    swap(&field, &line)
    return isWhole
  }
  private mutating func takeLiteral(_ block: Span<UInt8>, _ at: inout Int, _ fields: inout FieldBlock, _ line: inout ByteBuffer) throws(Failure) -> Bool {
    let isAdded = block[at] & 0x40 != 0, isNeverIndexed = block[at] & 0xf0 == 0x10
    guard let index = try integer(block, &at, prefix: isAdded ? 6 : 4) else { return false }
    mayResize = false
    if index == 0 {
      guard try string(block, &at, fields.bound, &line) else { return false }
    } else if index <= StaticTable.count {
      let entry = fixed.entries[index - 1]
      line.append(fixed.text.span.slice(entry.start, entry.nameLength))
    } else {
      let place = index - StaticTable.count - 1
      guard place < table.count else { throw .compression }
      let entry = table.entry(place)
      line.append(table.line(entry).extracting(..<entry.nameLength))
    }
    let nameLength = line.count
    line.append(": ")
    guard try string(block, &at, fields.bound, &line) else { return false }
    let valueLength = line.count - nameLength - 2
    line.append("\r\n")
    let facts = FieldFacts(line.readable.extracting(..<nameLength), line.readable.slice(nameLength + 2, valueLength))
    if isAdded { table.add(line.readable, nameLength: nameLength, valueLength: valueLength, facts) }
    fields.take(line.readable, nameLength, valueLength, facts)
    if isNeverIndexed { fields.neverIndexed.note(facts) }
    return true
  }

  /// Appends a string (5.2); false when it is not whole.
  private func string(_ block: Span<UInt8>, _ at: inout Int, _ bound: Int, _ line: inout ByteBuffer) throws(Failure) -> Bool {
    guard at < block.count else { return false }
    let isCoded = block[at] & 0x80 != 0
    guard let count = try integer(block, &at, prefix: 7) else { return false }
    guard count <= bound else { throw .tooMuch }
    guard count <= block.count - at else { return false }
    let bytes = block.slice(at, count)
    at += count
    if !isCoded {
      line.append(bytes)
    } else if !huffman.decode(bytes, to: &line) {
      throw .compression
    }
    return true
  }

  /// A change of the table's size (6.3).
  private mutating func resize(_ block: Span<UInt8>, _ at: inout Int) throws(Failure) -> Bool {
    guard let limit = try integer(block, &at, prefix: 5) else { return false }
    guard mayResize, limit <= DynamicTable.standardLimit else { throw .compression }
    table.resize(limit)
    return true
  }
}
