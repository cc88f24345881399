// What `skerry explain` shows a person: the explanation's JSON as a tree.
import ConfigurationFile
import JSONText

enum ExplanationText {
  static func page(_ json: JSONValue) -> String {
    var tree = Tree()
    let request = json["request"]
    tree.line(0, "\(request?["method"]?.string ?? "") \(request?["url"]?.string ?? "")")
    for field in request?["fields"]?.array ?? [] { tree.line(1, (field.array ?? []).compactMap(\.string).joined(separator: ": ")) }
    if let failure = json["failure"]?.string, json["answer"] == nil {
      tree.line(0, failure)
      return tree.text
    }
    tls(json, &tree)
    distribution(json, &tree)
    redirects(json, &tree)
    let functions = json["functions"]?.array ?? []
    let leftOut = json["functionsLeftOut"]?.array ?? []
    func run(at event: String) {
      for run in functions where run["event"]?.string == event { function(run, &tree) }
      for function in leftOut where function["event"]?.string == event { tree.section("\(event) function \(function["name"]?.string ?? ""): left out") }
    }
    run(at: "viewer-request")
    if let changes = json["defaultRootObject"] { tree.section("default root object"); self.changes(changes, &tree) }
    cache(json, &tree)
    run(at: "origin-request")
    origin(json, &tree)
    run(at: "origin-response")
    storing(json, &tree)
    run(at: "viewer-response")
    if let page = json["errorPage"] { errorPage(page, &tree) }
    if let policy = json["responseHeadersPolicy"] {
      tree.section("response headers policy \(policy["name"]?.string ?? "")")
      changes(policy["changes"], &tree)
    }
    answer(json, &tree)
    return tree.text
  }

  /// What TLS decides before there is a request.
  private static func tls(_ json: JSONValue, _ tree: inout Tree) {
    guard let tls = json["tls"] else { return }
    tree.section("TLS" + (tls["listener"]?.string.map { " at \($0)" } ?? ""))
    if let problem = tls["problem"]?.string { tree.line(1, problem) }
    guard let policy = tls["securityPolicy"]?.string else { return }
    if tls["isAtPort"] == .boolean(false) { tree.line(1, "no TLS listener has the URL's port: something before this one is taken to pass it on") }
    let name = tls["serverName"]?.string
    tree.line(1, name.map { "asked for \($0)" } ?? "asked for no name: an address is not sent")
    for certificate in tls["certificates"]?.array ?? [] {
      let names = (certificate["names"]?.array ?? []).compactMap(\.string), expires = certificate["expires"]?.string?.prefix(10) ?? ""
      let age = certificate["isExpired"] == .boolean(true) ? "EXPIRED \(expires)" : "until \(expires)"
      tree.line(1, "shows \(certificate["file"]?.string ?? "") (\(certificate["key"]?.string ?? "")), for \(names.joined(separator: ", ")), \(age)")
    }
    if let name, tls["isCovered"] == .boolean(false) { tree.line(1, "✗ none of the listener's certificates is for \(name): viewers refuse what they are shown") }
    if tls["isMisdirected"] == .boolean(true) { tree.line(1, "✗ what it shows is not for the request's Host: answered with 421, whatever follows here") }
    tree.line(1, "\(tls["minimumVersion"]?.string ?? "") at least (\(policy)); \((tls["applicationProtocols"]?.array ?? []).compactMap(\.string).joined(separator: ", "))")
    if let wanted = tls["viewerCertificate"]?.string, wanted != "none" { tree.line(1, "a certificate of the viewer's is \(wanted)") }
  }

  private static func distribution(_ json: JSONValue, _ tree: inout Tree) {
    guard let distribution = json["distribution"]?.object.map(JSONValue.object) else {
      // What is refused before it is a request meets none.
      if json["refusal"] == nil { tree.section("distribution: none") }
      return
    }
    let aliases = (distribution["aliases"]?.array ?? []).compactMap(\.string)
    tree.section("distribution \(distribution["id"]?.string ?? "")")
    tree.line(1, "for Host \(distribution["host"]?.string ?? ""); aliases \(aliases.isEmpty ? "none" : aliases.joined(separator: ", "))\(distribution["isDefault"] == .boolean(true) ? "; the default" : "")")
    let behaviors = json["behaviors"]?.array ?? []
    if !behaviors.isEmpty { tree.section("behaviors") }
    for behavior in behaviors {
      let isMatch = behavior["isMatch"] == .boolean(true)
      tree.line(1, "\(isMatch ? "✓" : "✗") \(behavior["path"]?.string ?? "")" + (isMatch ? " → \(behavior["target"]?.string ?? "")" : ""))
      guard isMatch else { continue }
      for name in ["viewerProtocolPolicy", "cachePolicy", "originRequestPolicy", "responseHeadersPolicy"] {
        guard let value = behavior[name]?.string else { continue }
        tree.line(2, "\(name) \(value)" + (name == "viewerProtocolPolicy" ? protocolWords(value, json) : ""))
      }
    }
  }

  /// What the viewer protocol policy makes of how the request came.
  private static func protocolWords(_ policy: String, _ json: JSONValue) -> String {
    let isSecure = json["request"]?["url"]?.string?.lowercased().hasPrefix("https://") == true
    if policy == "allow-all" { return "" }
    return isSecure ? ": came over TLS, goes on" : policy == "https-only" ? ": came in the clear, refused" : ": came in the clear, sent to https"
  }

  private static func redirects(_ json: JSONValue, _ tree: inout Tree) {
    guard let redirects = json["redirects"] else { return }
    tree.section("redirect rules \(redirects["table"]?.string ?? "")")
    if let rule = redirects["rule"]?.string {
      tree.line(1, "\(rule): \(redirects["from"]?.string ?? "") → \(redirects["to"]?.string ?? "")")
    } else {
      tree.line(1, "none of \(number(redirects["rules"])) matches")
    }
  }

  private static func function(_ run: JSONValue, _ tree: inout Tree) {
    tree.section("\(run["event"]?.string ?? "") function \(run["name"]?.string ?? ""): \(run["outcome"]?.string ?? "")")
    tree.line(1, run["durationMicroseconds"].map { "\(number($0)) µs, in its sandbox" } ?? "fuel \(number(run["fuel"])), \(number(run["cpuMicroseconds"])) µs")
    if let error = run["error"]?.string { tree.line(1, "error \(error)") }
    for line in run["logs"]?.array ?? [] { tree.line(1, "log \(line.string?.replacing("\t", with: "  ") ?? "")") }
    changes(run["changes"], &tree)
  }

  private static func changes(_ changes: JSONValue?, _ tree: inout Tree) {
    let list = changes?.array ?? []
    if list.isEmpty { tree.line(1, "changes nothing") }
    for change in list {
      let part = change["part"]?.string ?? "", before = change["before"]?.string, after = change["after"]?.string
      switch (before, after) {
      case (nil, let after?): tree.line(1, "+ \(part): \(after)")
      case (let before?, nil): tree.line(1, "− \(part): \(before)")
      default: tree.line(1, "~ \(part): \(before ?? "") → \(after ?? "")")
      }
    }
  }

  private static func cache(_ json: JSONValue, _ tree: inout Tree) {
    let lookups = json["cache"]?["lookups"]?.array ?? []
    for lookup in lookups {
      tree.section("cache key")
      for part in lookup["key"]?.array ?? [] {
        tree.line(1, "\(part["part"]?.string ?? "") = \(part["value"]?.string ?? "(absent)")   ← \(part["from"]?.string ?? "")")
      }
      tree.line(1, "found: \(lookup["found"]?.string ?? "")")
      if let freshness = lookup["freshness"] { tree.line(2, words(freshness)) }
    }
    if lookups.isEmpty, let outcome = json["cacheOutcome"] {
      tree.section("cache")
      tree.line(1, outcome["meaning"]?.string ?? "")
    } else if lookups.isEmpty, !(json["origin"]?.array ?? []).isEmpty {
      tree.section("cache: none here")
    }
  }

  private static func origin(_ json: JSONValue, _ tree: inout Tree) {
    for origin in json["origin"]?.array ?? [] {
      tree.section("origin \(origin["name"]?.string ?? ""): \(origin["place"]?.string ?? "")")
      if let line = origin["requestLine"]?.string { tree.line(1, line) }
      for field in origin["fields"]?.array ?? [] { tree.line(2, "\(field["line"]?.string ?? "")   ← \(field["from"]?.string ?? "")") }
      let withheld = (origin["withheld"]?.array ?? []).compactMap(\.string)
      if !withheld.isEmpty { tree.line(1, "does not get \(withheld.joined(separator: ", "))") }
      if let status = origin["status"] {
        tree.line(1, "answers \(number(status))\(origin["isStandIn"] == .boolean(true) ? " (a stand-in: no origin was asked)" : "")")
        for field in origin["answerFields"]?.array ?? [] { tree.line(2, field.string ?? "") }
      } else {
        tree.line(1, "gives no answer")
      }
    }
    if let chosen = json["originChosenByFunction"]?.string { tree.line(1, "chosen by a function: \(chosen)") }
  }

  private static func storing(_ json: JSONValue, _ tree: inout Tree) {
    guard let storing = json["cache"]?["storing"]?.object.map(JSONValue.object) else { return }
    tree.section("storing")
    let said = (storing["originSays"]?.array ?? []).compactMap(\.string)
    tree.line(1, "the origin says \(said.isEmpty ? "nothing" : said.joined(separator: ", "))")
    if let policy = storing["policy"] {
      tree.line(1, "\(policy["mode"]?.string ?? "") rules of \(policy["name"]?.string ?? ""): min \(number(policy["minTTL"])), default \(number(policy["defaultTTL"])), max \(number(policy["maxTTL"])) s")
    }
    if let freshness = storing["freshness"] { tree.line(1, "stored, " + words(freshness)) } else { tree.line(1, "not stored") }
  }

  /// The distribution's page for an error, and the request for it.
  private static func errorPage(_ page: JSONValue, _ tree: inout Tree) {
    tree.section("error page for \(number(page["errorCode"])): \(page["path"]?.string ?? "")")
    tree.line(1, page["isTaken"] == .boolean(true) ? "answered in its place, with status \(number(page["responseCode"]))" : "cannot be had: the error stays as it is")
    tree.base += 1
    if let behavior = page["behaviors"]?.array?.last { tree.line(0, "behavior \(behavior["path"]?.string ?? "") → \(behavior["target"]?.string ?? "")") }
    cache(page, &tree)
    origin(page, &tree)
    storing(page, &tree)
    tree.base -= 1
  }

  private static func words(_ freshness: JSONValue) -> String {
    func seconds(_ name: String) -> String? { freshness[name].map { $0.string ?? "\(number($0)) s" } }
    var parts = ["age \(number(freshness["ageSeconds"])) s", "fresh for \(seconds("freshForSeconds") ?? "")"]
    if let value = seconds("servedStaleWhileRefreshedForSeconds") { parts.append("served stale while refreshed for \(value)") }
    if let value = seconds("servedWhenOriginFailsForSeconds") { parts.append("served when the origin fails: \(value)") }
    return (parts + (freshness["flags"]?.array ?? []).compactMap(\.string)).joined(separator: ", ")
  }

  private static func answer(_ json: JSONValue, _ tree: inout Tree) {
    tree.section("answer")
    if let refusal = json["refusal"]?.string {
      tree.line(1, "refused: \(refusal)")
      if json["answer"]?["statusLine"]?.string?.isEmpty != false { return }
    }
    tree.line(1, json["answer"]?["statusLine"]?.string ?? "none")
    for field in json["answer"]?["fields"]?.array ?? [] { tree.line(2, field.string ?? "") }
    tree.line(1, "\(number(json["answer"]?["contentBytes"])) bytes of content")
    if let result = json["resultType"]?.string { tree.line(1, "logged as \(result)\(json["detailedResultType"]?.string.map { " (\($0))" } ?? "")") }
    if let outcome = json["cacheOutcome"], let word = outcome["word"]?.string { tree.line(1, "cache \(word): \(outcome["meaning"]?.string ?? "")") }
    if let failure = json["failure"]?.string { tree.line(1, "because \(failure)") }
  }

  private static func number(_ value: JSONValue?) -> String { if case .number(let text)? = value { text } else { "" } }

  /// Lines by depth.
  private struct Tree {
    var text = ""
    /// What every line is indented by.
    var base = 0

    mutating func section(_ title: String) { line(0, title) }
    mutating func line(_ depth: Int, _ content: String) { text += String(repeating: "  ", count: base + depth) + content.onOneLine + "\n" }
  }
}
