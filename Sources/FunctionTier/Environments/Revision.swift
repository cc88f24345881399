// Owns: what runs in an environment: a function's code with its settings, at one version. Immutable; any thread.
import Distribution
import JSONText

/// One version of a function. Two are the same when nothing tells their environments apart.
struct Revision: Sendable, Hashable {
  /// The function's name.
  var function: String
  /// `$LATEST` or a number.
  var version: String
  var runtime: FunctionRuntime
  var handler: String
  var memoryMB: Int
  var timeout: Duration
  var network: FunctionNetwork
  var environment: [String: String]
  var code: StoredCode

  init(_ definition: FunctionDefinition, version: String, _ code: StoredCode) {
    function = definition.name
    self.version = version
    runtime = definition.runtime
    handler = definition.tier.handler
    memoryMB = definition.tier.memoryMB
    timeout = definition.tier.timeout
    network = definition.tier.network
    environment = Dictionary(definition.tier.environment.map { ($0.name, $0.value) }) { $1 }
    self.code = code
  }

  /// Whether its code finds what `other`'s finds when it is loaded: how long an invocation may take is no part of that.
  func loads(like other: Revision) -> Bool {
    var copy = other
    copy.timeout = timeout
    return copy == self
  }

  /// Each invocation looks its environments up by this: the rest is compared, not hashed.
  func hash(into hasher: inout Hasher) {
    hasher.combine(function)
    hasher.combine(version)
    hasher.combine(code)
  }

  /// What it would be invoked by at AWS.
  var arn: String { FunctionARN.text(function, version == "$LATEST" ? nil : version) }
  /// What the function itself is told it is called: Lambda@Edge runs replicas of it (spec/lambda-at-edge.md, 11).
  var replica: String { "us-east-1.\(function)" }
  var logGroup: String { "/aws/lambda/\(replica)" }

  /// What a bootstrap loads it by (Frame.Kind.load).
  /// - Parameter logStream: the environment's, as Lambda names them.
  func settings(logStream: String, isProvisioned: Bool) -> [UInt8] {
    let variables = allVariables(logStream: logStream, isProvisioned: isProvisioned).sorted { $0.key < $1.key }
    let object: JSONObject = [
      "handler": .string(handler), "root": .string(Interpreter.codeFolder), "functionName": .string(replica), "functionVersion": .string(version),
      "invokedFunctionArn": .string(arn), "memoryLimitInMB": .string(String(memoryMB)), "logGroupName": .string(logGroup),
      "logStreamName": .string(logStream),
      "environment": .object(JSONObject(variables.map { JSONObject.Member(name: $0.key, value: .string($0.value)) })),
    ]
    return Array(JSONValue.object(object).compact.utf8)
  }

  /// The function's own variables, and those that Lambda reserves, which win.
  func allVariables(logStream: String, isProvisioned: Bool) -> [String: String] {
    environment.merging(Interpreter.variables) { own, _ in own }.merging([
      "LAMBDA_TASK_ROOT": Interpreter.codeFolder, "LAMBDA_RUNTIME_DIR": Interpreter.runtimeFolder, "_HANDLER": handler,
      "AWS_LAMBDA_FUNCTION_NAME": replica, "AWS_LAMBDA_FUNCTION_VERSION": version, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": String(memoryMB),
      "AWS_LAMBDA_LOG_GROUP_NAME": logGroup, "AWS_LAMBDA_LOG_STREAM_NAME": logStream, "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
      "AWS_EXECUTION_ENV": "AWS_Lambda_\(runtime.name)", "AWS_LAMBDA_INITIALIZATION_TYPE": isProvisioned ? "provisioned-concurrency" : "on-demand",
    ]) { $1 }
  }
}
