// Owns: configurations that reloads have replaced, until nothing uses them any more. To take a large one apart takes milliseconds, which are no
// worker's to spend: the last to hold one, and each of its distributions, is who keeps this. Confined to one thread, which is no worker's.

/// Configurations that have been replaced and may still be in use.
public struct FormerConfigurations {
  private var configurations: [ServingConfiguration] = []
  /// Theirs: a tunnel keeps its own distribution for days, and nothing else of the configuration.
  private var sites: [Site] = []

  /// None.
  public init() {}

  /// Whether there is none.
  public var isEmpty: Bool { configurations.isEmpty && sites.isEmpty }

  /// A configuration has been replaced: its workers may have let go of it, or not.
  public mutating func replaced(_ configuration: ServingConfiguration) {
    configurations.append(configuration)
    sites += configuration.sites
  }

  /// Lets go of what nothing uses any more.
  public mutating func letGo() {
    Self.keepOthers(&configurations)   // which hold their distributions too
    Self.keepOthers(&sites)
  }

  /// Keeps what others refer to as well.
  private static func keepOthers<Kept: AnyObject>(_ all: inout [Kept]) {
    var left: [Kept] = []
    while var one = all.popLast() {
      if !isKnownUniquelyReferenced(&one) { left.append(one) }
    }
    all = left
  }
}
