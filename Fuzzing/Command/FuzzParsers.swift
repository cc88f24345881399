// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the parser (Documentation/testing.md).
import Fuzzing
import Foundation

/// All kinds of input in one: any bytes may be any of them.
private func checkEverything(_ bytes: [UInt8]) throws(BrokenProperty) {
  try HTTP1Checks.request(bytes)
  try HTTP1Checks.response(bytes)
  try HTTP1Checks.chunkedBody(bytes)
  try DialectChecks.source(bytes)
}

#if LIBFUZZER

/// libFuzzer's loop, in its runtime library.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Called with every input. A broken property ends the process, which is how libFuzzer is told.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let bytes = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  do { try checkEverything(bytes) } catch {
    FileHandle.standardError.write(Data("\(error)\n".utf8))
    abort()
  }
  return 0
}

/// What SwiftPM makes the program's `main`.
@_cdecl("fuzz_parsers_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments = unsafe arguments
  return unsafe runFuzzer(&count, &arguments) { unsafe fuzzOneInput($0, $1) }
}

#else

/// `fuzz-parsers [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzParsers {
  static func main() {
    var arguments = CommandLine.arguments.dropFirst(), seed: UInt64 = 1, iterations = 100_000
    while let option = arguments.first, option.hasPrefix("--") {
      guard let value = arguments.dropFirst().first.flatMap(UInt64.init) else { usage() }
      switch option {
      case "--seed": seed = value
      case "--iterations": iterations = Int(clamping: value)
      default: usage()
      }
      arguments = arguments.dropFirst(2)
    }
    if arguments.isEmpty { usage() }
    let broken = arguments.flatMap { run(URL(fileURLWithPath: $0), seed, iterations) }
    exit(broken.isEmpty ? 0 : 1)
  }

  /// Tries everything of a file or folder and prints the first example of each property that does not hold.
  private static func run(_ url: URL, _ seed: UInt64, _ iterations: Int) -> [BrokenProperty] {
    var broken: [BrokenProperty] = []
    func check(_ bytes: [UInt8]) {
      do throws(BrokenProperty) { try checkEverything(bytes) } catch {
        if broken.contains(where: { $0.property == error.property }) { return }
        broken.append(error)
        FileHandle.standardError.write(Data("\(url.lastPathComponent), seed \(seed): \(error)\n".utf8))
      }
    }
    if let bytes = try? Data(contentsOf: url) {
      check([UInt8](bytes))
    } else if let corpus = try? Corpus(folder: url) {
      for (_, bytes) in corpus.seeds { check(bytes) }
      for index in 0..<iterations { check(corpus.mutant(index, seed: seed)) }
    } else {
      usage()
    }
    return broken
  }

  private static func usage() -> Never {
    FileHandle.standardError.write(Data("usage: fuzz-parsers [--seed N] [--iterations N] FOLDER|FILE…\n".utf8))
    exit(2)
  }
}

#endif
