// Owns: how a stored response stands in a file: a head of fixed size with a checksum of its own; then key, head lines and tags; then the body.
// Both of these are hashed in blocks of 64 KiB, each with the hash before it as the key. A record that is torn, cut short, grown, of another
// version or flipped in one bit is none. Pure functions over bytes; who reads and writes them is DiskTier.swift.

/// The fixed head of a record.
struct DiskRecord {
  var head: StoredHead
  var places: KeyPlaces
  /// Bytes of the parts that follow.
  var keyCount: Int, linesCount: Int, tagsCount: Int, contentCount: Int
  /// What the parts hash to.
  var textSum: UInt64 = 0, contentSum: UInt64 = 0

  /// Bytes that are hashed, and read and written, at once.
  static let blockBytes = 65_536
  /// Bytes of the fixed head.
  static let headBytes = 16 + 10 * 8 + 3 * 8 + MemoryLayout<Freshness>.size + 3 * 8
  private static let magic: UInt64 = 0x324a_424f_5952_4b53   // "SKRYOBJ2"

  /// Key, lines and tags.
  var textCount: Int { keyCount + linesCount + tagsCount }
  /// The whole record.
  var allBytes: Int { Self.headBytes + textCount + contentCount }

  /// The record of a response whose body is whole.
  init(_ response: StoredResponse) {
    head = response.description
    places = response.places
    keyCount = response.key.count
    linesCount = response.head.count
    tagsCount = response.tags.count
    contentCount = response.length ?? 0
  }

  /// Hashes a block behind others.
  static func sum(_ block: Span<UInt8>, after sum: UInt64) -> UInt64 { KeyHash(sum, magic)(block) }

  /// Hashes a run of bytes, block by block.
  static func sum(of bytes: [UInt8]) -> UInt64 {
    var sum: UInt64 = 0
    for start in stride(from: 0, to: bytes.count, by: blockBytes) {
      sum = Self.sum(bytes.span.extracting(start..<min(bytes.count, start + blockBytes)), after: sum)
    }
    return sum
  }

  // MARK: Bytes

  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Self.headBytes)
    func append(_ number: UInt64) { for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: number >> UInt64(shift * 8))) } }
    append(Self.magic)
    append(UInt64(Self.headBytes))   // the version: it changes with the form of the times
    for number in [
      head.status, Int(head.kind.rawValue) | Int(head.marks.rawValue) << 8, keyCount, linesCount, tagsCount, contentCount, head.etag.lowerBound, head.etag.count, head.lastModified.lowerBound,
      head.lastModified.count,
    ] { append(UInt64(number)) }
    for range in [places.distribution, places.path, places.query] { append(UInt64(range.lowerBound) << 32 | UInt64(range.count)) }
    var freshness: [UInt8] = []
    unsafe withUnsafeBytes(of: head.freshness) { bytes in for index in bytes.indices { freshness.append(unsafe bytes[index]) } }
    bytes += freshness
    append(textSum)
    append(contentSum)
    append(Self.sum(bytes.span, after: 0))
    return bytes
  }

  /// - Returns: nil when the bytes are no record.
  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.headBytes else { return nil }
    func number(_ place: Int) -> UInt64 { (0..<8).reduce(0) { $0 | UInt64(bytes[place + $1]) << UInt64($1 * 8) } }
    let end = Self.headBytes - 8
    guard number(0) == Self.magic, number(8) == UInt64(Self.headBytes), number(end) == Self.sum(bytes.span.extracting(..<end), after: 0) else { return nil }
    // What the checksum vouches for has been written by this program; ranges and sums are made with care all the same.
    for index in 0..<10 where number(16 + index * 8) >= 1 << 48 { return nil }
    func small(_ index: Int) -> Int { Int(clamping: number(16 + index * 8)) }
    func range(_ place: Int) -> Range<Int> {
      let start = Int(number(place) >> 32)
      return start..<start + Int(number(place) & 0xffff_ffff)
    }
    let freshness = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(fromByteOffset: 16 + 13 * 8, as: Freshness.self) }
    head = StoredHead(status: small(0), freshness: freshness)
    guard let kind = StoredHead.Kind(rawValue: UInt8(truncatingIfNeeded: small(1))) else { return nil }
    head.kind = kind
    head.marks = StoredHead.Marks(rawValue: UInt8(truncatingIfNeeded: small(1) >> 8))
    (keyCount, linesCount, tagsCount, contentCount) = (small(2), small(3), small(4), small(5))
    head.etag = small(6)..<small(6) + small(7)
    head.lastModified = small(8)..<small(8) + small(9)
    places = KeyPlaces(distribution: range(96), path: range(104), query: range(112))
    textSum = number(end - 16)
    contentSum = number(end - 8)
    let inKey = [places.distribution, places.path, places.query].allSatisfy { $0.upperBound <= keyCount }
    guard inKey, head.etag.upperBound <= linesCount, head.lastModified.upperBound <= linesCount, textCount <= 16 << 20 else { return nil }
  }
}
