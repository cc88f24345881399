// Header compression (RFC 7541): the RFC's own examples, what must not be decoded, and that both sides' tables stay the same.
import Testing
import Transport
@testable import HTTPWire

/// Hexadecimal digits, spaces aside.
private func bytes(_ hexadecimal: String) -> [UInt8] {
  let digits = hexadecimal.filter { $0 != " " }.map { UInt8(String($0), radix: 16) ?? 0 }
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

private func copy(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

/// Blocks of one connection, and what their fields are.
private struct Blocks: Sendable, CustomTestStringConvertible {
  let name: String
  let blocks: [(hexadecimal: String, text: String)]
  var testDescription: String { name }

  static let examples: [Blocks] = [
    .init(name: "C.3 requests without Huffman code", blocks: [
      ("8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "GET / host: www.example.com"),
      ("8286 84be 5808 6e6f 2d63 6163 6865", "GET / cache-control: no-cache|host: www.example.com"),
      ("8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65", "GET /index.html custom-key: custom-value|host: www.example.com"),
    ]),
    .init(name: "C.4 requests with Huffman code", blocks: [
      ("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "GET / host: www.example.com"),
      ("8286 84be 5886 a8eb 1064 9cbf", "GET / cache-control: no-cache|host: www.example.com"),
      ("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", "GET /index.html custom-key: custom-value|host: www.example.com"),
    ]),
  ]
}

/// What one block comes to, as a line of text.
private func decoded(_ block: [UInt8], _ decoder: inout HPACKDecoder, cuts: [Int] = []) throws -> String {
  var fields = FieldBlock(.request, HeadLimits())
  var rest: [UInt8] = [], from = 0
  for end in cuts + [block.count] {
    rest += block[from..<end]
    rest.removeFirst(try decoder.decode(rest.span, isLast: end == block.count, into: &fields))
    from = end
  }
  guard case .request(let line) = try fields.endRequest(hasBody: false) else { return "refused" }
  let head = RequestHead(line: line, fields: fields.takeFields())
  var lines: [String] = []
  for i in 0..<head.fields.count { lines.append("\(head.fields.name(i).text): \(head.fields.value(i).text)") }
  return "\(head.methodBytes.text) \(head.target.text) \(lines.joined(separator: "|"))"
}

@Suite struct HPACKTests {
  @Test(arguments: Blocks.examples) private func examplesOfTheRFC(_ example: Blocks) throws {
    var decoder = HPACKDecoder()
    for (hexadecimal, text) in example.blocks { #expect(try decoded(bytes(hexadecimal), &decoder) == text) }
  }

  /// A field that is not whole waits for the next frame, wherever it was cut.
  @Test func cutAnywhereItIsTheSame() throws {
    let block = bytes(Blocks.examples[1].blocks[0].hexadecimal)
    for first in 1..<block.count {
      for second in first..<block.count {
        var decoder = HPACKDecoder()
        #expect(try decoded(block, &decoder, cuts: [first, second]) == Blocks.examples[1].blocks[0].text)
      }
    }
  }

  /// C.5: the table has 256 bytes, so entries leave it.
  @Test func entriesLeaveTheTable() throws {
    let blocks = [
      "3fe1 01", "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
      "4803 3330 37c1 c0bf",
    ]
    var decoder = HPACKDecoder(), statuses: [Int] = [], fields = 0
    for block in blocks {
      var response = FieldBlock(.response, HeadLimits())
      _ = try decoder.decode(bytes(block).span, isLast: true, into: &response)
      guard block.count > 8 else { continue }
      statuses.append(try response.endResponse(hasBody: true).status)
      fields += response.takeFields().count
    }
    #expect(statuses == [302, 307] && fields == 6)
    #expect(throws: HPACKDecoder.Failure.compression) {   // 302 has left for 307: there are four entries
      var response = FieldBlock(.response, HeadLimits())
      _ = try decoder.decode(bytes("c2").span, isLast: true, into: &response)
    }
  }

  @Test(arguments: [
    ("index 0", "80"), ("an index beyond the table", "be"), ("an integer without end", "ffffffffffffffff"), ("a table larger than allowed", "3fe21f"),
    ("a change of the table's size behind a field", "8220"), ("a block that ends in a field", "400a637573"), ("padding of eight bits", "008365 ff ff 00"),
    ("the end of the string", "0084ffffffff 00"), ("padding of zeros", "00811800"),
  ])
  func whatCannotBeDecoded(_ what: String, _ block: String) {
    var decoder = HPACKDecoder()
    #expect(throws: HPACKDecoder.Failure.compression) { _ = try decoded(bytes(block), &decoder) }
  }

  @Test func aStringBeyondAllBounds() {
    var decoder = HPACKDecoder()
    #expect(throws: HPACKDecoder.Failure.tooMuch) { _ = try decoded(bytes("00 7f ffff7f"), &decoder) }
  }

  /// Every byte comes back from python's encoder: code for all 256 of them, in one string.
  @Test func everyCode() throws {
    let text = (0..<256).map { UInt8($0) }
    let code = bytes(allBytes)
    var out = ByteBuffer()
    #expect(HuffmanCode.shared.decode(code.span, to: &out))
    #expect(copy(out.readable) == text)
  }

  /// What this side encodes its own decoder reads, through changes of the table's size, and fields that come again are short.
  @Test func bothSidesAgree() throws {
    var encoder = HPACKEncoder(), decoder = HPACKDecoder()
    var sizes: [Int] = []
    for round in 0..<200 {
      if round == 50 { encoder.limit(to: 0) }
      if round == 60 { encoder.limit(to: 100); encoder.limit(to: 9_000) }
      var out = ByteBuffer(capacity: 4_096)
      encoder.begin(&out)
      let path = Array("/\(round)".utf8), other = Array("X-Number-\(round % 7)".utf8), value = Array("\(round % 14) and some more".utf8), etag = Array("\"\(round)\"".utf8)
      encoder.method(Array("GET".utf8).span, &out)
      encoder.scheme(isSecure: true, &out)
      encoder.authority(Array("example.com".utf8).span, &out)
      encoder.path(path.span, &out)
      encoder.field(Array("Cache-Control".utf8).span, .cacheControl, Array("max-age=60".utf8).span, &out)
      encoder.field(other.span, .other, value.span, &out)
      encoder.field(Array("ETag".utf8).span, .etag, etag.span, &out)
      encoder.field(Array("Cookie".utf8).span, .cookie, Array("a=b".utf8).span, &out)
      let text = try decoded(copy(out.readable), &decoder)
      #expect(text == "GET /\(round) cache-control: max-age=60|x-number-\(round % 7): \(round % 14) and some more|etag: \"\(round)\"|cookie: a=b|host: example.com")
      sizes.append(out.count)
    }
    #expect(sizes[40] < sizes[0] && sizes[190] < 50)
  }

  /// What is secret is a literal that is never indexed (RFC 7541, 6.2.3), though a table has just the same; and is not entered into one.
  @Test func secretsAreNeverIndexed() throws {
    func representation(_ encode: (inout HPACKEncoder, inout ByteBuffer) -> Void) -> (first: UInt8, second: UInt8) {
      var encoder = HPACKEncoder()
      func once() -> UInt8 {
        var out = ByteBuffer(capacity: 256)
        encode(&encoder, &out)
        return out.readable[0]
      }
      var warm = ByteBuffer(capacity: 256)
      encoder.authority(Array("a.test".utf8).span, &warm)
      encoder.field(Array("X-Key".utf8).span, .other, Array("v".utf8).span, &warm)
      return (once(), once())
    }
    let key = Array("X-Key".utf8), value = Array("v".utf8), host = Array("a.test".utf8), root = Array("/".utf8)
    for (first, second) in [
      representation { $0.field(key.span, .other, value.span, isSecret: true, &$1) }, representation { $0.authority(host.span, isSecret: true, &$1) },
      representation { $0.path(root.span, isSecret: true, &$1) }, representation { $0.field(Array("Cookie".utf8).span, .cookie, value.span, &$1) },
    ] { #expect(first & 0xf0 == 0x10 && second & 0xf0 == 0x10) }
    #expect(representation { $0.field(key.span, .other, value.span, &$1) }.first & 0x80 != 0)
  }

  /// Of what comes it is noted which fields must not be indexed.
  @Test func neverIndexedIsNoted() throws {
    var decoder = HPACKDecoder(), block = FieldBlock(.request, HeadLimits())
    let text = bytes("82 87 14 022f78 11 06612e74657374 10 05782d6b6579 0176 00 05782d707562 0176 1f08 0176")
    _ = try decoder.decode(text.span, isLast: true, into: &block)
    #expect(block.neverIndexed.path && block.neverIndexed.names.has(.host) && block.neverIndexed.names.has(.other) && block.neverIndexed.names.has(.authorization))
    #expect(!block.neverIndexed.names.has(.cookie))
  }
}

private let allBytes = """
  ffc7fffd8fffffe2fffffe3fffffe4fffffe5fffffe6fffffe7fffffe8ffffeafffffff3fffffa7fffffabffffffdfffffebfffffecfffffedfffffeefffffefffffff0ffffff1ffffff2f
  ffffffbfffffcffffffd3fffffd7fffffdbfffffdffffffe3fffffe7fffffebfffffed4fe3f9ffaffcabf1febfafefe7fdfd2cbb00089969b71d79fb9f7fff20ffbff3ff50ddbd7f061c58
  f265cd9f469d5af66dddbf871e5f9cff7ff7fffc3ff9ffe45fff4719242cb34e6e9d68a6a3d7dac426defe3cfaf7fffbfe7ffbffdffffffcfffe6ffff4bfff9ffffa3fffd3ffff53fffd5f
  fffb3fffeb7fffdaffffb7ffff73fffeeffffdeffffebffffbfffffd9ffffdbfffebffffe0ffffeeffffc3ffff8bffff1ffffe4fffee7fffb1ffff97fffd9ffffcdffff9fffffbffffdaff
  feeffff4ffffb7fffee7fffe8ffffd3fffdeffffd5fffeeffffbdffffe1fffdfffff7fffff5ffffecffff07fff87fffe0ffff17fffedffff87ffff77fffeffffeaffff8bfffe3ffff93fff
  f87fffcbffff37ffff1fffff83ffffe1fffebfffe3ffff3fffff2ffffa3ffffd9fffff17ffffc7fffff27ffffdefffffbffffff2fffff8fffffb7fff97fff8fffffe6fffffc1fffff87fff
  fe7fffffc5ffffe5fffe4ffff2fffffd1fffff4ffffffefffffe3fffffc9fffff97fffb3ffffcffffb7fffcdffff4ffff9ffffd1ffffcffffeaffffafffffddffffeffffff4fffff5fffff
  abffffa7ffffd7fffff9bffffecfffffb7fffff3fffffe8fffffd3fffffabfffff5fffffff7ffffecfffffdbfffffbbfffff7ffffff0fffffbbf
  """.filter { !$0.isWhitespace }
