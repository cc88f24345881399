// Owns: the files of what is published: one of JSON per function, replaced whole (rename(2)) after the disk has it, so that a process killed at
// any moment leaves the old one or the new one. Several processes may use one folder: who changes something locks it first (flock(2)), and a
// proxy that serves sees others' changes by inotify(7) at once. Blocks; any thread.
public import Distribution
import Foundation
import Glibc
import JSONText
import Synchronization
import TLS
import Telemetry

/// What is published of all functions.
public final class VersionStore: Sendable {
  /// The absolute path of the tier's folder.
  let folder: String
  private let code: CodeStore
  private let known = Mutex<[String: FunctionVersions]>([:])

  /// Opens the store in the tier's folder, which is made where it is missing.
  /// - Throws: ``CodeProblem`` when the folder cannot be made, or a file in it is damaged.
  public init(folder: String) throws(CodeProblem) {
    self.folder = folder
    code = try CodeStore(folder: folder + "/code")
    try CodeStore.makeFolder(folder + "/versions")
    try readAll()
  }

  /// What is published of a function.
  public func versions(of function: String) -> FunctionVersions { known.withLock { $0[function] } ?? FunctionVersions(function: function) }

  /// What is published of all functions, by name.
  public var all: [FunctionVersions] { known.withLock { Array($0.values) }.sorted { $0.function < $1.function } }

  /// Digests of code that versions are made of.
  var digests: Set<String> { known.withLock { Set($0.values.flatMap { $0.versions.map(\.code) }) } }

  /// The folder to be watched for changes.
  var watchedFolder: String { folder + "/versions" }

  /// Publishes a function as it is now. When this returns, the disk has it.
  /// - Returns: the version's number; that of the newest one when nothing has changed since.
  public func publish(_ definition: FunctionDefinition, description: String) throws(CodeProblem) -> Int {
    let lock = try FolderLock(folder + "/versions/.lock")   // a proxy that starts removes code that no version names
    defer { lock.release() }
    let stored = try code.keep(try CodeSource(path: definition.codePath, handler: definition.tier.handler), isLasting: true)
    let tier = definition.tier
    let version = PublishedVersion(
      number: 0, code: stored.digest, runtime: definition.runtime.name, handler: tier.handler, memoryMB: tier.memoryMB,
      timeoutMilliseconds: tier.timeout.wholeMilliseconds, network: tier.network,
      environment: Dictionary(tier.environment.map { ($0.name, $0.value) }) { $1 }, description: description,
      published: String(decoding: Timestamp.now.text, as: UTF8.self))
    var number = 0
    try changeLocked(definition.name) { versions throws(CodeProblem) in number = try versions.publish(version) }
    return number
  }

  /// Removes code that no version is made of. Only while no proxy runs that may have it in use.
  func removeUnusedCode() {
    guard let lock = try? FolderLock(folder + "/versions/.lock") else { return }
    defer { lock.release() }
    // Another process may have published since; of what cannot be read, nothing is removed.
    guard (try? readAll()) != nil else { return }
    code.removeAll(but: digests)
    // Whoever writes one has the lock: those that are there are of processes that were killed.
    for name in (try? DurableFolder(watchedFolder).names()) ?? [] where name.contains(/\.json\.\d+$/) { unsafe unlink(watchedFolder + "/" + name) }
  }

  /// Changes what is published of a function. When this returns, the disk has it.
  public func change(_ function: String, _ body: (inout FunctionVersions) throws(CodeProblem) -> Void) throws(CodeProblem) {
    let lock = try FolderLock(folder + "/versions/.lock")
    defer { lock.release() }
    try changeLocked(function, body)
  }

  private func changeLocked(_ function: String, _ body: (inout FunctionVersions) throws(CodeProblem) -> Void) throws(CodeProblem) {
    // Another process may have been here since.
    var versions = try Self.read(watchedFolder + "/" + Self.file(of: function)) ?? FunctionVersions(function: function)
    try body(&versions)
    try write(versions)
    known.withLock { $0[function] = versions }
  }

  /// Points an alias to a version.
  /// - Parameters:
  ///   - weights: shares of other versions.
  ///   - sticky: what keeps a viewer at one of several versions; nil: as the alias has it; `.some(nil)`: nothing any more.
  public func point(_ function: String, alias: String, to version: Int, weights: [Int: Double] = [:], sticky: StickyKey?? = nil) throws(CodeProblem) {
    try change(function) { versions throws(CodeProblem) in try versions.point(alias, to: version, weights: weights, sticky: sticky) }
  }

  /// Begins a canary under an alias.
  public func begin(_ canary: Canary, of function: String, under alias: String) throws(CodeProblem) {
    try change(function) { versions throws(CodeProblem) in try versions.begin(canary, under: alias) }
  }

  /// Points an alias back, or ends its canary.
  /// - Returns: the version it points to now.
  public func rollBack(_ function: String, alias: String) throws(CodeProblem) -> Int {
    var version = 0
    try change(function) { versions throws(CodeProblem) in version = try versions.rollBack(alias, at: String(decoding: Timestamp.now.text, as: UTF8.self)) }
    return version
  }

  /// Removes an alias, or a version that no alias names.
  public func remove(_ function: String, alias: String) throws(CodeProblem) {
    try change(function) { versions throws(CodeProblem) in try versions.removeAlias(alias) }
  }
  /// Removes a version that no alias names.
  public func remove(_ function: String, version: Int) throws(CodeProblem) {
    try change(function) { versions throws(CodeProblem) in try versions.remove(version) }
  }

  private static func missing(_ version: PublishedVersion, of function: String) -> CodeProblem {
    CodeProblem(text: "the code of version \(version.number) of \(function) is not in the store any more")
  }
  private static func changed(_ version: PublishedVersion, of function: String, in folder: String) -> CodeProblem {
    CodeProblem(text: "the code of version \(version.number) of \(function) is not as it was published: \(folder) has changed")
  }

  /// What is wrong with the code in a tier's folder of those versions that some of a function's versions and aliases lead to, a sentence each. Reads all of
  /// that code; changes nothing.
  public static func changedCode(in folder: String, of function: String, _ qualifiers: [String?]) -> [String] {
    guard let versions = (try? published(in: folder))?[function] else { return [] }
    let numbers = qualifiers.compactMap { $0 }.flatMap { Int($0).map { [$0] } ?? versions.alias($0).map { Array($0.shares.keys) } ?? [] }
    let code = CodeStore(existing: folder + "/code")
    return Set(numbers).sorted().compactMap { number in
      guard let version = versions.version(number) else { return nil }
      guard let copy = code.find(version.code) else { return missing(version, of: function).text }
      return code.isWhole(version.code) ? nil : changed(version, of: function, in: copy.folder).text
    }
  }

  /// A version as a function of a configuration, with the copy of its code, which is compared with its name once in a process's life. Blocks.
  func stored(_ version: PublishedVersion, named function: String) throws(CodeProblem) -> (FunctionDefinition, StoredCode) {
    guard let copy = code.find(version.code) else { throw Self.missing(version, of: function) }
    guard code.isWhole(version.code) else { throw Self.changed(version, of: function, in: copy.folder) }
    guard let runtime = FunctionRuntime(tierName: version.runtime) else { throw CodeProblem(text: "\(version.runtime) is no runtime of the function tier") }
    var tier = FunctionTierSettings(
      handler: version.handler, memoryMB: version.memoryMB, timeout: .milliseconds(version.timeoutMilliseconds), network: version.network)
    tier.environment = version.environment.map { HeaderField(name: $0.key, value: $0.value) }
    return (FunctionDefinition(name: function, runtime: runtime, codePath: copy.folder, tier: tier), copy)
  }
  /// A version as a function of a configuration, whose code is the store's copy.
  public func definition(of version: PublishedVersion, named function: String) throws(CodeProblem) -> FunctionDefinition { try stored(version, named: function).0 }

  // MARK: Files

  /// Reads every file again.
  func readAll() throws(CodeProblem) {
    let all = try Self.published(in: folder)
    known.withLock { $0 = all }
  }

  /// What is published in a tier's folder, by function. Changes nothing; a folder that is not there has nothing.
  public static func published(in folder: String) throws(CodeProblem) -> [String: FunctionVersions] {
    var all: [String: FunctionVersions] = [:]
    let names: [String]
    // A folder that cannot be read is not one without versions: their code would be taken for unused.
    do throws(FolderProblem) { names = try DurableFolder(folder + "/versions").names() } catch { throw CodeProblem(text: error.text) }
    for name in names where name.hasSuffix(".json") {
      guard let versions = try read(folder + "/versions/" + name) else { continue }
      all[versions.function] = versions
    }
    return all
  }

  /// Copies what is published of some functions into another tier's folder, which has it for itself then. What is not published is left out.
  /// - Throws: ``CodeProblem`` when it cannot be read, or copied.
  static func copy(_ names: Set<String>, from folder: String, to other: String) throws(CodeProblem) {
    for (name, versions) in try published(in: folder) where names.contains(name) {
      for part in ["code", "versions"] { try CodeStore.makeFolder("\(other)/\(part)") }
      let files = ["versions/" + file(of: name)] + Set(versions.versions.map { "code/" + $0.code }).sorted()
      for file in files where !FileManager.default.fileExists(atPath: "\(other)/\(file)") {
        do { try FileManager.default.copyItem(atPath: "\(folder)/\(file)", toPath: "\(other)/\(file)") } catch {
          throw CodeProblem(text: "what is published of \(name) cannot be read: \(error.localizedDescription)")
        }
      }
    }
  }

  /// A function's name as a file's: whatever is no letter or digit is written in hexadecimal digits.
  static func file(of function: String) -> String {
    let name = function.utf8.map { $0.isAliasByte ? String(UnicodeScalar($0)) : "%" + [$0].hexadecimal }.joined()
    // A long name's digest stands for it: a file's name has 255 bytes.
    return name.utf8.count <= 200 ? name + ".json" : Digest.sha256(Array(function.utf8)).hexadecimal + ".json"
  }

  private static func read(_ path: String) throws(CodeProblem) -> FunctionVersions? {
    let content: [UInt8]
    switch DurableFolder((path as NSString).deletingLastPathComponent).read((path as NSString).lastPathComponent) {
    case .content(let bytes): content = bytes
    case .gone: return nil
    // Not the same: what is published next would take its place.
    case .unreadable(let problem): throw CodeProblem(text: "\(problem): what is published is not known")
    }
    guard let value = try? JSONValue(parsing: content), let versions = FunctionVersions(value) else {
      // Not by us: it is replaced whole once the disk has it. Going on would lose what it said: a version is published under its name, and its code removed.
      throw CodeProblem(text: "\(path) is damaged: put back a copy of it, or remove it, and with it all that is published of its function, and publish that anew")
    }
    return versions
  }

  private func write(_ versions: FunctionVersions) throws(CodeProblem) {
    let path = watchedFolder + "/" + Self.file(of: versions.function), draft = path + ".\(getpid())"
    let bytes = Data((versions.json.indented() + "\n").utf8)
    guard FileManager.default.createFile(atPath: draft, contents: bytes, attributes: [.posixPermissions: 0o644]) else {
      throw CodeProblem(text: "\(draft) cannot be written")
    }
    try CodeStore.sync(draft)
    guard unsafe rename(draft, path) == 0 else { throw CodeProblem(text: "\(path) cannot be replaced: \(unsafe String(cString: strerror(errno)))") }
    try CodeStore.sync(watchedFolder)
  }
}

/// A lock on a folder, between processes and threads.
struct FolderLock {
  private let descriptor: Int32

  /// Waits until nobody else has it.
  init(_ path: String) throws(CodeProblem) {
    descriptor = unsafe open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw CodeProblem(text: "\(path) cannot be opened: \(unsafe String(cString: strerror(errno)))") }
    while flock(descriptor, LOCK_EX) != 0 && errno == EINTR {}
  }

  func release() { close(descriptor) }
}
