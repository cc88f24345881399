// Owns: what is counted of each behavior's cache: what came of asking it, and the bytes it gave. A worker's table of them, and how the table
// is shown. Documentation/observability.md repeats the words; a test keeps the two the same.

/// What came of asking the cache for one request.
public enum CacheOutcome: Int, CaseIterable, Sendable {
  case hit, stale, refreshHit, miss, variantMiss, collapsed, expired, method, bypass

  /// The word in metrics.
  public var word: StaticString {
    switch self {
    case .hit: "hit"
    case .stale: "stale"
    case .refreshHit: "refresh_hit"
    case .miss: "miss"
    case .variantMiss: "variant_miss"
    case .collapsed: "collapsed"
    case .expired: "expired"
    case .method: "method"
    case .bypass: "bypass"
    }
  }

  /// What it means.
  public var meaning: String {
    switch self {
    case .hit: "served from the cache, fresh"
    case .stale: "served from the cache, stale: while it is refreshed, because the origin fails, or because the request allows it"
    case .refreshHit: "the origin said that the stored response is still good (304), and it was served"
    case .miss: "nothing was stored; the origin was asked"
    case .variantMiss: "nothing was stored for this request's values of the fields that Vary names (rfc9111); the origin was asked"
    case .collapsed: "nothing was stored; another request fetched it for this one, too"
    case .expired: "what was stored was not good enough any more; the origin gave something new"
    case .method: "not asked: the method is not cached"
    case .bypass: "not asked, or in vain: WebSocket, If-Match, HEAD of what is not stored, a response that is known not to be storable"
    }
  }

  /// Whether the body came from what was stored before the request.
  public var isFromCache: Bool { self == .hit || self == .stale || self == .refreshHit }
}

/// One worker's numbers of all behaviors that cache. Rows of behaviors that are known never move; the last row is for all others.
struct CacheTable: Sendable {
  private static let outcomes = CacheOutcome.allCases.count
  /// Outcomes, then the bytes sent from the cache.
  private static let row = outcomes + 1

  private var cells: [UInt64]
  private var behaviors: Int

  init(behaviors: Int) {
    self.behaviors = behaviors
    cells = Array(repeating: 0, count: (behaviors + 1) * Self.row)
  }

  /// Makes room for more behaviors.
  mutating func grow(to count: Int) {
    guard count > behaviors else { return }
    let others = cells.suffix(Self.row)
    cells.replaceSubrange((behaviors * Self.row)..., with: repeatElement(0, count: (count - behaviors) * Self.row))
    cells.append(contentsOf: others)
    behaviors = count
  }

  mutating func count(_ behavior: Int, _ outcome: CacheOutcome, bytes: Int) {
    let start = (behavior >= 0 && behavior < behaviors ? behavior : behaviors) * Self.row
    cells[start + outcome.rawValue] &+= 1
    if outcome.isFromCache { cells[start + Self.outcomes] &+= UInt64(max(bytes, 0)) }
  }

  /// The sums over workers of one behavior; nil for the others.
  private static func sums(_ tables: [CacheTable], _ behavior: Int?) -> [UInt64] {
    tables.reduce(into: [UInt64](repeating: 0, count: row)) { sums, table in
      if let behavior, behavior >= table.behaviors { return }
      let start = (behavior ?? table.behaviors) * row
      for cell in 0..<row { sums[cell] &+= table.cells[start + cell] }
    }
  }

  static let requests = (name: "skerry_cache_requests_total", help: "Requests of behaviors that cache, by what came of asking the cache; behaviors never asked for are left out.")
  static let bytes = (name: "skerry_cache_hit_bytes_total", help: "Bytes sent to viewers, heads included, for hits, stale hits and refresh hits.")

  static func render(_ tables: [CacheTable], labels: [MetricLabels.Part], _ page: inout PrometheusText) {
    var seen: [(labels: [(String, String)], cells: [UInt64])] = []
    for index in 0...labels.count {
      let cells = sums(tables, index < labels.count ? index : nil)
      guard cells.contains(where: { $0 > 0 }) else { continue }
      let label = index < labels.count ? labels[index] : MetricLabels.Part("other", "other")
      seen.append(([("distribution", label.distribution), ("behavior", label.name)], cells))
    }
    page.family(requests.name, .counter, requests.help)
    for (labels, cells) in seen {
      for outcome in CacheOutcome.allCases { page.sample(requests.name, labels + [("outcome", "\(outcome.word)")], String(cells[outcome.rawValue])) }
    }
    page.family(bytes.name, .counter, bytes.help)
    for (labels, cells) in seen { page.sample(bytes.name, labels, String(cells[outcomes])) }
  }
}
