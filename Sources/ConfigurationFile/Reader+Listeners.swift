// Addresses: listeners and the admin address, and whether they collide.
// Source: design/configuration.md.
import Distribution
import TLS

extension Reader {
  func listeners(_ top: Section) -> [Listener] {
    guard let value = top.required("listeners"), let items = value.items(of: "a listener") else { return [] }
    if items.isEmpty { value.error("at least one listener is needed") }
    let listeners = items.compactMap(listener)
    if listeners.isEmpty && !problems.hasErrors { value.error("at least one listener is needed whose certificates are there") }
    return listeners
  }

  private func listener(_ value: Value) -> Listener? {
    guard let section = value.section("a listener") else { return nil }
    defer { section.finish() }
    let addressValue = section.required("address")
    let tlsValue = section.optional("tls")
    let isLeftOut = tlsValue.map(awaitsFiles) ?? false
    let secured = isLeftOut ? nil : tlsValue.map(tls)
    let expectsProxyHeader = section.optional("proxyProtocol")?.flag() ?? false
    guard let addressValue, let address = address(addressValue) else { return nil }
    if case .unix = address {
      addressValue.error("a listener needs an IP address and a port")
      return nil
    }
    take(address, addressValue)
    if isLeftOut {
      value.warning("this listener is left out until its certificates are there")
      return nil
    }
    var listener = Listener(address: address, tls: secured ?? nil)
    listener.tls?.scope = address.description
    listener.expectsProxyHeader = expectsProxyHeader
    return listener
  }

  /// Ranges such as 10.0.0.0/8 or 2001:db8::/32, or single addresses.
  func trustedProxies(_ value: Value) -> [AddressRange] {
    guard let items = value.items(of: "an address range") else { return [] }
    return items.compactMap { item in
      guard let text = item.nonEmptyText("an address range such as 10.0.0.0/8") else { return nil }
      let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let (high, low, width) = IPLiteral.number(parts[0]) else {
        item.error("\(parts[0].quoted) is not an IP address; a range is written 10.0.0.0/8 or 2001:db8::/32")
        return nil
      }
      guard let bits = parts.count == 1 ? width : IPLiteral.decimal(parts[1]), bits <= width else {
        item.error("\(parts[1].quoted) is not a number of bits from 0 to \(width)")
        return nil
      }
      let range = width == 32 ? AddressRange(ipv4: UInt32(low), bits: bits, text: text) : AddressRange(high: high, low: low, bits: bits, text: text)
      if range == nil { item.error("\(text.quoted) has bits set beyond its first \(bits)") }
      return range
    }
  }

  func admin(_ value: Value, state: String) -> Admin? {
    guard let section = value.section("admin") else { return nil }
    defer { section.finish() }
    let addressValue = section.required("address")
    var tokenPath = state + "/admin-token"
    if let token = section.optional("token")?.section("token") {
      tokenPath = path(token.required("file")) ?? tokenPath
      token.finish()
    }
    guard let addressValue, let address = address(addressValue) else { return nil }
    take(address, addressValue)
    return Admin(address: address, tokenPath: tokenPath)
  }

  /// `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `unix:/run/skerry.sock`.
  func address(_ value: Value) -> ListenAddress? {
    guard let text = value.nonEmptyText("an address such as 127.0.0.1:8080") else { return nil }
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      // sun_path has room for 108 bytes with its NUL.
      let absolute = Files.resolve(path, in: folder)
      if path.isEmpty || absolute.utf8.count > 107 || path.utf8.contains(0) {
        value.error("the path of a Unix socket has from 1 to 107 bytes")
        return nil
      }
      return .unix(path: absolute)
    }
    guard let (host, port) = IPLiteral.split(text) else {
      let isPort = text.drop { $0 == ":" || $0 == "*" }.allSatisfy(\.isNumber)
      let hint = isPort ? "; for every address write 0.0.0.0:\(text.drop { $0 == ":" || $0 == "*" })" : ""
      value.error("\(text.quoted) is not an address with a port, such as 127.0.0.1:8080 or [::1]:8080\(hint)")
      return nil
    }
    guard port.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(port), number <= 65535 else {
      value.error("\(port.quoted) is not a port from 0 to 65535")
      return nil
    }
    if host == "localhost" { return .tcp(host: "127.0.0.1", port: number) }
    guard IPLiteral.isIPv4(host) || IPLiteral.isIPv6(host) else {
      value.error("\(host.quoted) is not an IP address; a listener needs one, such as 127.0.0.1 or 0.0.0.0 for all")
      return nil
    }
    return .tcp(host: host, port: number)
  }

  /// Takes an address, or reports that another one has it already.
  private func take(_ address: ListenAddress, _ value: Value) {
    if let other = takenAddresses.first(where: { Reader.overlap($0.address, address) }) {
      value.error("\(address.description) overlaps \(other.address.description) of line \(other.line)")
    }
    takenAddresses.append((address, value.line))
    opened[.address(address)] = value.place
  }

  /// Whether two addresses cannot both be bound. `[::]` takes IPv6 only; port 0 takes whatever is free.
  static func overlap(_ a: ListenAddress, _ b: ListenAddress) -> Bool {
    guard case .tcp(let hostA, let portA) = a, case .tcp(let hostB, let portB) = b else { return a == b }
    guard portA == portB, portA != 0 else { return false }
    let (v6A, v6B) = (IPLiteral.groups(hostA), IPLiteral.groups(hostB))
    let isAnyA = hostA == "0.0.0.0" || v6A?.allSatisfy { $0 == 0 } == true
    let isAnyB = hostB == "0.0.0.0" || v6B?.allSatisfy { $0 == 0 } == true
    if (v6A == nil) != (v6B == nil) { return false }
    return isAnyA || isAnyB || (v6A != nil ? v6A == v6B : hostA == hostB)
  }
}

/// IP address literals as text; no resolution.
enum IPLiteral {
  /// The two parts of `host:port` or `[host]:port`.
  static func split(_ text: String) -> (host: String, port: String)? {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    var host = text[..<colon]
    if host.hasPrefix("[") && host.hasSuffix("]") {
      host = host.dropFirst().dropLast()
      guard isIPv6(String(host)) else { return nil }
    } else if host.contains(":") {
      return nil
    }
    let port = text[text.index(after: colon)...]
    return host.isEmpty || port.isEmpty ? nil : (String(host), String(port))
  }

  static func isIPv4(_ text: String) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4
      && parts.allSatisfy { part in
        (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
          && (part == "0" || !part.hasPrefix("0")) && Int(part) ?? 256 <= 255
      }
  }

  static func isIPv6(_ text: String) -> Bool { groups(text) != nil }

  /// An address as a number of 32 or 128 bits; nil for anything else.
  static func number(_ text: String) -> (high: UInt64, low: UInt64, width: Int)? {
    func joined(_ parts: some Sequence<UInt64>, _ bits: UInt64) -> UInt64 { parts.reduce(0) { $0 << bits | $1 } }
    if isIPv4(text) { return (0, joined(text.split(separator: ".").compactMap { UInt64($0) }, 8), 32) }
    guard let groups = groups(text)?.map(UInt64.init) else { return nil }
    return (joined(groups[..<4], 16), joined(groups[4...], 16), 128)
  }

  /// A decimal number of at most three digits.
  static func decimal(_ text: String) -> Int? {
    (1...3).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
  }

  /// The eight groups of an IPv6 address without a zone (RFC 4291 section 2.2); nil for anything else.
  static func groups(_ text: String) -> [UInt16]? {
    guard text.contains(":"), text.utf8.count <= 45 else { return nil }
    var text = text
    if text.contains("."), let colon = text.lastIndex(of: ":") {
      let tail = String(text[text.index(after: colon)...])
      guard isIPv4(tail) else { return nil }
      let octets = tail.split(separator: ".").compactMap { Int($0) }
      let hex = [octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]].map { String($0, radix: 16) }
      text = text[...colon] + hex.joined(separator: ":")
    }
    func parse(_ part: Substring) -> [UInt16]? {
      if part.isEmpty { return [] }
      var groups: [UInt16] = []
      for group in part.split(separator: ":", omittingEmptySubsequences: false) {
        guard (1...4).contains(group.utf8.count), group.utf8.allSatisfy({ $0 != UInt8(ascii: "+") }),
          let number = UInt16(group, radix: 16)
        else { return nil }
        groups.append(number)
      }
      return groups
    }
    guard let gap = text.firstRange(of: "::") else {
      let groups = parse(text[...])
      return groups?.count == 8 ? groups : nil
    }
    guard let head = parse(text[..<gap.lowerBound]), let tail = parse(text[gap.upperBound...]),
      head.count + tail.count <= 7
    else { return nil }
    return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
  }
}
