// What a serving program has given up, and that it serves all the same (issue 5, point 8).
import Foundation
import Testing

extension Scenarios {
  @Suite struct LeastPrivilege {
    private static let functions = """
      functions:
        add: { runtime: cloudfront-js-2.0, code: add.js }
      """
    private static let code = "function handler(event) { event.request.headers['x-edge'] = { value: 'here' }; return event.request; }"

    /// A program that answers `/files/*` from a folder and the rest by an origin, after a function.
    private func program(_ more: String, prepare: (URL) throws -> Void = { _ in }) throws -> (Skerry, ScriptedOrigin) {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() { try connection.send(ok(request.fields["x-edge"] ?? "nothing")) }
      }
      var distribution = Configuration.Distribution(isDefault: true, origin: "http://127.0.0.1:\(origin.port)")
      distribution.moreOrigins = "files: ./public"
      distribution.behavior = "functions: { viewer-request: add }"
      distribution.more = "behaviors: [ { path: /files/*, origin: files, cachePolicy: CachingDisabled } ]"
      let configuration = Configuration(distributions: [distribution], more: Self.functions + "\n" + more)
      let files = ["add.js": Self.code, "public/files/a.txt": "a file"]
      return (try Skerry.start(configuration: configuration.yaml, files: files, prepare: prepare), origin)
    }

    /// A line of /proc/PID/status, of the program's main thread.
    private func status(_ skerry: Skerry, _ name: String) throws -> String {
      let line = try fileText("/proc/\(skerry.process.identifier)/status").split(separator: "\n").first { $0.hasPrefix(name + ":") }
      return String(try #require(line).dropFirst(name.count + 1)).trimmingCharacters(in: .whitespaces)
    }

    /// Files, origins, functions, log and its reopening work as ever.
    private func servesAll(_ skerry: Skerry) throws {
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET /files/a.txt HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "a file")
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "here")
      _ = try skerry.waitForLogLine("for the file") { $0["uri"] == .text("/files/a.txt") }
      let log = skerry.folder.appendingPathComponent("access.log").path
      try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
      skerry.send(signal: SIGUSR1)
      _ = try eventually("a new log") { FileManager.default.fileExists(atPath: log) ? true : nil }
      _ = try viewer.exchange("GET /again HTTP/1.1\r\nHost: a.test\r\n\r\n")
      _ = try skerry.waitForLogLine("in the new file") { $0["uri"] == .text("/again") }
      #expect(try skerry.metrics()["skerry_connections_accepted_total"] == 1)
    }

    @Test(arguments: ["auto", "strict"]) func aConfinedProgramServes(_ level: String) throws {
      let (skerry, origin) = try program("confinement: \(level)")
      defer { withExtendedLifetime(origin) {} }
      #expect(try status(skerry, "Seccomp") == "2")
      #expect(try status(skerry, "NoNewPrivs") == "1")
      try skerry.waitForStandardError(toHold: "confined: ")
      #expect(skerry.standardError.contains("reads only what the configuration names") == (level == "strict"))
      try servesAll(skerry)
      #expect(try skerry.terminate() == .status(0))
    }

    /// A cache's folder that is not there yet, where nothing else may be written, is made before the rules hold.
    @Test func theCachesFolderIsMade() throws {
      let elsewhere = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-cache-\(UUID().uuidString)").path
      defer { try? FileManager.default.removeItem(atPath: elsewhere) }
      let (skerry, origin) = try program("cache: { disk: { path: \(elsewhere), size: 16MiB } }")
      defer { withExtendedLifetime(origin) {} }
      try skerry.waitForStandardError(toHold: "the cache's folder \(elsewhere) holds 0 objects")
      #expect(FileManager.default.fileExists(atPath: elsewhere))
    }

    @Test func confinementCanBeOff() throws {
      let (skerry, origin) = try program("confinement: off")
      defer { withExtendedLifetime(origin) {} }
      #expect(try status(skerry, "Seccomp") == "0")
      try skerry.waitForStandardError(toHold: "confinement is off")
      try servesAll(skerry)
    }

    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else")) func rootIsLeft() throws {
      let (skerry, origin) = try program("user: nobody\nconfinement: strict") { folder in
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
      }
      defer { withExtendedLifetime(origin) {} }
      #expect(try status(skerry, "Uid").split(separator: "\t").allSatisfy { $0 == "65534" })
      #expect(try status(skerry, "Groups") == "" || status(skerry, "Groups") == "65534")
      try skerry.waitForStandardError(toHold: "runs as nobody")
      try servesAll(skerry)
    }

    /// What only root can read, no reload can: that is told at the start.
    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else")) func whatOnlyRootCanReadIsTold() throws {
      let (skerry, origin) = try program("user: nobody") { folder in
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder.appendingPathComponent("add.js").path)
      }
      defer { withExtendedLifetime(origin) {} }
      try skerry.waitForStandardError(toHold: "nobody cannot read \(skerry.folder.path)/add.js: reloads will be refused until it can")
    }

    /// An origin that answers with what the function `heavy` has written into a header.
    private func heavy() throws -> (ScriptedOrigin, Configuration.Distribution) {
      let origin = try ScriptedOrigin { connection in
        while let request = try connection.nextRequest() { try connection.send(ok(request.fields["x-edge"] ?? "nothing")) }
      }
      var distribution = Configuration.Distribution(isDefault: true, origin: "http://127.0.0.1:\(origin.port)")
      distribution.behavior = "functions: { viewer-request: heavy }"
      return (origin, distribution)
    }

    /// Environments are made ready by who the program has become, and start in sandboxes it could not make itself.
    @Test(.enabled(if: geteuid() == 0, "only root can become somebody else"), arguments: ["auto", "strict"]) func sandboxesOfAProgramThatHasLeftRoot(_ level: String) throws {
      let (origin, distribution) = try heavy()
      defer { withExtendedLifetime(origin) {} }
      let configuration = Configuration(
        distributions: [distribution], more: "functions: { heavy: { runtime: nodejs20.x, code: heavy, handler: index.handler } }\nuser: nobody\nconfinement: \(level)")
      let code = "exports.handler = async e => { const r = e.Records[0].cf.request; r.headers['x-edge'] = [{ value: 'user ' + process.getuid() }]; return r; }"
      let skerry = try Skerry.start(configuration: configuration.yaml, files: ["heavy/index.js": code]) { folder in
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: folder.path)
      }
      try skerry.waitForStandardError(toHold: "each as a user of its own")
      let viewer = try skerry.viewer()
      for _ in 0..<3 { #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "user 993") }
      #expect(!skerry.standardError.contains("denied"))
    }

    /// What sandboxes are shown of an interpreter is found before the program may look there no more.
    @Test(arguments: ["auto", "strict"]) func anInterpreterOfItsOwn(_ level: String) throws {
      let (origin, distribution) = try heavy()
      defer { withExtendedLifetime(origin) {} }
      let configuration = Configuration(
        distributions: [distribution],
        more: "functions: { heavy: { runtime: python3.11, code: heavy, handler: index.handler } }\nfunctionTier: { python: venv/bin/python3 }\nconfinement: \(level)")
      let version = URL(fileURLWithPath: "/usr/bin/python3").resolvingSymlinksInPath().lastPathComponent
      let files = [
        "venv/pyvenv.cfg": "home = /usr/bin\n", "venv/lib/\(version)/site-packages/ours.py": "word = 'found'\n", "venv/bin/activate": "",
        "heavy/index.py": "import ours\ndef handler(e, c):\n  r = e['Records'][0]['cf']['request']\n  r['headers']['x-edge'] = [{'value': ours.word}]\n  return r\n",
      ]
      let skerry = try Skerry.start(configuration: configuration.yaml, files: files) { folder in
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/venv/bin/python3", withDestinationPath: "/usr/bin/python3")
      }
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "found")
    }

    /// A reload is not refused because the program may not look there any more: a shim of pyenv's leads on by what is in a file.
    @Test(arguments: ["auto", "strict"]) func anInterpreterByAShimIsKnownAtAReload(_ level: String) throws {
      let (origin, distribution) = try heavy()
      defer { withExtendedLifetime(origin) {} }
      // Nowhere that the configuration names as a whole.
      let pyenv = FileManager.default.temporaryDirectory.appendingPathComponent("pyenv-\(UUID().uuidString)").resolvingSymlinksInPath().path
      defer { try? FileManager.default.removeItem(atPath: pyenv) }
      for folder in ["shims", "versions/3.11.2/bin"] { try FileManager.default.createDirectory(atPath: "\(pyenv)/\(folder)", withIntermediateDirectories: true) }
      #expect(FileManager.default.createFile(atPath: pyenv + "/shims/python3", contents: Data("#!/bin/sh\nexec false\n".utf8), attributes: [.posixPermissions: 0o755]))
      try "3.11.2\n".write(toFile: pyenv + "/version", atomically: false, encoding: .utf8)
      try FileManager.default.createSymbolicLink(atPath: pyenv + "/versions/3.11.2/bin/python3", withDestinationPath: "/usr/bin/python3")
      var configuration = Configuration(
        distributions: [distribution],
        more: "functions: { heavy: { runtime: python3.11, code: heavy, handler: index.handler } }\nfunctionTier: { python: \(pyenv)/shims/python3 }\nconfinement: \(level)")
      func code(_ word: String) -> String { "def handler(e, c):\n  r = e['Records'][0]['cf']['request']\n  r['headers']['x-edge'] = [{'value': '\(word)'}]\n  return r\n" }
      let skerry = try Skerry.start(configuration: configuration.yaml, files: ["heavy/index.py": code("one")])
      let viewer = try skerry.viewer()
      #expect(try viewer.exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "one")
      try code("two").write(to: skerry.folder.appendingPathComponent("heavy/index.py"), atomically: false, encoding: .utf8)
      configuration.more += "\n# changed"
      try skerry.write(configuration.yaml)
      skerry.send(signal: SIGHUP)
      try skerry.waitForStandardError(toHold: "generation 2 serves")
      #expect(try skerry.viewer().exchange("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").bodyText == "two")
    }

    @Test(.enabled(if: geteuid() == 0)) func rootIsWarnedOf() throws {
      let (skerry, origin) = try program("")
      defer { withExtendedLifetime(origin) {} }
      try skerry.waitForStandardError(toHold: "it runs as root")
    }

    @Test func anUnknownUserIsNoStart() throws {
      #expect { try program("user: nobody-of-this-name") } throws: { "\($0)".contains("there is no user nobody-of-this-name on this machine") }
    }
  }
}
