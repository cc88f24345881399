// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the reader of PROXY headers (Documentation/testing.md).
import Fuzzing

/// `fuzz-proxy-header [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzProxyHeader {
  static func main() { FuzzDriver.run("fuzz-proxy-header", ProxyHeaderChecks.header) }
}
