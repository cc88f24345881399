// What must hold for the JSON reader and for key-value stores whatever bytes they are given. Pure functions; any thread.
// The oracle is Foundation's JSONSerialization: it gives no places and knows no repeated names, but it is somebody else's.
import Foundation
import JSONText
import KeyValueStores

/// The properties, one function per kind of input.
public enum JSONChecks {
  /// Any text: what is accepted means what it means elsewhere; what is refused is refused at a place in the text.
  public static func text(_ bytes: [UInt8]) throws(BrokenProperty) {
    func require(_ property: String, _ holds: Bool) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: property, bytes: bytes) }
    }
    let whole = tokens(bytes)
    try require("every token begins behind the one before", zip(whole.offsets, whole.offsets.dropFirst()).allSatisfy { $0 < $1 })
    try require("tokens lie in the text", whole.offsets.allSatisfy { $0 < bytes.count })
    if let failure = whole.failure {
      try require("a failure lies in the text or at its end", 0...bytes.count ~= failure.offset)
      let place = TextPosition(of: failure.offset, in: bytes.span)
      try require("a place has a line of the text", 1...bytes.count + 1 ~= place.line && 1...bytes.count + 1 ~= place.column)
    }
    let value = Result { () throws(JSONFailure) in try JSONValue(parsing: bytes) }
    if case .success(let value) = value {
      try require("a text with a value has tokens", whole.failure == nil)
      if isCommon(value) && !losesMarks(bytes) {
        try require("somebody else accepts it too", foreign(bytes) != nil)
        try require("somebody else reads the same", foreign(bytes).map { same(value, $0) } == true)
      }
      if bytes.last == UInt8(ascii: "}") || bytes.last == UInt8(ascii: "]") || bytes.last == UInt8(ascii: "\"") {
        try require("half a text has no value", (try? JSONValue(parsing: Array(bytes.dropLast()))) == nil)
      }
    }
  }

  /// A key-value store's data: the store has what the file says, or there is an error, at a place in the file.
  public static func store(_ bytes: [UInt8]) throws(BrokenProperty) {
    func require(_ property: String, _ holds: Bool) throws(BrokenProperty) {
      if !holds { throw BrokenProperty(property: property, bytes: bytes) }
    }
    let lines = bytes.count { $0 == UInt8(ascii: "\n") } + 1
    for isStrict in [false, true] {
      let (store, problems) = KeyValueStore.reading(bytes.span, labels: .init(id: "fuzz"), isStrict: isStrict)
      try require("a store or an error", (store == nil) == problems.contains { $0.isError })
      try require("problems stand in the file", problems.allSatisfy { 1...lines ~= $0.line && 1...bytes.count + 1 ~= $0.column })
      try require("problems are in order", zip(problems, problems.dropFirst()).allSatisfy { ($0.line, $0.column) <= ($1.line, $1.column) })
      try require("problems are bounded", problems.count <= KeyValueStore.Limits.maximumProblems + 3)
      guard let store, !losesMarks(bytes) else { continue }
      guard let file = foreign(bytes) as? [String: Any], let entries = file["data"] as? [[String: String]] else {
        throw BrokenProperty(property: "somebody else sees entries too", bytes: bytes)
      }
      try require("every entry is there", store.count == entries.count)
      for entry in entries {
        guard let key = entry["key"], let value = entry["value"] else {
          throw BrokenProperty(property: "every entry has a key and a value", bytes: bytes)
        }
        try require("every key has its value", store[key].map { $0.utf8.elementsEqual(value.utf8) } == true)
      }
      try require("no other key is there", store["\u{1}no key of the corpus"] == nil)
    }
  }

  private static func tokens(_ bytes: [UInt8]) -> (offsets: [Int], failure: JSONFailure?) {
    var offsets: [Int] = []
    do throws(JSONFailure) {
      var reader = try JSONReader(bytes.span)
      while try reader.next() != .end { offsets.append(reader.tokenOffset) }
      return (offsets, nil)
    } catch {
      return (offsets, error)
    }
  }

  private static func foreign(_ bytes: [UInt8]) -> Any? {
    let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
    return try? JSONSerialization.jsonObject(with: Data(text), options: [.fragmentsAllowed])
  }

  /// Whether a byte order mark stands within the text: Foundation drops those at the beginning of strings.
  private static func losesMarks(_ bytes: [UInt8]) -> Bool {
    bytes.dropFirst().indices.contains { bytes[$0...].starts(with: [0xEF, 0xBB, 0xBF]) }
  }

  /// Whether every number in it is one that Foundation takes.
  private static func isCommon(_ value: JSONValue) -> Bool {
    switch value {
    case .number: value.double?.isFinite == true
    case .array(let items): items.allSatisfy(isCommon)
    case .object(let object): object.members.allSatisfy { isCommon($0.value) }
    default: true
    }
  }

  private static func same(_ value: JSONValue, _ foreign: Any) -> Bool {
    switch value {
    case .null: foreign is NSNull
    case .boolean(let flag): foreign as? Bool == flag
    case .number: (foreign as? NSNumber).map { other in value.double.map { abs(other.doubleValue - $0) <= abs($0) * 1e-15 } == true } == true
    case .string(let text): (foreign as? String).map { $0.utf8.elementsEqual(text.utf8) } == true
    case .array(let items): (foreign as? [Any]).map { $0.count == items.count && zip(items, $0).allSatisfy(same) } == true
    case .object(let object):
      // Swift's dictionaries take é in two forms for one name.
      (foreign as? [String: Any]).map { other in
        other.count == Set(object.members.map(\.name)).count
          && (other.count < object.members.count || object.members.allSatisfy { member in other[member.name].map { same(member.value, $0) } == true })
      } == true
    }
  }
}
