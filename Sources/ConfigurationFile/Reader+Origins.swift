// Origins and origin groups of a distribution.
// Source: spec/request-pipeline.md 11.3, 12, 14; design/configuration.md.
import Distribution
import TLS

extension Reader {
  /// The origins in the order of the file. A bad one stays as a placeholder, so that what names it is not reported too.
  func origins(_ distribution: Section) -> [Origin] {
    guard let value = distribution.required("origins"), let section = value.section("origins") else { return [] }
    if section.entries.isEmpty { value.error("at least one origin is needed") }
    if section.entries.count > 100 { refuse(value, "a distribution has at most 100 origins") }
    return section.entries.map { entry in
      let placeholder = Origin(name: entry.name, kind: .http(.init(domainName: "")))
      if entry.name.isEmpty { entry.key.error("an origin's name cannot be empty") }
      if entry.value.isMapping { return origin(entry) ?? placeholder }
      return shorthandOrigin(entry) ?? placeholder
    }
  }

  /// `http://host[:port][/path]`, or a folder that begins with `./`, `../` or `/`.
  private func shorthandOrigin(_ entry: Section.Entry) -> Origin? {
    let value = entry.value
    guard let text = value.nonEmptyText("a URL, a folder or a mapping") else { return nil }
    if text.hasPrefix("./") || text.hasPrefix("../") || text.hasPrefix("/") || text == "." || text == ".." {
      return folderOrigin(entry.name, value)
    }
    guard let separator = text.firstRange(of: "://") else {
      let looksLikeHost = text.contains(":") || text.contains(".") || text == "localhost"
      let meant = (looksLikeHost ? "http://" : "./") + text
      value.error("\(text.quoted) is neither a URL (http://…) nor a folder (./…); did you mean \(meant.prefix(60))?")
      return nil
    }
    let scheme = text[..<separator.lowerBound]
    guard scheme == "http" || scheme == "https" else {
      value.error("an origin's URL begins with http:// or https://, not \(String(scheme).quoted)")
      return nil
    }
    let rest = text[separator.upperBound...]
    let authority = rest.prefix { $0 != "/" }
    var originPath = String(rest.dropFirst(authority.count))
    if originPath == "/" { originPath = "" }
    guard let (host, port) = hostAndPort(value, String(authority)) else { return nil }
    checkOriginPath(value, originPath)
    var server = Origin.HTTPServer(
      domainName: host, originProtocolPolicy: scheme == "https" ? .httpsOnly : .httpOnly)
    if let port {
      if scheme == "https" { server.httpsPort = port } else { server.httpPort = port }
      checkPort(value, port)
    }
    return Origin(name: entry.name, kind: .http(server), originPath: originPath)
  }

  private func hostAndPort(_ value: Value, _ authority: String) -> (host: String, port: Int?)? {
    var host = authority
    var port: Int?
    if let (name, digits) = IPLiteral.split(authority) {
      guard let number = Int(digits), (1...65535).contains(number), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) })
      else {
        value.error("\(digits.quoted) is not a port from 1 to 65535")
        return nil
      }
      (host, port) = (name, number)
    } else if authority.hasPrefix("["), authority.hasSuffix("]") {
      host = String(authority.dropFirst().dropLast())
    }
    return checkHost(value, host) ? (host, port) : nil
  }

  /// Whether a text can be a server's name or address; reports when not.
  private func checkHost(_ value: Value, _ host: String) -> Bool {
    if IPLiteral.isIPv6(host) || HostName.isValid(host) { return true }
    value.error("\(host.quoted) is not a host name or an IP address")
    return false
  }

  private func folderOrigin(_ name: String, _ value: Value) -> Origin? {
    guard let folder = path(value) else { return nil }
    if !Files.isFolder(folder) { value.error("\((value.plainText ?? "").quoted) is not a folder that can be read") }
    refuse(value, "an origin is a server, not a folder")
    return Origin(name: name, kind: .folder(path: folder))
  }

  private func origin(_ entry: Section.Entry) -> Origin? {
    guard let section = entry.value.section("origin \(entry.name)") else { return nil }
    defer { section.finish() }
    var origin: Origin
    if let folder = section.optional("folder") {
      guard let made = folderOrigin(entry.name, folder) else { return nil }
      origin = made
    } else {
      var server = Origin.HTTPServer(domainName: "")
      if let value = section.required("domainName"), let host = value.nonEmptyText("a host name") {
        if host.contains("://") {
          let meant = host.split(separator: "/").dropFirst().first ?? ""
          value.error("domainName is a host name without a scheme; did you mean \(meant.prefix(60))?")
        } else if checkHost(value, host) {
          server.domainName = host
        }
      }
      if let value = section.optional("addresses") { server.addresses = addresses(value) }
      server.httpPort = port(section, "httpPort", default: 80)
      server.httpsPort = port(section, "httpsPort", default: 443)
      if let value = section.optional("originProtocolPolicy"), let policy = value.choice(OriginProtocolPolicy.self) {
        server.originProtocolPolicy = policy
      }
      server.httpVersion = section.choice("httpVersion", default: .http1)
      readTLS(section, &server)
      origin = Origin(name: entry.name, kind: .http(server))
    }
    if let value = section.optional("originPath"), let path = value.text() {
      checkOriginPath(value, path)
      origin.originPath = path
    }
    if let value = section.optional("customHeaders") { origin.customHeaders = originCustomHeaders(value) }
    readConnections(section, &origin)
    readHealth(section, &origin)
    return origin
  }

  private func addresses(_ value: Value) -> [String] {
    guard let items = value.items(of: "an address") else { return [] }
    if items.isEmpty { value.error("at least one address is needed; without the key the name is looked up") }
    if items.count > Origin.HTTPServer.addressLimit { value.error("an origin has at most \(Origin.HTTPServer.addressLimit) addresses") }
    return items.compactMap { item in
      guard let text = item.nonEmptyText("an IP address") else { return nil }
      if IPLiteral.isIPv4(text) || IPLiteral.isIPv6(text) { return text }
      item.error("\(text.quoted) is not an IP address; ports are httpPort and httpsPort")
      return nil
    }
  }

  /// The versions of TLS, and whom it trusts.
  private func readTLS(_ section: Section, _ server: inout Origin.HTTPServer) {
    if let list = section.optional("originSslProtocols"), let items = list.items(of: "a protocol") {
      var versions: [TLSVersion] = []
      for item in items {
        if item.plainText == "SSLv3" {
          item.warning("SSLv3 is not spoken any more; the other protocols of the list are")
        } else if let version = item.choice(TLSVersion.self) {
          if version.isDeprecated { item.warning("\(version.rawValue) is given up (RFC 8996): only for an origin that has nothing newer") }
          versions.append(version)
        }
      }
      if let range = TLSVersion.range(origin: versions) { server.tls.versions = range }
      if items.isEmpty { list.error("at least one protocol is needed") }
    }
    if let path = certificateAuthority(section.optional("certificateAuthority"), server.tls) { server.tls.certificateAuthority = path }
  }

  /// The path of a file with the authorities that are trusted, which is tried out.
  func certificateAuthority(_ value: Value?, _ settings: TLSClient.Configuration = TLSClient.Configuration()) -> String? {
    guard let value, let path = readablePath(value) else { return nil }
    var settings = settings
    settings.certificateAuthority = path
    guard Files.problem(with: path) == nil else { return path }
    do throws(CertificateFailure) { _ = try TLSClient(settings) } catch {
      value.error("\((value.plainText ?? "").quoted) cannot be used: \(error.reason)")
    }
    return path
  }

  private func readConnections(_ section: Section, _ origin: inout Origin) {
    // CloudFront counts whole seconds; a laptop may want less, and a long poll more.
    let shortest = isStrict ? Duration.seconds(1) : .milliseconds(1)
    let longest = isStrict ? Duration.seconds(120) : .seconds(3600)
    origin.connectionAttempts = section.wholeNumber("connectionAttempts", 1...3, default: origin.connectionAttempts)
    origin.connectionTimeout = section.duration(
      "connectionTimeout", shortest ... .seconds(10), default: origin.connectionTimeout)
    origin.readTimeout = section.duration("readTimeout", shortest...longest, default: origin.readTimeout)
    origin.keepAliveTimeout = section.duration("keepAliveTimeout", shortest...longest, default: origin.keepAliveTimeout)
    origin.connectionsPerWorker = section.wholeNumber(
      "connectionsPerWorker", 1...65536, default: origin.connectionsPerWorker)
    origin.http2ConnectionsPerWorker = section.wholeNumber("http2ConnectionsPerWorker", 1...1024, default: origin.http2ConnectionsPerWorker)
    origin.idleConnectionsPerWorker = section.wholeNumber(
      "idleConnectionsPerWorker", 0...65536, default: min(origin.idleConnectionsPerWorker, origin.connectionsPerWorker))
    origin.waitingRequestsPerWorker = section.wholeNumber(
      "waitingRequestsPerWorker", 0...1_000_000, default: origin.waitingRequestsPerWorker)
  }

  private func port(_ section: Section, _ key: String, default port: Int) -> Int {
    guard let value = section.optional(key), let number = value.wholeNumber(1...65535) else { return port }
    checkPort(value, number)
    return number
  }

  private func checkPort(_ value: Value, _ port: Int) {
    if port != 80 && port != 443 && port < 1024 { refuse(value, "an origin's port is 80, 443 or from 1024 to 65535") }
  }

  private func checkOriginPath(_ value: Value, _ path: String) {
    if path.isEmpty { return }
    if !path.hasPrefix("/") || path.hasSuffix("/") {
      value.error("originPath begins with / and does not end with it")
    } else if !RequestPath.isValid(path) {
      value.error("\(path.quoted) cannot be a path: only visible ASCII, and no ? or #")
    } else if path.utf8.count > 255 {
      value.error("originPath has at most 255 bytes")
    }
  }

  private func originCustomHeaders(_ value: Value) -> [HeaderField] {
    guard let section = value.section("customHeaders") else { return [] }
    var headers: [HeaderField] = []
    for entry in section.entries {
      guard headerName(entry.key) != nil, let content = fieldValue(entry.value, maximumBytes: 1783) else { continue }
      if !HeaderRules.mayBeOriginCustomHeader(entry.name) {
        // These name CloudFront's own machines; here they are free, and a viewer's are never sent on.
        let lowercased = entry.name.lowercased()
        if lowercased.hasPrefix("x-edge-") || lowercased == "x-real-ip" {
          refuse(entry.key, "\(entry.name) cannot be a custom header of an origin")
        } else {
          entry.key.error("\(entry.name) cannot be a custom header of an origin")
        }
      }
      if entry.name.utf8.count > 256 { entry.key.error("a custom header's name has at most 256 bytes") }
      if headers.contains(where: { $0.name.lowercased() == entry.name.lowercased() }) {
        entry.key.error("\(entry.name) is given more than once")
      }
      headers.append(HeaderField(name: entry.name, value: content))
    }
    if headers.count > 30 { value.error("an origin has at most 30 custom headers, not \(headers.count)") }
    let total = headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    if total > 10240 { value.error("the custom headers have \(total) bytes together; at most 10240 are allowed") }
    return headers
  }

  func originGroups(_ distribution: Section, origins: [Origin]) -> [OriginGroup] {
    guard let value = distribution.optional("originGroups"), let section = value.section("originGroups") else {
      return []
    }
    if section.entries.count > 10 { refuse(value, "a distribution has at most 10 origin groups") }
    return section.entries.map { entry in
      if !places.isEmpty { places[places.count - 1].groups.append(.init(line: entry.key.line, column: entry.key.column)) }
      if origins.contains(where: { $0.name == entry.name }) {
        entry.key.error("\(entry.name.quoted) is already the name of an origin")
      }
      return originGroup(entry, origins: origins)
    }
  }

  private func originGroup(_ entry: Section.Entry, origins: [Origin]) -> OriginGroup {
    var group = OriginGroup(name: entry.name, members: [], statusCodes: [])
    guard let section = entry.value.section("origin group \(entry.name)") else { return group }
    defer { section.finish() }
    if let members = section.required("members"), let items = members.items(of: "a member") {
      for item in items {
        guard let name = item.nonEmptyText("the name of an origin") else { continue }
        if let index = origins.firstIndex(where: { $0.name == name }) {
          group.members.append(index)
        } else {
          item.error("there is no origin \(name.quoted)\(Suggestion.text(for: name, among: origins.map(\.name)))")
        }
      }
      if items.count != 2 {
        members.error("an origin group has two members: the primary and the secondary")
      } else if group.members.count == 2 && group.members[0] == group.members[1] {
        members.error("the two members of an origin group must differ")
      }
    }
    let allowed = OriginGroup.supportedStatusCodes
    if let codes = section.required("statusCodes"), let items = codes.items(of: "a status code") {
      if items.isEmpty { codes.error("at least one status code is needed") }
      for item in items {
        guard let code = item.wholeNumber(100...599) else { continue }
        if !allowed.contains(code) {
          item.error("failover on \(code) is not possible; known: \(allowed.map(String.init).joined(separator: ", "))")
        } else if group.statusCodes.contains(code) {
          item.error("\(code) is given more than once")
        } else {
          group.statusCodes.append(code)
        }
      }
    }
    return group
  }
}

/// Host names as configuration may contain them.
enum HostName {
  /// Letters, digits, `-` and `_` in labels of 1–63 bytes, 253 bytes in all; IPv4 addresses are among them.
  static func isValid(_ name: String) -> Bool {
    name.utf8.count <= 253
      && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
          && label.utf8.allSatisfy(isLabelByte)
      }
  }

  private static func isLabelByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

/// Paths of requests as configuration may contain them.
enum RequestPath {
  /// Visible ASCII without `?` and `#`.
  static func isValid(_ path: String) -> Bool {
    path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
  }
}
