// Conditions and ranges: RFC 9110, sections 13 and 14.

import Testing

import Transport

@testable import HTTPWire

/// 1,000 bytes, changed on Sun, 06 Nov 1994 08:49:37 GMT.
private let size = 1_000
private let tag = "\"3e8-2ebc98a1.ff\""
private let content = Validators(etag: tag, modifiedSeconds: 784_111_777)
private let date = "Sun, 06 Nov 1994 08:49:37 GMT"
private let earlier = "Sun, 06 Nov 1994 08:49:36 GMT"
private let later = "Sun, 06 Nov 1994 08:49:38 GMT"

private func conditions(_ build: (inout Conditions) -> Void) -> Conditions {
  var conditions = Conditions()
  build(&conditions)
  return conditions
}

@Suite struct ConditionsTests {
  static let ranges: [(String, Selection)] = [
    ("bytes=0-0", .parts([0..<1])), ("bytes=0-499", .parts([0..<500])), ("bytes=500-999", .parts([500..<1_000])), ("bytes=500-", .parts([500..<1_000])),
    ("bytes=500-5000", .parts([500..<1_000])), ("bytes=-1", .parts([999..<1_000])), ("bytes=-500", .parts([500..<1_000])),
    ("bytes=-5000", .parts([0..<1_000])), ("Bytes=0-1", .parts([0..<2])), ("bytes=0-99999999999999999999999", .parts([0..<1_000])),
    ("bytes=1000-", .rangeNotSatisfiable), ("bytes=1000-2000", .rangeNotSatisfiable), ("bytes=-0", .rangeNotSatisfiable),
    ("bytes=99999999999999999999999-", .rangeNotSatisfiable),
    ("bytes=5-4", .whole), ("bytes=", .whole), ("bytes=-", .whole), ("bytes=a-b", .whole), ("bytes= 0-1", .whole),
    ("bytes=+1-2", .whole), ("bytes=1--2", .whole), ("chars=0-1", .whole), ("0-1", .whole), ("", .whole),
    // Several: ascending ones that do not overlap (spec/request-pipeline.md, 14.3).
    ("bytes=0-1,5-6", .parts([0..<2, 5..<7])), ("bytes=0-1, 2-3", .parts([0..<2, 2..<4])), ("bytes=0-1,,\t 5-6 ,", .parts([0..<2, 5..<7])),
    ("bytes=0-1,-2", .parts([0..<2, 998..<1_000])), ("bytes=0-1,5000-", .parts([0..<2])), ("bytes=5000-,6000-", .rangeNotSatisfiable),
    ("bytes=5-6,0-1", .whole), ("bytes=0-5,5-6", .whole), ("bytes=-2,0-1", .whole), ("bytes=0-1,x", .whole), ("bytes=0-1,bytes=5-6", .whole),
    ("bytes=0-,-1", .whole), ("bytes=,", .whole),
  ]

  @Test(arguments: ranges) func selectsRanges(_ range: String, _ expected: Selection) {
    #expect(conditions { $0.range = range }.select(content, size: size, isHead: false) == expected)
    #expect(conditions { $0.range = range }.select(content, size: size, isHead: true) == .whole)
  }

  @Test func tooManyRangesAreNone() {
    let ranges = (0...Conditions.partsLimit).map { "\($0 * 2)-\($0 * 2)" }
    func select(_ count: Int, limit: Int) -> Selection {
      conditions { $0.range = "bytes=" + ranges.prefix(count).joined(separator: ",") }.select(content, size: size, isHead: false, partsLimit: limit)
    }
    #expect(select(64, limit: 64) == .parts((0..<64).map { $0 * 2..<$0 * 2 + 1 }))
    #expect(select(65, limit: 64) == .whole)
    #expect(select(2, limit: 1) == .whole)
  }

  @Test func nothingIsSaidOfASizeThatNobodyKnows() {
    #expect(conditions { $0.range = "bytes=0-1" }.select(content, size: nil, isHead: false) == .whole)
  }

  @Test func contentWithoutValidatorsMeetsFewConditions() {
    let none = Validators()
    #expect(conditions { $0.ifNoneMatch = tag }.select(none, size: 1, isHead: false) == .whole)
    #expect(conditions { $0.ifNoneMatch = "*" }.select(none, size: 1, isHead: false) == .notModified)
    #expect(conditions { $0.ifMatch = tag }.select(none, size: 1, isHead: false) == .preconditionFailed)
    #expect(conditions { $0.ifMatch = "*" }.select(none, size: 1, isHead: false) == .whole)
    #expect(conditions { $0.ifModifiedSince = date }.select(none, size: 1, isHead: false) == .whole)
    #expect(conditions { $0.ifRange = date; $0.range = "bytes=0-0" }.select(none, size: 1, isHead: false) == .whole)
  }

  @Test func aWeakTagMatchesWeakly() {
    let weak = Validators(etag: "W/\"a\"")
    #expect(conditions { $0.ifNoneMatch = "\"a\"" }.select(weak, size: 1, isHead: false) == .notModified)
    #expect(conditions { $0.ifNoneMatch = "W/\"a\"" }.select(weak, size: 1, isHead: false) == .notModified)
    #expect(conditions { $0.ifMatch = "W/\"a\"" }.select(weak, size: 1, isHead: false) == .preconditionFailed)
    #expect(conditions { $0.ifRange = "W/\"a\""; $0.range = "bytes=0-0" }.select(weak, size: 1, isHead: false) == .whole)
  }

  @Test func anEmptyFileHasNoRanges() {
    for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
      #expect(conditions { $0.range = range }.select(Validators(), size: 0, isHead: false) == .rangeNotSatisfiable)
    }
    #expect(Conditions().select(Validators(), size: 0, isHead: false) == .whole)
  }

  @Test(arguments: [
    (tag, true, true), ("*", true, true), ("\"other\", \(tag)", true, true), ("\"other\",\(tag),\"x\"", true, true), ("W/\(tag)", true, false),
    ("\"other\"", false, false), ("", false, false), ("3e8-2ebc98a1.ff", false, false), ("\"open", false, false),
    ("\"a, \(tag.dropFirst())", false, false),
  ])
  func comparesEntityTags(_ list: String, _ weakly: Bool, _ strongly: Bool) {
    #expect(Conditions.lists(list, tag, weakly: true) == weakly)
    #expect(Conditions.lists(list, tag, weakly: false) == strongly)
  }

  static let cases: [(String, Conditions, Selection)] = [
    ("none", Conditions(), .whole),
    ("same tag", conditions { $0.ifNoneMatch = tag }, .notModified),
    ("other tag", conditions { $0.ifNoneMatch = "\"x\"" }, .whole),
    ("tag before date", conditions { $0.ifNoneMatch = "\"x\""; $0.ifModifiedSince = date }, .whole),
    ("same date", conditions { $0.ifModifiedSince = date }, .notModified),
    ("later date", conditions { $0.ifModifiedSince = later }, .notModified),
    ("earlier date", conditions { $0.ifModifiedSince = earlier }, .whole),
    ("the same in RFC 850's form", conditions { $0.ifModifiedSince = "Sunday, 06-Nov-94 08:49:37 GMT" }, .notModified),
    ("the same in asctime's form", conditions { $0.ifModifiedSince = "Sun Nov  6 08:49:37 1994" }, .notModified),
    ("no date", conditions { $0.ifModifiedSince = "yesterday" }, .whole),
    ("if-match same", conditions { $0.ifMatch = tag }, .whole),
    ("if-match other", conditions { $0.ifMatch = "\"x\"" }, .preconditionFailed),
    ("if-match weak", conditions { $0.ifMatch = "W/\(tag)" }, .preconditionFailed),
    ("if-match before not modified", conditions { $0.ifMatch = "\"x\""; $0.ifNoneMatch = tag }, .preconditionFailed),
    ("unmodified since then", conditions { $0.ifUnmodifiedSince = date }, .whole),
    ("modified since", conditions { $0.ifUnmodifiedSince = earlier }, .preconditionFailed),
    ("not modified before range", conditions { $0.ifNoneMatch = tag; $0.range = "bytes=0-1" }, .notModified),
    ("if-range tag", conditions { $0.ifRange = tag; $0.range = "bytes=0-1" }, .parts([0..<2])),
    ("if-range other tag", conditions { $0.ifRange = "\"x\""; $0.range = "bytes=0-1" }, .whole),
    ("if-range weak tag", conditions { $0.ifRange = "W/\(tag)"; $0.range = "bytes=0-1" }, .whole),
    ("if-range date", conditions { $0.ifRange = date; $0.range = "bytes=0-1" }, .parts([0..<2])),
    ("if-range later date", conditions { $0.ifRange = later; $0.range = "bytes=0-1" }, .whole),
    ("if-range spares 416", conditions { $0.ifRange = "\"x\""; $0.range = "bytes=5000-" }, .whole),
  ]

  @Test(arguments: cases) func decides(_ name: String, _ conditions: Conditions, _ expected: Selection) {
    #expect(conditions.select(content, size: size, isHead: false) == expected)
  }
}
