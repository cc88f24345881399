// Owns: the certificates of all listeners, and taking up changed ones when a file changes. A bad file is said and nothing else: what was shown
// before stays. The main thread's, but for the listeners themselves.
import Distribution
import Glibc
import Telemetry
import TLS
import Transport

/// The TLS of a running proxy.
final class Certificates {
  /// How often the files' stamps are looked at.
  static let watchMilliseconds = 1000

  /// By listener of the configuration; nil for plain ones.
  private var listeners: [SecureListener?] = []
  /// Whether there is none.
  var isEmpty: Bool { listeners.allSatisfy { $0 == nil } }
  private let tickets: TicketKeys
  private let handle: WorkerHandle
  private let diagnostics: Diagnostics
  /// By listener: the files as they are shown, and as they were at the last look.
  private var shown: [[FileStamp?]] = [], seen: [[FileStamp?]] = []

  init(_ tickets: TicketKeys, _ handle: WorkerHandle, _ diagnostics: Diagnostics) {
    self.tickets = tickets
    self.handle = handle
    self.diagnostics = diagnostics
  }

  /// Looks after the listeners of a configuration, whose files have just been read.
  func adopt(_ listeners: [SecureListener?]) {
    self.listeners = listeners
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

  /// Takes up all files that are good: the configuration around them is not.
  func reload() {
    for (index, listener) in listeners.enumerated() {
      if let listener { reload(index, listener, Self.stamps(of: listener)) }
    }
  }

  private func reload(_ index: Int, _ listener: SecureListener, _ stamps: [FileStamp?]) {
    shown[index] = stamps
    do throws(CertificateFailure) {
      try listener.reload()
      note(listener)
    } catch {
      handle.count(.certificatesRefused)
      diagnostics.say(.error, "the certificates of \(listener.configuration.scope) stay as they were: \(error.path): \(error.reason)")
    }
  }

  /// Says of all that they have been read again.
  func noteAll() { for case let listener? in listeners { note(listener) } }

  private func note(_ listener: SecureListener) {
    handle.count(.certificatesReloaded)
    diagnostics.say(.info, "the certificates of \(listener.configuration.scope) have been reloaded")
    for files in listener.configuration.certificates where files.keyIsOpen {
      diagnostics.say(.warning, "\(files.key) can be read or changed by others; a key is its owner's alone: chmod 600")
    }
  }
}
