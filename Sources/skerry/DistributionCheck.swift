// What is probably not meant in a configuration that can be served: `skerry check` says it as warnings (Documentation/configuration.md, "What check
// warns of"). Serving is not held up by it.
import ConfigurationFile
import Distribution
import Foundation

struct DistributionCheck {
  private let configuration: Configuration
  private let file: String
  private var found: [Diagnostic] = []
  /// What each function reads of a request, by its place among the functions.
  private var reads: [Int: FunctionReads] = [:]

  /// Warnings about a configuration without errors, by place.
  static func all(_ loaded: LoadedConfiguration, file: String) -> [Diagnostic] {
    guard let configuration = loaded.configuration else { return [] }
    var check = DistributionCheck(configuration: configuration, file: file)
    for (distribution, places) in zip(configuration.distributions, loaded.places) { check.look(at: distribution, places) }
    return check.found.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
  }

  private init(configuration: Configuration, file: String) {
    self.configuration = configuration
    self.file = file
  }

  private mutating func warn(_ place: DistributionPlaces.Place, _ text: String) {
    found.append(Diagnostic(file: file, line: place.line, column: place.column, severity: .warning, text: text.onOneLine))
  }

  private mutating func look(at distribution: Distribution, _ places: DistributionPlaces) {
    guard distribution.behaviors.count == places.behaviors.count, distribution.originGroups.count == places.groups.count else { return }
    for (behavior, place) in zip(distribution.behaviors, places.behaviors) {
      lookAtCookies(behavior, place)
      lookAtFunctions(behavior, place)
    }
    lookAtSecurityHeaders(distribution, places)
    for (index, group) in distribution.originGroups.enumerated() where !distribution.behaviors.contains(where: { $0.target == .group(index) }) {
      warn(places.groups[index], "never used: no behavior sends requests to the origin group \(group.name)")
    }
  }

  /// Cookies in the key make an object of nearly every viewer.
  private mutating func lookAtCookies(_ behavior: Behavior, _ place: DistributionPlaces.Place) {
    guard let policy = behavior.cachePolicy, policy.maxTTLSeconds > 0 else { return }
    switch policy.cookies {
    case .all: warn(place, "the cache policy \(policy.name) has all cookies in the key: a viewer with a cookie of his own shares nothing with others")
    case .allExcept: warn(place, "the cache policy \(policy.name) has all cookies but some in the key: a new cookie of any kind ends the sharing; name those that matter")
    case .none, .only: break
    }
  }

  /// What functions read, and nobody sends them.
  private mutating func lookAtFunctions(_ behavior: Behavior, _ place: DistributionPlaces.Place) {
    for hook in HookPoint.allCases {
      guard let reference = behavior.functions[hook], configuration.functions.indices.contains(reference.index) else { continue }
      let function = configuration.functions[reference.index], rules = behavior.forwarding
      let read = self.read(reference.index)
      let isViewers = hook == .viewerRequest || hook == .viewerResponse
      for name in read.headers.sorted() where !Self.sees(name, rules, isViewers: isViewers) {
        warn(place, "\(function.name) (\(hook.rawValue)) reads the header \(name), which neither the cache policy nor the origin request policy of \(behavior.pathPattern.text) forwards")
      }
      if isViewers { continue }
      if read.cookies && rules.cookies == .none { warn(place, "\(function.name) (\(hook.rawValue)) reads cookies, of which the policies of \(behavior.pathPattern.text) forward none") }
      if read.query && rules.queryStrings == .none {
        warn(place, "\(function.name) (\(hook.rawValue)) reads the query string, of which the policies of \(behavior.pathPattern.text) forward nothing")
      }
    }
  }

  private mutating func read(_ index: Int) -> FunctionReads {
    if let known = reads[index] { return known }
    let found = FunctionReads(configuration.functions[index])
    reads[index] = found
    return found
  }

  /// Whether a function has a header of the viewer's.
  private static func sees(_ name: String, _ rules: ForwardingRules, isViewers: Bool) -> Bool {
    if let header = CloudFrontHeader(lowercasedName: name) { return rules.cloudFrontHeaders.contains(header) }
    // Viewer functions have all the viewer sent; at the origin's side some are always there.
    if isViewers || ["host", "user-agent", "via", "x-forwarded-for", "accept-encoding"].contains(name) { return true }
    let bytes = Array(name.utf8)
    return rules.forwards(bytes.span, isSafe: false)
  }

  /// Behaviors whose answers get none of the usual security headers from here.
  private mutating func lookAtSecurityHeaders(_ distribution: Distribution, _ places: DistributionPlaces) {
    let bare = distribution.behaviors.indices.filter { index in
      let behavior = distribution.behaviors[index], names = (behavior.responseHeadersPolicy?.customHeaders ?? []).map { $0.field.name.lowercased() }
      let hasAny = behavior.responseHeadersPolicy.map { $0.securityHeaders.hasAny } == true || names.contains { Self.securityHeaders.contains($0) }
      return !hasAny && behavior.functions.viewerResponse == nil && behavior.functions.originResponse == nil
    }
    guard let first = bare.first else { return }
    let paths = bare.map { distribution.behaviors[$0].pathPattern.text }, listed = paths.prefix(5).joined(separator: ", ") + (paths.count > 5 ? " and \(paths.count - 5) more" : "")
    warn(places.behaviors[first], "answers for \(listed) get no security headers here (responseHeadersPolicy: SecurityHeadersPolicy adds the usual ones)")
  }
  private static let securityHeaders: Set<String> = [
    "strict-transport-security", "x-content-type-options", "x-frame-options", "referrer-policy", "content-security-policy", "permissions-policy",
  ]
}

extension ResponseHeadersPolicy.SecurityHeaders {
  /// Whether there is any.
  fileprivate var hasAny: Bool {
    strictTransportSecurity != nil || contentTypeOptionsOverride != nil || frameOptions != nil || referrerPolicy != nil || contentSecurityPolicy != nil || xssProtection != nil
  }
}

/// What a function's code seems to read of a request: found by its words, not by running it. Names that are computed are not found.
struct FunctionReads {
  private(set) var headers: Set<String> = []
  private(set) var cookies = false, query = false
  /// Bytes of code that are looked through.
  private static let codeBytes = 1 << 20

  init(_ function: FunctionDefinition) {
    let code = Self.code(of: function)
    // request.headers['x-a'], request.headers["x-a"], headers.host, headers.get('x-a'); not what is assigned or deleted.
    for match in code.matches(of: /(?<before>delete\s+)?(?<object>\w+\??\.)?headers(?:\??\.?\[\s*['"](?<quoted>[A-Za-z0-9-]+)['"]\s*\]|\??\.(?<plain>[A-Za-z][A-Za-z0-9_]*)|\.get\(\s*['"](?<got>[A-Za-z0-9-]+)['"])(?<after>\s*=[^=])?/) {
      let isResponse = match.object.map { $0.lowercased().hasPrefix("res") } == true
      guard match.before == nil, match.after == nil, !isResponse, let name = (match.quoted ?? match.got ?? match.plain)?.lowercased(), !["get", "map", "keys", "hasownproperty", "cookie"].contains(name) else { continue }
      headers.insert(name)
    }
    for match in code.matches(of: /headers(?:\[\s*['"](?<quoted>[A-Za-z0-9-]+)['"]\s*\]|\.(?<plain>[A-Za-z]\w*))\s*=[^=]/) {
      if let name = (match.quoted ?? match.plain)?.lowercased() { headers.remove(name) }
    }
    cookies = code.firstMatch(of: /headers(?:\??\.cookie|\[\s*['"]cookie['"]\s*\])(?!\s*=[^=])/.ignoresCase()) != nil
    query = code.firstMatch(of: /(?:\.querystring|\[\s*['"]querystring['"]\s*\])(?!\s*=[^=])/) != nil
  }

  /// The code itself, or the files of a folder whose names say that they are code.
  private static func code(of function: FunctionDefinition) -> String {
    if function.runtime.isRewriteEngine { return String(decoding: function.source.prefix(codeBytes), as: UTF8.self) }
    var text = "", files = [function.codePath]
    if Files.isFolder(function.codePath) {
      files = ((try? FileManager.default.contentsOfDirectory(atPath: function.codePath)) ?? []).sorted().map { function.codePath + "/" + $0 }
    }
    for file in files where [".js", ".mjs", ".cjs", ".py"].contains(where: { file.hasSuffix($0) }) && text.utf8.count < codeBytes {
      if case .success(let bytes) = Files.read(file, maximumBytes: codeBytes) { text += String(decoding: bytes, as: UTF8.self) + "\n" }
    }
    return text
  }
}
