// The corpus, and the making of new inputs from it: the same seed always makes the same ones.
public import Foundation

/// Seeds of one kind of input, read from a folder.
public struct Corpus: Sendable {
  /// The inputs by file name, in the names' order.
  public let seeds: [(name: String, bytes: [UInt8])]
  private let words: [[UInt8]]

  /// Every file of a folder; mutants of folders about JavaScript are given its words.
  /// - Throws: when the folder cannot be read.
  public init(folder: URL) throws {
    words = ["dialect", "engine"].contains(folder.lastPathComponent) ? Corpus.wordsOfJavaScript : Corpus.words
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    seeds = try names.map { (name: $0, bytes: [UInt8](try Data(contentsOf: folder.appendingPathComponent($0)))) }
  }

  /// The input number `index` of the run with this seed: one to four changes to a seed of the corpus.
  public func mutant(_ index: Int, seed: UInt64) -> [UInt8] {
    var random = SplitMix64(state: seed &+ UInt64(truncatingIfNeeded: index) &* 0x9E37_79B9_7F4A_7C15)
    guard !seeds.isEmpty else { return [] }
    var bytes = seeds[Int.random(in: seeds.indices, using: &random)].bytes
    for _ in 0..<Int.random(in: 1...4, using: &random) {
      mutate(&bytes, other: seeds[Int.random(in: seeds.indices, using: &random)].bytes, &random)
    }
    return Array(bytes.prefix(Corpus.maximumBytes))
  }

  /// Longer inputs are cut.
  static let maximumBytes = 65_536

  /// What HTTP and JSON are made of, and what they must not be made of.
  private static let words: [[UInt8]] = [
    "\r\n", "\n", "\r", "\0", " ", "\t", ":", ",", ";", "=", "\"", "/", "?", "#", "*", "%", "@", "[", "]", "\u{7f}", "\r\n ", "\r\n\r\n",
    "GET ", "POST ", "OPTIONS ", "CONNECT ", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "http://", "Host: a\r\n", "Content-Length: 5\r\n", "Content-Length: ",
    "Transfer-Encoding: chunked\r\n", "Connection: close\r\n", "Connection: ", "Expect: 100-continue\r\n", "Upgrade: websocket\r\n", "0\r\n\r\n",
    "5\r\nhello\r\n", "ffffffffffffffff", "9223372036854775807", "18446744073709551616", "chunked", "gzip", "100", "204", "304",
    "{", "}", "\\", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "null", "true", "-0.5e+3", "{\"key\":\"a\",\"value\":\"b\"},", "\"data\":", "\u{feff}",
  ].map { Array($0.utf8) } + [[0xff], [0x80], [0xc3, 0xa9]]

  /// What the dialect looks for, and what brings a tokenizer off its way.
  private static let wordsOfJavaScript: [[UInt8]] = [
    "\n", "\r\n", "\u{2028}", " ", "/", "//", "/*", "*/", "`", "${", "}", "{", "(", ")", "[", "]", "'", "\"", "\\", ";", ",", ":", "?", "?.", "??", "=", "=>",
    "...", "#x", "\\u0061", "0x1_0n", "1.e5", "++", "async ", "await ", "function* f(", "class A extends ", "static ", "get ", "set ", "of ", "in ", "for (",
    "for await (", "let ", "const ", "import ", "import(", "export ", "default ", "case ", "return ", "yield ", "new ", "typeof ", "/[/]/g", "<!--", "-->",
    "eval(", "handler", "require('fs')", "console.log(",
  ].map { Array($0.utf8) } + [[0xff], [0xe2, 0x80], [0xf0, 0x9f, 0x98, 0x80], [0]]

  private func mutate(_ bytes: inout [UInt8], other: [UInt8], _ random: inout SplitMix64) {
    let place = Int.random(in: 0...bytes.count, using: &random)
    let end = min(bytes.count, place + Int.random(in: 0...16, using: &random))
    switch Int.random(in: 0..<7, using: &random) {
    case 0 where place < bytes.count: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
    case 1 where place < bytes.count: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 2: bytes.removeSubrange(place..<end)
    case 3: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
    case 4: bytes.replaceSubrange(place..<end, with: words[Int.random(in: words.indices, using: &random)])
    case 5: bytes = Array(bytes[..<place]) + Array(other.suffix(Int.random(in: 0...other.count, using: &random)))
    default: bytes.insert(contentsOf: words[Int.random(in: words.indices, using: &random)], at: place)
    }
  }
}

/// Steele, Lea and Flood's generator: small, and the same everywhere.
struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
