// Owns: talking to a running proxy's admin address, for commands. Blocks; any thread.
import Glibc
import JSONText
public import Transport

/// A running proxy, as commands reach it.
public struct AdminClient {
  /// Why it could not be asked: one sentence.
  public struct Failure: Error, CustomStringConvertible {
    /// The sentence.
    public let description: String
  }

  /// An answer.
  public struct Answer {
    /// The status code.
    public var status: Int
    /// The content.
    public var body: [UInt8]
  }

  /// The longest answer that is taken.
  static let answerLimitBytes = 64 << 20
  /// How long each step may take.
  public static let timeoutMilliseconds = 60_000
  /// The same of a reload: of a large configuration it takes seconds, functions that it changes have functionTier.trialTimeout, and another may be under way.
  public static let reloadMilliseconds = 150_000

  private let address: SocketAddress
  private let token: [UInt8]

  /// - Parameters:
  ///   - address: as the configuration has it; every address stands for this machine's own.
  ///   - tokenPath: the token's file; not read for a Unix socket, which needs none.
  /// - Throws: ``Failure`` when the token cannot be read.
  public init(_ address: SocketAddress, tokenPath: String) throws(Failure) {
    self.address = address.isUnspecified ? address.loopback : address
    if case .unix = address {
      token = []
      return
    }
    guard let token = AdminToken.read(at: tokenPath) else {
      let reason = errno == 0 ? "it is empty" : unsafe String(cString: strerror(errno))
      throw Failure(description: "the admin token \(tokenPath) cannot be read: \(reason)")
    }
    self.token = token
  }

  /// Sends one request.
  /// - Throws: ``Failure`` when nobody answers, or not as a proxy of this kind does, or the token is not the right one.
  public func ask(_ method: String, _ path: String, content: [UInt8] = [], timeoutMilliseconds: Int = timeoutMilliseconds) throws(Failure) -> Answer {
    let host = if case .unix = address { "localhost" } else { address.description }
    var request = "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n"
    if method == "POST" { request += "Content-Length: \(content.count)\r\n" }
    if !token.isEmpty { request += "Authorization: Bearer \(String(decoding: token, as: UTF8.self))\r\n" }
    let bytes: [UInt8]
    do throws(IOFailure) {
      let connection = try BlockingConnection(to: address, Patience(milliseconds: timeoutMilliseconds))
      bytes = try connection.exchange(Array((request + "\r\n").utf8) + content, limit: Self.answerLimitBytes)
    } catch { throw Failure(description: reason(error)) }
    guard let answer = Answer(bytes) else { throw Failure(description: "what listens at \(address) is no skerry") }
    switch answer.status {
    case 401: throw Failure(description: "the proxy at \(address) has another token")
    case 403: throw Failure(description: "the proxy at \(address) refuses: \(String(decoding: answer.body.prefix { $0 >= 0x20 }, as: UTF8.self))")
    default: return answer
    }
  }

  private func reason(_ failure: IOFailure) -> String {
    switch failure {
    case .system(ECONNREFUSED), .system(ENOENT): "nobody listens at \(address): no proxy runs with this admin address"
    case .system(EACCES): "the Unix socket \(address) is another user's"
    case .timedOut, .system(EAGAIN): "the proxy at \(address) does not answer"
    case .system(let code): "the proxy at \(address) cannot be asked: \(unsafe String(cString: strerror(code)))"
    default: "the proxy at \(address) cannot be asked: \(failure)"
    }
  }
}

extension AdminClient.Answer {
  /// Nil for what is no answer of HTTP/1.1 that is closed behind its content.
  fileprivate init?(_ bytes: [UInt8]) {
    guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)), bytes.starts(with: Array("HTTP/1.1 ".utf8)) else { return nil }
    guard let status = Int(String(decoding: bytes.dropFirst(9).prefix(3), as: UTF8.self)) else { return nil }
    self.init(status: status, body: Array(bytes[end.upperBound...]))
  }
}

extension SocketAddress {
  /// This machine's own address of the same family and port.
  fileprivate var loopback: SocketAddress {
    switch self {
    case .ipv4(_, let port): .ipv4(0x7f00_0001, port: port)
    case .ipv6(_, _, let port): .ipv6(high: 0, low: 1, port: port)
    case .unix: self
    }
  }
}
