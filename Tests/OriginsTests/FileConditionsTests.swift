// Conditions and ranges: RFC 9110, sections 13 and 14.

import Testing

@testable import Origins

/// 1,000 bytes, changed on Sun, 06 Nov 1994 08:49:37 GMT.
private let file = FileVersion(size: 1_000, modifiedSeconds: 784_111_777, modifiedNanoseconds: 255)
private let tag = "\"3e8-2ebc98a1.ff\""
private let date = "Sun, 06 Nov 1994 08:49:37 GMT"
private let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
private let later = "Sun, 06 Nov 1994 08:49:38 GMT"

private func conditions(_ build: (inout FileConditions) -> Void) -> FileConditions {
  var conditions = FileConditions()
  build(&conditions)
  return conditions
}

@Suite struct FileConditionsTests {
  @Test func hasAStrongValidatorThatChangesWithTheFile() {
    #expect(file.etag == tag)
    #expect(file.lastModified == date)
    var other = file
    other.modifiedNanoseconds += 1
    #expect(other.etag != file.etag)
    other = file
    other.size += 1
    #expect(other.etag != file.etag)
  }

  static let ranges: [(String, FileSelection)] = [
    ("bytes=0-0", .part(0..<1)), ("bytes=0-499", .part(0..<500)), ("bytes=500-999", .part(500..<1_000)), ("bytes=500-", .part(500..<1_000)),
    ("bytes=500-5000", .part(500..<1_000)), ("bytes=-1", .part(999..<1_000)), ("bytes=-500", .part(500..<1_000)),
    ("bytes=-5000", .part(0..<1_000)), ("Bytes=0-1", .part(0..<2)), ("bytes=0-99999999999999999999999", .part(0..<1_000)),
    ("bytes=1000-", .rangeNotSatisfiable), ("bytes=1000-2000", .rangeNotSatisfiable), ("bytes=-0", .rangeNotSatisfiable),
    ("bytes=99999999999999999999999-", .rangeNotSatisfiable),
    ("bytes=5-4", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole), ("bytes=0-1,5-6", .whole), ("bytes= 0-1", .whole),
    ("bytes=+1-2", .whole), ("bytes=1--2", .whole), ("chars=0-1", .whole), ("0-1", .whole), ("", .whole),
  ]

  @Test(arguments: ranges) func selectsRanges(_ range: String, _ expected: FileSelection) {
    #expect(conditions { $0.range = range }.select(file, isHead: false) == expected)
    #expect(conditions { $0.range = range }.select(file, isHead: true) == .whole)
  }

  @Test func anEmptyFileHasNoRanges() {
    let empty = FileVersion(size: 0, modifiedSeconds: 0, modifiedNanoseconds: 0)
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
      #expect(conditions { $0.range = range }.select(empty, isHead: false) == .rangeNotSatisfiable)
    }
    #expect(FileConditions().select(empty, isHead: false) == .whole)
  }

  @Test(arguments: [
    (tag, true, true), ("*", true, true), ("\"other\", \(tag)", true, true), ("\"other\",\(tag),\"x\"", true, true), ("W/\(tag)", true, false),
    ("\"other\"", false, false), ("", false, false), ("3e8-2ebc98a1.ff", false, false), ("\"open", false, false),
    ("\"a, \(tag.dropFirst())", false, false),
  ])
  func comparesEntityTags(_ list: String, _ weakly: Bool, _ strongly: Bool) {
    #expect(FileConditions.lists(list, tag, weakly: true) == weakly)
    #expect(FileConditions.lists(list, tag, weakly: false) == strongly)
  }

  static let cases: [(String, FileConditions, FileSelection)] = [
    ("none", FileConditions(), .whole),
    ("same tag", conditions { $0.ifNoneMatch = tag }, .notModified),
    ("other tag", conditions { $0.ifNoneMatch = "\"x\"" }, .whole),
    ("tag before date", conditions { $0.ifNoneMatch = "\"x\""; $0.ifModifiedSince = date }, .whole),
    ("same date", conditions { $0.ifModifiedSince = date }, .notModified),
    ("later date", conditions { $0.ifModifiedSince = later }, .notModified),
    ("earlier date", conditions { $0.ifModifiedSince = earlier }, .whole),
    ("no date", conditions { $0.ifModifiedSince = "yesterday" }, .whole),
    ("if-match same", conditions { $0.ifMatch = tag }, .whole),
    ("if-match other", conditions { $0.ifMatch = "\"x\"" }, .preconditionFailed),
    ("if-match weak", conditions { $0.ifMatch = "W/\(tag)" }, .preconditionFailed),
    ("if-match before not modified", conditions { $0.ifMatch = "\"x\""; $0.ifNoneMatch = tag }, .preconditionFailed),
    ("unmodified since then", conditions { $0.ifUnmodifiedSince = date }, .whole),
    ("modified since", conditions { $0.ifUnmodifiedSince = earlier }, .preconditionFailed),
    ("not modified before range", conditions { $0.ifNoneMatch = tag; $0.range = "bytes=0-1" }, .notModified),
    ("if-range tag", conditions { $0.ifRange = tag; $0.range = "bytes=0-1" }, .part(0..<2)),
    ("if-range other tag", conditions { $0.ifRange = "\"x\""; $0.range = "bytes=0-1" }, .whole),
    ("if-range weak tag", conditions { $0.ifRange = "W/\(tag)"; $0.range = "bytes=0-1" }, .whole),
    ("if-range date", conditions { $0.ifRange = date; $0.range = "bytes=0-1" }, .part(0..<2)),
    ("if-range later date", conditions { $0.ifRange = later; $0.range = "bytes=0-1" }, .whole),
    ("if-range spares 416", conditions { $0.ifRange = "\"x\""; $0.range = "bytes=5000-" }, .whole),
  ]

  @Test(arguments: cases) func decides(_ name: String, _ conditions: FileConditions, _ expected: FileSelection) {
    #expect(conditions.select(file, isHead: false) == expected)
  }
}
