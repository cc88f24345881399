// Owns: the table of everything that is counted: one case per number, with the family it is shown in, its label and its meaning.
// Documentation/observability.md repeats this table for readers; a test keeps the two the same.

/// A Prometheus metric with one or more numbers, told apart by a label.
public enum CounterFamily: String, CaseIterable, Sendable {
  case connectionsAccepted = "skerry_connections_accepted_total"
  case connectionsClosed = "skerry_connections_closed_total"
  case proxyHeaders = "skerry_proxy_headers_total"
  case viewerBytes = "skerry_viewer_bytes_total"
  case tlsHandshakes = "skerry_tls_handshakes_total"
  case requestsRefused = "skerry_requests_refused_total"
  case limitsReached = "skerry_limits_reached_total"
  case signatures = "skerry_signatures_total"
  case upgrades = "skerry_upgrades_total"
  case http2Connections = "skerry_http2_connections_total"
  case http2Streams = "skerry_http2_streams_total"
  case http2Faults = "skerry_http2_faults_total"
  case originConnections = "skerry_origin_connections_total"
  case originHealth = "skerry_origin_health_total"
  case originAttempts = "skerry_origin_attempts_total"
  case originFailures = "skerry_origin_failures_total"
  case originHandshakes = "skerry_origin_tls_handshakes_total"
  case originBytes = "skerry_origin_bytes_total"
  case storeReads = "skerry_kvs_read_requests_total"
  case storeReadErrors = "skerry_kvs_read_errors_total"
  case functionRecalls = "skerry_function_recalls_total"
  case nameLookups = "skerry_name_lookups_total"
  case fileRequests = "skerry_file_requests_total"
  case cacheFills = "skerry_cache_fills_ended_total"
  case reloads = "skerry_reloads_total"
  case certificateReloads = "skerry_certificate_reloads_total"

  /// The name of the label that tells the family's numbers apart; nil for a family of one.
  public var label: String? {
    switch self {
    case .connectionsAccepted, .upgrades, .storeReads, .storeReadErrors, .http2Connections, .http2Streams: nil
    case .http2Faults: "kind"
    case .connectionsClosed: "reason"
    case .viewerBytes, .originBytes: "direction"
    case .requestsRefused: "reason"
    case .limitsReached: "limit"
    case .originConnections, .originAttempts: "kind"
    case .originHealth: "event"
    case .originFailures, .cacheFills: "reason"
    case .signatures, .proxyHeaders, .functionRecalls, .nameLookups, .fileRequests, .reloads, .certificateReloads, .tlsHandshakes, .originHandshakes: "outcome"
    }
  }

  /// The HELP text.
  public var help: String {
    switch self {
    case .connectionsAccepted: "Connections accepted from viewers."
    case .connectionsClosed: "Viewer connections closed, by reason."
    case .proxyHeaders: "PROXY headers on listeners that ask for them, by outcome."
    case .viewerBytes: "Bytes received from and sent to viewers, heads and framing included."
    case .tlsHandshakes: "TLS handshakes with viewers, by outcome."
    case .requestsRefused: "Requests refused before anything was forwarded, by reason."
    case .limitsReached: "Times a named limit was reached."
    case .signatures: "Signed URLs and cookies that were let in, by outcome."
    case .upgrades: "Connections that became tunnels (101 Switching Protocols)."
    case .http2Connections: "Viewer connections that speak HTTP/2."
    case .http2Streams: "Requests on them."
    case .http2Faults: "Streams and connections of HTTP/2 that did not end well, by kind."
    case .originConnections: "Connections to origins, by what became of them."
    case .originHealth: "What was found out about addresses of origins, and done about it."
    case .originAttempts: "Attempts at an origin beyond and including the first, by kind."
    case .originFailures: "Attempts at an origin that failed, by reason."
    case .originHandshakes: "TLS handshakes with origins that succeeded, by kind."
    case .originBytes: "Bytes sent to and received from origins, heads and framing included."
    case .storeReads: "Reads of key value stores by functions (KvsReadRequests)."
    case .storeReadErrors: "Of these, reads that failed: no such key, or a value of another format (KvsReadErrors)."
    case .functionRecalls: "Results of CloudFront Functions that were remembered, by what became of them."
    case .nameLookups: "Look-ups of origin names, by outcome."
    case .fileRequests: "Requests for files of folder origins, by outcome."
    case .cacheFills: "Fetches of bodies for the cache that ended before they were whole, by reason."
    case .reloads: "Configuration reloads, by outcome."
    case .certificateReloads: "Reloads of a listener's certificates, by outcome."
    }
  }
}

/// Something that is counted. The raw value is the number's place in every worker's table.
public enum Counter: Int, CaseIterable, Sendable {
  // Connections
  case connectionsAccepted
  case closedByViewer, closedAfterResponse, closedIdle, closedOnError, closedOnTLS, closedByDrain
  case proxyNamed, proxyUnnamed, proxyMalformed, proxyClosed
  case bytesReceived, bytesSent
  case upgrades

  // HTTP/2
  case http2Connections, http2Streams, http2Resets, http2StreamErrors, http2ConnectionErrors

  // TLS with viewers
  case tlsFull, tlsResumed, tlsPlainHTTP, tlsVersion, tlsCipher, tlsApplicationProtocol, tlsClientCertificate, tlsAlert, tlsClosed, tlsMalformed

  // Requests refused for their form (RFC 9112); the connection is closed and nothing forwarded
  case refusedRequestLine, refusedTarget, refusedVersion, refusedMethodConnect, refusedFieldLine, refusedHost
  case refusedContentLength, refusedBothLengths, refusedTransferEncoding, refusedTransferCoding, refusedChunk

  // Requests refused by the configuration
  case refusedUnknownHost, refusedHTTPSOnly, refusedMethod, refusedGetWithBody, refusedLoop, refusedMisdirected

  // Protection: signed URLs and cookies
  case signatureVerified, signatureRemembered
  case refusedSignatureMissing, refusedSignatureKey, refusedSignaturePolicy, refusedSignature
  case limitVerifiedSignatures
  // Origins' health, and their bounds
  case originEjected, originUnejected, originPanic, originCheckPassed, originCheckFailed, originDown, originUp, originSkipped
  case limitOriginQueue, limitOriginQueueTimeout
  // Protection: rates and countries
  case refusedRate, refusedCountry, rateLimitDryRun, limitRateLimitBuckets

  // Limits
  case limitURL, limitHead, limitHeaderCount, limitConnectionOptions, limitHeadTimeout, limitIdleTimeout, limitBodyRate
  case limitTLSHandshakeTimeout, limitTLSKeyUpdates
  case limitConnectionsPerWorker, limitConnectionsPerAddress, limitDescriptors, limitWatches
  case limitFormerConfigurations, limitWatchdog
  case limitProxyHeader, limitProxyHeaderTimeout, limitProxyHeadersWaiting
  case limitRedirectLocation
  case limitRequestsPerConnection, limitErrorBody, limitAdminConnections, limitWaitingRuns, limitEventMemory
  case limitHTTP2Streams, limitHTTP2Continuations, limitHTTP2AbandonedStreams, limitHTTP2Settings, limitHTTP2Pings, limitHTTP2WindowUpdates
  case limitHTTP2EmptyFrames, limitHTTP2OtherFrames, limitHTTP2IgnoredFrames, limitHTTP2SettingsTimeout, limitHTTP2HeadDecoded, limitHTTP2Stalled
  case limitOriginConnections, limitOriginWaiters, limitOriginHead, limitFunctionOrigins, limitNamesCached, limitNameLookups, limitFileQueue

  // The cache
  case cacheFillAbandoned, cacheFillBroken

  // Origins
  case originConnected, originReused, originReturned, originStale
  case originFirstAttempt, originRetry, originStaleRetry, originFailover
  case originNoFreeConnection, originNameUnknown, originNameFailure, originAddressRefused, originHandshakeFailure, originCertificateFailure, originConnectRefused, originConnectUnreachable
  case originConnectTimeout, originWriteFailure, originReadTimeout, originCompletionTimeout, originClosedEarly, originMalformedHead, originMalformedBody, originMalformedHTTP2
  case originStreamRefused, originStreamReset
  case originBytesSent, originBytesReceived
  case originTLSFull, originTLSResumed

  // Functions
  case storeRead, storeReadError
  case functionResultRecalled, functionResultsForgotten

  // Names
  case nameCached, nameResolved, nameStale, nameNegative, nameFailed, nameTimeout, nameCollapsed, nameServersChanged

  // Files
  case fileServed, fileNotModified, filePartial, fileRangeNotSatisfiable, fileNotFound, fileFailed

  // Operation
  case reloadDone, reloadRefused, certificatesReloaded, certificatesRefused
}

/// How a counter is shown.
public struct CounterDescription: Sendable, Equatable {
  /// The metric it belongs to.
  public let family: CounterFamily
  /// The value of the family's label; empty for a family of one.
  public let label: String
  /// What is counted and, for refusals and limits, the answer the viewer gets.
  public let meaning: String

  init(_ family: CounterFamily, _ label: String, _ meaning: String) {
    self.family = family
    self.label = label
    self.meaning = meaning
  }
}

extension Counter {
  /// The counter's row in the table.
  public var description: CounterDescription {
    switch self {
    case .connectionsAccepted: .init(.connectionsAccepted, "", "accepted")
    case .closedByViewer: .init(.connectionsClosed, "viewer", "the viewer closed or reset it")
    case .closedAfterResponse: .init(.connectionsClosed, "response", "closed after a response, as one side had announced")
    case .closedIdle: .init(.connectionsClosed, "idle", "no request within the keep-alive timeout")
    case .closedOnError: .init(.connectionsClosed, "error", "closed after a refused request or a broken transfer")
    case .closedOnTLS: .init(.connectionsClosed, "tls", "the viewer broke TLS's rules after the handshake, or said no with an alert")
    case .closedByDrain: .init(.connectionsClosed, "drain", "closed by shutdown or reload")
    case .proxyNamed: .init(.proxyHeaders, "named", "the header names who connected")
    case .proxyUnnamed: .init(.proxyHeaders, "unnamed", "the header names nobody (UNKNOWN, LOCAL, a Unix socket): the connection's own address counts")
    case .proxyMalformed: .init(.proxyHeaders, "malformed", "close: no header, or a malformed one")
    case .proxyClosed: .init(.proxyHeaders, "closed", "the peer went before its header was whole, or a drain ended the wait")
    case .bytesReceived: .init(.viewerBytes, "received", "received")
    case .bytesSent: .init(.viewerBytes, "sent", "sent")
    case .upgrades: .init(.upgrades, "", "tunnels begun")

    case .http2Connections: .init(.http2Connections, "", "connections whose preface came")
    case .http2Streams: .init(.http2Streams, "", "requests whose head came whole")
    case .http2Resets: .init(.http2Faults, "abandoned", "a stream ended before its answer was whole: the viewer reset it, or it broke off")
    case .http2StreamErrors: .init(.http2Faults, "stream_error", "RST_STREAM: the viewer broke a rule on a stream (RFC 9113, 5.4.2)")
    case .http2ConnectionErrors: .init(.http2Faults, "connection_error", "GOAWAY: the viewer broke a rule of the connection (RFC 9113, 5.4.1)")

    case .tlsFull: .init(.tlsHandshakes, "full", "done, with all its cryptography")
    case .tlsResumed: .init(.tlsHandshakes, "resumed", "done, on the session of an earlier connection")
    case .tlsPlainHTTP: .init(.tlsHandshakes, "plain_http", "400 in clear text: HTTP where TLS is spoken")
    case .tlsVersion: .init(.tlsHandshakes, "version", "failed: no version in common")
    case .tlsCipher: .init(.tlsHandshakes, "cipher", "failed: no cipher, group or signature in common")
    case .tlsApplicationProtocol: .init(.tlsHandshakes, "application_protocol", "failed: no application protocol in common (RFC 7301, 3.2)")
    case .tlsClientCertificate: .init(.tlsHandshakes, "client_certificate", "failed: the viewer's certificate is missing or not trusted")
    case .tlsAlert: .init(.tlsHandshakes, "alert", "failed: the viewer said no, as when it does not trust the certificate")
    case .tlsClosed: .init(.tlsHandshakes, "closed", "the viewer closed or reset the connection")
    case .tlsMalformed: .init(.tlsHandshakes, "malformed", "failed: a message or record is malformed or out of place")

    case .refusedRequestLine: .init(.requestsRefused, "request_line", "400: the request line is malformed (RFC 9112, 3)")
    case .refusedTarget: .init(.requestsRefused, "target", "400: the request target is malformed (RFC 9112, 3.2)")
    case .refusedVersion: .init(.requestsRefused, "version", "505: neither HTTP/1.0 nor HTTP/1.1")
    case .refusedMethodConnect: .init(.requestsRefused, "connect", "400: CONNECT; this is no forward proxy")
    case .refusedFieldLine: .init(.requestsRefused, "field_line", "400: a field line is malformed: folded, bare CR or LF, NUL, space before the colon (RFC 9112, 5)")
    case .refusedHost: .init(.requestsRefused, "host", "400: Host is missing, repeated or no authority (RFC 9112, 3.2)")
    case .refusedContentLength: .init(.requestsRefused, "content_length", "400: Content-Length repeated or malformed (RFC 9112, 6.3)")
    case .refusedBothLengths: .init(.requestsRefused, "both_lengths", "400: Transfer-Encoding with Content-Length (RFC 9112, 6.1)")
    case .refusedTransferEncoding: .init(.requestsRefused, "transfer_encoding", "400: Transfer-Encoding malformed, repeated or in HTTP/1.0 (RFC 9112, 6.1)")
    case .refusedTransferCoding: .init(.requestsRefused, "transfer_coding", "501: a transfer coding other than chunked (RFC 9112, 6.1)")
    case .refusedChunk: .init(.requestsRefused, "chunk", "400: a chunk is malformed, or its extensions or trailers are too long (RFC 9112, 7.1)")

    case .refusedUnknownHost: .init(.requestsRefused, "unknown_host", "403: no distribution answers this Host")
    case .refusedHTTPSOnly: .init(.requestsRefused, "https_only", "403: the behavior's viewer protocol policy")
    case .refusedMethod: .init(.requestsRefused, "method", "403: the behavior's allowed methods")
    case .refusedGetWithBody: .init(.requestsRefused, "get_with_body", "403: GET with a body")
    case .refusedLoop: .init(.requestsRefused, "loop", "403: too many distributions in CDN-Loop")
    case .refusedMisdirected: .init(.requestsRefused, "misdirected", "421: Host is not among the names of the certificate that was shown (RFC 9110, 15.5.20)")

    case .signatureVerified: .init(.signatures, "verified", "the signature was verified")
    case .signatureRemembered: .init(.signatures, "remembered", "the same signature of the same policy was verified before")
    case .refusedSignatureMissing: .init(.requestsRefused, "signature_missing", "403, MissingKey: neither URL nor cookies say who signed")
    case .refusedSignatureKey: .init(.requestsRefused, "signature_key", "403, InvalidKey: the behavior trusts no such key")
    case .refusedSignaturePolicy: .init(.requestsRefused, "signature_policy", "403, MalformedPolicy: what is signed cannot be read")
    case .refusedSignature: .init(.requestsRefused, "signature", "403, AccessDenied: the signature is wrong, or for another time, URL or address")
    case .originEjected: .init(.originHealth, "ejected", "requests to an address failed: it gets none for a while")
    case .originUnejected: .init(.originHealth, "returned", "a trial showed that it answers again")
    case .originPanic: .init(.originHealth, "panic", "no address was fit, and a request went to one nevertheless")
    case .originCheckPassed: .init(.originHealth, "check_passed", "a health check had a good answer")
    case .originCheckFailed: .init(.originHealth, "check_failed", "a health check had none, or a bad one")
    case .originDown: .init(.originHealth, "down", "health checks took an address away")
    case .originUp: .init(.originHealth, "up", "health checks brought it back")
    case .originSkipped: .init(.originAttempts, "primary_ejected", "sent to the second member of an origin group at once: no address of the first was fit")
    case .limitOriginQueue: .init(.limitsReached, "origin_queue", "503: as many requests wait for an origin with maxRequestsInFlight as may")
    case .limitOriginQueueTimeout: .init(.limitsReached, "origin_queue_timeout", "503: an origin had as many requests as it may for queueTimeout")
    case .refusedRate: .init(.requestsRefused, "rate", "429 or rateLimit.answer: more requests of a client than its behavior's rateLimit")
    case .refusedCountry: .init(.requestsRefused, "country", "403: the distribution's geoRestriction")
    case .rateLimitDryRun: .init(.limitsReached, "rate_dry_run", "nothing: a rateLimit with dryRun would have refused the request")
    case .limitRateLimitBuckets: .init(.limitsReached, "rate_limit_buckets", "a client of a rate limit is forgotten and may make all its requests again")
    case .limitVerifiedSignatures: .init(.limitsReached, "verified_signatures", "the signatures unused longest are forgotten and verified anew when they come again")

    case .limitURL: .init(.limitsReached, "url", "414: request target longer than its limit")
    case .limitHead: .init(.limitsReached, "head", "494: request line and headers longer than their limit")
    case .limitHeaderCount: .init(.limitsReached, "header_count", "494: more field lines than the limit")
    case .limitConnectionOptions: .init(.limitsReached, "connection_options", "494: more options in Connection than the limit")
    case .limitHeadTimeout: .init(.limitsReached, "head_timeout", "408: the head did not arrive in time")
    case .limitTLSHandshakeTimeout: .init(.limitsReached, "tls_handshake_timeout", "close: the TLS handshake was not done in time")
    case .limitTLSKeyUpdates: .init(.limitsReached, "tls_key_updates", "close: a viewer asked for new keys more often than it may on one connection")
    case .limitIdleTimeout: .init(.limitsReached, "idle_timeout", "408 or close: nothing moved within the idle timeout during a request")
    case .limitBodyRate: .init(.limitsReached, "body_rate", "408: the body arrived slower than the minimum rate")
    case .limitFormerConfigurations: .init(.limitsReached, "former_configurations", "close: a WebSocket or stream of events began under a configuration that too many in use have followed")
    case .limitWatchdog: .init(.limitsReached, "watchdog", "no sign of life to the service manager: a worker's loop has not turned for its whole WatchdogSec=")
    case .limitConnectionsPerWorker: .init(.limitsReached, "connections_per_worker", "close: the worker holds as many connections as it may")
    case .limitConnectionsPerAddress: .init(.limitsReached, "connections_per_address", "close: this client address holds as many connections as it may")
    case .limitDescriptors: .init(.limitsReached, "descriptors", "accepting rests, 503 for origins and files: the process has no file descriptor left but those kept free")
    case .limitWatches: .init(.limitsReached, "watches", "close: the system watches no further descriptor for this user (fs.epoll.max_user_watches)")
    case .limitProxyHeader: .init(.limitsReached, "proxy_header", "close: the PROXY header is longer than its limit")
    case .limitProxyHeaderTimeout: .init(.limitsReached, "proxy_header_timeout", "close: the PROXY header did not arrive in time")
    case .limitProxyHeadersWaiting: .init(.limitsReached, "proxy_headers_waiting", "close: as many connections as may wait for their PROXY header")
    case .limitRedirectLocation: .init(.limitsReached, "redirect_location", "414: a redirect rule would make a Location of more than 16 KiB, or a host of what can be none")
    case .limitRequestsPerConnection: .init(.limitsReached, "requests_per_connection", "Connection: close: as many requests as one connection may carry")
    case .limitErrorBody: .init(.limitsReached, "error_body", "the origin's connection is closed: the body of an answer that an error page replaces is longer than limits.discardedBodyBytes or takes longer than limits.errorBodyTimeout")
    case .limitWaitingRuns: .init(.limitsReached, "waiting_runs", "503, FunctionThrottledError: as many requests as may wait for their turn to run a function that takes long")
    case .limitEventMemory: .init(.limitsReached, "event_memory", "503, LambdaLimitExceeded: the bodies of requests that functions are given take as much memory as they may (functionTier.eventMemory)")
    case .limitAdminConnections: .init(.limitsReached, "admin_connections", "close: the admin address holds as many connections as it may")
    case .limitHTTP2Streams: .init(.limitsReached, "http2_streams", "REFUSED_STREAM: as many streams, those included that were reset but still keep a task busy, as may be")
    case .limitHTTP2Continuations: .init(.limitsReached, "http2_continuations", "GOAWAY ENHANCE_YOUR_CALM: more CONTINUATION frames behind one HEADERS frame than the limit")
    case .limitHTTP2AbandonedStreams: .init(.limitsReached, "http2_abandoned_streams", "GOAWAY ENHANCE_YOUR_CALM: more streams than the limit were reset before they were answered (CVE-2023-44487)")
    case .limitHTTP2Settings: .init(.limitsReached, "http2_settings", "GOAWAY ENHANCE_YOUR_CALM: more SETTINGS frames than the limit")
    case .limitHTTP2Pings: .init(.limitsReached, "http2_pings", "GOAWAY ENHANCE_YOUR_CALM: more PING frames than the limit")
    case .limitHTTP2WindowUpdates: .init(.limitsReached, "http2_window_updates", "GOAWAY ENHANCE_YOUR_CALM: more WINDOW_UPDATE frames than the limit and what was sent explain")
    case .limitHTTP2EmptyFrames: .init(.limitsReached, "http2_empty_frames", "GOAWAY ENHANCE_YOUR_CALM: more empty DATA frames than the limit")
    case .limitHTTP2OtherFrames: .init(.limitsReached, "http2_other_frames", "GOAWAY ENHANCE_YOUR_CALM: more PRIORITY, PRIORITY_UPDATE and unknown frames than the limit")
    case .limitHTTP2IgnoredFrames: .init(.limitsReached, "http2_ignored_frames", "GOAWAY ENHANCE_YOUR_CALM: more frames than the limit were refused or passed over")
    case .limitHTTP2SettingsTimeout: .init(.limitsReached, "http2_settings_timeout", "GOAWAY SETTINGS_TIMEOUT: SETTINGS were not acknowledged in time")
    case .limitHTTP2HeadDecoded: .init(.limitsReached, "http2_head_decoded", "GOAWAY ENHANCE_YOUR_CALM: a field section decodes to more than eight times headBytes")
    case .limitHTTP2Stalled: .init(.limitsReached, "http2_stalled", "GOAWAY ENHANCE_YOUR_CALM: the viewer took nothing of finished answers within the idle timeout")
    case .limitOriginConnections: .init(.limitsReached, "origin_connections", "wait: all connections to an origin are in use; each request that waits counts once, however often it waits")
    case .limitOriginWaiters: .init(.limitsReached, "origin_waiters", "503: as many requests wait for a connection as may; the request does not count as waiting")
    case .limitOriginHead: .init(.limitsReached, "origin_head", "502: an origin's response head is larger than its limit")
    case .limitFunctionOrigins: .init(.limitsReached, "function_origins", "the pool of a function-made origin longest unused is closed")
    case .limitNamesCached: .init(.limitsReached, "names_cached", "the name longest unused is forgotten")
    case .limitNameLookups: .init(.limitsReached, "name_lookups", "502: as many look-ups are under way as may be")
    case .limitFileQueue: .init(.limitsReached, "file_queue", "503: as many file operations wait as may")

    case .originConnected: .init(.originConnections, "connected", "new connections made")
    case .originReused: .init(.originConnections, "reused", "taken from the pool")
    case .originReturned: .init(.originConnections, "returned", "given back to the pool")
    case .originStale: .init(.originConnections, "stale", "found closed by the origin when taken from the pool")
    case .originFirstAttempt: .init(.originAttempts, "first", "first attempts")
    case .originRetry: .init(.originAttempts, "retry", "repeated after a failure, within connectionAttempts")
    case .originStaleRetry: .init(.originAttempts, "stale_retry", "GET or HEAD repeated because a pooled connection had been closed")
    case .originFailover: .init(.originAttempts, "failover", "sent to the second member of an origin group")
    case .originNoFreeConnection: .init(.originFailures, "no_free_connection", "503: no connection became free within connectionTimeout, or too many requests wait")
    case .originNameUnknown: .init(.originFailures, "name_unknown", "502: the name does not exist or has no address")
    case .originNameFailure: .init(.originFailures, "name_failure", "502: the name servers failed and nothing usable was cached")
    case .originAddressRefused: .init(.originFailures, "address_refused", "502: the address may not be an origin (own listener, or chosen by a function)")
    case .originHandshakeFailure: .init(.originFailures, "tls_handshake", "502: the TLS handshake failed")
    case .originCertificateFailure: .init(.originFailures, "tls_certificate", "502: the origin's certificate is not trusted, or is for another name")
    case .originConnectRefused: .init(.originFailures, "connect_refused", "502: the connection was refused or reset")
    case .originConnectUnreachable: .init(.originFailures, "connect_unreachable", "502: no route to the address")
    case .originConnectTimeout: .init(.originFailures, "connect_timeout", "504: no connection within connectionTimeout")
    case .originWriteFailure: .init(.originFailures, "write", "502: the request could not be sent whole")
    case .originReadTimeout: .init(.originFailures, "read_timeout", "504: no bytes within readTimeout")
    case .originCompletionTimeout: .init(.originFailures, "completion_timeout", "504, or it broke off: not whole within responseCompletionTimeout")
    case .originClosedEarly: .init(.originFailures, "closed_early", "502: closed before the response was complete")
    case .originMalformedHead: .init(.originFailures, "malformed_head", "502: the response head is malformed")
    case .originMalformedBody: .init(.originFailures, "malformed_body", "502 or a cut transfer: the response body's framing is malformed")
    case .originStreamRefused: .init(.originFailures, "stream_refused", "502, when it happens too often: an HTTP/2 origin did nothing about the request")
    case .originStreamReset: .init(.originFailures, "stream_reset", "502 or a cut transfer: an HTTP/2 origin reset the request's stream, or it was reset for the origin's fault")
    case .originMalformedHTTP2: .init(.originFailures, "malformed_http2", "502 or a cut transfer: the origin broke a rule of HTTP/2, or a limit; counted beside what the request failed with")
    case .originBytesSent: .init(.originBytes, "sent", "sent")
    case .originBytesReceived: .init(.originBytes, "received", "received")

    case .originTLSFull: .init(.originHandshakes, "full", "with all its cryptography")
    case .originTLSResumed: .init(.originHandshakes, "resumed", "on the session of an earlier connection")

    case .cacheFillAbandoned: .init(.cacheFills, "abandoned", "no viewer was left, and more was missing than is fetched for nobody")
    case .cacheFillBroken: .init(.cacheFills, "broken", "the origin's body broke off: nothing is stored, viewers under way see a cut transfer")

    case .storeRead: .init(.storeReads, "", "get, exists, meta or count was called")
    case .storeReadError: .init(.storeReadErrors, "", "the call's promise was rejected")

    case .functionResultRecalled: .init(.functionRecalls, "recalled", "an event was answered without a run: an earlier one had read the same")
    case .functionResultsForgotten: .init(.functionRecalls, "forgotten", "limits.rewriteEngine.rememberedBytes was full: all results of one function on one worker made room")

    case .nameCached: .init(.nameLookups, "cached", "answered from the cache")
    case .nameResolved: .init(.nameLookups, "resolved", "answered by a name server")
    case .nameStale: .init(.nameLookups, "stale", "answered from the cache past its TTL because the name servers failed")
    case .nameNegative: .init(.nameLookups, "negative", "the name does not exist or has no address")
    case .nameFailed: .init(.nameLookups, "failed", "the name servers failed or answered nonsense")
    case .nameTimeout: .init(.nameLookups, "timeout", "no answer in time")
    case .nameCollapsed: .init(.nameLookups, "collapsed", "joined a look-up of the same name already under way")
    case .nameServersChanged: .init(.nameLookups, "servers_changed", "not a look-up: a worker has read a changed /etc/resolv.conf")

    case .fileServed: .init(.fileRequests, "served", "200")
    case .fileNotModified: .init(.fileRequests, "not_modified", "304")
    case .filePartial: .init(.fileRequests, "partial", "206")
    case .fileRangeNotSatisfiable: .init(.fileRequests, "range_not_satisfiable", "416")
    case .fileNotFound: .init(.fileRequests, "not_found", "404: no such file, a directory, or outside of the folder")
    case .fileFailed: .init(.fileRequests, "failed", "403, 405 or 500: not readable, method not allowed, or the disk failed")

    case .reloadDone: .init(.reloads, "done", "the new configuration serves")
    case .reloadRefused: .init(.reloads, "refused", "the new configuration had errors; the old one stays")
    case .certificatesReloaded: .init(.certificateReloads, "done", "the new ones are shown")
    case .certificatesRefused: .init(.certificateReloads, "refused", "a file is no good; the old ones stay")
    }
  }
}

/// Something that goes up and down, kept and shown per worker.
public enum Gauge: Int, CaseIterable, Sendable {
  case connectionsOpen, http2ConnectionsOpen, requestsInFlight, originConnectionsOpen, originConnectionsIdle, tunnelsOpen, fileOperationsWaiting

  /// The metric's name and HELP text.
  public var description: (name: String, help: String) {
    switch self {
    case .connectionsOpen: ("skerry_connections_open", "Viewer connections open now.")
    case .http2ConnectionsOpen: ("skerry_http2_connections_open", "Viewer connections open now that speak HTTP/2.")
    case .requestsInFlight: ("skerry_requests_in_flight", "Requests being served now.")
    case .originConnectionsOpen: ("skerry_origin_connections_open", "Connections to origins open now, idle ones included.")
    case .originConnectionsIdle: ("skerry_origin_connections_idle", "Connections waiting in origin pools now.")
    case .tunnelsOpen: ("skerry_tunnels_open", "Upgraded connections open now.")
    case .fileOperationsWaiting: ("skerry_file_operations_waiting", "File operations waiting for a helper thread now.")
    }
  }
}

/// A distribution of durations.
public enum Histogram: Int, CaseIterable, Sendable {
  case requestDuration, functionCPU
  // Steps of a request.
  case viewerRequestStep, originRequestStep, originResponseStep, viewerResponseStep, sendStep

  /// The metric's name, the value of its label `step` if it has one, and the HELP text.
  public var description: (name: String, step: String?, help: String) {
    switch self {
    case .requestDuration: ("skerry_request_duration_seconds", nil, "Time from the request's first byte to the response's last.")
    case .functionCPU: ("skerry_function_cpu_seconds", nil, "CPU time of one run of a viewer function.")
    case .viewerRequestStep: (Histogram.stepName, "viewer_request", Histogram.stepHelp)
    case .originRequestStep: (Histogram.stepName, "origin_request", Histogram.stepHelp)
    case .originResponseStep: (Histogram.stepName, "origin_response", Histogram.stepHelp)
    case .viewerResponseStep: (Histogram.stepName, "viewer_response", Histogram.stepHelp)
    case .sendStep: (Histogram.stepName, "send", Histogram.stepHelp)
    }
  }
  static let stepName = "skerry_step_duration_seconds"
  static let stepHelp = "Time that a step of a request took; a step that was not taken is not counted."

  /// What a step is, for those who read the page.
  public var stepMeaning: String? {
    switch self {
    case .requestDuration, .functionCPU: nil
    case .viewerRequestStep: "the viewer-request function, its wait for a turn included"
    case .originRequestStep: "the origin-request function of the function tier"
    case .originResponseStep: "the origin-response function of the function tier"
    case .viewerResponseStep: "the viewer-response function, its wait for a turn included"
    case .sendStep: "from the response's first byte to its last; how fast the origin sends a body and the viewer takes it is part of it"
    }
  }

  /// Upper bounds of the buckets in microseconds, inclusive; a last one without bound follows.
  public static let boundsMicroseconds: [UInt64] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
  ]
}

/// What an origin may take long for.
public enum OriginStep: Int, CaseIterable, Sendable {
  case connect, firstByte

  /// The metric's name and HELP text.
  public var description: (name: String, help: String) {
    switch self {
    case .connect: ("skerry_origin_connect_seconds", "Time to get a new connection to an origin: waiting for a free one, name, TCP and TLS.")
    case .firstByte: ("skerry_origin_first_byte_seconds", "Time from sending a request to an origin to the first byte of its response.")
    }
  }

  /// Its label among the steps of a request, where all origins count together.
  public var step: String {
    switch self {
    case .connect: "origin_connect"
    case .firstByte: "origin_first_byte"
    }
  }
}

/// What became of a request, as CloudFront's `x-edge-result-type` says it (spec/request-pipeline.md, 21.1).
public enum ResultType: Int, CaseIterable, Sendable {
  case hit, refreshHit, miss, limitExceeded, capacityExceeded, error, redirect
  case functionGeneratedResponse, functionExecutionError, functionValidationError, functionThrottledError
  case lambdaGeneratedResponse, lambdaExecutionError, lambdaValidationError, lambdaLimitExceeded

  /// The word in logs, metrics and (followed by " from cloudfront" where CloudFront does so) in X-Cache.
  public var word: StaticString {
    switch self {
    case .hit: "Hit"
    case .refreshHit: "RefreshHit"
    case .miss: "Miss"
    case .limitExceeded: "LimitExceeded"
    case .capacityExceeded: "CapacityExceeded"
    case .error: "Error"
    case .redirect: "Redirect"
    case .functionGeneratedResponse: "FunctionGeneratedResponse"
    case .functionExecutionError: "FunctionExecutionError"
    case .functionValidationError: "FunctionValidationError"
    case .functionThrottledError: "FunctionThrottledError"
    case .lambdaGeneratedResponse: "LambdaGeneratedResponse"
    case .lambdaExecutionError: "LambdaExecutionError"
    case .lambdaValidationError: "LambdaValidationError"
    case .lambdaLimitExceeded: "LambdaLimitExceeded"
    }
  }
}
