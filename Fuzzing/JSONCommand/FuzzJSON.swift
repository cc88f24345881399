// The fuzz target. Built plainly it replays and mutates the corpus, the same way for the same seed; built by `make fuzz` it is
// an input function of libFuzzer, which looks for new ways through the JSON reader (Documentation/testing.md).
import Fuzzing

/// All kinds of input in one: any bytes may be any of them.
private func checkEverything(_ bytes: [UInt8]) throws(BrokenProperty) {
  try JSONChecks.text(bytes)
  try JSONChecks.store(bytes)
}

/// `fuzz-json [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzJSON {
  static func main() { FuzzDriver.run("fuzz-json", checkEverything) }
}
