// Hostile files: whatever the bytes, reading ends with diagnostics and never with a trap.
@testable import ConfigurationFile
import Distribution
import Foundation
import Testing

private let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden").path

/// Reads bytes and checks what holds for every file.
private func read(_ bytes: [UInt8]) -> LoadedConfiguration {
  let loaded = ConfigurationFile.parse(bytes: bytes, fileName: "edge.yaml", folder: golden)
  #expect((loaded.configuration == nil) == loaded.hasErrors)
  for diagnostic in loaded.diagnostics {
    #expect(diagnostic.line >= 1 && diagnostic.column >= 1 && !diagnostic.text.isEmpty)
    #expect(!diagnostic.description.contains("\n"))
  }
  return loaded
}

struct RobustnessTests {
  @Test func notUTF8() {
    let cases: [([UInt8], Int, Int)] = [
      ([0xFF, 0xFE, 0x61, 0x00], 1, 1), (Array("a: b\nc: ".utf8) + [0xE9, 0x0A], 2, 4), ([0xC0, 0x80], 1, 1),
      (Array("é: ".utf8) + [0xED, 0xA0, 0x80], 1, 4), ([0xF4, 0x90, 0x80, 0x80], 1, 1), (Array("a".utf8) + [0xE2, 0x82], 1, 2),
    ]
    for (bytes, line, column) in cases {
      let diagnostics = read(bytes).diagnostics
      #expect(diagnostics.map(\.description) == ["edge.yaml:\(line):\(column): error: the file is not UTF-8 here"])
    }
  }

  @Test func tooLong() {
    let bytes = [UInt8](repeating: UInt8(ascii: "#"), count: SourceText.maximumBytes + 1)
    #expect(read(bytes).diagnostics.map(\.text) == ["the file is longer than 4 MiB"])
  }

  @Test func manyProblemsAreCut() {
    let text = "listeners:\n" + String(repeating: "  - x\n", count: 1000)
    let diagnostics = read(Array(text.utf8)).diagnostics
    #expect(diagnostics.count == Problems.maximumReported + 1)
    #expect(diagnostics.last?.text == "and 802 further problems" || diagnostics.last?.text == "and 801 further problems")
  }

  /// Aliases of aliases: 9^60 values if they were followed.
  @Test(.timeLimit(.minutes(1))) func aliasBombs() {
    var levels = "x0: &x0 [y, y]\n"
    for level in 1...60 {
      let aliases = Array(repeating: "*x\(level - 1)", count: 9).joined(separator: ", ")
      levels += "x\(level): &x\(level) [\(aliases)]\n"
    }
    for tail in ["listeners: *x60\n", "? *x60\n: a\n", "*x60 : a\n", "{*x60: a}\n", "? [*x60]\n: a\n", "[*x60] : b\n"] {
      #expect(read(Array((levels + tail).utf8)).hasErrors)
    }
    let merges = (1...40).map { "m\($0): &m\($0) { <<: [*m\($0 - 1), *m\($0 - 1), *m\($0 - 1)], k\($0): v }\n" }
    #expect(read(Array(("m0: &m0 { a: b }\n" + merges.joined() + "limits: *m40\n").utf8)).hasErrors)
  }

  /// Every golden input cut short and with bytes replaced, by a fixed seed.
  @Test(.timeLimit(.minutes(3)), arguments: GoldenTests.names.filter { !$0.contains("bomb") })
  func damagedFiles(_ name: String) throws {
    let text = try String(contentsOfFile: golden + "/" + name, encoding: .utf8)
    let input = Array(text.utf8.prefix(6000))
    var random = SplitMix(state: 42)
    let interesting = Array("[]{}:,&*!|>'\"%@`#-? \n\t\\\0".utf8) + [0x80, 0xC3, 0xFF]
    for _ in 0..<15 {
      var bytes = Array(input.prefix(Int(random.next() % UInt64(input.count + 1))))
      for _ in 0..<(random.next() % 6) where !bytes.isEmpty {
        let place = Int(random.next() % UInt64(bytes.count))
        bytes[place] = interesting[Int(random.next() % UInt64(interesting.count))]
      }
      _ = read(bytes)
    }
  }

  @Test func unreadableFiles() throws {
    for path in ["/nonexistent/edge.yaml", golden, "/dev/null", ""] {
      let loaded = ConfigurationFile.load(path: path)
      #expect(loaded.unreadable != nil && loaded.configuration == nil && loaded.diagnostics.count == 1, "\(path)")
    }
  }

  /// A real file: its folder is where relative paths begin, and it is named as the caller named it.
  @Test func loadsAFile() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UInt64.random(in: 0 ... .max))")
    try FileManager.default.createDirectory(
      at: folder.appendingPathComponent("code"), withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws {
      try text.write(to: folder.appendingPathComponent(name), atomically: true, encoding: .utf8)
    }
    try write("code/index.js", "function handler(e) { return e.request }\n")
    try write("code/function.yaml", "runtime: 5\n")
    try write(
      "edge.yaml",
      """
      listeners: [ { address: 127.0.0.1:0 } ]
      distributions:
        - { id: A, default: true, origins: { a: http://127.0.0.1:1 },
            defaultBehavior: { origin: a, cachePolicy: CachingDisabled, functions: { viewer-request: f } } }
      functions: { f: { runtime: cloudfront-js-2.0, code: code/index.js } }
      """)
    let path = folder.path + "/edge.yaml"
    let loaded = ConfigurationFile.load(path: path)
    #expect(loaded.diagnostics.map(\.description) == [
      "\(path):5:28: warning: runtime here wins over \(folder.path)/code/function.yaml:1"
    ])
    #expect(loaded.configuration?.functions.first?.source.count == 41)
    #expect(loaded.configuration?.stateDirectory == folder.path + "/.skerry")
  }
}

/// A small random generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
