// What can be told of a function's code without running it: for `skerry check`. Blocks on files; any thread.
public import Distribution
import Foundation

extension FunctionTier {
  /// What is wrong with a function's code where its author keeps it: it cannot be taken as it is, nothing here can run it, or the handler's file is
  /// not in it. One sentence without a full stop; nil when nothing is. Unpacks the whole of an archive.
  public static func problem(with definition: FunctionDefinition, _ interpreters: Interpreters) -> String? {
    do throws(CodeProblem) {
      _ = try Interpreter(definition.runtime, interpreters)
      let source = try CodeSource(path: definition.codePath, handler: definition.tier.handler), wanted = candidates(definition)
      let found = source.files.filter { wanted.contains($0.path) }
      if case .provided = definition.runtime {
        guard let program = found.first else { return "there is no \(wanted.joined(separator: " or ")) in it, which runs on \(definition.runtime.name)" }
        guard program.isExecutable else { return "\(program.path) in it \(CodeLimits.notExecutable)" }
      }
      if found.isEmpty { return "there is no \(wanted.joined(separator: " or ")) in it (handler: \(definition.tier.handler))" }
      try source.tryReading()
      return nil
    } catch { return error.text }
  }

  /// Of an archive, the handler's file, first, and every `package.json`, which say how Node.js reads it; none where it cannot be read. Blocks.
  public static func packedHandler(_ definition: FunctionDefinition) -> [(path: String, bytes: [UInt8])] {
    guard let source = try? CodeSource(path: definition.codePath, handler: definition.tier.handler) else { return [] }
    let wanted = candidates(definition), files = source.files.map(\.path)
    guard let handler = wanted.compactMap({ files.firstIndex(of: $0) }).first else { return [] }
    let places = [handler] + files.indices.filter { files[$0].hasSuffix("package.json") && source.files[$0].bytes <= packageBytes }.prefix(packages)
    return places.compactMap { place in (try? source.read(place)).map { (files[place], $0) } }
  }
  /// A longer package.json, and further ones, are not looked at.
  private static let packageBytes = 1 << 20, packages = 100

  /// The files that a function's code is read from, by their absolute paths: a change of one of them is a change of the function. Blocks.
  public static func codeFiles(of definition: FunctionDefinition) -> [String] {
    let path = definition.codePath
    guard !path.isEmpty else { return [] }
    guard let all = FileManager.default.enumerator(atPath: path) else { return [path] }
    var files: [String] = []
    for case let name as String in all where files.count < CodeLimits.entries && all.fileAttributes?[.type] as? FileAttributeType != .typeDirectory {
      files.append(path + "/" + name)
    }
    return files.isEmpty ? [path] : files
  }

  /// The files one of which a handler is in.
  public static func candidates(_ definition: FunctionDefinition) -> [String] {
    let handler = definition.tier.handler
    let module = handler.lastIndex(of: ".").map { String(handler[..<$0]) } ?? handler
    switch definition.runtime {
    case .nodejs: return [".js", ".mjs", ".cjs"].map { module + $0 }
    case .python: return [module.replacing(".", with: "/") + ".py"]
    case .provided: return ["bootstrap"]
    case .cloudfrontJS1, .cloudfrontJS2: return []
    }
  }
}
