// Response headers policies of the file. Keys are CloudFront's; a shorter form stands beside some.
// Source: spec/request-pipeline.md 6; design/configuration.md.
import Distribution

extension Reader {
  private typealias Policy = ResponseHeadersPolicy

  func responseHeadersPolicy(_ section: Section, _ name: String) -> ResponseHeadersPolicy? {
    var policy = ResponseHeadersPolicy(name: name)
    policy.cors = section.optional("cors").flatMap(cors)
    if let value = section.optional("securityHeaders") { policy.securityHeaders = securityHeaders(value) }
    if let value = section.optional("customHeaders") { policy.customHeaders = responseCustomHeaders(value) }
    if let value = section.optional("removeHeaders") { policy.removeHeaders = removedHeaders(value) }
    if let value = section.optional("serverTiming") { policy.serverTimingSamplingPercent = serverTiming(value) }
    return policy
  }

  private func cors(_ value: Value) -> ResponseHeadersPolicy.CORS? {
    guard let section = value.section("cors") else { return nil }
    defer { section.finish() }
    let originsValue = section.required("accessControlAllowOrigins", or: "allowOrigins")
    let origins = originsValue?.items(of: "an origin") ?? []
    var cors = ResponseHeadersPolicy.CORS(allowOrigins: origins.compactMap(allowedOrigin))
    if originsValue?.isEmptyList == true { originsValue?.error("at least one origin is needed") }
    if let flag = section.optional("accessControlAllowCredentials", or: "allowCredentials")?.flag() {
      cors.allowCredentials = flag
    }
    if cors.allowCredentials && cors.allowOrigins.contains(where: \.isEvery) {
      originsValue?.error("credentials cannot be allowed to every origin (*); list the origins")
    }
    cors.allowHeaders = headerPatterns(section.optional("accessControlAllowHeaders", or: "allowHeaders"))
    cors.exposeHeaders = headerPatterns(section.optional("accessControlExposeHeaders", or: "exposeHeaders"))
    cors.allowMethods = corsMethods(section.optional("accessControlAllowMethods", or: "allowMethods"))
    cors.maxAgeSeconds = section.optional("accessControlMaxAgeSec", or: "maxAge")?.seconds(0...Int(Int32.max))
    if let flag = section.optional("originOverride", or: "override")?.flag() { cors.originOverride = flag }
    return cors
  }

  private func allowedOrigin(_ value: Value) -> AllowedOrigin? {
    guard let text = value.nonEmptyText("an origin such as https://www.example.com") else { return nil }
    if let origin = AllowedOrigin(text) { return origin }
    value.error(
      "\(text.quoted) is not an origin: [scheme://]host[:port] without a path, "
        + "* only as the whole leftmost label or in the port")
    return nil
  }

  private func headerPatterns(_ value: Value?) -> [String] {
    (value?.items(of: "a header") ?? []).compactMap { item in
      guard let text = item.nonEmptyText("a header's name") else { return nil }
      if HeaderRules.isToken(text) { return text }
      item.error("\(text.quoted) is not the name of a header")
      return nil
    }
  }

  private func corsMethods(_ value: Value?) -> [String] {
    let names = Policy.CORS.allMethods + ["ALL"]
    return (value?.items(of: "a method") ?? []).compactMap { item in
      guard let text = item.nonEmptyText("a method") else { return nil }
      if names.contains(text) { return text }
      item.error("there is no method \(text.quoted) here\(Suggestion.text(for: text, among: names))")
      return nil
    }
  }

  // Security headers: each a mapping with `override` (true when absent), or its value alone.

  private func securityHeaders(_ value: Value) -> ResponseHeadersPolicy.SecurityHeaders {
    var headers = ResponseHeadersPolicy.SecurityHeaders()
    guard let section = value.section("securityHeaders") else { return headers }
    defer { section.finish() }
    headers.strictTransportSecurity = section.optional("strictTransportSecurity").flatMap(strictTransportSecurity)
    headers.contentTypeOptionsOverride = section.optional("contentTypeOptions").flatMap(contentTypeOptions)
    headers.frameOptions = section.optional("frameOptions").flatMap { value in
      overridable(value, key: "frameOption") { $0.choice(ResponseHeadersPolicy.FrameOption.self) }
    }
    headers.referrerPolicy = section.optional("referrerPolicy").flatMap { value in
      overridable(value, key: "referrerPolicy") { $0.choice(ResponseHeadersPolicy.ReferrerPolicy.self) }
    }
    headers.contentSecurityPolicy = section.optional("contentSecurityPolicy").flatMap { value in
      overridable(value, key: "contentSecurityPolicy") { self.fieldValue($0, maximumBytes: 1783) }
    }
    headers.xssProtection = section.optional("xssProtection").flatMap(xssProtection)
    return headers
  }

  private func overridable<Content>(
    _ value: Value, key: String, _ read: (Value) -> Content?
  ) -> ResponseHeadersPolicy.Overridable<Content>? {
    guard value.isMapping else { return read(value).map { .init($0, override: true) } }
    guard let section = value.section(value.name) else { return nil }
    defer { section.finish() }
    let override = section.flag("override", default: true)
    return section.required(key).flatMap(read).map { .init($0, override: override) }
  }

  private func strictTransportSecurity(
    _ value: Value
  ) -> ResponseHeadersPolicy.Overridable<ResponseHeadersPolicy.StrictTransportSecurity>? {
    guard let section = value.section("strictTransportSecurity") else { return nil }
    defer { section.finish() }
    let maxAge = section.required("accessControlMaxAgeSec", or: "maxAge")?.seconds(0...Int(Int32.max))
    let security = ResponseHeadersPolicy.StrictTransportSecurity(
      maxAgeSeconds: maxAge ?? 0, includeSubdomains: section.flag("includeSubdomains", default: false),
      preload: section.flag("preload", default: false))
    return .init(security, override: section.flag("override", default: true))
  }

  /// `contentTypeOptions: true` or `{ override: … }`.
  private func contentTypeOptions(_ value: Value) -> Bool? {
    guard value.isMapping else { return value.flag() == true ? true : nil }
    guard let section = value.section("contentTypeOptions") else { return nil }
    defer { section.finish() }
    return section.flag("override", default: true)
  }

  private func xssProtection(
    _ value: Value
  ) -> ResponseHeadersPolicy.Overridable<ResponseHeadersPolicy.XSSProtection>? {
    guard let section = value.section("xssProtection") else { return nil }
    defer { section.finish() }
    let isOn = section.required("protection")?.flag() ?? false
    let block = section.flag("modeBlock", default: false)
    let report = section.optional("reportUri")
    let uri = report.flatMap { fieldValue($0, maximumBytes: 1783) }
    if block, let report { report.error("modeBlock and reportUri exclude each other") }
    if !isOn && (block || report != nil) { value.error("modeBlock and reportUri need protection: true") }
    let protection: ResponseHeadersPolicy.XSSProtection =
      !isOn ? .off : block ? .block : uri.map { .report($0) } ?? .on
    return .init(protection, override: section.flag("override", default: true))
  }

  /// A mapping of names and values, or CloudFront's list of `{ header, value, override }`.
  private func responseCustomHeaders(_ value: Value) -> [ResponseHeadersPolicy.CustomHeader] {
    var headers: [ResponseHeadersPolicy.CustomHeader] = []
    func add(_ name: Value, _ content: Value?, override: Bool) {
      guard let text = name.nonEmptyText("a header's name"), headerName(name) != nil, let content,
        let fieldValue = fieldValue(content, maximumBytes: 1783)
      else { return }
      if !HeaderRules.mayChangeInResponse(text) {
        name.error("\(text) cannot be added to a response")
      } else if ResponseHeadersPolicy.SecurityHeaders.names.contains(text.lowercased()) {
        refuse(name, "\(text) is a security header; set it under securityHeaders")
      }
      if headers.contains(where: { $0.field.name.lowercased() == text.lowercased() }) {
        name.error("\(text) is given more than once")
      }
      headers.append(.init(HeaderField(name: text, value: fieldValue), override: override))
    }
    if value.isMapping {
      for entry in value.section("customHeaders")?.entries ?? [] { add(entry.key, entry.value, override: true) }
    } else {
      for item in value.items(of: "a header") ?? [] {
        guard let section = item.section("a custom header") else { continue }
        let override = section.flag("override", default: true)
        // An empty value is a value here.
        let content = section.entries.first { $0.name == "value" }?.value ?? section.required("value")
        _ = section.optional("value")
        if let name = section.required("header") { add(name, content, override: override) }
        section.finish()
      }
    }
    if headers.count > 10 { refuseOrWarn(value, "a response headers policy adds at most 10 custom headers") }
    return headers
  }

  private func removedHeaders(_ value: Value) -> [String] {
    (value.items(of: "a header") ?? []).compactMap { item in
      guard let name = headerName(item) else { return nil }
      if HeaderRules.mayChangeInResponse(name) { return name }
      item.error("\(item.plainText ?? "") cannot be removed from a response")
      return nil
    }
  }

  /// `50`, or `{ samplingRate: 50 }`: percent, at most four decimals.
  private func serverTiming(_ value: Value) -> Double? {
    var rate = value
    if value.isMapping {
      guard let section = value.section("serverTiming") else { return nil }
      defer { section.finish() }
      let isOn = section.flag("enabled", default: true)
      guard let found = section.optional("samplingRate") else { return isOn ? 100 : nil }
      if !isOn { return nil }
      rate = found
    }
    let decimals = rate.plainText?.split(separator: ".", maxSplits: 1).dropFirst().first?.count ?? 0
    guard let text = rate.plainText, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }),
      let percent = Double(text), (0...100).contains(percent), decimals <= 4
    else {
      rate.mismatch("a percentage from 0 to 100 with at most four decimals")
      return nil
    }
    return percent
  }

  /// Text that can be the value of a header; may be empty.
  func fieldValue(_ value: Value, maximumBytes: Int) -> String? {
    guard let text = value.node.isNull ? "" : value.text() else { return nil }
    if !HeaderRules.isFieldValue(text) {
      value.error("\(text.quoted) cannot be the value of a header")
      return nil
    }
    if text.utf8.count > maximumBytes {
      value.error("the value has \(text.utf8.count) bytes; at most \(maximumBytes) are allowed")
      return nil
    }
    return text
  }
}
