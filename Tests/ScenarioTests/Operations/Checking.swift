// `skerry check` from outside: its lines, and its exit status in both modes of compatibility.
import Foundation
import Testing

extension Scenarios {
  @Suite struct Checking {
    private static let code = """
      const crypto = require('crypto');
      function handler(event) {
        for (const name of Object.keys(event.request.headers)) {
          console.log(name ?? 'none');
        }
        return event.request;
      }
      """

    /// What `skerry check` says of a function, as `line:column: severity: text`, and how it ends.
    private func check(_ code: String, compatibility: String) throws -> (lines: [String], status: ChildProcess.Exit) {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-check-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(at: folder) }
      try code.write(to: folder.appendingPathComponent("index.js"), atomically: false, encoding: .utf8)
      try """
        compatibility: \(compatibility)
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - id: E1
            default: true
            origins: { app: http://origin.example }
            defaultBehavior: { origin: app, cachePolicy: CachingDisabled, functions: { viewer-request: f } }
        functions:
          f: { runtime: cloudfront-js-2.0, code: index.js }
        """.write(to: folder.appendingPathComponent("edge.yaml"), atomically: false, encoding: .utf8)
      // What it finds goes to stdout; the harness hears stderr.
      let process = try ChildProcess(["/bin/sh", "-c", "exec \"$0\" check \"$1\" >&2", Skerry.binary(), folder.appendingPathComponent("edge.yaml").path])
      let status = try process.waitForExit()
      try process.standardError.wait(for: "its last words") { $0.ended ? true : nil }
      let text = process.standardError.current.text
      return (text.split(separator: "\n").filter { $0.contains("index.js:") }.map { String($0.drop { $0 != ":" }.dropFirst()) }, status)
    }

    @Test(arguments: ["cloudfront", "extended"]) func theDialectIsAMatterOfCompatibility(_ mode: String) throws {
      let (lines, status) = try check(Self.code, compatibility: mode)
      let severity = mode == "cloudfront" ? "error" : "warning"
      #expect(lines == [
        "3:19: \(severity): CloudFront's runtime has no for…of; write list.forEach(…), or for (var i = 0; i < list.length; i++)",
        "4:22: warning: ?? is not on CloudFront's list; test against undefined, or use || where 0 and '' do not matter",
      ])
      #expect(status == .status(mode == "cloudfront" ? 1 : 0))
    }

    /// The engine's error is an error in both, and is not said twice.
    @Test(arguments: ["cloudfront", "extended"]) func whatCannotRunIsAlwaysAnError(_ mode: String) throws {
      let (lines, status) = try check("exports.handle = 1", compatibility: mode)
      #expect(status == .status(1))
      #expect(lines.count == 2)
      #expect(lines.contains { $0.contains("error: ReferenceError") }, "\(lines)")
      #expect(!lines.contains { $0.contains("no top-level function") })
      let (good, goodStatus) = try check("function handler(event) { return event.request; }", compatibility: mode)
      #expect(good.isEmpty)
      #expect(goodStatus == .status(0))
    }
  }
}
