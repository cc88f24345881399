// The fuzz corpus of the dialect is the tables of its tests. This keeps the two in step; SKERRY_WRITE_CORPUS=1 writes what is missing.
import Foundation
import Testing

@Suite struct DialectCorpusTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fuzzing/Corpus/dialect")

  @Test func everySourceIsInTheCorpus() throws {
    let writes = ProcessInfo.processInfo.environment["SKERRY_WRITE_CORPUS"] == "1"
    if writes { try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true) }
    let rows = DialectTests.syntax + DialectTests.asynchronous + DialectTests.modules + DialectTests.names + DialectTests.firstRuntime
    var missing: [String] = []
    for source in rows.map(\.source) + DialectTests.innocent + DialectTests.innocentInFirst + DialectTests.unreadable {
      let file = Self.folder.appendingPathComponent(Self.fileName(source)), bytes = Data(source.utf8)
      if writes { try bytes.write(to: file) }
      if (try? Data(contentsOf: file)) != bytes { missing.append(file.lastPathComponent) }
    }
    #expect(missing.isEmpty, "run with SKERRY_WRITE_CORPUS=1")
  }

  private static func fileName(_ source: String) -> String {
    String(source.unicodeScalars.map { CharacterSet.alphanumerics.contains($0) && $0.isASCII ? Character($0) : "-" }).lowercased()
      .split(separator: "-").joined(separator: "-").prefix(40) + "-" + String(source.unicodeScalars.reduce(UInt32(5381)) { $0 &* 33 &+ $1.value }, radix: 36)
  }
}
