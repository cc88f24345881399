// Building a function: imports, and errors with line and column as `skerry check` prints them.
import Foundation
import RewriteEngine
import Testing

struct LoadCase: CustomTestStringConvertible, Sendable {
  var source: String
  var line: Int
  /// Must occur in the message.
  var message: String
  var testDescription: String { source }
}

@Suite struct LoadTests {
  static let broken: [LoadCase] = [
    .init(source: "", line: 0, message: "no top-level function named handler"),
    .init(source: "var handler = 5", line: 0, message: "no top-level function named handler"),
    .init(source: "function handler(event) {\n  return event.request;\n", line: 3, message: "SyntaxError"),
    .init(source: "var a = 1;\nvar b = ;\nfunction handler() {}", line: 2, message: "SyntaxError"),
    .init(source: "// c\nimport x from 'cloudfront-x';\nfunction handler() {}", line: 2, message: "cannot find module 'cloudfront-x'"),
    .init(source: "import fs from 'fs';\nfunction handler() {}", line: 1, message: "cannot find module 'fs'"),
    .init(source: "function handler() {}\nnull.x", line: 2, message: "TypeError"),
    .init(source: "function handler() {}\nfor (;;) ;", line: 0, message: "more CPU time"),
    .init(source: "function handler() {}\nvar a = []; for (;;) a.push(new Uint8Array(1 << 20))", line: 0, message: "memory"),
    .init(source: "with (Math) { }\nfunction handler() {}", line: 1, message: "SyntaxError"),
  ]

  @Test(arguments: broken) func diagnosed(_ row: LoadCase) throws {
    let diagnostics = code(row.source).validate()
    let diagnostic = try #require(diagnostics.first)
    #expect(diagnostic.line == row.line, "\(diagnostic)")
    #expect(diagnostic.message.contains(row.message), "\(diagnostic)")
    #expect(row.line == 0 || diagnostic.column > 0)
  }

  static let good = [
    "function handler(event) { return event.request }",
    "const handler = (event) => event.request;",
    "'use strict';\n/* a */ // b\nimport crypto from 'crypto';\nimport q from \"querystring\"\nasync function handler(event) { return event.request }",
    "import\n  b\n from 'buffer'; var B = b.Buffer; function handler(event) { return event.request }",
    "var important = 1; function handler(event) { return event.request }",
    "await_ = undefined; var await_; function handler(event) { return event.request }",
    "Promise.resolve(1).then(x => { globalThis.y = x }); function handler(event) { if (y !== 1) throw 1; return event.request }",
  ]

  @Test(arguments: good) func builds(_ source: String) throws {
    #expect(code(source).validate() == [])
    #expect(try makeIsolate(source).answer().invocation.outcome == .request)
  }

  /// Every function of Functions/, and 40 KB as minifiers write it, four times what CloudFront takes.
  static let real: [(name: String, source: String)] = {
    let folder = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Functions").standardizedFileURL
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)?.compactMap { $0 as? URL } ?? []
    let sources = files.filter { $0.pathExtension == "js" }.compactMap { file in
      (try? String(contentsOf: file, encoding: .utf8)).map { (file.deletingPathExtension().path.replacing(folder.path + "/", with: ""), $0) }
    }.filter { $0.1.contains("handler") }
    let minified = (0..<300).map {
      "function a\($0)(b,c){var d=b.split(\",\"),e={k\($0):\($0 % 10 == 0 ? "/^[a-z]+\($0)$/i" : "c-\($0)")};return d.map(function(f){return f.length>c?e.k\($0)==f?f.slice(0,c):f+\"\($0)\":f}).join(\";\")}"
    }.joined() + "function handler(a){return a0(a.request.uri,1),a.request}"
    return sources + [("minified", minified)]
  }()

  /// Building holds up a worker, so its limit is short; real functions are built within it all the same, here without optimization.
  /// (How long they take is measured: Documentation/rewrite-engine.md.) The machine may be slow for a while, not for all of the tries.
  @Test func buildsFitIntoTheirLimit() throws {
    #expect(FunctionCode.Limits().loadCPUNanoseconds <= 30_000_000)
    #expect(Self.real.count > 12 && Self.real.last?.source.utf8.count ?? 0 > 40_000)
    let thread = try #require(ThreadContext())
    for (name, source) in Self.real {
      #expect((0..<20).contains { _ in (try? Isolate(code(source), on: thread)) != nil }, "\(name)")
    }
  }

  @Test func linesStayTrueAfterImports() throws {
    let isolate = try makeIsolate("import crypto\n  from 'crypto';\n\nfunction handler(event) {\n  null.x;\n}")
    let answer = isolate.answer()
    #expect(answer.position.hasPrefix("5:"), "\(answer.position)")
    #expect(answer.error == "TypeError: cannot read property 'x' of null")
  }

  @Test func poolsBuildOnceAndDropTheOldest() throws {
    var configuration = IsolatePool.Configuration()
    configuration.maximumIsolates = 2
    let pool = try #require(IsolatePool(configuration: configuration))
    let a = code(Self.good[0]), b = code(Self.good[1]), c = code(Self.good[2]), bad = code("var")
    #expect(a.id != b.id)
    let first = try pool.isolate(for: a)
    #expect(try pool.isolate(for: a) === first)
    _ = try pool.isolate(for: b)
    _ = try pool.isolate(for: a)
    _ = try pool.isolate(for: c)  // b goes
    #expect(try pool.isolate(for: a) === first)
    #expect(pool.builds == 3)
    _ = try pool.isolate(for: b)
    #expect(pool.builds == 4)
    #expect(throws: FunctionLoadError.self) { try pool.isolate(for: bad) }
    #expect(throws: FunctionLoadError.self) { try pool.isolate(for: bad) }
    #expect(pool.builds == 5)
    pool.keep([])
    #expect(try pool.isolate(for: a) !== first)
  }
}
