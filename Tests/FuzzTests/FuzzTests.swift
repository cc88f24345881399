// A short run of the fuzz target with every `make test`: the corpus as it is, and a few thousand mutants of it.
import Foundation
import FuzzEngine
import Fuzzing
import TestTools
import Testing

@Suite(.mayBlock) struct FuzzTests {
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

  @Test(arguments: [("http1-request", HTTP1Checks.request), ("http1-response", HTTP1Checks.response), ("http1-chunked", HTTP1Checks.chunkedBody)]
    as [(String, @Sendable ([UInt8]) throws(BrokenProperty) -> Void)])
  func mutantsKeepThePromises(folder: String, check: @Sendable ([UInt8]) throws(BrokenProperty) -> Void) throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent(folder))
    for index in 0..<300 {
      let mutant = corpus.mutant(index, seed: 2)
      #expect(throws: Never.self, "mutant \(index)") { try check(mutant) }
    }
  }

  @Test func http2KeepsThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("http2"))
    #expect(corpus.seeds.count >= 100)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try HTTP2Checks.session(bytes) } }
    for index in 0..<500 { #expect(throws: Never.self, "mutant \(index)") { try HTTP2Checks.session(corpus.mutant(index, seed: 2)) } }
  }

  @Test(arguments: [("json", JSONChecks.text), ("json", JSONChecks.store), ("key-value-store", JSONChecks.text), ("key-value-store", JSONChecks.store)]
    as [(String, @Sendable ([UInt8]) throws(BrokenProperty) -> Void)])
  func jsonKeepsThePromises(folder: String, check: @Sendable ([UInt8]) throws(BrokenProperty) -> Void) throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent(folder))
    #expect(corpus.seeds.count >= 10)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(folder)/\(name)") { try check(bytes) } }
    for index in 0..<1_000 {
      let mutant = corpus.mutant(index, seed: 2)
      #expect(throws: Never.self, "mutant \(index)") { try check(mutant) }
    }
  }

  @Test func everySourceOfTheDialectKeepsThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("dialect"))
    #expect(corpus.seeds.count >= 100)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try DialectChecks.source(bytes) } }
    for index in 0..<300 { #expect(throws: Never.self, "mutant \(index)") { try DialectChecks.source(corpus.mutant(index, seed: 2)) } }
  }

  /// What the harness of the engine checks, without a sanitizer: no bad bytes on the wire, the same answer to the same event, and
  /// a heap that is put back. All on one thread, as the engine wants it.
  @Test func everyInputOfTheEngineKeepsThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("engine"))
    #expect(corpus.seeds.count >= 100)
    let functions = Self.corpus.deletingLastPathComponent().appendingPathComponent("Engine/Functions").path
    #expect(unsafe fuzz_engine_open(functions).map { unsafe String(cString: $0) } == nil)
    defer { fuzz_engine_close() }
    func check(_ bytes: [UInt8], _ name: String) {
      let problem = unsafe bytes.withUnsafeBufferPointer { unsafe fuzz_engine_input($0.baseAddress, $0.count).map { unsafe String(cString: $0) } }
      #expect(problem == nil, "\(name)")
    }
    for (name, bytes) in corpus.seeds { check(bytes, name) }
    for index in 0..<150 { check(corpus.mutant(index, seed: 3), "mutant \(index) of seed 3") }
  }

  @Test func resultsOfFunctionsKeepThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("lambda-results"))
    #expect(corpus.seeds.count >= 40)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try EventChecks.result(bytes) } }
    for index in 0..<2_000 { #expect(throws: Never.self, "mutant \(index)") { try EventChecks.result(corpus.mutant(index, seed: 2)) } }
  }

  @Test func tablesOfRedirectsKeepThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("redirects"))
    #expect(corpus.seeds.count >= 20)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try RedirectChecks.table(bytes) } }
    for index in 0..<500 { #expect(throws: Never.self, "mutant \(index)") { try RedirectChecks.table(corpus.mutant(index, seed: 2)) } }
  }

  @Test func proxyHeadersKeepThePromises() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("proxy-header"))
    #expect(corpus.seeds.count >= 20)
    for (name, bytes) in corpus.seeds { #expect(throws: Never.self, "\(name)") { try ProxyHeaderChecks.header(bytes) } }
    for index in 0..<3_000 { #expect(throws: Never.self, "mutant \(index)") { try ProxyHeaderChecks.header(corpus.mutant(index, seed: 2)) } }
  }

  @Test func theSameSeedMakesTheSameMutants() throws {
    let corpus = try Corpus(folder: Self.corpus.appendingPathComponent("http1-request"))
    #expect((0..<50).map { corpus.mutant($0, seed: 7) } == (0..<50).map { corpus.mutant($0, seed: 7) })
    #expect((0..<50).map { corpus.mutant($0, seed: 7) } != (0..<50).map { corpus.mutant($0, seed: 8) })
  }
}
