// Owns: the order in which nginx looks at servers and locations (nginx.org/en/docs/http/request_processing.html), in which their rules stand in a
// table. What nginx serves itself has no place there: where a later rule would answer for it, that is listed. Pure.

extension NginxReading {
  /// Servers with names come first; the one without is for every other host.
  mutating func readServers(_ servers: [NginxStatement], _ place: Place) {
    func names(_ server: NginxStatement) -> [String] {
      let words = (server.block ?? []).filter { $0.words[0] == "server_name" }.flatMap { $0.words.dropFirst() }
      return words.filter { $0 != "_" && !$0.isEmpty && $0 != "localhost" }.map { ($0.hasPrefix(".") ? "*" + $0 : $0).lowercased() }
    }
    let named = servers.filter { !names($0).isEmpty }, isPlain = { (name: String) in !name.hasPrefix("~") && !name.hasSuffix("*") }
    for server in named {
      var inner = place
      let hosts = names(server)
      if hosts.allSatisfy(isPlain) { inner.conditions.append(RedirectCondition(.host(hosts))) } else { inner.obstacle = "a server_name with an expression" }
      read(server.block ?? [], inner)
    }
    let others = named.flatMap(names).filter(isPlain)
    for server in servers where names(server).isEmpty {
      var inner = place
      if !others.isEmpty { inner.conditions.append(RedirectCondition(.host(others), isNegated: true)) }
      read(server.block ?? [], inner)
    }
  }

  /// A location, and what came of it.
  private struct Location {
    let words: [String], line: Int, block: [NginxStatement]
    let place: Place
    /// `=`, `^~`, `~` and `~*`, then paths alone.
    let rank: Int
    var rules = 0..<0
    var path: String { place.kind == .prefix ? String((place.from ?? "*").dropLast()) : place.from ?? "" }
    /// Whether every request here has an answer in the table.
    var answersAll = false
  }

  /// Exact ones, then `^~`, expressions in their order, and paths, the longest first.
  mutating func readLocations(_ statements: [NginxStatement], _ place: Place) {
    var locations: [Location] = []
    for statement in statements where statement.words.count < 2 || !statement.words[1].hasPrefix("@") {
      var inner = place
      do throws(RedirectProblem) {
        try location(Array(statement.words.dropFirst()), &inner)
        let rank = ["=": 0, "^~": 1, "~": 2, "~*": 2][statement.words[1]] ?? 3
        locations.append(Location(words: statement.words, line: statement.line, block: statement.block ?? [], place: inner, rank: rank))
      } catch { problems.append(RedirectProblem(error.text, line: statement.line)) }
    }
    locations = locations.enumerated().sorted { left, right in
      let (a, b) = (left.element, right.element)
      let isByLength = a.rank == b.rank && (a.rank == 1 || a.rank == 3) && a.path.utf8.count != b.path.utf8.count
      return isByLength ? a.path.utf8.count > b.path.utf8.count : (a.rank, left.offset) < (b.rank, right.offset)
    }.map(\.element)
    for index in locations.indices {
      let start = rules.count
      read(locations[index].block, locations[index].place)
      locations[index].rules = start..<rules.count
      let place = locations[index].place
      locations[index].answersAll = rules[start...].contains { $0.from == place.from && $0.kind == place.kind && $0.conditions == place.conditions }
    }
    for (index, location) in locations.enumerated() { report(location, locations[(index + 1)...]) }
  }

  /// A location whose requests stay, in part at least, before others whose rules would answer for it.
  private mutating func report(_ location: Location, _ later: ArraySlice<Location>) {
    let name = location.words.dropFirst().joined(separator: " ")
    if location.rank == 1, let inner = later.first(where: { $0.rank == 3 && $0.path.hasPrefix(location.path) }), !location.rules.isEmpty {
      problems.append(RedirectProblem("the location \(name) comes before the one in line \(inner.line) inside it, which a table cannot say", line: location.line))
    }
    guard !location.answersAll, let other = later.first(where: { !$0.rules.isEmpty && Self.overlap(location, $0) }) else { return }
    problems.append(RedirectProblem(
      "requests for the location \(name) stay at nginx, which a table cannot say: the rule of line \(rules[other.rules.lowerBound].line) would answer them", line: location.line))
  }

  /// Whether some path may be for both.
  private static func overlap(_ a: Location, _ b: Location) -> Bool {
    func beginning(_ location: Location) -> String {
      guard location.place.kind == .regex else { return location.path }
      var rule = RedirectRule(from: location.path, to: "")
      rule.kind = .regex
      return PatternText.beginning(of: rule)
    }
    let (first, second) = (beginning(a), beginning(b))
    if a.place.kind == .exact { return first.hasPrefix(second) }
    return a.place.ignoresCase || b.place.ignoresCase || first.hasPrefix(second) || second.hasPrefix(first)
  }
}
