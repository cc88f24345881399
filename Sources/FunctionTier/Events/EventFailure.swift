// Why what a function returned is not taken (spec/lambda-at-edge.md, 9): in the words viewers are shown, and in the log's.
// A value; any thread.

/// A validation error.
public struct EventFailure: Error, Sendable, Equatable {
  /// What is wrong: one sentence without a full stop, with nothing in it that the function made.
  public let text: String
  /// The header it is about.
  public let headerName: String?
  /// What else helps the function's author.
  public let detail: String?

  init(_ text: String, header: Span<UInt8>? = nil, detail: String? = nil) {
    self.text = text
    if let header { headerName = Self.cut(String(text: header)) } else { headerName = nil }
    self.detail = detail
  }

  /// The line of an error page.
  public var page: String { "The Lambda function result failed validation: \(text)." }

  /// What stands in the log behind `Validation error: `.
  public var log: String {
    let rest = [headerName.map { "headerName : \($0)" }, detail].compactMap { $0 }
    return ([text] + rest).joined(separator: ", ") + "."
  }

  /// A returned text in a message: short, and on one line.
  static func cut(_ text: String) -> String {
    var cut = String.UnicodeScalarView(text.unicodeScalars.prefix(textLimit).map { $0.properties.generalCategory == .control ? " " : $0 })
    if text.unicodeScalars.count > textLimit { cut.append("…") }
    return String(cut)
  }
  private static let textLimit = 100

  static func noJSON(_ detail: String) -> EventFailure { EventFailure("The function returned something that is no JSON", detail: detail) }

  // MARK: What AWS says, in its words

  static func disallowed(_ name: Span<UInt8>) -> EventFailure { EventFailure("The function tried to add a blacklisted header", header: lowercased(name).span) }
  static func lowercased(_ name: Span<UInt8>) -> [UInt8] { [UInt8](copying: name).map(\.lowercased) }
  static func readOnly(_ name: Span<UInt8>) -> EventFailure {
    EventFailure("The function tried to add, delete, or change a read-only header", header: name)
  }
  static func custom(_ name: Span<UInt8>) -> EventFailure {
    EventFailure("A custom header of the origin is among the request's headers, too", header: lowercased(name).span)
  }
  /// AWS has one text for most of what can be wrong with a body; here each has its own, which says what to mend.
  static func body(_ fault: String, _ detail: String? = nil) -> EventFailure { EventFailure("The body \(fault)", detail: detail) }
  static func size(_ what: String, _ count: Int, of limit: Int, _ unit: String = "bytes") -> EventFailure {
    EventFailure("\(what) the maximum size", detail: "\(count) of \(limit) \(unit)")
  }
  static func entry(_ name: Span<UInt8>, _ detail: String) -> EventFailure {
    EventFailure("The function returned an invalid entry in the headers object: each header entry in the headers object must be an array", header: name, detail: detail)
  }
  static func status(_ detail: String) -> EventFailure { EventFailure("The function returned an invalid status code", detail: detail) }
  static func origin(_ field: String, _ rule: String) -> EventFailure { EventFailure("The function returned an invalid origin: \(field) \(rule)") }
}
