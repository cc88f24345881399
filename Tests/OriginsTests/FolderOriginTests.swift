// A folder origin on a real folder and a real loop.

import Foundation
import Glibc
import Synchronization
import HTTPWire
import Testing

@testable import Origins
@testable import Telemetry
@testable import Transport

/// A folder in /tmp that goes away with the value.
private final class Folder: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/skerry-folder-XXXXXX".utf8CString)
    _ = unsafe template.withUnsafeMutableBufferPointer { unsafe mkdtemp($0.baseAddress!) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { _ = unsafe system("rm -rf '\(path)'") }

  func write(_ name: String, _ content: String) { write(name, Array(content.utf8)) }

  func write(_ name: String, _ content: [UInt8]) {
    let descriptor = unsafe open(path + "/" + name, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    _ = unsafe Glibc.write(descriptor, content, content.count)
    close(descriptor)
  }

  func makeFolder(_ name: String) { unsafe mkdir(path + "/" + name, 0o755) }
  func link(_ name: String, to target: String) { unsafe symlink(target, path + "/" + name) }
}

private struct Answer: Sendable {
  var status: Int
  var fields: [String: String]
  var contentLength: Int?
  var body: [UInt8]
  var isBroken: Bool
  var counter: Counter
  var text: String { String(decoding: body, as: UTF8.self) }
}

/// One request on a loop of its own.
private func get(
  _ path: String, of folder: Folder, method: String = "GET", _ configure: @escaping @Sendable (inout Conditions) -> Void = { _ in },
  beforeBody: @escaping @Sendable () -> Void = {}
) async throws -> Answer {
  let loop = try EventLoop(), pool = try BlockingPool()
  let thread = loop.start()
  defer {
    loop.stop()
    thread.join()
    pool.stop()
  }
  let origin = try FolderOrigin(path: folder.path, pool: pool)
  return await loop.perform { _ in
    var request = FileRequest(method: Array(method.utf8).span, path: Array(path.utf8).span)
    configure(&request.conditions)
    var response = await origin.open(request)
    // Back on the loop's thread, whichever thread read the file.
    #expect(loop.isIsolatingCurrentContext() == true)
    var answer = Answer(
      status: response.status, fields: Dictionary(uniqueKeysWithValues: response.fields.map { ($0.name, $0.value) }),
      contentLength: response.contentLength, body: [], isBroken: false, counter: response.counter)
    beforeBody()
    if var body = response.body.take() {
      var piece = ByteBuffer()
      while await body.read(into: &piece) > 0 {
        for index in 0..<piece.count { answer.body.append(piece.readable[index]) }
        piece.removeAll()
      }
      answer.isBroken = body.isBroken
    }
    return answer
  }
}

@Suite struct FolderOriginTests {
  @Test func servesAFile() async throws {
    let folder = Folder()
    folder.write("index.html", "<h1>Hello</h1>")
    let answer = try await get("/index.html", of: folder)
    #expect(answer.status == 200)
    #expect(answer.text == "<h1>Hello</h1>")
    #expect(answer.contentLength == 14)
    #expect(answer.fields["Content-Type"] == "text/html; charset=utf-8")
    #expect(answer.fields["Accept-Ranges"] == "bytes")
    #expect(answer.fields["ETag"]?.hasPrefix("\"e-") == true)
    #expect(answer.fields["Last-Modified"]?.hasSuffix(" GMT") == true)
    #expect(answer.counter == .fileServed)
  }

  @Test func headSendsNoContent() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    let answer = try await get("/a.txt", of: folder, method: "HEAD")
    #expect(answer.status == 200 && answer.contentLength == 7 && answer.body.isEmpty)
  }

  @Test func servesEmptyAndLargeFiles() async throws {
    let folder = Folder()
    folder.write("empty.txt", "")
    let large = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 * 7 + $0 / 256) }
    folder.write("large.bin", large)
    let empty = try await get("/empty.txt", of: folder)
    #expect(empty.status == 200 && empty.contentLength == 0 && empty.body.isEmpty && !empty.isBroken)
    let whole = try await get("/large.bin", of: folder)
    #expect(whole.body == large)
    let part = try await get("/large.bin", of: folder) { $0.range = "bytes=65530-131080" }
    #expect(part.status == 206)
    #expect(part.body == Array(large[65_530...131_080]))
    #expect(part.contentLength == 65_551)
    #expect(part.fields["Content-Range"] == "bytes 65530-131080/200000")
  }

  @Test func answersConditions() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    let first = try await get("/a.txt", of: folder)
    let etag = first.fields["ETag"] ?? "", modified = first.fields["Last-Modified"] ?? ""
    let same = try await get("/a.txt", of: folder) { $0.ifNoneMatch = etag }
    #expect(same.status == 304 && same.contentLength == nil && same.body.isEmpty)
    #expect(same.fields == ["ETag": etag, "Last-Modified": modified])
    #expect(try await get("/a.txt", of: folder) { $0.ifModifiedSince = modified }.status == 304)
    folder.write("a.txt", "changed")
    #expect(try await get("/a.txt", of: folder) { $0.ifNoneMatch = etag }.status == 200)
    let beyond = try await get("/a.txt", of: folder) { $0.range = "bytes=7-" }
    #expect(beyond.status == 416 && beyond.fields["Content-Range"] == "bytes */7" && beyond.body.isEmpty && beyond.contentLength == 0)
    #expect(try await get("/a.txt", of: folder) { $0.ifMatch = "\"x\"" }.status == 412)
  }

  @Test func neverLeavesTheFolderAndListsNothing() async throws {
    let outside = Folder(), folder = Folder()
    outside.write("secret.txt", "secret")
    folder.makeFolder("sub")
    folder.write("sub/inner.txt", "inner")
    folder.write(".hidden", "hidden")
    folder.link("out", to: outside.path)
    folder.link("out.txt", to: outside.path + "/secret.txt")
    folder.link("up.txt", to: "../" + outside.path.split(separator: "/")[1] + "/secret.txt")
    folder.link("loop", to: "loop")
    folder.link("within.txt", to: "sub/inner.txt")
    folder.link("process", to: "/proc/self/root/etc/passwd")
    unsafe mkfifo(folder.path + "/pipe", 0o644)
    for path in [
      "/", "/sub", "/sub/", "/missing", "/sub/inner.txt/x", "/out/secret.txt", "/out.txt", "/up.txt", "/loop", "/process", "/pipe", "/.hidden",
      "/../\(outside.path.split(separator: "/")[1])/secret.txt", "/" + String(repeating: "n", count: 300),
    ] {
      let answer = try await get(path, of: folder)
      #expect(answer.status == 404 && answer.body.isEmpty, "\(path)")
      #expect(answer.counter == .fileNotFound)
    }
    #expect(try await get("/within.txt", of: folder).text == "inner")
    #expect(try await get("/sub/inner%2Etxt", of: folder).text == "inner")
  }

  @Test func refusesOtherMethods() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    for method in ["POST", "DELETE", "OPTIONS", "get"] {
      let answer = try await get("/a.txt", of: folder, method: method)
      #expect(answer.status == 405 && answer.fields["Allow"] == "GET, HEAD")
    }
  }

  @Test func aFileThatShrinksBreaksTheTransfer() async throws {
    let folder = Folder()
    folder.write("a.bin", [UInt8](repeating: 1, count: 100_000))
    let answer = try await get("/a.bin", of: folder, beforeBody: { folder.write("a.bin", "short") })
    #expect(answer.status == 200 && answer.isBroken)
    #expect(answer.body.count < 100_000)
  }

  @Test func aFileThatGrowsIsSentAsAnnounced() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    let answer = try await get("/a.txt", of: folder, beforeBody: { folder.write("a.txt", "content and more") })
    #expect(answer.text == "content" && !answer.isBroken)
  }

  @Test func closesItsFiles() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    // Other suites open and close files of their own at the same time: only this one's count.
    func open() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)"))?.hasSuffix("\(folder.path)/a.txt") == true
      }
    }
    for _ in 0..<8 {
      _ = try await get("/a.txt", of: folder) { $0.ifNoneMatch = "*" }
      _ = try await get("/a.txt", of: folder)
    }
    #expect(try open() == 0)
  }

  @Test func saysWhyAFolderCannotBeOpened() throws {
    let pool = try BlockingPool()
    defer { pool.stop() }
    #expect(throws: FolderFailure.cannotOpen(path: "/nowhere", code: ENOENT)) { _ = try FolderOrigin(path: "/nowhere", pool: pool) }
    #expect(throws: FolderFailure.cannotOpen(path: "/etc/passwd", code: ENOTDIR)) { _ = try FolderOrigin(path: "/etc/passwd", pool: pool) }
  }

  @Test func answers503WhenThePoolIsOverrun() async throws {
    let folder = Folder()
    folder.write("a.txt", "content")
    var configuration = BlockingPool.Configuration()
    configuration.threads = 1
    configuration.queueLimit = 1
    let pool = try BlockingPool(configuration: configuration)
    defer { pool.stop() }
    let origin = try FolderOrigin(path: folder.path, pool: pool)
    // One job runs until the gate opens and one waits; the third finds no room.
    let gate = Mutex(false), began = Mutex(false)
    async let running: Void? = try? pool.run {
      began.withLock { $0 = true }
      while !gate.withLock({ $0 }) { usleep(1_000) }
    }
    while !began.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(5)) }
    async let waiting: Void? = try? pool.run {}
    while pool.waiting < 1 { try await Task.sleep(for: .milliseconds(5)) }
    let request = FileRequest(method: Array("GET".utf8).span, path: Array("/a.txt".utf8).span)
    let response = await origin.open(request)
    #expect(response.status == 503)
    #expect(response.counter == .limitFileQueue)
    gate.withLock { $0 = true }
    _ = await (running, waiting)
  }
}

@Suite struct BlockingPoolTests {
  @Test func runsEverythingOnItsThreads() async throws {
    let pool = try BlockingPool()
    let sum = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 1...100 { group.addTask { try await pool.run { number } } }
      return try await group.reduce(0, +)
    }
    #expect(sum == 5_050)
    pool.stop()
    await #expect(throws: BlockingPoolFailure.stopped) { try await pool.run { 1 } }
  }
}
