// What a case would have to expect for its run to pass, in the short forms that a person would use. Pure.
import JSONText

extension CaseResult {
  /// The new content of `expect:`. It names what the old one named; where that was of another kind, what the function decided.
  var newExpectation: JSONObject {
    let old = testCase.expected
    var new = JSONObject()
    if let error = report.error {
      new["error"] = .string(error.text)
    } else if let request = report.output?["request"]?.object {
      new["request"] = .object(old.request.map { named($0, in: request) } ?? changes(of: request))
    } else if let response = report.output?["response"]?.object {
      new["response"] = .object(old.response.map { named($0, in: response) } ?? CaseResult.essentials(of: response))
    }
    if old.origin != nil || report.origin != nil { new["origin"] = report.origin ?? .null }
    if old.logs != nil { new["logs"] = .array(report.logs.map { .string($0) }) }
    if old.fuel != nil { new["fuel"] = .number(String(report.fuel)) }
    return new
  }

  /// The members that an expectation names, as they are now; all of them where it is exact.
  private func named(_ expectation: Expectation, in object: JSONObject) -> JSONObject {
    var new = JSONObject()
    let names = expectation.entries.map(\.name)
    let isExact = names.contains("exact")
    for entry in expectation.entries {
      if entry.name == "exact" { new["exact"] = .boolean(true); continue }
      new[entry.name] = CaseResult.shorthand(entry.name, object[entry.name], like: isExact ? nil : entry.value)
    }
    for member in object.members where isExact && !names.contains(member.name) && member.name != "method" {
      if member.value.object?.isEmpty != true { new[member.name] = CaseResult.shorthand(member.name, member.value, like: nil) }
    }
    return new
  }

  /// What a function changed of a request.
  private func changes(of request: JSONObject) -> JSONObject {
    let before = testCase.event.document["request"]?.object ?? [:]
    var new: JSONObject = ["uri": request["uri"] ?? .null]
    for name in ["querystring", "headers", "cookies"] {
      guard let set = request[name], set != before[name] else { continue }
      guard let now = set.object, name != "querystring" else {
        new[name] = .string(set.string ?? Query.text(set.object ?? [:]))
        continue
      }
      let old = before[name]?.object ?? [:]
      var changed = JSONObject()
      for member in now.members where old[member.name] != member.value { changed[member.name] = CaseResult.shorthand(member.value) }
      for member in old.members where now[member.name] == nil { changed[member.name] = .null }
      new[name] = .object(changed)
    }
    return new
  }

  private static func essentials(of response: JSONObject) -> JSONObject {
    var new: JSONObject = ["statusCode": response["statusCode"] ?? .null]
    for name in ["headers", "cookies", "body"] {
      if let value = response[name], value.object?.isEmpty != true { new[name] = shorthand(name, value, like: nil) }
    }
    return new
  }

  /// A member in its short form; of a set, the names that the old expectation has.
  private static func shorthand(_ name: String, _ value: JSONValue?, like old: Expectation?) -> JSONValue {
    guard let value else { return .null }
    guard ["headers", "cookies", "querystring"].contains(name) else {
      return name == "body" ? (value["encoding"]?.string == "text" ? value["data"] ?? value : value) : value
    }
    if let old, case .scalar = old.kind { return .string(value.string ?? Query.text(value.object ?? [:])) }
    guard let set = value.object ?? value.string.map(Query.object) else { return value }
    var new = JSONObject()
    if let old {
      for entry in old.entries {
        let actual = set[name == "headers" ? entry.name.lowercasedASCII : entry.name]
        if case .mapping = entry.value.kind { new[entry.name] = actual ?? .null } else { new[entry.name] = actual.map(shorthand) ?? .null }
      }
    } else {
      for member in set.members { new[member.name] = shorthand(member.value) }
    }
    return .object(new)
  }

  /// One name's values: a text, or a list of them; with attributes as it is.
  private static func shorthand(_ field: JSONValue) -> JSONValue {
    if let attributes = field["attributes"]?.string, !attributes.isEmpty { return field }
    let several = field["multiValue"]?.array ?? []
    return several.count > 1 ? .array(several.map { $0["value"] ?? .null }) : several.first?["value"] ?? field["value"] ?? field
  }
}
