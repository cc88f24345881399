// Owns: what a request's conditions and ranges mean for content of given validators and size: the decision between 200, 206, 304, 412 and
// 416, for folder origins and the cache alike. Pure; any thread. RFC 9110, sections 8.8, 13 and 14; spec/request-pipeline.md, 14.3.
import Transport

/// What distinguishes one state of a content from another.
public struct Validators: Sendable, Equatable {
  /// The entity tag, with its quotes and `W/`; nil without one.
  public var etag: String?
  /// When it was changed the last time, seconds since 1970; nil when nobody said.
  public var modifiedSeconds: Int?

  /// Validators.
  public init(etag: String? = nil, modifiedSeconds: Int? = nil) {
    self.etag = etag
    self.modifiedSeconds = modifiedSeconds
  }
}

/// The conditions and ranges of a request; each the text of its field, a character for each byte, several lines joined by commas; nil
/// without one.
public struct Conditions: Sendable, Equatable {
  /// If-Match
  public var ifMatch: String?
  /// If-None-Match
  public var ifNoneMatch: String?
  /// If-Modified-Since
  public var ifModifiedSince: String?
  /// If-Unmodified-Since
  public var ifUnmodifiedSince: String?
  /// If-Range
  public var ifRange: String?
  /// Range
  public var range: String?

  /// No conditions.
  public init() {}

  /// The fields' names.
  public static let names = FieldNameSet(.ifMatch, .ifNoneMatch, .ifModifiedSince, .ifUnmodifiedSince, .ifRange, .range)

  /// Those of a request.
  public init(_ fields: borrowing HeaderSection) {
    guard !fields.present.isDisjoint(with: Self.names) else { return }
    ifMatch = Self.value(.ifMatch, fields)
    ifNoneMatch = Self.value(.ifNoneMatch, fields)
    ifModifiedSince = Self.value(.ifModifiedSince, fields)
    ifUnmodifiedSince = Self.value(.ifUnmodifiedSince, fields)
    ifRange = Self.value(.ifRange, fields)
    range = Self.value(.range, fields)
  }

  private static func value(_ name: FieldName, _ fields: borrowing HeaderSection) -> String? {
    guard let first = fields.first(name) else { return nil }
    var text = fields.value(first).characters
    for line in first + 1..<max(first + 1, fields.count) where fields[line].name == name { text += ", \(fields.value(line).characters)" }
    return text
  }
}

/// What is sent of a content.
public enum Selection: Sendable, Equatable {
  /// 200: all of it.
  case whole
  /// 206: one part, or several in their order.
  case parts([Range<Int>])
  /// 304.
  case notModified
  /// 412.
  case preconditionFailed
  /// 416.
  case rangeNotSatisfiable
}

extension Conditions {
  /// The most parts of one answer; a request for more gets everything.
  public static let partsLimit = 64

  /// Evaluates the conditions in the order of RFC 9110, 13.2.2, for a GET that is otherwise answered with 200.
  /// - Parameters:
  ///   - size: of the content in bytes; nil while nobody knows: then there are no parts.
  ///   - isHead: the request is HEAD, which has no ranges (14.2).
  ///   - partsLimit: how many parts there may be.
  public func select(_ content: Validators, size: Int?, isHead: Bool, partsLimit: Int = Conditions.partsLimit) -> Selection {
    if let ifMatch {
      guard ifMatch == "*" || content.etag.map({ Self.lists(ifMatch, $0, weakly: false) }) == true else { return .preconditionFailed }
    } else if let date = ifUnmodifiedSince.flatMap({ HTTPDate.seconds($0) }), let modified = content.modifiedSeconds, modified > date {
      return .preconditionFailed
    }
    if let ifNoneMatch {
      if ifNoneMatch == "*" || content.etag.map({ Self.lists(ifNoneMatch, $0, weakly: true) }) == true { return .notModified }
    } else if let date = ifModifiedSince.flatMap({ HTTPDate.seconds($0) }), let modified = content.modifiedSeconds, modified <= date {
      return .notModified
    }
    guard !isHead, let size, let range, rangeIsFor(content) else { return .whole }
    return Self.select(range, size: size, partsLimit)
  }

  /// Whether If-Range (13.1.5) lets the range stand: absent, the strong validator, or exactly the date of the last change.
  private func rangeIsFor(_ content: Validators) -> Bool {
    guard let ifRange else { return true }
    if ifRange.hasPrefix("\"") { return ifRange == content.etag }
    guard let date = HTTPDate.seconds(ifRange) else { return false }
    return date == content.modifiedSeconds
  }

  /// Whether a list of entity tags holds this one, or is `*` (13.1.1, 13.1.2). The weak comparison ignores `W/` (8.8.3.2).
  static func lists(_ list: String, _ etag: String, weakly: Bool) -> Bool {
    if list == "*" { return true }
    let isWeak = etag.hasPrefix("W/"), opaque = isWeak ? etag.dropFirst(2) : Substring(etag)
    if isWeak && !weakly { return false }
    var rest = Substring(list)
    while let quote = rest.firstIndex(of: "\"") {
      let memberIsWeak = rest[..<quote].hasSuffix("W/")
      guard let end = rest[rest.index(after: quote)...].firstIndex(of: "\"") else { return false }
      if rest[quote...end] == opaque, weakly || !memberIsWeak { return true }
      rest = rest[rest.index(after: end)...]
    }
    return false
  }

  /// Ranges of bytes (14.1.2). Other units, malformed ranges and, as CloudFront has it (spec 14.3), ranges that overlap or do not ascend are
  /// ignored: everything is sent. Of several, those beyond the end are left out.
  private static func select(_ range: String, size: Int, _ partsLimit: Int) -> Selection {
    let sides = range.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard sides.count == 2, sides[0].lowercased() == "bytes", sides[1].first != " " else { return .whole }
    let specs = sides[1].split(separator: ",", maxSplits: partsLimit, omittingEmptySubsequences: true)
    guard specs.count <= partsLimit, !specs.isEmpty else { return .whole }
    var parts: [Range<Int>] = [], end = 0
    for spec in specs {
      guard let part = part(spec.utf8.trimmed, size: size) else { return .whole }
      if part.isEmpty { continue }   // beyond the end
      guard part.lowerBound >= end else { return .whole }
      end = part.upperBound
      parts.append(part)
    }
    return parts.isEmpty ? .rangeNotSatisfiable : .parts(parts)
  }

  /// One range: `first-last`, `first-` or `-suffix`.
  /// - Returns: nil when it is malformed; an empty range when none of it is there.
  private static func part(_ spec: Substring.UTF8View, size: Int) -> Range<Int>? {
    guard let dash = spec.firstIndex(of: 45) else { return nil }
    let left = spec[..<dash], right = spec[spec.index(after: dash)...]
    if left.isEmpty {
      guard let suffix = number(right) else { return nil }
      return max(size - suffix, 0)..<size
    }
    guard let first = number(left) else { return nil }
    if right.isEmpty { return min(first, size)..<size }
    guard let last = number(right), last >= first else { return nil }
    return first < size ? first..<min(last, size - 1) + 1 : size..<size
  }

  /// Digits only; a number too large counts as the largest.
  private static func number(_ digits: Substring.UTF8View) -> Int? {
    guard !digits.isEmpty, digits.allSatisfy({ $0.isDigit }) else { return nil }
    return digits.count > 18 ? .max - 1 : digits.reduce(0) { $0 * 10 + Int($1 - 48) }
  }
}

extension Substring.UTF8View {
  /// Without spaces and tabs at both ends.
  fileprivate var trimmed: Substring.UTF8View {
    var rest = self
    while let first = rest.first, first == 32 || first == 9 { rest = rest.dropFirst() }
    while let last = rest.last, last == 32 || last == 9 { rest = rest.dropLast() }
    return rest
  }
}

extension Span where Element == UInt8 {
  /// The bytes as text, a character (of the first 256) for each: different bytes stay different. Off the hot path.
  public var characters: String {
    var text = ""
    for i in 0..<count { text.unicodeScalars.append(Unicode.Scalar(self[i])) }
    return text
  }
}
