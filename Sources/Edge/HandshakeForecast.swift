// Owns: what the handshake of a viewer would come to, told from a configuration or by a running proxy: which listener takes it, which
// certificate it is shown, and what is demanded of it (`skerry explain`). For a configuration it reads the certificates' files as serving does; a
// running proxy tells of those that it shows. Opens no connection.
public import Distribution
public import JSONText
import HTTPWire
import Telemetry
import TLS
import Transport

/// What TLS would decide about a viewer.
public struct HandshakeForecast {
  /// As Documentation/explain.md has it.
  public let json: JSONValue

  /// A listener.
  private struct Listener {
    /// As it is told, and its port; nil for a Unix socket.
    var address: String, port: Int?
    var tls: TLSServer.Configuration?
    /// What it shows; nil where the files are to be read.
    var server: TLSServer?
  }

  /// Looks at the listeners of a configuration for an `https://` URL, or for an `http://` one whose port speaks TLS. Blocks: on files.
  /// - Parameters:
  ///   - url: what the viewer asks for.
  ///   - host: the request's Host, where it is another than the URL's.
  /// - Returns: nil for an `http://` URL that no TLS listener would get.
  public init?(_ configuration: Configuration, url: String, host: String?) {
    self.init(configuration.listeners.map { Listener(address: $0.address.description, port: Self.port($0.address), tls: $0.tls) }, url: url, host: host)
  }

  /// Looks at the listeners of a running proxy, and at what they show now.
  init?(_ configuration: Configuration, _ doors: [Door], _ secure: [SecureListener?], url: String, host: String?) {
    var listeners: [Listener] = []
    for (index, listener) in configuration.listeners.enumerated() where doors.indices.contains(index) && secure.indices.contains(index) {
      let address = doors[index].address
      listeners.append(Listener(address: address.description, port: address.port > 0 ? Int(address.port) : nil, tls: listener.tls, server: secure[index]?.server))
    }
    self.init(listeners, url: url, host: host)
  }

  private init?(_ listeners: [Listener], url: String, host: String?) {
    let isSecure = url.lowercased().hasPrefix("https://")
    let authority = url.drop { $0 != ":" }.dropFirst(3).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
    let bytes = Array(authority.lowercased().utf8), name = String(decoding: bytes[..<HostTable.nameLength(bytes.span)], as: UTF8.self)
    let port = Self.port(of: authority) ?? (isSecure ? 443 : 80)
    let secure = listeners.filter { $0.tls != nil }
    let exact = secure.first { $0.port == port }
    if !isSecure {
      let isPlain = listeners.contains { $0.tls == nil && $0.port == port }
      guard let exact, !isPlain else { return nil }
      json = .object(["listener": .string(exact.address), "problem": .string("it speaks TLS: plain HTTP is answered there with 400, whatever follows here")])
      return
    }
    guard let listener = exact ?? secure.first, let tls = listener.tls else {
      json = .object(["listener": .null, "problem": .string("the configuration has no TLS listener: something before it must end TLS")])
      return
    }
    var told: JSONObject = ["listener": .string(listener.address), "isAtPort": .boolean(exact != nil)]
    // Addresses are not sent as names (RFC 6066, 3).
    let serverName = SocketAddress(host: name, port: 0) == nil ? name : nil
    told.append("serverName", serverName.map { .string($0) } ?? .null)
    Self.describe(tls, listener.server, serverName, host, to: &told)
    json = .object(told)
  }

  private static func describe(_ tls: TLSServer.Configuration, _ shownNow: TLSServer?, _ name: String?, _ host: String?, to told: inout JSONObject) {
    guard let tickets = TicketKeys() else { return }
    do throws(CertificateFailure) {
      let server: TLSServer
      if let shownNow { server = shownNow } else { server = try TLSServer(tls, tickets) }
      let shown = server.shown(to: name), now = Timestamp.now.milliseconds / 1000
      told.append("isCovered", .boolean(shown.isCovered))
      told.append("certificates", .array(shown.certificates.map { place in
        let certificate = server.certificates[place]
        return .object([
          "file": .string(tls.certificates[place].chain), "names": .array(certificate.names.names.map { .string($0) }), "key": .string("\(certificate.kind)"),
          "expires": .string(String(decoding: Timestamp(milliseconds: certificate.expires * 1000).text, as: UTF8.self)), "isExpired": .boolean(certificate.expires < now),
        ])
      }))
      if let host, name != nil {
        let bytes = Array(host.lowercased().utf8), other = String(decoding: bytes[..<HostTable.nameLength(bytes.span)], as: UTF8.self)
        if other != name { told.append("isMisdirected", .boolean(!shown.certificates.contains { server.certificates[$0].names.covers(other) })) }
      }
    } catch { told.append("problem", .string("\(error.path) cannot be used: \(error.reason)")) }
    told.append("securityPolicy", .string(tls.policy.rawValue))
    told.append("minimumVersion", .string(tls.policy.minimumVersion.rawValue))
    told.append("applicationProtocols", .array(tls.applicationProtocols.map { .string($0) }))
    told.append("viewerCertificate", .string(tls.viewerCertificates.map { $0.isRequired ? "required" : "optional" } ?? "none"))
  }

  private static func port(_ address: ListenAddress) -> Int? { if case .tcp(_, let port) = address { port } else { nil } }

  /// The port that an authority names.
  private static func port(of authority: Substring) -> Int? {
    guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else { return nil }
    return Int(authority[authority.index(after: colon)...])
  }
}
