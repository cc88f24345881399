// Owns: the leader's side of a fill: says what came of the fetch, exactly once. One that is let go without a word has failed.
import Transport
import Synchronization

/// The one who fetches. Owned by one task at a time, on whatever loop.
public final class FillLeader: Sendable {
  private let fill: Fill
  private let isDone = Atomic<Bool>(false)
  private let growing = Mutex<StoredResponse?>(nil)
  private let roomFree = Wakeup()

  init(_ fill: Fill) { self.fill = fill }
  deinit { fail() }

  /// What is to be validated, when something is.
  public var stale: StoredResponse? { fill.stale }

  /// Whether it fetches what stands under this key.
  public func isFor(_ key: Span<UInt8>) -> Bool { fill.isFor(key) }
  /// Whether something has been invalidated since it began, perhaps what it fetches: that is not to be kept under another key.
  public var isOvertaken: Bool { !fill.isKept || fill.sequence != fill.store.invalidations.newest }

  /// How a response is to be shared.
  public enum Sharing: Sendable {
    /// With all who wait, and kept.
    case share
    /// Kept; all who wait fetch for themselves.
    case keepForLater
  }

  private func settleOnce() -> Bool { !isDone.exchange(true, ordering: .relaxed) }

  /// The answer is whole and at hand.
  /// - Parameters:
  ///   - lines: the head's bytes.
  ///   - tags: separated by spaces.
  /// - Returns: the response, kept or not.
  @discardableResult public func complete(
    _ head: StoredHead, lines: Span<UInt8>, tags: Span<UInt8> = Span(), content: Span<UInt8>, sharing: Sharing = .share
  ) -> StoredResponse {
    let large = content.count > fill.store.configuration.inlineBodyBytes
    let response = fill.store.make(fill, head, lines, tags, large ? Span() : content, body: large ? body(of: content) : nil)
    settle(response, sharing)
    return response
  }

  /// A body of its own for content that is at hand; without the memory for it what is missing is broken off.
  private func body(of content: Span<UInt8>) -> ObjectBody {
    let body = ObjectBody(expectedLength: content.count, fill.store.budget)
    let taken = body.append(content) { start, wanted in fill.store.piece(at: start, wanted, expected: content.count) }
    if taken < content.count {   // no memory within the limit: it is passed on from memory beyond it, and not kept
      _ = body.append(content.extracting(taken...)) { start, wanted in fill.store.windowPiece(at: start, wanted) }
      body.becomeWindow()
    }
    body.end(.complete)
    return body
  }

  /// The stale response has been found valid (304), or is to be used on although the origin failed: a new head for its body.
  @discardableResult public func renew(
    _ head: StoredHead, lines: Span<UInt8>, tags: Span<UInt8> = Span(), sharing: Sharing = .share
  ) -> StoredResponse {
    guard let stale = fill.stale else { return complete(head, lines: lines, tags: tags, content: Span(), sharing: sharing) }
    let response = fill.store.make(fill, head, lines, tags, stale.content, body: stale.body)
    settle(response, sharing)
    return response
  }

  private func settle(_ response: StoredResponse, _ sharing: Sharing) {
    guard settleOnce() else { return }
    fill.store.keep(response, of: fill)
    fill.settle(sharing == .share ? .answered(response) : .passed)
    fill.store.ended(fill)
  }

  /// It is not to be stored: each who waits fetches for itself.
  /// - Parameter passUntil: until when others need not wait for each other under this key, if some have; nil: the next one leads again.
  public func decline(passUntil: Int64? = nil) {
    guard settleOnce() else { return }
    if let passUntil, fill.followers > 0 { fill.store.remember(passing: fill.hash, until: passUntil) }
    fill.settle(.passed)
    fill.store.ended(fill)
  }

  /// There is no answer, or it broke off. Without an answer, one who waits leads in this one's place.
  public func fail() {
    guard settleOnce() else { return }
    if let body = growing.withLock({ $0 })?.body { body.end(.failed) }
    if !fill.leaderFailed(attempts: fill.store.configuration.fillAttempts) { fill.store.ended(fill) }
  }

  // MARK: A body that comes in pieces

  /// The head is known, the body follows: ``append(_:)``, then ``finish()`` or ``fail()``.
  /// - Parameter length: the body's, if it is known.
  /// - Returns: the response for everybody's viewer, this one's included; its body grows.
  public func begin(
    _ head: StoredHead, lines: Span<UInt8>, tags: Span<UInt8> = Span(), length: Int?, sharing: Sharing = .share
  ) -> StoredResponse {
    let body = ObjectBody(expectedLength: length, fill.store.budget)
    let response = fill.store.make(fill, head, lines, tags, Span(), body: body)
    let isTooLarge = length.map { $0 > fill.store.configuration.objectBytes } ?? false
    if isTooLarge { becomeWindow(body) }
    growing.withLock { $0 = response }
    // What is known to be too large is passed on to this one's viewer only: others would hold each other up.
    fill.settle(sharing == .share && !isTooLarge ? .answered(response) : .passed)
    return response
  }

  /// What the leader is to do after bytes have been taken.
  public enum Next: Sendable, Equatable {
    /// Fetch more.
    case goOn
    /// Wait for ``roomIsFree()``: the readers of what is not kept are behind.
    case wait
    /// Nobody wants it any more: ``fail()`` and let the origin go.
    case abandoned
  }

  /// Takes the next bytes of the body.
  public func append(_ bytes: Span<UInt8>) -> Next {
    guard let body = growing.withLock({ $0 })?.body else { return .abandoned }
    let store = fill.store
    var taken = 0
    if !body.isWindow {
      taken = body.append(bytes) { start, wanted in store.piece(at: start, wanted, expected: body.expectedLength) }
      if taken < bytes.count { becomeWindow(body) }
    }
    if taken < bytes.count { _ = body.append(bytes.extracting(taken...)) { start, wanted in store.windowPiece(at: start, wanted) } }
    if isAbandoned(body) { return .abandoned }
    return body.mustWait(roomFree, windowBytes: store.configuration.windowBytes) ? .wait : .goOn
  }

  private func becomeWindow(_ body: ObjectBody) {
    body.becomeWindow()
    fill.store.count(.windows)
    fill.store.ended(fill)   // who comes now would have missed the beginning
  }

  private func isAbandoned(_ body: ObjectBody) -> Bool {
    guard let (alone, hasHadReaders) = body.withoutReaders, fill.followers == 0 else { return false }
    let limit = fill.store.configuration.abandonedFillBytes
    // Its first reader may still be on the way.
    let missing = hasHadReaders ? body.missingBytes ?? alone : alone
    guard body.isWindow && hasHadReaders || missing > limit else { return false }
    fill.store.count(.abandoned)
    return true
  }

  /// Waits until the readers of a window have come nearer.
  public nonisolated(nonsending) func roomIsFree() async { await roomFree.wait() }

  /// The body is whole. One that is shorter or longer than announced has failed.
  public func finish() {
    guard let response = growing.withLock({ $0 }), let body = response.body else { return fail() }
    guard body.missingBytes ?? 0 == 0 else { return fail() }
    guard settleOnce() else { return }
    body.end(.complete)
    if !body.isWindow { fill.store.keep(fill.store.compacted(response, of: fill), of: fill) }
    fill.store.ended(fill)
  }
}
