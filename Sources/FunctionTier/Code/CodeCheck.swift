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
      if wanted.isEmpty { return "its handler \(definition.tier.handler.shown) is none: it has the form file.function" }
      if found.isEmpty, !source.files.contains(where: { mayHold($0.path, definition) }) {
        let folder = wanted.lazy.compactMap { name in source.files.first { $0.path.hasSuffix("/" + name) }.map { $0.path.dropLast(name.count + 1) } }.first
        let hint = folder.map { "; there is one in \($0): pack what is in that folder, or name it in the handler" } ?? ""
        return "there is no \(wanted.joined(separator: " or ")) in it (handler: \(definition.tier.handler))\(hint)"
      }
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

  /// The files one of which a handler is in, most often; none when the handler is no name of one.
  public static func candidates(_ definition: FunctionDefinition) -> [String] {
    switch definition.runtime {
    case .nodejs: return handlerModule(definition).map { module in [".js", ".mjs", ".cjs"].map { module + $0 } } ?? []
    case .python: return handlerModule(definition).map { [$0 + ".py"] } ?? []
    case .provided: return ["bootstrap"]
    case .cloudfrontJS1, .cloudfrontJS2: return []
    }
  }

  /// The path of a handler's file without its suffix, as the bootstraps find it: on Node.js the names behind the first point of its last part are the
  /// function's, on Python the one behind the last.
  private static func handlerModule(_ definition: FunctionDefinition) -> String? {
    let handler = definition.tier.handler
    if case .python = definition.runtime {
      guard let point = handler.lastIndex(of: "."), point > handler.startIndex, handler.index(after: point) < handler.endIndex else { return nil }
      return String(handler[..<point]).replacing(".", with: "/")
    }
    var parts = handler.split(separator: "/").filter { $0 != "." }
    guard !handler.contains(".."), let last = parts.popLast(), let point = last.firstIndex(of: "."), point > last.startIndex, last.index(after: point) < last.endIndex else { return nil }
    return (parts + [last[..<point]]).joined(separator: "/")
  }

  /// Whether a file may be what a handler is in though it is none of the usual: what has no suffix, or another one, a package, and on Node.js one that
  /// the code brings.
  private static func mayHold(_ path: String, _ definition: FunctionDefinition) -> Bool {
    guard let module = handlerModule(definition) else { return false }
    guard case .nodejs = definition.runtime else {
      return path == module + "/__init__.py" || path.hasPrefix(module + ".") && [".pyc", ".so"].contains { path.hasSuffix($0) }
    }
    let places = [module, "node_modules/" + module]
    return places.contains { place in ["", ".js", ".node", "/index.js", "/index.node", "/package.json"].contains { path == place + $0 } }
  }
}
