// skerry explain: how a request travels, told by the pipeline that serves requests.
import ArgumentParser
import ConfigurationFile
import ControlPlane
import Distribution
import Edge
import Foundation
import JSONText
import Pipeline

struct Explain: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show how a request travels, and why.",
    discussion: """
      Sends the request through the real pipeline, in this process: distribution, behaviors, redirect rules, functions, cache key, what the origin
      would get, policies. No origin is asked: each answers 200 without content, or what --origin-status and --origin-header say; folders are
      read; functions on nodejs, python and provided run in sandboxes, unless --no-functions. With --running the proxy that serves the configuration does it, with its cache and its origins.

      Examples:
        skerry explain http://localhost:8080/old/page
        skerry explain https://www.example.com/a?x=1 -H 'accept-language: de' --config site/edge.yaml
        skerry explain http://localhost/ --origin-header 'cache-control: max-age=60, stale-if-error=600'
        skerry explain http://localhost/ --running --json
      """)

  @Argument(help: "http:// or https://; its host chooses the distribution.")
  var url: String
  @Option(name: [.customShort("X"), .long], help: "The method.")
  var method = "GET"
  @Option(name: [.customShort("H"), .customLong("header")], help: "A field, as 'name: value'; may be repeated.")
  var headers: [String] = []
  @Option(help: "The viewer's address.")
  var client: String?
  @Option(name: .customLong("origin-status"), help: "The status that origins are taken to answer.")
  var originStatus: Int?
  @Option(name: .customLong("origin-header"), help: "A field of that answer; may be repeated.")
  var originHeaders: [String] = []
  @Flag(name: .customLong("no-functions"), help: "Leave functions on nodejs, python and provided out: the request goes on as if there were none.")
  var noFunctions = false
  @Flag(help: "Ask the running proxy, which asks its origins.")
  var running = false
  @OptionGroup var proxy: AdminArguments
  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    let fields = try headers.map { try field($0, "-H") }
    var explained = running || proxy.admin != nil ? try askProxy(fields) : try rehearse(fields)
    explained = .object(JSONObject([.init(name: "request", value: .object(["method": .string(method), "url": .string(url), "fields": Self.json(fields)]))] + (explained.object?.members ?? [])))
    FileHandle.standardOutput.write(Data((json ? explained.indented() + "\n" : ExplanationText.page(explained)).utf8))
  }

  private func field(_ text: String, _ option: String) throws -> (name: String, value: String) {
    guard let colon = text.firstIndex(of: ":"), colon > text.startIndex else { throw Refusal("\(option) takes 'name: value', not \(text.quoted)") }
    return (String(text[..<colon]), text[text.index(after: colon)...].trimmingCharacters(in: .whitespaces))
  }

  private static func json(_ fields: [(name: String, value: String)]) -> JSONValue { .array(fields.map { .array([.string($0.name), .string($0.value)]) }) }

  // MARK: Here

  private func rehearse(_ fields: [(name: String, value: String)]) throws -> JSONValue {
    let request: ExplainedRequest
    do throws(ExplainProblem) {
      request = try ExplainedRequest(method: method, url: url, fields: fields, client: client, standIn: try standIn())
    } catch { throw Refusal(error.text) }
    let path = try ConfigurationArgument.path(proxy.config)
    let loaded = ConfigurationFile.load(path: path)
    if let unreadable = loaded.unreadable { throw Refusal(unreadable) }
    guard let configuration = loaded.configuration else { throw Refusal(lines: loaded.diagnostics.filter { $0.severity == .error }) }
    let rehearsal: Rehearsal
    do throws(StartFailure) { rehearsal = try Rehearsal(configuration, from: Files.folder(of: path), runsFunctions: !noFunctions) } catch {
      throw Refusal(error.description + (noFunctions ? "" : hint(configuration)))
    }
    defer { rehearsal.end() }
    let forecast = HandshakeForecast(configuration, url: url, host: fields.first { $0.name.lowercased() == "host" }?.value)
    let explained = blocking { await rehearsal.explain(request) }
    return .object(JSONObject((forecast.map { [.init(name: "tls", value: $0.json)] } ?? []) + explained.members))
  }

  private func hint(_ configuration: Configuration) -> String {
    configuration.functions.contains { !$0.runtime.isRewriteEngine } ? " (--no-functions leaves functions on nodejs, python and provided out)" : ""
  }

  /// What stands for every origin's answer.
  private func standIn() throws(ExplainProblem) -> [UInt8] {
    let status = originStatus ?? 200
    guard (200...599).contains(status) else { throw ExplainProblem(text: "--origin-status is from 200 to 599") }
    var head = "HTTP/1.1 \(status) Stand-in\r\n", names: Set<String> = []
    for text in originHeaders {
      guard let (name, value) = try? field(text, "--origin-header"), !(name + value).utf8.contains(where: { $0 < 0x20 && $0 != 9 || $0 == 0x7F }) else {
        throw ExplainProblem(text: "--origin-header takes 'name: value', not \(text.quoted)")
      }
      names.insert(name.lowercased())
      head += "\(name): \(value)\r\n"
    }
    if !names.contains("content-type") { head += "Content-Type: text/html\r\n" }
    if !names.contains("content-length") { head += "Content-Length: 0\r\n" }
    return Array((head + "\r\n").utf8)
  }

  // MARK: There

  private func askProxy(_ fields: [(name: String, value: String)]) throws -> JSONValue {
    if originStatus != nil || !originHeaders.isEmpty { throw Refusal("--origin-status and --origin-header go not with a running proxy, which asks its origins") }
    if noFunctions { throw Refusal("--no-functions goes not with a running proxy, which runs its functions") }
    var object: JSONObject = ["method": .string(method), "url": .string(url), "fields": Self.json(fields)]
    if let client { object.append("client", .string(client)) }
    let answer = try proxy.client().request("POST", "/explain", content: Array(JSONValue.object(object).compact.utf8))
    guard let json = try? JSONValue(parsing: answer.body) else { throw Refusal("the proxy answers \(answer.status), which this command does not understand") }
    guard answer.status == 200 else { throw Refusal("the proxy refuses: \(json["reason"]?.string ?? "\(answer.status)")") }
    return json
  }
}
