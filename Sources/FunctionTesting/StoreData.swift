// The data of a function's key value store, without a configuration: rules.json in its folder, or the file of `--kvs`, with the entries
// that a case changes. Reads files; any thread. Source: design/configuration.md; spec/cloudfront-functions.md section 10.1.
import ConfigurationFile
import JSONText
public import KeyValueStores

/// A store, and how to make others of its data.
public struct StoreData: Sendable {
  /// The data as it lies in the file.
  public let store: KeyValueStore
  /// The file's bytes; nil: there is no file, and the store is empty.
  private let bytes: [UInt8]?

  /// The file of a function's data in its folder.
  static let fileName = "rules.json"

  /// An empty store.
  init(name: String) {
    store = KeyValueStore.Builder(StoreData.labels(name)).finish()
    bytes = nil
  }

  /// Reads AWS's import form.
  /// - Parameter name: what the store is called; `cf.kvs(name)` finds it too.
  /// - Throws: the problems of the file, a line each.
  public init(path: String, name: String) throws(FunctionSourceProblem) {
    switch Files.read(path, maximumBytes: KeyValueStore.Limits().fileBytes) {
    case .failure(let problem): throw FunctionSourceProblem(text: "\(path) cannot be read: \(problem.text)")
    case .success(let bytes):
      let (store, problems) = KeyValueStore.reading(bytes.span, labels: StoreData.labels(name), isStrict: false)
      guard let store else {
        throw FunctionSourceProblem(
          diagnostics: problems.filter(\.isError).map {
            Diagnostic(file: path, line: $0.line, column: $0.column, severity: .error, text: $0.text)
          })
      }
      (self.store, self.bytes) = (store, bytes)
    }
  }

  private static func labels(_ name: String) -> KeyValueStore.Labels {
    KeyValueStore.Labels(id: KeyValueStore.defaultID(named: name), alias: name)
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
