// The top of the file: its sections in the order in which they depend on each other.
// One Reader reads one configuration, on one thread.
// Source: design/configuration.md.
import Distribution
import KeyValueStores

final class Reader {
  /// What diagnostics call the file.
  let fileName: String
  /// The folder that relative paths are taken from, absolute.
  let folder: String
  let problems: Problems
  /// How strictly CloudFront's limits are kept; known before anything else is read.
  var compatibility = Compatibility.extended
  /// The addresses that listeners and the admin address have taken, with their lines.
  var takenAddresses: [(address: ListenAddress, line: Int)] = []
  /// Where the parts stand of which only serving shows whether they can be had.
  var opened: [OpenedPart: DistributionPlaces.Place] = [:]
  var functions: [FunctionDefinition] = []
  /// The places of functions that name no runtime there is: nothing that depends on it is looked at.
  var unknownRuntimes: Set<Int> = []
  var lambdaEdgeLimits = LambdaEdgeLimits.Generation.current
  /// Where functions reserve concurrency and want environments kept, by their places.
  var reservedValues: [Int: Value] = [:], provisionedValues: [Int: Value] = [:]
  /// Where `function.yaml` says a function is meant to run, by the function's place.
  var eventTypes: [Int: HookPoint] = [:]
  var keyValueStores: [KeyValueStoreDefinition] = []
  /// Tables of redirects, by path.
  var redirectTables: [String: RedirectDefinition] = [:]
  var storeLimits = KeyValueStore.Limits()
  var cachePolicies: [CachePolicy] = []
  var originRequestPolicies: [OriginRequestPolicy] = []
  var responseHeadersPolicies: [ResponseHeadersPolicy] = []
  var publicKeys: [TrustedKey] = []
  /// Theirs, and those of keys that could not be read.
  var publicKeyNames: [String] = []
  var keyGroups: [KeyGroup] = []
  /// Where the parts of distributions stand.
  var places: [DistributionPlaces] = []
  /// Where restrictions by country stand.
  var geoRestrictions: [Value] = []

  init(fileName: String, folder: String, problems: Problems) {
    self.fileName = fileName
    self.folder = folder
    self.problems = problems
  }

  /// Whether everything CloudFront would refuse is refused.
  var isStrict: Bool { compatibility == .cloudfront }

  /// Reports what CloudFront would refuse, in cloudfront mode only.
  func refuse(_ value: Value, _ text: String) {
    if isStrict { value.error("CloudFront refuses this: \(text)") }
  }

  /// Reports what CloudFront would refuse as an error in cloudfront mode, as a warning otherwise.
  func refuseOrWarn(_ value: Value, _ text: String) {
    if isStrict { refuse(value, text) } else { value.warning(text) }
  }

  /// The whole configuration; nil when the root is no mapping.
  func configuration(_ root: Value) -> Configuration? {
    guard let top = root.section("the configuration") else { return nil }
    compatibility = top.choice("compatibility", default: .extended)
    var result = Configuration(compatibility: compatibility)
    result.stateDirectory = path(top.optional("state")) ?? Files.resolve(".skerry", in: folder)
    result.shutdownTimeout = top.duration("shutdownTimeout", .zero ... .seconds(86400), default: .seconds(30))
    result.functionOrigins = top.choice("functionOrigins", default: .public)
    lambdaEdgeLimits = top.choice("lambdaEdgeLimits", default: .current)
    result.lambdaEdgeLimits = lambdaEdgeLimits
    result.confinement = top.choice("confinement", default: .auto)
    result.user = user(top)
    result.listeners = listeners(top)
    result.admin = top.optional("admin").flatMap { admin($0, state: result.stateDirectory) }
    if let value = top.optional("limits") { result.limits = limits(value) }
    storeLimits = result.limits.keyValueStores
    readKeyValueStores(top)
    readFunctions(top)
    cachePolicies = policies(top, "cachePolicies", cachePolicy)
    originRequestPolicies = policies(top, "originRequestPolicies", originRequestPolicy)
    responseHeadersPolicies = policies(top, "responseHeadersPolicies", responseHeadersPolicy)
    readPublicKeys(top)
    result.publicKeys = publicKeys
    readKeyGroups(top)
    result.distributions = distributions(top)
    result.functions = functions
    result.keyValueStores = keyValueStores
    if let value = top.optional("trustedProxies") { result.trustedProxies = trustedProxies(value) }
    if let value = top.optional("cache") { result.cache = cache(value) }
    if let value = top.optional("functionTier") { result.functionTier = functionTier(value) }
    checkConcurrency(result)
    if let value = top.optional("accessLog") { result.accessLog = accessLog(value) }
    if let value = top.optional("functionLog") { result.functionLog = functionLog(value) }
    if let value = top.optional("tracing") { result.tracing = tracing(value) }
    if let value = top.optional("viewer") { result.viewerFixtures = viewerFixtures(value) }
    result.geography = top.optional("geo").flatMap(geography)
    checkCountriesAreKnown(result)
    top.finish()
    return result
  }

  /// A path, absolute.
  func path(_ value: Value?) -> String? {
    guard let value, let text = value.nonEmptyText("a path") else { return nil }
    if text.utf8.contains(0) {
      value.error("\(value.name) contains a NUL")
      return nil
    }
    return Files.resolve(text, in: folder)
  }

  /// The path of a file that must be readable now.
  func readablePath(_ value: Value?) -> String? {
    guard let value, let path = path(value) else { return nil }
    problems.files.insert(path)
    if let problem = Files.problem(with: path) {
      value.error("\((value.plainText ?? "").quoted) cannot be read: \(problem)")
    }
    return path
  }

  /// Whether there is such a user is a question for the machine that serves.
  private func user(_ top: Section) -> UserName? {
    let group = top.optional("group")
    if let value = top.optional("user"), let name = value.nonEmptyText("a user's name") {
      opened[.user] = value.place
      return UserName(name, group: group?.nonEmptyText("a group's name"))
    }
    group?.error("group needs user")
    return nil
  }

  private func cache(_ value: Value) -> CacheStorage {
    var cache = CacheStorage()
    guard let section = value.section("cache") else { return cache }
    let sizes = 1 << 20 ... 1 << 50
    if let memory = section.optional("memory")?.byteCount(sizes) { cache.memoryBytes = memory }
    if let disk = section.optional("disk")?.section("disk") {
      cache.diskPath = path(disk.required("path"))
      cache.diskBytes = disk.required("size")?.byteCount(sizes) ?? 0
      disk.finish()
    }
    cache.saysStatus = section.flag("cacheStatus", default: true)
    if let value = section.optional("cacheStatusKeyFor") { cache.statusKeyClients = trustedProxies(value) }
    section.finish()
    return cache
  }

  /// Fixed values of `CloudFront-Viewer-*` headers, under the header's name without `CloudFront-Viewer-`, camelCase.
  private func viewerFixtures(_ value: Value) -> [CloudFrontHeader: String] {
    guard let section = value.section("viewer") else { return [:] }
    let keys: [(String, CloudFrontHeader)] = [
      ("country", .viewerCountry), ("countryName", .viewerCountryName), ("countryRegion", .viewerCountryRegion),
      ("countryRegionName", .viewerCountryRegionName), ("city", .viewerCity), ("postalCode", .viewerPostalCode),
      ("metroCode", .viewerMetroCode), ("latitude", .viewerLatitude), ("longitude", .viewerLongitude),
      ("timeZone", .viewerTimeZone), ("asn", .viewerASN),
    ]
    var fixtures: [CloudFrontHeader: String] = [:]
    for (key, header) in keys {
      guard let value = section.optional(key), let text = value.nonEmptyText() else { continue }
      if header == .viewerCountry && !(text.utf8.count == 2 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) }) {
        value.error("country must be two capital letters (ISO 3166-1), not \(text.quoted)")
      } else if !HeaderRules.isFieldValue(text) {
        value.error("\(key) cannot be the value of a header")
      } else {
        fixtures[header] = text
      }
    }
    section.finish()
    return fixtures
  }
}
