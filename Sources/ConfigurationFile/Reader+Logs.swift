// What is told to others: `accessLog`, `functionLog` and `tracing`.
// Source: design/configuration.md; Documentation/observability.md describes the fields.
import Distribution

extension Reader {
  func accessLog(_ value: Value) -> AccessLog {
    var log = AccessLog()
    // `accessLog: off` is what one would try first.
    if value.plainText == AccessLog.Format.off.rawValue {
      log.format = .off
      return log
    }
    guard let section = value.section("accessLog") else { return log }
    log.destination = logDestination(section, .accessLog) ?? .standardOutput
    log.format = section.choice("format", default: .json)
    if let value = section.optional("fields") {
      if log.format == .w3c { log.w3cFields = w3cFields(value, &log) } else { log.fields = accessLogFields(value) }
    }
    log.includesCookies = log.includesCookies || section.flag("includeCookies", default: false)
    if log.includesCookies && log.format == .json { log.fields.insert(.cookie) }
    if let value = section.optional("sample") { log.samplePerMillion = share(value) }
    if let value = section.optional("mask") { log.mask = mask(value) }
    section.finish()
    return log
  }

  /// Where what functions say goes; nil for nowhere.
  func functionLog(_ value: Value) -> LogDestination? {
    if value.plainText == "off" { return nil }
    guard let section = value.section("functionLog") else { return .standardError }
    let destination = logDestination(section, .functionLog)
    if destination == nil && section.entries.isEmpty { value.error("functionLog needs a path or syslog") }
    section.finish()
    return destination ?? .standardError
  }

  // MARK: Fields

  private func accessLogFields(_ value: Value) -> AccessLog.Fields {
    if value.plainText == "all" { return .all }
    return AccessLog.Fields(fields(value, AccessLog.Field.allCases.map { ($0.name, $0) }, example: "uri"))
  }

  private func w3cFields(_ value: Value, _ log: inout AccessLog) -> [AccessLog.W3CField] {
    let all = AccessLog.W3CField.allCases
    let chosen = value.plainText == "all" ? all : fields(value, all.map { ($0.name, $0) }, example: "cs-uri-stem")
    if Set(chosen).count != chosen.count { value.error("a field occurs twice") }
    if chosen.contains(.cookie) { log.includesCookies = true }
    return chosen.isEmpty ? AccessLog.W3CField.standard : chosen
  }

  private func fields<Field>(_ value: Value, _ known: [(String, Field)], example: String) -> [Field] {
    guard let items = value.items(of: "field") else { return [] }
    if items.isEmpty { value.error("a record needs a field; for no log at all write accessLog: off") }
    let byName = Dictionary(uniqueKeysWithValues: known)
    return items.compactMap { item in
      guard let text = item.nonEmptyText("a field such as \(example)") else { return nil }
      if byName[text] == nil { item.error("the access log has no field \(text.quoted)\(Suggestion.text(for: text, among: known.map(\.0)))") }
      return byName[text]
    }
  }

  // MARK: Which requests, and what of them

  /// A share of a million, written as a number from 0 to 1 or as a percentage.
  func share(_ value: Value) -> Int {
    let text = value.plainText ?? "", isPercent = text.hasSuffix("%")
    let number = Double(isPercent ? String(text.dropLast()) : text).map { isPercent ? $0 / 100 : $0 }
    guard let number, number >= 0, number <= 1 else {
      value.error("\(value.name) must be a share from 0 to 1, such as 0.1, or a percentage, such as 10%")
      return 1_000_000
    }
    return Int((number * 1_000_000).rounded())
  }

  private func mask(_ value: Value) -> LogMask {
    guard let section = value.section("mask") else { return LogMask() }
    func names(_ key: String) -> [String] {
      guard let list = section.optional(key)?.items(of: "name") else { return [] }
      return list.compactMap { $0.nonEmptyText("a name, or *") }
    }
    let mask = LogMask(cookies: names("cookies"), headers: names("headers"), query: names("query"))
    section.finish()
    return mask
  }

  // MARK: Tracing

  func tracing(_ value: Value) -> Tracing? {
    if value.plainText == "off" { return nil }
    guard let section = value.section("tracing") else { return nil }
    var tracing = section.required("endpoint").flatMap(collector)
    let sample = section.optional("sampleRatio").map(share), name = section.optional("serviceName")?.nonEmptyText("a name")
    if let sample { tracing?.samplePerMillion = sample }
    if let name { tracing?.serviceName = name }
    section.finish()
    return tracing
  }

  /// `http://127.0.0.1:4318/v1/traces`; port and path may be left out.
  private func collector(_ value: Value) -> Tracing? {
    guard let text = value.nonEmptyText("a URL such as http://127.0.0.1:4318/v1/traces") else { return nil }
    if text.hasPrefix("https://") {
      value.error("spans are sent in the clear, so to a collector nearby: write http://, and let that collector pass them on")
      return nil
    }
    let rest = text.dropFirst(7), slash = rest.firstIndex(of: "/") ?? rest.endIndex, path = rest[slash...]
    guard text.hasPrefix("http://"), let (host, port) = Self.hostAndPort(String(rest[..<slash]), default: 4_318),
      path.utf8.allSatisfy({ (33...126).contains($0) })
    else {
      value.error("\(text.quoted) is no collector; write a URL such as http://127.0.0.1:4318/v1/traces")
      return nil
    }
    return Tracing(host: host, port: port, path: path.isEmpty ? "/v1/traces" : String(path))
  }

  // MARK: Where to

  /// `path` or `syslog`; nil when there is neither, or what there is makes no sense.
  private func logDestination(_ section: Section, _ part: OpenedPart) -> LogDestination? {
    let path = section.optional("path"), syslog = section.optional("syslog")
    opened[part] = (path ?? syslog)?.place
    if let path, let syslog {
      syslog.error("a log has a path or a syslog server, not both (path is on line \(path.line))")
      return nil
    }
    return path.flatMap(logPath) ?? syslog.flatMap(syslogServer).map { .syslog($0) }
  }

  /// The words that people try for the standard streams are those; a file of that name is `./stderr`.
  private func logPath(_ value: Value) -> LogDestination? {
    switch value.plainText {
    case "-", "stdout", "/dev/stdout": .standardOutput
    case "stderr", "/dev/stderr": .standardError
    default: path(value).map { .file($0) }
    }
  }

  private func syslogServer(_ value: Value) -> SyslogServer? {
    guard value.isMapping else { return syslogAddress(value).map { SyslogServer(address: $0) } }
    guard let section = value.section("syslog") else { return nil }
    let address = section.required("address").flatMap(syslogAddress)
    let facility = section.choice("facility", default: SyslogServer.Facility.local0)
    var name = "skerry"
    if let value = section.optional("appName"), let text = value.nonEmptyText("a name") {
      // RFC 5424, 6: APP-NAME is 1 to 48 characters of PRINTUSASCII.
      if text.utf8.count <= 48 && text.utf8.allSatisfy({ (33...126).contains($0) }) { name = text } else {
        value.error("appName must be 1 to 48 printable ASCII characters without spaces")
      }
    }
    section.finish()
    return address.map { SyslogServer(address: $0, facility: facility, appName: name) }
  }

  /// `/dev/log`, `udp://host`, `udp://host:port`.
  private func syslogAddress(_ value: Value) -> SyslogServer.Address? {
    guard let text = value.nonEmptyText("a socket's path such as /dev/log, or udp://host:port") else { return nil }
    guard let scheme = text.firstRange(of: "://") else {
      let path = path(value)
      // sockaddr_un's room, with the NUL behind it.
      if let path, path.utf8.count > 107 { value.error("a socket's path has at most 107 bytes") }
      return path.map { .unix($0) }
    }
    guard text[..<scheme.lowerBound] == "udp", let (host, port) = Self.hostAndPort(String(text[scheme.upperBound...]), default: 514) else {
      value.error("\(text.quoted) is no syslog server; write udp://host:port or a socket's path such as /dev/log")
      return nil
    }
    return .udp(host: host, port: port)
  }

  /// `host`, `host:port`, `[::1]`, `[::1]:port`; nil for anything else.
  static func hostAndPort(_ text: String, default port: Int) -> (host: String, port: Int)? {
    var host = Substring(text), rest = Substring("")
    if text.hasPrefix("[") {
      guard let close = text.firstIndex(of: "]") else { return nil }
      host = text[text.index(after: text.startIndex)..<close]
      rest = text[text.index(after: close)...]
    } else if let colon = text.firstIndex(of: ":") {
      host = text[..<colon]
      rest = text[colon...]
    }
    let allowed = host.utf8.allSatisfy { byte in
      (0x30...0x3A).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x2E || byte == 0x5F
    }
    guard !host.isEmpty, allowed, host.utf8.count <= 255 else { return nil }
    if rest.isEmpty { return (String(host), port) }
    guard rest.first == ":", let number = Int(rest.dropFirst()), (1...65_535).contains(number) else { return nil }
    return (String(host), number)
  }
}
