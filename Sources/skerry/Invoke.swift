// skerry invoke: runs one function once and prints what came of it, as CloudFront's TestFunction or an invocation of Lambda does.
import ArgumentParser
import ConfigurationFile
import Distribution
import Foundation
import FunctionTesting
import FunctionTier
import JSONText
import RewriteEngine

struct Invoke: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run one function once with a test event.",
    discussion: """
      Prints one JSON object: output ({"request": …} or {"response": …}), logs, error (null or name:line:column: text),
      computeUtilization (percent of the CPU time it may use) and fuel (the engine's steps); of a function on nodejs, python or provided
      output (the handler's result), logs, error (also: the proxy would refuse what came of an event of Lambda@Edge), durationMilliseconds,
      billedDurationMilliseconds, maxMemoryUsedMB and initDurationMilliseconds.
      Exit status 1 if error is not null.

      Examples:
        skerry invoke redirects event.json                       a function of ./edge.yaml
        skerry invoke Functions/hello event.json                 a folder with an index.js
        skerry invoke mine.js event.json --runtime cloudfront-js-1.0
        skerry invoke redirects event.json --config site/edge.yaml --kvs rules.json
        skerry invoke Functions/resize event.json --runtime nodejs20.x
        skerry invoke resize:live event.json                     a version or an alias of a Lambda@Edge function
        skerry invoke thumbnails.zip event.json --runtime python3.12 --handler app.lambda_handler

      EVENT is a test event of CloudFront's (of a Lambda@Edge function any JSON: {"Records": [{"cf": …}]}):
        { "version": "1.0", "context": { "eventType": "viewer-request" }, "viewer": { "ip": "203.0.113.7" },
          "request": { "method": "GET", "uri": "/", "querystring": {}, "headers": {}, "cookies": {} } }
      """)

  @Argument(help: "A function's name in the configuration (of a Lambda@Edge function also name:version or name:alias), or the path of a .js file, a folder or a .zip.")
  var function: String
  @Argument(help: "The test event, a JSON file; - reads it from stdin.")
  var event: String
  @Option(help: "The configuration that names the function and its limits. Default: ./edge.yaml, else the built-in example.")
  var config: String?
  @Option(help: "Data of the function's key value store, a JSON file: {\"data\": [{\"key\": …, \"value\": …}]}.")
  var kvs: String?
  @Option(help: "file.function: what is called of code on nodejs or python, whatever the configuration says.")
  var handler: String?
  @Option(help: "cloudfront-js-1.0, cloudfront-js-2.0, nodejs20.x, python3.12 or provided, whatever the configuration says.")
  var runtime: String?

  func run() throws {
    let argument = try FunctionArgument(function, config: config, kvs: kvs, runtime: runtime, handler: handler)
    if let source = try argument.loadTier() { return try invoke(source) }
    let source = try argument.load()
    let event = try readEvent(expected: source.eventType)
    guard let runner = FunctionRunner() else { throw Refusal("the system has no timer left") }
    let report = runner.run(source.code, on: event, nowMilliseconds: Int64(Date().timeIntervalSince1970 * 1000), measurements: 4)
    FileHandle.standardOutput.write(Data((report.json.indented() + "\n").utf8))
    if let error = report.error { throw Finding("the function failed: \(error)") }
  }

  /// One invocation of a function of the function tier, with any JSON text.
  private func invoke(_ source: TierSource) throws {
    var payload = try readFile(maximumBytes: Invocation.payloadLimitBytes)
    // A file from an editor that marks them; functions' own readers do not know it.
    if payload.starts(with: [0xEF, 0xBB, 0xBF]) { payload.removeFirst(3) }
    do { _ = try JSONValue(parsing: payload.span, replacesHalfPairs: true) } catch {
      let place = TextPosition(of: error.offset, in: payload.span)
      throw Refusal("\(eventName):\(place.line):\(place.column): \(error.text)")
    }
    let report: TierReport
    do throws(FunctionSourceProblem) {
      let runner = try TierRunner()
      runner.prepare([source.definition])
      report = runner.run(source.definition.name, judging: payload)
    } catch { throw Refusal(error) }
    FileHandle.standardOutput.write(Data((report.json.indented() + "\n").utf8))
    if let error = report.error { throw Finding("the function failed: \(error)") }
  }

  private var eventName: String { event == "-" ? "stdin" : event }

  private func readFile(maximumBytes: Int) throws -> [UInt8] {
    if event == "-" {
      let bytes = [UInt8](try FileHandle.standardInput.read(upToCount: maximumBytes + 1) ?? Data())
      if bytes.count > maximumBytes { throw Refusal("the event on stdin is longer than \(maximumBytes >> 20)MiB") }
      return bytes
    }
    switch Files.read(event, maximumBytes: maximumBytes) {
    case .success(let read): return read
    case .failure(let problem): throw Refusal("\(event) cannot be read: \(problem.text)")
    }
  }

  private func readEvent(expected: FunctionEvent?) throws -> TestEvent {
    let bytes = try readFile(maximumBytes: TestEvent.maximumBytes), name = eventName
    do throws(TestEventProblem) {
      let read = try TestEvent(parsing: bytes, expected: expected)
      for remark in read.remarks { StandardError.say("\(name):1:1: warning: \(remark)") }
      return read
    } catch {
      throw Refusal("\(name):\(error.line):\(error.column): \(error.text)")
    }
  }
}
