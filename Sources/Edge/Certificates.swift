// Owns: the certificates of all listeners, and taking up changed ones: on SIGHUP, and when a file changes. A bad file is said and nothing
// else: what was shown before stays. The main thread's, but for the listeners themselves.
import Distribution
import Glibc
import Pipeline
import Telemetry
import TLS
import Transport

/// The TLS of a running proxy.
final class Certificates {
  /// How often the files' stamps are looked at.
  static let watchMilliseconds = 1000

  /// By listener of the configuration; nil for plain ones.
  let listeners: [SecureListener?]
  /// Whether there is none.
  var isEmpty: Bool { listeners.allSatisfy { $0 == nil } }
  private let tickets: TicketKeys
  private let handle: WorkerHandle
  private let diagnostics: Diagnostics
  /// By listener: the files as they are shown, and as they were at the last look.
  private var shown: [[FileStamp?]], seen: [[FileStamp?]]

  /// Reads the files.
  init(_ configuration: Configuration, _ serving: ServingConfiguration, _ handles: [WorkerHandle], _ diagnostics: Diagnostics) throws(StartFailure) {
    guard let tickets = TicketKeys() else { throw StartFailure(description: "the system has no randomness for session tickets") }
    self.tickets = tickets
    var listeners: [SecureListener?] = []
    for listener in configuration.listeners {
      guard var tls = listener.tls else {
        listeners.append(nil)
        continue
      }
      tls.keepsClientHello = serving.wantsFingerprints
      do throws(CertificateFailure) { listeners.append(try SecureListener(tls, tickets)) } catch {
        throw StartFailure(description: "\(error.path): \(error.reason)")
      }
    }
    self.listeners = listeners
    handle = handles[0]
    self.diagnostics = diagnostics
    shown = listeners.map { Self.stamps(of: $0) }
    seen = shown
  }

  private static func stamps(of listener: SecureListener?) -> [FileStamp?] {
    (listener?.configuration.files ?? []).map { FileStamp(of: $0) }
  }

  /// What is due every ``watchMilliseconds``.
  func lookAfter() {
    tickets.rotateIfDue()
    reloadChanged()
  }

  /// Takes up files that have changed and have been left alone since the last look: a chain and its key are not written at once.
  private func reloadChanged() {
    for (index, listener) in listeners.enumerated() {
      guard let listener else { continue }
      let now = Self.stamps(of: listener)
      if now != shown[index] && now == seen[index] { reload(index, listener, now) }
      seen[index] = now
    }
  }

  /// Takes up all files.
  func reload() {
    for (index, listener) in listeners.enumerated() {
      if let listener { reload(index, listener, Self.stamps(of: listener)) }
    }
  }

  private func reload(_ index: Int, _ listener: SecureListener, _ stamps: [FileStamp?]) {
    shown[index] = stamps
    do throws(CertificateFailure) {
      try listener.reload()
      handle.count(.certificatesReloaded)
      diagnostics.say(.info, "the certificates of \(listener.configuration.scope) have been reloaded")
      for files in listener.configuration.certificates where files.keyIsOpen {
        diagnostics.say(.warning, "\(files.key) can be read or changed by others; a key is its owner's alone: chmod 600")
      }
    } catch {
      handle.count(.certificatesRefused)
      diagnostics.say(.error, "the certificates of \(listener.configuration.scope) stay as they were: \(error.path): \(error.reason)")
    }
  }
}
