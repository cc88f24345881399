// Owns: a request's body as far as functions have been given it, or as one has made it (spec/lambda-at-edge.md, 4). Confined to the exchange's task.
import Distribution
import HTTPWire
import Transport

/// The beginning of a request's body, or all of it.
final class HeldBody {
  var bytes: [UInt8] = []
  /// Whether nothing of the viewer's follows.
  var isWhole = false
  /// Whether a function has replaced it.
  var isReplaced = false

  /// What a function is given of it.
  func shown(_ limit: Int) -> ArraySlice<UInt8> { bytes.prefix(limit) }

  /// A function has made another one.
  func replace(by other: [UInt8]) {
    bytes = other
    isWhole = true
    isReplaced = true
  }
}

extension Worker {
  /// Reads the beginning of the viewer's body, for a function: a block more than it is given at most, so that it is known whether more follows.
  nonisolated(nonsending) func holdBody(_ limit: Int, _ exchange: inout Exchange, _ viewer: inout ServerConnection) async throws(WireFailure) {
    let held = exchange.held ?? HeldBody()
    exchange.held = held
    if exchange.received.framing == .none { held.isWhole = true }
    if held.isWhole { return }
    viewer.restartBodyClock()
    while held.bytes.count <= limit {
      let n = try await viewer.nextPayload()
      if n == 0 {
        held.isWhole = true
        return
      }
      held.bytes.append(contentsOf: viewer.stream.input.readable.slice(0, n).copied)
      viewer.stream.input.consume(n)
    }
  }
}

extension RequestHead {
  /// Says that the body has so many bytes.
  mutating func frameBody(length: Int) {
    fields.drop(FieldNameSet(.contentLength, .transferEncoding))
    fields.append("Content-Length", "\(length)")
  }
}
