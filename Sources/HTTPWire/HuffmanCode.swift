// Owns: the Huffman code of header compression (RFC 7541, 5.2 and appendix B). It is canonical, so the lengths of the codes say all: codes of one
// length follow each other in the order of their symbols. Only decoding: what is sent from here goes as it is.
import Transport

/// Decodes strings.
struct HuffmanCode: Sendable {
  static let shared = HuffmanCode()

  /// Bits of the code of each byte, and of the end of the string.
  private static let lengths: [UInt8] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
  ]
  private static let longest = 30, endOfString: UInt16 = 256, shortest = 5

  /// Codes of one length: the first one, how many, and where their symbols stand in ``symbols``.
  private struct Codes: Sendable { var first: UInt64 = 0, count: UInt64 = 0, place = 0 }
  private var codes = [Codes](repeating: Codes(), count: longest + 1)
  /// All symbols in the order of their codes.
  private var symbols: [UInt16] = []
  /// By the next eight bits: the byte that they begin with, and the bits of its code; 0 bits when the code is longer.
  private var short = [(byte: UInt8, bits: UInt8)](repeating: (0, 0), count: 256)

  private init() {
    var code: UInt64 = 0
    for length in Self.shortest...Self.longest {
      code <<= 1
      codes[length] = Codes(first: code, place: symbols.count)
      for symbol in 0..<Self.lengths.count where Int(Self.lengths[symbol]) == length {
        symbols.append(UInt16(symbol))
        if length <= 8 {
          let from = Int(code) << (8 - length)
          for bits in from..<(from + 1 << (8 - length)) { short[bits] = (UInt8(symbol), UInt8(length)) }
        }
        code += 1
        codes[length].count += 1
      }
    }
  }

  /// Appends what the bytes stand for.
  /// - Returns: false when they stand for nothing: the end of the string among them, or padding that is too long or not of ones.
  func decode(_ bytes: Span<UInt8>, to out: inout ByteBuffer) -> Bool {
    var window: UInt64 = 0, bits = 0, at = 0   // what has been read and not decoded stands in the window's upper bits
    while true {
      if bits < Self.longest {
        while bits <= 56 && at < bytes.count {
          window |= UInt64(bytes[at]) &<< UInt64(truncatingIfNeeded: 56 - bits)
          bits += 8
          at += 1
        }
        guard bits > 0 else { return true }
      }
      let next = short[Int(window >> 56)]
      var length = Int(next.bits)
      if length > 0 && length <= bits {
        out.append(next.byte)
      } else {
        guard let symbol = long(window, bits, &length) else { return bits < 8 && window >> UInt64(64 - bits) == 1 << UInt64(bits) - 1 }
        guard symbol != Self.endOfString else { return false }
        out.append(UInt8(symbol))
      }
      window <<= UInt64(length)
      bits -= length
    }
  }

  /// The symbol of a code of more than eight bits, of which all must be there.
  private func long(_ window: UInt64, _ bits: Int, _ length: inout Int) -> UInt16? {
    for n in 9...Self.longest where n <= bits {
      let code = window >> UInt64(64 - n)
      if code < codes[n].first + codes[n].count {   // codes of one length are below all longer ones that begin alike
        guard code >= codes[n].first else { return nil }
        length = n
        return symbols[codes[n].place + Int(code - codes[n].first)]
      }
    }
    return nil
  }
}
