// Owns: what the access log is asked to say. The lines themselves are Pipeline's; their members are described in Documentation/observability.md.

/// Where access records go, and what they say.
public struct AccessLog: Sendable, Equatable {
  /// The form of a record.
  public enum Format: String, Sendable, CaseIterable {
    /// One JSON object per line.
    case json
    /// CloudFront's 33 fields, separated by tabs.
    case w3c
    /// No records.
    case off
  }

  /// A member of a JSON record, in the order in which they are written.
  public enum Field: UInt8, Sendable, CaseIterable {
    case time, requestId, clientIp, clientPort, method, host, uri, query, `protocol`, sslProtocol, sslCipher, status, bytesSent, bytesReceived, timeTakenMs
    case resultType, detailedResultType, distributionId, behavior, origin, originStatus, originFirstByteMs, originReused, originAttempts
    case functions, viewerRequestLogData, viewerResponseLogData, redirectRule, userAgent, referer, xForwardedFor, error

    /// Its name in the record and in the configuration.
    public var name: String {
      switch self {
      case .viewerRequestLogData: "viewer_request_log_data"   // CloudFront's own names
      case .viewerResponseLogData: "viewer_response_log_data"
      default: String(describing: self)
      }
    }
  }

  /// A set of fields: one bit each.
  public struct Fields: Sendable, Equatable {
    @usableFromInline var bits: UInt64
    /// Every field.
    public static let all = Fields(Field.allCases)
    /// No field: nothing is logged.
    public static let none = Fields([])

    /// The fields of a list.
    public init(_ fields: [Field]) { bits = fields.reduce(0) { $0 | Fields.bit($1) } }

    /// Whether a field is among them.
    @inlinable @inline(__always) public func contains(_ field: Field) -> Bool { bits & Fields.bit(field) != 0 }
    /// Whether there is none.
    @inlinable @inline(__always) public var isEmpty: Bool { bits == 0 }

    @inlinable @inline(__always) static func bit(_ field: Field) -> UInt64 { 1 << UInt64(field.rawValue) }
  }

  /// The absolute path of the file; `-` is standard output.
  public var path: String
  /// The form of a record. Default JSON.
  public var format: Format
  /// What a JSON record says of a request, where it applies. Default everything.
  public var fields: Fields

  /// An access log.
  public init(path: String = "-", format: Format = .json, fields: Fields = .all) {
    self.path = path
    self.format = format
    self.fields = fields
  }
}
