// Owns: in which order streams send (RFC 9218). Pure values.
import Transport

/// How urgent a stream's answer is, and whether it is of use in parts (RFC 9218, 4).
struct HTTP2Priority: Equatable, Sendable {
  static let levels = 8
  /// 0 goes first.
  private(set) var urgency = 3
  private(set) var isIncremental = false

  /// Takes what a `priority` field or a PRIORITY_UPDATE frame says; what is not understood changes nothing.
  mutating func read(_ value: Span<UInt8>) {
    var start = 0
    while start < value.count {
      let end = value.next(44, from: start), member = value.extracting(start..<end).trimmed()
      start = end + 1
      if member.count == 3, member[0] == 117, member[1] == 61, member[2] >= 48, member[2] <= 55 { urgency = Int(member[2] - 48) }   // u=0…7
      if member.equalsLowercase("i") || member.equalsLowercase("i=?1") { isIncremental = true }
      if member.equalsLowercase("i=?0") { isIncremental = false }
    }
  }
}

/// Streams with something to send, and room for it in their windows. The more urgent go first; among equals one after the other, and incremental
/// ones in turn (RFC 9218, 10).
struct SendQueue {
  private var lines = [[HTTP2Stream]](repeating: [], count: HTTP2Priority.levels)
  /// A bit for each line that is not empty.
  private var occupied: UInt8 = 0

  mutating func add(_ stream: HTTP2Stream) {
    let level = stream.priority.urgency
    stream.queueLevel = level
    lines[level].append(stream)
    occupied |= 1 << UInt8(level)
  }
  mutating func remove(_ stream: HTTP2Stream) {
    let level = stream.queueLevel
    guard level >= 0 else { return }
    stream.queueLevel = -1
    if let place = lines[level].firstIndex(where: { $0 === stream }) { lines[level].remove(at: place) }
    if lines[level].isEmpty { occupied &= ~(1 << UInt8(level)) }
  }
  /// The stream whose turn it is.
  var first: HTTP2Stream? { occupied == 0 ? nil : lines[occupied.trailingZeroBitCount].first }
  /// Lets the others of its urgency go before it.
  mutating func giveWay(_ stream: HTTP2Stream) {
    guard lines[stream.queueLevel].count > 1 else { return }
    remove(stream)
    add(stream)
  }
  mutating func removeAll() {
    for line in lines { for stream in line { stream.queueLevel = -1 } }
    self = SendQueue()
  }
}
