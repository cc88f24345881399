// Rules that `skerry redirects convert` writes for nginx, in a real nginx: it redirects as the table does (issue 8, point 2). Without nginx on
// the machine the test is skipped.
import Foundation
import Testing

/// Where Debian has it; nobody else's PATH need.
private let nginx = ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx"].first(where: FileManager.default.isExecutableFile)

extension Scenarios {
  @Suite struct ConvertedNginx {
    private static let rules = """
      /a\t/b
      /About\t/x
      /about\t/y
      /One\t/two\t308
      /case\t/c\t301\tnocase
      /old/*\t/new/:splat\t302
      /strip/*\t/:splat
      /u/:id/f\thttps://users.test/:id?tab=f
      ^/item/(\\d+)$\t/items/$1\t301\tregex
      /q\t/q2?x=1\t301\tappend-query
      /drop\t/d\t301\tdrop-query
      /gone\t-\t410
      /with space\t/x y
      /quote"s\t/a"b
      /dollar$x\t/p
      """
    /// Only the form of `if`s has conditions.
    private static let conditional = """

      /m\t/n\t303\tmethod=GET,HEAD host=a.test
      /ck/*\t/p/:splat\t302\t!cookie:session
      /store\t/blog/:id\t301\tquery:id=:id drop-query
      /p1\t/pp\t302\tquery:x
      /p2\t/pp\t302\tquery:x=1
      /p3\t/pp\t302\t!query:x
      """
    private static let requests = [
      "/a", "/a?k=1", "/A", "/About", "/about", "/ABOUT", "/One", "/one", "/case", "/CASE", "/old/x/y?z=1", "/old/", "/old", "/strip/q", "/strip//evil.test", "/strip/",
      "/u/7/f", "/u/7/g", "/item/12", "/item/x", "/q", "/q?y=2", "/drop?y=2", "/gone", "/with%20space", "/old/a%20b?x=1", "/u/%C3%A9/f", "/item/12?x=%20", "/quote%22s", "/dollar$x", "/none", "/%61",
    ]
    private static let conditionalRequests = [
      "/m", "/ck/1", "/store?id=7", "/store", "/store?id=", "/p1?x", "/p1?x=", "/p1?a&x=2&b", "/p1?xx=1", "/p1?X=1", "/p1", "/p2?x=1", "/p2?x=12", "/p2?b&x=1&c", "/p2?x", "/p3", "/p3?x", "/p3?x=",
      "/p3?y",
    ]

    @Test(.enabled(if: nginx != nil), arguments: ["nginx", "nginx-map"]) func redirectsTheSame(_ format: String) throws {
      let nginx = try #require(nginx), rules = Self.rules + (format == "nginx" ? Self.conditional : "") + "\n"
      let origin = try ScriptedOrigin { try $0.answerAll { _ in ok("none") } }
      let skerry = try startSkerry(before: origin, files: ["rules.tsv": rules]) { $0.behavior = "redirects: rules.tsv" }
      let folder = skerry.folder.path, socket = folder + "/nginx.sock"
      let made = try Tool.shell("cd \"$1\" && exec \"$2\" redirects convert rules.tsv --to \"$3\" --output redirects.conf", [folder, Skerry.binary(), format])
      #expect(made.exit == .status(0), "\(made.text)")
      let text = try fileText(folder + "/redirects.conf"), parts = text.components(separatedBy: "# For a server block")
      try """
        daemon off; master_process off; pid \(folder)/nginx.pid; error_log stderr; worker_rlimit_nofile 256; events { worker_connections 64; }
        http {
          access_log off; client_body_temp_path \(folder)/t1; proxy_temp_path \(folder)/t2; fastcgi_temp_path \(folder)/t3; uwsgi_temp_path \(folder)/t4; scgi_temp_path \(folder)/t5;
          \(parts[0])
          server { listen unix:\(socket); \n# \(parts.dropFirst().joined())
            location / { return 200 "none"; } }
        }
        """.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
      let process = try ChildProcess([nginx, "-c", folder + "/nginx.conf", "-p", folder])
      defer { process.signal(SIGTERM) }
      let peer = try eventually("nginx to listen") { () -> ScriptedViewer? in
        if process.hasExited { throw ScenarioFailure("nginx ended: \(process.standardError.current.text)") }
        return (try? Socket.connected(toPath: socket)).map { ScriptedViewer($0) }
      }
      let viewer = try skerry.viewer()
      for target in Self.requests + (format == "nginx" ? Self.conditionalRequests : []) {
        let request = "GET \(target) HTTP/1.1\r\nHost: a.test\r\n\r\n"
        let own = try viewer.exchange(request), theirs = try peer.exchange(request)
        #expect(own.status == theirs.status, "\(target)")
        #expect(own.fields["location"] == theirs.fields["location"], "\(target)")
      }
    }
  }
}
