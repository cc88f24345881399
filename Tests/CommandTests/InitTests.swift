// skerry init, and what skerry check warns of in a configuration that can be served; the man page.
import Foundation
import TestTools
import Testing

@Suite(.runsPrograms) struct InitTests {
  /// What it writes is good: by check, by the function's cases, by the check of its rules.
  @Test(arguments: [[], ["--origin", "http://127.0.0.1:3000", "--port", "8123"]]) func theProjectIsGood(_ options: [String]) throws {
    let folder = try Folder()
    let made = try folder.skerry(["init"] + options)
    #expect(made.status == 0 && made.output.contains("./edge.yaml\n"), "\(made.errors)")
    for command in [["check"], ["test"], ["redirects", "check", "redirects.tsv"]] {
      let outcome = try folder.skerry(command)
      #expect(outcome.status == 0, "\(command): \(outcome.output)\(outcome.errors)")
      if command == ["check"] { #expect(outcome.output.isEmpty, "\(outcome.output)") }
    }
    let configuration = try folder.read("edge.yaml")
    #expect(configuration.contains(options.isEmpty ? "./public" : "'http://127.0.0.1:3000'") && configuration.contains(options.isEmpty ? ":8080" : ":8123"))
    #expect(try folder.skerry("explain", "http://localhost/old").output.contains("redirects.tsv:2"))
  }

  /// A file that is there is not touched, nor is anything else written.
  @Test func nothingIsOverwritten() throws {
    let folder = try Folder(["site/redirects.tsv": "mine"])
    let outcome = try folder.skerry("init", "site")
    #expect(outcome.status == 2 && outcome.errors == "skerry: site/redirects.tsv is there already; nothing was written\n", "\(outcome.errors)")
    #expect(try folder.read("site/redirects.tsv") == "mine" && FileManager.default.fileExists(atPath: folder.path + "/site/edge.yaml") == false)
  }

  @Test(arguments: [["--origin", "ftp://x"], ["--origin", "x"], ["--port", "0"], ["--origin", "http://a'b"], ["--origin", "http://a.test:99999"], ["--origin", "http://a.test/?x=1"], ["--origin", "http://u:p@a.test"]]) func badOptions(_ options: [String]) throws {
    let folder = try Folder()
    #expect(try folder.skerry(["init"] + options).status == 2 && FileManager.default.fileExists(atPath: folder.path + "/edge.yaml") == false)
  }

  /// The man page has every command and option that --help has.
  @Test func theManPageIsWhole() throws {
    let page = try Folder().skerry("manual").output
    #expect(page.hasPrefix(".TH SKERRY 1 "))
    for part in [".SS skerry serve\n", ".SS skerry redirects convert\n", "\\fB\\-\\-flatten\\fR", "\\fB\\-c\\fR, \\fB\\-\\-connections\\fR \\fIconnections\\fR", ".SH EXIT STATUS\n"] {
      #expect(page.contains(part), "\(part)")
    }
    for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
      #expect(line.firstMatch(of: /^\.(TH|SH|SS|TP|PP|nf|fi|B|I)\b/) != nil, "\(line)")
    }
  }

  @Test(arguments: ["bash", "zsh", "fish"]) func completions(_ shell: String) throws {
    let outcome = try Folder().skerry("--generate-completion-script", shell)
    #expect(outcome.status == 0 && outcome.output.contains("redirects") && outcome.output.contains("init"))
  }
}

@Suite(.runsPrograms) struct DistributionCheckTests {
  /// A configuration of these behaviors, groups and policies, and what is warned of.
  private func warnings(_ behavior: String, more: String = "", groups: String = "", code: String = "") throws -> [String] {
    let folder = try Folder([
      "edge.yaml": """
        listeners: [{ address: "127.0.0.1:0" }]
        distributions:
          - id: E1
            default: true
            origins: { a: "http://127.0.0.1:1", b: "http://127.0.0.1:2" }
            originGroups: { \(groups) }
            defaultBehavior: { origin: a, \(behavior) }
        functions: { f: { runtime: nodejs20.x, code: f, handler: index.handler }, v: { runtime: cloudfront-js-2.0, code: v.js } }
        cachePolicies: { cookies: { cookies: all, defaultTTL: 60 }, most: { cookies: { allExcept: [a] }, defaultTTL: 60 }, tenant: { headers: [x-tenant], cookies: [s], queryStrings: all, defaultTTL: 60 } }
        \(more)
        """,
      "f/index.js": "exports.handler = async (event) => { const request = event.Records[0].cf.request; \(code); return request; };",
      "v.js": "function handler(event) { var request = event.request; \(code); return request; }",
    ])
    let outcome = try folder.skerry("check", "edge.yaml")
    #expect(outcome.status == 0, "\(outcome.output)")
    return outcome.output.split(separator: "\n").map { String($0.replacing("edge.yaml:", with: "")) }
  }
  private static let safe = "responseHeadersPolicy: SecurityHeadersPolicy, "

  @Test func whatIsGoodIsNotWarnedOf() throws {
    #expect(try warnings(Self.safe + "cachePolicy: CachingDisabled").isEmpty)
    #expect(try warnings(Self.safe + "cachePolicy: tenant, functions: { origin-request: f }", code: "if (request.headers['x-tenant'] && request.headers.cookie && request.querystring) request.uri = '/'").isEmpty)
    #expect(try warnings(Self.safe + "cachePolicy: CachingDisabled, functions: { origin-request: f }", code: "request.headers['x-own'] = [{ value: '1' }]; request.querystring = ''").isEmpty)
    #expect(try warnings(Self.safe + "cachePolicy: CachingDisabled, functions: { viewer-request: v }", code: "if (request.headers['x-any'] && request.cookies.s) request.uri = '/'").isEmpty)
  }

  @Test func securityHeaders() throws {
    #expect(try warnings("cachePolicy: CachingDisabled") == ["7:22: warning: answers for * get no security headers here (responseHeadersPolicy: SecurityHeadersPolicy adds the usual ones)"])
    #expect(try warnings("cachePolicy: CachingDisabled, functions: { viewer-response: v }").isEmpty)
  }

  @Test func cookies() throws {
    #expect(try warnings(Self.safe + "cachePolicy: cookies").first?.hasPrefix("7:22: warning: the cache policy cookies has all cookies in the key") == true)
    #expect(try warnings(Self.safe + "cachePolicy: most").first?.contains("the cache policy most has all cookies but some") == true)
  }

  @Test func whatFunctionsRead() throws {
    let code = "if (request.headers['x-tenant']) request.uri = '/'; const c = request.headers.cookie, q = request.querystring"
    let found = try warnings(Self.safe + "cachePolicy: CachingOptimized, functions: { origin-request: f }", code: code)
    #expect(found.count == 3 && found[0].contains("f (origin-request) reads the header x-tenant") && found[1].contains("reads cookies") && found[2].contains("reads the query string"), "\(found)")
    let country = try warnings(Self.safe + "cachePolicy: CachingOptimized, functions: { viewer-request: v }", code: "if (request.headers['cloudfront-viewer-country']) request.uri = '/'")
    #expect(country.count == 1 && country[0].contains("v (viewer-request) reads the header cloudfront-viewer-country"), "\(country)")
  }

  @Test func unusedGroups() throws {
    let found = try warnings(Self.safe + "cachePolicy: CachingDisabled", groups: "g: { members: [a, b], statusCodes: [500] }")
    #expect(found == ["6:21: warning: never used: no behavior sends requests to the origin group g"], "\(found)")
  }
}
