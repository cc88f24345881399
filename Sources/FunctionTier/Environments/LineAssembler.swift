// Owns: making lines of what an environment writes to its standard output or error, and how much of it is kept. Pure.

/// Lines of one stream. A line longer than the limit is given in pieces.
struct LineAssembler: ~Copyable {
  private var partial: [UInt8] = []

  /// Nothing yet.
  init() {}

  /// Takes bytes in and gives the lines that they complete, without their ends.
  mutating func take(_ bytes: Span<UInt8>, limit: Int, _ line: (Span<UInt8>) -> Void) {
    var start = 0
    for index in 0..<bytes.count {
      let isEnd = bytes[index] == UInt8(ascii: "\n")
      guard isEnd || partial.count + index - start >= limit else { continue }
      give(bytes.extracting(start..<index), line)
      start = isEnd ? index + 1 : index
    }
    guard start < bytes.count else { return }
    let rest = bytes.extracting(start...)
    partial.reserveCapacity(partial.count + rest.count)
    for index in 0..<rest.count { partial.append(rest[index]) }
  }

  /// Gives what has no end yet: nothing more is to come for now.
  mutating func finish(_ line: (Span<UInt8>) -> Void) {
    guard !partial.isEmpty else { return }
    line(partial.span)
    partial.removeAll(keepingCapacity: partial.capacity <= 4096)
  }

  private mutating func give(_ bytes: Span<UInt8>, _ line: (Span<UInt8>) -> Void) {
    guard !partial.isEmpty else { return line(bytes) }
    for index in 0..<bytes.count { partial.append(bytes[index]) }
    line(partial.span)
    partial.removeAll(keepingCapacity: partial.capacity <= 4096)
  }
}

/// How much of an invocation's output is kept.
struct OutputBudget {
  /// Bytes of one invocation's lines that are kept.
  static let limitBytes = 1 << 20

  private var left = OutputBudget.limitBytes
  /// Bytes that were not kept.
  private(set) var droppedBytes = 0

  /// Whether a line is kept.
  mutating func admits(_ count: Int) -> Bool {
    guard count < left else {
      left = 0
      droppedBytes += count
      return false
    }
    left -= count + 1
    return true
  }
}
