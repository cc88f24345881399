// Owns: taking payload off the wire and putting it on, with as few system calls and copies as its size deserves.
import Transport

extension Stream {
  /// Payload up to this size is copied behind a waiting head; more goes out beside it in one gathering call.
  static let copiedPayloadBytes = 4096

  /// Looks for payload without waiting; reads what the socket has.
  /// - Parameter trailers: where the field lines behind it go, with the empty line, when there are some.
  /// - Returns: how many bytes of it stand at the front of ``input``; 0 at the end of the body; nil when it is necessary to wait.
  @inline(__always) mutating func payloadAtHand(_ decoder: inout BodyDecoder, _ trailers: inout TrailerSection?) throws(WireFailure) -> Int? {
    while true {
      switch decoder.next(input.readable) {
      case .payload(let n): return n
      case .framing(let n): input.consume(n)
      case .trailers(let n): takeTrailers(n, &trailers)
      case .done: return 0
      case .malformed: throw .refused(.chunk)
      case .incomplete:
        switch try readForBody() {
        case .bytes: break
        case .wait: return nil
        case .end:
          guard decoder.endsAtClose else { throw .io(.reset) }
          decoder = BodyDecoder()
          return 0
        }
      }
    }
  }

  /// A section that begins with its empty line is none.
  private mutating func takeTrailers(_ n: Int, _ trailers: inout TrailerSection?) {
    let first = input.readable[0]
    if trailers == nil && first != 13 && first != 10 { trailers = TrailerSection() }
    trailers?.bytes.append(input, 0..<n)
    input.consume(n)
  }

  private mutating func readForBody() throws(WireFailure) -> ReadResult {
    do { return try attemptRead() } catch { throw .io(error) }
  }

  /// Sends the first `n` bytes of `source` behind what waits, as one chunk if asked (RFC 9112, 7.1), and consumes them.
  mutating func forward(_ n: Int, from source: inout ByteBuffer, asChunk: Bool) throws(IOFailure) {
    defer { source.consume(n) }   // even when sending fails: it has been counted as read
    if asChunk {
      beginOutput()
      output.append(hexadecimal: n)
      output.append("\r\n")
    }
    if n <= Self.copiedPayloadBytes && !output.isEmpty {
      output.append(source, 0..<n)
    } else {
      try send(source.readable.extracting(..<n))
    }
    if asChunk {
      beginOutput()
      output.append("\r\n")
    }
  }
}
