// Query strings as CloudFront shows them to functions: between the text and the object of spec/cloudfront-functions.md section 2.5.
// Pure; any thread. Values stay as they are, percent-encoded or not.
import JSONText

enum Query {
  /// `a=1&b&a=2` as `{"a": {"value": "1", "multiValue": […]}, "b": {"value": ""}}`.
  static func object(_ text: String) -> JSONObject {
    var values: [(name: String, values: [String])] = []
    var places: [String: Int] = [:]
    for piece in text.split(separator: "&") {
      let equals = piece.firstIndex(of: "=")
      let name = String(piece[..<(equals ?? piece.endIndex)])
      let value = equals.map { String(piece[piece.index(after: $0)...]) } ?? ""
      if let place = places[name] {
        values[place].values.append(value)
      } else {
        places[name] = values.count
        values.append((name, [value]))
      }
    }
    return JSONObject(values.map { .init(name: $0.name, value: field($0.values)) })
  }

  /// One name's values in CloudFront's form; there must be at least one.
  static func field(_ values: [String]) -> JSONValue {
    var field: JSONObject = ["value": .string(values.first ?? "")]
    if values.count > 1 { field["multiValue"] = .array(values.map { .object(["value": .string($0)]) }) }
    return .object(field)
  }

  /// The parameters of an object as text, in its order; a name without a value has no `=`.
  static func text(_ object: JSONObject) -> String {
    var pieces: [String] = []
    TestEvent.forEachOccurrence(.object(object)) { name, occurrence in
      guard let value = occurrence["value"]?.string else { return }
      pieces.append(value.isEmpty ? name : "\(name)=\(value)")
    }
    return pieces.joined(separator: "&")
  }
}
