// Functions' code: read from folders, archives and files; kept under its digest; hostile archives refused.
import Foundation
import TestTools
import Testing

@testable import FunctionTier

@Suite struct CodeTests {
  private let folder: String

  init() throws {
    folder = NSTemporaryDirectory() + "skerry-code-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  }

  private func write(_ path: String, _ bytes: [UInt8]) throws -> String {
    let whole = folder + "/" + path
    try FileManager.default.createDirectory(atPath: (whole as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    #expect(FileManager.default.createFile(atPath: whole, contents: Data(bytes)))
    return whole
  }

  private func problem(_ entries: [ZipWriter.Entry]) throws -> String? {
    let path = try write("\(UUID().uuidString).zip", ZipWriter.archive(entries))
    do throws(CodeProblem) {
      let source = try CodeSource(path: path, handler: "index.handler")
      _ = try source.digest()
      return nil
    } catch { return error.text }
  }

  @Test func hostileArchivesAreRefused() throws {
    let code = ZipWriter.Entry(name: "index.js", bytes: Array("exports.handler=0".utf8))
    #expect(try problem([code, .init(name: "lib/", mode: 0o040755), .init(name: "lib/a.js")]) == nil)
    let cases: [(entries: [ZipWriter.Entry], words: String)] = [
      ([code, .init(name: "../up.js")], "leads out"), ([code, .init(name: "a/../../up.js")], "leads out"), ([code, .init(name: "/etc/x")], "absolute"),
      ([code, .init(name: "a\\..\\b")], "backslash"), ([code, .init(name: "a\nb")], "control"), ([code, .init(name: "a//b")], "empty part"),
      ([code, .init(name: "./b")], "empty part"), ([code, .init(name: "link", bytes: Array("/etc/passwd".utf8), mode: 0o120777)], "is a link"),
      ([code, .init(name: "device", mode: 0o020666)], "neither"), ([code, code], "already exists"), ([.init(name: "a"), .init(name: "a/b")], "both"),
      ([], "nothing in it"), ([.init(name: String(repeating: "d/", count: 40) + "x")], "nest more than"),
      ([code, .init(name: "big", bytes: [1], declaredBytes: 300 << 20)], "more than 250 MB"), ([.init(name: "short", bytes: [1], declaredBytes: 9)], "cannot be unpacked"),
      ([code, .init(name: "sum.js", bytes: [1], hasWrongSum: true)], "\"sum.js\" cannot be unpacked: CRC error"),
    ]
    for (entries, words) in cases {
      let text = try problem(entries)
      #expect(text?.contains(words) == true, "\(entries.last?.name ?? "none"): \(text ?? "taken")")
    }
    let nonsense = try write("nonsense.zip", Array("PK nonsense".utf8))
    #expect(throws: CodeProblem.self) { _ = try CodeSource(path: nonsense, handler: "index.handler") }
  }

  @Test func folderAndArchiveOfTheSameFilesAreTheSame() throws {
    _ = try write("code/index.js", [1, 2, 3])
    _ = try write("code/lib/a.js", [4])
    let zip = try write("code.zip", ZipWriter.archive([.init(name: "lib/a.js", bytes: [4]), .init(name: "index.js", bytes: [1, 2, 3])]))
    let digest = try CodeSource(path: folder + "/code", handler: "index.handler").digest()
    #expect(digest == (try CodeSource(path: zip, handler: "index.handler").digest()))
    let single = try write("other.mjs", [1, 2, 3])
    #expect(try CodeSource(path: single, handler: "src/index.handler").files.map(\.path) == ["index.mjs"])
    _ = try write("code/lib/a.js", [5])
    #expect(digest != (try CodeSource(path: folder + "/code", handler: "index.handler").digest()))
  }

  @Test func linksOutOfAFolderAreRefusedAndOthersFollowed() throws {
    _ = try write("linked/real/a.js", [1])
    try FileManager.default.createSymbolicLink(atPath: folder + "/linked/inside.js", withDestinationPath: "real/a.js")
    #expect(try CodeSource(path: folder + "/linked", handler: "").files.map(\.path).sorted() == ["inside.js", "real/a.js"])
    try FileManager.default.createSymbolicLink(atPath: folder + "/linked/out", withDestinationPath: "/etc/passwd")
    #expect(throws: CodeProblem.self) { _ = try CodeSource(path: folder + "/linked", handler: "") }
    try FileManager.default.removeItem(atPath: folder + "/linked/out")
    // A link to the folder it lies in has no end.
    try FileManager.default.createSymbolicLink(atPath: folder + "/linked/real/loop", withDestinationPath: "..")
    #expect(throws: CodeProblem.self) { _ = try CodeSource(path: folder + "/linked", handler: "") }
  }

  @Test func copiesAreKeptOnceAndDoNotChange() throws {
    _ = try write("code/index.js", [1])
    _ = try write("code/lib/run", [2])
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder + "/code/lib/run")
    let store = try CodeStore(folder: folder + "/store")
    let stored = try store.keep(try CodeSource(path: folder + "/code", handler: "index.handler"), isLasting: true)
    #expect(stored.files == ["index.js", "lib/run"])
    #expect(store.find(stored.digest) == stored)
    let mode = try FileManager.default.attributesOfItem(atPath: stored.folder + "/lib/run")[.posixPermissions] as? Int
    #expect(mode == 0o555)
    _ = try write("code/index.js", [9])
    #expect(FileManager.default.contents(atPath: stored.folder + "/index.js") == Data([1]))
    let other = try store.keep(try CodeSource(path: folder + "/code", handler: "index.handler"))
    #expect(other.digest != stored.digest)
    // Kept twice is kept once, and nothing half done is left.
    #expect(try store.keep(try CodeSource(path: folder + "/code", handler: "index.handler")) == other)
    #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder + "/store")) == [stored.digest, other.digest])
    store.removeAll(but: [other.digest])
    #expect(store.find(stored.digest) == nil)
    #expect(store.find("../\(other.digest)") == nil)
  }

  @Test func codeIsLinkedIntoAStagingFolder() throws {
    _ = try write("code/index.js", [1])
    _ = try write("code/a/b/c.js", [2])
    let store = try CodeStore(folder: folder + "/store")
    let stored = try store.keep(try CodeSource(path: folder + "/code", handler: ""))
    var staging: StagingFolder? = try StagingFolder(path: folder + "/staging/1")
    try staging?.take(stored)
    #expect(FileManager.default.contents(atPath: folder + "/staging/1/a/b/c.js") == Data([2]))
    staging = nil
    #expect(!FileManager.default.fileExists(atPath: folder + "/staging/1"))
    #expect(store.find(stored.digest) == stored)
  }
}
