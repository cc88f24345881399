// Owns: the bytes of one message head and the table of its field lines (RFC 9110, 5). A head is edited by marking lines as
// dropped and appending new ones behind it in the same memory; a writer then copies runs of kept lines. Nothing is a String.
public import Transport

/// The bytes of a message head and the table of its field lines. Owned by one exchange on one worker thread.
public struct HeaderSection: ~Copyable {
  /// The head's bytes, and behind them what was added since.
  public internal(set) var bytes = ByteBuffer()
  /// The table; only the first ``count`` lines are used. Without memory while the section is empty.
  var lines = FieldTable()
  /// How many field lines there are, dropped ones included.
  public internal(set) var count = 0
  /// Which known names occur: lets a rule about an absent field cost one test. One that occurred more than once stays, though its lines
  /// be dropped one by one.
  public internal(set) var present = FieldNameSet(rawValue: 0)
  /// Which known names occur more than once, or did.
  @usableFromInline private(set) var repeated = FieldNameSet(rawValue: 0)
  /// By known name that is present: a line at or before its first one.
  private var firstLines = InlineArray<64, UInt8>(repeating: 0)
  /// The part of ``bytes`` that precedes the first field line.
  @usableFromInline var firstLine = 0
  private let inPlace = InPlace()

  /// A section without memory.
  public init() {}

  /// The field line at `index`.
  public subscript(_ index: Int) -> FieldLine { lines[index] }

  /// The name of a field line, as it was spelt.
  @_lifetime(borrow self) public borrowing func name(_ index: Int) -> Span<UInt8> {
    bytes.readable.slice(Int(lines[index].nameStart), Int(lines[index].nameLength))
  }
  /// The value of a field line, without the whitespace around it.
  @_lifetime(borrow self) public borrowing func value(_ index: Int) -> Span<UInt8> {
    bytes.readable.slice(Int(lines[index].valueStart), Int(lines[index].valueLength))
  }

  /// Where name and value of a field line lie in ``bytes``.
  public borrowing func places(_ index: Int) -> (name: Range<Int>, value: Range<Int>) {
    let line = lines[index]
    return (Int(line.nameStart)..<Int(line.nameStart) + Int(line.nameLength), Int(line.valueStart)..<Int(line.valueStart) + Int(line.valueLength))
  }

  /// The first line with a known name, or nil.
  public borrowing func first(_ name: FieldName) -> Int? {
    guard present.has(name) else { return nil }
    var i = Int(firstLines[Int(name.rawValue)])
    while i < count && lines[i].name != name { i += 1 }
    return i < count ? i : nil
  }
  /// Whether no later line has the same known name.
  public borrowing func isOnly(_ index: Int) -> Bool {
    guard repeated.has(lines[index].name) else { return true }
    for i in (index + 1)..<max(index + 1, count) where lines[i].name == lines[index].name { return false }
    return true
  }
  /// Whether a line with this name is kept.
  @inlinable public borrowing func has(_ name: FieldName) -> Bool { present.has(name) && (!repeated.has(name) || first(name) != nil) }

  /// The first line with any name, letter case aside, or nil.
  public borrowing func first(named name: Span<UInt8>) -> Int? {
    for i in 0..<count where lines[i].name != .dropped && self.name(i).equalsIgnoringCase(name) { return i }
    return nil
  }

  // MARK: Editing

  /// Takes a line out.
  public mutating func drop(_ index: Int) {
    let name = FieldNameSet(lines[index].name)
    lines[index].name = .dropped
    present.subtract(name.subtracting(repeated))
  }
  /// Takes every line with a known name out.
  public mutating func drop(_ name: FieldName) { drop(FieldNameSet(name)) }
  /// Takes every line out whose known name is in the set.
  public mutating func drop(_ names: FieldNameSet) {
    guard !present.isDisjoint(with: names) else { return }
    for i in 0..<count where names.has(lines[i].name) { lines[i].name = .dropped }
    present.subtract(names)
    repeated.subtract(names)
  }
  /// Takes every line with this name out, letter case aside.
  public mutating func drop(named name: Span<UInt8>) {
    let known = FieldName(name)
    if known.isExact { return drop(known) }
    for i in 0..<count where Int(lines[i].nameLength) == name.count && !lines[i].name.isExact && lines[i].name != .dropped {
      if self.name(i).equalsIgnoringCase(name) { drop(i) }
    }
  }

  /// Adds a line behind the head. Name and value must already be valid (RFC 9110, 5.1 and 5.5): what comes from outside is checked before.
  public mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = bytes.count
    bytes.appendLine(name, value)
    addLine(FieldName(name), start, nameLength: name.count, valueLength: value.count)
  }
  /// Adds a line `name: value CRLF` that has been checked.
  @inline(__always) mutating func append(line: Span<UInt8>, _ nameLength: Int, _ valueLength: Int, _ known: FieldName) {
    let start = bytes.count
    bytes.append(line)
    addLine(known, start, nameLength: nameLength, valueLength: valueLength)
  }
  /// Adds a line with a fixed name, whose value is a part of ``bytes``.
  mutating func append(_ name: StaticString, copyOf value: Range<Int>) {
    let start = bytes.count
    bytes.append(name)
    bytes.append(": ")
    bytes.append(copyOf: value)
    bytes.append("\r\n")
    let known = name.withUTF8Buffer { unsafe FieldName($0.span) }
    addLine(known, start, nameLength: name.utf8CodeUnitCount, valueLength: value.count)
  }
  /// Enters a line that has been written to the end of ``bytes``.
  @inline(__always) private mutating func addLine(_ known: FieldName, _ start: Int, nameLength: Int, valueLength: Int) {
    lines.makeRoom(for: count)
    lines[count] = FieldLine(
      nameStart: start, nameLength: nameLength, valueStart: start + nameLength + 2, valueLength: valueLength, end: bytes.count, name: known)
    note(known, at: count)
    count += 1
  }
  /// Begins anew with the names of a head that is read again.
  @inline(__always) mutating func forgetNames() {
    present = FieldNameSet(rawValue: 0)
    repeated = FieldNameSet(rawValue: 0)
  }
  /// Remembers that a name is present, and where first.
  @inline(__always) mutating func note(_ name: FieldName, at index: Int) {
    if present.has(name) { return repeated.add(name) }
    present.add(name)
    firstLines[Int(name.rawValue)] = UInt8(truncatingIfNeeded: min(index, 255))
  }
  /// Adds a line whose lower-case name is written with a capital after every hyphen, as CloudFront does with what functions set
  /// (spec/cloudfront-functions.md, 2.6).
  public mutating func appendCapitalised(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = bytes.count
    bytes.append(name)
    var i = 0
    while i < name.count {
      let byte = name[i]
      if byte >= 97 && byte <= 122 { bytes.replace(start + i, by: byte - 32) }
      i = name.next(45, from: i) + 1
    }
    bytes.append(": ")
    bytes.append(value)
    bytes.append("\r\n")
    addLine(FieldName(name), start, nameLength: name.count, valueLength: value.count)
  }
  /// Adds a line whose name and value are fixed.
  public mutating func append(_ name: StaticString, _ value: StaticString) {
    name.withUTF8Buffer { name in value.withUTF8Buffer { value in unsafe append(name.span, value.span) } }
  }
  /// Adds a line with a fixed name.
  public mutating func append(_ name: StaticString, _ value: Span<UInt8>) {
    name.withUTF8Buffer { name in unsafe append(name.span, value) }
  }
  /// Adds a line; off the hot path.
  public mutating func append(_ name: String, _ value: String) {
    let name = Array(name.utf8), value = Array(value.utf8)
    append(name.span, value.span)
  }
  /// Replaces every line of this name by one.
  public mutating func set(_ name: String, _ value: String) {
    drop(named: Array(name.utf8).span)
    append(name, value)
  }

  // MARK: Writing

  /// Copies the kept lines whose known name is in `names`. Names that no rule knows go by ``FieldName/other`` being in the set, or by `ask`.
  public borrowing func copyLines(to out: inout ByteBuffer, only names: FieldNameSet, ask: ((Span<UInt8>) -> Bool)? = nil) {
    guard let ask else { return copyLines(to: &out) { names.has(lines[$0].name) } }
    copyLines(to: &out) { i in
      let name = lines[i].name
      return name == .other ? ask(self.name(i)) : names.has(name)
    }
  }
  /// Appends the values of every line with a known name, each followed by a comma: for a list that is continued here.
  public borrowing func appendValues(of name: FieldName, to out: inout ByteBuffer) {
    for i in 0..<count where lines[i].name == name && lines[i].valueLength > 0 {
      out.append(value(i))
      out.append(", ")
    }
  }

  /// Copies the kept lines, neighbours in one go, except those whose name is in `names`.
  public borrowing func copyLines(to out: inout ByteBuffer, except names: FieldNameSet) {
    copyLines(to: &out) { !names.has(lines[$0].name) }
  }

  /// Copies the lines that `keep` approves; runs of neighbours become one copy.
  @inline(__always) private borrowing func copyLines(to out: inout ByteBuffer, where keep: (Int) -> Bool) {
    let all = bytes.readable
    var runStart = firstLine, runEnd = firstLine
    for i in 0..<count {
      let line = lines[i]
      let start = Int(line.nameStart)
      if keep(i) {
        if start == runEnd { runEnd = Int(line.end); continue }
        if runEnd > runStart { out.append(all.extracting(runStart..<runEnd)) }
        runStart = start
        runEnd = Int(line.end)
      } else {
        if runEnd > runStart { out.append(all.extracting(runStart..<runEnd)) }
        runStart = Int(line.end)
        runEnd = runStart
      }
    }
    if runEnd > runStart { out.append(all.extracting(runStart..<runEnd)) }
  }
}
