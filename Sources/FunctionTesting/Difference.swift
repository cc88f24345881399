// Where a run is not what its case expects. Pure values; any thread.
import JSONText

/// One thing that is not as expected.
struct Difference: Sendable {
  /// `response.headers.location`.
  var path: String
  /// What was expected, for people.
  var expected: String
  /// What was there instead, for people.
  var got: String
  /// Where the expectation stands in the case file, from 1.
  var line: Int
  var column: Int
  /// What `--update` may do about it.
  var remedy = Remedy.rewrite

  /// How the expectation could be made true.
  enum Remedy: Sendable {
    /// Put this value in the place of the expected one.
    case replace(Expectation, with: JSONValue)
    /// Only a new `expect:` will do.
    case rewrite
  }
}

/// A member's path, for messages: `.name` where that is unmistakable, else `["name"]`.
struct MemberPath: CustomStringConvertible {
  var description: String

  init(_ root: String) { description = root }

  subscript(name: String) -> MemberPath {
    let isPlain = !name.isEmpty && name.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "-"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    return MemberPath(description + (isPlain ? ".\(name)" : "[\(JSONValue.quoted(name))]"))
  }

  subscript(index: Int) -> MemberPath { MemberPath("\(description)[\(index)]") }
}
