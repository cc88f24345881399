// What a frame means in each phase of an environment, and how frames are read.
import Testing
import Transport

@testable import FunctionTier

@Suite struct EnvironmentLifeTests {
  /// An environment in a phase, having been asked twice.
  private func life(_ phase: EnvironmentLife.Phase) -> EnvironmentLife {
    var life = EnvironmentLife()
    if phase == .booting { return life }
    _ = life.receive(Frame(kind: .ready, serial: 0, memoryKB: 0, bodyBytes: 0))
    if phase == .ready { return life }
    let load = life.load()
    if phase == .initializing { return life }
    _ = life.receive(Frame(kind: .loaded, serial: load, memoryKB: 0, bodyBytes: 0))
    if phase == .idle { return life }
    _ = life.invoke(7)
    if phase == .ending { life.end() }
    if phase == .gone { life.vanish() }
    return life
  }

  @Test func everyFrameInEveryPhase() {
    typealias Row = (phase: EnvironmentLife.Phase, kind: Frame.Kind, event: EnvironmentLife.Event, after: EnvironmentLife.Phase)
    let good: [Row] = [
      (.booting, .ready, .booted, .ready), (.initializing, .loaded, .loaded, .idle), (.initializing, .lastFailure, .loadFailed, .ending),
      (.invoking, .result, .result, .idle), (.invoking, .failure, .failed(isLast: false), .idle), (.invoking, .lastFailure, .failed(isLast: true), .ending),
    ]
    let kinds: [Frame.Kind] = [.load, .invoke, .ready, .loaded, .result, .failure, .lastFailure]
    for phase in [EnvironmentLife.Phase.booting, .ready, .initializing, .idle, .invoking, .ending, .gone] {
      for kind in kinds {
        var life = life(phase)
        #expect(life.phase == phase)
        let event = life.receive(Frame(kind: kind, serial: life.serial, memoryKB: 0, bodyBytes: 0))
        if let row = good.first(where: { $0.phase == phase && $0.kind == kind }) {
          #expect(event == row.event, "\(kind) while \(phase)")
          #expect(life.phase == row.after, "\(kind) while \(phase)")
        } else if phase == .ending || phase == .gone || phase == .idle && kind.rawValue > Frame.Kind.ready.rawValue {
          #expect(event == .stale, "\(kind) while \(phase)")
          #expect(life.phase == phase)
        } else {
          guard case .violation = event else {
            Issue.record("\(kind) while \(phase) is \(event)")
            continue
          }
        }
      }
    }
  }

  /// A program that speaks HTTP is idle when it asks, not with its answer.
  @Test func whoAsksForInvocationsIsIdleWhenItAsks() {
    func frame(_ kind: Frame.Kind, _ serial: UInt32) -> Frame { Frame(kind: kind, serial: serial, memoryKB: 0, bodyBytes: 0) }
    for kind in [Frame.Kind.result, .failure] {
      var life = EnvironmentLife(asksForInvocations: true)
      _ = life.receive(frame(.ready, 0))
      #expect(life.receive(frame(.loaded, life.load())) == .loaded && life.phase == .idle && !life.ask())
      let serial = life.invoke(7)
      #expect(!life.ask() && life.phase == .invoking)
      #expect(life.receive(frame(kind, serial)) == (kind == .result ? .result : .failed(isLast: false)) && life.phase == .answered)
      #expect(life.receive(frame(.result, serial)) == .stale && life.phase == .answered)
      #expect(life.ask() && life.phase == .idle && !life.ask())
    }
  }

  @Test func anAnswerToAnEarlierInvocationIsStale() {
    var life = life(.invoking)
    let first = life.serial
    #expect(life.receive(Frame(kind: .result, serial: first, memoryKB: 0, bodyBytes: 0)) == .result)
    _ = life.invoke(7)
    #expect(life.receive(Frame(kind: .result, serial: first, memoryKB: 0, bodyBytes: 0)) == .stale)
    #expect(life.phase == .invoking)
    // Of the one before alone.
    #expect(life.receive(Frame(kind: .result, serial: life.serial, memoryKB: 0, bodyBytes: 0)) == .result && life.invoke(9) == 9)
    guard case .violation = life.receive(Frame(kind: .result, serial: first, memoryKB: 0, bodyBytes: 0)) else {
      Issue.record("an answer to what is long over is taken")
      return
    }
    guard case .violation = life.receive(Frame(kind: .result, serial: 10, memoryKB: 0, bodyBytes: 0)) else {
      Issue.record("an answer to the future is taken")
      return
    }
  }

  @Test func framesAreReadAndNonsenseIsRefused() {
    func bytes(_ numbers: [UInt32], _ body: [UInt8] = []) -> [UInt8] {
      numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32($0 * 8)) } } + body
    }
    let whole = bytes([3, 18, 7, 41_000], [1, 2, 3])
    let frame = Frame(kind: .result, serial: 7, memoryKB: 41_000, bodyBytes: 3)
    for end in 0..<whole.count { #expect(Frame.read(whole.span.extracting(..<end), limit: 100) == .incomplete) }
    #expect(Frame.read(whole.span, limit: 100) == .frame(frame))
    #expect(Frame.read((whole + [9]).span, limit: 100) == .frame(frame))
    for refused in [bytes([3, 1, 7, 0]), bytes([3, 2, 7, 0]), bytes([3, 99, 7, 0]), bytes([101, 18, 7, 0]), bytes([.max, 18, 7, 0])] {
      guard case .violation = Frame.read(refused.span, limit: 100) else {
        Issue.record("\(refused) is taken")
        continue
      }
    }
  }

  @Test func anInvocationIsWrittenAsTheBootstrapsReadIt() {
    var buffer = ByteBuffer()
    let invocation = Invocation(payload: [123, 125], requestID: "8694d1f0-0000-4000-8000-000000000001", clientContext: [91, 93])
    Frame.write(invocation, serial: 5, deadline: 1.5, to: &buffer)
    let bytes = buffer.readable.array
    #expect(bytes.count == 16 + 8 + 36 + 4 + 2 + 2)
    #expect(bytes[0] == 52 && bytes[4] == 2 && bytes[8] == 5)
    #expect(Array(bytes[16..<24]) == [0, 0, 0, 0, 0, 0, 0xF8, 0x3F])
    #expect(String(decoding: bytes[24..<60], as: UTF8.self) == invocation.requestID)
    #expect(Array(bytes[60...]) == [2, 0, 0, 0, 91, 93, 123, 125])
  }
}
