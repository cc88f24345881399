// A short run of the fuzz target with every `make test`: the corpus as it is, and a few thousand mutants of it.
import Foundation
import Fuzzing
import Testing

@Suite struct FuzzTests {
  /// Beside the sources, wherever the tests are started from.
  static let corpus = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Fuzzing/Corpus")

  @Test(arguments: ["http1-request", "http1-response", "http1-chunked"])
  func everySeedKeepsThePromises(folder: String) throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent(folder))
    #expect(corpus.seeds.count >= 10)
    for (name, bytes) in corpus.seeds {
      #expect(throws: Never.self, "\(folder)/\(name)") { try HTTP1Checks.request(bytes) }
      #expect(throws: Never.self, "\(folder)/\(name)") { try HTTP1Checks.response(bytes) }
      #expect(throws: Never.self, "\(folder)/\(name)") { try HTTP1Checks.chunkedBody(bytes) }
    }
  }

  @Test func everySourceOfTheDialectKeepsThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("dialect"))
    #expect(corpus.seeds.count >= 100)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try DialectChecks.source(bytes) } }
  }

  @Test(arguments: [("http1-request", HTTP1Checks.request), ("http1-response", HTTP1Checks.response), ("http1-chunked", HTTP1Checks.chunkedBody), ("dialect", DialectChecks.source)]
    as [(String, @Sendable ([UInt8]) throws(BrokenProperty) -> Void)])
  func mutantsKeepThePromises(folder: String, check: @Sendable ([UInt8]) throws(BrokenProperty) -> Void) throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent(folder))
    for index in 0..<300 {
      let mutant = corpus.mutant(index, seed: 2)
      #expect(throws: Never.self, "mutant \(index)") { try check(mutant) }
    }
  }

  @Test func theSameSeedMakesTheSameMutants() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("http1-request"))
    #expect((0..<50).map { corpus.mutant($0, seed: 7) } == (0..<50).map { corpus.mutant($0, seed: 7) })
    #expect((0..<50).map { corpus.mutant($0, seed: 7) } != (0..<50).map { corpus.mutant($0, seed: 8) })
  }
}
