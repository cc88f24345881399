// Owns: a load test made of a table of redirect rules: each rule's own URL and its near misses, with what must be answered. Pure.
public import RedirectRules

extension LoadPlan {
  /// The plan of a table.
  /// - Parameters:
  ///   - file: the table's name, for the places of its rules.
  ///   - fields: of every request.
  ///   - country: where the proxy takes this machine to be, two capital letters; nil for nowhere.
  public static func rules(
    _ table: RedirectTable, file: String, _ target: LoadTarget, fields: [(name: String, value: String)] = [], country: String? = nil
  ) throws(LoadProblem) -> LoadPlan {
    var draft = LoadPlanDraft(target, fields)
    try draft.checkWords(method: "GET")
    draft.rulesFile = file
    var base = RedirectFacts()
    let host = fields.first { $0.name.lowercased() == "host" }?.value ?? target.host
    base.host = Array((host.hasPrefix("[") ? host : String(host.prefix { $0 != ":" })).lowercased().utf8)
    base.method = Array("GET".utf8)
    base.isSecure = target.isSecure
    base.country = Array((country ?? "").utf8)
    for index in 0..<table.count {
      let rule = table.rule(index)
      draft.rules.append(Rule(line: rule.line, from: rule.from, untested: nil))
      do throws(RedirectProbe.Untestable) {
        for probe in try table.probes(of: index, base) {
          // A TLS connection is for one name: a server answers requests for another with 421 (RFC 9110, 15.5.20).
          if !target.isSecure || probe.facts.host == base.host {
            draft.add(probe, base)
          } else if probe.isOwn {
            throw .init(reason: "it is for the host \(String(decoding: probe.facts.host, as: UTF8.self)), and the TLS connections are for \(target.host)")
          }
        }
      } catch { draft.rules[index].untested = error.reason }
    }
    return LoadPlan(draft)
  }
}

extension LoadPlanDraft {
  /// Adds a request about a rule.
  fileprivate mutating func add(_ probe: RedirectProbe, _ base: RedirectFacts) {
    var more: [(name: String, value: String)] = []
    if !probe.facts.cookies.isEmpty { more.append(("Cookie", String(decoding: probe.facts.cookies, as: UTF8.self))) }
    if !probe.facts.languages.isEmpty { more.append(("Accept-Language", String(decoding: probe.facts.languages, as: UTF8.self))) }
    let path = String(decoding: probe.path, as: UTF8.self) + (probe.query.map { "?" + String(decoding: $0, as: UTF8.self) } ?? "")
    let host = probe.facts.host == base.host ? nil : String(decoding: probe.facts.host, as: UTF8.self)
    let check: LoadPlan.Check, status: Int, location: [UInt8]
    switch probe.expectation {
    case .answer(let wantedStatus, let wanted): (check, status, location) = (.exactly, wantedStatus, wanted)
    case .anythingBut(let otherStatus, let other): (check, status, location) = (.notThis, otherStatus, other)
    }
    let place = keep(location)
    add(method: String(decoding: probe.facts.method, as: UTF8.self), path: URLText.encoded(path), host: host, more: more) { entry in
      entry.rule = Int32(probe.rule)
      entry.isOwn = probe.isOwn
      entry.check = check
      entry.status = UInt16(status)
      entry.locationStart = place
      entry.locationLength = UInt32(location.count)
    }
  }
}
