// Fingerprints against published ones: the message is made from the fields they are made of.
import Testing
@testable import TLS

struct FingerprintTests {
  /// A ClientHello with these fields and a session id, random values where they do not count.
  private func message(_ hello: ClientHello) -> [UInt8] {
    func words(_ values: [UInt16]) -> [UInt8] { values.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } }
    func vector(_ bytes: [UInt8], _ lengthBytes: Int) -> [UInt8] {
      (0..<lengthBytes).reversed().map { UInt8(bytes.count >> ($0 * 8) & 255) } + bytes
    }
    func content(_ type: UInt16) -> [UInt8] {
      switch type {
      case 10: vector(words(hello.groups), 2)
      case 11: vector(hello.pointFormats, 1)
      case 13: vector(words(hello.signatureAlgorithms), 2)
      case 16: vector(vector(hello.applicationProtocol, 1), 2)
      case 43: vector(words(hello.versions), 1)
      default: [1, 2, 3]
      }
    }
    let extensions = hello.extensions.flatMap { words([$0]) + vector(content($0), 2) }
    let body = words([hello.legacyVersion]) + [UInt8](repeating: 7, count: 32) + vector([1, 2], 1) + vector(words(hello.ciphers), 2) + vector([0], 1)
    return [1] + vector(body + (hello.extensions.isEmpty ? [] : vector(extensions, 2)), 3)
  }

  private func parsed(_ hello: ClientHello) throws -> ClientHello {
    let bytes = message(hello)
    let read = ClientHello(message: bytes.span)
    return try #require(read)
  }

  /// The example of the JA3 article.
  @Test func ja3() throws {
    var hello = ClientHello()
    hello.legacyVersion = 769
    hello.ciphers = [47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4]
    hello.extensions = [0, 10, 11]
    hello.groups = [23, 24, 25]
    hello.pointFormats = [0]
    #expect(try parsed(hello).ja3Text == "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
    #expect(try parsed(hello).ja3 == "ada70206e40642a3e4461f35503241d5")
  }

  @Test func ja3WithoutExtensions() throws {
    var hello = ClientHello()
    hello.legacyVersion = 769
    hello.ciphers = [4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99]
    #expect(try parsed(hello).ja3 == "de350869b8c85de67a350c8d186f11e6")
  }

  /// The example of JA4's technical details; GREASE values and the order of the message do not count.
  @Test func ja4() throws {
    var hello = ClientHello()
    hello.legacyVersion = 0x0303
    hello.ciphers = [0x0a0a, 0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035]
    hello.extensions = [0x1a1a, 0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023, 0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015]
    hello.signatureAlgorithms = [0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601]
    hello.versions = [0x2a2a, 0x0304, 0x0303]
    hello.groups = [0x3a3a, 29, 23, 24]
    hello.applicationProtocol = Array("h2".utf8)
    #expect(try parsed(hello).ja4 == "t13d1516h2_8daaf6152771_e5627efa2ab1")
  }

  @Test func ja4OfLittle() throws {
    var hello = ClientHello()
    hello.legacyVersion = 0x0303
    #expect(try parsed(hello).ja4 == "t12i000000_000000000000_000000000000")
  }

  /// Every shortened or changed message is refused or read, never more.
  @Test func anythingElseIsBorne() {
    var hello = ClientHello()
    hello.ciphers = [1, 2]
    hello.extensions = [10, 11, 13, 16, 43]
    hello.applicationProtocol = [1]
    let whole = message(hello)
    for length in 0..<whole.count {
      let part = Array(whole[..<length])
      let isRefused = ClientHello(message: part.span) == nil
      #expect(isRefused)
    }
    var random = SystemRandomNumberGenerator()
    for _ in 0..<5000 {
      var changed = whole
      for _ in 0..<3 { changed[Int.random(in: 0..<changed.count, using: &random)] = UInt8.random(in: 0...255, using: &random) }
      if let read = ClientHello(message: changed.span) { _ = (read.ja3, read.ja4) }
    }
  }
}
