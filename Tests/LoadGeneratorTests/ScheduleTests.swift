// When requests are due, whatever becomes of the ones before.
@testable import LoadGenerator
import Testing

@Suite struct ScheduleTests {
  static func options(_ change: (inout LoadOptions) -> Void) throws -> LoadOptions {
    var options = LoadOptions(try LoadTarget("http://127.0.0.1/"))
    change(&options)
    return options
  }

  @Test func aRateIsEven() throws {
    let options = try Self.options { ($0.pace, $0.durationMilliseconds) = (.rate(4), 2_000) }
    let schedule = Schedule(options, try .single(options.target))
    #expect((0..<8).map { schedule.due($0) } == [0, 250, 500, 750, 1000, 1250, 1500, 1750].map { $0 * 1_000_000 })
    #expect(schedule.due(8) == nil && schedule.total == 8)
  }

  @Test func aNumberOfRequestsEndsIt() throws {
    let options = try Self.options { ($0.pace, $0.requests) = (.rate(1000), 3) }
    let schedule = Schedule(options, try .single(options.target))
    #expect(schedule.due(2) == 2_000_000 && schedule.due(3) == nil && schedule.total == 3)
  }

  /// However slow: what is due after everybody's time is not due at all.
  @Test(arguments: [1e-9, 1e-300, Double.leastNonzeroMagnitude]) func theSlowestRates(_ rate: Double) throws {
    let options = try Self.options { ($0.pace, $0.requests) = (.rate(rate), 3) }
    let schedule = Schedule(options, try .single(options.target))
    #expect(schedule.due(0) == 0 && (schedule.due(1) ?? 0) % 1_000_000_000 == 0 && schedule.total == 1)
    var replay = LogReplay()
    for second in ["06", "07"] { replay.take(line: Array("{\"time\":\"2026-11-21T02:20:\(second).000Z\",\"uri\":\"/\",\"status\":200}".utf8)) }
    let recorded = Schedule(try Self.options { $0.pace = .recorded(speed: rate) }, try replay.plan(options.target))
    #expect(recorded.due(0) == 0 && recorded.total == (recorded.due(1) == nil ? 1 : 2))
  }

  @Test func aLogHasItsOwnTimes() throws {
    var replay = LogReplay()
    for second in ["06.100", "06.350", "07.100"] { replay.take(line: Array("{\"time\":\"2026-11-21T02:20:\(second)Z\",\"uri\":\"/\",\"status\":200}".utf8)) }
    let options = try Self.options { $0.pace = .recorded(speed: 2) }
    let schedule = Schedule(options, try replay.plan(options.target))
    #expect((0..<4).map { schedule.due($0) } == [0, 125_000_000, 500_000_000, nil])
  }
}
