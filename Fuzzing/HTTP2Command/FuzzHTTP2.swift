// The fuzz target for what a viewer says in HTTP/2. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through a session (Documentation/testing.md).
import Fuzzing

private func checkEverything(_ bytes: [UInt8]) throws(BrokenProperty) { try HTTP2Checks.session(bytes) }

#if LIBFUZZER

/// libFuzzer's loop, in its runtime library.
@_silgen_name("LLVMFuzzerRunDriver")
private func runFuzzer(
  _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// Called with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  FuzzDriver.abortUnlessKept(unsafe Array(UnsafeBufferPointer(start: start, count: count)), checkEverything)
  return 0
}

/// What SwiftPM makes the program's `main`.
@_cdecl("fuzz_http2_main")
public func fuzzMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> CInt {
  var count = count
  var arguments = unsafe arguments
  return unsafe runFuzzer(&count, &arguments) { unsafe fuzzOneInput($0, $1) }
}

#else

/// `fuzz-http2 [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzHTTP2 {
  static func main() { FuzzDriver.run("fuzz-http2", checkEverything) }
}

#endif
