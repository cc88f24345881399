// A function's folder, read: its code and its cases, or why not. Reads files; the value is good on any thread.
import ConfigurationFile
import RewriteEngine

/// A function and its cases, ready to run.
public struct LoadedFolder: Sendable {
  /// One case file.
  struct File: Sendable {
    let path: String
    /// Nil when it has errors.
    let cases: CaseFile?
    let diagnostics: [Diagnostic]
  }

  let path: String
  /// Nil when it could not be read.
  let source: FunctionSource?
  /// The function, when it is the function tier's.
  let tier: TierSource?
  let problem: FunctionSourceProblem?
  let files: [File]

  /// Reads a folder.
  public init(_ folder: FunctionFolder) {
    path = folder.path
    do throws(FunctionSourceProblem) {
      if let tier = try TierSource.load(path: folder.path, runtime: nil) {
        (source, self.tier, problem) = (nil, tier, nil)
        files = folder.caseFiles.map { LoadedFolder.read(CaseReader($0, of: tier)) }
        return
      }
      let source = try FunctionSource.load(path: folder.path)
      (self.source, tier, problem) = (source, nil, nil)
      files = folder.caseFiles.map { LoadedFolder.read(CaseReader($0, of: source)) }
    } catch {
      (source, tier, problem, files) = (nil, nil, error, [])
    }
  }

  /// What reads a case file of the function; nil where that could not be read itself.
  func reader(of path: String) -> CaseReader? { tier.map { CaseReader(path, of: $0) } ?? source.map { CaseReader(path, of: $0) } }

  private static func read(_ reader: CaseReader) -> File {
    let cases = reader.read(), path = reader.path, problems = reader.problems
    return File(path: path, cases: problems.hasErrors ? nil : cases, diagnostics: problems.sorted(mainFile: path))
  }
}

extension CaseReader {
  fileprivate init(_ path: String, of source: FunctionSource) {
    self.init(path: path, folder: source.folder, eventType: source.eventType, storeName: source.storeName, problems: Problems())
  }

  fileprivate init(_ path: String, of source: TierSource) {
    self.init(path: path, folder: source.folder, eventType: nil, storeName: nil, problems: Problems(), hook: source.eventType, isEdge: true)
  }
}
