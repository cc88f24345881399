// libFuzzer's side of a fuzz command: it looks for new ways through a parser, and is told of a broken property by the process's end
// (Documentation/testing.md).
#if LIBFUZZER
  import Synchronization

  /// libFuzzer's loop, in its runtime library.
  @_silgen_name("LLVMFuzzerRunDriver")
  private func runFuzzer(
    _ argumentCount: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
    _ input: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
  ) -> CInt

  /// What this command checks; set once, before the loop.
  private let currentCheck = Mutex<(@Sendable ([UInt8]) throws(BrokenProperty) -> Void)?>(nil)

  /// Called with every input. The runtime library wants it under this name.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let check = currentCheck.withLock({ $0 }) else { return -1 }
    FuzzDriver.abortUnlessKept(unsafe Array(UnsafeBufferPointer(start: start, count: count)), check)
    return 0
  }

  extension FuzzDriver {
    /// Runs the loop with the process's arguments; its exit status.
    static func runLibFuzzer(_ check: @escaping @Sendable ([UInt8]) throws(BrokenProperty) -> Void) -> CInt {
      currentCheck.withLock { $0 = check }
      var count = CommandLine.argc, arguments = unsafe CommandLine.unsafeArgv
      return unsafe runFuzzer(&count, &arguments) { unsafe fuzzOneInput($0, $1) }
    }
  }
#endif
