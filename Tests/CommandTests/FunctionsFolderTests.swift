// The functions that come with Skerry: every case holds, every one of them is listed, and the built-in example has nothing against it.
import Foundation
import TestTools
import Testing

@Suite(.runsPrograms) struct FunctionsFolderTests {
  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path
  static let names = ((try? FileManager.default.contentsOfDirectory(atPath: root + "/Functions")) ?? [])
    .filter { FileManager.default.fileExists(atPath: root + "/Functions/\($0)/index.js") }.sorted()

  @Test func thereAreTwelveAndMore() { #expect(Self.names.count >= 16) }

  @Test(arguments: names) func everyCaseHolds(_ name: String) throws {
    let outcome = try Folder().skerry("test", Self.root + "/Functions/" + name)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    let cases = outcome.output.split(separator: "\n").last?.split(separator: " ").first.flatMap { Int($0) } ?? 0
    #expect(cases >= 5, "\(name) has \(cases) cases")
  }

  @Test(arguments: names) func everyFunctionIsListedAndFitsCloudFront(_ name: String) throws {
    let list = try String(contentsOfFile: Self.root + "/Functions/README.md", encoding: .utf8)
    #expect(list.contains("[\(name)](\(name)/index.js)"))
    #expect(try Data(contentsOf: URL(fileURLWithPath: Self.root + "/Functions/\(name)/index.js")).count <= 10_240)
  }

  /// As CloudFront would take them: in its mode what it refuses is an error.
  @Test func nothingIsAgainstThem() throws {
    let definitions = Self.names.map { "  \($0): { code: \(Self.root)/Functions/\($0)/index.js }" }.joined(separator: "\n")
    let folder = try Folder([
      "edge.yaml": """
        compatibility: cloudfront
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - id: E1
            default: true
            origins: { app: "http://127.0.0.1:3000" }
            defaultBehavior: { origin: app, cachePolicy: CachingDisabled, responseHeadersPolicy: SecurityHeadersPolicy }
        functions:
        \(definitions)
        """
    ])
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 0 && outcome.output == "" && outcome.errors == "", "\(outcome.output)\(outcome.errors)")
    #expect(try folder.skerry("check", Self.root + "/Functions/edge.yaml").status == 0)
  }
}
