public struct KeyPlaces: Sendable, Equatable {
  public let distribution: Range<Int>, path: Range<Int>, query: Range<Int>
  public init(distribution: Range<Int>, path: Range<Int>, query: Range<Int> = 0..<0) {
    self.distribution = distribution
    self.path = path
    self.query = query
  }
}
public enum Use: Sendable { case fresh, staleServe, validate }
