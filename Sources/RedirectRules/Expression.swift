// Owns: regular expressions, by RE2: linear time, bounded memory. The only file of the module with pointers. Immutable once made; RE2's
// objects may be used by any thread.
import CRE2

/// A regular expression in RE2's syntax (https://github.com/google/re2/wiki/Syntax).
@safe final class Expression: @unchecked Sendable {
  private let expression: OpaquePointer
  /// How many groups it captures, the whole match not counted.
  let groups: Int

  /// Compiles an expression.
  /// - Parameter memory: the most bytes for its program and what it remembers.
  /// - Throws: what is wrong with it, in RE2's words.
  init(_ pattern: [UInt8], ignoresCase: Bool, memory: Int) throws(RedirectProblem) {
    var error = [CChar](repeating: 0, count: 200)
    let compiled = unsafe sk_re2_compile(pattern, pattern.count, ignoresCase, Int64(memory), &error, error.count)
    guard let compiled = unsafe compiled else {
      let text = String(decoding: error.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      throw RedirectProblem("the regular expression does not compile: \(text)")
    }
    unsafe expression = compiled
    groups = Int(unsafe sk_re2_groups(compiled))
  }

  deinit { unsafe sk_re2_free(expression) }

  /// Whether it matches anywhere in a text.
  func matches(_ text: Span<UInt8>) -> Bool {
    unsafe text.withUnsafeBufferPointer { unsafe sk_re2_match(expression, $0.baseAddress, $0.count, nil, 0) }
  }

  /// Where its first match and its groups lie in a text, the whole match first; nil without a match. A group that took no part is empty.
  func captures(_ text: Span<UInt8>) -> [Range<Int>]? {
    let count = min(groups, RedirectLimits.captures) + 1
    var ends = [Int32](repeating: -1, count: 2 * count)
    let found = unsafe text.withUnsafeBufferPointer { text in
      unsafe sk_re2_match(expression, text.baseAddress, text.count, &ends, Int32(count))
    }
    guard found else { return nil }
    return (0..<count).map { ends[2 * $0] < 0 ? 0..<0 : Int(ends[2 * $0])..<Int(ends[2 * $0 + 1]) }
  }

  /// What every match begins with, for an expression whose matches begin with the text.
  func prefix(_ pattern: [UInt8]) -> [UInt8] {
    guard Self.isAnchored(pattern) else { return [] }
    var prefix = [UInt8](repeating: 0, count: Self.prefixBytes)
    let count = unsafe sk_re2_prefix(expression, &prefix, Int32(Self.prefixBytes))
    return Array(prefix[..<Int(count)])
  }
  /// The longest beginning that is looked at.
  private static let prefixBytes = 64

  /// Whether an expression can only match at the beginning: `^` stands first, and no `|` outside of brackets.
  private static func isAnchored(_ pattern: [UInt8]) -> Bool {
    guard pattern.first == UInt8(ascii: "^") else { return false }
    var depth = 0, i = 1
    while i < pattern.count {
      switch pattern[i] {
      case UInt8(ascii: "\\"):
        if i + 1 < pattern.count && pattern[i + 1] == UInt8(ascii: "Q") { return false }   // \Q…\E quotes brackets
        i += 1
      case UInt8(ascii: "["): i = endOfClass(pattern, from: i)
      case UInt8(ascii: "("):
        // Flags such as (?m) may change what ^ means; (?: and (?P< do not.
        if i + 2 < pattern.count && pattern[i + 1] == question && pattern[i + 2] != colon && pattern[i + 2] != UInt8(ascii: "P") { return false }
        depth += 1
      case UInt8(ascii: ")"): depth -= 1
      case UInt8(ascii: "|"): if depth == 0 { return false }
      default: break
      }
      i += 1
    }
    return true
  }
}

extension Expression {
  /// Where a character class ends that begins at `start`; a `]` that stands first is one of its members.
  private static func endOfClass(_ pattern: [UInt8], from start: Int) -> Int {
    var i = start + 1
    if i < pattern.count && pattern[i] == UInt8(ascii: "^") { i += 1 }
    if i < pattern.count && pattern[i] == UInt8(ascii: "]") { i += 1 }
    while i < pattern.count && pattern[i] != UInt8(ascii: "]") { i += pattern[i] == UInt8(ascii: "\\") ? 2 : 1 }
    return i
  }
}

/// Several expressions that are looked for in one go.
@safe final class ExpressionSet: @unchecked Sendable {
  private let set: OpaquePointer
  let count: Int

  /// The expressions, each of which compiles; nil when they do not fit into the memory together.
  init?(_ patterns: [[UInt8]], ignoresCase: Bool, memory: Int) {
    guard let made = unsafe sk_re2_set_make(ignoresCase, Int64(memory)) else { return nil }
    unsafe set = made
    count = patterns.count
    for pattern in patterns where unsafe !sk_re2_set_add(made, pattern, pattern.count) { return nil }
    guard unsafe sk_re2_set_compile(made) else { return nil }
  }

  deinit { unsafe sk_re2_set_free(set) }

  /// The numbers of those that match, ascending; nil when the memory did not do for this text.
  func matches(_ text: Span<UInt8>) -> [Int]? {
    var numbers = [Int32](repeating: 0, count: count)
    let found = unsafe text.withUnsafeBufferPointer { unsafe sk_re2_set_match(set, $0.baseAddress, $0.count, &numbers, Int32(count)) }
    if found < 0 { return nil }
    return numbers.prefix(Int(found)).map { Int($0) }.sorted()
  }
}
