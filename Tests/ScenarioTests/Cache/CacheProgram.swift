// The real program with a cache before a scripted origin, and a clock that the scenario moves.
import Foundation

/// A program whose behaviors cache; the origin answers by path.
struct CacheProgram {
  let origin: ScriptedOrigin
  let skerry: Skerry
  let configuration: String

  /// What the origin answers to a request; nil closes the connection.
  typealias Answer = @Sendable (Request, OriginConnection) throws -> Void

  /// - Parameters:
  ///   - policy: the cache policy's settings, as in YAML's braces.
  ///   - behavior: further lines of the default behavior.
  ///   - log: what the access log tells; of heads only where it must: then hits are sent as they are stored.
  ///   - cache: the settings of the cache.
  init(policy: String = "", behavior: String = "", log: String = "[uri, status, resultType, origin]", cache: String = "{}", more: String = "", requestPolicy: String? = nil, distribution: String = "", files: [String: String] = [:], within: [String] = [],
    _ answer: @escaping Answer) throws {
    origin = try ScriptedOrigin { connection in
      while let request = try connection.nextRequest() { try answer(request, connection) }
    }
    configuration = """
      listeners: [ { address: "127.0.0.1:0" } ]
      admin: { address: "127.0.0.1:0" }
      accessLog: { path: access.log, format: json, fields: \(log) }
      cache: \(cache)
      distributions:
        - id: E0
          default: true
      \(distribution.indented(by: 4))
          origins: { app: "\(origin.url)" }
          defaultBehavior:
            origin: app
            allowedMethods: [GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]
            cachePolicy: test
      \(requestPolicy.map { "      originRequestPolicy: \($0)" } ?? "")
      \(behavior.indented(by: 6))
      cachePolicies:
        test: { \(policy) }
      \(more)
      """
    skerry = try Skerry.start(configuration: configuration, files: files, within: within)
  }

  /// Has objects invalidated.
  func invalidate(_ json: String) throws {
    let token = try fileText(skerry.folder.appendingPathComponent(".skerry/admin-token").path).trimmingCharacters(in: .whitespacesAndNewlines)
    let viewer = try skerry.adminConnection()
    try viewer.send("POST /invalidations HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\nAuthorization: Bearer \(token)\r\nContent-Length: \(json.utf8.count)\r\nConnection: close\r\n\r\n\(json)")
    let response = try viewer.readResponse()
    guard response.status == 200 else { throw ScenarioFailure("POST /invalidations: \(response.line) \(response.bodyText)") }
  }

  /// One request on a connection of its own.
  func get(_ path: String, _ fields: String..., method: String = "GET") throws -> Response {
    let lines = fields.map { $0 + "\r\n" }.joined()
    return try skerry.viewer().exchange("\(method) \(path) HTTP/1.1\r\nHost: a.test\r\n\(lines)Connection: close\r\n\r\n", to: method)
  }
}

extension Response {
  /// The first word of X-Cache.
  var cache: String { fields["x-cache"].map { String($0.prefix { $0 != " " }) } ?? "-" }
  var cacheStatus: String { fields["cache-status"] ?? "-" }
}

/// A 200 with a body and fields.
func answer(_ body: String, _ fields: String..., status: String = "200 OK") -> String {
  "HTTP/1.1 \(status)\r\n" + fields.map { $0 + "\r\n" }.joined() + "Content-Length: \(wire(body).count)\r\n\r\n\(body)"
}
