// Owns: a handler's result as JSON, looked through once: what stands where, scalars decoded, the rest for whoever needs it.
// Pure; any thread. Source: RFC 8259; spec/lambda-at-edge.md, 2, 3 and 6.
import JSONText

/// The object that a handler returned.
struct ReturnedObject {
  /// A member of it.
  enum Member {
    /// Not there, or null.
    case absent
    case text([UInt8])
    /// As it was written.
    case number(String)
    /// An object or a list: where.
    case value(Range<Int>)
    /// true or false.
    case flag

    var isPresent: Bool { if case .absent = self { false } else { true } }
  }

  let json: [UInt8]
  private(set) var uri = Member.absent, querystring = Member.absent, method = Member.absent, clientIP = Member.absent
  private(set) var headers = Member.absent, origin = Member.absent
  private(set) var status = Member.absent, statusDescription = Member.absent
  private(set) var body = Member.absent, bodyEncoding = Member.absent
  /// `statusCode`, which Lambda@Edge does not know.
  private var statusCode = Member.absent

  /// - Parameter event: what the handler was shown: of headers and origin that are written as they were there only the place is noted.
  init(_ json: [UInt8], shown event: Event) throws(EventFailure) {
    self.json = json
    do throws(JSONFailure) {
      var reader = try JSONReader(json.span, replacesHalfPairs: true)
      guard try reader.next() == .objectStart else { throw JSONFailure(offset: -1, text: "") }
      while try reader.next() == .name {
        let name = reader.string
        try take(name, event, &reader)
      }
      _ = try reader.next()
    } catch {
      let detail = error.offset < 0 ? nil : "\(error.text), at byte \(error.offset)"
      throw EventFailure(error.offset < 0 ? "The function returned a value that is not an object" : "The function returned something that is no JSON", detail: detail)
    }
  }

  private mutating func take(_ name: String, _ event: Event, _ reader: inout JSONReader) throws(JSONFailure) {
    switch name {
    case "uri": uri = try Self.member(&reader)
    case "querystring": querystring = try Self.member(&reader)
    case "method": method = try Self.member(&reader)
    case "clientIp": clientIP = try Self.member(&reader)
    case "headers": headers = try Self.member(&reader, event.text.span.extracting(event.writtenHeaders))
    case "origin": origin = try Self.member(&reader, event.text.span.extracting(event.writtenOrigin))
    case "status": status = try Self.member(&reader)
    case "statusDescription": statusDescription = try Self.member(&reader)
    case "body": body = try Self.member(&reader)
    case "bodyEncoding": bodyEncoding = try Self.member(&reader)
    case "statusCode": statusCode = try Self.member(&reader)
    default: try reader.skipValue()
    }
  }

  /// - Parameter shown: an object as it stood in the event.
  private static func member(_ reader: inout JSONReader, _ shown: Span<UInt8> = Span()) throws(JSONFailure) -> Member {
    if let range = reader.skipObject(writtenAs: shown) { return .value(range) }
    switch try reader.next() {
    case .string: return .text([UInt8](copying: reader.bytes))
    case .number: return .number(reader.string)
    case .objectStart, .arrayStart:
      let start = reader.tokenOffset, outside = reader.depth - 1
      while reader.depth > outside { _ = try reader.next() }
      return .value(start..<reader.tokenOffset + 1)
    case .bool: return .flag
    default: return .absent
    }
  }

  /// Whether it has a member that requests have.
  var isRequest: Bool { uri.isPresent || headers.isPresent || method.isPresent || querystring.isPresent }

  /// What its author may have meant.
  var hint: String? {
    statusCode.isPresent ? "it has a statusCode, as answers to API Gateway have; Lambda@Edge wants status, a string such as \"200\"" : nil
  }

  /// Where the headers stand; nil when there are none.
  func headersRange() throws(EventFailure) -> Range<Int>? {
    switch headers {
    case .absent: return nil
    case .value(let range): return range
    default: throw EventFailure("The headers of a request or response must be an object")
    }
  }

  /// Whether a part of it is the same text as a part of an event.
  func isSame(_ range: Range<Int>, as text: [UInt8], _ other: Range<Int>) -> Bool {
    json.span.extracting(range).equals(text.span.extracting(other))
  }
}

extension JSONValue {
  /// A part of a text that has been read before.
  init(_ json: [UInt8], _ range: Range<Int>) throws(EventFailure) {
    do throws(JSONFailure) { self = try JSONValue(parsing: json.span.extracting(range), replacesHalfPairs: true) } catch {
      throw EventFailure("The function returned something that is no JSON", detail: error.text)
    }
  }
}

extension EventHeaders {
  /// The most lines that a function may return.
  private static let lineLimit = 200

  /// Reads the headers of a request or response that a function returned.
  init(_ json: [UInt8], _ range: Range<Int>) throws(EventFailure) {
    try self.init(JSONValue(json, range), "headers")
  }

  /// Reads `{"name": [{"key": …, "value": …}]}`.
  /// - Parameter place: what it is called in messages.
  init(_ json: JSONValue, _ place: String) throws(EventFailure) {
    self.init()
    guard case .object(let object) = json else { throw EventFailure("The \(place) must be an object") }
    for member in object.members {
      let name = Array(member.name.utf8)
      guard Self.isFieldName(name) else { throw EventFailure("The function returned a header whose name is not one in lower case", header: name.span) }
      guard let entries = member.value.array else { throw .entry(name.span, "it is no array") }
      for entry in entries {
        let key = try Self.key(entry, name)
        for value in try Self.values(entry, name) { append(key.span, value.span) }
      }
      if count > Self.lineLimit { throw EventFailure("The function returned more than \(Self.lineLimit) headers") }
    }
  }

  /// The name as it is to be written: the entry's key, else the name with a capital after every hyphen. A key of another name does not count:
  /// AWS's own example of an overridden header puts an entry under a second name.
  private static func key(_ entry: JSONValue, _ name: [UInt8]) throws(EventFailure) -> [UInt8] {
    guard let object = entry.object else { throw .entry(name.span, "an entry is no object with key and value") }
    switch object["key"] {
    case nil, .null?: break
    case .string(let text)?:
      let key = Array(text.utf8)
      if key.span.equalsIgnoringCase(name.span) { return key }
    default: throw .entry(name.span, "an entry's key is no string")
    }
    var capitalised = name, begins = true
    for i in capitalised.indices {
      if begins, capitalised[i] >= 97, capitalised[i] <= 122 { capitalised[i] -= 32 }
      begins = capitalised[i] == UInt8(ascii: "-")
    }
    return capitalised
  }

  /// The entry's value: a string, or a list of them for as many lines.
  private static func values(_ entry: JSONValue, _ name: [UInt8]) throws(EventFailure) -> [[UInt8]] {
    let texts: [String]
    switch entry["value"] {
    case .string(let text)?: texts = [text]
    case .array(let list)?:
      texts = list.compactMap(\.string)
      guard texts.count == list.count else { throw wrongValue(name) }
    default: throw wrongValue(name)
    }
    var values: [[UInt8]] = []
    for text in texts {
      var value = Array(text.utf8)[...]
      while let first = value.first, first == 32 || first == 9 { value = value.dropFirst() }
      while let last = value.last, last == 32 || last == 9 { value = value.dropLast() }
      guard value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 9 }) else {
        throw EventFailure("The function returned a header value with control characters", header: name.span)
      }
      values.append(Array(value))
    }
    return values
  }

  private static func wrongValue(_ name: [UInt8]) -> EventFailure {
    EventFailure("The function returned an invalid entry in the headers object: the value of a header must be a string or an array of strings", header: name.span)
  }

  /// A token (RFC 9110, 5.6.2) without capitals.
  private static func isFieldName(_ name: [UInt8]) -> Bool {
    !name.isEmpty && name.allSatisfy { byte in
      byte >= 97 && byte <= 122 || byte >= 48 && byte <= 57 || "!#$%&'*+-.^_`|~".utf8.contains(byte)
    }
  }
}
