// The fuzz target for what a viewer says in HTTP/2. Built plainly it replays and mutates the corpus, the same way for the same seed; built by
// `make fuzz` it is an input function of libFuzzer, which looks for new ways through a session (Documentation/testing.md).
import Fuzzing

/// `fuzz-http2 [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzHTTP2 {
  static func main() { FuzzDriver.run("fuzz-http2", HTTP2Checks.session) }
}
