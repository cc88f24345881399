// Owns: header lines as events have them: in their order, names as they were spelt. A value; any thread.
// Source: spec/lambda-at-edge.md, 2.

/// The header lines of a request or a response.
public struct EventHeaders: Sendable {
  private struct Line: Sendable {
    var name: Range<Int>
    var value: Range<Int>
    /// Of the name in lower case.
    var hash: UInt32
  }

  private var bytes: [UInt8] = []
  private var lines: [Line] = []

  /// No lines.
  public init() {}

  /// Lines of text; for tests and configuration.
  public init(_ fields: [(name: String, value: String)]) {
    for field in fields { append(field.name.utf8.span, field.value.utf8.span) }
  }

  /// How many lines there are.
  public var count: Int { lines.count }
  /// Bytes of all names and values.
  public var byteCount: Int { bytes.count }

  /// A line's name, as it was spelt.
  @_lifetime(borrow self) public func name(_ index: Int) -> Span<UInt8> { bytes.span.extracting(lines[index].name) }
  /// A line's value.
  @_lifetime(borrow self) public func value(_ index: Int) -> Span<UInt8> { bytes.span.extracting(lines[index].value) }

  /// Makes room for lines, when it is known how many bytes of names and values there will be at most.
  public mutating func reserve(byteCount: Int) {
    bytes.reserveCapacity(byteCount)
    lines.reserveCapacity(Self.usualLines)
  }
  private static let usualLines = 24

  /// Adds a line behind the others.
  public mutating func append(_ name: Span<UInt8>, _ value: Span<UInt8>) {
    let start = bytes.count, middle = start + name.count
    bytes.append(name)
    bytes.append(value)
    lines.append(Line(name: start..<middle, value: middle..<bytes.count, hash: Self.hash(name)))
  }

  /// FNV-1a of a name in lower case.
  private static func hash(_ name: Span<UInt8>) -> UInt32 {
    var hash: UInt32 = 0x811c_9dc5
    for i in 0..<name.count { hash = (hash ^ UInt32(name[i].lowercased)) &* 0x0100_0193 }
    return hash
  }

  /// Whether two lines have the same name.
  private func isSameName(_ a: Int, _ b: Int) -> Bool { lines[a].hash == lines[b].hash && name(a).equalsIgnoringCase(name(b)) }

  /// The next line from `start` on that has a name, letter case aside, or nil.
  public func first(_ name: Span<UInt8>, from start: Int = 0) -> Int? {
    let hash = Self.hash(name)
    for i in start..<max(start, count) where lines[i].hash == hash && self.name(i).equalsIgnoringCase(name) { return i }
    return nil
  }

  /// The value of the first line with a name, as text.
  public func value(of name: String) -> String? { first(name.utf8.span).map { String(text: value($0)) } }

  /// Whether both have the same values under a name, in the same order.
  func agrees(with other: EventHeaders, on name: Span<UInt8>) -> Bool {
    var mine = first(name), theirs = other.first(name)
    while let i = mine, let j = theirs {
      guard value(i).equals(other.value(j)) else { return false }
      (mine, theirs) = (first(name, from: i + 1), other.first(name, from: j + 1))
    }
    return mine == nil && theirs == nil
  }

  /// Takes every line with a name out.
  mutating func remove(_ name: Span<UInt8>) {
    guard first(name) != nil else { return }
    let hash = Self.hash(name)
    var kept: [Line] = []
    for i in lines.indices where lines[i].hash != hash || !self.name(i).equalsIgnoringCase(name) { kept.append(lines[i]) }
    lines = kept
  }

  /// The same with the bytes of another's lines where this one has what an event shows of them: what was no UTF-8 when it was shown is
  /// not changed by being returned.
  func restoring(_ original: EventHeaders) -> EventHeaders {
    guard bytes.span.holds(0xEF), bytes.firstRange(of: [0xEF, 0xBF, 0xBD] as [UInt8]) != nil else { return self }
    var result = EventHeaders()
    for i in 0..<count {
      let returned = [UInt8](copying: value(i))
      var line = original.first(name(i))
      while let j = line, ![UInt8](copying: original.value(j)).isUnchanged(in: returned) { line = original.first(name(i), from: j + 1) }
      if let line { result.append(name(i), original.value(line)) } else { result.append(name(i), value(i)) }
    }
    return result
  }

  // MARK: Writing

  /// Writes the object of an event: names in lower case, each with the list of its lines.
  func write(to json: inout EventText) {
    json.append("{")
    // Lines that stand with an earlier one of their name.
    var written: Set<Int> = []
    for i in 0..<count where written.isEmpty || !written.contains(i) {
      if i == 0 { json.append("\"") } else { json.append(",\"") }
      json.append(lowercased: name(i))
      json.append("\":[")
      write(i, to: &json)
      let hash = lines[i].hash
      for j in i + 1..<max(count, i + 1) where lines[j].hash == hash && isSameName(i, j) {
        json.append(",")
        write(j, to: &json)
        written.insert(j)
      }
      json.append("]")
    }
    json.append("}")
  }

  private func write(_ line: Int, to json: inout EventText) {
    json.append("{\"key\":")
    json.append(quoted: name(line))
    json.append(",\"value\":")
    json.append(quoted: value(line))
    json.append("}")
  }
}

extension EventHeaders: Equatable {
  /// Whether both have the same lines in the same order, names spelt alike.
  public static func == (a: EventHeaders, b: EventHeaders) -> Bool {
    a.count == b.count && (0..<a.count).allSatisfy { a.name($0).equals(b.name($0)) && a.value($0).equals(b.value($0)) }
  }
}

extension EventHeaders: CustomStringConvertible {
  /// A line for each field.
  public var description: String { (0..<count).map { "\(String(text: name($0))): \(String(text: value($0)))" }.joined(separator: "\n") }
}
