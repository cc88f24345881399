// Owns: a whole JSON text as a value, for files that are small and looked at from all sides. Pure; any thread.

/// A JSON value and where it stands.
public struct JSONValue: Sendable {
  /// What it is. Members of objects stay in their order, and have different names.
  public enum Kind: Sendable {
    case null, bool(Bool), number(Double), string(String), array([JSONValue]), object([Member])
  }

  /// A member of an object.
  public struct Member: Sendable {
    /// Its name, and the byte at which the name begins.
    public var name: String, nameOffset: Int
    /// Its value.
    public var value: JSONValue
  }

  /// What it is.
  public var kind: Kind
  /// The byte at which it begins, from 0; `TextPosition` makes a line and a column of it.
  public var offset: Int

  /// Reads a text. Strict as `JSONReader`, and names in one object differ; numbers beyond a double's range are refused.
  public init(parsing text: Span<UInt8>, maximumDepth: Int = JSONReader.defaultMaximumDepth) throws(JSONFailure) {
    var reader = try JSONReader(text, maximumDepth: maximumDepth)
    let first = try reader.next()
    self = try JSONValue(first, &reader)
    _ = try reader.next()
  }

  /// Reads a text.
  public init(parsing text: [UInt8]) throws(JSONFailure) { try self.init(parsing: text.span) }

  private init(_ kind: Kind, _ offset: Int) {
    self.kind = kind
    self.offset = offset
  }

  /// The value that begins with `token`; recursion ends at the reader's depth.
  private init(_ token: JSONReader.Token, _ reader: inout JSONReader) throws(JSONFailure) {
    let offset = reader.tokenOffset
    switch token {
    case .objectStart: self.init(.object(try JSONValue.members(&reader)), offset)
    case .arrayStart:
      var items: [JSONValue] = []
      while true {
        let token = try reader.next()
        if token == .arrayEnd { break }
        items.append(try JSONValue(token, &reader))
      }
      self.init(.array(items), offset)
    case .string: self.init(.string(reader.string), offset)
    case .number:
      guard let number = Double(reader.string), number.isFinite else {
        throw JSONFailure(offset: offset, text: "the number is too large")
      }
      self.init(.number(number), offset)
    case .bool(let flag): self.init(.bool(flag), offset)
    // The others do not begin a value, and the reader gives none of them where one must be.
    case .null, .name, .objectEnd, .arrayEnd, .end: self.init(.null, offset)
    }
  }

  private static func members(_ reader: inout JSONReader) throws(JSONFailure) -> [Member] {
    var members: [Member] = []
    var names: Set<[UInt8]> = []  // as bytes: é written in two ways is two names
    while try reader.next() == .name {
      let (name, offset) = (reader.string, reader.tokenOffset)
      guard names.insert(Array(name.utf8)).inserted else {
        throw JSONFailure(offset: offset, text: "the object has a member \"\(name)\" already")
      }
      let token = try reader.next()
      members.append(Member(name: name, nameOffset: offset, value: try JSONValue(token, &reader)))
    }
    return members
  }

  /// The value of a member; nil when this is no object or has none of that name.
  public subscript(name: String) -> JSONValue? {
    guard case .object(let members) = kind else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// Its text, when it is a string.
  public var string: String? { if case .string(let text) = kind { text } else { nil } }
  /// Its number, when it is one.
  public var number: Double? { if case .number(let number) = kind { number } else { nil } }
  /// Its items, when it is an array.
  public var items: [JSONValue]? { if case .array(let items) = kind { items } else { nil } }
  /// Its members, when it is an object.
  public var members: [Member]? { if case .object(let members) = kind { members } else { nil } }
}
