// What every fuzz command does. Built plainly it replays and mutates corpora, the same way for the same seed; built by `make fuzz` it is
// libFuzzer's loop around its own check (LibFuzzer.swift).
import Foundation

/// The command line of a fuzz target.
public enum FuzzDriver {
  /// The whole command: as libFuzzer's when it was built for that, else as ``replay(_:_:)``.
  public static func run(_ command: String, _ check: @escaping @Sendable ([UInt8]) throws(BrokenProperty) -> Void) -> Never {
    #if LIBFUZZER
      exit(runLibFuzzer(check))
    #else
      replay(command, check)
    #endif
  }

  /// `COMMAND [--seed N] [--iterations N] FOLDER|FILE…`: tries every input and mutants of it; ends the process with 1 when a
  /// property did not hold, after printing the first example of each.
  static func replay(_ command: String, _ check: ([UInt8]) throws(BrokenProperty) -> Void) -> Never {
    var arguments = CommandLine.arguments.dropFirst(), seed: UInt64 = 1, iterations = 100_000
    while let option = arguments.first, option.hasPrefix("--") {
      guard let value = arguments.dropFirst().first.flatMap(UInt64.init) else { usage(command) }
      switch option {
      case "--seed": seed = value
      case "--iterations": iterations = Int(clamping: value)
      default: usage(command)
      }
      arguments = arguments.dropFirst(2)
    }
    if arguments.isEmpty { usage(command) }
    var good = true
    for argument in arguments {
      guard let broken = run(URL(fileURLWithPath: argument), seed, iterations, check) else { usage(command) }
      good = good && broken.isEmpty
    }
    exit(good ? 0 : 1)
  }

  /// Tries everything of a file or folder; nil when there is none.
  private static func run(
    _ url: URL, _ seed: UInt64, _ iterations: Int, _ check: ([UInt8]) throws(BrokenProperty) -> Void
  ) -> [BrokenProperty]? {
    var broken: [BrokenProperty] = []
    func attempt(_ bytes: [UInt8]) {
      do throws(BrokenProperty) { try check(bytes) } catch {
        if broken.contains(where: { $0.property == error.property }) { return }
        broken.append(error)
        say("\(url.lastPathComponent), seed \(seed): \(error)")
      }
    }
    if let bytes = try? Data(contentsOf: url) {
      attempt([UInt8](bytes))
    } else if let corpus = try? Corpus(folder: url) {
      for (_, bytes) in corpus.seeds { attempt(bytes) }
      for index in 0..<iterations { attempt(corpus.mutant(index, seed: seed)) }
    } else {
      return nil
    }
    return broken
  }

  /// For libFuzzer, which is told of a broken property by the process's end.
  static func abortUnlessKept(_ bytes: [UInt8], _ check: ([UInt8]) throws(BrokenProperty) -> Void) {
    do throws(BrokenProperty) { try check(bytes) } catch {
      say("\(error)")
      abort()
    }
  }

  private static func usage(_ command: String) -> Never {
    say("usage: \(command) [--seed N] [--iterations N] FOLDER|FILE…")
    exit(2)
  }

  private static func say(_ line: String) { FileHandle.standardError.write(Data("\(line)\n".utf8)) }
}
