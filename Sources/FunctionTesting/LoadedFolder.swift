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
  let problem: FunctionSourceProblem?
  let files: [File]

  /// Reads a folder.
  public init(_ folder: FunctionFolder) {
    path = folder.path
    do throws(FunctionSourceProblem) {
      let source = try FunctionSource.load(path: folder.path)
      (self.source, problem) = (source, nil)
      files = folder.caseFiles.map { LoadedFolder.read($0, of: source) }
    } catch {
      (source, problem, files) = (nil, error, [])
    }
  }

  static func read(_ path: String, of source: FunctionSource) -> File {
    let problems = Problems()
    let reader = CaseReader(
      path: path, folder: source.folder, eventType: source.eventType, storeName: source.storeName, problems: problems)
    let cases = reader.read()
    return File(path: path, cases: problems.hasErrors ? nil : cases, diagnostics: problems.sorted(mainFile: path))
  }
}
