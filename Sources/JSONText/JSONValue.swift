// Owns: a whole JSON text as a value that keeps what it was given: the order of members, and numbers as they were written.
// For what is small and looked at from all sides. Pure; any thread. Source: RFC 8259.

/// A JSON value.
///
/// `==` compares what was written, byte for byte: `1` is not `1.0`, `{"a":1,"b":2}` is not `{"b":2,"a":1}`.
public indirect enum JSONValue: Sendable, Equatable {
  case null
  case boolean(Bool)
  /// The number's own text, which keeps to RFC 8259 section 6.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// A whole number.
  public static func number(_ value: Int) -> JSONValue { .number(String(value)) }

  /// Members by name of an object; nil for anything else, or when there is none.
  public subscript(name: String) -> JSONValue? { object?[name] }

  /// The object, when it is one.
  public var object: JSONObject? { if case .object(let object) = self { object } else { nil } }
  /// The string, when it is one.
  public var string: String? { if case .string(let string) = self { string } else { nil } }
  /// The elements, when it is an array.
  public var array: [JSONValue]? { if case .array(let array) = self { array } else { nil } }
  /// The number's value, when it is one that a `Double` can hold.
  public var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }

  // Swift takes "é" and "e\u{301}" for equal; two values that differ in a byte are not the same here.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.boolean(let a), .boolean(let b)): a == b
    case (.number(let a), .number(let b)), (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    default: false
    }
  }
}

/// An object's members in their order.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// One member.
  public struct Member: Sendable, Equatable {
    public var name: String
    public var value: JSONValue

    public init(name: String, value: JSONValue) {
      self.name = name
      self.value = value
    }

    public static func == (left: Member, right: Member) -> Bool {
      left.name.utf8.elementsEqual(right.name.utf8) && left.value == right.value
    }
  }

  /// The members in their order.
  public private(set) var members: [Member]

  public init(_ members: [Member] = []) { self.members = members }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    members = elements.map { Member(name: $0.0, value: $0.1) }
  }

  /// The value of a name, compared byte for byte. Setting nil removes it; setting a new one appends it. Takes time in
  /// proportion to the number of members.
  public subscript(name: String) -> JSONValue? {
    get { members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
    set {
      guard let newValue else {
        members.removeAll { $0.name.utf8.elementsEqual(name.utf8) }
        return
      }
      if let index = members.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
        members[index].value = newValue
      } else {
        append(name, newValue)
      }
    }
  }

  /// Adds a member behind the others without looking for its name.
  public mutating func append(_ name: String, _ value: JSONValue) { members.append(Member(name: name, value: value)) }

  /// Whether there is no member.
  public var isEmpty: Bool { members.isEmpty }
}
