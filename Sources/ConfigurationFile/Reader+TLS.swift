// What a listener shows and demands of viewers: certificates, security policy, mutual TLS. The files are read as they will be served, so
// that a bad one is found here and not by the first viewer.
// Source: design/configuration.md; CloudFront's ViewerCertificate and ViewerMtlsConfig.
import Distribution
import Foundation
import TLS

extension Reader {
  /// A certificate's files and where they are named.
  private struct NamedFiles {
    var files: TLSServer.CertificateFiles
    let places: [String: Value]
  }

  /// Nil, once reported, when there is no certificate to serve with.
  func tls(_ value: Value) -> TLSServer.Configuration? {
    guard let section = value.section("tls") else { return nil }
    defer { section.finish() }
    _ = section.flag("optional", default: false)   // see `awaitsFiles`
    var named: [NamedFiles] = []
    if let list = section.required("certificates"), let items = list.items(of: "a certificate") {
      if items.isEmpty { list.error("at least one certificate is needed") }
      named = items.compactMap(certificate)
    }
    var configuration = TLSServer.Configuration(certificates: named.map(\.files))
    var places = named.reduce(into: [:]) { $0.merge($1.places) { first, _ in first } }
    if let policy = section.optional("minimumProtocolVersion") {
      if policy.plainText == "SSLv3" {
        policy.error("SSLv3 is not spoken by anyone who should be; the oldest policy is TLSv1")
      } else if let chosen = policy.choice(SecurityPolicy.self) {
        let oldest = chosen.minimumVersion
        if oldest.isDeprecated { policy.warning("\(chosen.rawValue) lets viewers use \(oldest.rawValue), which is given up (RFC 8996)") }
        configuration.policy = chosen
      }
    }
    if let asked = section.optional("viewerMtls") { configuration.viewerCertificates = viewerCertificates(asked, &places) }
    guard !named.isEmpty else { return nil }
    check(configuration, places)
    return configuration
  }

  /// Whether a TLS section is `optional` and none of its certificates' files is there. Says nothing of what may be wrong with it.
  func awaitsFiles(_ value: Value) -> Bool {
    guard value.isMapping, let section = value.section("tls"), section.optional("optional")?.plainText == "true",
      let list = section.optional("certificates"), list.isList, let items = list.items(of: "a certificate"), !items.isEmpty
    else { return false }
    let paths = items.flatMap { item -> [String?] in
      guard item.isMapping, let section = item.section("a certificate") else { return [nil] }
      return ["certificate", "key"].map { section.optional($0)?.plainText }
    }
    let files = paths.map { $0.map { Files.resolve($0, in: folder) } }
    problems.files.formUnion(files.compactMap { $0 })   // to be noticed when they come
    return files.allSatisfy { $0.map(Files.isAbsent) ?? false }
  }

  private func certificate(_ item: Value) -> NamedFiles? {
    guard let section = item.section("a certificate") else { return nil }
    defer { section.finish() }
    let chainValue = section.required("certificate"), keyValue = section.required("key"), statusValue = section.optional("ocspResponse")
    guard let chainValue, let keyValue, let chain = readablePath(chainValue), let key = readablePath(keyValue) else { return nil }
    var places = [chain: chainValue, key: keyValue]
    var files = TLSServer.CertificateFiles(chain: chain, key: key)
    if let statusValue, let status = readablePath(statusValue) {
      files.ocspResponse = status
      places[status] = statusValue
    }
    if files.keyIsOpen {
      keyValue.warning("\((keyValue.plainText ?? "").quoted) can be read or changed by others; a key is its owner's alone: chmod 600")
    }
    return NamedFiles(files: files, places: places)
  }

  private func viewerCertificates(_ value: Value, _ places: inout [String: Value]) -> TLSServer.ViewerCertificates? {
    guard let section = value.section("viewerMtls") else { return nil }
    defer { section.finish() }
    enum Mode: String, CaseIterable { case required, optional }
    let mode = section.optional("mode")?.choice(Mode.self) ?? .required
    let advertises = section.flag("advertiseTrustStoreCaNames", default: false)
    let ignoresExpiry = section.flag("ignoreCertificateExpiry", default: false)
    guard let storeValue = section.required("trustStore"), let store = readablePath(storeValue) else { return nil }
    places[store] = storeValue
    var asked = TLSServer.ViewerCertificates(trustStore: store)
    asked.isRequired = mode == .required
    asked.advertisesNames = advertises
    asked.ignoresExpiry = ignoresExpiry
    return asked
  }

  /// Tries the files as a listener would.
  private func check(_ configuration: TLSServer.Configuration, _ places: [String: Value]) {
    guard let tickets = TicketKeys(), places.keys.allSatisfy({ Files.problem(with: $0) == nil }) else { return }
    do throws(CertificateFailure) {
      let server = try TLSServer(configuration, tickets)
      for (files, certificate) in zip(configuration.certificates, server.certificates) where certificate.expires < Int64(Date().timeIntervalSince1970) {
        places[files.chain]?.warning("the certificate has expired")
      }
    } catch { places[error.path]?.error("\((places[error.path]?.plainText ?? "").quoted) cannot be used: \(error.reason)") }
  }
}
