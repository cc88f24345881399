// Owns: reading what a bootstrap says of an error. It comes from the sandbox: anything may be in it. Pure.
public import JSONText

extension InvocationFailure {
  /// Lines of a trace that are kept, and bytes of a message and of a line.
  static let traceLimitLines = 64, textLimitBytes = 16_384

  /// Reads `{"errorType":…,"errorMessage":…,"trace":[…]}`, or Python's `stackTrace`. What says neither of the first two is the message itself.
  /// - Parameter other: the type, where the body has none; empty: nobody has said it.
  init(_ kind: Kind, describing body: Span<UInt8>, type other: String = "") {
    let value = try? JSONValue(parsing: body, replacesHalfPairs: true)
    func text(_ name: String) -> String? { (value?[name]?.string).map(Self.cut) }
    let type = text("errorType") ?? (other.isEmpty ? Self.unknownType : Self.cut(other))
    let isPlain = value?["errorType"]?.string == nil && !body.isEmpty
    self.init(
      kind == .unhandled && type == Self.tooLargeType ? .tooLarge : kind, errorType: type,
      errorMessage: text("errorMessage") ?? (isPlain ? Self.cut(String(text: body)) : "the runtime gave no description of the error"),
      trace: ((value?["trace"] ?? value?["stackTrace"])?.array ?? []).prefix(Self.traceLimitLines).compactMap { $0.string.map(Self.cut) })
    if value?["stackTrace"] != nil { traceName = "stackTrace" }
  }

  private static func cut(_ text: String) -> String {
    text.utf8.count <= textLimitBytes ? text : String(decoding: Array(text.utf8.prefix(textLimitBytes)), as: UTF8.self)
  }

  /// What Lambda answers for a function's error: `{"errorType":…,"errorMessage":…,"trace":[…]}`; `trace` only where there is one, or the function
  /// itself threw.
  public var answer: JSONObject {
    var object: JSONObject = ["errorType": .string(errorType), "errorMessage": .string(errorMessage)]
    if !trace.isEmpty || kind == .unhandled { object.append(traceName, .array(trace.map { .string($0) })) }
    return object
  }
}
