// Cache-Control: RFC 9111, 5.2.

import HTTPWire
import TestTools
import Testing
import Transport

@testable import ObjectCache

private func read(_ lines: String...) -> CacheDirectives {
  var directives = CacheDirectives()
  for line in lines { directives.read(Array(line.utf8).span) }
  return directives
}

private func directives(_ flags: CacheDirectives.Flags = [], maxAge: Int? = nil, shared: Int? = nil) -> CacheDirectives {
  var directives = CacheDirectives()
  directives.flags = flags
  directives.maxAge = maxAge
  directives.sharedMaxAge = shared
  return directives
}

@Suite struct CacheDirectivesTests {
  static let texts: [(String, CacheDirectives)] = [
    ("", directives()), (",,  ,", directives()), ("max-age=60", directives(maxAge: 60)), ("MAX-Age=60", directives(maxAge: 60)),
    ("max-age=60, s-maxage=5,public", directives(.public, maxAge: 60, shared: 5)), ("max-age=\"60\"", directives(maxAge: 60)),
    ("max-age=0060", directives(maxAge: 60)), ("max-age", directives(maxAge: 0)), ("max-age=", directives(maxAge: 0)),
    ("max-age=-1", directives(maxAge: 0)), ("max-age=+1", directives(maxAge: 0)), ("max-age=1.5", directives(maxAge: 0)),
    ("max-age=60s", directives(maxAge: 0)), ("max-age=a60", directives(maxAge: 0)), ("max-age='60'", directives(maxAge: 0)),
    ("max-age=6 0", directives(maxAge: 0)), ("max-age=\"60\"0", directives(maxAge: 0)), ("max-age=60\"0\"", directives(maxAge: 0)),
    ("max-age=2147483647", directives(maxAge: 2_147_483_647)), ("max-age=2147483648", directives(maxAge: 1 << 31)),
    ("max-age=99999999999999999999999999", directives(maxAge: 1 << 31)), ("max-age=60, max-age=0", directives(maxAge: 60)),
    ("max-age=0, max-age=60", directives(maxAge: 0)), ("max-age=x, max-age=60", directives(maxAge: 0)), ("max-age=60;x=1", directives(maxAge: 0)),
    ("x=\"max-age=5, no-store\", max-age=60", directives(maxAge: 60)), ("x=\"a\\\", no-store\", public", directives(.public)),
    ("x=\"no-store", directives()), ("\"no-store\", public", directives(.public)), ("x\"no-store\", public", directives(.public)),
    ("no-store=1", directives(.noStore)), ("no-store=\"x\"", directives(.noStore)), ("nostore", directives()), ("no-store2", directives()),
    ("private, no-cache, must-revalidate", directives([.private, .noCache, .mustRevalidate])), ("private=\"a\"", directives(.privateFields)),
    ("no-cache=\"Set-Cookie, x\"", directives(.noCacheFields)), ("no-cache=Set-Cookie", directives(.noCacheFields)), ("no-cache=\"\"", directives(.noCache)),
    ("no-cache=\" , \"", directives(.noCache)), ("no-cache=", directives(.noCache)), ("no-cache=\"a\", no-cache", directives([.noCacheFields, .noCache])),
    ("proxy-revalidate, must-understand, only-if-cached, no-transform, immutable", directives([.proxyRevalidate, .mustUnderstand, .onlyIfCached, .noTransform])),
    ("max-stale", directives(.maxStaleAny)), ("public ; no-store", directives()),
    ("max-age =60", directives(maxAge: 0)), ("max-age= 60", directives(maxAge: 0)), ("max-age = \"60\"", directives(maxAge: 0)), ("no-store = x", directives(.noStore)),
    ("no-cache= \"a\"", directives(.noCache)), ("private =a", directives(.private)),
    // A quote that nothing closes hides nothing.
    ("max-age=60, x=\"a, no-store", directives(.noStore, maxAge: 60)), ("max-age=\"60", directives(maxAge: 0)), ("no-cache=\"a", directives(.noCache)),
    ("private=\"a, max-age=5", directives(.private, maxAge: 5)), ("x=\"a\\\", no-store", directives(.noStore)), ("x=\"a\", \"b, no-store", directives(.noStore)),
  ]

  @Test(arguments: texts) func means(_ text: String, _ expected: CacheDirectives) { #expect(read(text) == expected) }

  @Test func readsEveryNumber() {
    let read = read("stale-while-revalidate=1, stale-if-error=2, min-fresh=3, max-stale=4")
    #expect((read.staleWhileRevalidate, read.staleIfError, read.minFresh, read.maxStale) == (1, 2, 3, 4))
    #expect(ObjectCacheTests.read("min-fresh=x").minFresh == CacheDirectives.longest)
    #expect(ObjectCacheTests.read("stale-if-error=x").staleIfError == 0)
  }

  @Test func severalLinesAreOneList() {
    #expect(read("max-age=1", "max-age=2, no-store") == directives(.noStore, maxAge: 1))
    #expect(read("x=\"", "no-store") == directives(.noStore))
  }

  @Test func namesTheFieldsThatAreNotKept() throws {
    let head = try response(200, ["Cache-Control: no-cache=\"Set-Cookie, X-A ,,\", max-age=5, private=x-b", "Cache-Control: no-cache=\"X-C\""])
    var names: [String] = []
    CacheDirectives.forEachNamedField(head.fields) { names.append($0.text) }
    #expect(names == ["Set-Cookie", "X-A", "x-b", "X-C"])
  }

  /// Whatever the bytes: reading ends, what is said once more is said already, and what follows takes nothing back.
  @Test func anyBytesHaveAMeaning() {
    var random = SplitMix(seed: 3)
    let pieces = ["max-age", "=", "\"", ",", "\\", " ", "60", "no-store", "private", "no-cache", "s-maxage", ";", "\u{1}", "é", "x", "public", "\t"]
    for _ in 0..<20_000 {
      let text = (0..<Int.random(in: 0...9, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
      let once = read(text)
      #expect(read(text, text) == once, "\(text)")
      let more = read(text, "no-store, max-age=7")
      #expect(more.has(.noStore) && more.flags.isSuperset(of: once.flags) && (once.maxAge == nil || more.maxAge == once.maxAge), "\(text)")
    }
  }
}
