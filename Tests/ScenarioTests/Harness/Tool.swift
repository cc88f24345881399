// Other people's programs as peers: curl, openssl, python. Run to their end, or left running beside the scenario.
import Foundation

enum Tool {
  /// What a program said, on both of its outputs, and how it ended.
  struct Result: Sendable {
    let text: String
    let exit: ChildProcess.Exit
  }

  /// Runs a line of the shell to its end. `$1`, `$2`, … are the arguments; both outputs are heard.
  @discardableResult
  static func shell(_ line: String, _ arguments: [String] = [], by deadline: Deadline = .after(.seconds(90))) throws -> Result {
    let process = try ChildProcess(["/bin/sh", "-c", "exec 1>&2; " + line, "sh"] + arguments)
    let exit = try process.waitForExit(by: deadline)
    let text = try process.standardError.wait(for: "the end of what a tool says") { $0.ended ? $0.text : nil }
    return Result(text: text, exit: exit)
  }

  /// Runs curl against the program. The authority of the test's certificates is trusted, progress is silent.
  static func curl(_ certificates: TestCertificates, _ arguments: [String]) throws -> Result {
    try shell("exec curl -sS --max-time 20 --cacert \"$@\"", [certificates.path("ca.pem")] + arguments)
  }

  /// The system's own Python, which has the packages that `make test` installs; another one may stand before it in PATH.
  static let interpreter = "/usr/bin/python3"

  /// Starts a python script that serves or attacks; it says `port N` on stderr when it listens.
  static func python(_ script: String, _ arguments: [String]) throws -> (process: ChildProcess, port: UInt16) {
    let process = try ChildProcess([interpreter, "-W", "ignore", "-c", script] + arguments)
    let port = try process.standardError.wait(for: "the port of a script") { output -> UInt16? in
      let line = output.text.split(separator: "\n").first { $0.hasPrefix("port ") }
      if line == nil, output.ended { throw ScenarioFailure("the script ended: \(output.text)") }
      return line.flatMap { UInt16($0.dropFirst(5)) }
    }
    return (process, port)
  }
}

/// An authority and its certificates in a folder of their own, made with the script that makes those of a laptop.
final class TestCertificates: Sendable {
  let folder: URL

  /// Those that most scenarios share: `localhost` and `localhost-ecdsa`, for localhost, *.localhost, a.test, *.b.test and loopback addresses.
  static let shared = Swift.Result { try TestCertificates() }
  static func common() throws -> TestCertificates { try shared.get() }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-certs-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    try FileManager.default.copyItem(at: root.appendingPathComponent("Certs/generate"), to: folder.appendingPathComponent("generate"))
    let made = try Tool.shell("exec sh \"$1\" a.test '*.b.test'", [path("generate")])
    guard made.exit == .status(0) else { throw ScenarioFailure("Certs/generate: \(made.text)") }
  }

  func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  /// Another certificate of the authority, or of itself.
  /// - Parameters:
  ///   - names: as openssl has them: `DNS:c.test, IP:127.0.0.1`.
  ///   - days: negative for one that is over.
  func make(_ name: String, names: String, key: String = "ec -pkeyopt ec_paramgen_curve:P-256", days: Int = 30, isSelfSigned: Bool = false, digest: String = "sha256") throws {
    let signer = isSelfSigned ? "-signkey \"$1.key\"" : "-CA ca.pem -CAkey ca.key"
    let made = try Tool.shell(
      """
      set -e; cd "$4"; umask 077
      openssl genpkey -algorithm \(key) -out "$1.key"
      printf 'subjectAltName = %s\\nkeyUsage = digitalSignature\\n' "$2" > "$1.ext"
      openssl req -new -key "$1.key" -subj "/CN=$1" | openssl x509 -req -\(digest) -days "$3" \(signer) -set_serial 0x4a3f5c92d1e87b6c -extfile "$1.ext" -out "$1.pem"
      """, [name, names, String(days), folder.path])
    guard made.exit == .status(0) else { throw ScenarioFailure("openssl: \(made.text)") }
  }

  /// A listener's YAML.
  func listener(_ names: [String] = ["localhost", "localhost-ecdsa"], more: String = "") -> String {
    let pairs = names.map { "{ certificate: \(path($0 + ".pem")), key: \(path($0 + ".key")) }" }
    return "address: 127.0.0.1:0\ntls:\n  certificates: [\(pairs.joined(separator: ", "))]\n\(more.indented(by: 2))"
  }
}

extension Skerry {
  /// A program with a TLS listener (the first port) and a plain one (the second) before an origin, answering every Host.
  static func secured(
    before origin: String, _ certificates: TestCertificates, listener: String? = nil, more: String = "", arguments: [String] = [],
    distribution change: (inout Configuration.Distribution) -> Void = { _ in }
  ) throws -> Skerry {
    var distribution = Configuration.Distribution(isDefault: true, origin: origin)
    change(&distribution)
    var configuration = Configuration(distributions: [distribution], more: more)
    configuration.listeners = [listener ?? certificates.listener(), "address: 127.0.0.1:0"]
    return try start(configuration: configuration.yaml, arguments: arguments)
  }
}

extension Tool {
  /// What a command wrote on each of its outputs, and how it ended.
  struct Command: Sendable {
    let text: String, errors: String
    let exit: ChildProcess.Exit
  }

  /// Runs a command to its end.
  static func run(_ arguments: [String]) throws -> Command {
    let output = FileManager.default.temporaryDirectory.appendingPathComponent("output-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: output) }
    let process = try ChildProcess(["/bin/sh", "-c", "out=$1; shift; exec \"$@\" >\"$out\"", "sh", output] + arguments)
    let exit = try process.waitForExit(by: .after(.seconds(90)))
    let errors = try process.standardError.wait(for: "the end of what a command says") { $0.ended ? $0.text : nil }
    return Command(text: try fileText(output), errors: errors, exit: exit)
  }
}
