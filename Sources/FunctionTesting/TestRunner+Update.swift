// `skerry test --update` on disk: case files whose expectations were brought up to date.
import ConfigurationFile
import Foundation

/// What came of updating one function's case files.
public struct UpdateOutcome: Sendable {
  /// Cases whose expectations were changed.
  public internal(set) var updated = 0
  /// A line for each case that could not be updated, and for each file that could not be written.
  public internal(set) var problems: [String] = []
}

extension LoadedFolder {
  /// Rewrites the expectations of the cases that failed.
  /// - Parameter result: what running this very folder came to.
  public func update(_ result: FunctionResult) -> UpdateOutcome {
    var outcome = UpdateOutcome()
    for (file, results) in zip(files, result.files.map(\.results)) where results.contains(where: { !$0.passed }) {
      guard let cases = file.cases else { continue }
      let update = CaseUpdate(cases, results) { bytes in
        guard let reader = reader(of: file.path) else { return nil }
        let cases = reader.cases(bytes)
        return reader.problems.hasErrors ? nil : cases
      }
      outcome.problems += update.refused.map { "\(file.path):\($0.line):\($0.column): this case could not be updated: \($0.name.onOneLine)" }
      guard update.updated > 0 else { continue }
      if LoadedFolder.write(update.bytes, to: file.path) {
        outcome.updated += update.updated
      } else {
        outcome.problems.append("\(file.path) cannot be written")
      }
    }
    return outcome
  }

  /// Replaces a file as a whole, with its mode.
  private static func write(_ bytes: [UInt8], to path: String) -> Bool {
    let mode = (try? FileManager.default.attributesOfItem(atPath: path))?[.posixPermissions]
    do {
      try Data(bytes).write(to: URL(fileURLWithPath: path), options: .atomic)
      if let mode { try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path) }
      return true
    } catch { return false }
  }
}
