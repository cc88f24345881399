// Owns: what a starting proxy gives up, and in which order: what its threads may do to files before there are threads; root when everything
// is bound and read; system calls last. (architecture.md, Trust; Documentation/security.md, "Least privilege".) The main thread's.
import Confinement
import Distribution
import Glibc
import Telemetry

/// What is given up, step by step.
struct LeastPrivilege {
  private let level: ConfinementLevel
  private let account: Account?
  private let rules: FileRules
  /// Folders of its own that are made where they are missing: a rule needs what it is about.
  private let ownFolders: [String]
  /// What holds from now on, for the line that says so.
  private(set) var kept: [String] = []
  /// What was asked for and cannot be had here.
  private(set) var missing: [String] = []

  /// Of a process that has given up what it was to: a reload's.
  static let given = LeastPrivilege()
  private init() { (level, account, rules, ownFolders) = (.off, nil, FileRules(writable: []), []) }

  /// What a configuration asks for.
  /// - Parameters:
  ///   - reads: files and folders the configuration was read from, and which it names.
  /// - Throws: ``StartFailure`` when there is no such user, or it cannot be taken on.
  init(_ configuration: Configuration, reads: [String]) throws(StartFailure) {
    level = configuration.confinement
    do throws(ConfinementFailure) {
      account = try configuration.user.map { user throws(ConfinementFailure) in try Account(named: user.name, group: user.group) }
    } catch { throw StartFailure(description: error.description, part: .user) }
    if let account, !Account.isRoot, !account.isCurrent {
      throw StartFailure(description: "only root can become \(account.name): start as root or as \(account.name) itself, or leave user out", part: .user)
    }
    ownFolders = [configuration.stateDirectory, configuration.cache.diskPath].compactMap { $0 }
    rules = Self.rules(configuration, ownFolders, reads: reads)
  }

  private static func rules(_ configuration: Configuration, _ ownFolders: [String], reads: [String]) -> FileRules {
    var writable = ownFolders
    func folder(of path: String) -> String { String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) }
    for case .file(let path)? in [configuration.accessLog.format == .off ? nil : configuration.accessLog.destination, configuration.functionLog] {
      writable.append(folder(of: path))
    }
    for function in configuration.functions {
      for case .file(let path) in function.tier.asynchronous.destinations { writable.append(folder(of: path)) }
    }
    if case .unix(let path) = configuration.admin?.address { writable.append(folder(of: path)) }
    if let token = configuration.admin?.tokenPath { writable.append(folder(of: token)) }
    var rules = FileRules(writable: writable)
    if configuration.confinement == .strict { rules.readable = FileRules.systemReadable + reads + reads.map(folder) + writable + configuration.functions.filter { !$0.runtime.isRewriteEngine }.map(\.codePath) }
    return rules
  }

  /// Before other threads are started and logs are opened.
  mutating func limitFiles() throws(StartFailure) {
    guard level != .off else { return }
    asTheUser { for folder in ownFolders { _ = unsafe mkdir(folder, 0o700) } }
    guard FileRules.areSupported else { return try lack("this kernel has no Landlock: files are not limited") }
    do throws(ConfinementFailure) {
      try rules.enforce()
      kept.append("writes only below \(Set(rules.writable).sorted().joined(separator: ", "))")
      if rules.readable != nil { kept.append("reads only what the configuration names") }
    } catch { try lack(error.description) }
  }

  /// Runs something as the user that the process is to become, so that files it makes are that user's: logs, the token. Before
  /// ``leaveRoot()``; while only this thread makes files.
  func asTheUser<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
    guard let account, Account.isRoot else { return try body() }
    return try account.lend(to: body)
  }

  /// When everything is bound and what only root may read has been read.
  mutating func leaveRoot() throws(StartFailure) {
    guard let account, Account.isRoot else {
      if Account.isRoot { missing.append("it runs as root: name a user it shall become (user: skerry)") }
      return
    }
    do throws(ConfinementFailure) { try account.become() } catch { throw StartFailure(description: error.description) }
    kept.append("runs as \(account.name)")
  }

  /// What root has read and the user that the process is now cannot read again, as reloads have to.
  mutating func lookAgain(at files: Set<String>) {
    guard let account, account.isCurrent else { return }
    let lost = files.sorted().filter { file in unsafe access(file, R_OK) != 0 && errno == EACCES }
    guard let first = lost.first else { return }
    let what = lost.count == 1 ? first : "\(first) and \(lost.count - 1) other\(lost.count == 2 ? "" : "s")"
    missing.append("\(account.name) cannot read \(what): reloads will be refused until it can (chown \(account.name)); an upgrade (SIGUSR2) reads as root")
  }

  /// Last.
  mutating func limitSystemCalls() throws(StartFailure) {
    guard level != .off else { return }
    do throws(ConfinementFailure) {
      kept.append("starts no program; \(try SystemCallFilter.enforce()) kinds of system calls")
    } catch { try lack(error.description) }
  }

  private mutating func lack(_ what: String) throws(StartFailure) {
    guard level != .strict else { throw StartFailure(description: "confinement: strict is asked for, but \(what)") }
    missing.append(what)
  }

  /// Says what holds and what does not.
  func say(_ diagnostics: Diagnostics) {
    for what in missing { diagnostics.say(.warning, what) }
    if level == .off { return diagnostics.say(.info, "confinement is off") }
    if !kept.isEmpty { diagnostics.say(.info, "confined: \(kept.joined(separator: "; "))") }
  }
}
