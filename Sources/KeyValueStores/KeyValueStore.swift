// Owns a key-value store's C table: filled once, then immutable and shared by all threads without a lock
// (spec/cloudfront-functions.md section 10.1; Sources/CQuickJS/store.c).
// Unsafe: holds a C pointer and lends its memory as spans, which the type system keeps from outliving the call.
import CQuickJS

/// What functions read with `cf.kvs()`: keys and values, and what `meta()` says of them.
///
/// Immutable; any thread. A change of data is another store: whoever holds this one goes on reading what it read before.
@safe public final class KeyValueStore: Sendable, Equatable {
  /// What a store says of itself.
  public struct Labels: Sendable, Equatable {
    /// A UUID's text, in lower case: what `cf.kvs(id)` names it by.
    public var id: String
    /// What may stand for the id in `cf.kvs(id)`: its name in extended mode; empty for nothing.
    public var alias: String
    /// `meta().creationDateTime` and `meta().lastUpdatedDateTime`: ISO 8601.
    public var created, modified: String

    /// Labels; without times, both are empty texts.
    public init(id: String, alias: String = "", created: String = "", modified: String = "") {
      self.id = id.lowercased()
      self.alias = alias
      self.created = created
      self.modified = modified
    }
  }

  /// The id of a store whose owner chooses none: a UUID that depends on nothing but the name. It is what
  /// `uuidgen --sha1 --namespace @url --name skerry:key-value-store/NAME` prints.
  public static func defaultID(named name: String) -> String {
    let name = Array(name.utf8)
    return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 36) { text in
      guard unsafe withSlice(name.span, { unsafe sk_store_default_id($0, text.baseAddress) }) else { return "" }
      return unsafe String(decoding: text.lazy.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }

  /// What came of adding an entry.
  public enum Added: Sendable {
    /// It is there now.
    case added
    /// Its key was there already; nothing was changed.
    case duplicate
    /// The store has no room for it: 2 GiB of entries, or 134 million of them.
    case full
  }

  /// A store being filled. Confined to one thread; `finish` makes it a store.
  @safe public struct Builder: ~Copyable {
    /// Nobody else sees it before `finish`.
    private let store: KeyValueStore

    /// An empty store, whose hashes are seeded at random.
    public init(_ labels: Labels) { store = unsafe KeyValueStore(KeyValueStore.create(labels), labels) }

    /// Makes room for so many entries, of so many bytes in all, as a hint.
    public mutating func reserve(keys: Int, bytes: Int) { unsafe sk_store_reserve(store.pointer, max(0, keys), max(0, bytes)) }

    /// Adds an entry; copies both.
    public mutating func add(_ key: Span<UInt8>, _ value: Span<UInt8>) -> Added {
      let pointer = unsafe store.pointer
      let result = unsafe withSlice(key) { key in unsafe withSlice(value) { value in unsafe sk_store_add(pointer, key, value) } }
      switch result {
      case SK_STORE_ADDED: return .added
      case SK_STORE_DUPLICATE: return .duplicate
      default: return .full
      }
    }

    /// The finished store.
    public consuming func finish() -> KeyValueStore {
      unsafe sk_store_finish(store.pointer)
      return store
    }
  }

  /// Its labels.
  public let labels: Labels
  /// The C table, valid as long as this object.
  private nonisolated(unsafe) let pointer: OpaquePointer

  private init(_ pointer: OpaquePointer, _ labels: Labels) {
    unsafe self.pointer = pointer
    self.labels = labels
  }

  deinit { unsafe sk_store_destroy(pointer) }

  /// The C table for the engine. The caller keeps this object as long as it uses the pointer.
  public var unsafePointer: OpaquePointer {
    @unsafe get { unsafe pointer }
  }

  /// How many entries it has.
  public var count: Int { unsafe sk_store_count(pointer) }
  /// Bytes of memory it takes.
  public var memoryBytes: Int { unsafe sk_store_memory(pointer) }

  /// Lends the value of a key, found byte for byte; nil when there is none.
  public func withValue<R>(_ key: Span<UInt8>, _ body: (Span<UInt8>) throws -> R) rethrows -> R? {
    var value = unsafe sk_slice()
    guard unsafe withSlice(key, { unsafe sk_store_find(pointer, $0, &value) }) else { return nil }
    return try body(unsafe UnsafeBufferPointer(start: value.bytes, count: value.count).span)
  }

  /// The value of a key as text; nil when there is none. For everything but the request path.
  public subscript(key: String) -> String? {
    let key = Array(key.utf8)
    return withValue(key.span) { value in unsafe value.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) } }
  }

  /// Whether `cf.kvs(id)` means this store.
  public func answers(to id: String) -> Bool {
    let id = Array(id.utf8)
    return unsafe withSlice(id.span) { unsafe sk_store_answers_to(pointer, $0) }
  }

  /// Whether two stores say the same: labels, entries and their order.
  public static func == (a: KeyValueStore, b: KeyValueStore) -> Bool {
    unsafe a === b || sk_store_equal(a.pointer, b.pointer)
  }

  /// An empty C store. There is no way on without its few hundred bytes, as for any small object of Swift's.
  private static func create(_ labels: Labels) -> OpaquePointer {
    let counts = [labels.id, labels.alias, labels.created, labels.modified].map(\.utf8.count)
    let text = Array((labels.id + labels.alias + labels.created + labels.modified).utf8)
    var generator = SystemRandomNumberGenerator()
    let seed: [UInt64] = [generator.next(), generator.next()]
    return unsafe text.withUnsafeBufferPointer { text in
      var start = 0
      let slices = unsafe counts.map { count in
        defer { start += count }
        return unsafe sk_slice(bytes: text.baseAddress.map { unsafe $0 + start }, count: count)
      }
      var labels = unsafe sk_store_labels(id: slices[0], name: slices[1], created: slices[2], modified: slices[3])
      return unsafe sk_store_create(&labels, seed).unsafelyUnwrapped
    }
  }
}

/// Lends a span as C takes it.
private func withSlice<R>(_ text: Span<UInt8>, _ body: (sk_slice) -> R) -> R {
  unsafe text.withUnsafeBufferPointer { unsafe body(sk_slice(bytes: $0.baseAddress, count: $0.count)) }
}
