// Owns: from a JSON text to a value. Pure; any thread.

extension JSONValue {
  /// Reads a text. Strict as `JSONReader`, and the names in one object differ, byte for byte.
  /// - Parameter replacesHalfPairs: as `JSONReader` has it.
  public init(parsing text: Span<UInt8>, replacesHalfPairs: Bool = false) throws(JSONFailure) {
    var reader = try JSONReader(text, replacesHalfPairs: replacesHalfPairs)
    let first = try reader.next()
    self = try JSONValue(first, &reader)
    _ = try reader.next()
  }

  /// Reads a text.
  public init(parsing text: [UInt8]) throws(JSONFailure) { try self.init(parsing: text.span) }

  /// Reads a text.
  public init(parsing text: String) throws(JSONFailure) { try self.init(parsing: Array(text.utf8)) }

  /// The value that begins with `token`; recursion ends at the reader's depth.
  private init(_ token: JSONReader.Token, _ reader: inout JSONReader) throws(JSONFailure) {
    switch token {
    case .objectStart: self = .object(try JSONValue.members(&reader))
    case .arrayStart:
      var elements: [JSONValue] = []
      while true {
        let token = try reader.next()
        if token == .arrayEnd { break }
        elements.append(try JSONValue(token, &reader))
      }
      self = .array(elements)
    case .string: self = .string(reader.string)
    case .number: self = .number(reader.string)
    case .bool(let flag): self = .boolean(flag)
    // The others do not begin a value, and the reader gives none of them where one must be.
    case .null, .name, .objectEnd, .arrayEnd, .end: self = .null
    }
  }

  /// Members that are looked through for a name, before they are many enough for a set.
  private static let fewMembers = 12

  private static func members(_ reader: inout JSONReader) throws(JSONFailure) -> JSONObject {
    var object = JSONObject()
    var names: Set<[UInt8]> = []  // as bytes: é written in two ways is two names
    while try reader.next() == .name {
      let (name, offset) = (reader.string, reader.tokenOffset)
      if object.members.count == fewMembers { names = Set(object.members.map { Array($0.name.utf8) }) }
      let isNew = object.members.count < fewMembers ? object[name] == nil : names.insert(Array(name.utf8)).inserted
      guard isNew else { throw JSONFailure(offset: offset, text: "the object has a member \"\(name)\" already") }
      let token = try reader.next()
      object.append(name, try JSONValue(token, &reader))
    }
    return object
  }
}
