// The data of a function's key value store, without a configuration: rules.json in its folder, or the file of `--kvs`, with the entries
// that a case changes. Reads files; any thread. Source: design/configuration.md; spec/cloudfront-functions.md section 10.1.
import ConfigurationFile
import Foundation
import JSONText
import KeyValueStores

/// A store, and how to make others of its data.
struct StoreData: Sendable {
  /// The data as it lies in the file.
  let store: KeyValueStore
  /// The file's bytes; nil: there is no file, and the store is empty.
  private let bytes: [UInt8]?

  /// The file of a function's data in its folder.
  static let fileName = "rules.json"

  /// An empty store.
  init(_ labels: KeyValueStore.Labels) {
    store = KeyValueStore.Builder(labels.dated(Date().formatted(.iso8601))).finish()
    bytes = nil
  }

  /// Reads AWS's import form.
  /// - Throws: the problems of the file, a line each.
  init(path: String, _ labels: KeyValueStore.Labels) throws(FunctionSourceProblem) {
    switch Files.read(path, maximumBytes: KeyValueStore.Limits().fileBytes) {
    case .failure(let problem): throw FunctionSourceProblem(text: "\(path) cannot be read: \(problem.text)")
    case .success(let bytes):
      let (store, problems) = KeyValueStore.reading(bytes.span, labels: labels.dated(Files.modificationTime(path)), isStrict: false)
      guard let store else {
        throw FunctionSourceProblem(
          diagnostics: problems.filter(\.isError).map {
            Diagnostic(file: path, line: $0.line, column: $0.column, severity: .error, text: $0.text)
          })
      }
      (self.store, self.bytes) = (store, bytes)
    }
  }

  /// What a store is called that no configuration knows. Its id is the one that the code names, so that code from CloudFront finds it.
  static func labels(_ name: String, for source: [UInt8]) -> KeyValueStore.Labels {
    KeyValueStore.Labels(id: firstUUID(in: source) ?? KeyValueStore.defaultID(named: name), alias: name)
  }

  /// The first thing in a text that looks like a UUID.
  static func firstUUID(in text: [UInt8]) -> String? {
    let length = 36, hyphens = [8, 13, 18, 23]
    var start = 0
    while start + length <= text.count {
      let candidate = text[start..<(start + length)]
      let wrong = candidate.indices.first { index in
        let isHexadecimal = Character(Unicode.Scalar(text[index])).isHexDigit
        return hyphens.contains(index - start) ? text[index] != UInt8(ascii: "-") : !isHexadecimal
      }
      if wrong == nil { return String(decoding: candidate, as: UTF8.self) }
      start += 1
    }
    return nil
  }

  /// The store with some entries changed; nil takes one away.
  func changed(by changes: [(key: String, value: String?)]) -> KeyValueStore {
    let changed = Set(changes.map { Array($0.key.utf8) })
    // The file was read before, so it has this form.
    let entries = bytes.flatMap { try? JSONValue(parsing: $0) }?["data"]?.array ?? []
    let kept = entries.compactMap { entry in entry["key"]?.string.map { (key: Array($0.utf8), value: Array((entry["value"]?.string ?? "").utf8)) } }
    let added = changes.compactMap { change in change.value.map { (key: Array(change.key.utf8), value: Array($0.utf8)) } }
    var builder = KeyValueStore.Builder(store.labels)
    for entry in kept.filter({ !changed.contains($0.key) }) + added {
      // Keys are different, and what fits the file fits again.
      _ = builder.add(entry.key.span, entry.value.span)
    }
    return builder.finish()
  }
}

extension KeyValueStore.Labels {
  /// Of a store that was made and changed at this time, in ISO 8601.
  fileprivate func dated(_ time: String) -> KeyValueStore.Labels {
    var labels = self
    (labels.created, labels.modified) = (time, time)
    return labels
  }
}
