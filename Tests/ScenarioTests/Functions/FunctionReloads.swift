// Lambda@Edge functions that come, change and break while the program runs (issue 7; issue 5, point 1).
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite struct FunctionReloads {
    private func code(_ status: Int) -> [UInt8] { Array("exports.handler = async () => ({ status: '\(status)' });".utf8) }

    private func archive(_ status: Int, isBroken: Bool = false) -> [UInt8] {
      ZipWriter.archive([.init(name: "index.js", bytes: code(status)), .init(name: "lib/a.js", bytes: code(status), hasWrongSum: isBroken)])
    }

    private func write(_ bytes: [UInt8], to folder: URL) throws { try Data(bytes).write(to: folder.appendingPathComponent("f.zip")) }

    private func get(_ skerry: Skerry) throws -> Int { try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").status }

    private func invoke(_ skerry: Skerry) throws -> Response {
      let token = try fileText(skerry.folder.appendingPathComponent(".skerry/admin-token").path).trimmingCharacters(in: .whitespacesAndNewlines)
      let connection = try skerry.adminConnection()
      try connection.send("POST /2015-03-31/functions/f/invocations HTTP/1.1\r\nHost: 127.0.0.1:\(skerry.adminPort)\r\nAuthorization: Bearer \(token)\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
      return try connection.readResponse()
    }

    private static let functions = "functions:\n  f: { runtime: nodejs20.x, code: f.zip }"
    private static let association = "functions: { viewer-request: f }"

    private func configuration(_ origin: ScriptedOrigin) -> Configuration {
      Configuration(distributions: [.init(isDefault: true, origin: origin.url, behavior: Self.association)], more: Self.functions)
    }

    private func refuse(_ skerry: Skerry, _ text: String) throws {
      let refused = try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"]
      skerry.send(signal: SIGHUP)
      try eventually("the refusal") { try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"] == refused + 1 }
      try skerry.waitForStandardError(toHold: text)
    }

    /// What cannot be taken does not take the place of what runs.
    @Test func brokenCodeChangesNothing() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let yaml = configuration(origin).yaml
      let skerry = try Skerry.start(configuration: yaml) { try write(archive(201), to: $0) }
      #expect(try get(skerry) == 201)
      try write(archive(202, isBroken: true), to: skerry.folder)
      for _ in 0..<2 {
        try refuse(skerry, "f.zip:1:1: error: \"lib/a.js\" cannot be unpacked: CRC error")
        #expect(try get(skerry) == 201)
      }
      try write(archive(203), to: skerry.folder)
      try skerry.reload(yaml)
      #expect(try get(skerry) == 203)
    }

    /// The program starts no other: a syntax error is found by the command that is to have it reload.
    @Test func aSyntaxErrorIsFoundBeforeTheProgramIsAsked() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let skerry = try Skerry.start(configuration: configuration(origin).yaml) { try write(archive(201), to: $0) }
      let place = ["--config", skerry.folder.path + "/edge.yaml", "--admin", "127.0.0.1:\(skerry.adminPort)", "--token-file", skerry.folder.path + "/.skerry/admin-token"]
      try write(ZipWriter.archive([.init(name: "index.js", bytes: Array("exports.handler = async () => (((\n".utf8))]), to: skerry.folder)
      let refused = try Tool.run([Skerry.binary(), "reload"] + place)
      #expect(refused.exit == .status(1) && refused.text.contains("f.zip/index.js:") && refused.text.contains("error: SyntaxError: "), "\(refused.text)")
      #expect(refused.errors.contains("--unchecked"), "\(refused.errors)")
      #expect(try get(skerry) == 201)
      try write(archive(202), to: skerry.folder)
      #expect(try Tool.run([Skerry.binary(), "reload"] + place).exit == .status(0))
      #expect(try get(skerry) == 202)
      #expect(try skerry.metrics()["skerry_reloads_total{outcome=\"refused\"}"] == 0)
    }

    /// What could not be taken at the start does not keep other changes away; once it is mended, it is not lost again.
    @Test func codeBrokenFromTheStartIsNoReasonToRefuse() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let yaml = configuration(origin).yaml
      let skerry = try Skerry.start(configuration: yaml) { try write(archive(201, isBroken: true), to: $0) }
      #expect(skerry.standardError.contains("f.zip:1:1: warning: \"lib/a.js\" cannot be unpacked"))
      #expect(try get(skerry) == 503)
      let invoked = try invoke(skerry)
      #expect(invoked.status == 502 && invoked.fields["x-amzn-errortype"] == "ServiceException" && invoked.bodyText.contains("could not be made ready"), "\(invoked.bodyText)")
      try skerry.reload(yaml)
      #expect(try get(skerry) == 503)
      try write(archive(202), to: skerry.folder)
      try skerry.reload(yaml)
      #expect(try get(skerry) == 202)
      try write(archive(203, isBroken: true), to: skerry.folder)
      try refuse(skerry, "f.zip:1:1: error: ")
      #expect(try get(skerry) == 202)
    }

    /// A handler's file that is not there, too.
    @Test func aMissingHandlerIsRefused() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let configuration = configuration(origin)
      let skerry = try Skerry.start(configuration: configuration.yaml) { try write(archive(201), to: $0) }
      var other = configuration
      other.more = Self.functions.replacing("code: f.zip", with: "code: f.zip, handler: main.go")
      try skerry.write(other.yaml)
      try refuse(skerry, "f.zip:1:1: error: there is no main.js or main.mjs or main.cjs in it (handler: main.go)")
      #expect(try get(skerry) == 201)
    }

    /// A program that has had no such function runs the first one that a reload brings, with what the configuration then says of all of them.
    @Test func theFirstFunctionComesWithAReload() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let configuration = configuration(origin)
      var bare = configuration
      (bare.more, bare.distributions[0].behavior) = ("", "")
      let skerry = try Skerry.start(configuration: bare.yaml) { try write(archive(201), to: $0) }
      #expect(try get(skerry) == 200)
      // Nothing has been looked for or made for functions.
      #expect(!skerry.standardError.contains("sandboxes: "))
      #expect(!FileManager.default.fileExists(atPath: skerry.folder.appendingPathComponent(".skerry/functions").path))
      var first = configuration
      first.more += "\nfunctionTier: { initTimeout: 9s }"
      try skerry.reload(first.yaml)
      #expect(skerry.standardError.contains("sandboxes: memory limits") && !skerry.standardError.contains("functionTier is as it was"))
      #expect(try get(skerry) == 201)
      try write(archive(202), to: skerry.folder)
      try skerry.reload(first.yaml)
      #expect(try get(skerry) == 202)
      try skerry.reload(bare.yaml)
      #expect(try get(skerry) == 200)
      try skerry.reload(first.yaml)
      #expect(try get(skerry) == 202)
      // What holds of all of them holds from their start on.
      try skerry.reload(configuration.yaml)
      try skerry.waitForStandardError(toHold: "reload: functionTier is as it was at the start")
      #expect(try skerry.terminate() == .status(0))
    }

    /// What keeps the first function from coming may be mended.
    @Test func aSecondTry() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let configuration = configuration(origin)
      var bare = configuration
      (bare.more, bare.distributions[0].behavior) = ("", "")
      let skerry = try Skerry.start(configuration: bare.yaml) { try write(archive(201), to: $0) }
      let place = skerry.folder.appendingPathComponent(".skerry/functions/versions")
      try FileManager.default.createDirectory(at: place.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data().write(to: place)
      try skerry.write(configuration.yaml)
      for _ in 0..<2 {
        try refuse(skerry, "reload refused: functions: ")
        #expect(try get(skerry) == 200)
      }
      try FileManager.default.removeItem(at: place)
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry) == 201)
    }

    /// What a refused reload says of functions is not in force afterwards, also when they would have been the first ones.
    @Test func aRefusedReloadLeavesNoOptions() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      let configuration = configuration(origin)
      var bare = configuration
      (bare.more, bare.distributions[0].behavior) = ("", "")
      let size = "const s = require('fs').statfsSync('/tmp'); exports.handler = async () => ({ status: s.blocks * s.bsize > 2 ** 28 ? '201' : '202' });"
      let skerry = try Skerry.start(configuration: bare.yaml) { try write(ZipWriter.archive([.init(name: "index.js", bytes: Array(size.utf8))]), to: $0) }
      // Found out last: somebody else listens there.
      let other = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      var first = configuration
      first.more += "\nfunctionTier: { temporarySize: 64MiB }"
      try skerry.write(first.yaml.replacing("listeners:\n", with: "listeners:\n  - address: 127.0.0.1:\(other.port)\n"))
      try refuse(skerry, "127.0.0.1:\(other.port)")
      #expect(try get(skerry) == 200)
      try skerry.reload(configuration.yaml)
      #expect(try get(skerry) == 201)
      // Of the one that serves first they are.
      try skerry.reload(first.yaml)
      try skerry.waitForStandardError(toHold: "reload: functionTier is as it was at the start")
      #expect(try get(skerry) == 201)
    }

    /// Where as little as can be is kept, nothing is kept for functions that may come.
    @Test func aStrictProgramRefusesTheFirstFunction() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      var bare = configuration(origin)
      (bare.more, bare.distributions[0].behavior) = ("confinement: strict", "")
      let skerry = try Skerry.start(configuration: bare.yaml) { try write(archive(201), to: $0) }
      var next = configuration(origin)
      next.more += "\nconfinement: strict"
      try skerry.write(next.yaml)
      try refuse(skerry, "reload refused: ")
      #expect(try get(skerry) == 200)
    }

    /// What the running program associates is not removed, whatever its file says meanwhile.
    @Test func whatRunsIsNotRemoved() throws {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      var configuration = configuration(origin)
      configuration.distributions[0].behavior = "functions: { viewer-request: \"f:live\" }"
      let yaml = configuration.yaml.replacing("admin:\n  address: 127.0.0.1:0", with: "admin:\n  address: unix:admin.sock")
      let skerry = try Skerry.start(configuration: yaml) { try write(archive(201), to: $0) }
      func functions(_ arguments: String...) throws -> (ChildProcess.Exit, String) {
        let process = try ChildProcess([Skerry.binary(), "functions"] + arguments + ["--config", skerry.folder.appendingPathComponent("edge.yaml").path])
        let exit = try process.waitForExit()
        try process.standardError.wait(for: "its last words") { $0.ended ? true : nil }
        return (exit, process.standardError.current.text)
      }
      #expect(try functions("publish", "f").0 == .status(0))
      #expect(try functions("alias", "f", "live", "1").0 == .status(0))
      try eventually("the alias to be known") { try get(skerry) == 201 }
      try skerry.write(yaml.replacing("f:live", with: "f"))
      let (exit, words) = try functions("remove", "f", "live")
      #expect(exit == .status(2) && words.contains("f:live is in use: the proxy that runs associates it with a behavior, until it reloads; --force"), "\(words)")
      #expect(try get(skerry) == 201)
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "generation 2 serves")
      #expect(try functions("remove", "f", "live").0 == .status(0))
      #expect(try get(skerry) == 201)
    }
  }
}
