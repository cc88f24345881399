// Runtimes that are not ours, over the Runtime API: the official Python client from PyPI, unchanged, and a shell script.
import Distribution
import Foundation
import Telemetry
import Testing

@testable import FunctionTier

@Suite struct ProvidedTests {
  /// `make test` puts it there (pip install awslambdaric).
  static let client = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".build/awslambdaric").path
  static let isThere = FileManager.default.fileExists(atPath: client + "/awslambdaric/__main__.py")

  private func provided(_ files: [String: String], with folder: String? = nil, _ change: (inout FunctionTierSettings) -> Void = { _ in }) throws -> FunctionDefinition {
    let definition = try Workbench.function(files, .provided("provided.al2023"), name: "given", change)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: definition.codePath + "/bootstrap")
    if let folder { try FileManager.default.copyItem(atPath: folder, toPath: definition.codePath + "/packages") }
    return definition
  }

  @Test(.enabled(if: isThere, "awslambdaric is not installed")) func theOfficialPythonClient() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(provided([
      "bootstrap": "#!/bin/sh\nPYTHONPATH=/var/task/packages exec /usr/bin/python3 -B -m awslambdaric app.handler\n",
      "app.py": """
        import os
        count = 0
        def handler(event, context):
            global count
            count += 1
            if event.get("fail"): raise ValueError("no pearls today")
            return {"uri": event["uri"], "count": count, "function": context.function_name, "id": context.aws_request_id, "left": 0 < context.get_remaining_time_in_millis() <= 5000}
        """,
    ], with: Self.client))
    for count in 1...3 {
      let text = try #require(await tier.run(function, #"{"uri":"/\#(count)"}"#).text)
      #expect(text.contains(#""uri": "/\#(count)""#) || text.contains(#""uri":"/\#(count)""#), "\(text)")
      #expect(text.contains("\(count)") && text.contains("given") && text.contains("true"), "\(text)")
    }
    guard case .failed(let failure, _) = await tier.run(function, #"{"fail":true}"#) else { return #expect(Bool(false), "no failure") }
    #expect(failure.kind == .unhandled)
    #expect(failure.errorType == "ValueError")
    #expect(failure.errorMessage == "no pearls today")
    #expect(await tier.run(function, #"{"uri":"/again"}"#).text?.contains("/again") == true)
  }

  /// What a program asks of its Runtime API is kept in the proxy's memory: questions whose answers nobody reads, and bodies of all connections
  /// together, within limits.
  @Test func theRuntimeAPIKeepsNoMoreThanItMust() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(provided([
      "bootstrap": """
        #!/usr/bin/python3 -SE
        import http.client, json, os, re, socket
        place = os.environ["AWS_LAMBDA_RUNTIME_API"]; host, port = place.split(":")
        def unread():
            # Answers of more than any socket holds.
            s = socket.create_connection((host, int(port))); s.settimeout(10)
            try:
                for _ in range(400): s.sendall(b"GET /x HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n" * 1000)
                return "taken"
            except socket.timeout: return "left unread"
            except OSError: return "closed"
        def post(count):
            c = http.client.HTTPConnection(place, timeout=10); c.request("POST", "/x", b"x" * count); return c.getresponse().status
        def bodies():
            halves = []
            for _ in range(2):
                s = socket.create_connection((host, int(port))); halves.append(s)
                s.sendall(b"POST /x HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 3000000\\r\\n\\r\\n" + b"x" * 2900000)
            # Each answer is a turn of the proxy's loop, in which it reads on of each.
            for _ in range(300): post(1)
            with_them = post(3000000)
            for s in halves: s.close()
            return [with_them, post(3000000)]
        def next_unread():
            # An event of which only the beginning is read, and nonsense behind the question.
            s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.connect((host, int(port))); s.settimeout(10)
            s.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
            head = b""
            while b"\\r\\n\\r\\n" not in head: head += s.recv(1)
            id = re.search(rb"(?i)request-id: (\\S+)", head)[1].decode()
            s.settimeout(10)
            try:
                for _ in range(400): s.sendall(b"\\0" * 65536)
                return id, "taken"
            except socket.timeout: return id, "left unread"
            except OSError: return id, "closed"
        while True:
            id, nonsense = next_unread()
            c = http.client.HTTPConnection(place)
            c.request("POST", f"/2018-06-01/runtime/invocation/{id}/response", json.dumps([nonsense, unread(), bodies()])); c.getresponse().read()
        """
    ]) { $0.timeout = .seconds(25) })
    for _ in 0..<2 {
      let outcome = await tier.run(function, "\"" + String(repeating: "x", count: 4_000_000) + "\"")
      #expect(outcome.text == #"["closed", "closed", [413, 404]]"#, "\(outcome)")
    }
    // connections, bodies, discarded_body, unread_answers: both runs read their event's beginning only, ask on without reading, and have one body too many.
    let counted = tier.facts.apiLimitsReached
    #expect(counted[0] == 0 && counted[1] == 2 && counted[2] == 0 && counted[3] >= 2, "\(counted)")
  }

  /// A program that answers how many invocations it has had, and then does what the event says.
  private static let working = """
    #!/usr/bin/python3 -SE
    import base64, http.client, json, os, socket, time
    place, base, count = os.environ["AWS_LAMBDA_RUNTIME_API"], "/2018-06-01/runtime/invocation/", 0
    def ask(connection, method, path, body=None):
        connection.request(method, base + path, body)
        answer = connection.getresponse()
        return answer.headers.get("Lambda-Runtime-Aws-Request-Id"), answer.read()
    def stream(id, trailers):
        s = socket.create_connection(place.split(":"))
        head = f"POST {base}{id}/response HTTP/1.1\\r\\nHost: x\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\\r\\n\\r\\n"
        for part in (head, "4\\r\\n\\"ok\\"\\r\\n", "0\\r\\n", *(name + ": " + value + "\\r\\n" for name, value in trailers), "\\r\\n"): s.sendall(part.encode())
        s.recv(1000)
    one, other = http.client.HTTPConnection(place), http.client.HTTPConnection(place)
    asked = False
    while True:
        if asked:
            one, other, answer = other, one, other.getresponse()
            id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()
        else: id, event = ask(one, "GET", "next")
        event, count = json.loads(event), count + 1
        asked = event == "asks first"
        if asked: other.request("GET", base + "next")
        if isinstance(event, list):
            stream(id, event)
            continue
        ask(one, "POST", id + "/response", json.dumps(count))
        if event == "works on": time.sleep(1000)
        if event == "ends":
            time.sleep(0.3)
            os._exit(3)
    """

  /// An invocation goes to who asks for it: not to a program that works on after its answer, nor to one that ends then.
  @Test(arguments: ["works on", "ends"]) func whoHasAnsweredIsFreeWhenItAsks(_ deed: String) async throws {
    let tier = try Workbench.tier { $0.prewarmed = 0 }
    defer { tier.stop() }
    let definition = try provided(["bootstrap": Self.working]) { $0.timeout = .seconds(3) }, prepared = tier.prepare([definition])
    let file = "\(Workbench.root)/\(UUID().uuidString).log", log = try LogWriter(.file(file), diagnostics: nil)
    tier.adopt(prepared, log: log)
    let function = try #require(prepared.functions[0])
    #expect(try await tier.runAndRest(function, "0").text == "1")
    #expect(await tier.run(function, "\"\(deed)\"").text == "2")
    #expect(await tier.run(function, "0").text == "1")
    // It counts as an environment until it is ended by its time; no invocation fails of it.
    var waits = 0
    while tier.numbers[0].numbers.environments != 1, waits < 2_000 { (waits, _) = (waits + 1, try await Task.sleep(for: .milliseconds(5))) }
    #expect(tier.numbers[0].numbers.environments == 1)
    #expect(tier.numbers[0].numbers.results[InvocationResult.succeeded.rawValue] == 3 && tier.numbers[0].numbers.results.reduce(0, +) == 3)
    #expect(tier.facts.lingered == (deed == "ends" ? 0 : 1))
    #expect(await tier.run(function, "0").text == "2")
    let words = deed == "ends"
      ? "the program ended after its answer, before it asked for the next invocation: exit status 3"
      : "the program was ended: it had answered, and did not ask for the next invocation within 3.00 seconds of this one's beginning"
    waits = 0
    func isSaid() -> Bool { (try? String(contentsOfFile: file, encoding: .utf8))?.contains("given \(words)\n") == true }
    while !isSaid(), waits < 2_000 { (waits, _) = (waits + 1, try await Task.sleep(for: .milliseconds(5))) }
    #expect(isSaid(), "\((try? String(contentsOfFile: file, encoding: .utf8)) ?? "none")")
  }

  /// Who asks before it has answered is free with its answer.
  @Test func whoAsksFirstIsFreeWhenItAnswers() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(provided(["bootstrap": Self.working]) { $0.timeout = .seconds(3) })
    for count in 1...4 { #expect(await tier.run(function, count == 4 ? "0" : #""asks first""#).text == "\(count)") }
  }

  /// What came of an answer whose trailers say that the function failed meanwhile is none.
  @Test func aStreamedAnswerMayEndWithAnError() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(provided(["bootstrap": Self.working]))
    let type = "Lambda-Runtime-Function-Error-Type", body = "Lambda-Runtime-Function-Error-Body"
    let error = Data(#"{"errorType":"My.Own","errorMessage":"no more pearls"}"#.utf8).base64EncodedString()
    for (trailers, expected, message) in [
      ("", nil, nil), (#"["X-Other","y"]"#, nil, nil), (#"["\#(type)","My.Trailer"]"#, "My.Trailer", "the runtime gave no description of the error"),
      (#"["\#(type)","My.Trailer"],["\#(body)","\#(error)"]"#, "My.Own", "no more pearls"), (#"["\#(body.lowercased())","no pearls"]"#, "Runtime.Unknown", "no pearls"),
    ] as [(String, String?, String?)] {
      let outcome = try await tier.runAndRest(function, "[\(trailers)]")
      #expect(outcome.failure?.errorType == expected && outcome.failure?.errorMessage == message && (expected != nil || outcome.text == #""ok""#), "\(outcome)")
    }
    #expect(await tier.run(function, "0").text == "6")
  }

  /// A loop of curl, as AWS's own example has it.
  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/curl"))) func aShellScript() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    let function = try tier.take(provided([
      "bootstrap": """
        #!/bin/sh
        while true; do
          event=$(curl -sS -D /tmp/head "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next")
          id=$(grep -Fi Lambda-Runtime-Aws-Request-Id /tmp/head | tr -d '[:space:]' | cut -d: -f2)
          curl -sS -o /dev/null "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" -d "{\\"got\\":$event}"
        done
        """
    ]))
    for _ in 0..<2 { #expect(await tier.run(function, #"{"a":1}"#).text == #"{"got":{"a":1}}"#) }
  }

  /// A program that cannot be executed is its author's fault, and he is told what it is.
  @Test func programsThatCannotBeExecuted() async throws {
    let tier = try Workbench.tier()
    defer { tier.stop() }
    for (files, mode, words) in [
      (["bootstrap": "#!/bin/sh\n"], 0o644, "fork/exec /var/task/bootstrap: permission denied: it is not executable: chmod +x"),
      (["bootstrap": "#!/no/such/shell\n"], 0o755, "fork/exec /var/task/bootstrap: no such file or directory: what runs it (\"#!/no/such/shell\") is not"),
      (["bootstrap": "#!/bin/sh\r\nexit\r\n"], 0o755, "no such file or directory: what runs it (\"#!/bin/sh\u{fffd}\", which ends as lines of Windows do) is not"),
      (["Bootstrap": "#!/bin/sh\n"], 0o755, "fork/exec /var/task/bootstrap: no such file or directory: there is no bootstrap in the code"),
    ] {
      let definition = try Workbench.function(files, .provided("provided"), name: UUID().uuidString)
      for name in files.keys { try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: definition.codePath + "/" + name) }
      let failure = await tier.run(try tier.take(definition)).failure
      #expect(failure?.kind == .initialization && failure?.errorType == "Runtime.InvalidEntrypoint" && failure?.errorMessage.contains(words) == true, "\(String(describing: failure))")
    }
  }
}
