// The `function.yaml` of a function's folder, read without a configuration: `skerry invoke` and `skerry test`.
// Pure; any thread. Source: design/configuration.md, "A function's folder"; the keys are in Documentation/configuration.md.
package import Distribution

/// What a function's folder says of it.
package struct FunctionFile {
  /// What it runs on; nil when it is not said.
  package var runtime: FunctionRuntime?
  /// The event it is meant for.
  package var eventType: HookPoint?
  /// The name of its key value store.
  package var keyValueStore: String?
  /// What it is for.
  package var comment: String?
  /// What only the function tier uses.
  package var tier = FunctionTierSettings()

  /// One that says nothing.
  package init() {}

  /// Reads a `function.yaml`; what is wrong with it goes to the problems of `root`.
  package init(_ root: Value) {
    guard let section = root.section("function.yaml") else { return }
    runtime = section.optional("runtime").flatMap(FunctionFile.runtime)
    eventType = section.optional("eventType")?.choice(HookPoint.self)
    keyValueStore = section.optional("keyValueStore")?.nonEmptyText()
    comment = section.optional("comment")?.text()
    _ = FunctionFile.tierSettings(section, &tier)
    section.finish()
  }

  /// Reads the keys of the function tier; returns those that are there.
  static func tierSettings(_ section: Section, _ tier: inout FunctionTierSettings) -> [Value] {
    var present: [Value] = []
    func value(_ key: String) -> Value? {
      let value = section.optional(key)
      if let value { present.append(value) }
      return value
    }
    if let text = value("handler")?.nonEmptyText("a handler such as index.handler") { tier.handler = text }
    if let number = value("memory")?.wholeNumber(128...10240) { tier.memoryMB = number }
    if let time = value("timeout")?.duration(.milliseconds(1) ... .seconds(30)) { tier.timeout = time }
    if let flag = value("includeBody")?.flag() { tier.includeBody = flag }
    if let network = value("network")?.choice(FunctionNetwork.self) { tier.network = network }
    tier.reservedConcurrency = value("reservedConcurrency")?.wholeNumber(0...10000)
    if let number = value("provisionedConcurrency")?.wholeNumber(0...10000) { tier.provisionedConcurrency = number }
    if let value = value("asynchronous") { asynchronous(value, &tier.asynchronous) }
    for entry in value("environment")?.section("environment")?.entries ?? [] {
      guard let text = entry.value.text() else { continue }
      if entry.name.isEmpty || entry.name.contains("=") || entry.name.utf8.contains(0) || text.utf8.contains(0) {
        entry.key.error("an environment variable has a name without '=' and no NUL")
      } else {
        if FunctionTierSettings.reservedVariables.contains(entry.name) { entry.key.warning("\(entry.name) is reserved: the function sees what the runtime says, not this") }
        tier.environment.append(HeaderField(name: entry.name, value: text))
      }
    }
    tier.environment.sort { $0.name < $1.name }
    return present
  }

  /// What becomes of events that nobody waits for. Paths stay as they are written.
  private static func asynchronous(_ value: Value, _ settings: inout AsynchronousInvocation) {
    guard let section = value.section("asynchronous") else { return }
    var servers: [Value] = []
    func destination(_ key: String) -> EventDestination? {
      guard let value = section.optional(key), let text = value.nonEmptyText("a file or an http:// or https:// URL") else { return nil }
      guard text.contains("://") else { return .file(text) }
      guard let server = EventServer(url: text, certificateAuthority: authority?.plainText) else {
        value.error("\(key) must be a file or an http:// or https:// URL")
        return nil
      }
      if server.isSecure { servers.append(value) }
      return .server(server)
    }
    let authority = section.optional("certificateAuthority")
    _ = authority?.nonEmptyText("a file of certificates")
    if let retries = section.optional("maximumRetryAttempts")?.wholeNumber(0...2) { settings.retries = retries }
    if let delay = section.optional("retryDelay")?.duration(.milliseconds(1) ... .seconds(3600)) { settings.retryDelay = delay }
    if let age = section.optional("maximumEventAge")?.duration(.seconds(60) ... .seconds(21_600)) { settings.maximumAge = age }
    settings.onSuccess = destination("onSuccess")
    settings.onFailure = destination("onFailure")
    settings.deadLetter = destination("deadLetter")
    if servers.isEmpty { authority?.warning("certificateAuthority has no effect: no destination is an https:// URL") }
    section.finish()
  }

  /// A runtime by name; anything else is reported.
  package static func runtime(_ value: Value) -> FunctionRuntime? {
    guard let text = value.nonEmptyText("a runtime such as cloudfront-js-2.0") else { return nil }
    switch text {
    case "cloudfront-js-1.0": return .cloudfrontJS1
    case "cloudfront-js-2.0": return .cloudfrontJS2
    default: break
    }
    func isNumbers(_ text: Substring) -> Bool {
      !text.isEmpty && text.allSatisfy { $0.isASCII && ($0.isNumber || $0 == ".") }
    }
    if text.hasPrefix("nodejs"), text.hasSuffix(".x"), isNumbers(text.dropFirst(6).dropLast(2)) { return .nodejs(text) }
    if text.hasPrefix("python3."), isNumbers(text.dropFirst(8)) { return .python(text) }
    if text == "provided" || text.hasPrefix("provided.") { return .provided(text) }
    let names = ["cloudfront-js-1.0", "cloudfront-js-2.0", "nodejs20.x", "nodejs22.x", "python3.12", "provided"]
    value.error("there is no runtime \(text.quoted)\(Suggestion.text(for: text, among: names))")
    return nil
  }
}
