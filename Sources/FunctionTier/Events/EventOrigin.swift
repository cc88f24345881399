// Where a request goes, as origin events have it: `origin.custom` or `origin.s3` (spec/lambda-at-edge.md, 5). A value; any thread.
import Distribution
import JSONText

/// An origin of an event.
public struct EventOrigin: Sendable, Equatable {
  /// Which of the two it is.
  public enum Kind: Sendable { case custom, s3 }
  /// `custom` for a server, `s3` for a bucket.
  public var kind: Kind
  /// A DNS name; as the configuration has it also an address literal.
  public var domainName: String
  /// Put before the path of the request: empty, or beginning but not ending with `/`.
  public var path: String
  /// Headers added to the request.
  public var customHeaders: EventHeaders
  /// Custom only: 80, 443, or 1024–65535.
  public var port: Int
  /// Custom only: whether it is spoken to over TLS.
  public var isHTTPS: Bool
  /// Custom only: `TLSv1.2` and its kin.
  public var sslProtocols: [String]
  /// Custom only: 1–120.
  public var keepAliveTimeoutSeconds: Int
  /// 1–120; S3: may be left out.
  public var readTimeoutSeconds: Int?
  /// At least the read timeout, or 0 for none.
  public var responseCompletionTimeoutSeconds: Int?
  /// S3 only: the bucket's region.
  public var region: String

  /// A server.
  public init(
    custom domainName: String, port: Int, isHTTPS: Bool, path: String = "", customHeaders: EventHeaders = EventHeaders(),
    sslProtocols: [String] = ["TLSv1.2"], keepAliveTimeoutSeconds: Int = 5, readTimeoutSeconds: Int = 30
  ) {
    kind = .custom
    self.domainName = domainName
    self.path = path
    self.customHeaders = customHeaders
    self.port = port
    self.isHTTPS = isHTTPS
    self.sslProtocols = sslProtocols
    self.keepAliveTimeoutSeconds = keepAliveTimeoutSeconds
    self.readTimeoutSeconds = readTimeoutSeconds
    region = ""
  }

  /// A bucket.
  public init(s3 domainName: String, path: String = "", customHeaders: EventHeaders = EventHeaders(), region: String = "", readTimeoutSeconds: Int? = nil) {
    kind = .s3
    self.domainName = domainName
    self.path = path
    self.customHeaders = customHeaders
    (port, isHTTPS, sslProtocols, keepAliveTimeoutSeconds) = (443, true, [], 5)
    self.readTimeoutSeconds = readTimeoutSeconds
    self.region = region
  }

  /// Writes the object of an event.
  func write(to json: inout EventText) {
    if kind == .custom { json.append("{\"custom\":{\"customHeaders\":") } else { json.append("{\"s3\":{\"authMethod\":\"none\",\"customHeaders\":") }
    customHeaders.write(to: &json)
    json.append(",\"domainName\":")
    json.append(quoted: domainName.utf8.span)
    if kind == .custom {
      json.append(",\"keepaliveTimeout\":")
      json.append(decimal: keepAliveTimeoutSeconds)
    }
    json.append(",\"path\":")
    json.append(quoted: path.utf8.span)
    if kind == .custom {
      json.append(",\"port\":")
      json.append(decimal: port)
      if isHTTPS { json.append(",\"protocol\":\"https\"") } else { json.append(",\"protocol\":\"http\"") }
    }
    if let readTimeoutSeconds {
      json.append(",\"readTimeout\":")
      json.append(decimal: readTimeoutSeconds)
    }
    if kind == .s3 {
      json.append(",\"region\":")
      json.append(quoted: region.utf8.span)
    } else {
      json.append(",\"sslProtocols\":[")
      for (index, name) in sslProtocols.enumerated() {
        if index > 0 { json.append(",") }
        json.append(quoted: name.utf8.span)
      }
      json.append("]")
    }
    json.append("}}")
  }
}

// MARK: - Reading

extension EventOrigin {
  private static let domainNameLimit = 253, bucketNameLimit = 128, pathLimit = 255
  private static let tlsVersions: Set<String> = ["TLSv1.2", "TLSv1.1", "TLSv1", "SSLv3"]

  /// Reads what a function returned. What is as it was in the event needs to keep no rule: the configuration may be wider.
  /// - Parameter original: the event's.
  init(_ json: JSONValue, _ original: EventOrigin?) throws(EventFailure) {
    let custom = json["custom"]?.object, s3 = json["s3"]?.object
    switch (custom, s3) {
    case (let fields?, nil): try self.init(custom: fields, original?.kind == .custom ? original : nil)
    case (nil, let fields?): try self.init(s3: fields, original?.kind == .s3 ? original : nil)
    default: throw .origin("origin", "must have exactly one of custom and s3")
    }
  }

  private init(custom fields: JSONObject, _ original: EventOrigin?) throws(EventFailure) {
    let domain = try Self.text(fields, "domainName")
    let port = try Self.number(fields, "port", original?.port, "must be 80, 443 or from 1024 to 65535") { $0 == 80 || $0 == 443 || 1024...65535 ~= $0 }
    let scheme = try Self.text(fields, "protocol")
    guard scheme == "http" || scheme == "https" else { throw .origin("protocol", "must be http or https") }
    guard domain == original?.domainName || Self.isDomainName(domain) else {
      throw .origin("domainName", "must be a DNS name of at most \(Self.domainNameLimit) characters, not an address, without a port")
    }
    guard let versions = fields["sslProtocols"]?.array?.map(\.string), !versions.isEmpty, versions.allSatisfy({ $0.map(Self.tlsVersions.contains) == true }) else {
      throw .origin("sslProtocols", "must be a list of TLSv1.2, TLSv1.1, TLSv1 and SSLv3")
    }
    let keepAlive = try Self.number(fields, "keepaliveTimeout", original?.keepAliveTimeoutSeconds, "must be from 1 to 120") { 1...120 ~= $0 }
    let read = try Self.number(fields, "readTimeout", original?.readTimeoutSeconds, "must be from 1 to 120") { 1...120 ~= $0 }
    self.init(
      custom: domain, port: port, isHTTPS: scheme == "https", path: try Self.path(fields, original), customHeaders: try Self.customHeaders(fields, original),
      sslProtocols: versions.compactMap { $0 }, keepAliveTimeoutSeconds: keepAlive, readTimeoutSeconds: read)
    responseCompletionTimeoutSeconds = try Self.completionTimeout(fields, read)
  }

  private init(s3 fields: JSONObject, _ original: EventOrigin?) throws(EventFailure) {
    let domain = try Self.text(fields, "domainName")
    let isBucket = domain.utf8.count <= Self.bucketNameLimit && Self.isDomainName(domain) && domain == domain.lowercased()
    guard domain == original?.domainName || isBucket else {
      throw .origin("domainName", "must be a bucket's name of at most \(Self.bucketNameLimit) characters in lower case")
    }
    let region = fields["region"]?.string ?? ""
    switch fields["authMethod"]?.string {
    case "none": break
    case "origin-access-identity":
      if region.isEmpty { throw .origin("region", "must be given with an origin access identity") }
      throw .origin("authMethod", "must be none: the request's origin has no origin access identity")
    default: throw .origin("authMethod", "must be none or origin-access-identity")
    }
    var read: Int?
    if fields["readTimeout"] != nil { read = try Self.number(fields, "readTimeout", original?.readTimeoutSeconds, "must be from 1 to 120") { 1...120 ~= $0 } }
    self.init(
      s3: domain, path: try Self.path(fields, original), customHeaders: try Self.customHeaders(fields, original), region: region, readTimeoutSeconds: read)
    responseCompletionTimeoutSeconds = try Self.completionTimeout(fields, read)
  }

  // MARK: Fields

  private static func text(_ fields: JSONObject, _ name: String) throws(EventFailure) -> String {
    guard let text = fields[name]?.string else { throw .origin(name, "must be a string") }
    return text
  }

  private static func number(
    _ fields: JSONObject, _ name: String, _ original: Int?, _ rule: String, _ isAllowed: (Int) -> Bool
  ) throws(EventFailure) -> Int {
    guard let number = fields[name]?.double.flatMap({ Int(exactly: $0) }), number == original || isAllowed(number) else { throw .origin(name, rule) }
    return number
  }

  private static func completionTimeout(_ fields: JSONObject, _ readTimeout: Int?) throws(EventFailure) -> Int? {
    guard fields["responseCompletionTimeout"] != nil else { return nil }
    return try number(fields, "responseCompletionTimeout", nil, "must be 0 or not shorter than readTimeout") { $0 == 0 || $0 >= readTimeout ?? 1 }
  }

  private static func path(_ fields: JSONObject, _ original: EventOrigin?) throws(EventFailure) -> String {
    let path = try text(fields, "path")
    if path.isEmpty || path == original?.path { return path }
    let bytes = path.utf8
    guard bytes.count <= pathLimit, bytes.first == UInt8(ascii: "/"), bytes.last != UInt8(ascii: "/"),
      bytes.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") })
    else { throw .origin("path", "must begin but not end with /, be URL-encoded and have at most \(pathLimit) characters") }
    return path
  }

  private static func customHeaders(_ fields: JSONObject, _ original: EventOrigin?) throws(EventFailure) -> EventHeaders {
    guard let json = fields["customHeaders"], json != .null else { return EventHeaders() }
    let headers = try EventHeaders(json, "origin.customHeaders")
    if headers == original?.customHeaders { return headers }
    for i in 0..<headers.count {
      let name = headers.name(i)
      if EventHeaderRules.isDisallowed(name, at: .originRequest) || !HeaderRules.mayBeOriginCustomHeader(String(text: name)) { throw .disallowed(name) }
    }
    return headers
  }

  /// A name that DNS can know, and no address: labels of letters, digits, `-` and `_`, the last one not all digits.
  private static func isDomainName(_ name: String) -> Bool {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard !name.isEmpty, name.utf8.count <= domainNameLimit, let last = labels.last, !last.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return false }
    return labels.allSatisfy { label in
      1...63 ~= label.utf8.count && label.utf8.first != UInt8(ascii: "-") && label.utf8.last != UInt8(ascii: "-")
        && label.utf8.allSatisfy { $0 == 45 || $0 == 95 || $0.lowercased >= 97 && $0.lowercased <= 122 || $0 >= 48 && $0 <= 57 }
    }
  }
}
