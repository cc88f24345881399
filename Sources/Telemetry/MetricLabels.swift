// Owns: the names behind numbers that the configuration defines, and how many of each kind are told apart.
// Places never move: a reload only appends, so that requests which began on the old configuration still count in the right place.

/// The names of one kind. A value; immutable once a worker has it.
public struct LabelList<Label: Hashable & Sendable>: Sendable, Equatable {
  /// Names that are told apart; further ones count together as `other`.
  public let limit: Int
  /// The names; a name's index is its place.
  public private(set) var names: [Label] = []
  private var places: [Label: Int] = [:]

  init(limit: Int) { self.limit = limit }

  /// How many there are.
  public var count: Int { names.count }
  /// The place of a name; the shared place at the limit if it is unknown.
  public func place(of name: Label) -> Int { places[name] ?? limit }

  /// These and newer ones.
  func appending(_ newer: [Label]) -> LabelList {
    var result = self
    for name in newer where result.count < limit && result.places[name] == nil {
      result.places[name] = result.count
      result.names.append(name)
    }
    return result
  }

  /// Whether these are the other's, and perhaps more.
  func extends(_ other: LabelList) -> Bool { names.starts(with: other.names) }
}

/// The names behind a worker's numbers.
public struct MetricLabels: Sendable, Equatable {
  /// A behavior, or an origin: its distribution's id, and its path pattern or name.
  public struct Part: Hashable, Sendable {
    /// The distribution's id.
    public let distribution: String
    /// The path pattern, or the origin's name.
    public let name: String

    /// A part of a distribution.
    public init(_ distribution: String, _ name: String) {
      self.distribution = distribution
      self.name = name
    }
  }

  /// Behaviors that are told apart, of all distributions together; further ones count as `distribution="other",behavior="other"`.
  public static let behaviorLimit = 1_024
  /// Origins that are told apart, of all distributions together; further ones, and those that functions name, count as `other`.
  public static let originLimit = 1_024
  /// Functions that are told apart; further ones count together as `other`.
  public static let functionLimit = 1_024

  /// Tables of redirects that are told apart; further ones count together as `other`.
  public static let redirectTableLimit = 256

  /// The behaviors.
  public private(set) var behaviors = LabelList<Part>(limit: behaviorLimit)
  /// The origins.
  public private(set) var origins = LabelList<Part>(limit: originLimit)
  /// The names of functions.
  public private(set) var functions = LabelList<String>(limit: functionLimit)

  /// The names of tables of redirects.
  public private(set) var redirectTables = LabelList<String>(limit: redirectTableLimit)

  /// Labels in this order; what is beyond the limits counts together as `other`.
  public init(behaviors: [Part] = [], origins: [Part] = [], functions: [String] = []) {
    self.behaviors = self.behaviors.appending(behaviors)
    self.origins = self.origins.appending(origins)
    self.functions = self.functions.appending(functions)
  }

  /// These labels and the ones of a new configuration.
  public func extended(with newer: [Part], origins newerOrigins: [Part] = [], functions newerFunctions: [String] = [], redirectTables newerTables: [String] = []) -> MetricLabels {
    var labels = self
    labels.behaviors = behaviors.appending(newer)
    labels.origins = origins.appending(newerOrigins)
    labels.functions = functions.appending(newerFunctions)
    labels.redirectTables = redirectTables.appending(newerTables)
    return labels
  }

  /// Whether these are the other's, and perhaps more.
  func extends(_ other: MetricLabels) -> Bool {
    behaviors.extends(other.behaviors) && origins.extends(other.origins) && functions.extends(other.functions)
      && redirectTables.extends(other.redirectTables)
  }
}
