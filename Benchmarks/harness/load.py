"""The load: wrk and h2load for rates, plain sockets for exact numbers of requests. Every answer is checked or accounted for."""

import re
import socket
import ssl
import subprocess
import tempfile
from pathlib import Path

from .process import Failure

# What a browser sends, about 500 bytes with the request line and Host.
BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.7",
    "Accept-Encoding": "gzip, deflate, br",
    "Referer": "https://www.example.com/products/all",
    "Cookie": "session=8a1f0c55e2d94b7b; theme=dark; consent=1",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Mode": "navigate",
    "Upgrade-Insecure-Requests": "1",
}


def request_bytes(path, port, more=None):
    lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in {**BROWSER_HEADERS, **(more or {})}.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# Issue 4 asks for 32 concurrent streams; so many on each of a few connections.
HTTP2_SESSIONS, HTTP2_STREAMS = 8, 32

# Who answers is known; whether it is what was asked for is checked.
UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
UNVERIFIED.check_hostname = False
UNVERIFIED.verify_mode = ssl.CERT_NONE


# wrk's script for several paths: requests made beforehand, sent in turn.
IN_TURN = """
local paths, requests, number = { %s }, {}, 0
function init() for at, path in ipairs(paths) do requests[at] = wrk.format("GET", path) end end
function request() number = number %% #requests + 1 return requests[number] end
"""


class Client:
    """One keep-alive connection; reads answers that carry Content-Length."""

    def __init__(self, port, source="127.0.0.1", timeout=20, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout, source_address=(source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = UNVERIFIED.wrap_socket(self.socket, server_hostname="localhost")
            if self.socket.cipher()[0] != "TLS_AES_128_GCM_SHA256":
                raise Failure(f"the cipher is {self.socket.cipher()[0]}")
        self.received = b""

    def send(self, request):
        self.socket.sendall(request)

    def receive(self):
        """(status, {name: value}, body, bytes on the wire) of one answer."""
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, _, rest = self.received.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(fields.get("content-length", 0))
        while len(rest) < length:
            self._more()
            rest = self.received[len(head) + 4:]
        self.received = rest[length:]
        return int(status_line.split()[1]), fields, rest[:length], len(head) + 4 + length

    def _more(self):
        piece = self.socket.recv(65536)
        if not piece:
            raise Failure("the connection closed inside an answer")
        self.received += piece

    def close(self):
        self.socket.close()


def probe(port, case):
    """One request, whose answer must be what the case expects; returns its size on the wire, of its content only for HTTP/2."""
    if case.moved:
        return probe_moved(port, case)
    status, fields, body, size = answer_http2(port, case) if case.http2 else answer(port, case)
    if status != case.status:
        raise Failure(f"{case.name}: status {status} instead of {case.status}: {body[:300]!r}")
    for name, value in case.fields.items():
        # Skerry sends viewers to the port of the TLS listener beside the plain one, the peers to 443.
        found = re.sub(r"^(https://127\.0\.0\.1):\d+", r"\1", fields.get(name, ""))
        if found != value:
            raise Failure(f"{case.name}: {name} is {fields.get(name)!r} instead of {value!r}")
    if case.body is not None and body != case.body:
        raise Failure(f"{case.name}: a body of {len(body)} bytes instead of {len(case.body)}")
    return size


def probe_moved(port, case):
    """Every path of a table once; the mean size of the answers."""
    client, total = Client(port), 0
    for path, location in case.moved:
        client.send(request_bytes(path, port))
        status, fields, _, size = client.receive()
        if status != case.status or fields.get("location") != location:
            raise Failure(f"{case.name}: {path} got {status} {fields.get('location')!r} instead of {location!r}")
        total += size
    client.close()
    return total / len(case.moved)


def answer(port, case):
    """(status, {name: value}, body, bytes on the wire) of one request on a connection of its own."""
    client = Client(port, tls=case.tls)
    client.send(request_bytes(case.path, port, case.request_fields))
    received = client.receive()
    client.close()
    return received


def answer_http2(port, case):
    """(status, {name: value}, body, bytes of the body) of one request by curl."""
    with tempfile.TemporaryDirectory() as folder:
        head, body = Path(folder) / "head", Path(folder) / "body"
        command = ["curl", "--silent", "--show-error", "--insecure", "--http2", "--tlsv1.3", "--dump-header", head, "--output", body]
        for name, value in {**BROWSER_HEADERS, **case.request_fields}.items():
            command += ["--header", f"{name}: {value}"]
        run = subprocess.run([*command, f"https://127.0.0.1:{port}{case.path}"], capture_output=True, text=True)
        if run.returncode != 0:
            raise Failure(f"{case.name}: curl reports trouble:\n{run.stderr}")
        status_line, *lines = head.read_text("latin-1").splitlines()
        if not status_line.startswith("HTTP/2 "):
            raise Failure(f"{case.name}: not HTTP/2: {status_line}")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        content = body.read_bytes() if body.exists() else b""
        return int(status_line.split()[1]), fields, content, len(content)


def h2load(port, case, sessions, streams, answer_bytes, seconds=None, requests=None):
    """Runs h2load, for a time or so many requests; returns (requests, requests per second). Fails on any error, wrong status or size of content."""
    command = ["h2load", "-t1", f"-c{sessions}", f"-m{streams}", "--tls13-ciphers=TLS_AES_128_GCM_SHA256",
               *(["-D", str(seconds)] if seconds else ["-n", str(requests)])]
    for name, value in {**BROWSER_HEADERS, **case.request_fields}.items():
        command += ["-H", f"{name}: {value}"]
    run = subprocess.run([*command, f"https://127.0.0.1:{port}{case.path}"], capture_output=True, text=True)
    text = run.stdout
    rate = re.search(r"finished in [\d.]+\w+, ([\d.]+) req/s", text)
    counts = re.search(r"requests: .*?(\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", text)
    statuses = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", text)
    data = re.search(r"traffic: .*, \S+ \((\d+)\) data", text)
    spoken = ("Cipher: TLS_AES_128_GCM_SHA256", "Application protocol: h2")
    if run.returncode != 0 or not (rate and counts and statuses and data) or any(word not in text for word in spoken):
        raise Failure(f"{case.name}: h2load reports trouble:\n{text}{run.stderr}")
    done, succeeded, *wrong = map(int, counts.groups())
    # What was under way when the time was over has been counted as heads and data, not as requests.
    under_way = sessions * streams if seconds else 0
    heads = [int(count) for count in statuses.groups()]
    right = heads.pop(case.status // 100 - 2)
    if done < 100 or any(wrong) or any(heads) or succeeded != done or not done <= right <= done + under_way:
        raise Failure(f"{case.name}: wrong answers:\n{text}")
    if not 0 <= int(data[1]) - done * answer_bytes <= under_way * answer_bytes:
        raise Failure(f"{case.name}: {int(data[1]) / done:.0f} bytes of content an answer, the first one had {answer_bytes}:\n{text}")
    return done, float(rate[1])


def wrk(port, case, connections, seconds, answer_bytes):
    """Runs wrk; returns (requests, requests per second). Fails on any error, wrong status or wrong size of answers."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    for name, value in {**BROWSER_HEADERS, **case.request_fields}.items():
        command += ["-H", f"{name}: {value}"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        if case.moved:
            script.write(IN_TURN % ", ".join(f'"{path}"' for path, _ in case.moved))
            script.flush()
            command += ["-s", script.name]
        run = subprocess.run(command + [f"{'https' if case.tls else 'http'}://127.0.0.1:{port}{case.path}"], capture_output=True, text=True)
    text = run.stdout
    counted = re.search(r"(\d+) requests in [\d.]+\w+, ([\d.]+)(\w+) read", text)
    if run.returncode != 0 or not counted or "Socket errors" in text or "Non-2xx" in text:
        raise Failure(f"{case.name}: wrk reports trouble:\n{text}{run.stderr}")
    requests = int(counted[1])
    # wrk cannot compare bodies, but a wrong answer would seldom have the right size. What was under way at the end has been read in part.
    answers = float(counted[2]) * {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}[counted[3]] / answer_bytes
    if requests < 100 or not -0.03 * requests <= answers - requests <= 0.03 * requests + connections:
        raise Failure(f"{case.name}: {answers:.0f} times the {answer_bytes} bytes of the first answer in {requests} answers:\n{text}")
    return requests, float(re.search(r"Requests/sec:\s+([\d.]+)", text)[1])


def lockstep(port, case, requests, connections=8):
    """Exactly `requests` requests over a few connections, each answer checked: for counting instructions."""
    if case.http2:
        # One connection: under valgrind functions seem to take long, and no more than 64 requests may wait for such (Sources/Pipeline/Turns.swift).
        return h2load(port, case, 1, HTTP2_STREAMS, probe(port, case), requests=requests)
    clients = [Client(port, timeout=120, tls=case.tls) for _ in range(connections)]
    request = request_bytes(case.path, port, case.request_fields)
    for _ in range(requests // connections):
        for client in clients:
            client.send(request)
        for client in clients:
            status, _, body, _ = client.receive()
            if status != case.status or (case.body is not None and body != case.body):
                raise Failure(f"{case.name}: a wrong answer, status {status}")
    for client in clients:
        client.close()


def handshakes(port, path, seconds, resumed):
    """Connections with a TLS handshake and one request each, by `openssl s_time`; returns how many there were."""
    command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-www", path, "-time", str(seconds), "-reuse" if resumed else "-new"]
    run = subprocess.run(command, capture_output=True, text=True)
    counted = re.findall(r"(\d+) connections in \d+ real seconds", run.stdout)
    if not counted or int(counted[-1]) < 10:
        raise Failure(f"openssl s_time reports trouble:\n{run.stdout}{run.stderr}")
    return int(counted[-1])
