// Owns: sending one request through a worker as a viewer's would come, over a pair of sockets, with an observer that tells of it. On the worker's
// thread.
import CSystem
import Glibc
import HTTPWire
public import JSONText
public import Transport

/// Why a request cannot be explained.
public struct ExplainProblem: Error, Sendable {
  /// One sentence without a full stop.
  public let text: String
  /// A problem.
  public init(text: String) { self.text = text }
}

/// A request whose way is to be explained. Any thread.
public struct ExplainedRequest: Sendable {
  /// The head as a viewer would send it by HTTP/1.1, with its empty line; no content.
  public var head: [UInt8]
  /// Whether the viewer uses HTTPS.
  public var isSecure: Bool
  /// The viewer's address.
  public var client: SocketAddress
  /// What every origin answers instead of being asked: a whole HTTP/1.1 response; nil where they are asked.
  public var standIn: [UInt8]?

  /// A request.
  public init(head: [UInt8], isSecure: Bool, client: SocketAddress, standIn: [UInt8]? = nil) {
    self.head = head
    self.isSecure = isSecure
    self.client = client
    self.standIn = standIn
  }

  /// A request as a person means it.
  /// - Parameters:
  ///   - url: `http://` or `https://`; its authority is the Host, unless the fields have one.
  ///   - client: an address literal; nil for this machine.
  /// - Throws: ``ExplainProblem`` for what no viewer could send.
  public init(method: String, url: String, fields: [(name: String, value: String)], client: String?, standIn: [UInt8]? = nil) throws(ExplainProblem) {
    let lower = url.lowercased()
    guard let scheme = ["http://", "https://"].first(where: lower.hasPrefix) else { throw ExplainProblem(text: "\(url) is no http:// or https:// URL") }
    let rest = url.dropFirst(scheme.count).prefix { $0 != "#" }, authority = rest.prefix { $0 != "/" && $0 != "?" }
    let path = rest.dropFirst(authority.count), target = path.first == "/" ? String(path) : "/" + path
    guard let client = SocketAddress(host: client ?? "127.0.0.1", port: 40_000) else { throw ExplainProblem(text: "\(client ?? "") is no address") }
    let host = fields.first { $0.name.lowercased() == "host" }?.value ?? String(authority)
    // The pipeline would wait for it.
    if let field = fields.first(where: { ($0.name.lowercased() == "content-length" && $0.value != "0") || $0.name.lowercased() == "transfer-encoding" }) {
      throw ExplainProblem(text: "the request has no content here, which \(field.name) says it has")
    }
    var head = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\r\n"
    for (name, value) in fields where name.lowercased() != "host" { head += "\(name): \(value)\r\n" }
    let parts = [method, target, host] + fields.flatMap { [$0.name, $0.value] }
    guard !parts.contains(where: { $0.utf8.contains { $0 < 0x20 && $0 != 9 || $0 == 0x7F } }), !method.contains(" "), !target.contains(" ") else {
      throw ExplainProblem(text: "the request has characters that none may have")
    }
    self.init(head: Array((head + "\r\n").utf8), isSecure: scheme == "https://", client: client, standIn: standIn)
  }

  /// Reads the request that the admin address is sent: `method`, `url`, `fields` (a list of `[name, value]`) and `client`.
  public init(_ json: JSONValue) throws(ExplainProblem) {
    guard let url = json["url"]?.string else { throw ExplainProblem(text: "url is missing") }
    let fields = (json["fields"]?.array ?? []).map { ($0.array?.first?.string, $0.array?.last?.string) }
    guard fields.allSatisfy({ $0.0 != nil && $0.1 != nil }) else { throw ExplainProblem(text: "fields is a list of [name, value]") }
    try self.init(method: json["method"]?.string ?? "GET", url: url, fields: fields.map { (name: $0.0 ?? "", value: $0.1 ?? "") }, client: json["client"]?.string)
  }

  /// Bytes of a head; and of a stand-in, which must fit into a socket.
  public static let bytesLimit = 65_536
}

extension WorkerIsolation {
  /// Sends a request through the worker and tells what became of it. Origins are asked unless the request says what they answer; the cache is
  /// the worker's own.
  /// - Returns: the explanation as Documentation/explain.md has it; `failure` alone where the request was none.
  public func explain(_ request: ExplainedRequest) async -> JSONObject { await worker.explain(request) }
}

extension Worker {
  fileprivate nonisolated(nonsending) func explain(_ asked: ExplainedRequest) async -> JSONObject {
    var ends: [Int32] = [-1, -1]
    guard asked.head.count <= ExplainedRequest.bytesLimit, asked.standIn?.count ?? 0 <= ExplainedRequest.bytesLimit,
      unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0
    else { return ["failure": .string("the request is too long, or the system has no sockets left")] }
    _ = unsafe asked.head.withUnsafeBytes { unsafe Glibc.send(ends[1], $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
    let reader = AnswerReader(Socket(loop: loop, descriptor: ends[1]))
    defer { reader.close() }
    let explanation = Explanation(isSecure: asked.isSecure, standIn: asked.standIn)
    var viewer = ServerConnection(Socket(loop: loop, descriptor: ends[0]), peer: asked.client, context)
    var refusal: String?
    do throws(WireFailure) {
      if let request = try await viewer.nextRequest() {
        observer = explanation
        try await serve(request, &viewer)
      } else { refusal = "it is no request" }
    } catch {
      if case .refused(let reason) = error { refusal = "\(reason.status): \(reason.explanation)" } else { refusal = "the connection broke" }
    }
    observer = nil
    viewer.close()
    await reader.waitForEnd()
    var json = explanation.json(answer: reader.head, contentBytes: reader.contentBytes)
    if let refusal { json.append("refusal", .string(refusal)) }
    return json
  }
}

/// Takes what a viewer is sent: keeps the head, counts the content.
private final class AnswerReader {
  private var stream: Stream
  private var bytes: [UInt8] = []
  private var total = 0
  private var isDone = false
  private let end = Pause()
  private var isAwaited = false

  init(_ socket: Socket) {
    stream = Stream(socket)
    socket.whenDisturbed = { [unowned self] _ in read() }
  }

  private func read() {
    while !isDone {
      guard let result = try? stream.attemptRead(), result == .bytes else {
        isDone = stream.socket.peerFinished || stream.socket.failure != nil
        if isDone, isAwaited { end.wake() }
        return
      }
      total += stream.input.count
      if bytes.count < ExplainedRequest.bytesLimit { bytes += stream.input.readable.copied }
      stream.input.consume(stream.input.count)
    }
  }

  private var headLength: Int {
    guard bytes.count >= 4 else { return bytes.count }
    for index in 0...(bytes.count - 4) where bytes[index] == 13 && bytes[index + 1] == 10 && bytes[index + 2] == 13 && bytes[index + 3] == 10 { return index + 4 }
    return bytes.count
  }
  /// The answer's head.
  var head: String { String(decoding: bytes.prefix(headLength), as: UTF8.self) }
  /// Bytes behind it.
  var contentBytes: Int { total - headLength }

  /// Waits until the viewer's connection has been closed.
  nonisolated(nonsending) func waitForEnd() async {
    read()
    guard !isDone else { return }
    isAwaited = true
    await end.wait()
  }

  func close() { stream.socket.close() }
}
