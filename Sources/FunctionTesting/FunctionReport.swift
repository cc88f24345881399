// What one run came to, in the shape of AWS's TestFunction (spec/cloudfront-functions.md sections 8, 11 and 12). A pure value.
public import JSONText

/// What one run of a function came to.
public struct FunctionReport: Sendable, Equatable {
  /// `{"request": …}` or `{"response": …}`; nil when the run failed.
  public var output: JSONValue?
  /// The origin that the function chose with a helper of the module `cloudfront`, in the helper's own words; nil: none.
  public var origin: JSONValue?
  /// The lines given to `console.log`.
  public var logs: [String] = []
  /// What went wrong.
  public var error: FunctionError?
  /// CPU time in percent of the function's limit, 0–100. It varies from run to run.
  public var computeUtilization = 0
  /// The engine's steps: the same on every machine.
  public var fuel: UInt64 = 0
  /// Whether the heap was back in its first state after the run; only looked at on request, else true.
  public var leftNoState = true

  /// The object that `skerry invoke` prints.
  public var json: JSONValue {
    var object: JSONObject = ["output": output ?? .null]
    if let origin { object["origin"] = origin }
    object["logs"] = .array(logs.map { .string($0) })
    object["error"] = error.map { .string($0.description) } ?? .null
    object["computeUtilization"] = .number(computeUtilization)
    object["fuel"] = .number(String(fuel))
    return .object(object)
  }
}

/// Why a run failed, and where.
public struct FunctionError: Sendable, Equatable, CustomStringConvertible {
  /// The function, as messages name it.
  public var function: String
  /// The line in its code, from 1; 0 when unknown.
  public var line = 0
  /// The column, from 1; 0 when unknown.
  public var column = 0
  /// `TypeError: …`, or what is wrong with what it returned.
  public var text: String

  /// `name:line:column: text`.
  public var description: String { line > 0 ? "\(function):\(line):\(column): \(text)" : "\(function): \(text)" }
}
