// Step 18: the end of a request: what is counted of it, and its record in the access log, whose two forms are in AccessLog+JSON.swift and
// AccessLog+Columns.swift. Written by the worker into its own buffer; the writer's thread does the rest.
import Distribution
import HTTPWire
import Telemetry
import Transport

extension Worker {
  /// Step 18: counts a request and logs it.
  func finish(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection, _ failure: WireFailure?) {
    if failure != nil { noteInterruption(&exchange, viewer) }
    let line = exchange.timeline
    let end = line.sent > 0 ? line.sent : monotonicNanoseconds()
    let microseconds = Int(end - line.received) / 1000
    counters.observe(.requestDuration, microseconds: microseconds)
    if line.originResponse > line.originRequest, line.originRequest > 0 {
      counters.observe(.firstByte, ofOrigin: exchange.originPlace, microseconds: Int(line.originResponse - line.originRequest) / 1000)
    }
    if line.sending > 0 { counters.observe(.sendStep, microseconds: Int(end - line.sending) / 1000) }
    counters.add(.bytesReceived, viewer.bytesOfRequest)
    counters.add(.bytesSent, viewer.stream.bytesSent)
    counters.countRequest(behavior: exchange.behavior.place, status: exchange.status, result: exchange.result)
    if let hit = exchange.hit {
      counters.countCache(exchange.behavior.place, hit.outcome, bytes: viewer.stream.bytesSent)
    } else if let work = exchange.cacheWork {
      countCache(work, exchange, bytes: viewer.stream.bytesSent)
    }
    if let trace = exchange.trace { finishTrace(trace, exchange, at: end) }
    if logging.isOn { record(exchange, viewer, microseconds) }
  }

  /// The exchange did not reach its end: whose doing was it?
  private func noteInterruption(_ exchange: inout Exchange, _ viewer: borrowing ServerConnection) {
    // Nothing of an answer has left: there was none.
    if viewer.stream.bytesSent == 0 { (exchange.status, exchange.answer, exchange.timeline.sending) = (0, nil, 0) }
    if exchange.result == .error { return }
    exchange.breakOff()
    exchange.detailedResult = "ClientCommError"
  }

  /// Writes the record of a request, if it is one of those that leave one.
  @inline(__always) private func record(_ exchange: borrowing Exchange, _ viewer: borrowing ServerConnection, _ microseconds: Int) {
    let plan = logging
    if plan.isSampled && !logDetails.takes(status: exchange.status) { return }
    let now = Timestamp(milliseconds: wallMilliseconds)
    if plan.isJSON && !plan.isMasked {
      Self.writeLine(plan, exchange, viewer, microseconds, now, to: &log)
    } else if plan.isJSON {
      Self.writeMaskedLine(plan, logDetails, exchange, viewer, microseconds, now, to: &log)
    } else {
      Self.writeColumns(plan, logDetails, exchange, viewer, microseconds, now, to: &log)
    }
  }

  /// A request that was refused before it was one: what is known of it.
  func logRefusal(_ refusal: Refusal, _ viewer: borrowing ServerConnection) {
    counters.countRequest(behavior: MetricLabels.behaviorLimit, status: refusal.status, result: .error)
    guard logging.isOn, !logging.isSampled || logDetails.takes(status: refusal.status) else { return }
    let now = Timestamp(milliseconds: wallMilliseconds)
    if logging.isJSON { writeRefusedLine(refusal, viewer, now) } else { writeRefusedColumns(refusal, viewer, now) }
  }

  /// The cookies of a request as the log shows them: several Cookie lines are one list.
  static func loggedCookies(_ plan: LogPlan, _ details: LogDetails?, _ fields: borrowing HeaderSection) -> [UInt8] {
    guard fields.present.has(.cookie) else { return [] }
    if plan.hidden.contains(.cookie) { return Array(LogMask.replacement.utf8) }
    var all: [UInt8] = []
    for i in 0..<fields.count where fields[i].name == .cookie {
      if !all.isEmpty { all += [UInt8(ascii: ";"), UInt8(ascii: " ")] }
      all += fields.value(i).copied
    }
    return details?.mask.cookies(all.span) ?? all
  }
}
