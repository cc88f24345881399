// Golden tests: every file in Golden/*.txt holds a configuration, a line of dashes, and what must come of it:
// the diagnostics, then the normal form when there is no error (or always, when the first line is `# draft`).
// With SKERRY_UPDATE_GOLDEN=1 the files are rewritten; read the difference before committing it.
@testable import ConfigurationFile
import Foundation
import Testing

private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path
private let separator = "----------\n"

struct GoldenTests {
  static let names: [String] = {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return files.filter { $0.hasSuffix(".txt") }.sorted()
  }()

  @Test func thereAreGoldenFiles() { #expect(GoldenTests.names.count > 30) }

  @Test(arguments: names) func golden(_ name: String) throws {
    // What git makes of it depends on the umask, and there is a warning about it.
    try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/Certs/localhost.key")
    let path = folder + "/" + name
    let text = try String(contentsOfFile: path, encoding: .utf8)
    let parts = text.split(separator: separator, maxSplits: 1, omittingEmptySubsequences: false)
    let input = String(parts[0])
    let loaded = ConfigurationFile.parse(text: input, fileName: "edge.yaml", folder: folder)
    var lines = loaded.diagnostics.map(\.description)
    let shown = input.hasPrefix("# draft") ? loaded.draft : loaded.configuration
    if let shown { lines.append(normalForm(shown, folder: folder)) }
    let actual = lines.joined(separator: "\n") + "\n"
    #expect(loaded.hasErrors == (loaded.configuration == nil))
    if ProcessInfo.processInfo.environment["SKERRY_UPDATE_GOLDEN"] == "1" {
      try (input + separator + actual).write(toFile: path, atomically: true, encoding: .utf8)
      return
    }
    let expected = parts.count > 1 ? String(parts[1]) : ""
    #expect(actual == expected, "\(name)")
  }
}
