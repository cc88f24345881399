// What must hold for the dialect checker whatever bytes it is given. Pure functions; any thread may call them.
import Distribution
import FunctionDialect

/// The properties of `FunctionDialect`.
public enum DialectChecks {
  /// Any bytes as a function's code, for both runtimes.
  public static func source(_ bytes: [UInt8]) throws(BrokenProperty) {
    for runtime in [FunctionRuntime.cloudfrontJS1, .cloudfrontJS2] {
      let findings = FunctionDialect.findings(in: bytes, runtime: runtime)
      func expect(_ holds: Bool, _ property: String) throws(BrokenProperty) {
        if !holds { throw BrokenProperty(property: property, bytes: bytes) }
      }
      let lines = 1 + bytes.count { $0 == 0x0a || $0 == 0x0d }
      try expect(findings.count <= FunctionDialect.maximumFindings, "findings are bounded")
      try expect(findings.allSatisfy { (1...lines).contains($0.line) && (1...bytes.count + 1).contains($0.column) }, "findings lie inside the source")
      try expect(zip(findings, findings.dropFirst()).allSatisfy { ($0.line, $0.column) <= ($1.line, $1.column) }, "findings are in order")
      try expect(findings == FunctionDialect.findings(in: bytes, runtime: runtime), "the same source has the same findings")
      // A hash-bang and a byte order mark stand first or nowhere.
      guard let first = bytes.first, first != UInt8(ascii: "#"), first != 0xef else { continue }
      // A source without a handler is told so at its beginning, wherever that is.
      let moved = FunctionDialect.findings(in: [0x0a] + bytes, runtime: runtime).filter { $0.rule.name != "handler" }
      let unmoved = findings.filter { $0.rule.name != "handler" }
      try expect(
        moved.map { "\($0.line - 1):\($0.column) \($0.text)" } == unmoved.map { "\($0.line):\($0.column) \($0.text)" }
          || findings.count == FunctionDialect.maximumFindings, "findings move with the code")
    }
  }
}
