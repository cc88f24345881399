// skerry bench: load tests whose answers are checked.
import ArgumentParser
import ConfigurationFile
import Foundation
import JSONText
import LoadGenerator
import RedirectRules

struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Load a server, measure it and check its answers.",
    discussion: """
      With --rate requests are sent at their times whatever the answers do, and latencies count from the time each was due. Without, each
      connection sends as soon as it has its last answer. Exit status 1 when an answer did not come or was wrong: a status of 500 and above, or
      other than --expect, or not what --rules says, or different from --diff's. Only this machine and private addresses are loaded without
      --yes-i-own-this. Documentation/bench.md has the whole of it.

      Examples:
        skerry bench http://127.0.0.1:8080/                               64 connections for 10 s
        skerry bench http://127.0.0.1:8080/ --rate 5000 --duration 30s --warmup 5s --html report.html
        skerry bench https://localhost:8443/ --http2 --streams 16 --cacert Certs/ca.pem
        skerry bench http://127.0.0.1:8080 --rules rules.tsv              every rule's URL and near misses, each answer checked
        skerry bench http://127.0.0.1:8080 --replay access.log --speed 10
        skerry bench http://127.0.0.1:8080 --diff http://127.0.0.1:8081 --rules rules.tsv
        skerry bench http://127.0.0.1:8080/ --save after.json --compare before.json
        skerry bench --compare before.json --compare after.json
      """)

  @Argument(help: "What is asked: http:// or https://.")
  var url: String?
  @OptionGroup(title: "Load") var load: BenchLoad
  @OptionGroup(title: "Requests") var requests: BenchRequests
  @OptionGroup(title: "Report") var report: BenchReport

  func run() throws {
    guard let url else { return try report.compareFiles() }
    do {
      var options = LoadOptions(try LoadTarget(url))
      let plan = try requests.plan(&options)
      try load.apply(to: &options, plan)
      let before = try report.recorded()
      let outcome = try run(options, plan)
      try report.say(outcome, before: before)
      if !outcome.isGood { throw Finding(Self.verdict(outcome)) }
    } catch let problem as LoadProblem {
      if problem.isTargets { throw Finding(problem.text) }
      throw Refusal(problem.text)
    }
  }

  /// Runs the test on its own threads while this one shows how it goes.
  private func run(_ options: LoadOptions, _ plan: LoadPlan) throws(LoadProblem) -> LoadReport {
    let monitor = LoadMonitor()
    let interruption = Interruption { monitor.stop() }
    defer { interruption.end() }
    let progress = report.showsProgress ? LiveProgress(monitor, options) : nil
    let result = blocking { () async -> Result<LoadReport, LoadProblem> in
      do throws(LoadProblem) { return .success(try await LoadTest(options, plan, monitor).run()) } catch { return .failure(error) }
    }
    progress?.end()
    return try result.get()
  }

  private static func verdict(_ report: LoadReport) -> String {
    var parts: [String] = []
    if report.failed > 0 { parts.append(counted(report.failed, "request") + " got no answer") }
    if report.wrong > 0 { parts.append(counted(report.wrong, "answer") + (report.wrong == 1 ? " was wrong" : " were wrong")) }
    if report.different > 0 { parts.append(counted(report.different, "answer") + (report.different == 1 ? " differs" : " differ")) }
    return parts.joined(separator: ", ")
  }
}

/// How hard a target is loaded.
struct BenchLoad: ParsableArguments {
  @Option(help: "Requests a second, sent at their times whatever the answers do.")
  var rate: Double?
  @Option(name: .shortAndLong, help: "Connections in all.")
  var connections = 64
  @Option(name: .shortAndLong, help: "For how long: 10s, 500ms, 2m. Default 10s, and with --rules or --replay until all is sent.")
  var duration: String?
  @Option(name: [.customShort("n"), .long], help: "At most so many requests.")
  var requests: Int?
  @Option(help: "Requests of so long a time from the start are checked and not measured.")
  var warmup = "0s"
  @Option(help: "Worker threads. Default: half the processors.")
  var workers: Int?
  @Flag(name: .customLong("http1.1"), help: "HTTP/1.1, the default.")
  var http1 = false
  @Flag(name: .customLong("http2"), help: "HTTP/2; in the clear by prior knowledge.")
  var http2 = false
  @Option(help: "Requests at once on one connection of HTTP/2.")
  var streams: Int?
  @Flag(name: .customLong("no-keepalive"), help: "A new connection for each request.")
  var noKeepAlive = false
  @Option(help: "How long a connection or an answer may take.")
  var timeout = "10s"
  @Option(help: "Trust the authorities of this PEM file, instead of the system's.")
  var cacert: String?
  @Flag(help: "Take whatever certificate the target shows.")
  var insecure = false
  @Flag(name: .customLong("yes-i-own-this"), help: "The target may be another machine than this and those of private networks.")
  var ownsTarget = false

  func apply(to options: inout LoadOptions, _ plan: LoadPlan) throws {
    if http1 && http2 { throw Refusal("--http1.1 goes not with --http2") }
    if noKeepAlive && http2 { throw Refusal("--no-keepalive goes not with --http2") }
    if streams != nil && !http2 { throw Refusal("--streams is for --http2") }
    if let rate {
      if options.pace != .closed { throw Refusal("--rate goes not with --replay, which has a pace of its own (--speed)") }
      guard rate > 0, rate <= LoadOptions.rateLimit else { throw Refusal("--rate is more than 0 and at most \(Int(LoadOptions.rateLimit))") }
      options.pace = .rate(rate)
    }
    options.version = http2 ? .http2 : .http1
    options.keepsAlive = !noKeepAlive
    options.connections = try within(connections, 1...LoadOptions.connectionsLimit, "--connections")
    options.streams = http2 ? try within(streams ?? 10, 1...LoadOptions.streamsLimit, "--streams") : 1
    options.workers = try within(workers ?? max(1, ProcessInfo.processInfo.activeProcessorCount / 2), 1...LoadOptions.workersLimit, "--workers")
    options.timeoutMilliseconds = try within(try milliseconds(timeout, "--timeout"), 1...Int.max, "--timeout in milliseconds")
    options.warmUpMilliseconds = try milliseconds(warmup, "--warmup")
    options.certificateAuthority = cacert.map { URL(fileURLWithPath: $0).path }
    options.verifiesCertificate = !insecure
    if insecure && !options.target.isSecure && options.other?.isSecure != true { throw Refusal("--insecure is for https:// targets") }
    options.ownsTarget = ownsTarget
    if let requests { options.requests = try within(requests, 1...Int.max, "--requests") }
    if let duration {
      options.durationMilliseconds = try within(try milliseconds(duration, "--duration"), 1...Int.max, "--duration in milliseconds") + options.warmUpMilliseconds
    } else if options.requests == nil, plan.hasRules {
      options.requests = plan.count * LoadOptions.slowRule.answers
    } else if options.requests == nil, options.pace == .closed || rate != nil {
      options.durationMilliseconds = 10_000 + options.warmUpMilliseconds
    }
  }

  private func within(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws -> Int {
    guard range.contains(value) else { throw Refusal("\(name) is from \(range.lowerBound)\(range.upperBound == .max ? " on" : " to \(range.upperBound)")") }
    return value
  }

  private func milliseconds(_ text: String, _ name: String) throws -> Int {
    let units = [("ms", 1.0), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("", 1000)]
    for (unit, factor) in units where text.hasSuffix(unit) {
      if let number = Double(text.dropLast(unit.count)), number >= 0, number * factor <= 86_400_000 { return Int(number * factor) }
    }
    throw Refusal("\(name) takes a time such as 10s, 500ms or 2m, of a day at most, not \(text.quoted)")
  }
}

/// What is asked, and what must be answered.
struct BenchRequests: ParsableArguments {
  @Option(name: [.customShort("X"), .long], help: "The method.")
  var method = "GET"
  @Option(name: [.customShort("H"), .customLong("header")], help: "A field of every request, as 'name: value'; may be repeated.")
  var headers: [String] = []
  @Option(help: "Content of every request; @FILE for a file's.")
  var data: String?
  @Option(help: "Statuses that are right, such as 200 or 301,302. Default: all below 500.")
  var expect: String?
  @Option(help: "A table of redirect rules: every rule's own URL and near misses are asked for, and each answer is checked.")
  var rules: String?
  @Option(help: "The country that the server takes this machine to be in, for rules that ask.")
  var country: String?
  @Flag(help: "Follow redirects on the same host and count them.")
  var follow = false
  @Option(help: "Replay the GET and HEAD requests of an access log: Skerry's JSON, or W3C.")
  var replay: String?
  @Option(help: "So many times the log's pace; 0: as fast as answers come. (default: 1)")
  var speed: Double?
  @Option(help: "Ask this target the same and compare the answers.")
  var diff: String?
  @Option(name: .customLong("diff-ignore"), help: "A field that may differ, or content; may be repeated.")
  var ignored: [String] = []

  func plan(_ options: inout LoadOptions) throws -> LoadPlan {
    if rules != nil && replay != nil { throw Refusal("--rules goes not with --replay") }
    if speed != nil && replay == nil { throw Refusal("--speed is for --replay") }
    if let country {
      if rules == nil { throw Refusal("--country is for --rules") }
      guard country.utf8.count == 2, country.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else { throw Refusal("--country takes two capital letters (ISO 3166-1), not \(country.quoted)") }
    }
    if !ignored.isEmpty && diff == nil { throw Refusal("--diff-ignore is for --diff") }
    options.followsRedirects = follow
    if let expect {
      let statuses = expect.split(separator: ",").map { Int($0) }
      guard !statuses.isEmpty, statuses.allSatisfy({ $0.map { (100...599).contains($0) } ?? false }) else { throw Refusal("--expect takes statuses such as 200,301, not \(expect.quoted)") }
      options.expectedStatuses = Set(statuses.compactMap { $0 })
    }
    if let diff {
      options.other = try LoadTarget(diff)
      options.ignoredFields.formUnion(ignored.map { $0.lowercased() })
    }
    let fields = try headers.map { header -> (name: String, value: String) in
      guard let colon = header.firstIndex(of: ":"), colon > header.startIndex else { throw Refusal("-H takes 'name: value', not \(header.quoted)") }
      return (String(header[..<colon]), header[header.index(after: colon)...].trimmingCharacters(in: .whitespaces))
    }
    if let rules { return try rulesPlan(rules, options, fields) }
    if let replay {
      let speed = speed ?? 1
      guard speed >= 0, speed <= 1_000_000 else { throw Refusal("--speed is from 0 to 1000000") }
      options.pace = speed == 0 ? .closed : .recorded(speed: speed)
      let plan = try LogFile.plan(replay, options.target, fields)
      if speed == 0 { options.requests = plan.count }
      return plan
    }
    return try LoadPlan.single(options.target, method: method, fields: fields, content: try content())
  }

  private func rulesPlan(_ path: String, _ options: LoadOptions, _ fields: [(name: String, value: String)]) throws -> LoadPlan {
    let file = try RulesFile(path)
    let format = RedirectFormat(fileName: path, file.bytes)
    if format != .tsv && format != .csv { return try foreignPlan(file, format, options, fields) }
    let (table, problems) = RedirectTable.reading(file.bytes, separator: RedirectSeparator(fileName: path))
    for problem in problems where !problem.isError { StandardError.say("\(path):\(problem.line):\(problem.column): warning: \(problem.text)".onOneLine) }
    guard let table else { throw Refusal(lines: problems.map { Diagnostic(file: path, line: $0.line, column: $0.column, severity: .error, text: $0.text) }) }
    return try LoadPlan.rules(table, file: path, options.target, fields: fields, country: country)
  }

  /// Rules in another program's form: those that can be understood; the others are told.
  private func foreignPlan(_ file: RulesFile, _ format: RedirectFormat, _ options: LoadOptions, _ fields: [(name: String, value: String)]) throws -> LoadPlan {
    let (read, problems) = format.read(file.bytes, fileName: file.path), (table, more) = RedirectTable.make(read)
    for problem in problems + more { StandardError.say("\(file.path):\(problem.line):\(problem.column): warning: left out: \(problem.text)".onOneLine) }
    guard table.count > 0 else { throw Refusal("\(file.path) has no rule that could be asked for") }
    return try LoadPlan.rules(table, file: file.path, options.target, fields: fields, country: country)
  }

  /// Bytes of content at most.
  private static let contentLimit = 16 << 20

  private func content() throws -> [UInt8] {
    guard let data else { return [] }
    guard data.hasPrefix("@") else { return Array(data.utf8) }
    switch Files.read(String(data.dropFirst()), maximumBytes: Self.contentLimit) {
    case .success(let bytes): return bytes
    case .failure(let problem): throw Refusal("\(data.dropFirst()) cannot be read: \(problem.text)")
    }
  }
}

/// How the outcome is said.
struct BenchReport: ParsableArguments {
  @Flag(help: "One JSON object.")
  var json = false
  @Option(help: "Write the JSON report to this file too.")
  var save: String?
  @Option(help: "Write an HTML page with plots to this file.")
  var html: String?
  @Option(help: "Compare with the run of this JSON report; twice and without a URL: compare two.")
  var compare: [String] = []
  @Flag(name: .customLong("no-progress"), help: "Do not show how it goes on the terminal.")
  var noProgress = false

  var showsProgress: Bool { !noProgress && isatty(2) == 1 }

  /// Bytes of a report at most.
  private static let reportLimit = 64 << 20

  private func read(_ path: String) throws -> RecordedRun {
    switch Files.read(path, maximumBytes: Self.reportLimit) {
    case .failure(let problem): throw Refusal("\(path) cannot be read: \(problem.text)")
    case .success(let bytes):
      do { return try RecordedRun(try JSONValue(parsing: bytes)) } catch let failure as JSONFailure {
        let place = TextPosition(of: failure.offset, in: bytes.span)
        throw Refusal("\(path):\(place.line):\(place.column): \(failure.text)")
      } catch let problem as LoadProblem { throw Refusal("\(path) \(problem.text)") }
    }
  }

  /// The run that this one is compared with.
  func recorded() throws -> RecordedRun? {
    if compare.count > 1 { throw Refusal("with a URL, --compare takes one report") }
    return try compare.first.map(read)
  }

  func compareFiles() throws {
    guard compare.count == 2 else { throw Refusal("name what is to be loaded, such as http://127.0.0.1:8080/, or two reports with --compare") }
    say(RunComparison(try read(compare[0]), try read(compare[1])))
  }

  private func say(_ comparison: RunComparison) { write(json ? comparison.json.indented() + "\n" : comparison.text) }

  func say(_ outcome: LoadReport, before: RecordedRun?) throws {
    let text = outcome.json
    if let save { try write(text.indented() + "\n", to: save) }
    if let html { try write(outcome.html, to: html) }
    let comparison = try before.map { RunComparison($0, try RecordedRun(text)) }
    if json {
      var object = text.object ?? [:]
      if let comparison { object.append("comparison", comparison.json) }
      write(JSONValue.object(object).indented() + "\n")
    } else {
      write(outcome.text + (comparison.map { "\n" + $0.text } ?? ""))
    }
  }

  private func write(_ text: String) { FileHandle.standardOutput.write(Data(text.utf8)) }
  private func write(_ text: String, to path: String) throws {
    do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch { throw Refusal("\(path) cannot be written") }
  }
}
