// Who may come in: public keys, key groups. The keys are read with the configuration.
// Source: spec/request-pipeline.md 16; CloudFront's PublicKeyConfig, KeyGroupConfig, TrustedKeyGroups.
import Distribution
import TLS

extension Reader {
  /// The longest PEM file of a public key in bytes.
  static let publicKeyBytes = 16_384

  /// Reads `name: path`, or `name: { encodedKey: path or PEM, id: K2JCJMDEHXQW5F }`.
  func readPublicKeys(_ top: Section) {
    guard let section = top.optional("publicKeys")?.section("publicKeys") else { return }
    for entry in section.entries {
      if entry.name.isEmpty { entry.key.error("a public key's name cannot be empty") }
      var keyValue: Value? = entry.value, id = entry.name, idValue = entry.key
      if entry.value.isMapping, let own = entry.value.section("public key \(entry.name)") {
        keyValue = own.required("encodedKey")
        _ = own.optional("comment")?.text()
        if let value = own.optional("id"), let text = value.nonEmptyText() { (id, idValue) = (text, value) }
        own.finish()
      }
      if !id.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"&=;,%+\"\\".utf8.contains($0) }) || id.utf8.count > 64 {
        idValue.error("a key's id stands in URLs and cookies: at most 64 visible ASCII characters without & = ; , % + \" \\")
      }
      if let other = publicKeys.first(where: { $0.id == id }) { idValue.error("the public key \(other.name) has the id \(id.quoted) already") }
      guard let keyValue, let (key, path) = publicKey(keyValue) else { continue }
      if case .rsa(let bits) = key.kind, bits != 2048 { refuse(keyValue, "an RSA key has 2048 bits, not \(bits)") }
      publicKeys.append(TrustedKey(name: entry.name, id: id, path: path, key: key))
    }
    publicKeyNames = section.entries.map(\.name)
  }

  /// A key and its file's path, or nil for one that stands here.
  private func publicKey(_ value: Value) -> (key: PublicKey, path: String?)? {
    guard let text = value.nonEmptyText("the path of a PEM file") else { return nil }
    var pem = Array(text.utf8), path: String?, name = "the key"
    if !text.contains("-----BEGIN") {
      guard let file = self.path(value) else { return nil }
      name = text.quoted
      switch Files.read(file, maximumBytes: Reader.publicKeyBytes) {
      case .failure(let problem):
        value.error("\(name) cannot be read: \(problem.text)")
        return nil
      case .success(let bytes): (pem, path) = (bytes, file)
      }
    }
    do throws(PublicKeyFailure) { return (try PublicKey(pem: pem), path) } catch {
      value.error("\(name) cannot be used: \(error.reason)")
      return nil
    }
  }

  /// Reads `name: [key, …]`, or `name: { items: [key, …] }`. A key that could not be read is not reported again.
  func readKeyGroups(_ top: Section) {
    guard let section = top.optional("keyGroups")?.section("keyGroups") else { return }
    for entry in section.entries {
      var list: Value? = entry.value
      if entry.value.isMapping, let own = entry.value.section("key group \(entry.name)") {
        list = own.required("items")
        _ = own.optional("comment")?.text()
        own.finish()
      }
      var group = KeyGroup(name: entry.name, keys: [])
      if let list, let items = list.items(of: "a public key") {
        if items.isEmpty { list.error("a key group needs a key") }
        if items.count > KeyGroup.keyLimit { refuse(list, "a key group has at most \(KeyGroup.keyLimit) keys") }
        group.keys = items.compactMap(key)
      }
      keyGroups.append(group)
    }
  }

  private func key(_ value: Value) -> TrustedKey? {
    guard let name = value.nonEmptyText("the name of a public key") else { return nil }
    if let key = publicKeys.first(where: { $0.name == name }) { return key }
    if !publicKeyNames.contains(name) { value.error("there is no public key \(name.quoted)\(Suggestion.text(for: name, among: publicKeyNames))") }
    return nil
  }

  /// The groups that a behavior trusts.
  func trustedKeyGroups(_ value: Value) -> [KeyGroup] {
    guard let items = value.items(of: "a key group") else { return [] }
    if items.isEmpty { value.error("at least one key group is needed; without the key nothing must be signed") }
    if items.count > KeyGroup.groupLimit { refuse(value, "a behavior trusts at most \(KeyGroup.groupLimit) key groups") }
    return items.compactMap { item in
      guard let name = item.nonEmptyText("the name of a key group") else { return nil }
      if let group = keyGroups.first(where: { $0.name == name }) { return group }
      item.error("there is no key group \(name.quoted)\(Suggestion.text(for: name, among: keyGroups.map(\.name)))")
      return nil
    }
  }
}
