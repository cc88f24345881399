// Owns: what the invocations of canaries under way have come to, on disk: one file per alias, so that a restart forgets none of it, and a process
// that takes over from another goes on with what that one has seen. Files are replaced whole. Blocks; any thread.
import Glibc
import JSONText

/// The files.
struct CanaryRecords: Sendable {
  /// The absolute path of their folder.
  let folder: String
  private var files: DurableFolder { DurableFolder(folder) }

  /// Makes the folder where it is missing.
  init(folder: String) throws(CodeProblem) {
    self.folder = folder
    try CodeStore.makeFolder(folder)
  }

  /// Adds what further invocations have come to. Several processes may: none loses what another has added.
  /// - Returns: all there is of this canary.
  func add(_ further: Canary.Record, to canary: Canary, of function: String, under alias: String) throws(CodeProblem) -> Canary.Record {
    let lock = try FolderLock(folder + "/.lock"), name = Self.file(function, alias)
    defer { lock.release() }
    var record = Canary.Record()
    switch files.read(name) {
    // One of an earlier canary says nothing of this one.
    case .content(let bytes): record = (try? JSONValue(parsing: bytes)).flatMap { Canary.Record($0, of: canary) } ?? record
    case .gone: break
    case .unreadable(let problem): throw CodeProblem(text: problem)
    }
    guard further.invocations > 0 else { return record }
    record.add(further)
    do throws(FolderProblem) { try files.write(Array(record.json(of: canary).compact.utf8), as: name) } catch { throw CodeProblem(text: error.text) }
    return record
  }

  /// Removes what is known of an alias's canary.
  func remove(_ function: String, _ alias: String) { _ = files.remove(Self.file(function, alias)) }

  /// Removes what is no canary's that is under way. Only while no other process adds to it.
  func removeAll(but aliases: [(function: String, alias: String)]) {
    let wanted = Set(aliases.map { Self.file($0.function, $0.alias) } + [".lock"])
    for name in (try? files.names()) ?? [] where !wanted.contains(name) { _ = files.remove(name) }
  }

  private static func file(_ function: String, _ alias: String) -> String { VersionStore.file(of: "\(function):\(alias)") }
}

extension Canary.Record {
  /// What was kept; nil when it is another canary's.
  fileprivate init?(_ value: JSONValue, of canary: Canary) {
    guard value["version"]?.integer == canary.version, value["until"]?.integer == Int(canary.until), let invocations = value["invocations"]?.integer,
      let failures = value["failures"]?.integer, 0...invocations ~= failures
    else { return nil }
    self.init(invocations: invocations, failures: failures, durations: (value["durations"]?.array ?? []).compactMap(\.double))
  }

  fileprivate func json(of canary: Canary) -> JSONValue {
    .object([
      "version": .number(canary.version), "until": .number(Int(canary.until)), "invocations": .number(invocations), "failures": .number(failures),
      "durations": .array(inOrder.map { .number(String($0)) }),
    ])
  }
}
