// Which file a path names, and its type.

import Testing

@testable import Origins

@Suite struct FolderPathTests {
  @Test(arguments: [
    ("/index.html", "index.html"), ("/a/b/c.css", "a/b/c.css"), ("/a%20b/%C3%A4.txt", "a b/ä.txt"), ("/a+b", "a+b"), ("/%61", "a"),
    ("/.well-known/acme", ".well-known/acme"), ("/a/.well-known/b", "a/.well-known/b"), ("/a..b", "a..b"), ("/a/b.", "a/b."),
    // Directories, and what leads out or is hidden.
    ("/", nil), ("", nil), ("a", nil), ("/a/", nil), ("//a", nil), ("/a//b", nil), ("/..", nil), ("/../etc/passwd", nil), ("/a/../b", nil),
    ("/a/./b", nil), ("/%2e%2e/etc/passwd", nil), ("/.%2e/x", nil), ("/%2E", nil), ("/.git/config", nil), ("/a/.env", nil), ("/%2eenv", nil),
    ("/...", nil), ("/a%2fb", nil), ("/a%2Fb", nil), ("/..%2f..%2fetc/passwd", nil), ("/a%00.html", nil), ("/a%0", nil), ("/a%", nil),
    ("/a%zz", nil), ("/%ff", nil), ("/" + String(repeating: "a", count: 5_000), nil),
  ] as [(String, String?)])
  func namesFiles(_ path: String, _ expected: String?) {
    let bytes = Array(path.utf8)
    #expect(FolderPath.file(bytes.span) == expected)
  }

  @Test(arguments: [
    ("index.html", "text/html; charset=utf-8"), ("a/b.JPG", "image/jpeg"), ("a.min.js", "text/javascript; charset=utf-8"),
    ("data.json", "application/json"), ("font.woff2", "font/woff2"), ("README", "application/octet-stream"),
    ("a.b/README", "application/octet-stream"), ("a.", "application/octet-stream"), ("a.unknown", "application/octet-stream"),
  ])
  func knowsMediaTypes(_ name: String, _ expected: String) {
    #expect(FolderPath.mediaType(name) == expected)
  }

  @Test func mediaTypesAreWellFormed() {
    for (ending, type) in FolderPath.mediaTypes {
      #expect(ending == ending.lowercased())
      #expect(type.split(separator: ";")[0].split(separator: "/").count == 2, "\(ending)")
    }
  }
}
