// Owns: the limits of HTTP/2 connections, what is told of them, and counting frames that cost the sender nothing. Pure values.

/// Limits of an HTTP/2 connection (RFC 9113, 10.5). Past a flood limit the session ends with ENHANCE_YOUR_CALM.
public struct HTTP2Limits: Sendable {
  /// Streams open at once; a further one is refused (REFUSED_STREAM).
  public var concurrentStreams = 128
  /// Bytes of content that are held per stream for who reads it.
  public var streamWindowBytes = 262_144
  /// The same for all streams of a connection together.
  public var sessionWindowBytes = 1_048_576
  /// Bytes of an answer's content that a stream holds while the peer's windows are shut.
  public var sendBufferBytes = 65_536
  /// CONTINUATION frames behind one HEADERS frame.
  public var continuationFrames = 16
  /// The time in which the numbers below are counted, in milliseconds.
  public var intervalMilliseconds = 10_000
  /// Streams that end before they are answered, by the peer's reset or its fault (CVE-2023-44487).
  public var abandonedStreams = 200
  /// SETTINGS frames.
  public var settingsFrames = 50
  /// PING frames beyond one for each DATA frame that was sent: clients measure a connection with them (gRPC).
  public var pingFrames = 200
  /// WINDOW_UPDATE frames beyond four for each DATA frame that was sent.
  public var windowUpdates = 1_000
  /// DATA frames without content that do not end their stream.
  public var emptyFrames = 100
  /// PRIORITY, PRIORITY_UPDATE and unknown frames.
  public var otherFrames = 1_000
  /// Frames that are refused or passed over: HEADERS of streams that may not begin, HEADERS, DATA and RST_STREAM of streams that are over;
  /// beyond four for each stream that this side reset.
  public var ignoredFrames = 2_000
  /// How long the peer may take to acknowledge our SETTINGS, in milliseconds; then SETTINGS_TIMEOUT (RFC 9113, 6.5.3).
  public var settingsTimeoutMilliseconds = 10_000

  /// The defaults.
  public init() {}
}

/// What happens on an HTTP/2 connection and is to be counted.
public enum HTTP2Event: CaseIterable, Sendable {
  /// A connection, or a stream with a request on it, began.
  case sessionBegan, streamBegan
  /// The peer reset a stream.
  case streamReset
  /// The peer broke a rule on a stream or for the whole connection.
  case streamError, sessionError
  case limitStreams, limitContinuations, limitAbandoned, limitSettings, limitPings, limitWindowUpdates, limitEmptyFrames, limitOtherFrames
  case limitIgnoredFrames, limitHeadTimeout, limitSettingsTimeout, limitHeadDecoded, limitStalled
}

/// Counts frames of one connection in intervals of time.
struct FloodGauge: Sendable {
  private let limits: HTTP2Limits
  private var end: UInt64 = 0
  private var abandoned = 0, settings = 0, pings = 0, windowUpdates = 0, empty = 0, other = 0, ignored = 0, continuations = 0
  /// DATA frames sent in this interval.
  var dataFramesSent = 0
  /// Streams that this side reset in this interval.
  var streamsReset = 0

  init(_ limits: HTTP2Limits) { self.limits = limits }

  /// Begins a new interval when the last one is over.
  private mutating func turn(_ now: UInt64) {
    guard now >= end else { return }
    end = now + UInt64(limits.intervalMilliseconds)
    (abandoned, settings, pings, windowUpdates, empty, other, ignored, dataFramesSent, streamsReset) = (0, 0, 0, 0, 0, 0, 0, 0, 0)
  }

  /// A frame has come (RFC 9113, 6; RFC 9218, 7.1).
  /// - Returns: the limit that it exceeds.
  mutating func frame(type: UInt8, isAcknowledgement: Bool, now: UInt64) -> HTTP2Event? {
    switch type {
    case 0: return nil
    case 1:
      continuations = 0
      return nil
    case 9:
      continuations += 1
      return continuations > limits.continuationFrames ? .limitContinuations : nil
    case 3: return nil   // judged by what it abandons
    default: break
    }
    turn(now)
    switch type {
    case 4 where !isAcknowledgement:
      settings += 1
      return settings > limits.settingsFrames ? .limitSettings : nil
    case 6 where !isAcknowledgement:
      pings += 1
      return pings > limits.pingFrames + dataFramesSent ? .limitPings : nil
    case 8:
      windowUpdates += 1
      return windowUpdates > limits.windowUpdates + 4 * dataFramesSent ? .limitWindowUpdates : nil
    default:
      other += 1
      return other > limits.otherFrames ? .limitOtherFrames : nil
    }
  }

  /// A frame comes to nothing: HEADERS of a stream that is refused or over, DATA or RST_STREAM of one that is over.
  mutating func ignoredFrame(now: UInt64) -> HTTP2Event? {
    turn(now)
    ignored += 1
    return ignored > limits.ignoredFrames + 4 * streamsReset ? .limitIgnoredFrames : nil
  }

  /// A DATA frame without content that does not end its stream.
  mutating func emptyFrame(now: UInt64) -> HTTP2Event? {
    turn(now)
    empty += 1
    return empty > limits.emptyFrames ? .limitEmptyFrames : nil
  }

  /// A stream ended before it was answered.
  mutating func abandonedStream(now: UInt64) -> HTTP2Event? {
    turn(now)
    abandoned += 1
    return abandoned > limits.abandonedStreams ? .limitAbandoned : nil
  }
}

/// Streams that this side reset lately. Of older ones it is not known: what comes for them is passed over.
struct RecentStreams: Sendable {
  /// So many are known.
  static let limit = 1_024
  private var ids: Set<Int32> = []
  private var order: [Int32] = []
  private var next = 0
  /// Streams below are not known any more.
  private var forgottenBelow: Int32 = 0

  mutating func add(_ id: Int32) {
    guard ids.insert(id).inserted else { return }
    if order.count < Self.limit { return order.append(id) }
    forgottenBelow = max(forgottenBelow, order[next] + 1)
    ids.remove(order[next])
    order[next] = id
    next = (next + 1) % Self.limit
  }

  /// Whether this side reset a stream, or may have.
  func has(_ id: Int32) -> Bool { id < forgottenBelow || ids.contains(id) }
}
