// Records of columns, as they stand in the file.

import Testing

@testable import Telemetry

/// What a record looks like whose columns `build` adds, without its line feed.
private func record(_ build: (inout LogBuffer) -> Void) throws -> String {
  let file = TemporaryFile()
  let writer = try LogWriter(.file(file.path), diagnostics: nil)
  var log = writer.makeBuffer()
  log.beginRecord()
  build(&log)
  log.endRecord()
  log.flush()
  #expect(writer.close(deadlineMilliseconds: 5_000))
  #expect(file.text.hasSuffix("\n") || file.text.isEmpty)
  return String(file.text.dropLast())
}

@Suite struct LogColumnsTests {
  static let encoded: [([UInt8], String)] = [
    ([], "-"), (Array("/a/b.html".utf8), "/a/b.html"), (Array("-".utf8), "-"), (Array("a b".utf8), "a%20b"), (Array("a%20b".utf8), "a%2520b"),
    (Array("Mozilla/5.0 (X11; Linux x86_64)".utf8), "Mozilla/5.0%20(X11;%20Linux%20x86_64)"),
    (Array("\t\n\r\u{0}\u{7f}".utf8), "%09%0A%0D%00%7F"), (Array("é".utf8), "%C3%A9"), ([0xff], "%FF"),
    (Array("<>\"#%{}|\\^~[]`'".utf8), "%3C%3E%22%23%25%7B%7D%7C%5C%5E%7E%5B%5D%60%27"), (Array("!$&()*+,-./:;=?@_".utf8), "!$&()*+,-./:;=?@_"),
  ]
  @Test(arguments: encoded) func encodesAsCloudFrontDoes(_ value: [UInt8], _ expected: String) throws {
    #expect(try record { $0.column(encoding: value.span) } == expected)
  }

  @Test func everyKindOfColumn() throws {
    let time = Timestamp(milliseconds: 1_795_227_606_123)
    let text = try record { log in
      log.column(dateOf: time)
      log.column(timeOf: time)
      log.missing()
      log.column(0)
      log.column(-1)
      log.column(1_234_567)
      for status in [0, 200, 499] { log.column(status: status) }
      for milliseconds in [0, 7, 1_050, 60_000, -1] { log.column(milliseconds: milliseconds) }
      log.column("word")
      log.column("")
      log.column("token".utf8.span)
    }
    #expect(text.split(separator: "\t") == [
      "2026-11-21", "02:20:06", "-", "0", "-", "1234567", "000", "200", "499", "0.000", "0.007", "1.050", "60.000", "-", "word", "-", "token",
    ])
  }

  /// Values are cut so that a record always finds room; one that does not is lost and counted.
  @Test func longValuesAreCut() throws {
    let long = [UInt8](repeating: 0xff, count: 10_000)
    let text = try record { log in for _ in 0..<6 { log.column(encoding: long.span) } }
    let columns = text.split(separator: "\t", omittingEmptySubsequences: false)
    #expect(columns.count == 6 && columns[0].utf8.count == 3 * LogBuffer.valueLimitBytes)
    #expect(text.utf8.count < LogBlock.standardCapacityBytes)
    #expect(columns.allSatisfy { $0.utf8.count % 3 == 0 })
    let short = [UInt8](repeating: 120, count: 8_000)
    #expect(try record { log in for _ in 0..<20 { log.column(short.span) } }.isEmpty)
  }
}
