// Owns: header lines as events have them: in their order, names as they were spelt. A value; any thread.
// Source: spec/lambda-at-edge.md, 2.
public import Distribution
import HTTPWire

/// The header lines of a request or a response.
public struct EventHeaders: Sendable {
  private struct Line: Sendable {
    private let nameStart, nameEnd, valueStart, valueEnd: UInt32
    /// Of the name, the same whatever the case of its letters.
    let hash: UInt32

    init(_ name: Range<Int>, _ value: Range<Int>, in bytes: Span<UInt8>) {
      (nameStart, nameEnd) = (UInt32(name.lowerBound), UInt32(name.upperBound))
      (valueStart, valueEnd) = (UInt32(value.lowerBound), UInt32(value.upperBound))
      hash = bytes.extracting(name).hashIgnoringCase
    }

    var name: Range<Int> { Int(nameStart)..<Int(nameEnd) }
    var value: Range<Int> { Int(valueStart)..<Int(valueEnd) }
  }

  /// Names and values, and what stands between them where they were taken over as they lay.
  private var bytes: [UInt8] = []
  private var lines: [Line] = []

  /// No lines.
  public init() {}

  /// Lines of text; for tests and configuration.
  public init(_ fields: [(name: String, value: String)]) {
    for field in fields { append(field.name.utf8.span, field.value.utf8.span) }
  }

  /// Lines as they lie in a head that was written here, `Name: value CRLF`, but those that functions do not see at an event.
  /// - Parameter hidden: the lines that are left out are added to it, each whole.
  public init(lines block: Span<UInt8>, seenAt hook: HookPoint, hidden: inout [UInt8]) {
    bytes = [UInt8](copying: block)
    lines.reserveCapacity(Self.usualLines)
    var start = 0
    while start < block.count {
      let colon = block.next(58, from: start), end = block.next(10, from: colon)
      guard end < block.count else { return }
      if EventHeaderRules.isDisallowed(block.extracting(start..<colon), at: hook) {
        hidden.append(block.extracting(start..<end + 1))
      } else {
        var value = colon + 1..<end
        while let first = value.first, block[first] == 32 || block[first] == 9 { value.removeFirst() }
        while let last = value.last, block[last] == 13 || block[last] == 32 || block[last] == 9 { value.removeLast() }
        lines.append(Line(start..<colon, value, in: block))
      }
      start = end + 1
    }
  }

  /// How many lines there are.
  public var count: Int { lines.count }
  /// Bytes of all names and values.
  public var byteCount: Int { lines.reduce(0) { $0 + $1.name.count + $1.value.count } }

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
    lines.append(Line(start..<middle, middle..<bytes.count, in: bytes.span))
  }

  /// Whether two lines have the same name.
  private func isSameName(_ a: Int, _ b: Int) -> Bool { lines[a].hash == lines[b].hash && name(a).equalsIgnoringCase(name(b)) }

  /// The next line from `start` on that has a name, letter case aside, or nil.
  public func first(_ name: Span<UInt8>, from start: Int = 0) -> Int? {
    let hash = name.hashIgnoringCase
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
    let hash = name.hashIgnoringCase
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
    let lines = lines, bytes = bytes.span
    for (i, line) in lines.enumerated() where written.isEmpty || !written.contains(i) {
      if i > 0 { json.append(",") }
      json.append(name: bytes.extracting(line.name))
      json.append(line: bytes.extracting(line.name), bytes.extracting(line.value))
      var j = i + 1
      while j < lines.count {
        if lines[j].hash == line.hash && isSameName(i, j) {
          json.append(",")
          json.append(line: bytes.extracting(lines[j].name), bytes.extracting(lines[j].value))
          written.insert(j)
        }
        j += 1
      }
      json.append("]")
    }
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
