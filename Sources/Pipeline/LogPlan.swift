// Owns: the access log's settings as the hot path reads them, and what a log may want to know of a response's head.
import Distribution
import HTTPWire
import Transport

/// What a worker's access log says, as every request asks it. Nothing in it is counted by references, so that handing it on costs nothing.
struct LogPlan: BitwiseCopyable {
  /// Headers that are shown masked.
  struct Hidden: OptionSet, BitwiseCopyable {
    let rawValue: UInt8
    static let host = Hidden(rawValue: 1), userAgent = Hidden(rawValue: 2), referer = Hidden(rawValue: 4), cookie = Hidden(rawValue: 8)
    static let forwardedFor = Hidden(rawValue: 16), contentType = Hidden(rawValue: 32)
  }

  /// Whether there is a log, and whether it has JSON records.
  let isOn, isJSON: Bool
  /// Whether the log tells of the response's head, shows cookies (though some masked), and masks any.
  let wantsAnswer, showsCookies, isMasked: Bool
  /// Whether a record is a matter of chance.
  let isSampled: Bool
  /// The members of JSON records.
  let fields: AccessLog.Fields
  let hidden: Hidden

  init(_ log: AccessLog = AccessLog(format: .off)) {
    isOn = log.format != .off
    isJSON = log.format == .json
    fields = log.fields
    let answered: [AccessLog.Field] = [.contentType, .contentLength, .rangeStart, .rangeEnd]
    let columnsOfAnswer: [AccessLog.W3CField] = [.contentType, .contentLength, .rangeStart, .rangeEnd]
    wantsAnswer = isOn && (isJSON ? answered.contains(where: log.fields.contains) : columnsOfAnswer.contains(where: log.w3cFields.contains))
    showsCookies = log.includesCookies || log.fields.contains(.cookie)
    isMasked = !log.mask.isEmpty
    isSampled = log.samplePerMillion < 1_000_000
    let headers: [(String, Hidden)] = [
      ("host", .host), ("user-agent", .userAgent), ("referer", .referer), ("cookie", .cookie), ("x-forwarded-for", .forwardedFor), ("content-type", .contentType),
    ]
    hidden = headers.reduce(into: []) { if log.mask.hidesHeader($1.0) { $0.insert($1.1) } }
  }
}

/// What only some requests, or only one form of records, ask of a worker's access log.
final class LogDetails {
  /// The columns of records that are no JSON.
  let columns: [AccessLog.W3CField]
  let mask: LogMask
  /// Of 2³² requests so many are logged.
  private let sample: UInt64
  private var random = UInt64.random(in: .min ... .max)

  init(_ log: AccessLog = AccessLog(format: .off)) {
    columns = log.w3cFields
    mask = log.mask
    sample = UInt64(log.samplePerMillion) << 32 / 1_000_000
  }

  /// Whether a request of a sampled log leaves a record: every one that failed does, of the others the share.
  /// - Parameter status: as it is logged: 0 when the viewer left before there was an answer.
  func takes(status: Int) -> Bool {
    guard status > 0, status < 500 else { return true }
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407   // Knuth's MMIX; its high half is good enough for this
    return random >> 32 < sample
  }
}

/// What logs tell of the head of a response that was sent.
final class AnswerFacts {
  /// Content-Type, as sent.
  let contentType: [UInt8]
  /// Content-Length; −1 without one.
  let contentLength: Int
  /// The bytes that a 206 is about (RFC 9110, 14.4); −1 when it does not say.
  let rangeStart, rangeEnd: Int

  init(_ head: borrowing ResponseHead) {
    contentType = head.fields.first(.contentType).map { head.fields.value($0).copied } ?? []
    contentLength = head.line.contentLength
    var range = (start: -1, end: -1)
    if head.line.status == 206, let line = head.fields.first(named: "content-range".utf8.span) { range = Self.range(head.fields.value(line)) }
    (rangeStart, rangeEnd) = range
  }

  /// `bytes 0-99/1000`.
  private static func range(_ value: Span<UInt8>) -> (start: Int, end: Int) {
    let text = value.text
    guard text.lowercased().hasPrefix("bytes ") else { return (-1, -1) }
    let numbers = text.dropFirst(6).prefix { $0 != "/" }.split(separator: "-", omittingEmptySubsequences: false)
    guard numbers.count == 2, let start = Int(numbers[0]), let end = Int(numbers[1]), start >= 0, end >= start else { return (-1, -1) }
    return (start, end)
  }
}
