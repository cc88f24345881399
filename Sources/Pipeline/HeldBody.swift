// Owns: a request's body as far as functions have been given it, or as one has made it (spec/lambda-at-edge.md, 4). Confined to the exchange's task;
// how much all of them hold is the process's.
import Distribution
import FunctionTier
import HTTPWire
import Synchronization
import Telemetry
import Transport

/// How many bytes of bodies are held for functions, of all requests (`functionTier.eventMemory`). Any thread.
final class HeldBodies: Sendable {
  private let held = Atomic<Int>(0), most = Atomic<Int>(FunctionTierOptions().eventBytes)

  func limit(to bytes: Int) { most.store(bytes, ordering: .relaxed) }

  /// Counts further bytes, if there is room for them.
  func take(_ count: Int) -> Bool {
    if held.wrappingAdd(count, ordering: .relaxed).newValue <= most.load(ordering: .relaxed) { return true }
    give(count)
    return false
  }

  /// Counts what is held already, or not any more.
  func give(_ count: Int) { held.wrappingSubtract(count, ordering: .relaxed) }
}

/// The beginning of a request's body, or all of it.
final class HeldBody {
  private(set) var bytes: [UInt8] = []
  /// Whether nothing of the viewer's follows.
  var isWhole = false
  /// Whether a function has replaced it.
  var isReplaced = false

  private let all: HeldBodies

  init(_ all: HeldBodies) { self.all = all }
  deinit { all.give(bytes.count) }

  /// The viewer's body goes on.
  /// - Returns: whether there was room for it: all bodies together have a limit.
  func append(_ more: [UInt8]) -> Bool {
    guard all.take(more.count) else { return false }
    bytes.append(contentsOf: more)
    return true
  }

  /// What a function is given of it.
  func shown(_ limit: Int) -> ArraySlice<UInt8> { bytes.prefix(limit) }

  /// A function has made another one.
  func replace(by other: [UInt8]) {
    all.give(bytes.count - other.count)   // made is made: it counts, whatever room there is
    bytes = other
    isWhole = true
    isReplaced = true
  }
}

extension Worker {
  /// Reads the beginning of the viewer's body, for a function: a block more than it is given at most, so that it is known whether more follows.
  /// What has come in is what counts, not what was announced: that would cost who has others refused nothing.
  nonisolated(nonsending) func holdBody(_ hook: TierHook, _ exchange: inout Exchange, _ viewer: inout ServerConnection) async throws(FetchFailure) {
    let held = exchange.held ?? HeldBody(shared.heldBodies), limit = hook.limits.exposedBodyBytes
    exchange.held = held
    if exchange.received.framing == .none { held.isWhole = true }
    if held.isWhole { return }
    viewer.restartBodyClock()
    while held.bytes.count <= limit {
      let n: Int
      do throws(WireFailure) { n = try await viewer.nextPayload() } catch { throw .viewer(error) }
      if n == 0 {
        held.isWhole = true
        return
      }
      guard held.append(viewer.stream.input.readable.slice(0, n).copied) else { throw .function(crowded(hook, &exchange)) }
      viewer.stream.input.consume(n)
    }
  }

  /// The function is not asked: bodies of others take all the memory that there is for them.
  private func crowded(_ hook: TierHook, _ exchange: inout Exchange) -> TierRefusal {
    exchange.held = nil
    counters.add(.limitEventMemory)
    let refusal = TierRefusal(InvocationFailure(.throttled(.account), errorType: "", errorMessage: "the bodies of other requests take all of functionTier.eventMemory"))
    note(.failed(refusal), hook, InvocationReport(), since: monotonicNanoseconds(), &exchange)
    return refusal
  }
}

extension RequestHead {
  /// Says that the body has so many bytes.
  mutating func frameBody(length: Int) {
    fields.drop(FieldNameSet(.contentLength, .transferEncoding))
    fields.append("Content-Length", "\(length)")
  }
}
