// A member that events are often written with in the wrong letter case. AWS's own samples have `multivalue` where real events have
// `multiValue` (spec/functions-catalog.md): both are taken, and the function sees what it would see in production.
import JSONText

extension JSONObject {
  /// An event with `multiValue` wherever `multivalue` stood, and where that was: `request.headers.accept`.
  func spelledAsReal() -> (event: JSONObject, misspelt: [String]) {
    var event = self, misspelt: [String] = []
    for (part, sets) in [("request", ["querystring", "headers", "cookies"]), ("response", ["headers", "cookies"])] {
      for set in sets {
        guard var section = event[part]?.object, let members = section[set]?.object?.members else { continue }
        section[set] = .object(JSONObject(members.map { member in
          guard let fields = member.value.object, fields["multivalue"] != nil, fields["multiValue"] == nil else { return member }
          misspelt.append("\(part).\(set).\(member.name)")
          let spelled = fields.members.map { Member(name: $0.name == "multivalue" ? "multiValue" : $0.name, value: $0.value) }
          return Member(name: member.name, value: .object(JSONObject(spelled)))
        }))
        event[part] = .object(section)
      }
    }
    return (event, misspelt)
  }
}
