// Owns: what a request's conditions and range mean for a file of a given size and age: the decision between 200, 206, 304, 412 and 416.
// Pure; any thread. RFC 9110, sections 8.8, 13 and 14.
internal import Transport

/// What distinguishes one state of a file from another.
struct FileVersion: Sendable, Equatable {
  var size: Int
  /// Of the last change of the content.
  var modifiedSeconds: Int
  var modifiedNanoseconds: Int

  /// A strong validator: size and time of change, in hexadecimal.
  var etag: String { "\"\(String(size, radix: 16))-\(String(modifiedSeconds, radix: 16)).\(String(modifiedNanoseconds, radix: 16))\"" }
  var lastModified: String { HTTPDate.text(modifiedSeconds) }
}

/// The conditions of a request; each the text of its field, several lines joined by commas; nil without one.
struct FileConditions: Sendable, Equatable {
  var ifMatch: String?
  var ifNoneMatch: String?
  var ifModifiedSince: String?
  var ifUnmodifiedSince: String?
  var ifRange: String?
  var range: String?
}

/// What is sent of a file.
enum FileSelection: Equatable {
  /// 200.
  case whole
  /// 206.
  case part(Range<Int>)
  /// 304.
  case notModified
  /// 412.
  case preconditionFailed
  /// 416.
  case rangeNotSatisfiable
}

extension FileConditions {
  /// Evaluates the conditions in the order of RFC 9110, 13.2.2, for GET (`isHead`: HEAD, which has no ranges, 14.2).
  func select(_ file: FileVersion, isHead: Bool) -> FileSelection {
    if let ifMatch {
      if !FileConditions.lists(ifMatch, file.etag, weakly: false) { return .preconditionFailed }
    } else if let date = ifUnmodifiedSince.flatMap(HTTPDate.seconds), file.modifiedSeconds > date {
      return .preconditionFailed
    }
    if let ifNoneMatch {
      if FileConditions.lists(ifNoneMatch, file.etag, weakly: true) { return .notModified }
    } else if let date = ifModifiedSince.flatMap(HTTPDate.seconds), file.modifiedSeconds <= date {
      return .notModified
    }
    guard !isHead, let range, rangeIsFor(file) else { return .whole }
    return FileConditions.select(range, size: file.size)
  }

  /// Whether If-Range (13.1.5) lets the range stand: absent, the strong validator, or exactly the date of the last change.
  private func rangeIsFor(_ file: FileVersion) -> Bool {
    guard let ifRange else { return true }
    return ifRange.hasPrefix("\"") ? ifRange == file.etag : HTTPDate.seconds(ifRange) == file.modifiedSeconds
  }

  /// Whether a list of entity tags holds this one, or is `*` (13.1.1, 13.1.2). The weak comparison ignores `W/` (8.8.3.2).
  static func lists(_ list: String, _ etag: String, weakly: Bool) -> Bool {
    if list == "*" { return true }
    var rest = Substring(list)
    while let quote = rest.firstIndex(of: "\"") {
      let isWeak = rest[..<quote].hasSuffix("W/")
      guard let end = rest[rest.index(after: quote)...].firstIndex(of: "\"") else { return false }
      if rest[quote...end] == etag, weakly || !isWeak { return true }
      rest = rest[rest.index(after: end)...]
    }
    return false
  }

  /// One range of bytes (14.1.2). Several ranges, other units and malformed ones are ignored, as the section allows: the file is sent whole.
  private static func select(_ range: String, size: Int) -> FileSelection {
    let parts = range.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].lowercased() == "bytes" else { return .whole }
    let ends = parts[1].split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return .whole }
    switch (number(ends[0]), number(ends[1])) {
    case (let first?, let last?):
      if last < first { return .whole }
      return first < size ? .part(first..<min(last, size - 1) + 1) : .rangeNotSatisfiable
    case (let first?, nil) where ends[1].isEmpty:
      return first < size ? .part(first..<size) : .rangeNotSatisfiable
    case (nil, let suffix?) where ends[0].isEmpty:
      return suffix > 0 && size > 0 ? .part(max(size - suffix, 0)..<size) : .rangeNotSatisfiable
    default: return .whole
    }
  }

  /// Digits only; a number too large counts as the largest.
  private static func number(_ text: Substring) -> Int? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
    return Int(text) ?? .max - 1
  }
}
