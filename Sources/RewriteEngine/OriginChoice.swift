// Where a viewer-request function sends its request: what it gave to the helpers of the module `cloudfront`
// (spec/cloudfront-functions.md 10.2), as values. Checked by CQuickJS/host_origin.c but for what only the configuration
// knows: whether ids exist, and whether an address may be reached.
import CQuickJS
public import Distribution

/// An origin that a function chose. A value; any thread.
public enum OriginChoice: Sendable, Equatable {
  /// `updateRequestOrigin`: the assigned origin, changed.
  case update(OriginUpdate)
  /// `selectRequestOriginById`: another origin of the distribution.
  case select(OriginSelection)
  /// `createRequestOriginGroup`: primary, secondary, and the primary's statuses that make the secondary be asked.
  case group(OriginSelection, OriginSelection, statusCodes: [Int])

  init(_ choice: borrowing sk_origin_choice) {
    let primary = unsafe OriginSelection(choice.members.0)
    switch unsafe choice.kind {
    case SK_ORIGIN_SELECT: self = .select(primary)
    case SK_ORIGIN_GROUP:
      let codes = unsafe choice.status_codes, count = unsafe Int(choice.status_code_count)
      let all = [codes.0, codes.1, codes.2, codes.3, codes.4, codes.5, codes.6, codes.7, codes.8]
      self = unsafe .group(primary, OriginSelection(choice.members.1), statusCodes: all.prefix(count).map { Int($0) })
    default: self = unsafe .update(OriginUpdate(choice.update))
    }
  }
}

/// An origin of the distribution, with what a function overrides of it.
public struct OriginSelection: Sendable, Equatable {
  /// The origin's name in the configuration; it may not exist.
  public var id: String
  /// The Host of the request; nil: as configured.
  public var hostHeader: String?
  /// The server name of TLS; nil: as configured. Not used before TLS exists.
  public var serverName: String?
  /// The names a certificate may have; empty: as configured. Not used before TLS exists.
  public var allowedCertificateNames: [String]

  /// An origin by its id.
  public init(id: String, hostHeader: String? = nil, serverName: String? = nil, allowedCertificateNames: [String] = []) {
    self.id = id
    self.hostHeader = hostHeader
    self.serverName = serverName
    self.allowedCertificateNames = allowedCertificateNames
  }

  init(_ selection: borrowing sk_origin_selection) {
    unsafe self.init(
      id: text(selection.id), hostHeader: optionalText(selection.host_header), serverName: optionalText(selection.sni),
      allowedCertificateNames: texts(selection.certificate_names, selection.certificate_name_count))
  }
}

/// What a function changes of the assigned origin. What is nil stays as it is there.
public struct OriginUpdate: Sendable, Equatable {
  /// How a server is spoken to: the three are given together.
  public struct Endpoint: Sendable, Equatable {
    /// 80, 443 or 1024–65535.
    public var port: Int
    /// Whether TLS is asked for.
    public var isHTTPS: Bool
    /// The TLS versions allowed, in CloudFront's words. Not used before TLS exists.
    public var tlsVersions: [String]

    /// A port and how to speak there.
    public init(port: Int, isHTTPS: Bool = false, tlsVersions: [String] = ["TLSv1.2"]) {
      self.port = port
      self.isHTTPS = isHTTPS
      self.tlsVersions = tlsVersions
    }
  }

  /// Which addresses of a name are used.
  public enum AddressFamily: Sendable { case ipv4, ipv6, dualStack }

  /// A DNS name, never an address literal.
  public var domainName: String?
  /// The Host of the request.
  public var hostHeader: String?
  /// Put before the path: empty, or beginning but not ending with `/`.
  public var originPath: String?
  /// Headers added to the request instead of the assigned origin's; names are in lower case.
  public var customHeaders: [HeaderField]?
  /// 1–3.
  public var connectionAttempts: Int?
  /// 1–10.
  public var connectionTimeoutSeconds: Int?
  /// 1–120.
  public var readTimeoutSeconds: Int?
  /// At least the read timeout. Not obeyed yet.
  public var responseCompletionTimeoutSeconds: Int?
  /// 1–120.
  public var keepAliveTimeoutSeconds: Int?
  /// `customOriginConfig`.
  public var endpoint: Endpoint?
  /// `customOriginConfig.ipAddressType`; only with `domainName`.
  public var addressFamily: AddressFamily?
  /// The server name of TLS. Not used before TLS exists.
  public var serverName: String?
  /// The names a certificate may have. Not used before TLS exists.
  public var allowedCertificateNames: [String] = []

  /// No change.
  public init() {}

  init(_ update: borrowing sk_origin_update) {
    func number(_ value: UInt32) -> Int? { value > 0 ? Int(value) : nil }
    domainName = unsafe optionalText(update.domain_name)
    hostHeader = unsafe optionalText(update.host_header)
    originPath = unsafe optionalText(update.origin_path)
    if unsafe update.has_custom_headers {
      let fields = unsafe UnsafeBufferPointer(start: update.custom_headers, count: update.custom_header_count)
      customHeaders = unsafe fields.map { unsafe HeaderField(name: text($0.name), value: text($0.value)) }
    }
    connectionAttempts = unsafe number(update.connection_attempts)
    connectionTimeoutSeconds = unsafe number(update.connection_timeout)
    readTimeoutSeconds = unsafe number(update.read_timeout)
    responseCompletionTimeoutSeconds = unsafe number(update.response_completion_timeout)
    keepAliveTimeoutSeconds = unsafe number(update.keep_alive_timeout)
    if unsafe update.port > 0 {
      let versions = unsafe update.tls_versions
      let names = ["SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"].enumerated().filter { versions >> $0.offset & 1 == 1 }
      endpoint = unsafe Endpoint(port: Int(update.port), isHTTPS: update.is_https, tlsVersions: names.map(\.element))
    }
    switch unsafe update.family {
    case SK_FAMILY_IPV4: addressFamily = .ipv4
    case SK_FAMILY_IPV6: addressFamily = .ipv6
    case SK_FAMILY_DUAL_STACK: addressFamily = .dualStack
    default: addressFamily = nil
    }
    serverName = unsafe optionalText(update.sni)
    allowedCertificateNames = unsafe texts(update.certificate_names, update.certificate_name_count)
  }
}

private func optionalText(_ slice: sk_slice) -> String? { unsafe slice.bytes == nil ? nil : text(slice) }

private func texts(_ slices: UnsafePointer<sk_slice>?, _ count: Int) -> [String] {
  unsafe UnsafeBufferPointer(start: slices, count: count).map { unsafe text($0) }
}
