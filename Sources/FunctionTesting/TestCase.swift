// One case of a function, ready to run. A pure value; any thread. Source: design/configuration.md, "A case file".
import JSONText

/// A case: an event and what must come of it.
public struct TestCase: Sendable {
  /// What it says it proves.
  public let name: String
  /// The line in its file, from 1.
  public let line: Int
  /// The column in Unicode scalars, from 1.
  public let column: Int
  /// What the function is run with.
  public let event: TestEvent
  /// What a function of the function tier is run with; then ``event`` only has the request, in the form that cases are compared in.
  var edge: EdgeEvent?
  /// What `Date.now()` gives, in milliseconds since 1970; nil: the time of the run.
  public let nowMilliseconds: Int64?
  /// Entries of the key value store that hold for this case only; nil takes a key away.
  let entries: [(key: String, value: String?)]
  let expected: Expected

  /// What must come of it; what is nil is not looked at, except that there must be no error.
  struct Expected: Sendable {
    var request: Expectation?
    var response: Expectation?
    var origin: Expectation?
    var logs: Expectation?
    var error: Expectation?
    var fuel: (atMost: UInt64, place: Expectation)?
    /// Where it stands.
    var line = 1
    var column = 1
  }
}

/// The cases of one file.
public struct CaseFile: Sendable {
  /// Its path as messages name it.
  public let path: String
  /// Its bytes, as they were read.
  let bytes: [UInt8]
  /// Its cases, in their order.
  public let cases: [TestCase]
}
