// skerry init: a project to start from: a configuration that can be served at once, a function with its test, a table of redirects, a page.
import ArgumentParser
import Foundation

struct Init: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Write a project to start from.",
    discussion: """
      Writes edge.yaml, a function with a test case, a table of redirects and a page into a folder. Files that are there already are never
      touched: when one of them is, nothing is written.

      Examples:
        skerry init                                  here
        skerry init site --origin http://127.0.0.1:3000
        cd site && skerry check && skerry test && skerry serve
      """)

  @Argument(help: "The folder; it is made if it is not there.")
  var folder = "."
  @Option(help: "The server that is asked, such as http://127.0.0.1:3000. Default: the folder public.")
  var origin: String?
  @Option(help: "The port to listen on.")
  var port = 8080

  func run() throws {
    if let origin {
      guard let url = URL(string: origin), ["http", "https"].contains(url.scheme), url.host?.isEmpty == false, !origin.contains("'"),
        url.port.map({ (1...65_535).contains($0) }) ?? true, url.user == nil, url.query == nil, url.fragment == nil
      else {
        throw Refusal("--origin takes an address such as http://127.0.0.1:3000, not \(origin)")
      }
    }
    guard (1...65_535).contains(port) else { throw Refusal("--port is from 1 to 65535") }
    let files = Self.files(origin: origin, port: port)
    for (name, _) in files where FileManager.default.fileExists(atPath: folder + "/" + name) {
      throw Refusal("\(folder)/\(name) is there already; nothing was written")
    }
    for (name, text) in files {
      let url = URL(fileURLWithPath: folder + "/" + name)
      do {
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url, options: .withoutOverwriting)
      } catch { throw Refusal("\(folder)/\(name) cannot be written") }
      FileHandle.standardOutput.write(Data("\(folder)/\(name)\n".utf8))
    }
    StandardError.say("next: \(folder == "." ? "" : "cd \(folder), then ")skerry check, skerry test, skerry serve; then open http://127.0.0.1:\(port)/old")
  }

  /// Every file and its text.
  static func files(origin: String?, port: Int) -> [(name: String, text: String)] {
    var files = [
      ("edge.yaml", configuration(origin: origin, port: port)),
      ("redirects.tsv", redirects),
      ("Functions/hello/index.js", function), ("Functions/hello/function.yaml", functionSettings), ("Functions/hello/tests/hello.yaml", cases),
      (".gitignore", "# Tokens, caches and queues of the running proxy\n.skerry/\n"),
    ]
    if origin == nil { files.append(("public/index.html", "<!doctype html>\n<html lang=\"en\"><title>It works</title><h1>It works</h1></html>\n")) }
    return files
  }

  private static func configuration(origin: String?, port: Int) -> String {
    """
    # skerry check says what is wrong with it, skerry serve serves it. Every key: Documentation/configuration.md
    listeners:
      - address: 127.0.0.1:\(port)
    admin:
      address: 127.0.0.1:9090            # /healthz and /metrics; the token for the rest is made in .skerry

    distributions:
      - id: ESTARTER
        default: true                    # answers any Host; later: aliases: [www.example.com]
        \(origin == nil ? "defaultRootObject: index.html\n    " : "")origins:
          site: \(origin.map { "'\($0)'" } ?? "./public                 # a folder; a server would be http://127.0.0.1:3000")
        defaultBehavior:
          origin: site
          cachePolicy: CachingDisabled   # CachingOptimized once it works
          originRequestPolicy: AllViewer
          responseHeadersPolicy: SecurityHeadersPolicy
          redirects: redirects.tsv       # looked at before the functions
          functions:
            viewer-request: hello

    functions:
      hello:
        runtime: cloudfront-js-2.0
        code: Functions/hello/index.js

    """
  }

  private static let redirects = """
    # from\tto\tstatus\tflags; skerry redirects check redirects.tsv
    /old\t/
    /blog/*\t/news/:splat\t302

    """

  private static let function = """
    // Runs before the cache for every request that no redirect answered. skerry test runs its cases.
    function handler(event) {
      var request = event.request;
      if (request.uri === '/hello') {
        return {
          statusCode: 200,
          headers: { 'content-type': { value: 'text/plain' } },
          body: 'Hello from the edge\\n',
        };
      }
      return request;
    }

    """

  private static let functionSettings = """
    runtime: cloudfront-js-2.0
    eventType: viewer-request
    comment: A greeting

    """

  private static let cases = """
    - name: a greeting
      request: { uri: /hello }
      expect: { response: { statusCode: 200 } }
    - name: anything else goes on
      request: { uri: /other }
      expect: { request: { uri: /other } }

    """
}
