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
    /// An object that is as it was in the event: where.
    case shown(Range<Int>)
    /// true or false.
    case flag

    var isPresent: Bool { if case .absent = self { false } else { true } }
  }

  /// Its headers.
  enum Headers {
    /// Not there, or null.
    case absent
    /// As they were in the event.
    case shown
    case lines(EventHeaders)
    case invalid(EventFailure)

    var isPresent: Bool { if case .absent = self { false } else { true } }
  }

  let json: [UInt8]
  private(set) var uri = Member.absent, querystring = Member.absent, method = Member.absent, clientIP = Member.absent
  private(set) var headers = Headers.absent, origin = Member.absent
  private(set) var status = Member.absent, statusDescription = Member.absent
  private(set) var body = Member.absent, bodyEncoding = Member.absent
  /// `statusCode`, which Lambda@Edge does not know.
  private var statusCode = Member.absent

  /// - Parameter event: what the handler was shown: of headers and origin that are as they were there only the place is noted.
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
      throw error.offset < 0 ? EventFailure("The function returned a value that is not an object") : .noJSON("\(error.text), at byte \(error.offset)")
    }
  }

  private mutating func take(_ name: String, _ event: Event, _ reader: inout JSONReader) throws(JSONFailure) {
    switch name {
    case "uri": uri = try Self.member(&reader)
    case "querystring": querystring = try Self.member(&reader)
    case "method": method = try Self.member(&reader)
    case "clientIp": clientIP = try Self.member(&reader)
    case "headers": headers = try Self.headers(&reader, event.text.span.extracting(event.writtenHeaders))
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
    if let range = reader.skipObject(writtenAs: shown) { return .shown(range) }
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

  private static func headers(_ reader: inout JSONReader, _ shown: Span<UInt8>) throws(JSONFailure) -> Headers {
    if reader.skipObject(writtenAs: shown) != nil { return .shown }
    let outside = reader.depth, token = try reader.next()
    if token == .null { return .absent }
    var headers = Headers.invalid(EventFailure("The headers must be an object"))
    if token == .objectStart {
      do throws(ReturnedFailure) { headers = .lines(try EventHeaders(membersOf: &reader)) } catch {
        switch error {
        case .noJSON(let failure): throw failure
        case .invalid(let failure): headers = .invalid(failure)
        }
      }
    }
    while reader.depth > outside { _ = try reader.next() }
    return headers
  }

  /// Whether it has a member that requests have.
  var isRequest: Bool { uri.isPresent || headers.isPresent || method.isPresent || querystring.isPresent }

  /// What its author may have meant.
  var hint: String? {
    statusCode.isPresent ? "it has a statusCode, as answers to API Gateway have; Lambda@Edge wants status, a string such as \"200\"" : nil
  }
}

extension JSONValue {
  /// A part of a text that has been read before.
  init(_ json: [UInt8], _ range: Range<Int>) throws(EventFailure) {
    do throws(JSONFailure) { self = try JSONValue(parsing: json.span.extracting(range), replacesHalfPairs: true) } catch {
      throw .noJSON(error.text)
    }
  }
}
