// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the parser (Documentation/testing.md).
import Fuzzing

/// All kinds of input in one: any bytes may be any of them.
private func checkEverything(_ bytes: [UInt8]) throws(BrokenProperty) {
  try HTTP1Checks.request(bytes)
  try HTTP1Checks.response(bytes)
  try HTTP1Checks.chunkedBody(bytes)
}

/// `fuzz-http1 [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzHTTP1 {
  static func main() { FuzzDriver.run("fuzz-http1", checkEverything) }
}
