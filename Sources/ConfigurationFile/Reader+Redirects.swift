// Tables of redirects that behaviors name, read with the configuration.
// Source: design/configuration.md; Documentation/redirects.md.
import Distribution
import RedirectRules

extension Reader {
  /// The table at the path of a behavior's `redirects`; one that several behaviors name is read once.
  func redirectTable(_ value: Value?) -> RedirectDefinition? {
    guard let value, let path = path(value) else { return nil }
    if let known = redirectTables[path] { return known }
    problems.files.insert(path)
    let name = Files.display(path, in: folder, namedLike: fileName)
    switch Files.read(path, maximumBytes: RedirectLimits.fileBytes) {
    case .failure(let problem):
      value.error("\((value.plainText ?? "").quoted) cannot be read: \(problem.text)")
      return nil
    case .success(let bytes):
      let (table, found) = RedirectTable.reading(bytes, separator: RedirectSeparator(fileName: path))
      for problem in found {
        problems.report(problem.isError ? .error : .warning, file: name, line: problem.line, column: problem.column, problem.text)
      }
      guard let table else { return nil }
      warnOfLoops(in: table, name)
      let shown = path.hasPrefix(folder + "/") ? String(path.dropFirst(folder.count + 1)) : path
      let definition = RedirectDefinition(name: shown, path: path, table: table)
      redirectTables[path] = definition
      return definition
    }
  }

  /// A browser gives up on redirects in a circle: nobody means them, and each request is answered all the same.
  private func warnOfLoops(in table: RedirectTable, _ file: String) {
    var check = RedirectCheck(table)
    let found = check.loops().findings
    for finding in found.prefix(RedirectLimits.loops) {
      problems.report(.warning, file: file, line: finding.line, column: finding.column, "\(finding.text) (\(finding.example))")
    }
    if let next = found.dropFirst(RedirectLimits.loops).first {
      problems.report(.warning, file: file, line: next.line, column: 1, "and \(found.count - RedirectLimits.loops) more circles of redirects; skerry redirects check tells all")
    }
  }
}
