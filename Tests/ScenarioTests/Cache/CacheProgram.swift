// The real program with a cache before a scripted origin, and a clock that the scenario moves.

/// A program whose behaviors cache; the origin answers by path.
struct CacheProgram {
  let origin: ScriptedOrigin
  let skerry: Skerry

  /// What the origin answers to a request; nil closes the connection.
  typealias Answer = @Sendable (Request, OriginConnection) throws -> Void

  /// - Parameters:
  ///   - policy: the cache policy's settings, as in YAML's braces.
  ///   - behavior: further lines of the default behavior.
  init(policy: String = "", behavior: String = "", more: String = "", requestPolicy: String? = nil, distribution: String = "", files: [String: String] = [:], _ answer: @escaping Answer) throws {
    origin = try ScriptedOrigin { connection in
      while let request = try connection.nextRequest() { try answer(request, connection) }
    }
    let text = """
      listeners: [ { address: "127.0.0.1:0" } ]
      admin: { address: "127.0.0.1:0" }
      accessLog: { path: access.log, format: json, fields: all }
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
    skerry = try Skerry.start(configuration: text, files: files)
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
