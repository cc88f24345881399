// Asking a server whether redirect targets are there (`skerry redirects check --origin`): plain HTTP/1.1, a few requests at once, each on a
// connection of its own with a time limit. A tool's client, not the proxy's.
import Foundation
import Glibc
import RedirectRules
import Synchronization

struct TargetProbe {
  /// Requests at once, and how long one may take.
  private static let concurrency = 16, timeoutSeconds = 10
  private let host: String, port: String

  /// - Throws: ``Refusal`` for what is no `http://` address.
  init(_ origin: String) throws {
    guard let url = URL(string: origin), url.scheme == "http", let host = url.host, url.path.isEmpty || url.path == "/" else {
      throw Refusal("--origin takes an address such as http://127.0.0.1:3000, not \(origin)")
    }
    self.host = host
    port = String(url.port ?? 80)
  }

  /// Rules whose target is a path at which nothing is. A target is asked for once.
  func deadTargets(of table: RedirectTable) -> [RedirectFinding] {
    var lines: [String: [Int]] = [:], targets: [String] = []
    for index in 0..<table.count {
      let rule = table.rule(index)
      // What a capture completes is a place for each request.
      guard rule.kind == .exact, rule.to.hasPrefix("/"), !rule.to.hasPrefix("//") else { continue }
      let target = String(rule.to.prefix { $0 != "#" })
      if lines[target] == nil { targets.append(target) }
      lines[target, default: []].append(index)
    }
    let asked = targets, next = Atomic<Int>(0), dead = Mutex<[String: String]>([:])
    DispatchQueue.concurrentPerform(iterations: Self.concurrency) { _ in
      while true {
        let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard index < asked.count else { return }
        if let reason = reasonDead(asked[index]) { dead.withLock { $0[asked[index]] = reason } }
      }
    }
    let found = dead.withLock { $0 }
    return targets.flatMap { target -> [RedirectFinding] in
      guard let reason = found[target] else { return [] }
      return (lines[target] ?? []).map { index in
        let rule = table.rule(index)
        return RedirectFinding(.deadTarget, line: rule.line, example: rule.from, target: target, "\(target) \(reason)")
      }
    }
  }

  /// Why a target is dead: HEAD, and GET where HEAD is not allowed.
  private func reasonDead(_ target: String) -> String? {
    var status = ask("HEAD", target)
    if status == 405 || status == 501 { status = ask("GET", target) }
    guard let status else { return "gets no answer" }
    return status >= 400 ? "answers \(status)" : nil
  }

  /// The status of one request; nil without an answer.
  private func ask(_ method: String, _ target: String) -> Int? {
    guard let descriptor = connect() else { return nil }
    defer { close(descriptor) }
    let path = String(decoding: target.utf8.flatMap { $0 > 0x20 && $0 < 0x7F ? [$0] : Array("%\(String($0 >> 4, radix: 16))\(String($0 & 15, radix: 16))".utf8) }, as: UTF8.self)
    let request = Array("\(method) \(path) HTTP/1.1\r\nHost: \(host):\(port)\r\nUser-Agent: skerry\r\nConnection: close\r\n\r\n".utf8)
    guard unsafe request.withUnsafeBytes({ unsafe send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }) == request.count else { return nil }
    var head: [UInt8] = [], piece = [UInt8](repeating: 0, count: 512)
    while head.count < 12 {
      let count = unsafe piece.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { return nil }
      head += piece[..<count]
    }
    guard head.starts(with: "HTTP/1.".utf8) else { return nil }
    return Int(String(decoding: head[9..<12], as: UTF8.self))
  }

  private func connect() -> Int32? {
    var hints = unsafe addrinfo(), found: UnsafeMutablePointer<addrinfo>?
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    guard unsafe getaddrinfo(host, port, &hints, &found) == 0, let first = unsafe found else { return nil }
    defer { unsafe freeaddrinfo(first) }
    let descriptor = unsafe socket(first.pointee.ai_family, first.pointee.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var limit = timeval(tv_sec: Self.timeoutSeconds, tv_usec: 0)
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if unsafe Glibc.connect(descriptor, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 { return descriptor }
    close(descriptor)
    return nil
  }
}
