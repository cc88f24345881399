// Who is told of events' ends: servers over TLS, servers that say nothing, and files of the queue that cannot be read (issue 7, point 7).
import Foundation
import TestTools
import Testing

extension Scenarios {
  @Suite struct Destinations {
    /// Takes records over TLS and says what it got.
    private static let server = """
      import socket, ssl, sys, threading
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain(sys.argv[1], sys.argv[2])
      listening = socket.create_server(('127.0.0.1', 0), backlog=100)
      print('port', listening.getsockname()[1], file=sys.stderr, flush=True)
      def serve(raw):
        try:
          tls = context.wrap_socket(raw, server_side=True)
          data = b''
          while b'\\r\\n\\r\\n' not in data: data += tls.recv(65536)
          head, body = data.split(b'\\r\\n\\r\\n', 1)
          length = [int(l.split(b': ')[1]) for l in head.split(b'\\r\\n') if l.lower().startswith(b'content-length:')][0]
          while len(body) < length: body += tls.recv(65536)
          print('got', head.split(b'\\r\\n')[0].decode(), 'resumed' if tls.session_reused else 'full', body.decode(), file=sys.stderr, flush=True)
          tls.sendall(b'HTTP/1.1 103 Early Hints\\r\\n\\r\\nHTTP/1.1 204 No Content\\r\\n\\r\\n'); tls.unwrap()
        except Exception as e: print('failed', e, file=sys.stderr, flush=True)
      while True: threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()
      """

    private func program(_ asynchronous: String, files: [String: String] = [:], more: String = "") throws -> Skerry {
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok() } }
      return try startSkerry(
        before: origin, more: "functions: { f: { runtime: nodejs20.x, code: f, asynchronous: \(asynchronous) } }\n\(more)",
        files: files.merging(["f/index.js": "exports.handler = async (event) => { if (event.bad) throw new Error('bad'); return event; };"]) { $1 })
    }

    private func ask(_ request: String, _ skerry: Skerry, _ body: String = "") throws -> Response {
      let token = try fileText(skerry.folder.appendingPathComponent(".skerry/admin-token").path).trimmingCharacters(in: .whitespacesAndNewlines)
      let connection = try skerry.adminConnection()
      try connection.send(
        "\(request) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(token)\r\nX-Amz-Invocation-Type: Event\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)")
      return try connection.readResponse()
    }

    private func send(_ event: String, _ skerry: Skerry) throws { #expect(try ask("POST /2015-03-31/functions/f/invocations", skerry, event).status == 202) }

    private func events(_ skerry: Skerry) throws -> [String: Double] {
      let status = try JSONSerialization.jsonObject(with: Data(try ask("GET /status", skerry).body)) as? [String: Any]
      return (status?["events"] as? [String: Double]) ?? [:]
    }

    @Test func aServerIsToldOverTLS() throws {
      let certificates = try TestCertificates.common()
      let (process, port) = try Tool.python(Self.server, [certificates.path("localhost.pem"), certificates.path("localhost.key")])
      let skerry = try program("{ onSuccess: 'https://localhost:\(port)/done?a=1', certificateAuthority: \(certificates.path("ca.pem")) }")
      for event in ["7", "8"] {
        try send(event, skerry)
        try process.standardError.wait(for: "a record") { $0.text.contains("\"requestPayload\":\(event)") ? true : nil }
      }
      let text = process.standardError.current.text
      #expect(text.contains("got POST /done?a=1 HTTP/1.1") && text.contains("\"condition\":\"Success\""), "\(text)")
      let told: Bool = try eventually("nothing to be told") { try events(skerry)["untold"] == 0 ? true : nil }
      #expect(told)
      #expect(try skerry.terminate() == .status(0))
    }

    /// Who is not trusted, or somebody else, gets nothing; the record stays, and is taken by who is.
    @Test(arguments: ["untrusted", "another name"]) func aServerIsVerified(_ what: String) throws {
      let certificates = try TestCertificates()
      try certificates.make("stranger", names: "DNS:localhost", isSelfSigned: true)
      try certificates.make("other", names: "DNS:c.test")
      let name = what == "untrusted" ? "localhost" : "other"
      let (process, port) = try Tool.python(Self.server, [certificates.path(name + ".pem"), certificates.path(name + ".key")])
      let trusted = what == "untrusted" ? "stranger.pem" : "ca.pem"
      let skerry = try program("{ deadLetter: 'https://localhost:\(port)/', maximumRetryAttempts: 0, certificateAuthority: trusted.pem }", files: ["trusted.pem": try fileText(certificates.path(trusted))])
      try send("{\"bad\":true}", skerry)
      try skerry.waitForStandardError(toHold: what == "untrusted" ? "certificate" : "its certificate is for c.test, not for localhost; it is tried again")
      #expect(try events(skerry)["untold"] == 1)
      #expect(!process.standardError.current.text.contains("got "))
      if what == "untrusted" {
        try skerry.write(try fileText(certificates.path("ca.pem")), to: "trusted.pem")
        try process.standardError.wait(for: "a record") { $0.text.contains("\"body\":{\"bad\":true}") ? true : nil }
      }
    }

    /// The end of the process is not kept waiting by a destination that takes a record and says nothing; the next process tells it.
    @Test(arguments: ["silent", "handshake"]) func aSilentServerDoesNotHoldTheEnd(_ kind: String) throws {
      let certificates = try TestCertificates.common()
      let server = try ScriptedOrigin { connection in
        if connection.number == 0 { try connection.waitForEnd() } else { try connection.answerAll { _ in ok() } }
      }
      let port = server.url.split(separator: ":").last ?? ""
      let scheme = kind == "silent" ? "http://127.0.0.1" : "https://localhost"
      let skerry = try program("{ onSuccess: '\(scheme):\(port)/', certificateAuthority: \(certificates.path("ca.pem")) }")
      try send("7", skerry)
      try server.waitForConnections(1)
      let began = ContinuousClock.now
      #expect(try skerry.terminate() == .status(0))
      #expect(ContinuousClock.now - began < .seconds(8))   // a delivery has ten
      let left = try FileManager.default.contentsOfDirectory(atPath: skerry.folder.appendingPathComponent(".skerry/functions/events-untold").path)
      #expect(left.count == 1, "\(left)")
      if kind == "silent" {
        let second = try ChildProcess([Skerry.binary(), "serve", skerry.folder.appendingPathComponent("edge.yaml").path], environment: [:])
        defer { second.signal(SIGKILL) }
        #expect(try server.waitForRequests(1).last?.bodyText.contains("\"requestPayload\":7") == true)
      }
      withExtendedLifetime(skerry) {}
    }

    /// A second signal, and a `shutdownTimeout` that is over, leave destinations no time at all.
    @Test func shutdownTimeoutHoldsForDestinationsToo() throws {
      let isSoon = try inOneOfAFewTries {
        let server = try ScriptedOrigin { try $0.waitForEnd() }
        let skerry = try program("{ onSuccess: 'http://127.0.0.1:\(server.url.split(separator: ":").last ?? "")/' }", more: "shutdownTimeout: 1ms")
        try send("7", skerry)
        try server.waitForConnections(1)
        let began = ContinuousClock.now
        #expect(try skerry.terminate() == .status(0))
        return ContinuousClock.now - began < .seconds(1)   // which destinations have otherwise
      }
      #expect(isSoon)
    }

    @Test(arguments: [
      ("{ onSuccess: 'ftp://a/' }", "onSuccess must be a file or an http:// or https:// URL", 1),
      ("{ onFailure: 'https://a/', certificateAuthority: nothing.pem }", "\"nothing.pem\" cannot be read", 1),
      ("{ onFailure: 'https://a/', certificateAuthority: edge.yaml }", "\"edge.yaml\" cannot be used", 1),
      ("{ onFailure: 'http://a/', certificateAuthority: nothing.pem }", "certificateAuthority has no effect: no destination is an https:// URL", 0),
      ("{ onFailure: 'https://a/', onSuccess: 'https://[::1]:8443/x' }", "", 0),
    ]) func checked(_ settings: String, _ said: String, _ status: Int32) throws {
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-\(UUID().uuidString)")
      defer { try? FileManager.default.removeItem(at: folder) }
      try FileManager.default.createDirectory(at: folder.appendingPathComponent("f"), withIntermediateDirectories: true)
      try "exports.handler = async (event) => event;".write(to: folder.appendingPathComponent("f/index.js"), atomically: false, encoding: .utf8)
      let file = folder.appendingPathComponent("edge.yaml")
      try """
      listeners: [{ address: 127.0.0.1:0 }]
      functions: { f: { runtime: nodejs20.x, code: f, asynchronous: \(settings) } }
      distributions: [{ id: E1, default: true, origins: { app: "http://127.0.0.1:1" }, defaultBehavior: { origin: app } }]
      """.write(to: file, atomically: false, encoding: .utf8)
      let checked = try Tool.shell("exec \"$1\" check \"$2\" 2>&1", [Skerry.binary(), file.path])
      #expect(checked.exit == .status(status) && (said.isEmpty || checked.text.contains(said)), "\(checked.text)")
    }
  }
}
