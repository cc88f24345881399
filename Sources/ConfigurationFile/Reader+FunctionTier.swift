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
    if let count = section.optional("environments")?.wholeNumber(1...1_000) { options.environments = count }
    if let count = section.optional("prewarmed")?.wholeNumber(0...100) { options.prewarmed = count }
    if let count = section.optional("startsAtOnce")?.wholeNumber(1...100) { options.startsAtOnce = count }
    options.idleTimeout = section.duration("idleTimeout", times, default: options.idleTimeout)
    options.freezeAfter = section.duration("freezeAfter", .zero ... .seconds(86_400), default: options.freezeAfter)
    options.initTimeout = section.duration("initTimeout", times, default: options.initTimeout)
    options.waitTimeout = section.duration("waitTimeout", times, default: options.waitTimeout)
    if let bytes = section.optional("temporarySize")?.byteCount(1 << 20...10 << 30) { options.temporaryBytes = bytes }
    if let count = section.optional("processes")?.wholeNumber(16...4_096) { options.processes = count }
    section.finish()
    return options
  }
}
