// Events and answers as plain strings, so that a test reads like a table.
import Glibc
import RewriteEngine
import Testing

/// One event, with the defaults of a small GET.
struct Event {
  var type = FunctionEvent.viewerRequest
  var method = "GET"
  var uri = "/index.html"
  var query: String? = nil
  var headers: [(String, String)] = [("Host", "example.com")]
  var requestID = "rid=="
  var viewer = "192.0.2.7"
  var status: UInt16 = 200
  var description = "OK"
  var responseHeaders: [(String, String)] = []
}

/// What a run came to, copied out before the heap was put back.
struct Answer {
  var invocation: Invocation
  var uri = ""
  var query = ""
  var body = ""
  var statusDescription = ""
  var error = ""
  var position = ""
  /// `name: value` per line, `name:` alone for a deletion; in order of name.
  var edits: [String] = []
  var log: [String] = []
  /// CPU time of this thread from before to after the run, in nanoseconds: measured, not what the engine says.
  var threadNanoseconds: UInt64 = 0
  /// Whether the heap was back in place after the run.
  var pristine = false
  /// Whether everything the run gave is UTF-8.
  var isUTF8: Bool {
    ([uri, query, body, statusDescription, error] + log).allSatisfy { !$0.hasPrefix(notUTF8) } && edits.allSatisfy { !$0.contains(notUTF8) }
  }
}

func code(_ source: String, _ runtime: FunctionCode.Runtime = .cloudfrontJS20, limits: FunctionCode.Limits = .init()) -> FunctionCode {
  FunctionCode(name: "test.js", source: Array(source.utf8), runtime: runtime, limits: limits)
}

/// Limits with CPU time enough for machines that are busy with something else.
var patient: FunctionCode.Limits {
  var limits = FunctionCode.Limits()
  limits.cpuNanoseconds = 50_000_000
  return limits
}

func makeIsolate(_ source: String, _ runtime: FunctionCode.Runtime = .cloudfrontJS20, limits: FunctionCode.Limits = patient) throws -> Isolate {
  let thread = try #require(ThreadContext())
  return try Isolate(code(source, runtime, limits: limits), on: thread)
}

private func bytes(_ text: String, _ body: (Span<UInt8>) -> Void) {
  let array = Array(text.utf8)
  body(array.span)
}

/// What text that is not UTF-8 is shown as, with its bytes behind.
let notUTF8 = "not UTF-8: "

func string(_ span: Span<UInt8>) -> String {
  var array: [UInt8] = []
  for index in span.indices { array.append(span[index]) }
  return String(validating: array, as: UTF8.self) ?? notUTF8 + "\(array)"
}

/// CPU time that the calling thread has used.
func threadNanoseconds() -> UInt64 { nanoseconds(CLOCK_THREAD_CPUTIME_ID) }

func nanoseconds(_ clock: clockid_t) -> UInt64 {
  var time = timespec()
  unsafe clock_gettime(clock, &time)
  return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

extension Isolate {
  /// Sets `event`, runs, copies the answer, and puts the heap back.
  func answer(_ event: Event = Event(), now: Int64 = 1_700_000_000_000) -> Answer {
    begin(event.type)
    bytes(event.method) { setMethod($0) }
    bytes(event.uri) { setURI($0) }
    if let query = event.query { bytes(query) { setQuery($0) } }
    bytes(event.viewer) { setViewerAddress($0) }
    bytes("E123") { setDistributionID($0) }
    bytes("d111.cloudfront.net") { setDistributionDomain($0) }
    bytes(event.requestID) { setRequestID($0) }
    for (name, value) in event.headers { bytes(name) { name in bytes(value) { addRequestHeader(name, $0) } } }
    if event.type == .viewerResponse { bytes(event.description) { setStatus(event.status, description: $0) } }
    for (name, value) in event.responseHeaders { bytes(name) { name in bytes(value) { addResponseHeader(name, $0) } } }
    let before = threadNanoseconds()
    let invocation = run(nowMilliseconds: now)
    let after = threadNanoseconds()
    var answer = Answer(invocation: invocation, threadNanoseconds: after - before)
    answer.uri = withURI(string)
    answer.query = withQuery(string)
    answer.body = withBody(string)
    answer.statusDescription = withStatusDescription(string)
    answer.error = withErrorText(string)
    if let position = errorPosition { answer.position = "\(position.line):\(position.column)" }
    var pending: [String] = []
    var name = ""
    func flush() { answer.edits += pending.isEmpty && !name.isEmpty ? ["\(name):"] : pending }
    forEachHeaderEdit { edit, changed, value in
      switch edit {
      case .removal: flush(); name = string(changed); pending = []
      case .addition: pending.append("\(string(changed)): \(string(value))")
      }
    }
    flush()
    answer.edits.sort()
    forEachLogLine { answer.log.append(string($0)) }
    finish()
    answer.pristine = isPristine
    return answer
  }
}
