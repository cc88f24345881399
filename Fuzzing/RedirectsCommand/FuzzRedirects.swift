// The fuzz target of tables of redirects (Documentation/testing.md).
import Fuzzing

/// `fuzz-redirects [--seed N] [--iterations N] FOLDER|FILE…`
@main
enum FuzzRedirects {
  static func main() { FuzzDriver.run("fuzz-redirects", RedirectChecks.table) }
}
