// Owns: where in a function's code a failure of its INIT lies, as its trace tells. The trace comes from the sandbox: anything may be in it. Pure.

/// A place in a function's code.
struct FaultPlace: Equatable {
  /// The file's path within the code.
  var path: String
  /// From 1; the column in Unicode scalars.
  var line: Int, column: Int

  /// The place that a failure tells of itself; nil when it tells none, or one that is not the function's.
  init?(_ failure: InvocationFailure) {
    let trace = failure.trace
    let found = failure.traceName == "stackTrace" ? trace.reversed().lazy.compactMap(Self.python).first : Self.nodejs(trace)
    guard let found else { return nil }
    self = found
  }

  private init?(_ path: some StringProtocol, _ line: Int?, _ column: Int = 1) {
    guard !path.isEmpty, let line, line > 0, column > 0 else { return nil }
    (self.path, self.line, self.column) = (String(path), line, column)
  }

  /// `File "/var/task/index.py", line 3, in handler`, and of a syntax error `File "/var/task/index.py" Line 3`.
  private static func python(_ text: String) -> FaultPlace? {
    guard let start = text.firstRange(of: "File \"\(Interpreter.codeFolder)/") else { return nil }
    let parts = text[start.upperBound...].split(separator: "\"", maxSplits: 1)
    guard parts.count == 2 else { return nil }
    let digits = parts[1].drop { !$0.isNumber && $0 != "\n" }.prefix { $0.isNumber }
    return FaultPlace(parts[0], Int(digits))
  }

  /// `/var/task/index.js:3`, the line, below it a caret; or `at name (/var/task/index.js:3:7)`, the function's own nearest first.
  private static func nodejs(_ trace: [String]) -> FaultPlace? {
    for (index, text) in trace.enumerated() {
      guard let start = text.firstRange(of: Interpreter.codeFolder + "/") else { continue }
      let rest = text[start.upperBound...].prefix { $0 != ")" }
      let parts = rest.split(separator: ":", omittingEmptySubsequences: false), numbers = parts.reversed().prefix(2).prefix { Int($0) != nil }.compactMap { Int($0) }
      guard let last = numbers.first else { continue }
      let path = parts.dropLast(numbers.count).joined(separator: ":")
      if numbers.count > 1 { return FaultPlace(path, numbers[1], last) }
      let column = index + 2 < trace.count ? FunctionTier.column(ofCaret: trace[index + 2], below: trace[index + 1]) : nil
      return FaultPlace(path, last, column ?? 1)
    }
    return nil
  }
}

extension FunctionTier {
  /// The place of `^`, which stands behind as many spaces and tabs as the line has UTF-16 units before it, in Unicode scalars from 1; nil when there
  /// is none, as below an empty line or a very long one.
  public static func column(ofCaret caret: String, below line: String) -> Int? {
    let units = caret.prefix { $0 == " " || $0 == "\t" }.count
    guard caret.dropFirst(units).first == "^" else { return nil }
    var column = 1, left = units
    for scalar in line.unicodeScalars where left > 0 {
      left -= UTF16.width(scalar)
      column += 1
    }
    return column + left
  }
}
