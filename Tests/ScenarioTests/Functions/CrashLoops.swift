// Killed at any moment, again and again (issue 7, points 5 and 7): what was acknowledged is there, and what is there is whole.
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite struct CrashLoops {
    /// A folder that is gone with it: state that outlives its processes.
    private final class Place: Sendable {
      let path = "/tmp/skerry-crash-\(UUID().uuidString)"
      init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }
      deinit { try? FileManager.default.removeItem(atPath: path) }
      func text(_ name: String) -> String { (try? fileText(path + "/" + name)) ?? "" }
      func lines(_ name: String) -> [Substring] { text(name).split(separator: "\n", omittingEmptySubsequences: false).dropLast() }
    }

    private func program(_ place: Place, asynchronous: String = "{}") throws -> Skerry {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      return try startSkerry(
        before: origin,
        more: "state: \(place.path)/state\nfunctions: { f: { runtime: nodejs20.x, code: f, asynchronous: \(asynchronous) } }",
        files: ["f/index.js": "exports.handler = async (event) => event;"])
    }

    /// Publishers are killed at moments that cover all of their work, beside a proxy that uses the store.
    @Test func publishersAreKilled() throws {
      let place = try Place(), skerry = try program(place), rounds = 24
      let configuration = skerry.folder.appendingPathComponent("edge.yaml").path, binary = try Skerry.binary()
      func publisher() throws -> ChildProcess {
        try ChildProcess(["/bin/sh", "-c", "exec \"$1\" functions publish f --config \"$2\" >> \"$3\"", "sh", binary, configuration, place.path + "/acknowledged"])
      }
      let began = ContinuousClock.now, first = try publisher().waitForExit(), whole = ContinuousClock.now - began
      #expect(first == .status(0))
      for round in 0..<rounds {
        try skerry.write("exports.handler = async () => \(round);", to: "f/index.js")
        let process = try publisher()
        usleep(UInt32(Double(whole.components.attoseconds) / 1e12 * Double(round) / Double(rounds) * 1.2))
        process.signal(SIGKILL)
        _ = try process.waitForExit()
      }
      try skerry.write("exports.handler = async () => 'last';", to: "f/index.js")
      #expect(try publisher().waitForExit() == .status(0))
      let acknowledged = place.lines("acknowledged").compactMap { Int($0) }
      #expect(acknowledged.count >= 2 && acknowledged == acknowledged.sorted(), "\(acknowledged)")
      let listed = try Tool.shell("exec \"$1\" functions list f --json --config \"$2\"", [binary, configuration])
      let all = try #require(try JSONSerialization.jsonObject(with: Data(listed.text.utf8)) as? [[String: Any]], "\(listed.text)")
      let versions = try #require(all.first?["versions"] as? [[String: Any]])
      let numbers = Set(versions.compactMap { $0["version"] as? Int })
      #expect(numbers.isSuperset(of: acknowledged))
      for version in versions {
        let code = try #require(version["code"] as? String)
        #expect(place.text("state/functions/code/\(code)/index.js").hasSuffix(";"), "version \(version["version"] ?? 0) has no whole code")
      }
      #expect(try skerry.terminate() == .status(0))
    }

    /// A proxy that is sent events is killed in the midst of them; the next one runs what was accepted, and tells of it.
    @Test func acceptedEventsAreRun() throws {
      let place = try Place(), settings = "{ onSuccess: \(place.path)/success }"
      var accepted: Set<String> = []
      for round in 0..<5 {
        let skerry = try program(place, asynchronous: settings)
        let token = place.text("state/admin-token").trimmingCharacters(in: .whitespacesAndNewlines)
        var number = 0
        while number < 400 {
          number += 1
          // The end comes while further ones are on their way.
          if number == 4 + round * 3 { startThread { usleep(UInt32(3_000 * round)); skerry.send(signal: SIGKILL) } }
          guard let connection = try? skerry.adminConnection(),
            (try? connection.send(
              "POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nX-Amz-Invocation-Type: Event\r\nContent-Length: 2\r\nConnection: close\r\n\r\n\(10 + number % 90)")) != nil,
            let answer = try? connection.readResponse()
          else { break }
          if answer.status == 202, let id = answer.fields["x-amzn-requestid"] { accepted.insert(id) }
        }
        _ = try skerry.waitForExit()
      }
      #expect(accepted.count > 5)
      let last = try program(place, asynchronous: settings)
      func told() -> Set<String> {
        Set(place.lines("success").compactMap { line in
          let record = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
          return (record?["requestContext"] as? [String: Any])?["requestId"] as? String
        })
      }
      let missing: Set<String> = try eventually("all accepted events to have been run") { () -> Set<String>? in
        let missing = accepted.subtracting(told())
        return missing.isEmpty ? missing : nil
      }
      #expect(missing.isEmpty)
      // Among what was accepted may be events whose answer was lost with its proxy.
      try eventually("nothing to be left") { try FileManager.default.contentsOfDirectory(atPath: place.path + "/state/functions/events").isEmpty }
      #expect(try last.terminate() == .status(0))
    }
  }
}
