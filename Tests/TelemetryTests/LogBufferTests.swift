// The JSON that a LogBuffer builds, read back from the file it was written to.

import Glibc
import Testing

@testable import Telemetry

/// A file in /tmp that goes away with the value.
final class TemporaryFile {
  let path: String

  init() {
    var template = Array("/tmp/skerry-test-XXXXXX".utf8CString)
    let descriptor = unsafe template.withUnsafeMutableBufferPointer { unsafe mkstemp($0.baseAddress!) }
    close(descriptor)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit { unsafe unlink(path) }

  var text: String { String(decoding: bytes, as: UTF8.self) }

  var bytes: [UInt8] {
    let descriptor = unsafe open(path, O_RDONLY)
    defer { close(descriptor) }
    var result: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = unsafe read(descriptor, &part, part.count)
      if count <= 0 { return result }
      result += part[..<count]
    }
  }
}

/// What one line looks like whose fields `build` adds.
func line(at milliseconds: Int64 = 1_795_227_606_123, _ build: (inout LogBuffer) -> Void) throws -> String {
  let file = TemporaryFile()
  let writer = try LogWriter(.file(file.path), diagnostics: nil)
  var log = writer.makeBuffer()
  log.beginLine()
  log.moment("time", Timestamp(milliseconds: milliseconds))
  build(&log)
  log.endLine()
  log.flush()
  #expect(writer.close(deadlineMilliseconds: 5_000))
  return file.text
}

@Suite struct LogBufferTests {
  static let escapes: [([UInt8], String)] = [
    (Array("".utf8), ""),
    (Array("/".utf8), "/"),
    (Array("/a/plain/path.html".utf8), "/a/plain/path.html"),
    (Array("say \"hi\"".utf8), #"say \"hi\""#),
    (Array("\"12345678".utf8), #"\"12345678"#),
    (Array("1234567\"".utf8), #"1234567\""#),
    (Array("12345678\"".utf8), #"12345678\""#),
    (Array(#"a\b"#.utf8), #"a\\b"#),
    ([0, 9, 10, 13, 0x1f, 0x20, 0x7f], "\\u0000\\u0009\\u000a\\u000d\\u001f \u{7f}"),
    (Array("Grüße, 世界 👋".utf8), "Grüße, 世界 👋"),
    ([0x63, 0x61, 0x66, 0xe9], #"caf\u00e9"#),  // ISO-8859-1
    ([0xc0, 0xaf], #"\u00c0\u00af"#),  // overlong
    ([0xed, 0xa0, 0x80], #"\u00ed\u00a0\u0080"#),  // a surrogate
    ([0xf4, 0x90, 0x80, 0x80], #"\u00f4\u0090\u0080\u0080"#),  // beyond U+10FFFF
    ([0xe4, 0xb8], #"\u00e4\u00b8"#),  // cut off
    ([0xc3, 0x22], #"\u00c3\""#),  // a lead byte swallows no quote
    (Array(repeating: 0xff, count: 9), String(repeating: #"\u00ff"#, count: 9)),
  ]

  @Test(arguments: escapes) func escapesValues(_ value: [UInt8], _ expected: String) throws {
    let text = try line { $0.string("v", value.span) }
    #expect(text == "{\"time\":\"2026-11-21T02:20:06.123Z\",\"v\":\"\(expected)\"}\n")
  }

  /// One byte of every value at every place of a piece, among letters.
  @Test(arguments: 0..<16) func findsEverySpecialByteAtEveryPlace(_ place: Int) throws {
    let text = try line { log in
      for byte in UInt8.min...UInt8.max {
        var value = [UInt8](repeating: 97, count: 16)
        value[place] = byte
        log.string("v", value.span)
      }
    }
    let expected = (UInt8.min...UInt8.max).map { byte in
      let escaped =
        byte == 0x22 || byte == 0x5c ? "\\\(Character(Unicode.Scalar(byte)))"
        : byte < 0x20 || byte >= 0x80 ? "\\u00" + (byte < 16 ? "0" : "") + String(byte, radix: 16) : String(Character(Unicode.Scalar(byte)))
      return "\"v\":\"" + String(repeating: "a", count: place) + escaped + String(repeating: "a", count: 15 - place) + "\""
    }
    #expect(text == "{\"time\":\"2026-11-21T02:20:06.123Z\"," + expected.joined(separator: ",") + "}\n")
  }

  /// Values of every length around the sizes of the pieces, with a special byte at every place.
  @Test func escapesAtEveryPlaceOfEveryLength() throws {
    for length in [0, 1, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 47, 48] {
      let plain = (0..<length).map { UInt8(97 + $0 % 26) }
      let text = try line { log in
        log.string("plain", plain.span)
        for place in 0..<length {
          var value = plain
          value[place] = 10
          log.string("v", value.span)
        }
      }
      let letters = String(decoding: plain, as: UTF8.self)
      let expected = ["\"plain\":\"\(letters)\""] + (0..<length).map { place in
        "\"v\":\"\(letters.prefix(place))\\u000a\(letters.dropFirst(place + 1))\""
      }
      #expect(text == "{\"time\":\"2026-11-21T02:20:06.123Z\",\(expected.joined(separator: ","))}\n")
    }
  }

  @Test(arguments: [0, 9, 10, 99, 100, 999, 1_000, 9_999, 10_000, 99_999, 100_000, 99_999_999, 100_000_000, .max] as [UInt64])
  func countsDigits(_ value: UInt64) {
    #expect(decimalDigits(value) == "\(value)".count)
  }

  @Test func writesNumbersListsAndWords() throws {
    let text = try line { log in
      log.integer("zero", 0)
      log.integer("negative", -42)
      log.integer("largest", .max)
      log.integer("smallest", .min)
      log.decimal("time", thousandths: 12_005)
      log.decimal("short", thousandths: 7)
      log.decimal("never", thousandths: -7)
      log.boolean("reused", true)
      log.boolean("cold", false)
      log.word("result", "Miss")
      log.beginArray("functions")
      log.beginObject()
      log.token("name", "redirects".utf8Array.span)
      log.integer("cpu", 21)
      log.endObject()
      log.beginObject()
      log.endObject()
      log.endArray()
      log.beginArray("none")
      log.endArray()
      log.integer("last", 1)
    }
    let fields = #""zero":0,"negative":-42,"largest":9223372036854775807,"smallest":-9223372036854775808,"time":12.005,"short":0.007,"#
      + #""never":0.000,"reused":true,"cold":false,"result":"Miss","functions":[{"name":"redirects","cpu":21},{}],"none":[],"last":1"#
    #expect(text == "{\"time\":\"2026-11-21T02:20:06.123Z\",\(fields)}\n")
  }

  @Test func cutsLongValuesAndKeepsTheFieldsAfterThem() throws {
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: LogBuffer.valueLimitBytes + 1)
    let escaped = [UInt8](repeating: 1, count: 8_192)
    let text = try line { log in
      log.string("long", long.span)
      for _ in 0..<3 { log.string("escaped", escaped.span) }
      log.integer("status", 200)
    }
    #expect(text.contains("\"long\":\"" + String(repeating: "x", count: LogBuffer.valueLimitBytes) + "\""))
    #expect(text.hasSuffix(",\"status\":200}\n"))
    #expect(text.utf8.count < LogBlock.standardCapacityBytes)
  }

  @Test func dropsAndCountsALineThatCannotFit() throws {
    let file = TemporaryFile()
    let writer = try LogWriter(.file(file.path), diagnostics: nil)
    var log = writer.makeBuffer()
    let long = [UInt8](repeating: UInt8(ascii: "x"), count: 8_000)
    for fields in [1, 40, 1] {
      log.beginLine()
      for _ in 0..<fields { log.token("v", long.span) }
      log.endLine()
    }
    log.flush()
    #expect(writer.close(deadlineMilliseconds: 5_000))
    #expect(writer.statistics.linesTooLong == 1)
    #expect(writer.statistics.linesWritten == 2)
    #expect(file.text.split(separator: "\n").count == 2)
  }

  /// A line as the pipeline writes it.
  @Test func writesARealisticLine() throws {
    let text = try line(realisticLine)
    #expect(text.hasPrefix(#"{"time":"2026-11-21T02:20:06.123Z","requestId":"kR3"#))
    #expect(text.hasSuffix("\"referer\":\"https://www.example.com/\"}\n"))
  }
}

/// A line with the fields of a proxied request.
func realisticLine(_ log: inout LogBuffer) {
  log.token("requestId", "kR3yWvVZ0tq1Zb8FJ6Qm2c4nXoLhUeSgTdPaIiKjMlOpQrStUvWxYw==".utf8Array.span)
  log.token("clientIp", "203.0.113.7".utf8Array.span)
  log.integer("clientPort", 51_234)
  log.token("method", "GET".utf8Array.span)
  log.string("host", "www.example.com".utf8Array.span)
  log.string("uri", "/products/42/details.html".utf8Array.span)
  log.integer("status", 200)
  log.integer("bytesSent", 1_482)
  log.decimal("timeTaken", thousandths: 12)
  log.word("resultType", "Miss")
  log.string("userAgent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101".utf8Array.span)
  log.string("referer", "https://www.example.com/".utf8Array.span)
}

extension String {
  var utf8Array: [UInt8] { Array(utf8) }
}

/// The text of a file of this repository.
func file(_ name: String, test: StaticString = #filePath) throws -> String {
  var parts = "\(test)".split(separator: "/", omittingEmptySubsequences: false)
  parts.removeLast(3)
  let path = parts.joined(separator: "/") + "/" + name
  let descriptor = unsafe open(path, O_RDONLY)
  try #require(descriptor >= 0, "\(path) is missing")
  defer { close(descriptor) }
  var bytes = [UInt8](repeating: 0, count: 1_048_576)
  let count = unsafe read(descriptor, &bytes, bytes.count)
  return String(decoding: bytes[..<max(count, 0)], as: UTF8.self)
}

@Suite struct TimestampTests {
  @Test(arguments: [
    (0, "1970-01-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (951_782_400_000, "2000-02-29T00:00:00.000Z"),
    (1_795_227_606_123, "2026-11-21T02:20:06.123Z"),
    (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
    (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
    (Int64.max, "9999-"),
  ] as [(Int64, String)])
  func writes(_ milliseconds: Int64, _ expected: String) {
    let text = String(decoding: Timestamp(milliseconds: milliseconds).text, as: UTF8.self)
    #expect(text.hasPrefix(expected))
    #expect(text.utf8.count == Timestamp.textLength)
  }

  @Test func agreesWithTheCalendarOfTheCLibrary() {
    for day in stride(from: Int64(-200_000), to: 200_000, by: 37) {
      var seconds = time_t(day * 86_400), broken = unsafe tm()
      unsafe gmtime_r(&seconds, &broken)
      let (year, month, dayOfMonth) = Timestamp.civil(daysSinceEpoch: day)
      #expect(unsafe year == Int64(broken.tm_year) + 1900 && month == Int64(broken.tm_mon) + 1 && dayOfMonth == Int64(broken.tm_mday))
    }
  }
}
