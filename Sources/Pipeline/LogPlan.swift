// Owns: the access log's settings as the hot path reads them, and what a log may want to know of a response's head.
import Distribution
import HTTPWire
import Transport

/// What a worker's access log says, and of which requests.
struct LogPlan {
  /// Whether there is a log.
  let isOn: Bool
  /// The members of JSON records; columns of the other form.
  let fields: AccessLog.Fields, columns: [AccessLog.W3CField]
  let isJSON: Bool
  /// Whether the log tells of the response's head.
  let wantsAnswer: Bool
  /// Whether cookies are shown, though some masked.
  let showsCookies: Bool
  /// nil when nothing is hidden, which costs nothing.
  let mask: LogMask?
  let hidesHost, hidesUserAgent, hidesReferer, hidesCookies, hidesForwardedFor, hidesContentType: Bool
  /// Of 2³² requests so many are logged; nil for all.
  private let sample: UInt64?
  private var random = UInt64.random(in: .min ... .max)

  init(_ log: AccessLog = AccessLog(format: .off)) {
    isOn = log.format != .off
    isJSON = log.format == .json
    fields = log.fields
    columns = log.w3cFields
    let answered: [AccessLog.Field] = [.contentType, .contentLength, .rangeStart, .rangeEnd]
    let columnsOfAnswer: [AccessLog.W3CField] = [.contentType, .contentLength, .rangeStart, .rangeEnd]
    wantsAnswer = isOn && (isJSON ? answered.contains(where: log.fields.contains) : columnsOfAnswer.contains(where: log.w3cFields.contains))
    showsCookies = log.includesCookies || log.fields.contains(.cookie)
    let mask = log.mask
    self.mask = mask.isEmpty ? nil : mask
    hidesHost = mask.hidesHeader("host")
    hidesUserAgent = mask.hidesHeader("user-agent")
    hidesReferer = mask.hidesHeader("referer")
    hidesCookies = mask.hidesHeader("cookie")
    hidesForwardedFor = mask.hidesHeader("x-forwarded-for")
    hidesContentType = mask.hidesHeader("content-type")
    sample = log.samplePerMillion >= 1_000_000 ? nil : UInt64(log.samplePerMillion) << 32 / 1_000_000
  }

  /// Whether a request leaves a record: every one that failed does, of the others the sampled share.
  /// - Parameter status: as it is logged: 0 when the viewer left before there was an answer.
  mutating func takes(status: Int) -> Bool {
    guard let sample, status > 0, status < 500 else { return true }
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
