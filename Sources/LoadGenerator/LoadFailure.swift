// Owns: why a request got no whole answer. Values.
import Glibc
import HTTPWire
import Transport

/// Why a request got no whole answer.
struct LoadFailure: Error, Sendable {
  /// The kinds that are counted.
  enum Kind: Int, CaseIterable, Sendable {
    case connect, tls, timeout, closed, malformed, refused, diverged

    /// Its word in reports.
    var word: String {
      switch self {
      case .connect: "no connection"
      case .tls: "TLS"
      case .timeout: "timeout"
      case .closed: "closed early"
      case .malformed: "malformed answer"
      case .refused: "stream refused"
      case .diverged: "too many redirects"
      }
    }
  }
  let kind: Kind
  /// In words, of the first one of its kind.
  let text: String

  init(_ kind: Kind, _ text: String) {
    self.kind = kind
    self.text = text
  }

  init(_ failure: WireFailure, _ stream: StreamFailure?) {
    switch (failure, stream) {
    case (_, .refused?): self.init(.refused, "the server refused the stream")
    case (_, .reset(let code)?): self.init(.closed, "the server reset the stream with code \(code)")
    case (_, .broken?): self.init(.malformed, "the server broke a rule of HTTP/2")
    case (.refused(let refusal), _): self.init(.malformed, refusal.explanation)
    case (.tooSlow, _), (.io(.timedOut), _): self.init(.timeout, "no answer in time")
    case (.io(.tls), _): self.init(.tls, "the server broke TLS's rules")
    case (.io(let failure), _): self.init(.closed, failure == .reset ? "the connection ended before the answer did" : "\(failure)")
    }
  }

  init(connecting failure: IOFailure) {
    switch failure {
    case .timedOut: self.init(.connect, "no connection in time")
    case .system(let code): self.init(.connect, unsafe String(cString: strerror(code)))
    default: self.init(.connect, "\(failure)")
    }
  }
}
