// Owns: what the metrics and status pages show of origins. Values from elsewhere; pure.

/// What is known of an origin at one moment.
public struct OriginFacts: Sendable {
  /// One of its addresses.
  public struct Address: Sendable {
    /// The address with its port, in words.
    public let address: String
    /// Whether it gets requests.
    public let isFit: Bool
    /// Why, in a word: `healthy`, `ejected`, `on trial`, `returning` or `down` (by its health checks).
    public let condition: String
    /// Requests under way there.
    public let inFlight: Int

    /// An address.
    public init(address: String, isFit: Bool, condition: String, inFlight: Int) {
      self.address = address
      self.isFit = isFit
      self.condition = condition
      self.inFlight = inFlight
    }
  }
  /// Whose it is, and its name.
  public let distribution, origin: String
  /// Requests under way, and those that wait for their turn; nil where they are not bounded.
  public let inFlight, waiting: Int?
  /// Those that are watched.
  public let addresses: [Address]

  /// - Parameters:
  ///   - inFlight: requests under way; nil where they are not bounded.
  ///   - waiting: requests that wait for their turn.
  ///   - addresses: those that are watched.
  public init(distribution: String, origin: String, inFlight: Int?, waiting: Int?, addresses: [Address]) {
    self.distribution = distribution
    self.origin = origin
    self.inFlight = inFlight
    self.waiting = waiting
    self.addresses = addresses
  }

  /// Addresses shown on the page; further ones are left out.
  static let addressLimit = 1_024
  /// The metrics: name, labels beyond distribution and origin, HELP text.
  static let metrics: [(name: String, hasAddress: Bool, help: String)] = [
    ("skerry_origin_address_healthy", true, "Whether an address of an origin gets requests: 1, or 0 while it is ejected or its health checks fail. Origins whose health is watched."),
    ("skerry_origin_address_requests_in_flight", true, "Requests under way at an address of an origin. Origins whose health is watched."),
    ("skerry_origin_requests_in_flight", false, "Requests under way at an origin with maxRequestsInFlight."),
    ("skerry_origin_requests_waiting", false, "Requests that wait for their turn at an origin with maxRequestsInFlight."),
  ]

  static func render(_ origins: [OriginFacts], _ page: inout PrometheusText) {
    for (name, hasAddress, help) in metrics {
      page.family(name, .gauge, help)
      var left = addressLimit
      for origin in origins {
        let labels = [("distribution", origin.distribution), ("origin", origin.origin)]
        if !hasAddress, let value = name == metrics[2].name ? origin.inFlight : origin.waiting { page.sample(name, labels, String(value)) }
        for address in origin.addresses where hasAddress && left > 0 {
          left -= 1
          page.sample(name, labels + [("address", address.address)], String(name == metrics[0].name ? address.isFit ? 1 : 0 : address.inFlight))
        }
      }
    }
  }
}
