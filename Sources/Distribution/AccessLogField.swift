// Owns: the names of what a record of the access log can say, in both forms. Documentation/observability.md repeats the tables for readers.

extension AccessLog {
  /// A member of a JSON record, in the order in which they are written.
  public enum Field: UInt8, Sendable, CaseIterable {
    case time, requestId, clientIp, clientPort, method, host, uri, query, `protocol`, sslProtocol, sslCipher, status, bytesSent, bytesReceived, timeTakenMs
    case timeToFirstByteMs, resultType, responseResultType, detailedResultType, distributionId, behavior
    case origin, originStatus, originFirstByteMs, originReused, originAttempts
    case functions, viewerRequestLogData, viewerResponseLogData, redirectRule, userAgent, referer, cookie, xForwardedFor
    case contentType, contentLength, rangeStart, rangeEnd, traceId, error

    /// Fields that a record has only when the configuration names them, or `all`.
    static let onlyWhenAsked: Set<Field> = [.timeToFirstByteMs, .responseResultType, .cookie, .contentType, .contentLength, .rangeStart, .rangeEnd]

    /// Its name in the record and in the configuration.
    public var name: String {
      switch self {
      case .viewerRequestLogData: "viewer_request_log_data"   // CloudFront's own names
      case .viewerResponseLogData: "viewer_response_log_data"
      default: String(describing: self)
      }
    }
  }

  /// A column of a W3C record: CloudFront's 33 in their order (spec/request-pipeline.md, 21.1), then what only a list of fields brings.
  public enum W3CField: String, Sendable, CaseIterable {
    case date, time
    case edgeLocation = "x-edge-location", bytesSent = "sc-bytes", client = "c-ip", method = "cs-method", domain = "cs(Host)", uri = "cs-uri-stem"
    case status = "sc-status", referer = "cs(Referer)", userAgent = "cs(User-Agent)", query = "cs-uri-query", cookie = "cs(Cookie)"
    case resultType = "x-edge-result-type", requestID = "x-edge-request-id", host = "x-host-header", scheme = "cs-protocol", bytesReceived = "cs-bytes"
    case timeTaken = "time-taken", forwardedFor = "x-forwarded-for", sslProtocol = "ssl-protocol", sslCipher = "ssl-cipher"
    case responseResultType = "x-edge-response-result-type", protocolVersion = "cs-protocol-version"
    case fieldEncryption = "fle-status", encryptedFields = "fle-encrypted-fields", clientPort = "c-port", timeToFirstByte = "time-to-first-byte"
    case detailedResultType = "x-edge-detailed-result-type", contentType = "sc-content-type", contentLength = "sc-content-len"
    case rangeStart = "sc-range-start", rangeEnd = "sc-range-end"
    // Of CloudFront's newer logs, and ours.
    case behavior = "cache-behavior-path-pattern", requestLogData = "viewer-request-log-data", responseLogData = "viewer-response-log-data"
    case originFirstByte = "origin-fbl", distribution = "x-distribution-id", trace = "x-trace-id"

    /// CloudFront's 33.
    public static let standard = Array(allCases.prefix { $0 != .behavior })

    /// Its name in the line `#Fields` and in the configuration.
    public var name: String { rawValue }
  }
}
