// Key value stores: the section `keyValueStores`, and the data itself, read with the configuration.
// Source: design/configuration.md; spec/cloudfront-functions.md 7 and 10.1.
import Distribution
import Foundation
import KeyValueStores

extension Reader {
  /// Reads `name: path`, or `name: { data: path, id: UUID }`. A store with an error stays as an empty one, so that the
  /// functions that name it are not reported too.
  func readKeyValueStores(_ top: Section) {
    guard let section = top.optional("keyValueStores")?.section("keyValueStores") else { return }
    for entry in section.entries {
      checkStoreName(entry.key)
      var data: Value? = entry.value
      var id: String?
      if entry.value.isMapping, let own = entry.value.section("key value store \(entry.name)") {
        data = own.required("data")
        id = own.optional("id").flatMap { storeID($0) }
        own.finish()
      }
      let labels = KeyValueStore.Labels(
        id: id ?? KeyValueStore.defaultID(named: entry.name), alias: isStrict ? "" : entry.name)
      let path = path(data) ?? ""
      let store = data.flatMap { path.isEmpty ? nil : readStore($0, path, labels) }
      keyValueStores.append(
        KeyValueStoreDefinition(name: entry.name, path: path, store: store ?? KeyValueStore.Builder(labels).finish()))
    }
  }

  /// The store that a function names. Where its `function.yaml` names one that the configuration does not have, the data is
  /// the `rules.json` beside it.
  func keyValueStore(_ value: Value, of codePath: String) -> String? {
    guard let name = value.nonEmptyText() else { return nil }
    let path = functionFolder(codePath) + "/rules.json"
    problems.files.insert(path)
    if let known = keyValueStores.first(where: { $0.name == name }) {
      if known.isOwn && known.path != path { value.error("another function has a key value store \(name.quoted) of its own; name both under keyValueStores") }
      return name
    }
    guard value.file != fileName, Files.problem(with: path) != "there is no such file" else {
      let names = keyValueStores.map(\.name)
      value.error("there is no key value store \(name.quoted)\(Suggestion.text(for: name, among: names))")
      return nil
    }
    let labels = KeyValueStore.Labels(id: KeyValueStore.defaultID(named: name), alias: isStrict ? "" : name)
    let store = readStore(value, path, labels) ?? KeyValueStore.Builder(labels).finish()
    keyValueStores.append(KeyValueStoreDefinition(name: name, path: path, store: store, isOwn: true))
    return name
  }

  /// The data of a store, and when it was changed.
  private func readStore(_ value: Value, _ path: String, _ labels: KeyValueStore.Labels) -> KeyValueStore? {
    let name = Files.display(path, in: folder, namedLike: fileName)
    problems.files.insert(path)
    switch Files.read(path, maximumBytes: storeLimits.fileBytes) {
    case .failure(let problem):
      value.error("\(name.quoted) cannot be read: \(problem.text)")
      return nil
    case .success(let bytes):
      var labels = labels
      labels.modified = Files.modificationTime(path)
      labels.created = labels.modified
      let (store, found) = KeyValueStore.reading(bytes.span, labels: labels, limits: storeLimits, isStrict: isStrict)
      for problem in found {
        problems.report(problem.isError ? .error : .warning, file: name, line: problem.line, column: problem.column, problem.text)
      }
      return store
    }
  }

  /// CloudFront's names of stores are short; here they also stand for the id in `cf.kvs(name)`.
  private func checkStoreName(_ key: Value) {
    let name = key.plainText ?? ""
    if name.isEmpty || name.utf8.count > 140 {
      key.error("a key value store's name has from 1 to 140 bytes")
    } else if name.utf8.count > 64 || !name.utf8.allSatisfy(Reader.isNameByte) {
      refuse(key, "a key value store's name has at most 64 letters, digits, '-' and '_'")
    }
  }

  private func storeID(_ value: Value) -> String? {
    guard let text = value.nonEmptyText("a UUID") else { return nil }
    guard text.utf8.count == 36, UUID(uuidString: text) != nil else {
      value.error("\(text.quoted) is no UUID, such as 6ba7b810-9dad-11d1-80b4-00c04fd430c8")
      return nil
    }
    if let other = keyValueStores.first(where: { $0.store.labels.id == text.lowercased() }) {
      value.error("the key value store \(other.name) has this id already")
    }
    return text
  }
}
