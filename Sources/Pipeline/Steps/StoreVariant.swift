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
  /// - Returns: the leader who stores the response; nil when somebody else fetches the same variant, or it is not to be stored: it may have
  ///   been invalidated since it was asked for.
  func variant(
    _ leader: FillLeader, _ head: borrowing ResponseHead, _ work: CacheWork, _ exchange: borrowing Exchange, _ now: Int64
  ) -> FillLeader? {
    let store = configuration.store, vary = varyNames(head.fields, work.cache)
    return withKey(work.cache, exchange) { key, places in
      func lead() -> FillLeader? {
        guard case .lead(let other) = store.lookup(key.readable, store.hash(of: key.readable), places, now: now, { _ in .validate }) else { return nil }
        return other
      }
      let objectHash = store.hash(of: key.readable), objectCount = key.count, isObjects = leader.isFor(key.readable)
      let list = store.find(key.readable, objectHash).flatMap { $0.kind == .variants ? VaryNames($0) : nil }
      if !isObjects {
        list?.appendVariant(of: exchange.request, to: &key)
        guard list != nil, leader.isFor(key.readable) else {   // its list is gone
          leader.decline()
          return nil
        }
        key.truncate(to: objectCount)
      } else if list == nil && vary.names.isEmpty {
        return leader
      }
      let isListed = list.map { list in vary.names.allSatisfy(list.names.contains) } ?? false
      if isListed && !isObjects { return leader }
      var listLeader: FillLeader? = leader, names = list ?? vary
      if let list {
        leader.decline()
        listLeader = nil
        if !isListed {
          store.remove(key.readable, objectHash)
          listLeader = lead()
          names = VaryNames(list, vary)
        }
      }
      names.appendVariant(of: exchange.request, to: &key)
      let variantLeader = lead()
      if leader.isOvertaken {   // these are of now, and would not know
        listLeader?.decline()
        variantLeader?.decline()
        return nil
      }
      var entry = StoredHead(status: 200, freshness: Freshness(receivedAt: now, freshUntil: .max, flags: .rfc9111))
      entry.kind = .variants
      let text = names.bytes
      listLeader?.complete(entry, lines: text.span, content: names.edition.span)
      return variantLeader
    }
  }
}
