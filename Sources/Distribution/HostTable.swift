// From a Host header to a distribution.
// An immutable value built once per configuration; a lookup allocates nothing. Any thread may read it.
// Source: spec/request-pipeline.md 1; RFC 9110 section 7.2.

/// The aliases of all distributions: exact names first, then wildcards with the longest first, then the default.
/// A class: a lookup counts one reference, not one for each of its arrays.
public final class HostTable: Sendable {
  /// One alias; a wildcard's name begins with its dot (`.example.net`).
  private struct Entry: Sendable {
    var name: [UInt8]
    var distribution: Int
  }

  /// Exact names in buckets by hash; the count of buckets is a power of two.
  private let buckets: [[Entry]]
  /// Wildcards, longest name first.
  private let wildcards: [Entry]
  /// Whether there is any alias.
  private let hasNames: Bool
  /// The distribution for every other Host.
  private let defaultDistribution: Int?

  /// The table of these distributions' aliases, by their position.
  public init(_ distributions: [Distribution]) {
    var exact: [Entry] = [], wildcards: [Entry] = []
    for (index, distribution) in distributions.enumerated() {
      for alias in distribution.aliases {
        let name = alias.utf8.map(lowercased)
        if name.starts(with: [UInt8(ascii: "*"), UInt8(ascii: ".")]) {
          wildcards.append(Entry(name: Array(name.dropFirst()), distribution: index))
        } else {
          exact.append(Entry(name: name, distribution: index))
        }
      }
    }
    hasNames = !exact.isEmpty || !wildcards.isEmpty
    self.wildcards = wildcards.sorted { $0.name.count > $1.name.count }
    defaultDistribution = distributions.firstIndex(where: \.isDefault)
    var size = 1
    while size < exact.count * 2 { size *= 2 }
    var buckets: [[Entry]] = Array(repeating: [], count: size)
    for entry in exact {
      let hash = HostTable.hash(entry.name.span, entry.name.count)
      buckets[hash & (size - 1)].append(entry)
    }
    self.buckets = buckets
  }

  /// The index of the distribution that answers for a Host; nil when none does, which is a 403.
  /// - Parameter host: the value of the Host header or of `:authority`: a port and one trailing dot are ignored.
  public func distribution(forHost host: Span<UInt8>) -> Int? {
    if !hasNames { return defaultDistribution }
    let length = HostTable.nameLength(host)
    for entry in buckets[HostTable.hash(host, length) & (buckets.count - 1)]
    where entry.name.count == length && HostTable.ends(host, at: length, with: entry.name) {
      return entry.distribution
    }
    // A wildcard stands for at least one byte: a name no longer than its suffix is not below it.
    for entry in wildcards
    where entry.name.count < length && HostTable.ends(host, at: length, with: entry.name) {
      return entry.distribution
    }
    return defaultDistribution
  }

  /// How many bytes of a Host are its name: without `:port` and one trailing dot. Brackets keep an IPv6 literal whole.
  public static func nameLength(_ host: Span<UInt8>) -> Int {
    var length = host.count
    var index = length
    while index > 0 {
      index -= 1
      let byte = host[index]
      if byte == UInt8(ascii: ":") {
        length = index
        break
      }
      if byte < UInt8(ascii: "0") || byte > UInt8(ascii: "9") { break }
    }
    if length > 0 && host[length - 1] == UInt8(ascii: ".") { length -= 1 }
    return length
  }

  /// Whether the first `end` bytes of a host end with a lower-case name.
  private static func ends(_ host: Span<UInt8>, at end: Int, with name: [UInt8]) -> Bool {
    let start = end - name.count
    for index in 0..<name.count where lowercased(host[start + index]) != name[index] { return false }
    return true
  }

  /// FNV-1a over the lower-case bytes. Only configured names are in the table, so no viewer can fill a bucket.
  private static func hash(_ bytes: Span<UInt8>, _ length: Int) -> Int {
    var hash: UInt32 = 2_166_136_261
    for index in 0..<length { hash = (hash ^ UInt32(lowercased(bytes[index]))) &* 16_777_619 }
    return Int(hash)
  }
}
