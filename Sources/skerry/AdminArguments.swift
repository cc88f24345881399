// Which running proxy a command is about: that of a configuration, or one that is named.
import ArgumentParser
import ConfigurationFile
import ControlPlane
import Distribution
import Edge
import JSONText
import Transport

/// Options of commands that talk to a running proxy.
struct AdminArguments: ParsableArguments {
  @Option(help: "The configuration whose proxy is meant. Default: ./edge.yaml, else the built-in example.")
  var config: String?
  @Option(help: "Its admin address, such as 127.0.0.1:9090 or unix:/run/skerry.sock, whatever a configuration says.")
  var admin: String?
  @Option(help: "The file with its admin token, whatever a configuration says. A Unix socket needs none.")
  var tokenFile: String?

  /// The proxy.
  func client() throws -> AdminClient {
    let (address, token) = try place()
    do throws(AdminClient.Failure) { return try AdminClient(address, tokenPath: token) } catch { throw Refusal(error.description) }
  }

  private func place() throws -> (SocketAddress, tokenPath: String) {
    if let admin {
      guard let address = SocketAddress(admin) else { throw Refusal("--admin takes ADDRESS:PORT or unix:PATH, not \(admin.quoted)") }
      if case .unix = address { return (address, tokenFile ?? "") }
      if let tokenFile { return (address, tokenFile) }
      return (address, try configured().tokenPath)
    }
    let configured = try configured()
    guard let address = SocketAddress(configured.address) else { throw Refusal("\(configured.address.description) is no address") }
    if address.port == 0, case .tcp = configured.address {
      throw Refusal("the configuration lets the system choose the admin port; name it with --admin")
    }
    return (address, tokenFile ?? configured.tokenPath)
  }

  /// What the proxy of a configuration says of itself; nil when none runs, or it cannot be asked.
  static func runningStatus(_ admin: Admin) -> JSONValue? {
    guard let address = SocketAddress(admin.address), let client = try? AdminClient(address, tokenPath: admin.tokenPath), let answer = try? client.ask("GET", "/status") else { return nil }
    return answer.status == 200 ? try? JSONValue(parsing: answer.body) : nil
  }

  private func configured() throws -> Admin {
    let path = try ConfigurationArgument.path(config)
    let loaded = ConfigurationFile.load(path: path)
    if let unreadable = loaded.unreadable { throw Refusal(unreadable) }
    // What is wrong with the rest of it is no reason not to ask.
    guard let draft = loaded.draft else { throw Refusal(lines: loaded.diagnostics) }
    guard let admin = draft.admin else { throw Refusal("\(path) has no admin address; name one with --admin") }
    return admin
  }
}

extension AdminClient {
  /// Asks, and says why it cannot in one sentence.
  func request(_ method: String, _ path: String, content: [UInt8] = [], timeoutMilliseconds: Int = timeoutMilliseconds) throws -> Answer {
    do throws(Failure) { return try ask(method, path, content: content, timeoutMilliseconds: timeoutMilliseconds) } catch { throw Refusal(error.description) }
  }
}
