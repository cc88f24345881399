// Where content comes from: an HTTP server or a folder, and groups of two for failover.
// Immutable values; any thread may read them. No I/O.
// Source: spec/request-pipeline.md 11.3, 12, 14; design/configuration.md.
public import TLS

/// One origin of a distribution.
public struct Origin: Sendable, Equatable {
  /// What stands behind an origin.
  public enum Kind: Sendable, Equatable {
    /// An HTTP server.
    case http(HTTPServer)
    /// A folder of files, by its absolute path: GET and HEAD, no listing.
    case folder(path: String)
  }

  /// An HTTP server's name and ports.
  public struct HTTPServer: Sendable, Equatable {
    /// A host name or an IP address literal (IPv6 without brackets).
    public var domainName: String
    /// The most addresses that can be listed.
    public static let addressLimit = 64
    /// Where it is, as IP address literals; empty where its name says so.
    public var addresses: [String] = []
    /// The port for clear text, default 80.
    public var httpPort: Int
    /// The port for TLS, default 443.
    public var httpsPort: Int
    /// Which of the two is used.
    public var originProtocolPolicy: OriginProtocolPolicy
    /// Which version of HTTP is spoken, by prior knowledge where there is no TLS. Default HTTP/1.1, as CloudFront.
    public var httpVersion: OriginHTTPVersion
    /// The versions of TLS and whom it trusts.
    public var tls = TLSClient.Configuration()

    /// An HTTP server.
    public init(
      domainName: String, httpPort: Int = 80, httpsPort: Int = 443,
      originProtocolPolicy: OriginProtocolPolicy = .httpOnly, httpVersion: OriginHTTPVersion = .http1
    ) {
      self.domainName = domainName
      self.httpPort = httpPort
      self.httpsPort = httpsPort
      self.originProtocolPolicy = originProtocolPolicy
      self.httpVersion = httpVersion
    }

    /// Whether it is spoken to over TLS by a request of a viewer who used HTTPS or not.
    public func isSecure(viewerIsSecure: Bool) -> Bool {
      switch originProtocolPolicy {
      case .httpOnly: false
      case .httpsOnly: true
      case .matchViewer: viewerIsSecure
      }
    }
    /// The port that is used then.
    public func port(isSecure: Bool) -> Int { isSecure ? httpsPort : httpPort }
  }

  /// The name by which behaviors and groups refer to it; unique in its distribution.
  public var name: String
  /// What stands behind it.
  public var kind: Kind
  /// Put before the path of every request: empty, or beginning but not ending with `/`.
  public var originPath: String
  /// Headers added to every request; they replace the viewer's. At most 30. (Spec 12.)
  public var customHeaders: [HeaderField]
  /// How often connecting is tried, 1–3. Default 3.
  public var connectionAttempts: Int
  /// How long one attempt may take, 1–10 s. Default 10 s.
  public var connectionTimeout: Duration
  /// The longest wait for the response head and between two pieces of a body, 1–120 s. Default 30 s.
  public var readTimeout: Duration
  /// How long an unused connection is kept, 1–120 s. Default 5 s.
  public var keepAliveTimeout: Duration
  /// How long one request may take until its answer is whole; nil: no bound. Only functions set it; such a request's connection is not used again.
  public var responseCompletionTimeout: Duration?
  /// The most connections one worker has open to this origin; a request beyond it waits. Default 1,024.
  public var connectionsPerWorker: Int
  /// The most HTTP/2 connections one worker has open to this origin, each of which carries many requests. Default 4.
  public var http2ConnectionsPerWorker = 4
  /// The most unused connections one worker keeps to this origin; further ones are closed. Default 128.
  public var idleConnectionsPerWorker: Int
  /// The most requests of one worker that wait for a connection; a request beyond it gets 503. Default 1,024.
  public var waitingRequestsPerWorker: Int
  /// Whether addresses whose requests fail are left out for a while. Default true; it matters where the name has several.
  public var ejectsAddresses = true
  /// When that is; nil for the defaults where the name has several addresses, and for nothing where it has one.
  public var ejection: EjectionPolicy?
  /// What each address is asked again and again; nil for nothing.
  public var healthCheck: HealthCheck?
  /// How many requests it gets at once, of all workers together; nil for any number.
  public var requestBound: RequestBound?
  /// Whether each of its requests is counted, whatever addresses its name has.
  public var isWatched: Bool { ejection != nil || healthCheck != nil || requestBound != nil }

  /// An origin; the defaults are CloudFront's.
  public init(
    name: String, kind: Kind, originPath: String = "", customHeaders: [HeaderField] = [],
    connectionAttempts: Int = 3, connectionTimeout: Duration = .seconds(10), readTimeout: Duration = .seconds(30),
    keepAliveTimeout: Duration = .seconds(5), connectionsPerWorker: Int = 1024, idleConnectionsPerWorker: Int = 128,
    waitingRequestsPerWorker: Int = 1024
  ) {
    self.name = name
    self.kind = kind
    self.originPath = originPath
    self.customHeaders = customHeaders
    self.connectionAttempts = connectionAttempts
    self.connectionTimeout = connectionTimeout
    self.readTimeout = readTimeout
    self.keepAliveTimeout = keepAliveTimeout
    self.connectionsPerWorker = connectionsPerWorker
    self.idleConnectionsPerWorker = idleConnectionsPerWorker
    self.waitingRequestsPerWorker = waitingRequestsPerWorker
  }
}

/// Which protocol an HTTP origin is spoken to with.
public enum OriginProtocolPolicy: String, Sendable, CaseIterable {
  /// Always clear text.
  case httpOnly = "http-only"
  /// Always TLS.
  case httpsOnly = "https-only"
  /// What the viewer used.
  case matchViewer = "match-viewer"
}

/// Which version of HTTP an origin is spoken to with.
public enum OriginHTTPVersion: String, Sendable, CaseIterable {
  /// HTTP/1.1, one request at a time on a connection.
  case http1 = "http1.1"
  /// HTTP/2.
  case http2
}

/// Two origins, the second of which answers when the first fails. (Spec 11.3.)
public struct OriginGroup: Sendable, Equatable {
  /// The name by which behaviors refer to it; unique among the groups and origins of its distribution.
  public var name: String
  /// Exactly two indices into `Distribution.origins`: primary, then secondary.
  public var members: [Int]
  /// The primary's status codes that make the secondary be asked. 503 also covers a failed connection, 504 a timeout.
  public var statusCodes: [Int]

  /// An origin group.
  public init(name: String, members: [Int], statusCodes: [Int]) {
    self.name = name
    self.members = members
    self.statusCodes = statusCodes
  }

  /// The status codes that may be chosen for failover, in rising order.
  public static let supportedStatusCodes = [400, 403, 404, 416, 429, 500, 502, 503, 504]

  /// Whether a response of the primary with this status sends the request to the secondary.
  public func failsOver(on statusCode: Int) -> Bool { statusCodes.contains(statusCode) }
}

/// A header that configuration adds: its name as it is to be written, and its value.
public struct HeaderField: Sendable, Equatable {
  /// The name in the spelling of the file; comparison ignores ASCII case.
  public var name: String
  /// The value; may be empty.
  public var value: String

  /// A header field.
  public init(name: String, value: String) {
    self.name = name
    self.value = value
  }
}
