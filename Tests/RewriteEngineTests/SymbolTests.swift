// Rule 8 of design/rewrite-engine.md: whatever a run may call outside of this tree takes no lock, allocates nothing
// and buffers nothing, because the run may be abandoned inside it. This is the reviewed list.
import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct SymbolTests {
  static let pure: Set<String> = [
    // Memory and text: leaf functions without state. strtod reads the thread's locale only; vsnprintf and snprintf
    // are called with bounded, plain formats, for which glibc allocates nothing.
    "bcmp", "memchr", "memcmp", "memcpy", "memmem", "memmove", "memset", "strcasecmp", "strchr", "strcmp", "strcspn", "strlen", "strrchr",
    "strstr", "strtod", "snprintf", "vsnprintf", "__memcpy_chk", "__memset_chk", "__snprintf_chk", "__vsnprintf_chk",
    // Arithmetic.
    "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "cos", "cosh", "exp", "expm1", "fabs", "floor", "fmod", "frexp",
    "hypot", "log", "log10", "log1p", "log2", "lrint", "pow", "round", "scalbn", "sin", "sincos", "sinh", "sqrt", "tan", "tanh", "trunc",
    // libcrypto's one-shot contexts: state is the caller's.
    "MD5_Init", "MD5_Update", "MD5_Final", "SHA1_Init", "SHA1_Update", "SHA1_Final", "SHA256_Init", "SHA256_Update", "SHA256_Final",
  ]
  /// Linked into the engine's own files, but never reached by a run.
  static let unreached: Set<String> = [
    // The engine's default allocator and reallocator; isolates always give their own.
    "calloc", "malloc", "malloc_usable_size", "free", "realloc",
    // Dumps and the report of a corrupted heap, before abort().
    "printf", "fprintf", "fputc", "fwrite", "putchar", "puts", "stdout", "abort",
    // A context's random seed, when building; performance.now(), which is not there; Date.now() is patched.
    "gettimeofday", "clock_gettime",
  ]
  /// Rewriting import lines, before a build.
  static let unreachedInSource: Set<String> = ["malloc"]
  /// Filling a key-value store and naming it, before any run sees it.
  static let unreachedInStore: Set<String> = [
    "calloc", "malloc", "realloc", "free", "EVP_MD_CTX_new", "EVP_MD_CTX_free", "EVP_DigestInit_ex", "EVP_DigestUpdate", "EVP_DigestFinal_ex", "EVP_sha1",
  ]
  /// What the compiler adds.
  static let everywhere: Set<String> = ["_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"]
  /// These run outside of the limits: they map, arm timers, and build; stores are filled before any run sees them.
  static let outside: Set<String> = ["arena.c.o", "snapshot.c.o", "limit.c.o", "isolate.c.o", "store_fill.c.o"]

  private let folder = Bundle.main.bundleURL.appendingPathComponent("CQuickJS.build")

  private func objects() throws -> [String] {
    let objects = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".o") }
    try #require(objects.count > 10, "object files of CQuickJS expected in \(folder.path)")
    return objects
  }

  /// Rules 1, 4, 8 and 10: no lock, no allocation outside of the arena, no system call.
  @Test func runsCallOnlyReviewedFunctions() throws {
    let objects = try objects()
    let defined = Set(try objects.flatMap { try symbols("--defined-only", $0) })
    for object in objects where !Self.outside.contains(object) {
      var allowed = Self.pure.union(Self.everywhere)
      if object.hasPrefix("engine_") { allowed.formUnion(Self.unreached) }
      if object == "source.c.o" { allowed.formUnion(Self.unreachedInSource) }
      if object == "store.c.o" { allowed.formUnion(Self.unreachedInStore) }
      let called = Set(try symbols("--undefined-only", object)).subtracting(defined)
      #expect(called.subtracting(allowed) == [], "\(object)")
    }
    #expect(try symbols("--undefined-only", "engine_quickjs.c.o").contains("memcpy"))
  }

  /// Rule 7: no state outside of the arenas that a run could change and no restore would put back.
  @Test func runsHaveNoVariablesOfTheirOwn() throws {
    // Only its address is used: the mark of a collected WeakRef.
    let reviewed: Set<String> = ["js_weakref_sentinel"]
    for object in try objects() where !Self.outside.contains(object) {
      let found = try output("objdump --syms '\(folder.path)/\(object)'").compactMap { line -> String? in
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        let sections: Set<Substring> = [".data", ".bss", ".tdata", ".tbss", "*COM*"]
        // address, flags…, section, size, name; a section's own line has the flag d.
        guard words.count >= 5, sections.contains(words[words.count - 3]), !words.contains("d") else { return nil }
        return String(words[words.count - 1])
      }
      #expect(Set(found).subtracting(reviewed) == [], "\(object)")
    }
  }

  private func symbols(_ options: String, _ object: String) throws -> [String] {
    try output("nm --format=posix \(options) '\(folder.path)/\(object)'").compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 1 ? String(words[0]) : nil
    }
  }
}
