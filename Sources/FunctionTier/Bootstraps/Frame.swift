// Owns: the frames that the proxy and a bootstrap exchange over descriptor 3 of a sandbox (design/function-tier.md, "Protocol and cost").
//
//     bytes  0…3   length of the body        all numbers little endian
//            4…7   kind
//            8…11  serial: which invocation it is about
//           12…15  from the bootstrap: the most memory used so far, in KB; to it, of an invocation: 1 when the event is all ASCII
//           16…    body
//
// Everything that comes from a sandbox may be the function's own doing: lengths and kinds are checked here, serials by EnvironmentLife.
// Pure; any thread.
import Transport

/// The head of a frame.
struct Frame: Equatable {
  /// What a frame is about. The proxy sends `load` and `invoke`, a bootstrap the others.
  enum Kind: UInt32 {
    /// Once: the settings of the function, as JSON. Answered by `loaded` or `lastFailure`.
    case load = 1
    /// An invocation: deadline (a double, milliseconds since 1970), request id (36 bytes), length of the client context, the context, the
    /// event. Answered by `result`, `failure` or `lastFailure`.
    case invoke = 2
    /// The interpreter is up; its version.
    case ready = 16
    /// The function's code has been loaded.
    case loaded = 17
    /// The handler's result, as JSON.
    case result = 18
    /// What it threw: `errorType`, `errorMessage` and `trace` or `stackTrace`, as JSON.
    case failure = 19
    /// The same, and the environment is of no more use.
    case lastFailure = 20
  }

  static let headBytes = 16

  var kind: Kind
  var serial: UInt32
  var memoryKB: UInt32
  var bodyBytes: Int

  /// What reading from a sandbox can find.
  enum Reading: Equatable {
    case frame(Frame)
    /// There is not a whole frame yet.
    case incomplete
    /// No bootstrap writes this.
    case violation(String)
  }

  /// Looks for a frame at the beginning of what has been received.
  /// - Parameter limit: the most bytes of a body.
  static func read(_ bytes: Span<UInt8>, limit: Int) -> Reading {
    guard bytes.count >= headBytes else { return .incomplete }
    func number(_ place: Int) -> UInt32 { (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32($1 * 8) } }
    guard let kind = Kind(rawValue: number(4)), kind.rawValue >= Kind.ready.rawValue else {
      return .violation("a frame of the unknown kind \(number(4))")
    }
    let length = Int(number(0))
    guard length <= limit else { return .violation("a frame of \(length) bytes, where \(limit) are the most") }
    guard bytes.count >= headBytes + length else { return .incomplete }
    return .frame(Frame(kind: kind, serial: number(8), memoryKB: number(12), bodyBytes: length))
  }

  // MARK: Writing

  /// Appends a frame to what is to be sent.
  static func write(_ kind: Kind, serial: UInt32, _ body: Span<UInt8>, to buffer: inout ByteBuffer) {
    writeHead(kind, serial: serial, bodyBytes: body.count, to: &buffer)
    buffer.append(body)
  }

  /// Appends the frame of an invocation.
  /// - Parameter deadline: milliseconds since 1970.
  static func write(_ invocation: Invocation, serial: UInt32, deadline: Double, to buffer: inout ByteBuffer) {
    let context = invocation.clientContext
    writeHead(.invoke, serial: serial, bodyBytes: prefixBytes + context.count + invocation.payload.count, note: invocation.payload.isASCII ? 1 : 0, to: &buffer)
    append(UInt32(truncatingIfNeeded: deadline.bitPattern), to: &buffer)
    append(UInt32(truncatingIfNeeded: deadline.bitPattern >> 32), to: &buffer)
    let id = invocation.requestID.utf8.span
    buffer.append(id.extracting(..<min(id.count, requestIDBytes)))
    for _ in min(id.count, requestIDBytes)..<requestIDBytes { buffer.append(UInt8(ascii: " ")) }
    append(UInt32(truncatingIfNeeded: context.count), to: &buffer)
    buffer.append(context.span)
    buffer.append(invocation.payload.span)
  }

  private static let requestIDBytes = 36
  private static let prefixBytes = 8 + requestIDBytes + 4

  private static func writeHead(_ kind: Kind, serial: UInt32, bodyBytes: Int, note: UInt32 = 0, to buffer: inout ByteBuffer) {
    append(UInt32(truncatingIfNeeded: bodyBytes), to: &buffer)
    append(kind.rawValue, to: &buffer)
    append(serial, to: &buffer)
    append(note, to: &buffer)
  }

  private static func append(_ value: UInt32, to buffer: inout ByteBuffer) { buffer.append(bigEndian: value.byteSwapped) }
}

extension [UInt8] {
  /// Whether no byte has its highest bit set.
  fileprivate var isASCII: Bool {
    var all: UInt8 = 0
    for byte in self { all |= byte }
    return all < 128
  }
}
