// RFC 9111, 4.1: responses that vary. Under an object's key stands the list of the names by which its responses vary; under the key with a
// request's values of these fields, and the list's edition, stands the response for it.
import HTTPWire
import ObjectCache
import Transport

/// The names of the fields by which an object's responses vary, as a list of variants keeps them: in lower case, sorted, each once.
struct VaryNames {
  let names: [[UInt8]]
  /// What tells a list from those that stood under its key before. A list that is removed takes its variants along: under the next one they
  /// are not found.
  let edition: [UInt8]

  /// Those of a stored list.
  init(_ list: StoredResponse) {
    names = list.head.copied.split(separator: 44).map { Array($0) }
    edition = list.content.copied
  }

  /// Those of a response's Vary, but what is in the key already, for a list of their own.
  init(_ fields: borrowing HeaderSection, except known: (String) -> Bool) {
    var found: Set<String> = []
    for i in 0..<fields.count where fields[i].name == .vary {
      for part in fields.value(i).text.lowercased().split(separator: ",") {
        let name = part.filter { $0 != " " && $0 != "\t" }
        if !name.isEmpty && !known(name) { found.insert(name) }
      }
    }
    self.init(found.map { Array($0.utf8) })
  }

  /// The same and those of another, for a list of their own.
  init(_ one: VaryNames, _ other: VaryNames) { self.init(Set(one.names + other.names)) }

  private init(_ names: some Collection<[UInt8]>) {
    self.names = names.sorted { $0.lexicographicallyPrecedes($1) }
    edition = Array(String(UInt64.random(in: .min ... .max), radix: 36).utf8)
  }

  /// As a stored list has them.
  var bytes: [UInt8] { Array(names.joined(separator: [44])) }

  /// Appends to an object's key what tells a request's variant.
  func appendVariant(of request: borrowing RequestHead, to key: inout ByteBuffer) {
    KeyPlan.appendVariant(names, edition: edition, request, to: &key)
  }
}

extension Worker {
  /// The names in a response's Vary, but what its key holds already.
  func varyNames(_ fields: borrowing HeaderSection, _ cache: CompiledCache) -> VaryNames {
    VaryNames(fields) { $0 == "accept-encoding" && cache.normalisesCodings }
  }

  /// Makes room for a response under its variant's key.
  /// - Parameter leader: of the key that was looked up: the object's, or that of a variant of the list so far.
  /// - Returns: the leader who stores the response; nil when somebody else fetches the same variant, or nothing has to be stored.
  func variant(
    _ leader: FillLeader, _ head: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange, _ now: Int64
  ) -> FillLeader? {
    let cache = work.cache, store = configuration.store
    let vary = varyNames(head.fields, cache)
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
      names.appendVariant(of: exchange.request, to: &key)
      let found = store.lookup(key.readable, store.hash(of: key.readable), places, now: now) { _ in .validate }
      var entry = StoredHead(status: 200, freshness: Freshness(receivedAt: now, freshUntil: .max, flags: .rfc9111))
      entry.kind = .variants
      let text = names.bytes
      listLeader?.complete(entry, lines: text.span, content: names.edition.span)
      if case .lead(let variantLeader) = found { return variantLeader }
      return nil
    }
  }
}
