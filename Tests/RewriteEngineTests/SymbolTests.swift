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
  /// These run outside of the limits: they map, arm timers, and build; stores are filled before any run sees them, results kept when it is over.
  static let outside: Set<String> = ["arena.c.o", "snapshot.c.o", "limit.c.o", "isolate.c.o", "recall.c.o", "store_fill.c.o"]

  private let folder = Bundle.main.bundleURL.appendingPathComponent("CQuickJS.build")

  /// Those whose source is still there: a build folder keeps the objects of sources that are gone.
  private func objects() throws -> [String] {
    let sources = URL(fileURLWithPath: #filePath).appendingPathComponent("../../../Sources/CQuickJS").standardizedFileURL
    let objects = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter {
      $0.hasSuffix(".c.o") && FileManager.default.fileExists(atPath: sources.appendingPathComponent(String($0.dropLast(2))).path)
    }
    try #require(objects.count > 10, "object files of CQuickJS expected in \(folder.path)")
    return objects
  }

  /// Rules 1, 4, 8 and 10: no lock, no allocation outside of the arena, no system call.
  @Test func runsCallOnlyReviewedFunctions() throws {
    let objects = try objects()
    let defined = try symbols("--defined-only", objects).values.reduce(into: Set()) { $0.formUnion($1) }
    let undefined = try symbols("--undefined-only", objects)
    for object in objects where !Self.outside.contains(object) {
      var allowed = Self.pure.union(Self.everywhere)
      if object.hasPrefix("engine_") { allowed.formUnion(Self.unreached) }
      if object == "source.c.o" { allowed.formUnion(Self.unreachedInSource) }
      if object == "store.c.o" { allowed.formUnion(Self.unreachedInStore) }
      #expect(undefined[object, default: []].subtracting(defined).subtracting(allowed) == [], "\(object)")
    }
    #expect(undefined["engine_quickjs.c.o", default: []].contains("memcpy"))
  }

  /// Rule 7: no state outside of the arenas that a run could change and no restore would put back.
  @Test func runsHaveNoVariablesOfTheirOwn() throws {
    // Only its address is used: the mark of a collected WeakRef.
    let reviewed: Set<String> = ["js_weakref_sentinel"]
    let sections: Set<Substring> = [".data", ".bss", ".tdata", ".tbss", "*COM*"]
    var object: Substring = "", seen = 0
    for line in try output("cd '\(folder.path)' && objdump --syms \(try objects().joined(separator: " "))") {
      if let colon = line.firstIndex(of: ":"), line.contains("file format") {
        object = line[..<colon]
        seen += 1
      }
      // address, flags…, section, size, name; a section's own line has the flag d.
      let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
      guard words.count >= 5, sections.contains(words[words.count - 3]), !words.contains("d"), !Self.outside.contains(String(object))
      else { continue }
      #expect(reviewed.contains(String(words[words.count - 1])), "\(object): \(line)")
    }
    #expect(seen > 10)
  }

  /// The symbols of each object file.
  private func symbols(_ options: String, _ objects: [String]) throws -> [String: Set<String>] {
    let lines = try output("cd '\(folder.path)' && nm --print-file-name --format=posix \(options) \(objects.joined(separator: " "))")
    return lines.reduce(into: [:]) { found, line in  // "arena.c.o: sk_arena_malloc T …"
      let words = line.split(separator: " ")
      if words.count > 2 { found[String(words[0].dropLast()), default: []].insert(String(words[1])) }
    }
  }
}
