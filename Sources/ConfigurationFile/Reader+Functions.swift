// Functions: the section `functions`, `function.yaml` beside the code, and the code itself.
// Source: design/configuration.md; spec/cloudfront-functions.md, spec/lambda-at-edge.md.
import Distribution

extension Reader {
  /// The most bytes of code the rewrite engine takes in extended mode.
  static let maximumSourceBytes = 1 << 20

  func readFunctions(_ top: Section) {
    guard let section = top.optional("functions")?.section("functions") else { return }
    for entry in section.entries {
      functions.append(function(entry))
    }
  }

  /// A function; a bad one stays as a placeholder, so that the associations that name it are not reported too.
  private func function(_ entry: Section.Entry) -> FunctionDefinition {
    checkName(entry.key)
    var function = FunctionDefinition(name: entry.name, runtime: .cloudfrontJS2, codePath: "")
    guard let section = entry.value.section("function \(entry.name)") else { return function }
    defer { section.finish() }
    let code = section.required("code")
    if let code, let codePath = path(code) {
      function.codePath = codePath
      section.fallback = functionFile(codePath)
    }
    let runtimeValue = section.required("runtime")
    if let runtime = runtimeValue.flatMap(FunctionFile.runtime) { function.runtime = runtime } else { unknownRuntimes.insert(functions.count) }
    function.comment = section.optional("comment")?.text()
    let codePath = function.codePath
    function.keyValueStore = section.optional("keyValueStore").flatMap { keyValueStore($0, of: codePath) }
    eventTypes[functions.count] = section.optional("eventType")?.choice(HookPoint.self)
    let tierKeys = FunctionFile.tierSettings(section, &function.tier)
    reservedValues[functions.count] = tierKeys.first { $0.name == "reservedConcurrency" }
    provisionedValues[functions.count] = tierKeys.first { $0.name == "provisionedConcurrency" }
    function.tier.asynchronous.resolveFiles(in: folder)
    readAuthority(tierKeys, &function.tier.asynchronous)
    guard let code, !function.codePath.isEmpty, !unknownRuntimes.contains(functions.count) else { return function }
    if function.runtime.isRewriteEngine {
      for value in tierKeys { value.warning("\(value.name) has no effect on a \(function.runtime.name) function") }
      function.source = source(code, function.codePath)
    } else {
      checkTierCode(code, function.codePath)
      if isStrict && !function.tier.environment.isEmpty {
        refuse(section.optional("environment") ?? entry.value, "Lambda@Edge functions have no environment variables")
      }
    }
    return function
  }

  /// Whom secured destinations trust.
  private func readAuthority(_ tierKeys: [Value], _ settings: inout AsynchronousInvocation) {
    guard settings.destinations.contains(where: { $0.server?.isSecure == true }) else { return }
    let value = tierKeys.first { $0.name == "asynchronous" }?.section("asynchronous")?.optional("certificateAuthority")
    guard let path = certificateAuthority(value) else { return }
    settings.changeServers { $0.certificateAuthority = path }
  }

  /// A colon would make a name ambiguous in associations; CloudFront allows fewer characters still.
  private func checkName(_ key: Value) {
    let name = key.plainText ?? ""
    if name.isEmpty || name.contains(":") || name.utf8.count > 140 {
      key.error("a function's name has from 1 to 140 bytes and no colon")
    } else if name.utf8.count > 64 || !name.utf8.allSatisfy(Reader.isNameByte) {
      refuse(key, "a function's name has at most 64 letters, digits, '-' and '_'")
    }
  }

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
      true
    default: false
    }
  }

  /// The `function.yaml` beside a file of code, or inside a folder of code.
  private func functionFile(_ codePath: String) -> Section? {
    let path = functionFolder(codePath) + "/function.yaml"
    problems.files.insert(path)
    guard case .success(let bytes) = Files.read(path, maximumBytes: SourceText.maximumBytes) else { return nil }
    let name = Files.display(path, in: self.folder, namedLike: fileName)
    guard let root = SourceText.compose(bytes, file: name, problems: problems) else { return nil }
    return Value(node: root, name: "function.yaml", file: name, problems: problems).section("function.yaml")
  }

  /// The folder of a function's code.
  func functionFolder(_ codePath: String) -> String {
    Files.isFolder(codePath) ? codePath : Files.resolve(codePath + "/..", in: "/")
  }

  /// The code of a function of the rewrite engine.
  private func source(_ value: Value, _ path: String) -> [UInt8] {
    let written = (value.plainText ?? "").quoted
    problems.files.insert(path)
    switch Files.read(path, maximumBytes: Reader.maximumSourceBytes) {
    case .failure(let problem):
      value.error("\(written) cannot be read: \(problem.text)")
      return []
    case .success(let bytes):
      if bytes.isEmpty { value.error("\(written) is empty") }
      if String(validating: bytes, as: UTF8.self) == nil { value.error("\(written) is not UTF-8") }
      if bytes.count > FunctionDefinition.cloudFrontSourceBytes {
        refuseOrWarn(
          value,
          "\(written) has \(bytes.count) bytes; CloudFront accepts at most \(FunctionDefinition.cloudFrontSourceBytes)")
      }
      return bytes
    }
  }

  /// The code of the function tier is a folder or an archive.
  private func checkTierCode(_ value: Value, _ path: String) {
    if Files.isFolder(path) { return }
    let written = (value.plainText ?? "").quoted
    if let problem = Files.problem(with: path) {
      value.error("\(written) cannot be read: \(problem)")
    } else if !path.hasSuffix(".zip") && !path.hasSuffix(".js") && !path.hasSuffix(".mjs") && !path.hasSuffix(".py") {
      value.error("\(written) is neither a folder nor a .zip")
    }
  }
}

extension AsynchronousInvocation {
  /// Makes paths absolute.
  fileprivate mutating func resolveFiles(in folder: String) {
    change { if case .file(let path) = $0 { .file(Files.resolve(path, in: folder)) } else { $0 } }
  }

  fileprivate mutating func changeServers(_ body: (inout EventServer) -> Void) {
    change {
      guard case .server(var server) = $0 else { return $0 }
      body(&server)
      return .server(server)
    }
  }

  private mutating func change(_ body: (EventDestination) -> EventDestination) {
    (onSuccess, onFailure, deadLetter) = (onSuccess.map(body), onFailure.map(body), deadLetter.map(body))
  }
}
