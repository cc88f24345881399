// Owns: which fields of a message a peer of HTTP/2 forbade to enter into tables of the compression, by whatever hop (RFC 7541, 6.2.3 and 7.1.3): where
// a message goes on over HTTP/2, they are sent as literals that are never indexed. Kept by name, so that it outlives changes of the fields between
// the hops; names that nobody knows stand for each other.

/// Fields that are never indexed.
struct NeverIndexed {
  /// Names of fields; Host stands for `:authority`.
  private(set) var names = FieldNameSet(rawValue: 0)
  /// Whether `:path` is one.
  private(set) var path = false

  /// A field came as a literal that is never indexed. The other pseudo-header fields have values that are no secret.
  mutating func note(_ facts: FieldFacts) {
    switch facts.pseudo {
    case .none: names.add(facts.name)
    case .authority: names.add(.host)
    case .path: path = true
    default: break
    }
  }

  mutating func formUnion(_ other: NeverIndexed) {
    names.formUnion(other.names)
    path = path || other.path
  }
}

extension HTTP2Stream {
  /// What came on this stream goes on by another one: what its peer forbade to index is not indexed there either.
  public func forbidIndexing(on other: HTTP2Stream) { other.unindexed.formUnion(receivedUnindexed) }
}
