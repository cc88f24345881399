// The configuration files of the scenarios, written out as YAML: everything a scenario does not care about in one place.

struct Configuration: Sendable {
  var distributions: [Distribution]
  /// Further top-level YAML: limits, functions, policies, shutdownTimeout.
  var more = ""
  /// Each listener's lines; unindented YAML.
  var listeners = ["address: 127.0.0.1:0"]
  /// What the access log says.
  var logFields = "all"
  /// The whole setting of the access log, in the place of the usual one.
  var accessLog: String?

  /// A distribution with one origin, forwarding everything, caching nothing.
  struct Distribution: Sendable {
    var hosts: [String] = []
    var isDefault = false
    var origin = ""
    /// What the default behavior names: the origin `app`, or a group of `more`.
    var target = "app"
    /// Lines of the default behavior beyond its origin, methods and policies; unindented YAML.
    var behavior = ""
    var cachePolicy = "CachingDisabled"
    var originRequestPolicy: String? = "AllViewer"
    var methods = "[GET, HEAD, OPTIONS, PUT, POST, PATCH, DELETE]"
    /// Further lines of the distribution; unindented YAML.
    var more = ""
    /// Further lines of the origin, which then is written in its long form; unindented YAML.
    var originSettings = ""
    /// Further origins; unindented YAML.
    var moreOrigins = ""
  }

  var yaml: String {
    """
    listeners:
    \(listeners.map { "  - " + $0.indented(by: 4).dropFirst(4) }.joined(separator: "\n"))
    admin:
      address: 127.0.0.1:0
    accessLog: \(accessLog ?? "{ path: access.log, format: json, fields: \(logFields) }")
    distributions:
    \(distributions.enumerated().map { $1.yaml(id: "E\($0)") }.joined(separator: "\n"))
    \(more)
    """
  }
}

extension Configuration.Distribution {
  fileprivate func yaml(id: String) -> String {
    """
      - id: \(id)
        aliases: [\(hosts.map { "\"\($0)\"" }.joined(separator: ", "))]
        default: \(isDefault)
    \(more.indented(by: 4))
        origins:
    \(originLines.indented(by: 6))
    \(moreOrigins.indented(by: 6))
        defaultBehavior:
          origin: \(target)
          allowedMethods: \(methods)
          cachePolicy: \(cachePolicy)
    \(originRequestPolicy.map { "originRequestPolicy: \($0)" }.map { $0.indented(by: 6) } ?? "")
    \(behavior.indented(by: 6))
    """
  }

  private var originLines: String {
    guard !originSettings.isEmpty else { return "app: \(origin)" }
    let port = origin.split(separator: ":").last ?? ""
    return """
      app:
        domainName: 127.0.0.1
        httpPort: \(port)
        originProtocolPolicy: http-only
      \(originSettings.indented(by: 2))
      """
  }
}

extension String {
  func indented(by spaces: Int) -> String {
    split(separator: "\n", omittingEmptySubsequences: true)
      .map { String(repeating: " ", count: spaces) + $0 }.joined(separator: "\n")
  }
}

/// Starts a program with one distribution, which answers every Host, before `origin`.
func startSkerry(
  before origin: ScriptedOrigin, more: String = "", logFields: String = "all", accessLog: String? = nil, files: [String: String] = [:], arguments: [String] = [],
  fileSizeLimit: Int? = nil, distribution change: (inout Configuration.Distribution) -> Void = { _ in }
) throws -> Skerry {
  var distribution = Configuration.Distribution(isDefault: true, origin: origin.url)
  change(&distribution)
  return try Skerry.start(
    configuration: Configuration(distributions: [distribution], more: more, logFields: logFields, accessLog: accessLog).yaml, files: files, arguments: arguments,
    fileSizeLimit: fileSizeLimit)
}
