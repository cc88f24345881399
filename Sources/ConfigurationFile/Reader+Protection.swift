// Who may come in: public keys, key groups. The keys are read with the configuration.
// Source: spec/request-pipeline.md 16; CloudFront's PublicKeyConfig, KeyGroupConfig, TrustedKeyGroups.
import Distribution
import Geography
import TLS

extension Reader {
  /// The longest PEM file of a public key in bytes.
  static let publicKeyBytes = 16_384

  /// Reads `name: path`, or `name: { encodedKey: path or PEM, id: K2JCJMDEHXQW5F }`.
  func readPublicKeys(_ top: Section) {
    guard let section = top.optional("publicKeys")?.section("publicKeys") else { return }
    for entry in section.entries {
      if entry.name.isEmpty { entry.key.error("a public key's name cannot be empty") }
      var keyValue: Value? = entry.value, id = entry.name, idValue = entry.key
      if entry.value.isMapping, let own = entry.value.section("public key \(entry.name)") {
        keyValue = own.required("encodedKey")
        _ = own.optional("comment")?.text()
        if let value = own.optional("id"), let text = value.nonEmptyText() { (id, idValue) = (text, value) }
        own.finish()
      }
      if !id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"&=;,%+\"\\".utf8.contains($0) }) || id.utf8.count > 64 {
        idValue.error("a key's id stands in URLs and cookies: at most 64 visible ASCII characters without & = ; , % + \" \\")
      }
      if let other = publicKeys.first(where: { $0.id == id }) { idValue.error("the public key \(other.name) has the id \(id.quoted) already") }
      guard let keyValue, let (key, path) = publicKey(keyValue) else { continue }
      if case .rsa(let bits) = key.kind, bits != 2048 { refuse(keyValue, "an RSA key has 2048 bits, not \(bits)") }
      publicKeys.append(TrustedKey(name: entry.name, id: id, path: path, key: key))
    }
    publicKeyNames = section.entries.map(\.name)
  }

  /// A key and its file's path, or nil for one that stands here.
  private func publicKey(_ value: Value) -> (key: PublicKey, path: String?)? {
    guard let text = value.nonEmptyText("the path of a PEM file") else { return nil }
    var pem = Array(text.utf8), path: String?, name = "the key"
    if !text.contains("-----BEGIN") {
      guard let file = self.path(value) else { return nil }
      name = text.quoted
      problems.files.insert(file)
      switch Files.read(file, maximumBytes: Reader.publicKeyBytes) {
      case .failure(let problem):
        value.error("\(name) cannot be read: \(problem.text)")
        return nil
      case .success(let bytes): (pem, path) = (bytes, file)
      }
    }
    do throws(PublicKeyFailure) { return (try PublicKey(pem: pem), path) } catch {
      value.error("\(name) cannot be used: \(error.reason)")
      return nil
    }
  }

  /// Reads `name: [key, …]`, or `name: { items: [key, …] }`. A key that could not be read is not reported again.
  func readKeyGroups(_ top: Section) {
    guard let section = top.optional("keyGroups")?.section("keyGroups") else { return }
    for entry in section.entries {
      var list: Value? = entry.value
      if entry.value.isMapping, let own = entry.value.section("key group \(entry.name)") {
        list = own.required("items")
        _ = own.optional("comment")?.text()
        own.finish()
      }
      var group = KeyGroup(name: entry.name, keys: [])
      if let list, let items = list.items(of: "a public key") {
        if items.isEmpty { list.error("a key group needs a key") }
        if items.count > KeyGroup.keyLimit { refuse(list, "a key group has at most \(KeyGroup.keyLimit) keys") }
        group.keys = items.compactMap(key)
      }
      keyGroups.append(group)
    }
  }

  private func key(_ value: Value) -> TrustedKey? {
    guard let name = value.nonEmptyText("the name of a public key") else { return nil }
    if let key = publicKeys.first(where: { $0.name == name }) { return key }
    if !publicKeyNames.contains(name) { value.error("there is no public key \(name.quoted)\(Suggestion.text(for: name, among: publicKeyNames))") }
    return nil
  }

  /// The groups that a behavior trusts.
  func trustedKeyGroups(_ value: Value) -> [KeyGroup] {
    guard let items = value.items(of: "a key group") else { return [] }
    if items.isEmpty { value.error("at least one key group is needed; without the key nothing must be signed") }
    if items.count > KeyGroup.groupLimit { refuse(value, "a behavior trusts at most \(KeyGroup.groupLimit) key groups") }
    return items.compactMap { item in
      guard let name = item.nonEmptyText("the name of a key group") else { return nil }
      if let group = keyGroups.first(where: { $0.name == name }) { return group }
      item.error("there is no key group \(name.quoted)\(Suggestion.text(for: name, among: keyGroups.map(\.name)))")
      return nil
    }
  }
}

// MARK: Rates and countries

extension Reader {
  /// `{ rate: 100/s, burst: 200, key: clientIp, answer: 429 }`.
  func rateLimit(_ value: Value) -> RateLimit? {
    guard let section = value.section("rateLimit") else { return nil }
    defer { section.finish() }
    let rate = section.required("rate").flatMap(requestRate)
    let burst = section.optional("burst")?.wholeNumber(1...RateLimit.burstLimit)
    let key = section.optional("key").flatMap(rateLimitKey) ?? .clientIp
    var statusCode = 429
    if let answer = section.optional("answer"), let number = answer.wholeNumber(100...599) {
      if !RateLimit.supportedStatusCodes.contains(number) {
        answer.error("answer cannot be \(number); known: \(RateLimit.supportedStatusCodes.map(String.init).joined(separator: ", "))")
      }
      statusCode = number
    }
    let isDryRun = section.flag("dryRun", default: false)
    guard let rate else { return nil }
    return RateLimit(
      requests: rate.requests, seconds: rate.seconds, burst: burst ?? min(rate.requests, RateLimit.burstLimit), key: key, statusCode: statusCode, isDryRun: isDryRun)
  }

  /// `100`, `100/s`, `30/m`, `1000/h`.
  private func requestRate(_ value: Value) -> (requests: Int, seconds: Int)? {
    let parts = (value.plainText ?? "").split(separator: "/", omittingEmptySubsequences: false)
    let seconds = parts.count == 1 ? 1 : ["s": 1, "m": 60, "h": 3600][parts[1]]
    guard parts.count <= 2, let seconds, parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let requests = Int(parts[0]) else {
      value.mismatch("a number of requests, such as 100, 100/s, 30/m or 1000/h")
      return nil
    }
    guard (1...1_000_000).contains(requests) else {
      value.error("rate must be from 1 to 1000000, not \(requests)")
      return nil
    }
    return (requests, seconds)
  }

  /// `clientIp`, `{ header: x-api-key }`, or a list of both.
  private func rateLimitKey(_ value: Value) -> RateLimit.Key? {
    let items = value.isList ? value.items(of: "a part of a key") ?? [] : [value]
    var countsAddress = false, header: String?
    for item in items {
      if item.isMapping, let section = item.section("a part of a key") {
        if let name = section.required("header"), headerName(name) != nil { header = name.plainText?.lowercased() }
        section.finish()
      } else if item.plainText == "clientIp" {
        countsAddress = true
      } else {
        item.mismatch("clientIp or { header: a name }")
      }
    }
    if items.count > (countsAddress ? 1 : 0) + (header == nil ? 0 : 1) || items.isEmpty {
      value.error("key is clientIp, a header, or one of each")
    }
    return header.map { countsAddress ? .clientIpAndHeader($0) : .header($0) } ?? .clientIp
  }

  /// `{ type: whitelist, countries: [DE, FR] }`.
  func geoRestriction(_ value: Value) -> GeoRestriction? {
    guard let section = value.section("geoRestriction") else { return nil }
    defer { section.finish() }
    let type = section.required("type", or: "restrictionType"), list = section.optional("countries", or: "items")
    guard let type else { return nil }
    if type.plainText == "none" { return nil }
    let kind = type.choice(GeoRestriction.Kind.self)
    if list == nil { value.error("geoRestriction needs countries") }
    let countries = list?.items(of: "a country")?.compactMap { item -> String? in
      guard let text = item.nonEmptyText("a country such as DE") else { return nil }
      if text.utf8.count == 2 && text.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) { return text }
      item.error("a country is two capital letters (ISO 3166-1), not \(text.quoted)")
      return nil
    }
    if let list, list.isEmptyList { list.error("at least one country is needed") }
    geoRestrictions.append(value)
    return kind.map { GeoRestriction($0, countries: Set(countries ?? [])) }
  }

  /// Says when nobody's country can be known.
  func checkCountriesAreKnown(_ configuration: Configuration) {
    guard configuration.geography?.places == nil, configuration.viewerFixtures[.viewerCountry] == nil else { return }
    for value in geoRestrictions { value.warning("without geo.database nobody's country is known, and everyone is served") }
  }

  /// `{ database: GeoLite2-City.mmdb, asnDatabase: GeoLite2-ASN.mmdb }`.
  func geography(_ value: Value) -> Geography? {
    guard let section = value.section("geo") else { return nil }
    defer { section.finish() }
    let places = section.optional("database"), systems = section.optional("asnDatabase")
    if places == nil && systems == nil { value.error("geo needs database or asnDatabase") }
    return Geography(places: places.flatMap { geoDatabase($0, isASN: false) }, systems: systems.flatMap { geoDatabase($0, isASN: true) })
  }

  private func geoDatabase(_ value: Value, isASN: Bool) -> GeoDatabase? {
    guard let path = readablePath(value) else { return nil }
    problems.files.insert(path)
    if Files.problem(with: path) != nil { return nil }
    do throws(GeoFailure) {
      let database = try GeoDatabase(path: path)
      // Other makers' names are their own; MaxMind's tell what is where.
      if database.type.contains("-ASN") != isASN && (database.type.contains("-ASN") || database.type.contains("-City") || database.type.contains("-Country")) {
        value.error("\((value.plainText ?? "").quoted) is a \(database.type) database; \(isASN ? "database" : "asnDatabase") takes it")
      }
      return database
    } catch {
      value.error("\((value.plainText ?? "").quoted) cannot be used: \(error.reason)")
      return nil
    }
  }
}
