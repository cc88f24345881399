// What viewers may not do over TLS (issue 4, "Bad input"): each is refused as its RFC says, counted, and costs nobody else anything.
import Foundation
import Testing

extension Scenarios {
  @Suite struct BadTLS {
    private func program(more: String = "", workers: Int = 1) throws -> (Skerry, TestCertificates, ScriptedOrigin) {
      let certificates = try TestCertificates.common(), origin = try ScriptedOrigin { try $0.answerAll { ok("\($0.target) \($0.bodyText.count)") } }
      return (try Skerry.secured(before: origin.url, certificates, more: more, arguments: ["--workers", "\(workers)"]), certificates, origin)
    }
    private func handshakes(_ outcome: String) -> String { "skerry_tls_handshakes_total{outcome=\"\(outcome)\"}" }
    private func stillServes(_ skerry: Skerry, _ certificates: TestCertificates) throws {
      #expect(try Tool.curl(certificates, ["https://localhost:\(skerry.port)/ok"]).text == "/ok 0")
      #expect(try skerry.metrics()["skerry_connections_open"] <= 1)
    }

    /// A viewer of python's: `tls` is the secured connection, `raw(bytes)` writes past it, `end()` waits for the other side's end.
    private func attack(_ skerry: Skerry, _ certificates: TestCertificates, _ lines: String, options: String = "") throws -> String {
      let script = """
        import os, socket, ssl, sys, time
        context = ssl.create_default_context(cafile=sys.argv[2])
        \(options)
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)   # a viewer that reads nothing soon has its hands full
        plain.connect(('127.0.0.1', int(sys.argv[1])))
        tls = context.wrap_socket(plain, server_hostname='localhost', suppress_ragged_eofs=False)
        tls.settimeout(10)
        def raw(data): os.write(tls.fileno(), data)
        def end():
          got = b''
          try:
            while True:
              more = tls.recv(65536)
              if not more: return got, 'end'
              got += more
          except Exception as e: return got, str(e)
        \(lines)
        """
      return try Tool.shell("exec \(Tool.interpreter) -c \"$1\" \"$2\" \"$3\"", [script, String(skerry.port), certificates.path("ca.pem")]).text
    }

    // MARK: No TLS at all

    @Test(arguments: ["GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", "POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\nabc", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "get"])
    func plainHTTPIsToldSo(_ bytes: String) throws {
      let (skerry, certificates, origin) = try program()
      let viewer = try skerry.viewer()
      try viewer.send(bytes)
      let response = try viewer.readResponse()
      #expect(response.status == 400)
      #expect(response.bodyText.contains("This port speaks TLS"))
      #expect(response.fields["connection"] == "close")
      #expect(try skerry.metrics()[handshakes("plain_http")] == 1)
      #expect(origin.connectionCount == 0)
      try stillServes(skerry, certificates)
    }

    /// Each is answered with an alert or with nothing, and the connection ends.
    @Test(arguments: [
      ("zeros", "malformed", Bytes(repeating: 0, count: 100)), ("a record of no type", "malformed", [5, 3, 1, 0, 5, 1, 2, 3, 4, 5]),
      ("a record too long", "malformed", [22, 3, 1, 0xff, 0xff] + Bytes(repeating: 1, count: 1000)), ("application data first", "malformed", [23, 3, 3, 0, 4, 1, 2, 3, 4]),
      ("not a ClientHello", "malformed", [22, 3, 1, 0, 4, 2, 0, 0, 0]), ("a ClientHello cut short", "malformed", [22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]), ("an alert first", "malformed", [21, 3, 1, 0, 2, 2, 40]),
      ("an ancient hello", "version", [0x80, 0x2e, 1, 0, 2, 0, 0x15, 0, 0, 0, 0x10] + Bytes(repeating: 1, count: 37)),
    ] as [(String, String, Bytes)])
    func badFirstBytes(_ what: String, _ outcome: String, _ bytes: Bytes) throws {
      let (skerry, certificates, _) = try program()
      let viewer = try skerry.viewer()
      try viewer.send(bytes)
      let (answer, ending) = viewer.readEnding()
      #expect(ending != .stillOpen, "\(what)")
      #expect(answer.isEmpty || answer[0] == 21, "\(what): \(answer)")
      let metrics = try skerry.metrics()
      #expect(["malformed", "alert", "version", "closed"].map { metrics[handshakes($0)] }.reduce(0, +) == 1, "\(what)")
      #expect(metrics[handshakes(outcome)] == 1, "\(what): \(metrics.values.filter { $0.key.contains("tls_hand") && $0.value > 0 })")
      try stillServes(skerry, certificates)
    }

    @Test func oneByteAtATimeIsFine() throws {
      let (skerry, certificates, _) = try program()
      let relay = """
        import socket, sys, threading
        listening = socket.create_server(('127.0.0.1', 0)); print('port', listening.getsockname()[1], file=sys.stderr, flush=True)
        client, _ = listening.accept(); server = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
        for s in (client, server): s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        def up():
          while data := client.recv(65536):
            for byte in data: server.sendall(bytes([byte]))
          server.shutdown(1)
        threading.Thread(target=up).start()
        while data := server.recv(65536): client.sendall(data)
        client.close()
        """
      let (process, port) = try Tool.python(relay, [String(skerry.port)])
      #expect(try Tool.curl(certificates, ["https://localhost:\(port)/slow"]).text == "/slow 0")
      _ = process
    }

    @Test func aHandshakeThatTakesTooLong() throws {
      let (skerry, certificates, _) = try program(more: "limits: { tlsHandshakeTimeout: 300ms }")
      let silent = try skerry.viewer(), begun = try skerry.viewer()
      try begun.send([22, 3, 1, 2, 0, 1])
      #expect(silent.isClosedSilently())
      #expect(begun.isClosedSilently())
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"tls_handshake_timeout\"}"] == 2)
      try stillServes(skerry, certificates)
    }

    @Test func whoLeavesInTheHandshake() throws {
      let (skerry, certificates, _) = try program()
      for bytes in [[], [22, 3, 1, 2, 0, 1]] as [Bytes] {
        let viewer = try skerry.viewer()
        try viewer.send(bytes)
        viewer.finishSending()
        #expect(viewer.readEnding().ending != .stillOpen)
      }
      #expect(try skerry.metrics()[handshakes("closed")] == 2)
      try stillServes(skerry, certificates)
    }

    @Test func noProtocolInCommon() throws {
      let (skerry, certificates, _) = try program()
      let text = try Tool.shell("openssl s_client -alpn spdy/1 -connect 127.0.0.1:$1 </dev/null", [String(skerry.port)]).text
      #expect(text.contains("no application protocol"), "\(text)")
      #expect(try skerry.metrics()[handshakes("application_protocol")] == 1)
      try stillServes(skerry, certificates)
    }

    @Test func whoDoesNotTrustUs() throws {
      let (skerry, certificates, _) = try program()
      #expect(try Tool.shell("curl -sS https://localhost:$1/", [String(skerry.port)]).exit != .status(0))
      try skerry.waitForMetric(handshakes("alert"), since: Metrics(page: ""))
      try stillServes(skerry, certificates)
    }

    /// Whatever others do on the same worker, a connection that is in order goes on, and ends in order.
    @Test func errorsStayWithTheirConnection() throws {
      let (skerry, certificates, _) = try program()
      let text = try attack(
        skerry, certificates,
        """
        def ask():
          tls.sendall(b'GET /ok HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n')
          return b'/ok 0' in tls.recv(65536)
        def connect(): return socket.create_connection(('127.0.0.1', int(sys.argv[1])))
        def bad(bytes):
          other = connect(); other.sendall(bytes)
          try:
            while other.recv(65536): pass
          except OSError: pass
        def distrust():
          try: ssl.create_default_context().wrap_socket(connect(), server_hostname='localhost')
          except ssl.SSLError: pass
        def corrupt():
          other = context.wrap_socket(connect(), server_hostname='localhost')
          os.write(other.fileno(), b'\\x17\\x03\\x03\\x00\\x20' + b'x' * 32)
          try: other.recv(1)
          except OSError: pass
        good = [ask()]
        for action in [lambda: bad(b'\\0' * 100), lambda: bad(b'GET / HTTP/1.1\\r\\n\\r\\n'), lambda: bad(b'\\x16\\x03\\x01\\0\\4\\2\\0\\0\\0'), distrust, corrupt]:
          action(); good.append(ask())
        print(good)
        plain = tls.unwrap(); print(plain.recv(1))
        """, options: "context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF")
      #expect(text == "[True, True, True, True, True, True]\nb''\n", "\(text)")
      // The corrupt one; the good one's close_notify has been taken for what it is.
      try skerry.waitForMetric("skerry_connections_closed_total{reason=\"viewer\"}", since: Metrics(page: ""))
      #expect(try skerry.metrics()["skerry_connections_closed_total{reason=\"tls\"}"] == 1)
      try stillServes(skerry, certificates)
    }

    // MARK: After the handshake

    @Test func aBadRecordEndsItsConnectionOnly() throws {
      let (skerry, certificates, _) = try program()
      let text = try attack(
        skerry, certificates,
        """
        tls.sendall(b'GET /one HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n')
        print(b'200 OK' in tls.recv(65536))
        raw(b'\\x17\\x03\\x03\\x00\\x20' + b'x' * 32)
        print(end())
        """)
      #expect(text.hasPrefix("True\n"))
      #expect(text.contains("BAD_RECORD_MAC"), "\(text)")
      #expect(try skerry.metrics()["skerry_connections_closed_total{reason=\"tls\"}"] == 1)
      try stillServes(skerry, certificates)
    }

    @Test func aBadRecordInABody() throws {
      let (skerry, certificates, _) = try program()
      let text = try attack(
        skerry, certificates,
        """
        tls.sendall(b'POST / HTTP/1.1\\r\\nHost: a.test\\r\\nContent-Length: 100\\r\\n\\r\\nabc')
        time.sleep(0.2)
        raw(b'\\x17\\x03\\x03\\x00\\x20' + b'x' * 32)
        print(end())
        """)
      #expect(text.contains("BAD_RECORD_MAC") || text.contains("reset"), "\(text)")
      try skerry.waitForMetric("skerry_connections_closed_total{reason=\"tls\"}", since: Metrics(page: ""))
      try stillServes(skerry, certificates)
    }

    @Test func theEndIsSaid() throws {
      let (skerry, certificates, _) = try program()
      // `end` and not an error: close_notify came before the connection's end.
      let text = try attack(
        skerry, certificates, "tls.sendall(b'GET /x HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n'); got, how = end(); print(got[-4:], how)", options: "context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF")
      #expect(text == "b'/x 0' end\n", "\(text)")
    }

    @Test func aCutAnswerIsNotSaidToBeWhole() throws {
      let certificates = try TestCertificates.common()
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
      }
      let skerry = try Skerry.secured(before: origin.url, certificates)
      let text = try attack(
        skerry, certificates, "tls.sendall(b'GET /x HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n'); got, how = end(); print(how)", options: "context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF")
      #expect(text != "end\n")
    }

    /// A drain that cuts an answer whose end is the connection's does not say that this was all of it.
    @Test func anAnswerThatADrainCutsIsNotSaidToBeWhole() throws {
      let certificates = try TestCertificates.common()
      let origin = try ScriptedOrigin { connection in
        try connection.expectRequest()
        try connection.send("HTTP/1.1 200 OK\r\n\r\npart")
        while true {
          try connection.send(".")
          Thread.sleep(forTimeInterval: 0.05)
        }
      }
      let skerry = try Skerry.secured(before: origin.url, certificates, more: "shutdownTimeout: 1s")
      let text = try attack(
        skerry, certificates,
        "tls.sendall(b'GET /x HTTP/1.0\\r\\nHost: a.test\\r\\n\\r\\n'); first = tls.recv(4); os.kill(\(skerry.process.identifier), 15); got, how = end(); print(first, how)",
        options: "context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF")
      #expect(text.hasPrefix("b'HTTP' ") && text != "b'HTTP' end\n", "\(text)")
    }

    @Test func aViewerThatEndsWithoutAGoodbye() throws {
      let (skerry, certificates, origin) = try program()
      _ = try attack(skerry, certificates, "tls.sendall(b'POST / HTTP/1.1\\r\\nHost: a.test\\r\\nContent-Length: 10\\r\\n\\r\\nabc'); time.sleep(0.2); s = socket.socket(fileno=os.dup(tls.fileno())); s.shutdown(1); time.sleep(0.2)")
      #expect(origin.requests.isEmpty)
      try stillServes(skerry, certificates)
    }

    @Test func changesOfKeys() throws {
      let (skerry, certificates, _) = try program()
      func ask(_ times: Int) throws -> String {
        try Tool.shell(
          "(sleep 1; for i in $(seq \(times)); do echo K; sleep 0.03; done; sleep 1; printf 'GET /after HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n'; sleep 2) | openssl s_client -CAfile $2 -connect 127.0.0.1:$1",
          [String(skerry.port), certificates.path("ca.pem")]).text
      }
      #expect(try ask(5).contains("/after 0"))
      #expect(try !ask(130).contains("/after 0"))
      #expect(try skerry.metrics()["skerry_limits_reached_total{limit=\"tls_key_updates\"}"] == 1)
      try stillServes(skerry, certificates)
    }

    /// Changes of keys count as well where each comes with bytes of a request, and all come at once.
    @Test func changesOfKeysBetweenBytes() throws {
      let (skerry, certificates, _) = try program()
      let gathering = """
        import socket, sys, threading, time
        listening = socket.create_server(('127.0.0.1', 0)); print('port', listening.getsockname()[1], file=sys.stderr, flush=True)
        client, _ = listening.accept(); server = socket.create_connection(('127.0.0.1', int(sys.argv[1])))
        began = time.time()
        def up():
          held = b''
          client.settimeout(1)
          while True:
            try: data = client.recv(65536)
            except TimeoutError:
              server.sendall(held); held = b''
              continue
            if not data: break
            if time.time() - began < 0.7: server.sendall(data)
            else: held += data
          server.sendall(held); server.shutdown(1)
        threading.Thread(target=up).start()
        try:
          while data := server.recv(65536): client.sendall(data)
        except OSError: pass
        client.close()
        """
      // Each change is asked for twice: on a busy machine openssl reads some of them together with what follows, and as a part of it.
      func ask(_ times: Int) throws -> String {
        let (process, port) = try Tool.python(gathering, [String(skerry.port)])
        defer { withExtendedLifetime(process) {} }
        return try Tool.shell(
          "(sleep 1; printf 'GET /after HTTP/1.1\\r\\nHost: a.test\\r\\n'; for i in $(seq \(times)); do sleep 0.02; echo k; sleep 0.02; echo k; sleep 0.02; printf \"X-$i: y\\r\\n\"; done; sleep 0.02; printf '\\r\\n'; sleep 3) | openssl s_client -CAfile $2 -connect 127.0.0.1:$1",
          [String(port), certificates.path("ca.pem")]).text
      }
      #expect(try ask(5).contains("/after 0"))
      // Where it reads most of them so, another connection has better luck.
      var answer = "", attempts = 0
      repeat { (answer, attempts) = (try ask(80), attempts + 1) } while answer.contains("/after 0") && attempts < 4
      #expect(!answer.contains("/after 0"))
      try skerry.waitForMetric("skerry_limits_reached_total{limit=\"tls_key_updates\"}", since: Metrics(page: ""))
    }

    @Test func noRenegotiation() throws {
      let (skerry, certificates, _) = try program()
      let text = try Tool.shell(
        "(sleep 0.2; echo R; sleep 0.5) | openssl s_client -tls1_2 -CAfile $2 -connect 127.0.0.1:$1", [String(skerry.port), certificates.path("ca.pem")]).text
      #expect(text.contains("no renegotiation"), "\(text)")
      try stillServes(skerry, certificates)
    }

    /// Requests that are pipelined into one record, and one that comes in many records.
    @Test func recordsAreNoMessages() throws {
      let (skerry, certificates, _) = try program()
      let text = try attack(
        skerry, certificates,
        """
        tls.sendall(b''.join(b'GET /%d HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n' % i for i in range(200)))
        for byte in b'GET /last HTTP/1.1\\r\\nHost: a.test\\r\\nConnection: close\\r\\n\\r\\n': tls.sendall(bytes([byte]))
        got, how = end(); print(got.count(b'HTTP/1.1 200 OK'), got[-7:], how)
        """)
      #expect(text == "201 b'/last 0' end\n", "\(text)")
    }

    /// A viewer that reads nothing: what waits for it is bounded, and it is given up.
    @Test func whoReadsNothing() throws {
      let certificates = try TestCertificates.common()
      let large = wire("HTTP/1.1 200 OK\r\nContent-Length: \(8 << 20)\r\n\r\n") + Bytes(repeating: 120, count: 8 << 20)
      let origin = try ScriptedOrigin { connection in
        while try connection.nextRequest() != nil { try connection.send(large) }
      }
      let skerry = try Skerry.secured(before: origin.url, certificates, more: "limits: { idleTimeout: 500ms }")
      _ = try attack(skerry, certificates, "tls.sendall(b'GET /x HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n'); time.sleep(4)")
      try skerry.waitForMetric("skerry_limits_reached_total{limit=\"idle_timeout\"}", since: Metrics(page: ""))
      #expect(try skerry.peakMemory() < 100 << 20)
      #expect(try Tool.curl(certificates, ["-o", "/dev/null", "-w", "%{size_download}", "https://localhost:\(skerry.port)/"]).text == "8388608")
    }
  }
}
