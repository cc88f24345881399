// Cache policies and origin request policies of the file, and finding a policy by its name.
// Source: spec/request-pipeline.md 3, 5, 7; design/configuration.md.
import Distribution

extension Reader {
  /// All policies of one section.
  func policies<Policy: NamedPolicy>(
    _ top: Section, _ key: String, _ read: (Section, String) -> Policy?
  ) -> [Policy] {
    guard let section = top.optional(key)?.section(key) else { return [] }
    return section.entries.compactMap { entry in
      if Policy.managed(named: entry.name) != nil {
        entry.key.error("\(entry.name) is the name of a managed policy")
      }
      guard let content = entry.value.section("policy \(entry.name)") else { return nil }
      defer { content.finish() }
      return read(content, entry.name)
    }
  }

  /// The policy a behavior names: one of the file, or a managed one by name or id.
  func policy<Policy: NamedPolicy>(_ value: Value?, own: [Policy]) -> Policy? {
    guard let value, let name = value.nonEmptyText("the name of a policy") else { return nil }
    if let policy = own.first(where: { $0.name == name }) ?? Policy.managed(named: name) { return policy }
    let names = own.map(\.name) + Policy.managed.map(\.name)
    value.error("there is no \(value.name) \(name.quoted)\(Suggestion.text(for: name, among: names))")
    return nil
  }

  func cachePolicy(_ section: Section, _ name: String) -> CachePolicy? {
    var policy = CachePolicy(name: name)
    policy.mode = section.choice("cacheMode", default: .cloudfront)
    let range = 0...3_153_600_000  // a hundred years
    let (minimum, standard, maximum) = (
      section.optional("minTTL"), section.optional("defaultTTL"), section.optional("maxTTL")
    )
    policy.minTTLSeconds = minimum?.seconds(range) ?? 0
    // A time not given moves to make room for those that are. (Spec 3.1.)
    policy.defaultTTLSeconds = standard?.seconds(range) ?? max(86400, policy.minTTLSeconds)
    policy.maxTTLSeconds = maximum?.seconds(range) ?? max(31_536_000, policy.defaultTTLSeconds)
    if policy.defaultTTLSeconds > policy.maxTTLSeconds && standard == nil {
      policy.defaultTTLSeconds = max(policy.minTTLSeconds, policy.maxTTLSeconds)
    }
    if policy.minTTLSeconds > policy.maxTTLSeconds {
      (maximum ?? section.value).error("maxTTL cannot be less than minTTL")
    } else if policy.defaultTTLSeconds < policy.minTTLSeconds || policy.defaultTTLSeconds > policy.maxTTLSeconds {
      (standard ?? section.value).error("defaultTTL must be from minTTL to maxTTL")
    }
    policy.headers = section.optional("headers").map(keyHeaders) ?? []
    policy.cookies = section.optional("cookies").flatMap(nameSelection) ?? .none
    policy.queryStrings = section.optional("queryStrings").flatMap(nameSelection) ?? .none
    policy.enableAcceptEncodingGzip = section.flag("enableAcceptEncodingGzip", default: false)
    policy.enableAcceptEncodingBrotli = section.flag("enableAcceptEncodingBrotli", default: false)
    if let value = section.optional("normalizeQueryStrings") {
      policy.normalizeQueryStrings = value.flag() ?? false
      refuse(value, "CloudFront keeps the order and case of query strings")
    }
    return policy
  }

  /// The headers of a cache key: at most 10, and not every one is possible.
  private func keyHeaders(_ value: Value) -> [String] {
    if value.plainText == "none" { return [] }
    guard let items = value.items(of: "a header") else { return [] }
    if items.count > 10 { refuseOrWarn(value, "a cache policy has at most 10 headers") }
    return items.compactMap { item in
      guard let name = headerName(item) else { return nil }
      if name == "accept-encoding" {
        item.error("\(item.plainText ?? "") is chosen by enableAcceptEncodingGzip and enableAcceptEncodingBrotli")
      } else if !HeaderRules.mayBeInCacheKey(name) {
        item.error("\(item.plainText ?? "") cannot be part of a cache key")
      }
      return name
    }
  }

  func originRequestPolicy(_ section: Section, _ name: String) -> OriginRequestPolicy? {
    var policy = OriginRequestPolicy(name: name)
    policy.headers = section.optional("headers").map(forwardedHeaders) ?? .none
    policy.cookies = section.optional("cookies").flatMap(nameSelection) ?? .none
    policy.queryStrings = section.optional("queryStrings").flatMap(nameSelection) ?? .none
    return policy
  }

  /// `none`, `allViewer`, a list, `{ allExcept: […] }` or `{ allViewerAndCloudFront: […] }`.
  private func forwardedHeaders(_ value: Value) -> OriginRequestPolicy.Headers {
    switch value.plainText {
    case "none": return .none
    case "allViewer", "all": return .allViewer
    case .some:
      value.mismatch("none, allViewer, a list of names, { allExcept: […] } or { allViewerAndCloudFront: […] }")
      return .none
    case nil: break
    }
    guard value.isMapping else {
      let items = value.items(of: "a header") ?? []
      for item in items where item.plainText?.lowercased() == "authorization" {
        refuse(item, "Authorization needs a cache policy or allViewer")
      }
      return .only(items.compactMap(headerName))
    }
    guard let section = value.section("headers") else { return .none }
    defer { section.finish() }
    let except = section.optional("allExcept")
    let cloudFront = section.optional("allViewerAndCloudFront", or: "allViewerAndWhitelistCloudFront")
    if let except, cloudFront == nil { return .allExcept(except.items(of: "a header")?.compactMap(headerName) ?? []) }
    if let cloudFront, except == nil {
      let items = cloudFront.items(of: "a header") ?? []
      for item in items where item.plainText?.lowercased().hasPrefix("cloudfront-") == false {
        item.error("\((item.plainText ?? "").quoted) is not a CloudFront header; the viewer's headers are all there")
      }
      return .allViewerAndCloudFront(items.compactMap(headerName))
    }
    value.error("headers has either allExcept or allViewerAndCloudFront")
    return .none
  }

  /// A header's name in lower case. A `CloudFront-` name must be one that exists.
  func headerName(_ value: Value) -> String? {
    guard let text = value.nonEmptyText("a header's name") else { return nil }
    guard HeaderRules.isToken(text) else {
      value.error("\(text.quoted) is not the name of a header")
      return nil
    }
    let name = text.lowercased()
    if name.hasPrefix("cloudfront-"), CloudFrontHeader(lowercasedName: name) == nil {
      let names = CloudFrontHeader.allCases.map(\.rawValue)
      value.error("there is no header \(text)\(Suggestion.text(for: text, among: names))")
      return nil
    }
    return name
  }

  /// `none`, `all`, a list of names or `{ allExcept: […] }`.
  func nameSelection(_ value: Value) -> NameSelection? {
    switch value.plainText {
    case "none": return NameSelection.none
    case "all": return .all
    case .some:
      value.mismatch("none, all, a list of names or { allExcept: […] }")
      return nil
    case nil: break
    }
    guard value.isMapping else {
      let names = value.texts(of: "a name") ?? []
      return names.isEmpty ? NameSelection.none : .only(names)
    }
    guard let section = value.section(value.name) else { return nil }
    defer { section.finish() }
    guard let except = section.required("allExcept") else { return nil }
    let names = except.texts(of: "a name") ?? []
    return names.isEmpty ? .all : .allExcept(names)
  }
}
