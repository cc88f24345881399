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

  var isEmpty: Bool { names.isEmpty && !path }

  mutating func formUnion(_ other: NeverIndexed) {
    names.formUnion(other.names)
    path = path || other.path
  }
}

extension HTTP2Stream {
  /// The message that came on this stream goes on by another one, and what comes on that one goes on by this one: what the peer of either has forbidden
  /// to index, or will, is not indexed on the other.
  public func goesOn(by other: HTTP2Stream) {
    other.unindexed.formUnion(receivedUnindexed)
    (counterpart, other.counterpart) = (other, self)
  }

  /// What came in one block.
  func forbidIndexing(_ fields: NeverIndexed) {
    receivedUnindexed.formUnion(fields)
    counterpart?.unindexed.formUnion(fields)
  }
}
