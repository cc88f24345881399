// One connection, step by step: what it leaves behind, what it waits for, what it keeps.
import COpenSSL
import Glibc
import Testing

@testable import TLS

/// OpenSSL's queue of errors, which is the thread's and not a connection's.
private enum Errors {
  private static func function<Signature>(_ name: String, _: Signature.Type) -> Signature? {
    unsafe dlsym(nil, name).map { unsafe unsafeBitCast($0, to: Signature.self) }
  }

  /// Leaves an error of somebody else's there.
  static func leave() {
    typealias Open = @convention(c) (UnsafePointer<CChar>, UnsafePointer<CChar>) -> OpaquePointer?
    let file = unsafe function("BIO_new_file", Open.self)?("/nowhere/at/all", "r")
    #expect(unsafe file == nil)
    #expect(!isEmpty)
  }
  static var isEmpty: Bool {
    typealias Peek = @convention(c) () -> UInt
    return function("ERR_peek_error", Peek.self)?() == 0
  }
}

@Suite struct ConnectionTests {
  // MARK: Errors of others

  /// Whatever another connection of the thread has left in the queue is no error of this one's, at no step of its life.
  @Test(arguments: [TLSVersion.tls12, .tls13])
  func errorsOfOthersAreNoErrors(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common()
    let pair = try Pair(try certificates.server(), try certificates.client(version ... version))
    try pair.shake(before: Errors.leave)
    for (from, to) in [(pair.client, pair.server), (pair.server, pair.client)] {
      Errors.leave()
      #expect(pair.read(to) == .wait)
      Errors.leave()
      #expect(pair.write("hello", from) == 5)
      Errors.leave()
      #expect(pair.read(to) == .bytes(5))
    }
    Errors.leave()
    #expect(pair.client.sayGoodbye())
    Errors.leave()
    #expect(pair.read(pair.server) == .end)
    #expect(pair.server.violation == nil)
  }

  /// The reason of a failure is its own, and no failure leaves anything in the queue.
  @Test func failuresSpeakForThemselves() throws {
    let certificates = try MadeCertificates.common()
    for (bytes, kind) in [([22, 3, 1, 0, 4, 2, 0, 0, 0], .malformed), (Array("GET / HTTP/1.1\r\n".utf8), .plainHTTP)] as [([UInt8], TLSFailure.Kind)] {
      let pair = try Pair(try certificates.server(), try certificates.client())
      _ = unsafe send(pair.sockets.second, bytes, bytes.count, 0)
      Errors.leave()
      let failure = #expect(throws: TLSFailure.self) { try pair.step(pair.server) }
      #expect(failure?.kind == kind)
      #expect(failure?.reason.contains("No such file") == false)
      #expect(Errors.isEmpty)
    }
    let pair = try Pair(try certificates.server(), try certificates.client())
    try pair.shake()
    _ = unsafe send(pair.sockets.second, [23, 3, 3, 0, 32] + [UInt8](repeating: 1, count: 32), 37, 0)
    Errors.leave()
    #expect(pair.read(pair.server) == .failed)
    #expect(pair.server.violation?.reason == "decryption failed or bad record mac")
    #expect(Errors.isEmpty)
  }

  // MARK: Waiting

  /// A flight that the socket does not take at once is waited for as such.
  @Test(arguments: [TLSVersion.tls12, .tls13])
  func aHandshakeWaitsForRoom(_ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common()
    let pair = try Pair(try certificates.server("long"), try certificates.client(version ... version))
    pair.sockets.narrow()
    #expect(try pair.step(pair.client) == .waitReadable)
    #expect(try pair.step(pair.server) == .waitWritable)
    #expect(try pair.step(pair.server) == .waitWritable)   // nobody has read since
    try pair.shake()
    #expect(pair.write("hello", pair.client) == 5)
    #expect(pair.read(pair.server) == .bytes(5))
  }

  // MARK: What is kept

  /// A viewer's first message is kept until its fingerprints are made, and only where these are wanted.
  @Test(arguments: [true, false], [TLSVersion.tls12, .tls13])
  func theClientHelloIsNotKept(_ isWanted: Bool, _ version: TLSVersion) throws {
    let certificates = try MadeCertificates.common()
    let pair = try Pair(try certificates.server { $0.keepsClientHello = isWanted }, try certificates.client(version ... version))
    #expect(try pair.step(pair.client) == .waitReadable)
    #expect(try pair.step(pair.server) == .waitReadable)
    var bytes: UnsafePointer<UInt8>?
    #expect(unsafe (sk_tls_hello(pair.server.handle, &bytes) > 0) == isWanted)
    try pair.shake()
    #expect(unsafe sk_tls_hello(pair.server.handle, &bytes) == 0)
    #expect((pair.server.fingerprints != nil) == isWanted)
    if isWanted { #expect(pair.server.fingerprints?.ja4.hasPrefix("t\(version == .tls13 ? "13" : "12")d") == true) }
  }
}
