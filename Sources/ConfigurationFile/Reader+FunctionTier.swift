// The section `functionTier`.
// Source: Distribution/FunctionTierOptions.swift has the meaning and default of each.
import Distribution

extension Reader {
  /// Settings of the function tier as a whole.
  func functionTier(_ value: Value) -> FunctionTierOptions {
    var options = FunctionTierOptions()
    guard let section = value.section("functionTier") else { return options }
    let times = Duration.milliseconds(1) ... .seconds(86_400)
    options.nodejs = path(section.optional("nodejs"))
    options.python = path(section.optional("python"))
    if let count = section.optional("concurrency")?.wholeNumber(1...100_000) { options.concurrency = count }
    if let bytes = section.optional("eventMemory")?.byteCount(8 << 20...64 << 30) { options.eventBytes = bytes }
    if let count = section.optional("environments")?.wholeNumber(1...1_000) { options.environments = count }
    if let count = section.optional("prewarmed")?.wholeNumber(0...100) { options.prewarmed = count }
    if let count = section.optional("startsAtOnce")?.wholeNumber(1...100) { options.startsAtOnce = count }
    options.idleTimeout = section.duration("idleTimeout", times, default: options.idleTimeout)
    options.freezeAfter = section.duration("freezeAfter", .zero ... .seconds(86_400), default: options.freezeAfter)
    options.initTimeout = section.duration("initTimeout", times, default: options.initTimeout)
    // `skerry reload` waits for two of them: the one that is under way, and its own.
    options.trialTimeout = section.duration("trialTimeout", .zero ... .seconds(45), default: options.trialTimeout)
    options.waitTimeout = section.duration("waitTimeout", times, default: options.waitTimeout)
    if let bytes = section.optional("temporarySize")?.byteCount(1 << 20...10 << 30) { options.temporaryBytes = bytes }
    if let count = section.optional("processes")?.wholeNumber(16...4_096) { options.processes = count }
    section.finish()
    return options
  }

  /// What functions reserve and want kept, against what there is: others are not to starve. Lambda refuses what leaves others less than 100 of an
  /// account's 1,000; here a tenth.
  func checkConcurrency(_ configuration: Configuration) {
    let options = configuration.functionTier, indices = functions.indices.filter { !functions[$0].runtime.isRewriteEngine && !unknownRuntimes.contains($0) }
    let reserved = indices.reduce(0) { $0 + (functions[$1].tier.reservedConcurrency ?? 0) }, others = indices.filter { functions[$0].tier.reservedConcurrency == nil }
    if let last = indices.last(where: { functions[$0].tier.reservedConcurrency ?? 0 > 0 }), let value = reservedValues[last] {
      let left = options.concurrency - reserved
      if left < 0 {
        refuseOrWarn(value, "\(reserved) are reserved in all, of functionTier.concurrency \(options.concurrency): not every function can have its own")
      } else if left < options.leastUnreserved && !others.isEmpty {
        refuseOrWarn(value, "\(left == 0 ? "nothing" : "only \(left)") of functionTier.concurrency \(options.concurrency) is left for functions that reserve none; keep at least \(options.leastUnreserved), a tenth, as Lambda does")
      }
    }
    for index in indices {
      guard let most = functions[index].tier.reservedConcurrency, functions[index].tier.provisionedConcurrency > most, let value = provisionedValues[index] else { continue }
      refuseOrWarn(value, "provisionedConcurrency is no more than the function's reservedConcurrency, \(most)")
    }
    let associated = qualifiers(configuration)
    let kept = indices.reduce(0) { sum, index in
      let tier = functions[index].tier
      return sum + min(tier.provisionedConcurrency * max(1, associated[index]?.count ?? 1), tier.reservedConcurrency ?? .max)
    }
    if kept > options.mostProvisioned, let last = indices.last(where: { functions[$0].tier.provisionedConcurrency > 0 }), let value = provisionedValues[last] {
      value.warning("\(kept) environments are to be kept in all, \(options.mostProvisioned) can be: no more than functionTier.concurrency (\(options.concurrency)) and nine tenths of functionTier.environments (\(options.environments)); the rest stays for others")
    }
  }

  /// What behaviors name of each function, by its place.
  private func qualifiers(_ configuration: Configuration) -> [Int: Set<String?>] {
    var found: [Int: Set<String?>] = [:]
    for behavior in configuration.distributions.flatMap(\.behaviors) {
      for reference in HookPoint.allCases.compactMap({ behavior.functions[$0] }) { found[reference.index, default: []].insert(reference.qualifier) }
    }
    return found
  }
}
