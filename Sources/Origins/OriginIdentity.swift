// Owns: how an origin over TLS is named: what it is asked for (SNI), and the names its certificate may have. Immutable.
// Source: spec/request-pipeline.md, 14; spec/cloudfront-functions.md, 10.2.

/// Whom a secured connection leads to. Connections are shared by requests that agree in it.
public final class OriginIdentity: Sendable {
  /// What the server is asked for; lower case.
  public let serverName: String
  /// A certificate for any of these will do; `.example.com` stands for every name below it.
  public let acceptedNames: [String]
  /// All of it in one text.
  let label: String

  /// An identity.
  /// - Parameters:
  ///   - serverName: a name or an address literal.
  ///   - alsoAccepted: further names for the certificate, which may begin with `*.`.
  public init(serverName: String, alsoAccepted: [String]) {
    self.serverName = serverName.lowercased()
    let all = [serverName] + alsoAccepted.map { $0.hasPrefix("*.") ? String($0.dropFirst()) : $0 }
    acceptedNames = all.map { $0.lowercased() }.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    label = self.serverName + "|" + acceptedNames.joined(separator: ",")
  }
}
