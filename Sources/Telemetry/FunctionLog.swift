// Owns: a worker's lines of what functions said with console.log, in CloudFront's form (spec/cloudfront-functions.md, 11), on their way to
// the writer's thread. Confined to one thread; never blocks: lines that the writer cannot take are dropped and counted (LogWriter).
import CSystem

/// A worker's function log.
///
/// ```
/// <requestId> START DistributionID: <id>
/// <requestId> <text>          one for each call
/// <requestId> END
/// ```
@safe public struct FunctionLog: ~Copyable {
  /// Bytes of text of one run that are kept; the rest is cut off (spec/cloudfront-functions.md, 7).
  public static let textLimitBytes = 10_240
  /// Calls of one run that are kept.
  public static let callLimit = 1_024
  /// The room that every run finds: its texts and, for each call and the two lines around them, a request id.
  static let runLimitBytes = 131_072

  private let writer: LogWriter
  /// Made when a function says something for the first time: most never do.
  private var block: LogBlock?
  private var textLeft = 0
  private var callsLeft = 0

  /// A log that hands its lines to a writer.
  public init(writer: LogWriter) { self.writer = writer }

  /// Begins the lines of one run, which has said something.
  public mutating func begin(requestID: Span<UInt8>, distributionID: Span<UInt8>) {
    (textLeft, callsLeft) = (Self.textLimitBytes, Self.callLimit)
    if block == nil { block = LogBlock(capacityBytes: LogBlock.standardCapacityBytes) }
    put(requestID, limit: Self.nameLimitBytes)
    put(" START DistributionID: ")
    put(distributionID, limit: Self.nameLimitBytes)
    endLine()
  }

  /// One call of console.log. Control characters become spaces: a line break in what a viewer sent cannot forge a line.
  public mutating func say(requestID: Span<UInt8>, _ text: Span<UInt8>) {
    guard callsLeft > 0, textLeft > 0 || text.isEmpty else { return }
    callsLeft -= 1
    put(requestID, limit: Self.nameLimitBytes)
    put(" ")
    put(text, limit: textLeft)
    textLeft -= min(text.count, textLeft)
    endLine()
  }

  /// Ends the lines of the run.
  public mutating func end(requestID: Span<UInt8>) {
    put(requestID, limit: Self.nameLimitBytes)
    put(" END")
    endLine()
    if let block, block.capacityBytes - block.count < Self.runLimitBytes { flush() }
  }

  /// A line of its own, cut off at ``textLimitBytes``.
  public mutating func note(_ text: Span<UInt8>) {
    if block == nil { block = LogBlock(capacityBytes: LogBlock.standardCapacityBytes) }
    put(text, limit: Self.textLimitBytes)
    endLine()
    if let block, block.capacityBytes - block.count < Self.runLimitBytes { flush() }
  }

  /// Hands over what has been said so far. About once a second; cheap when there is nothing.
  public mutating func flush() {
    guard let full = block, full.count > 0 else { return }
    block = writer.exchange(full)
  }

  private static let nameLimitBytes = 64

  private mutating func endLine() {
    put("\n")
    block?.lines += 1
  }

  private mutating func put(_ text: StaticString) {
    text.withUTF8Buffer { bytes in unsafe write(bytes.span, bytes.count, isClean: true) }
  }

  private mutating func put(_ bytes: Span<UInt8>, limit: Int) { write(bytes, min(bytes.count, limit), isClean: false) }

  /// What a run may say finds room: that is what its limits are for. The check is for whoever changes them.
  private mutating func write(_ bytes: Span<UInt8>, _ count: Int, isClean: Bool) {
    guard let block, block.capacityBytes - block.count >= count else { return }
    for i in 0..<count {
      let byte = bytes[i]
      unsafe block.base.storeBytes(of: isClean || (byte >= 32 && byte != 127) ? byte : 32, toByteOffset: block.count + i, as: UInt8.self)
    }
    block.count += count
  }
}
