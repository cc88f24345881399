// RFC 9111, 4.1: responses that vary. Under an object's key stands the list of the names by which its responses vary; under the key with a
// request's values of these fields stands the response for it.
import HTTPWire
import ObjectCache
import Transport

extension Worker {
  /// Makes room for a response under its variant's key.
  /// - Parameter leader: of the key that was looked up: the object's, or that of a variant of the list so far.
  /// - Returns: the leader who stores the response; nil when somebody else fetches the same variant, or nothing has to be stored.
  func variant(
    _ leader: FillLeader, _ head: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange, _ now: Int64
  ) -> FillLeader? {
    let cache = work.cache, store = configuration.store
    let vary = VaryNames(head.fields) { $0 == "accept-encoding" && cache.normalisesCodings }
    return withKey(cache, exchange) { key, places in
      let objectHash = store.hash(of: key.readable)
      let list = store.find(key.readable, objectHash).flatMap { $0.kind == .variants ? VaryNames($0) : nil }
      // With a list that has all the names, the leader is that of the variant's key.
      if vary.names.allSatisfy({ list?.names.contains($0) ?? false }) { return leader }
      var listLeader: FillLeader? = leader
      if list != nil {
        leader.decline()
        store.remove(key.readable, objectHash)
        let found = store.lookup(key.readable, objectHash, places, now: now) { _ in .validate }
        if case .lead(let other) = found { listLeader = other } else { listLeader = nil }
      }
      let names = list.map { VaryNames($0, vary) } ?? vary
      KeyPlan.appendVariant(names.names, exchange.request, to: &key)
      let found = store.lookup(key.readable, store.hash(of: key.readable), places, now: now) { _ in .validate }
      var entry = StoredHead(status: 200, freshness: Freshness(receivedAt: now, freshUntil: .max, flags: .rfc9111))
      entry.kind = .variants
      let text = names.bytes
      listLeader?.complete(entry, lines: text.span, content: Span())
      if case .lead(let variantLeader) = found { return variantLeader }
      return nil
    }
  }
}
