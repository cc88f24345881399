// The cache's folder on a bad day: full, read-only, killed, handed to the next process (issue 6, points 3 and 7). Real mounts, for root.
import Foundation
import Testing

extension Scenarios {
  @Suite struct CacheDisks {
    /// A place for a cache's folder that is gone with it.
    private final class Place: Sendable {
      let path = "/tmp/skerry-disk-\(UUID().uuidString)"
      init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
      deinit { try? FileManager.default.removeItem(atPath: path) }
      var records: Int { (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter { $0.utf8.count == 17 && $0.dropFirst(2).first == "/" }.count }
    }

    /// A body that tells what it is of, and is not to be confused with another.
    private static func body(_ target: String, version: Int, count: Int) -> String {
      String("\(target) \(version) ".cycled(count))
    }
    private static func isWhole(_ body: String, of target: String) -> Bool {
      guard let version = Int(body.dropFirst(target.count + 1).prefix { $0 != " " }) else { return false }
      return body == Self.body(target, version: version, count: body.utf8.count)
    }

    private func program(_ place: Place, memory: String = "64MiB", size: Int = 30_000, within: [String] = []) throws -> CacheProgram {
      let count = Watched(0)
      return try CacheProgram(policy: "queryStrings: all", cache: "{ memory: \(memory), disk: { path: \(place.path), size: 64MiB } }", within: within) { request, connection in
        let number = count.update { $0 += 1; return $0 }
        try connection.send(answer(Self.body(request.target, version: number, count: size + number % 10 * 100), "Cache-Control: max-age=600"))
      }
    }
    /// Runs the program in a mount namespace of its own, with a small file system at a place.
    private func mounted(_ place: Place, _ options: String) -> [String] {
      ["/usr/bin/unshare", "-m", "/bin/sh", "-c", "mount -t tmpfs -o \(options) tmpfs \(place.path) && exec \"$0\" \"$@\""]
    }
    private func remount(_ program: CacheProgram, _ place: Place, _ options: String) throws {
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/nsenter")
      process.arguments = ["-t", "\(program.skerry.process.identifier)", "-m", "mount", "-o", "remount,\(options)", place.path]
      try process.run()
      process.waitUntilExit()
      guard process.terminationStatus == 0 else { throw ScenarioFailure("remount \(options): \(process.terminationStatus)") }
    }
    private func event(_ program: CacheProgram, _ name: String) throws -> Double { try program.skerry.metrics()["skerry_cache_events_total{event=\"\(name)\"}"] }

    /// What of the folder a reload leaves as it was is said.
    @Test func whatAReloadLeavesIsSaid() throws {
      let place = try Place(), program = try program(place)
      try program.skerry.reload(program.configuration.replacing("size: 64MiB", with: "size: 32MiB"))
      let all = program.configuration.replacing("path: \(place.path)", with: "path: \(place.path)/other") + "\nlimits: { cache: { diskWrites: 7, diskReads: 8 } }\n"
      try program.skerry.reload(all)
      try program.skerry.waitForStandardError(toHold: "reload: cache.disk.path, limits.cache.diskWrites, limits.cache.diskReads: as at the start; the new setting holds from")
      #expect(try program.get("/").status == 200)
    }

    @Test(.enabled(if: geteuid() == 0, "mounts: root")) func aFullDisk() throws {
      let place = try Place(), program = try program(place, within: mounted(place, "size=300k"))
      for number in 0..<30 { #expect(Self.isWhole(try program.get("/\(number)").bodyText, of: "/\(number)")) }
      try eventually("writes that fail") { try event(program, "disk_failed") > 5 }
      try program.skerry.waitForStandardError(toHold: "takes no objects: No space left on device")
      for number in 0..<30 { #expect(try program.get("/\(number)").cache == "Hit") }
      try remount(program, place, "size=30m")
      // Not with the first one that succeeds: what was almost full took some, too.
      #expect(!program.skerry.standardError.contains("takes objects again"))
      try eventually("it to be said") {
        _ = try program.get("/more/\(UInt64.random(in: 0 ... .max))")
        return program.skerry.standardError.contains("takes objects again")
      }
      #expect(try event(program, "disk_corrupt") == 0)
      #expect(try program.skerry.terminate() == .status(0))
    }

    @Test(.enabled(if: geteuid() == 0, "mounts: root")) func aDiskThatBecomesReadOnly() throws {
      let place = try Place(), program = try program(place, memory: "1MiB", within: mounted(place, "size=30m"))
      for number in 0..<60 { _ = try program.get("/\(number)") }
      try eventually("all to be written") { try event(program, "disk_written") >= 60 }
      try remount(program, place, "ro")
      let asked = program.origin.requests.count
      for number in 0..<60 {
        let response = try program.get("/\(number)")
        #expect(response.cache == "Hit" && Self.isWhole(response.bodyText, of: "/\(number)"))
      }
      #expect(program.origin.requests.count == asked)
      #expect(try program.get("/new").status == 200)
      try eventually("the write that fails") { try event(program, "disk_failed") >= 1 }
      // An invalidation holds, and says that it could not be written down.
      try program.invalidate(#"{"paths":["/7"]}"#)
      #expect(try program.get("/7").cache == "Miss")
      try program.skerry.waitForStandardError(toHold: "could not be written down")
      #expect(try program.skerry.terminate() == .status(0))
    }

    @Test(.enabled(if: geteuid() == 0, "mounts: root"), arguments: ["ro", "size=4k"]) func aDiskThatNeverWorked(_ options: String) throws {
      let place = try Place(), program = try program(place, within: mounted(place, options))
      #expect(try program.get("/a").cache == "Miss")
      try program.skerry.waitForStandardError(toHold: options == "ro" ? "kept in memory alone" : "takes no objects")
      #expect(try program.get("/a").cache == "Hit")
    }

    /// Killed at any moment, again and again: what is found afterwards is whole.
    @Test func killedAgainAndAgain() throws {
      let place = try Place()
      var hits = 0
      for round in 0..<5 {
        let program = try program(place, size: round % 2 == 0 ? 30_000 : 90_000)
        for number in 0..<25 {
          let response = try program.get("/\(number)")
          if response.cache == "Hit" { hits += 1 }
          #expect(Self.isWhole(response.bodyText, of: "/\(number)"))
        }
        for number in 100..<100 + round * 7 { _ = try program.get("/\(number)") }
        #expect(try event(program, "disk_corrupt") == 0)
        program.skerry.send(signal: SIGKILL)
        _ = try program.skerry.waitForExit()
      }
      #expect(hits > 0 && place.records > 10)
    }

    /// A binary upgrade: the new process has the folder as soon as the old one drains, with what that had stored.
    @Test func anUpgradeTakesTheFolderAlong() throws {
      let place = try Place(), program = try program(place)
      for number in 0..<10 { _ = try program.get("/\(number)") }
      try eventually("all to be written") { try event(program, "disk_written") >= 10 }
      program.skerry.send(signal: SIGUSR2)
      let said = try program.skerry.process.standardError.wait(for: "the successor") { output in
        output.text.firstMatch(of: /process ([0-9]+) serves; this one drains/).map { String($0.1) }
      }
      let new = try #require(pid_t(said))
      defer { kill(new, SIGKILL) }
      #expect(try program.skerry.waitForExit() == .status(0))
      try eventually("the new process to have the folder") { try program.skerry.metrics()["skerry_cache_disk_objects"] >= 10 }
      let asked = program.origin.requests.count
      for number in 0..<10 { #expect(try program.get("/\(number)").cache == "Hit") }
      #expect(program.origin.requests.count == asked)
      _ = try program.get("/new")
      try eventually("the new process to write") { try event(program, "disk_written") >= 1 }
    }
  }
}

extension String {
  /// This text again and again, up to so many bytes.
  fileprivate func cycled(_ count: Int) -> String { String(String(repeating: self, count: count / utf8.count + 1).prefix(count)) }
}
