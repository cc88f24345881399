// The fuzz corpus is the tables of these tests: each malformed or odd message is a seed. This keeps the two in step;
// SKERRY_WRITE_CORPUS=1 writes what is missing.
import Foundation
import Testing

@Suite struct CorpusTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fuzzing/Corpus")
  /// Larger messages say nothing that smaller ones do not.
  private static let maximumBytes = 2048

  private static let requests = [
    Refusal.lineEndings, Refusal.requestLines, Refusal.fieldLines, Refusal.hosts, Refusal.contentLengths, Refusal.transferCodings,
  ].joined().map { (name: $0.why, text: $0.bytes) }
    + [Passage.targets, Passage.fields, Passage.bodies, Passage.versions].joined()
      .map { (name: $0.what, text: $0.viewer.replacingOccurrences(of: "HOST", with: "a.test")) }
  private static let responses = (OriginFailure.heads + OriginFailure.bodies).map { (name: $0.what, text: $0.answer) }
  private static let chunkedBodies = (Refusal.chunks.map { (name: $0.why, text: $0.bytes) } + Passage.bodies.map { (name: $0.what, text: $0.viewer) })
    .filter { $0.text.holds("chunked\r\n") || $0.text.holds("CHUNKED\r\n") }
    .map { (name: $0.name, text: String(wire: wire($0.text).dropFirst((wire($0.text).position(of: wire("\r\n\r\n")) ?? 0) + 4))) }

  /// What a viewer says on an HTTP/2 connection, from its preface on.
  private static let http2 = ([Violation.framing, Violation.compression, Violation.messages].joined().map { (name: $0.name, frames: $0.frames) }
    + FrameFlood.all.map { (name: $0.name, frames: $0.frames) })
    .map { (name: $0.name, text: HTTP2Viewer.preface + String(wire: Frame.settings(HTTP2Viewer.firstSettings).bytes + $0.frames.flatMap(\.bytes))) }

  private static let kinds = ["http2": http2, "http1-request": requests, "http1-response": responses, "http1-chunked": chunkedBodies]

  @Test(arguments: kinds.keys.sorted())
  func everyTableIsInTheCorpus(kind: String) throws {
    let writes = ProcessInfo.processInfo.environment["SKERRY_WRITE_CORPUS"] == "1"
    let folder = Self.folder.appendingPathComponent(kind)
    if writes { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    var missing: [String] = []
    for (name, text) in Self.kinds[kind] ?? [] where wire(text).count <= Self.maximumBytes {
      let file = folder.appendingPathComponent(Self.fileName(name)), bytes = Data(wire(text))
      if writes { try bytes.write(to: file) }
      if (try? Data(contentsOf: file)) != bytes { missing.append(file.lastPathComponent) }
    }
    #expect(missing.isEmpty, "run with SKERRY_WRITE_CORPUS=1")
  }

  private static func fileName(_ name: String) -> String {
    String(name.unicodeScalars.map { CharacterSet.alphanumerics.contains($0) && $0.isASCII ? Character($0) : "-" }).lowercased()
      .split(separator: "-").joined(separator: "-").prefix(70) + "-" + String(name.unicodeScalars.reduce(UInt32(5381)) { $0 &* 33 &+ $1.value }, radix: 36)
  }
}
