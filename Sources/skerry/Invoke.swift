// skerry invoke: runs one function once and prints what came of it, as CloudFront's TestFunction does.
import ArgumentParser
import ConfigurationFile
import Distribution
import Foundation
import FunctionTesting
import JSONText
import RewriteEngine

struct Invoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one function once with a test event.",
    discussion: """
      Prints one JSON object: output ({"request": …} or {"response": …}), logs, error (null or name:line:column: text),
      computeUtilization (percent of the CPU time it may use) and fuel (the engine's steps).
      Exit status 1 if error is not null.

      Examples:
        skerry invoke redirects event.json                       a function of ./edge.yaml
        skerry invoke Functions/hello event.json                 a folder with an index.js
        skerry invoke mine.js event.json --runtime cloudfront-js-1.0
        skerry invoke redirects event.json --config site/edge.yaml --kvs rules.json

      EVENT is a test event of CloudFront's:
        { "version": "1.0", "context": { "eventType": "viewer-request" }, "viewer": { "ip": "203.0.113.7" },
          "request": { "method": "GET", "uri": "/", "querystring": {}, "headers": {}, "cookies": {} } }
      """)

  @Argument(help: "A function's name in the configuration, or the path of a .js file or a folder with an index.js.")
  var function: String
  @Argument(help: "The test event, a JSON file; - reads it from stdin.")
  var event: String
  @Option(help: "The configuration that names the function and its limits. Default: ./edge.yaml, else the built-in example.")
  var config: String?
  @Option(help: "Data of the function's key value store, a JSON file: {\"data\": [{\"key\": …, \"value\": …}]}.")
  var kvs: String?
  @Option(help: "cloudfront-js-1.0 or cloudfront-js-2.0, whatever the configuration says.")
  var runtime: String?

  func run() throws {
    let source = try FunctionArgument(function, config: config, kvs: kvs, runtime: runtime).load()
    let event = try readEvent(expected: source.eventType)
    guard let runner = FunctionRunner() else { throw Refusal("the system has no timer left") }
    let report = runner.run(source.code, on: event, nowMilliseconds: Int64(Date().timeIntervalSince1970 * 1000), measurements: 4)
    FileHandle.standardOutput.write(Data((report.json.indented() + "\n").utf8))
    if let error = report.error { throw Finding("the function failed: \(error)") }
  }

  private func readEvent(expected: FunctionEvent?) throws -> TestEvent {
    let bytes: [UInt8]
    if event == "-" {
      bytes = [UInt8](try FileHandle.standardInput.read(upToCount: TestEvent.maximumBytes + 1) ?? Data())
      if bytes.count > TestEvent.maximumBytes { throw Refusal("the event on stdin is longer than 1MiB") }
    } else {
      switch Files.read(event, maximumBytes: TestEvent.maximumBytes) {
      case .success(let read): bytes = read
      case .failure(let problem): throw Refusal("\(event) cannot be read: \(problem.text)")
      }
    }
    let name = event == "-" ? "stdin" : event
    do throws(TestEventProblem) {
      let read = try TestEvent(parsing: bytes, expected: expected)
      for remark in read.remarks { StandardError.say("\(name):1:1: warning: \(remark)") }
      return read
    } catch {
      throw Refusal("\(name):\(error.line):\(error.column): \(error.text)")
    }
  }
}
