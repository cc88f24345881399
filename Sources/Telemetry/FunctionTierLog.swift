// Owns: the lines of the function tier's functions on their way to the writer's thread: what handlers say, and Lambda's START, END and REPORT
// around it (spec/lambda-at-edge.md, 10). Every line begins with the function's name: one log holds those of all. Confined to the supervisor's
// thread; never blocks: lines that the writer cannot take are dropped and counted (LogWriter).

/// The function tier's log.
@safe public struct FunctionTierLog: ~Copyable {
  /// Bytes of a line that are kept; the rest is cut off.
  public static let lineLimitBytes = 65_536

  /// Where lines go; nil for nowhere.
  private var writer: LogWriter?
  private var block: LogBlock?

  /// A log without a place yet.
  public init() {}

  /// Has later lines go elsewhere.
  public mutating func adopt(_ writer: LogWriter?) {
    flush()
    self.writer = writer
    block = nil
  }

  /// Whether lines go anywhere.
  public var isOn: Bool { writer != nil }

  /// Writes a line. Control characters but the tab become spaces, U+0080 to U+009F in UTF-8 too: no line break can forge a line, and no terminal is told
  /// anything.
  /// - Parameters:
  ///   - function: the function's name.
  ///   - line: without its end.
  public mutating func write(function: Span<UInt8>, _ line: Span<UInt8>) {
    guard let writer else { return }
    let count = min(line.count, Self.lineLimitBytes), needed = function.count + count + 2
    if let full = block, full.capacityBytes - full.count < needed { block = writer.exchange(full) }
    if block == nil { block = LogBlock(capacityBytes: LogBlock.standardCapacityBytes) }
    // A function's name has at most 140 bytes: a block takes any line.
    guard let block, block.capacityBytes - block.count >= needed else { return }
    append(function, function.count, block)
    append(" ", block)
    append(line, count, block)
    append("\n", block)
    block.lines += 1
  }

  /// Hands over what has been said so far. About once a second; cheap when there is nothing.
  public mutating func flush() {
    guard let writer, let full = block, full.count > 0 else { return }
    block = writer.exchange(full)
  }

  private func append(_ byte: Unicode.Scalar, _ block: LogBlock) {
    unsafe block.base.storeBytes(of: UInt8(ascii: byte), toByteOffset: block.count, as: UInt8.self)
    block.count += 1
  }

  private func append(_ bytes: Span<UInt8>, _ count: Int, _ block: LogBlock) {
    let start = block.count
    unsafe bytes.withUnsafeBufferPointer { if let from = $0.baseAddress { unsafe (block.base + start).copyMemory(from: from, byteCount: count) } }
    block.count += count
    // Eight at a time: a byte with a control character's high bits, DEL, or what the characters above begin with, sets the highest bit of the word's;
    // so may its neighbour, which is looked at by itself then.
    var index = 0
    while index + 8 <= count {
      let word = unsafe block.base.loadUnaligned(fromByteOffset: start + index, as: UInt64.self)
      let isDelete = word ^ 0x7F7F_7F7F_7F7F_7F7F, isLead = word ^ 0xC2C2_C2C2_C2C2_C2C2
      let found = (word &- 0x2020_2020_2020_2020) & ~word | (isDelete &- 0x0101_0101_0101_0101) & ~isDelete | (isLead &- 0x0101_0101_0101_0101) & ~isLead
      if found & 0x8080_8080_8080_8080 != 0 {
        clean(start + index..<start + index + 8, block)
      }
      index += 8
    }
    clean(start + index..<start + count, block)
  }

  private func clean(_ range: Range<Int>, _ block: LogBlock) {
    for place in range {
      let byte = unsafe block.base.load(fromByteOffset: place, as: UInt8.self)
      if byte < 32 && byte != 9 || byte == 127 { unsafe block.base.storeBytes(of: 32, toByteOffset: place, as: UInt8.self) }
      // Its second byte may be the next eight's.
      guard byte == 0xC2, place + 1 < block.count, case let next = unsafe block.base.load(fromByteOffset: place + 1, as: UInt8.self), (0x80...0x9F).contains(next) else { continue }
      unsafe block.base.storeBytes(of: 0x2020, toByteOffset: place, as: UInt16.self)
    }
  }
}
