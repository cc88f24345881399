// skerry redirects: what is wrong with a table of redirects, other forms of it, and which of its rules are used.
import ArgumentParser
import ConfigurationFile
import Foundation
import JSONText
import RedirectRules

struct Redirects: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Check and convert tables of redirect rules, and see which rules are used.",
    subcommands: [RedirectsCheck.self, RedirectsConvert.self, RedirectsCoverage.self])
}

/// A file of rules that a command is about.
struct RulesFile {
  let path: String
  let bytes: [UInt8]

  /// - Throws: ``Refusal`` when it cannot be read.
  init(_ path: String) throws {
    self.path = path
    switch Files.read(path, maximumBytes: RedirectLimits.fileBytes) {
    case .success(let bytes): self.bytes = bytes
    case .failure(let problem): throw Refusal("\(path) cannot be read: \(problem.text)")
    }
  }
}

struct RedirectsCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Find loops, chains, duplicates, hidden rules, twins and open redirects.",
    discussion: """
      Each finding is one line, `file:line:column: error|warning|note: kind: text (example)`. Exit status 1 if there is any error or warning.

      Examples:
        skerry redirects check rules.tsv
        skerry redirects check rules.tsv --host www.example.com       absolute targets there are followed too
        skerry redirects check rules.tsv --origin http://127.0.0.1:3000   asks for every target that is a path
        skerry redirects check rules.tsv --github                     annotations of a GitHub workflow
      """)

  @Argument(help: "The file of rules; other forms than Skerry's own are recognised as by convert.")
  var file: String
  @Flag(help: "One JSON object with all findings.")
  var json = false
  @Flag(help: "Annotations of a GitHub workflow.")
  var github = false
  @Option(help: "A host that the table answers for; may be repeated.")
  var host: [String] = []
  @Option(help: "Ask this server, http:// or https://, for every target that is a path, and report those that answer 400 and above, or not at all.")
  var origin: String?
  @Option(help: "Trust the authorities of this PEM file for --origin, instead of the system's.")
  var cacert: String?
  @Flag(help: "Take whatever certificate --origin shows.")
  var insecure = false

  func validate() throws {
    if json && github { throw ValidationError("--json goes not with --github") }
    if origin == nil && (cacert != nil || insecure) { throw ValidationError("--cacert and --insecure are for --origin") }
  }

  func run() throws {
    let rules = try RulesFile(file)
    let origin = try origin.map { try TargetProbe($0, authorities: cacert, verifies: !insecure) }
    let format = RedirectFormat(fileName: file, rules.bytes)
    var (table, findings) = format == .tsv || format == .csv
      ? RedirectCheck.check(rules.bytes, separator: RedirectSeparator(fileName: file), hosts: host) : foreign(rules, format)
    if let origin { findings += try origin.deadTargets(of: table) }
    findings = findings.enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
    say(findings, table.count)
    let wrong = findings.count { $0.severity != .note }
    if wrong > 0 { throw Finding("\(file) has \(counted(wrong, "finding"))") }
  }

  private func foreign(_ rules: RulesFile, _ format: RedirectFormat) -> (RedirectTable, [RedirectFinding]) {
    let (read, problems) = format.read(rules.bytes, fileName: file)
    let (table, more) = RedirectTable.make(read)
    var check = RedirectCheck(table, hosts: host)
    let malformed = (problems + more).map { RedirectFinding($0.isOpenRedirect ? .openRedirect : .malformed, line: $0.line, column: $0.column, $0.text) }
    return (table, malformed + check.run())
  }

  private func say(_ findings: [RedirectFinding], _ rules: Int) {
    var text = ""
    if json {
      let object: JSONObject = ["file": .string(file), "rules": .number(rules), "findings": .array(findings.map(\.json))]
      text = JSONValue.object(object).indented() + "\n"
    } else {
      for finding in findings { text += (github ? finding.annotation(in: file) : finding.line(in: file).onOneLine) + "\n" }
    }
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}

struct RedirectsConvert: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Write rules in another form.",
    discussion: """
      Forms: tsv, csv (Skerry's own), netlify and cloudflare (_redirects), nginx-map, nginx (if … return), apache, cloudfront (key-value JSON).
      What a form cannot say is listed on stderr as `file:line:column: error: text` and is not in the output; exit status 1 then.

      Examples:
        skerry redirects convert _redirects --to tsv
        skerry redirects convert rules.tsv --to nginx-map --output redirects.conf
        skerry redirects convert rules.tsv --to tsv --flatten         chains of redirects become one
      """)

  @Argument(help: "The file of rules.")
  var file: String
  @Option(help: "The form to write.")
  var to: String
  @Option(help: "The form of the file; by default what its name and content look like.")
  var from: String?
  @Option(name: .shortAndLong, help: "Write to this file instead of stdout.")
  var output: String?
  @Flag(help: "Rewrite chains so that the first redirect leads to the end.")
  var flatten = false

  func run() throws {
    let rules = try RulesFile(file)
    let source = try from.map(format) ?? RedirectFormat(fileName: file, rules.bytes), target = try format(to)
    var (read, problems) = source.read(rules.bytes, fileName: file), stays: [RedirectProblem] = []
    if flatten {
      let (table, more) = RedirectTable.make(read)
      if more.isEmpty {
        let changed: Int
        (read, changed, stays) = RedirectCheck(table).flattened()
        StandardError.say("skerry: \(counted(changed, "chain")) flattened")
      }
      problems += more
    }
    let (text, unsaid) = target.write(read)
    problems = (problems + unsaid).enumerated().sorted { ($0.element.line, $0.offset) < ($1.element.line, $1.offset) }.map(\.element)
    if let output {
      do { try Data(text.utf8).write(to: URL(fileURLWithPath: output), options: .atomic) } catch { throw Refusal("\(output) cannot be written") }
    } else {
      FileHandle.standardOutput.write(Data(text.utf8))
    }
    for problem in stays { StandardError.say("\(file):\(problem.line):\(problem.column): warning: \(problem.text)".onOneLine) }
    for problem in problems { StandardError.say("\(file):\(problem.line):\(problem.column): error: \(problem.text)".onOneLine) }
    if problems.isEmpty, !stays.isEmpty { throw Finding("\(counted(stays.count, "chain")) could not be flattened") }
    if !problems.isEmpty { throw Finding("\(counted(problems.count, "rule")) of \(file) could not be expressed in \(target.rawValue)") }
  }

  private func format(_ name: String) throws -> RedirectFormat {
    guard let format = RedirectFormat(rawValue: name) else {
      let names = RedirectFormat.allCases.map(\.rawValue)
      throw Refusal("there is no form \(name)\(Suggestion.text(for: name, among: names))")
    }
    return format
  }
}

struct RedirectsCoverage: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "coverage",
    abstract: "Which rules an access log says were hit, and which never.",
    discussion: """
      Lines of the log are taken to be about the file when they name one of the same name (`"redirectRule": "rules.tsv:12"`).

      Examples:
        skerry redirects coverage rules.tsv access.log
        skerry redirects coverage rules.tsv access.log --never
      """)

  @Argument(help: "The file of rules.")
  var file: String
  @Argument(help: "Access logs, one JSON object per line; - is stdin.")
  var logs: [String]
  @Flag(help: "Only rules that were never hit.")
  var never = false
  @Flag(help: "One JSON object.")
  var json = false

  func run() throws {
    let rules = try RulesFile(file)
    let (table, problems) = RedirectTable.reading(rules.bytes, separator: RedirectSeparator(fileName: file))
    guard let table else { throw Refusal(lines: problems.map { Diagnostic(file: file, line: $0.line, column: $0.column, severity: .error, text: $0.text) }) }
    var coverage = RedirectCoverage(file: file)
    for log in logs { try read(log, &coverage) }
    let (report, strangers) = coverage.report(table), hit = report.count { $0.hits > 0 }
    if strangers > 0 { StandardError.say("skerry: warning: \(counted(strangers, "hit")) of lines that are no rules of \(file) now") }
    if coverage.unread > 0 { StandardError.say("skerry: warning: \(counted(coverage.unread, "line")) could not be read: a log is Skerry's in JSON") }
    let shown = never ? report.filter { $0.hits == 0 } : report
    if json {
      let list = shown.map { entry -> JSONValue in
        .object(["line": .number(entry.rule.line), "from": .string(entry.rule.from), "to": .string(entry.rule.to), "hits": .number(entry.hits)])
      }
      let object: JSONObject = ["file": .string(file), "rules": .number(table.count), "hit": .number(hit), "coverage": .array(list)]
      FileHandle.standardOutput.write(Data((JSONValue.object(object).indented() + "\n").utf8))
      return
    }
    var text = ""
    for entry in shown { text += "\(entry.hits)\t\(file):\(entry.rule.line)\t\(entry.rule.from)\t\(entry.rule.to)\n" }
    FileHandle.standardOutput.write(Data(text.utf8))
    StandardError.say("skerry: \(hit) of \(counted(table.count, "rule")) were hit")
  }

  private func read(_ log: String, _ coverage: inout RedirectCoverage) throws {
    if log != "-", Files.isFolder(log) { throw Refusal("\(log) cannot be read: it is a folder") }
    guard let handle = log == "-" ? .standardInput : FileHandle(forReadingAtPath: log) else {
      throw Refusal("\(log) cannot be read\(FileManager.default.fileExists(atPath: log) ? "" : ": there is no such file")")
    }
    var rest: [UInt8] = []
    while let data = try? handle.read(upToCount: 1 << 20), !data.isEmpty {
      var lines = (rest + data).split(separator: 10, omittingEmptySubsequences: false)
      rest = Array(lines.removeLast())
      if rest.count > 1 << 20 { rest = [] }
      for line in lines { coverage.take(line: Array(line)) }
    }
    if !rest.isEmpty { coverage.take(line: rest) }
  }
}
