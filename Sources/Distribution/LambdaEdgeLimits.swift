// What Lambda@Edge allows a function at each event. AWS has raised the viewer events' limits over time: which ones hold is a setting.
// Immutable values; any thread may read them. Source: spec/lambda-at-edge.md 4, 6 and 8.

/// What a function may use, be shown and return at one event.
public struct LambdaEdgeLimits: Sendable, Equatable {
  /// Which of AWS's limits hold for functions of viewer events.
  public enum Generation: String, Sendable, CaseIterable {
    /// Today's: 30 s, any memory, 50 MB of code.
    case current
    /// Those until 2024: 5 s, 128 MB of memory, 1 MB of code.
    case legacy
  }

  /// How long one invocation may take at most.
  public let timeout: Duration
  /// The most memory a function may have, in MB.
  public let memoryMB: Int
  /// The most bytes of its code, zipped.
  public let codeBytes: Int
  /// So many bytes of a request's body are shown; the rest is cut off.
  public let exposedBodyBytes: Int
  /// The longest body, in bytes, by which a function replaces a request's: as text.
  public let replacedTextBytes: Int
  /// The same in base64: as many characters as what is shown may have, so that a body which is shown whole may come back. AWS's documents say 53.2 KB
  /// and 1.33 MB, which is that, rounded.
  public let replacedBase64Bytes: Int
  /// The most bytes of headers and body of a response that a function returns; the body is counted as it is written, in text or in base64.
  public let responseBytes: Int

  /// The limits at an event.
  public init(at hook: HookPoint, _ generation: Generation = .current) {
    let isViewer = hook == .viewerRequest || hook == .viewerResponse, isLegacy = isViewer && generation == .legacy
    timeout = .seconds(isLegacy ? 5 : 30)
    memoryMB = isLegacy ? 128 : 10_240
    codeBytes = isLegacy ? 1 << 20 : 50 << 20
    exposedBodyBytes = isViewer ? 40 << 10 : 1 << 20
    replacedTextBytes = exposedBodyBytes
    replacedBase64Bytes = (exposedBodyBytes + 2) / 3 * 4
    responseBytes = isViewer ? 40 << 10 : 1 << 20
  }
}
