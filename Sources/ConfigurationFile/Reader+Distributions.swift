// Distributions: aliases, default root object, error responses.
// Source: spec/request-pipeline.md 1, 2, 10, 11.1; design/configuration.md.
import Distribution

extension Reader {
  func distributions(_ top: Section) -> [Distribution] {
    guard let value = top.required("distributions"), let items = value.items(of: "a distribution") else { return [] }
    if items.isEmpty { value.error("at least one distribution is needed") }
    var names = Taken()
    return items.compactMap { distribution($0, &names) }
  }

  /// What only one distribution of a configuration can have, with the line where it was given.
  struct Taken {
    var ids: [String: Int] = [:]
    var aliases: [String: Int] = [:]
    var defaultLine: Int?
  }

  private func distribution(_ value: Value, _ taken: inout Taken) -> Distribution? {
    guard let section = value.section("a distribution") else { return nil }
    defer { section.finish() }
    places.append(DistributionPlaces())
    var distribution = Distribution(id: "", origins: [], behaviors: [])
    if let idValue = section.required("id"), let id = idValue.nonEmptyText() {
      distribution.id = id
      if let line = taken.ids.updateValue(idValue.line, forKey: id) {
        idValue.error("id \(id.quoted) is already taken in line \(line)")
      } else if !id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }) || id.utf8.count > 64 {
        idValue.error("an id has at most 64 visible ASCII characters and no /")
      }
    }
    let aliasesValue = section.optional("aliases")
    distribution.aliases = aliasesValue.map { aliases($0, &taken) } ?? []
    readDefault(section, &distribution, &taken)
    if distribution.aliases.isEmpty && !distribution.isDefault && aliasesValue?.isEmptyList != false {
      value.warning("no request can reach this distribution: it has no aliases and is not the default")
    }
    distribution.defaultRootObject = section.optional("defaultRootObject").flatMap(defaultRootObject)
    if let value = section.optional("cacheTagHeader"), let name = headerName(value) { distribution.cacheTagHeader = name }
    distribution.origins = origins(section)
    distribution.originGroups = originGroups(section, origins: distribution.origins)
    distribution.errorResponses = section.optional("errorResponses").map(errorResponses) ?? []
    distribution.geoRestriction = section.optional("geoRestriction").flatMap(geoRestriction)
    distribution.behaviors = behaviors(section, distribution)
    return distribution
  }

  private func readDefault(_ section: Section, _ distribution: inout Distribution, _ taken: inout Taken) {
    guard let value = section.optional("default"), let flag = value.flag() else { return }
    distribution.isDefault = flag
    if flag {
      if let line = taken.defaultLine { value.error("the default distribution is already given in line \(line)") }
      taken.defaultLine = taken.defaultLine ?? value.line
    }
  }

  private func aliases(_ value: Value, _ taken: inout Taken) -> [String] {
    guard let items = value.items(of: "an alias") else { return [] }
    if items.count > 100 { refuse(value, "a distribution has at most 100 aliases") }
    return items.compactMap { item in
      guard let text = item.nonEmptyText("a host name") else { return nil }
      let alias = text.lowercased()
      let name = alias.hasPrefix("*.") ? String(alias.dropFirst(2)) : alias
      guard HostName.isValid(name) else {
        item.error("\(text.quoted) is not a host name; a wildcard is *.example.com, and there is no port")
        return nil
      }
      if let line = taken.aliases.updateValue(item.line, forKey: alias) {
        item.error("alias \(alias) is already taken in line \(line)")
      }
      return alias
    }
  }

  private func defaultRootObject(_ value: Value) -> String? {
    guard let text = value.nonEmptyText("a path such as index.html") else { return nil }
    if text.hasPrefix("/") {
      value.error("defaultRootObject has no / at its beginning; did you mean \(text.drop { $0 == "/" })?")
    } else if text.utf8.count > 255 || !RequestPath.isValid(text) {
      value.error("defaultRootObject has at most 255 visible ASCII characters, and no ? or #")
    }
    return text
  }

  private func errorResponses(_ value: Value) -> [ErrorResponse] {
    var responses: [ErrorResponse] = []
    for item in value.items(of: "an error response") ?? [] {
      guard let section = item.section("an error response") else { continue }
      defer { section.finish() }
      guard let codeValue = section.required("errorCode"),
        let code = statusCode(codeValue, among: ErrorResponse.supportedErrorCodes)
      else {
        for key in ["responsePagePath", "responseCode", "errorCachingMinTTL"] { _ = section.optional(key) }
        continue
      }
      var response = ErrorResponse(errorCode: code)
      if responses.contains(where: { $0.errorCode == code }) {
        codeValue.error("there is already an error response for \(code)")
      }
      let pathValue = section.optional("responsePagePath")
      let responseValue = section.optional("responseCode")
      response.responsePagePath = pathValue.flatMap(pagePath)
      response.responseCode = responseValue.flatMap { statusCode($0, among: ErrorResponse.supportedResponseCodes) }
      if (pathValue == nil) != (responseValue == nil) {
        item.error("responsePagePath and responseCode are given together or not at all")
      }
      response.errorCachingMinTTLSeconds = section.optional("errorCachingMinTTL")?.seconds(0...31_536_000) ?? 10
      responses.append(response)
    }
    return responses
  }

  private func pagePath(_ value: Value) -> String? {
    guard let text = value.nonEmptyText("a path such as /errors/404.html") else { return nil }
    if !text.hasPrefix("/") || !RequestPath.isValid(text) {
      value.error("responsePagePath begins with / and has only visible ASCII, no ? or #")
    }
    return text
  }

  private func statusCode(_ value: Value, among codes: [Int]) -> Int? {
    guard let code = value.wholeNumber(100...599) else { return nil }
    if codes.contains(code) { return code }
    value.error("\(value.name) cannot be \(code); known: \(codes.map(String.init).joined(separator: ", "))")
    return nil
  }
}
