// What is compressed, and that it can be unpacked: spec/request-pipeline.md, 9.

import Distribution
import HTTPWire
import TestTools
import Testing
import Transport

@testable import ObjectCache

@Suite struct CompressionTests {
  static let heads: [(String, Int, [String], AcceptEncoding, ContentCoding?)] = [
    ("gzip", 200, ["Content-Type: text/css", "Content-Length: 1000"], .gzip, .gzip), ("Brotli", 200, ["Content-Type: text/css", "Content-Length: 1000"], .brotli, .brotli),
    ("Brotli before gzip", 200, ["Content-Type: text/css", "Content-Length: 1000"], .brotliAndGzip, .brotli),
    ("nobody asks", 200, ["Content-Type: text/css", "Content-Length: 1000"], .identity, nil), ("too short", 200, ["Content-Type: text/css", "Content-Length: 999"], .gzip, nil),
    ("long", 200, ["Content-Type: text/css", "Content-Length: 10000000"], .gzip, .gzip), ("too long", 200, ["Content-Type: text/css", "Content-Length: 10000001"], .gzip, nil),
    ("no length", 200, ["Content-Type: text/css", "Transfer-Encoding: chunked"], .gzip, nil), ("a 404", 404, ["Content-Type: text/css", "Content-Length: 1000"], .gzip, .gzip),
    ("a 500", 500, ["Content-Type: text/css", "Content-Length: 1000"], .gzip, nil), ("a 201", 201, ["Content-Type: text/css", "Content-Length: 1000"], .gzip, nil),
    ("parameters and case", 200, ["Content-Type: Text/HTML ; charset=x", "Content-Length: 1000"], .gzip, .gzip),
    ("another type", 200, ["Content-Type: image/png", "Content-Length: 1000"], .gzip, nil), ("no type", 200, ["Content-Length: 1000"], .gzip, nil),
    ("woff2 is compressed already", 200, ["Content-Type: font/woff2", "Content-Length: 1000"], .gzip, nil),
    ("coded already", 200, ["Content-Type: text/css", "Content-Length: 1000", "Content-Encoding: br"], .gzip, nil),
    ("no-transform", 200, ["Content-Type: text/css", "Content-Length: 1000", "Cache-Control: no-transform"], .gzip, nil),
  ]

  @Test(arguments: heads) func choosesTheCoding(_ what: String, _ status: Int, _ fields: [String], _ accepted: AcceptEncoding, _ expected: ContentCoding?) throws {
    #expect(Compression.coding(for: try response(status, fields), accepted: accepted) == expected)
  }

  static let tags: [([String], String?, String?)] = [
    (["ETag: \"a\""], "W/\"a\"", "Accept-Encoding"), (["ETag: W/\"a\"", "Vary: Origin"], "W/\"a\"", "Accept-Encoding"), (["ETag: a"], nil, "Accept-Encoding"),
    (["Vary: accept-encoding, x"], nil, "accept-encoding, x"), (["Vary: *"], nil, "*"),
  ]

  @Test(arguments: tags) func changesTheHead(_ fields: [String], _ tag: String?, _ lastVary: String?) throws {
    var head = try response(200, fields + ["Content-Length: 5"])
    Compression.apply(.gzip, to: &head)
    var vary: String?
    for i in 0..<head.fields.count where head.fields[i].name == .vary { vary = head.fields.value(i).text }
    #expect(head.fields.first(.etag).map { head.fields.value($0).text } == tag)
    #expect(vary == lastVary && !head.fields.has(.contentLength))
    #expect(head.fields.first(.contentEncoding).map { head.fields.value($0).text } == "gzip")
  }

  /// In whatever pieces: the same bytes come out as in one piece or in others, and none is lost.
  @Test(arguments: [ContentCoding.gzip, .brotli]) func piecesMakeAWhole(_ coding: ContentCoding) throws {
    var random = SplitMix(seed: 11)
    let content = (0..<100_000).map { _ in UInt8.random(in: 97...104, using: &random) }
    let compressor = try #require(Compressor(coding, length: content.count))
    var out = ByteBuffer(), start = 0
    while start < content.count {
      let end = min(content.count, start + Int.random(in: 0...9_000, using: &random))
      #expect(compressor.run(content.span.extracting(start..<end), isLast: false, into: &out))
      start = end
    }
    #expect(compressor.run(Span(), isLast: true, into: &out))
    #expect(out.count > 30_000 && out.count < 50_000)   // three bits of each byte
    let nothing = try #require(Compressor(coding, length: 0))
    var empty = ByteBuffer()
    #expect(nothing.run(Span(), isLast: true, into: &empty))
    let isEmpty = empty.isEmpty
    #expect(!isEmpty)
  }
}
