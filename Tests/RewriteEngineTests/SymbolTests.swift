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
  /// Linked, but never reached by a run.
  static let unreached: Set<String> = [
    // The engine's default allocator and reallocator; isolates always give their own.
    "calloc", "malloc", "malloc_usable_size", "free", "realloc",
    // Dumps and the report of a corrupted heap, before abort().
    "printf", "fprintf", "fputc", "fwrite", "putchar", "puts", "stdout", "abort",
    // A context's random seed, when building; performance.now(), which is not there; Date.now() is patched.
    "gettimeofday", "clock_gettime",
    "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail",
  ]
  /// These run outside of the limits: they map, arm timers, and build.
  static let outside: Set<String> = ["arena.c.o", "limit.c.o", "isolate.c.o"]

  @Test func runsCallOnlyReviewedFunctions() throws {
    let folder = Bundle.main.bundleURL.appendingPathComponent("CQuickJS.build")
    let objects = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".o") }
    try #require(objects.count > 10, "object files of CQuickJS expected in \(folder.path)")
    let defined = Set(try symbols("--defined-only", objects, in: folder))
    let inside = objects.filter { !Self.outside.contains($0) }
    let called = Set(try symbols("--undefined-only", inside, in: folder)).subtracting(defined)
    #expect(called.contains("memcpy"))
    #expect(called.subtracting(Self.pure).subtracting(Self.unreached) == [])
  }

  /// Through a file, not a pipe: another test's child process could inherit the pipe and keep it open.
  private func symbols(_ options: String, _ objects: [String], in folder: URL) throws -> [String] {
    let list = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-symbols-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: list) }
    let status = unsafe system("cd '\(folder.path)' && nm --format=posix \(options) \(objects.joined(separator: " ")) > '\(list.path)'")
    try #require(status == 0, "nm (Debian: binutils) could not list the symbols")
    return try String(contentsOf: list, encoding: .utf8).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      return words.count > 1 ? String(words[0]) : nil
    }
  }
}
