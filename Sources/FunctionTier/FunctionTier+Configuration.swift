// From a proxy's configuration to the tier's settings. Pure but for looking where interpreters are.
public import Distribution

extension Configuration {
  /// The function tier as this configuration has it. Looks for the interpreters.
  public var functionTierSettings: FunctionTier.Configuration {
    var settings = FunctionTier.Configuration(
      folder: stateDirectory + "/functions", interpreters: Interpreters(nodejs: functionTier.nodejs, python: functionTier.python))
    settings.concurrency = functionTier.concurrency
    settings.eventBytes = functionTier.eventBytes
    settings.environments = functionTier.environments
    settings.prewarmed = functionTier.prewarmed
    settings.startsAtOnce = functionTier.startsAtOnce
    settings.idleMilliseconds = UInt64(functionTier.idleTimeout.wholeMilliseconds)
    settings.freezeMilliseconds = UInt64(functionTier.freezeAfter.wholeMilliseconds)
    settings.initMilliseconds = functionTier.initTimeout.wholeMilliseconds
    settings.trialMilliseconds = functionTier.trialTimeout.wholeMilliseconds
    settings.waitMilliseconds = UInt64(functionTier.waitTimeout.wholeMilliseconds)
    settings.temporaryMB = max(1, functionTier.temporaryBytes >> 20)
    settings.processes = functionTier.processes
    return settings
  }

  /// Why functions cannot be run with these interpreters: sandboxes would see a folder of which they may see nothing, or cannot be shown what they need.
  /// One sentence without a full stop; nil when they can. Looks at the disk.
  public func exposure(by interpreters: Interpreters, configurationFolder: String) -> String? {
    SpawnerInWaiting.problem(with: FunctionTier.Configuration(folder: stateDirectory + "/functions", interpreters: interpreters).roots) ?? interpreters.problem(keeping: [("the state folder", stateDirectory), ("the configuration's folder", configurationFolder)])
  }
}

extension FunctionTier.Configuration {
  /// The folders of which parts are shown in sandboxes: what a ``Spawner`` must be born with.
  public var roots: [String] { [folder] + interpreters.roots }
}
