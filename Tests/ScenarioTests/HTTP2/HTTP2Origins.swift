// Origins that speak HTTP/2, good and hostile (python's h2 library, and bytes that it would not say), and gRPC calls through the program.
import Foundation
import Testing

/// A server that does what the path says. `h2` is told to let anything out.
private let server = #"""
import json, socket, struct, sys, threading, time
import h2.config, h2.connection, h2.events, h2.errors
def frame(type, flags, stream, payload=b''): return struct.pack('>I', len(payload))[1:] + bytes([type, flags]) + struct.pack('>I', stream) + payload
def serve(sock, number):
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = h2.config.H2Configuration(client_side=False, header_encoding='utf-8', validate_outbound_headers=False, normalize_outbound_headers=False)
    c = h2.connection.H2Connection(config=config)
    c.initiate_connection()
    sock.sendall(c.data_to_send())
    paths, heads, waiting = {}, {}, {}
    def pump():
        for s in list(waiting):
            while waiting[s]:
                n = min(len(waiting[s]), c.local_flow_control_window(s), 16384)
                if n == 0: break
                c.send_data(s, waiting[s][:n]); waiting[s] = waiting[s][n:]
            if not waiting[s]: c.end_stream(s); del waiting[s]
    def answer(s, path):
        raw = None
        if path == '/echo': body = json.dumps({'connection': number, 'headers': heads[s]}).encode()
        elif path == '/large': body = b'x' * 5000000
        else: body = b'fine'
        length = str(len(body))
        if path == '/reset': return c.reset_stream(s, h2.errors.ErrorCodes.INTERNAL_ERROR)
        if path == '/refused': return c.reset_stream(s, h2.errors.ErrorCodes.REFUSED_STREAM)
        if path == '/goaway': c.close_connection(h2.errors.ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=0); sock.sendall(c.data_to_send()); return sock.shutdown(socket.SHUT_RDWR)
        if path == '/close': return sock.shutdown(socket.SHUT_RDWR)
        if path == '/silent': return
        head = [(':status', '200'), ('content-length', length)]
        if path == '/uppercase': head.append(('X-Upper', '1'))
        if path == '/connection': head.append(('connection', 'close'))
        if path == '/newline': head.append(('x', 'a\r\nset-cookie: b'))
        if path == '/status': head[0] = (':status', '99')
        if path == '/nostatus': head = head[1:]
        if path == '/emptyend': c.send_headers(s, head[:1]); return c.end_stream(s)
        if path == '/switch': head[0] = (':status', '101')
        if path == '/interim':
            for _ in range(3): c.send_headers(s, [(':status', '103'), ('link', 'x')])
        if path == '/short': head[1] = ('content-length', '100')
        if path == '/long': head[1] = ('content-length', '1')
        if path == '/manyfields': head += [('x%d' % i, 'y') for i in range(300)]
        if path == '/push': raw = frame(5, 4, s, struct.pack('>I', 2) + b'\x82\x84\x86')
        if path == '/hpack': raw = frame(1, 4, s, b'\x80')
        if path == '/garbage': raw = b'HTTP/1.1 400 Bad Request\r\n\r\n'
        if path == '/zerowindow': raw = frame(8, 0, s, struct.pack('>I', 0))
        if path == '/continuations': raw = frame(1, 0, s, b'\x88') + frame(9, 0, s, b'\x00\x01x\x01y') * 3000
        if path == '/settings': raw = frame(4, 0, 0) * 3000
        if path == '/pings': raw = frame(6, 0, 0, b'12345678') * 3000
        if path == '/oversized': raw = frame(0, 0, s, b'x' * 20000)
        if path == '/overrun':
            c.send_headers(s, [(':status', '200')]); raw = frame(0, 0, s, b'x' * 16384) * 80
        if raw is not None:
            sock.sendall(c.data_to_send() + raw); return
        c.send_headers(s, head)
        waiting[s] = body; pump()
    while True:
        data = sock.recv(65536)
        if not data: return
        for e in c.receive_data(data):
            if isinstance(e, h2.events.RequestReceived):
                paths[e.stream_id] = dict(e.headers)[':path']; heads[e.stream_id] = [list(h) for h in e.headers]
                if paths[e.stream_id].startswith('/grpc'): c.send_headers(e.stream_id, [(':status', '200'), ('content-type', 'application/grpc')])
            elif isinstance(e, h2.events.DataReceived):
                c.acknowledge_received_data(e.flow_controlled_length, e.stream_id)
                if paths[e.stream_id].startswith('/grpc') and e.data: c.send_data(e.stream_id, e.data.upper())
            elif isinstance(e, h2.events.TrailersReceived): heads[e.stream_id] += [list(h) for h in e.headers]
            elif isinstance(e, h2.events.StreamEnded):
                if paths[e.stream_id].startswith('/grpc'):
                    te = dict(map(tuple, heads[e.stream_id])).get('te', '-')
                    c.send_headers(e.stream_id, [('grpc-status', '0'), ('grpc-message', te)], end_stream=True)
                else: answer(e.stream_id, paths[e.stream_id])
            elif isinstance(e, h2.events.WindowUpdated): pump()
        sock.sendall(c.data_to_send())
def guarded(sock, number):
    try: serve(sock, number)
    except Exception: pass
    sock.close()
listening = socket.create_server(('127.0.0.1', 0), backlog=64)
print('port', listening.getsockname()[1], file=sys.stderr, flush=True)
number = 0
while True:
    sock, _ = listening.accept()
    number += 1
    threading.Thread(target=guarded, args=(sock, number), daemon=True).start()
"""#

extension Scenarios {
  @Suite struct HTTP2Origins {
    private let host = "origins.test"

    private func program(_ settings: String = "httpVersion: http2", behavior: String = "", more: String = "") throws -> (Skerry, ChildProcess) {
      let (process, port) = try Tool.python(server, [])
      var distribution = Configuration.Distribution(isDefault: true, origin: "http://127.0.0.1:\(port)")
      distribution.originSettings = settings
      distribution.behavior = behavior
      let skerry = try Skerry.start(configuration: Configuration(distributions: [distribution], more: more).yaml, arguments: ["--workers", "1"])
      return (skerry, process)
    }

    @Test func requestsShareAConnection() throws {
      let (skerry, process) = try program()
      defer { process.signal(SIGKILL) }
      for number in 1...3 {
        let viewer = try skerry.viewer()   // HTTP/1.1 on this side
        let answer = try viewer.exchange("GET /echo HTTP/1.1\r\nHost: \(host)\r\nX-Number: \(number)\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n")
        let text = answer.bodyText
        #expect(answer.status == 200 && text.contains("\"connection\": 1"))
        #expect(text.contains("[\":authority\", \"\(host)\"]") && text.contains("[\"x-number\", \"\(number)\"]") && text.contains("[\":scheme\", \"http\"]"))
        #expect(!text.contains("x-hop") && !text.contains("\"connection\", ") && !text.contains("[\"host\""))
      }
      #expect(try skerry.metrics()["skerry_origin_connections_total{kind=\"connected\"}"] == 1)
    }

    @Test func largeAnswersAndBodies() throws {
      let (skerry, process) = try program()
      defer { process.signal(SIGKILL) }
      let result = try Tool.shell(
        "curl -sS http://127.0.0.1:$1/large | wc -c; curl -sS --http2-prior-knowledge http://127.0.0.1:$1/large | wc -c; head -c 3000000 /dev/zero | curl -sS --http2-prior-knowledge -T - http://127.0.0.1:$1/up", [String(skerry.port)])
      #expect(result.text == "5000000\n5000000\nfine")
    }

    /// The stream's end in a frame of its own is no content: what follows is the next answer.
    @Test func anAnswerToHEADThatEndsLater() throws {
      let (skerry, process) = try program()
      defer { process.signal(SIGKILL) }
      let viewer = try skerry.viewer()
      try viewer.send("HEAD /emptyend HTTP/1.1\r\nHost: \(host)\r\n\r\nGET /fine HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
      let text = String(wire: viewer.readEnding().bytes)
      let parts = text.components(separatedBy: "\r\n\r\n")
      #expect(parts.count == 3 && parts[1].hasPrefix("HTTP/1.1 200 ") && parts[2] == "fine", "\(text)")
    }

    /// What an origin does wrong becomes a 502, once a part of the answer has gone a cut one; the next request is served.
    @Test(arguments: [
      ("/reset", 502), ("/refused", 502), ("/goaway", 502), ("/close", 502), ("/uppercase", 502), ("/connection", 502), ("/newline", 502), ("/status", 502),
      ("/nostatus", 502), ("/switch", 502), ("/interim", 200), ("/manyfields", 502), ("/push", 502), ("/hpack", 502), ("/garbage", 502), ("/zerowindow", 502),
      ("/continuations", 502), ("/settings", 502), ("/pings", 502), ("/oversized", 502), ("/silent", 504), ("/short", 502), ("/long", 502), ("/overrun", 0),
    ])
    func whatOriginsDoWrong(_ path: String, _ status: Int) throws {
      let (skerry, process) = try program("httpVersion: http2\nreadTimeout: 2\nconnectionAttempts: 1")
      defer { process.signal(SIGKILL) }
      let viewer = try HTTP2Viewer.open(skerry, [(4, 1 << 24)])
      try viewer.send(.windowUpdate(0, 1 << 24))
      let answer = try viewer.exchange(1, post(path, host: host))
      if status > 0 { #expect(answer.status == status && answer.reset == nil, "\(path): \(answer)") } else { #expect(answer.reset == .internalError, "\(path): \(answer.status ?? 0)") }
      #expect(try viewer.exchange(3, get("/echo", host: host)).status == 200)
    }

    // MARK: gRPC

    private func call(_ viewer: HTTP2Viewer, _ stream: UInt32, contentType: String = "application/grpc+proto") throws {
      try viewer.send(.headers(stream, post("/grpc.Service/Call", host: host, [("content-type", contentType), ("te", "trailers")]), end: false))
    }

    /// Messages go both ways in turn; the trailers come through.
    @Test func aCallThatStreamsBothWays() throws {
      let (skerry, process) = try program("httpVersion: http1.1", behavior: "grpcConfig: { enabled: true }")
      defer { process.signal(SIGKILL) }
      let viewer = try HTTP2Viewer.open(skerry)
      try call(viewer, 1)
      for message in ["one", "two", "three"] {
        try viewer.send(.data(1, message))
        #expect(try viewer.wait(message) { $0.type == 0 }.payload == wire(message.uppercased()))
      }
      try viewer.send(.data(1, end: true))
      let trailers = try viewer.wait("trailers") { $0.type == 1 && $0.flags & 1 == 1 }
      #expect(trailers.stream == 1 && viewer.frames.filter { $0.type == 1 && $0.stream == 1 }.count == 2)
      #expect(try viewer.exchange(3, get("/echo", host: host)).reset == nil)
    }

    /// python's h2 as the viewer reads what the trailers say.
    @Test func trailersAreReadable() throws {
      let (skerry, process) = try program("httpVersion: http1.1", behavior: "grpcConfig: { enabled: true }")
      defer { process.signal(SIGKILL) }
      let script = """
        import socket, sys, h2.connection, h2.events
        s = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c = h2.connection.H2Connection(); c.initiate_connection()
        c.send_headers(1, [(':method', 'POST'), (':scheme', 'http'), (':path', '/grpc'), (':authority', 'x'), ('content-type', 'application/grpc'), ('te', 'trailers')])
        c.send_data(1, b'hello', end_stream=True); s.sendall(c.data_to_send())
        done = False
        while not done:
            for e in c.receive_data(s.recv(65536)):
                if isinstance(e, h2.events.DataReceived): print(e.data.decode(), file=sys.stderr)
                if isinstance(e, h2.events.TrailersReceived): print([(k.decode(), v.decode()) for k, v in e.headers], file=sys.stderr)
                if isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)): done = True
            s.sendall(c.data_to_send())
        """
      let result = try Tool.shell("exec \(Tool.interpreter) -c \"$2\" \"$1\"", [String(skerry.port), script])
      #expect(result.text == "HELLO\n[('grpc-status', '0'), ('grpc-message', 'trailers')]\n")
    }

    @Test func trailersOfHTTP1RequestsReachTheOrigin() throws {
      let (skerry, process) = try program()
      defer { process.signal(SIGKILL) }
      let viewer = try skerry.viewer()
      for number in 1...2 {
        let trailers = number == 1 ? "X-Checksum: 7\r\nAuthorization: no\r\n" : ""
        let text = try viewer.exchange("POST /echo HTTP/1.1\r\nHost: \(host)\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\(trailers)\r\n").bodyText
        #expect(text.contains("[\"x-checksum\", \"7\"]") == (number == 1) && !text.contains("authorization"), "\(text)")
      }
    }

    @Test func trailersOfRequestsReachTheOrigin() throws {
      let (skerry, process) = try program()
      defer { process.signal(SIGKILL) }
      let viewer = try HTTP2Viewer.open(skerry)
      try viewer.send(.headers(1, post("/echo", host: host), end: false), .data(1, "x"), .headers(1, [("x-checksum", "7"), ("authorization", "no")]))
      let text = String(wire: try viewer.answer(on: 1).body)
      #expect(text.contains("[\"x-checksum\", \"7\"]") && !text.contains("authorization"))
    }
  }
}
