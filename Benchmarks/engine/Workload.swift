// What is measured: functions, the event each is given, and one run as the proxy makes it.
import Foundation
import RewriteEngine

/// One function and what must come of it.
struct Workload {
  let name: String
  /// Issue 3's bar for the CPU time a request may take longer by, in nanoseconds.
  let barNanoseconds: Double
  let event: FunctionEvent
  let outcome: FunctionOutcome
  /// Header edits expected (removals and additions).
  let edits: Int

  static let all = [
    Workload(name: "no-op", barNanoseconds: 1_200, event: .viewerRequest, outcome: .request, edits: 0),
    Workload(name: "redirect", barNanoseconds: 4_000, event: .viewerRequest, outcome: .response, edits: 4),
    Workload(name: "six-headers", barNanoseconds: 7_500, event: .viewerResponse, outcome: .response, edits: 12),
    Workload(name: "normalise-query", barNanoseconds: 11_000, event: .viewerRequest, outcome: .request, edits: 0),
    Workload(name: "jwt-hs256", barNanoseconds: 18_000, event: .viewerRequest, outcome: .request, edits: 2),
  ]

  /// Its source, beside this file. Under valgrind everything takes longer than the limit of 1 ms.
  func code(patient: Bool = false) throws -> FunctionCode {
    var limits = FunctionCode.Limits()
    if patient { limits.cpuNanoseconds = 60_000_000_000 }
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("functions/\(name).js")
    return FunctionCode(name: name, source: [UInt8](try Data(contentsOf: file)), limits: limits)
  }
}

/// The bytes of a request and a response, as a browser and an origin send them.
struct Exchange {
  private let method = bytes("GET"), path = bytes("/moved/42"), viewer = bytes("192.0.2.7"), requestID = bytes("Wq2m8TjZ0w3eYdT9kUuGJg==")
  private let query = bytes("utm_source=letter&b=2&a=1&utm_medium=mail&q=blue+shoes")
  private let distributionID = bytes("E2EXAMPLE"), domain = bytes("d111111abcdef8.cloudfront.net"), reason = bytes("OK")
  private let requestHeaders = [
    ("Host", "www.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-US,en;q=0.5"), ("Accept-Encoding", "gzip, deflate, br"), ("Referer", "https://www.example.com/start"),
    ("Cookie", "session=0123456789abcdef; theme=dark"),
    ("Authorization",
      "Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"),
  ].map { Field(name: bytes($0), value: bytes($1)) }
  private let responseHeaders = [
    ("Content-Type", "text/html; charset=utf-8"), ("Content-Length", "1024"), ("Date", "Sat, 21 Nov 2026 06:00:00 GMT"),
    ("Server", "nginx"), ("ETag", "\"65f1-400\""), ("Cache-Control", "max-age=60"),
  ].map { Field(name: bytes($0), value: bytes($1)) }

  /// Sets the event, runs, reads everything that came of it, and puts the heap back. False: not what was expected.
  func run(_ isolate: Isolate, _ workload: Workload) -> Bool {
    isolate.begin(workload.event)
    isolate.setMethod(method.span)
    isolate.setURI(path.span)
    isolate.setQuery(query.span)
    isolate.setViewerAddress(viewer.span)
    isolate.setRequestID(requestID.span)
    isolate.setDistributionID(distributionID.span)
    isolate.setDistributionDomain(domain.span)
    for field in requestHeaders { isolate.addRequestHeader(field.name.span, field.value.span) }
    if workload.event == .viewerResponse {
      isolate.setStatus(200, description: reason.span)
      for field in responseHeaders { isolate.addResponseHeader(field.name.span, field.value.span) }
    }
    let invocation = isolate.run(nowMilliseconds: 1_800_000_000_000)
    var edits = 0, read = 0
    if invocation.uriChanged { isolate.withURI { read += $0.count } }
    if invocation.queryChanged { isolate.withQuery { read += $0.count } }
    if invocation.hasBody { isolate.withBody { read += $0.count } }
    isolate.forEachHeaderEdit { _, name, value in
      edits += 1
      read += name.count + value.count
    }
    isolate.finish()
    return invocation.outcome == workload.outcome && edits == workload.edits && read < 10_000
  }
}

private struct Field {
  let name, value: [UInt8]
}

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
