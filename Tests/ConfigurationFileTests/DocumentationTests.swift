// The reference stays true: its examples are good configurations, and it names everything there is.
import ConfigurationFile
import Distribution
import Foundation
import Testing

struct DocumentationTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let text = try? String(
    contentsOf: root.appendingPathComponent("Documentation/configuration.md"), encoding: .utf8)

  @Test func examplesAreGood() throws {
    let blocks = try #require(Self.text).split(separator: "```").enumerated()
      .filter { $0.offset % 2 == 1 && $0.element.hasPrefix("yaml\n") }.map { String($0.element.dropFirst(5)) }
    #expect(blocks.count == 2)
    let folder = Self.root.appendingPathComponent("Tests/ConfigurationFileTests/Golden").path
    for block in blocks {
      let loaded = ConfigurationFile.parse(text: block, fileName: "configuration.md", folder: folder)
      #expect(loaded.diagnostics.isEmpty && loaded.configuration != nil, "\(loaded.diagnostics)")
    }
  }

  @Test func everyNameIsThere() throws {
    let text = try #require(Self.text)
    let policies = CachePolicy.managed.map(\.name) + OriginRequestPolicy.managed.map(\.name)
      + ResponseHeadersPolicy.managed.map(\.name)
    let limits = [Mirror(reflecting: Limits()), Mirror(reflecting: Limits.RewriteEngine()), Mirror(reflecting: Limits.DNS()), Mirror(reflecting: Limits.HTTP2())]
      .flatMap(\.children).compactMap(\.label)
      .filter { $0 != "rewriteEngine" && $0 != "dns" && $0 != "http2" && $0 != "memoryBytes" }
      .map { $0.replacing("BytesPerSecond", with: "") }
    for name in policies + limits { #expect(text.contains(name), "\(name)") }
  }

  @Test(arguments: AccessLog.Field.allCases)
  func everyFieldOfTheAccessLogIsThere(_ field: AccessLog.Field) throws {
    let text = try String(contentsOf: Self.root.appendingPathComponent("Documentation/observability.md"), encoding: .utf8)
    #expect(text.contains("`\(field.name)`"))
  }

  @Test func everyColumnOfTheAccessLogIsThere() throws {
    let text = try String(contentsOf: Self.root.appendingPathComponent("Documentation/observability.md"), encoding: .utf8)
    #expect(text.contains(AccessLog(format: .w3c).preamble))
    for field in AccessLog.W3CField.allCases where !AccessLog.W3CField.standard.contains(field) { #expect(text.contains("`\(field.name)`")) }
  }
}
