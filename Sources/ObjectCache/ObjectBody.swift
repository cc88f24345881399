// Owns: a body that does not stand beside its head: pieces of memory, and how much of it has come. One writes, the leader of a fill; any number
// read at their own pace, from the beginning or from anywhere, while it grows or long after. Once it is complete nothing of it changes.
// A body that is more than the store may keep becomes a window: what every reader has passed is let go, and the writer waits for the slowest.
// The lock guards what is written under `state`; it is held for a few moves, never while bytes are copied.
import Synchronization
import Transport

/// A body as it comes and stays. Any thread.
public final class ObjectBody: Sendable {
  /// What can be said of a body.
  enum Phase: Sendable { case growing, complete, failed }

  /// A body at one moment.
  struct View: Sendable {
    var pieces: [BodyPiece] = []
    /// Bytes that have come.
    var length = 0
    var phase = Phase.growing
  }

  /// How far a reader has come, and how it is woken when it waits.
  private struct Place {
    var position: Int
    var wakeup: Wakeup?
  }

  private struct State {
    var view = View()
    /// The readers of a growing body.
    var readers: [ObjectIdentifier: Place] = [:]
    var isWindow = false
    /// The writer, when it waits for the readers of a window.
    var writer: Wakeup?
    /// Bytes there were when the last reader left.
    var lengthWithoutReaders = 0

    var slowest: Int? { readers.values.lazy.map(\.position).min() }
  }

  private let state = Mutex(State())
  /// How long it will be, if that is known.
  private let announced: Int?
  private let budget: MemoryBudget

  init(expectedLength: Int?, _ budget: MemoryBudget) {
    announced = expectedLength
    self.budget = budget
  }

  /// How long it is or will be; nil while nobody knows.
  public var expectedLength: Int? {
    if let announced { return announced }
    return state.withLock { $0.view.phase == .complete ? $0.view.length : nil }
  }
  /// Whether all of it is there.
  public var isComplete: Bool { view.phase == .complete }
  var view: View { state.withLock { $0.view } }
  /// The bytes of memory it takes.
  var heldBytes: Int { state.withLock { $0.view.pieces.reduce(0) { $0 + $1.heldBytes } } }

  // MARK: Writing (the leader's thread)

  /// Room behind the last byte.
  private var room: (piece: BodyPiece, offset: Int)? {
    state.withLock { state in
      guard let last = state.view.pieces.last, state.view.length < last.start + last.capacity else { return nil }
      return (last, state.view.length - last.start)
    }
  }

  /// Appends bytes.
  /// - Parameter make: makes a piece with room for some of so many bytes at a place; nil when there is no memory for it.
  /// - Returns: how many were taken: less than all when there is no memory.
  func append(_ bytes: Span<UInt8>, _ make: (_ start: Int, _ wanted: Int) -> BodyPiece?) -> Int {
    var done = 0
    while done < bytes.count {
      if room == nil {
        let start = state.withLock { $0.view.length }
        guard let piece = make(start, bytes.count - done) else { break }
        state.withLock { $0.view.pieces.append(piece) }
      }
      guard let (piece, offset) = room else { break }
      let n = min(bytes.count - done, piece.capacity - offset)
      piece.write(bytes.extracting(done..<done + n), at: offset)
      done += n
      publish(n)
    }
    return done
  }

  private func publish(_ count: Int) {
    let waiting = state.withLock { state in
      state.view.length += count
      return Self.takeWaiting(&state)
    }
    for wakeup in waiting { wakeup.wake() }
  }

  /// Nothing more comes.
  func end(_ phase: Phase) {
    let waiting = state.withLock { state in
      if state.view.phase == .growing { state.view.phase = phase }
      return Self.takeWaiting(&state)
    }
    for wakeup in waiting { wakeup.wake() }
  }

  private static func takeWaiting(_ state: inout State) -> [Wakeup] {
    var waiting: [Wakeup] = []
    for (reader, place) in state.readers where place.wakeup != nil {
      if let wakeup = place.wakeup { waiting.append(wakeup) }
      state.readers[reader]?.wakeup = nil
    }
    return waiting
  }

  /// From now on only what its readers have still to read is kept.
  func becomeWindow() {
    state.withLock { state in
      state.isWindow = true
      Self.letGo(&state)
    }
  }
  var isWindow: Bool { state.withLock { $0.isWindow } }

  /// Whether the readers of a window are so far behind that the writer must wait; then it is woken when they have come nearer.
  func mustWait(_ writer: Wakeup, windowBytes: Int) -> Bool {
    state.withLock { state in
      guard state.isWindow, let slowest = state.slowest, state.view.length - slowest >= windowBytes else { return false }
      state.writer = writer
      return true
    }
  }

  /// Lets go of what every reader of a window has passed.
  private static func letGo(_ state: inout State) {
    guard state.isWindow else { return }
    let slowest = state.slowest ?? state.view.length
    while let first = state.view.pieces.first, first.start + first.capacity <= slowest { state.view.pieces.removeFirst() }
  }

  /// How many bytes have come since nobody reads it; nil while somebody does.
  var bytesWithoutReaders: Int? {
    state.withLock { $0.readers.isEmpty ? $0.view.length - $0.lengthWithoutReaders : nil }
  }
  /// Bytes that are announced and have not come; nil when nobody knows.
  var missingBytes: Int? { announced.map { $0 - state.withLock { $0.view.length } } }

  // MARK: Reading

  /// A reader of a growing body comes; a complete one need not be told.
  func join(_ reader: BodyReader) -> View {
    state.withLock { state in
      if state.view.phase == .growing { state.readers[ObjectIdentifier(reader)] = Place(position: reader.position) }
      return state.view
    }
  }
  /// It has come to the end of what it saw.
  /// - Parameter wakeup: woken when there is more; only when the view says that there is not.
  func update(_ reader: BodyReader, _ wakeup: Wakeup?) -> View {
    let (view, writer) = state.withLock { state in
      if state.view.phase == .growing {
        state.readers[ObjectIdentifier(reader)] = Place(position: reader.position, wakeup: state.view.length <= reader.position ? wakeup : nil)
      }
      Self.letGo(&state)
      return (state.view, state.writer.take())
    }
    writer?.wake()
    return view
  }
  /// It leaves.
  func leave(_ reader: BodyReader) {
    let writer = state.withLock { state in
      state.readers[ObjectIdentifier(reader)] = nil
      if state.readers.isEmpty { state.lengthWithoutReaders = state.view.length }
      Self.letGo(&state)
      return state.writer.take()
    }
    writer?.wake()
  }
}
