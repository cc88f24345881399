// Path patterns and path normalisation, as tables. Source: spec/request-pipeline.md 2, RFC 3986.
import Distribution
import Testing

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

struct PathPatternTests {
  static let cases: [(pattern: String, path: String, matches: Bool)] = [
    ("*", "/", true), ("*", "", true), ("/*", "/a/b", true), ("**", "/a", true),
    ("/a", "/a", true), ("a", "/a", true), ("/a", "a", true), ("/a", "/A", false), ("/a", "/ab", false),
    ("/a", "/a/", false), ("", "/", true), ("/", "/", true), ("/", "/a", false), ("", "/a", false),
    ("images/*.jpg", "/images/a.jpg", true), ("images/*.jpg", "/images/a/b.jpg", true),
    ("images/*.jpg", "/images/.jpg", true), ("images/*.jpg", "/images/a.jpeg", false),
    ("images/*.jpg", "/x/images/a.jpg", false),
    ("a*.jpg", "/abra/cadabra/magic.jpg", true), ("*product.jpg", "/x/product.jpg", true),
    ("/*product.jpg", "/product.jpg", true), ("/a?c", "/abc", true), ("/a?c", "/ac", false), ("/a?c", "/a/c", true),
    ("/a??", "/abc", true), ("/a??", "/ab", false), ("*?", "/", false), ("*?", "/x", true), ("?*", "/x", true),
    ("/*/b/*", "/a/b/c", true), ("/*/b/*", "/a/c/b/", true), ("/*/b/*", "/a/c/b", false),
    ("*a*b*c", "/xxaxxbxxc", true), ("*a*b*c", "/xxaxxcxxb", false), ("*ab", "/aaab", true), ("*aab*", "/aaab", true),
    ("/a[b]", "/a[b]", true), ("/a.c", "/abc", false), ("/a$", "/a$", true), ("//a", "/a", false),
  ]

  @Test(arguments: cases) func matches(_ test: (pattern: String, path: String, matches: Bool)) {
    #expect(PathPattern(test.pattern).matches(bytes(test.path).span) == test.matches)
  }

  /// A pattern that sends a naive matcher to the end of the universe: 2^20 ways to split the path.
  @Test func hostilePatternsTakeBoundedTime() {
    let pattern = PathPattern(String(repeating: "*a", count: 126) + "*b")
    let path = bytes("/" + String(repeating: "a", count: 8191))
    var matches = true
    let duration = ContinuousClock().measure { matches = pattern.matches(path.span) }
    #expect(!matches && duration < .seconds(5))
  }

  @Test(arguments: [
    ("/images/*", nil), ("*", nil), ("a?b_-.*$/~\"'@:+&", nil), ("", "a path pattern cannot be empty"),
    ("/a b", "a path pattern cannot contain ' '"), ("/a\u{7}", "a path pattern cannot contain '\\u{07}'"),
    ("/ä", "a path pattern cannot contain '\\u{00E4}'"),
    (String(repeating: "a", count: 255), nil),
    (String(repeating: "a", count: 256), "a path pattern has at most 255 characters"),
  ] as [(String, String?)])
  func problems(_ text: String, _ problem: String?) { #expect(PathPattern.problem(in: text) == problem) }
}

struct PathPatternCoverTests {
  static let cases: [(pattern: String, other: String, covers: Bool)] = [
    ("/a*", "/a/b*", true), ("/a*", "/a*", true), ("a*", "/a", true), ("/a*", "/b*", false), ("/a/b*", "/a*", false),
    ("*", "", true), ("*", "?", true), ("**", "/x", true), ("*", "*", true), ("/", "/", true), ("", "*", false),
    ("*.png", "/img/*.png", true), ("/img/*", "/img/*.png", true), ("/img/*.png", "/img/*", false), ("*.png", "/img/*", false),
    ("/*/b/*", "/a/b/c*", true), ("/*/b/*", "/a/*/b/", true), ("/*/b/*", "/a/b", false), ("*a*b*", "*b*a*b*", true), ("*a*b*", "*b*a*", false),
    ("/a?", "/ab", true), ("/a?", "/a?", true), ("/a?", "/a*", false), ("/a?", "/a", false), ("/ab", "/a?", false), ("/a?*", "/ab*", true),
    ("/a*?", "/a?*", true), ("/a?*", "/a*?", true), ("/a?*", "/a*", false), ("/a*b", "/a?b", true), ("/a*b", "/a*cb", true), ("/a??*", "/a?*", false),
    ("?*a", "**?a", true), ("//a", "/a", false), ("/a", "//a", false), ("a**b", "a*?*b", true),
    ("?*", "*a", false),   // it does; sound, not complete, where there is a `?`
  ]

  @Test(arguments: cases) func covers(_ test: (pattern: String, other: String, covers: Bool)) {
    #expect(PathPattern(test.pattern).covers(PathPattern(test.other)) == test.covers)
  }

  /// Over all pairs of short patterns: no false alarm on any short path, and none missed without `?`.
  @Test func everyShortPair() {
    func words(_ alphabet: [String], upTo length: Int) -> [String] {
      var all = [""], longest = [""]
      for _ in 0..<length {
        longest = longest.flatMap { word in alphabet.map { word + $0 } }
        all += longest
      }
      return all
    }
    let paths = words(["a", "b", "c"], upTo: 5).map { bytes("/" + $0) }
    let patterns = words(["a", "b", "*", "?"], upTo: 4).map { text in
      let pattern = PathPattern("/" + text)
      return (pattern, matched: paths.map { pattern.matches($0.span) })
    }
    var wrong: [String] = []
    for (pattern, matched) in patterns {
      for (other, others) in patterns {
        let holds = zip(others, matched).allSatisfy { !$0 || $1 }, covers = pattern.covers(other)
        if covers && !holds || holds && !covers && !pattern.text.contains("?") { wrong.append("\(pattern.text) \(other.text)") }
      }
    }
    #expect(wrong == [])
  }
}

struct NormalizedPathTests {
  static let cases: [(raw: String, normal: String)] = [
    ("/", "/"), ("", ""), ("*", "*"), ("/a/b", "/a/b"), ("/a/", "/a/"), ("//", "/"), ("/a//b", "/a/b"),
    ("///a///", "/a/"), ("/./a", "/a"), ("/a/.", "/a/"), ("/a/..", "/"), ("/a/b/..", "/a/"), ("/a/../b", "/b"),
    ("/../a", "/a"), ("/../../..", "/"), ("/a/./../b", "/b"), ("/a//../b", "/b"), ("/a/...", "/a/..."),
    ("/.a", "/.a"), ("/..a", "/..a"), ("/a.", "/a."), ("/a/..b/c", "/a/..b/c"), ("/.", "/"), ("/..", "/"),
    ("/a/%2e%2E/b", "/b"), ("/a/%2e/b", "/a/b"), ("/a/.%2e/b", "/b"), ("/%61%7E%5f", "/a~_"),
    ("/%2f", "/%2f"), ("/%2F..", "/%2F.."), ("/%252e%252e/a", "/%252e%252e/a"), ("/a%20b", "/a%20b"),
    ("/%", "/%"), ("/%2", "/%2"), ("/%zz", "/%zz"), ("/%4", "/%4"), ("/a%2", "/a%2"), ("/%00", "/%00"),
    ("a//b", "a//b"), ("/a/b/../../../c", "/c"), ("/a/b/c/../..", "/a/"), ("/a;x/../b", "/b"), ("/%2e%2e", "/"),
  ]

  @Test(arguments: cases) func normalize(_ test: (raw: String, normal: String)) {
    let raw = bytes(test.raw)
    #expect(String(decoding: NormalizedPath.normalize(raw.span), as: UTF8.self) == test.normal)
    // A path is normal exactly when normalising changes nothing; only absolute paths have segments.
    if test.raw.hasPrefix("/") { #expect(NormalizedPath.isNormal(raw.span) == (test.raw == test.normal)) }
  }

  /// Over all short paths of a hostile alphabet: the quick check agrees with the work, and the work is done once.
  @Test func everyShortPath() {
    let alphabet = ["/", ".", "a", "%2e", "%2F", "%"]
    var paths = [""]
    for _ in 0..<5 {
      paths = paths.flatMap { path in alphabet.map { path + $0 } } + [""]
      for path in Set(paths) {
        let raw = bytes("/" + path)
        let normal = NormalizedPath.normalize(raw.span)
        #expect(NormalizedPath.isNormal(raw.span) == (normal == raw))
        #expect(normal.first == UInt8(ascii: "/") && normal.count <= raw.count)
        let text = String(decoding: normal, as: UTF8.self)
        #expect(!(text + "/").contains("/../") && !(text + "/").contains("/./") && !text.contains("//"))
      }
    }
  }

  @Test func behaviorByPath() {
    let patterns = ["/a*", "/images/?.png", "*.jpg", "*"]
    let distribution = Distribution(
      id: "E", origins: [], behaviors: patterns.map { Behavior(pathPattern: PathPattern($0), target: .origin(0)) })
    let cases = [("/abc", 0), ("/a.jpg", 0), ("/images/1.png", 1), ("/images/12.png", 3), ("/x/y.jpg", 2), ("/", 3), ("", 3), ("*", 3)]
    for (path, index) in cases {
      #expect(BehaviorTable(distribution.behaviors).index(forNormalizedPath: bytes(path).span) == index, "\(path)")
    }
  }
}
