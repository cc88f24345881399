// What an unsafe method changed: the editions of targets, and what is left of them for the next process.
import Distribution
import Foundation
import TestTools
import Testing
import Transport

@testable import ObjectCache

@Suite(.mayBlock) struct TargetEditionsTests {
  private func target(_ line: String, distribution: String = "E1") throws -> (key: [UInt8], places: KeyPlaces) {
    let plan = KeyPlan(CachePolicy(name: "p", headers: ["x-a"], queryStrings: .all), distribution: distribution)
    var key = ByteBuffer(capacity: 64)
    let places = plan.append(try request(line, ["X-A: \(line.utf8.count)"]), to: &key) { _ in nil }
    return (bytes(key.readable), places)
  }
  private func edition(_ editions: TargetEditions, _ line: String, distribution: String = "E1") throws -> UInt64 {
    let (key, places) = try target(line, distribution: distribution)
    return editions.edition(key.span, places)
  }
  @discardableResult private func renew(_ editions: TargetEditions, _ line: String) throws -> (part: Int, isNew: Bool) {
    let (key, places) = try target(line)
    return editions.renew(key.span, places)
  }

  /// Of one path and query in one distribution, whatever the method, and of no others.
  @Test func aTargetHasAnEdition() throws {
    let editions = TargetEditions(KeyHash(1, 2)), others = ["GET /b", "GET /a?x", "GET /", "GET /aa", "GET /A"]
    #expect(try edition(editions, "GET /a") == 0)
    #expect(try renew(editions, "GET /a").isNew)
    let first = try edition(editions, "GET /a")
    #expect(try first != 0 && edition(editions, "HEAD /a") == first && edition(editions, "OPTIONS /a") == first)
    for other in others { #expect(try edition(editions, other) == 0, "\(other)") }
    #expect(try edition(editions, "GET /a", distribution: "E2") == 0)
    #expect(try !renew(editions, "GET /a").isNew)
    #expect(try edition(editions, "GET /a") != first)
  }

  /// A change leaves the editions of others as they are, those of its part of the table, too: one that went back would bring back what was.
  @Test func aChangeIsNobodyElses() throws {
    let editions = TargetEditions(KeyHash(1, 2))
    var given: [UInt64] = []
    for number in 0..<300 {
      try renew(editions, "GET /\(number)")
      given.append(try edition(editions, "GET /\(number)"))
    }
    for number in 0..<300 { #expect(try edition(editions, "GET /\(number)") == given[number]) }
  }

  @Test func itStandsInTheKey() throws {
    var key = buffer("")
    _ = KeyPlan(CachePolicy(name: "p"), distribution: "E1").append(try request("GET /a"), to: &key) { _ in nil }
    let cut = key.count + 8
    KeyPlan.append(edition: 36 * 36 + 35, to: &key)
    #expect(ReadableKey(key.readable)?.description == "distribution=E1 method=GET path=/a edition=10z")
    #expect(ReadableKey(key.readable.extracting(..<cut)) == nil)
  }

  /// What a former process wrote down holds, but where this one knows better.
  @Test func anotherProcessTakesThemUp() throws {
    let old = TargetEditions(KeyHash(1, 2)), new = TargetEditions(KeyHash(1, 2))
    var file = [UInt8](repeating: 0, count: TargetEditions.parts * TargetEditions.partBytes)
    for number in 0..<300 {
      let part = try renew(old, "GET /\(number)").part
      file.replaceSubrange(part * TargetEditions.partBytes..<(part + 1) * TargetEditions.partBytes, with: old.bytes(of: part))
    }
    // A file may end behind any edition.
    let cut = TargetEditions(KeyHash(1, 2)), end = ((file.lastIndex { $0 != 0 } ?? 0) / 8 + 1) * 8
    #expect(cut.adopt(Array(file[..<end])) > 50)
    for number in 0..<300 { #expect(try edition(cut, "GET /\(number)") == edition(old, "GET /\(number)")) }
    try renew(new, "GET /7")
    let own = try edition(new, "GET /7")
    #expect(new.adopt(file) > 50)
    for number in 0..<300 where number != 7 { #expect(try edition(new, "GET /\(number)") == edition(old, "GET /\(number)")) }
    #expect(try edition(new, "GET /7") == own && edition(new, "GET /x") == 0)
    let none = TargetEditions(KeyHash(1, 2))
    #expect(none.adopt([]) == 0)
    #expect(try edition(none, "GET /7") == 0)
    #expect(none.adopt(nil) == TargetEditions.parts)
    #expect(try edition(none, "GET /7") != 0 && edition(none, "GET /x") != 0)
  }

  /// Through the store and its folder: the next process knows them, and one that takes the folder over does; a file that is none costs
  /// everything.
  @Test func theyAreWrittenDown() throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-editions-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let helpers = try BlockingPool()
    defer { helpers.stop() }
    func store() throws -> ObjectStore { try ObjectStore(ObjectStore.Configuration(), helpers: helpers, disk: DiskConfiguration(path: path), report: { _ in }) }
    func waitUntilRead(_ store: ObjectStore) { while store.status.disk?.isScanned != true { usleep(500) } }
    func edition(_ store: ObjectStore, _ line: String) throws -> UInt64 {
      let (key, places) = try target(line)
      return store.edition(of: key.span, places)
    }
    func change(_ store: ObjectStore, _ line: String) throws {
      let (key, places) = try target(line)
      store.renewEdition(of: key.span, places)
    }
    let first = try store()
    waitUntilRead(first)
    let before = first.status.usedBytes
    try change(first, "GET /a")
    #expect(first.status.usedBytes >= before + TargetEditions.partBytes && first.status.targetsInvalidated == 1)
    let a = try edition(first, "GET /a"), second = try store()
    try change(second, "GET /b")
    let b = try edition(second, "GET /b")
    first.leaveDisk()
    waitUntilRead(second)
    #expect(try a != 0 && edition(second, "GET /a") == a && edition(second, "GET /b") == b)
    first.close()
    second.close()
    let third = try store()
    waitUntilRead(third)
    #expect(try edition(third, "GET /a") == a && edition(third, "GET /b") == b && edition(third, "GET /c") == 0)
    third.close()
    #expect(FileManager.default.createFile(atPath: path + "/editions", contents: Data([1, 2, 3])))
    let fourth = try store()
    waitUntilRead(fourth)
    #expect(try edition(fourth, "GET /a") != a && edition(fourth, "GET /c") != 0)
    fourth.close()
  }
}
