// Events that nobody waits for: what lies on disk, when they are tried again, who is told (spec/api.md 1.3; issue 7, point 7).
import Distribution
import Foundation
import JSONText
import Telemetry
import Testing

@testable import FunctionTier

@Suite struct EventQueueTests {
  @Test(arguments: ["1763750000000-abc-def.0", "1-x.12"]) func names(_ text: String) throws { #expect(try #require(QueuedName(text)).text == text) }

  @Test(arguments: ["", "new-abc", "1-x", "1-x.", "x-y.1", "1-x.-1", "-x.1", "1.1"]) func noNames(_ text: String) { #expect(QueuedName(text) == nil) }

  @Test func contents() {
    let event = QueuedEvent(function: "f\n", qualifier: "live", requestID: "r", clientContext: Array("{}".utf8), payload: Array("{\"a\":\n1}".utf8))
    #expect(QueuedEvent(content: event.content) == event)
    #expect(QueuedEvent(content: Array("{}\n{}".utf8)) == nil && QueuedEvent(content: []) == nil)
  }

  @Test(arguments: [
    ("http://a", "http://a:80/"), ("http://a:81/x?y", "http://a:81/x?y"), ("http://[::1]:9/", "http://[::1]:9/"), ("http://[::1]/", "http://[::1]:80/"),
    ("https://A.test", "https://a.test:443/"), ("HTTPS://a:8443/x", "https://a:8443/x"), ("https://127.0.0.1/", "https://127.0.0.1:443/"),
    ("ftp://a", nil), ("http://", nil), ("https://:1/", nil), ("http://a:0", nil), ("http://a:65536", nil), ("http://a:x", nil), ("http://a b", nil), ("http://u@a/", nil),
    ("http://a?x", nil), ("http://a/#x", nil), ("http://::1/", nil), ("http://[::1", nil), ("a", nil),
  ] as [(String, String?)])
  func destinations(_ url: String, _ read: String?) {
    let server = EventServer(url: url)
    #expect(server?.url == read && server?.isSecure == read?.hasPrefix("https"))
    if let server { #expect(EventServer(url: server.url) == server) }
  }

  private func settings(_ folder: String, retries: Int = 2) -> AsynchronousInvocation {
    var settings = AsynchronousInvocation()
    settings.retries = retries
    settings.retryDelay = .milliseconds(20)
    settings.onSuccess = .file(folder + "/success")
    settings.onFailure = .file(folder + "/failure")
    settings.deadLetter = .file(folder + "/dead")
    return settings
  }

  private func lines(_ path: String, count: Int) async throws -> [JSONValue] {
    for _ in 0..<2_000 {
      let lines = ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
      if lines.count >= count { return try lines.map { try JSONValue(parsing: String($0)) } }
      try await Task.sleep(for: .milliseconds(10))
    }
    throw CancellationError()
  }

  @Test func eventsAreRunRetriedAndToldOf() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try Workbench.function(
      ["index.js": "let n = 0; exports.handler = async (e, c) => { n++; if (e.bad) throw new RangeError('no ' + n); return { n, id: c.awsRequestId }; };"], name: "queued"
    ) { $0.asynchronous = settings(folder) }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    let queue = try EventQueue(folder: folder + "/queue", diagnostics: try Diagnostics())
    queue.adopt(prepared.functions, [definition])
    let good = QueuedEvent(function: "queued", payload: Array("{\"a\":1}".utf8)), bad = QueuedEvent(function: "queued", payload: Array("{\"bad\":true}".utf8))
    try queue.accept(good)
    let success = try await lines(folder + "/success", count: 1)[0]
    #expect(success["requestContext"]?["requestId"]?.string == good.requestID && success["requestContext"]?["condition"]?.string == "Success")
    #expect(success["requestPayload"]?.compact == "{\"a\":1}" && success["responsePayload"]?["id"]?.string == good.requestID)
    try queue.accept(bad)
    let failure = try await lines(folder + "/failure", count: 1)[0], dead = try await lines(folder + "/dead", count: 1)[0]
    #expect(failure["requestContext"]?["condition"]?.string == "RetriesExhausted" && failure["requestContext"]?["approximateInvokeCount"]?.double == 3)
    #expect(failure["responsePayload"]?["errorType"]?.string == "RangeError" && failure["responsePayload"]?["errorMessage"]?.string == "no 4")
    #expect(failure["responsePayload"]?["trace"]?.array?.isEmpty == false && failure["responseContext"]?["functionError"]?.string == "Unhandled")
    #expect(failure["requestContext"]?["functionArn"]?.string == "arn:aws:lambda:us-east-1:000000000000:function:queued:$LATEST")
    #expect(dead["body"]?.compact == "{\"bad\":true}" && dead["attributes"]?["RequestID"]?.string == bad.requestID)
    #expect(dead["attributes"]?["ErrorCode"]?.double == 200 && dead["attributes"]?["ErrorMessage"]?.string == "no 4")
    queue.stop()
    #expect(queue.statistics.succeeded == 1 && queue.statistics.failed == 1 && queue.statistics.retried == 2 && queue.statistics.waiting == 0)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").isEmpty)
  }

  /// What was accepted by a process that is gone is run by the next; what was not acknowledged is not.
  @Test func theNextProcessGoesOn() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let diagnostics = try Diagnostics()
    let first = try EventQueue(folder: folder + "/queue", diagnostics: diagnostics)
    let event = QueuedEvent(function: "later", payload: Array("7".utf8))
    try first.accept(event)   // without a configuration nothing is run
    first.stop()
    try Data("half".utf8).write(to: URL(fileURLWithPath: folder + "/queue/new-half"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").count == 2)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => e + 1;"], name: "later") { $0.asynchronous = settings(folder) }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    let second = try EventQueue(folder: folder + "/queue", diagnostics: diagnostics)
    second.adopt(prepared.functions, [definition])
    #expect(try await lines(folder + "/success", count: 1)[0]["responsePayload"]?.double == 8)
    second.stop()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").isEmpty)
  }

  /// What has not been run has no response, and is not kept where nothing will ever run it.
  @Test func eventsOfADisabledFunctionAreGivenUpAtOnce() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => e;"], name: "disabled") {
      $0.asynchronous = settings(folder)
      $0.reservedConcurrency = 0
    }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    let queue = try EventQueue(folder: folder + "/queue", diagnostics: try Diagnostics())
    queue.adopt(prepared.functions, [definition])
    try queue.accept(QueuedEvent(function: "disabled", payload: Array("1".utf8)))
    let failure = try await lines(folder + "/failure", count: 1)[0], dead = try await lines(folder + "/dead", count: 1)[0]
    #expect(failure["requestContext"]?["condition"]?.string == "ZeroReservedConcurrency" && failure["requestContext"]?["approximateInvokeCount"]?.double == 0)
    #expect(failure["responseContext"] == nil && failure["responsePayload"] == nil && dead["attributes"]?["ErrorCode"]?.double == 429)
    queue.stop()
  }

  /// A function that may run once at a time works its events off one after the other: none waits for a moment while there is room.
  @Test func eventsGoOnAsSoonAsOneEnds() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => { await new Promise((r) => setTimeout(r, 20)); return e; };"], name: "single") {
      $0.asynchronous = settings(folder)
      $0.reservedConcurrency = 1
    }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    var configuration = EventQueue.Configuration()
    configuration.firstWaitMilliseconds = 3_600_000   // nobody would see the end of it
    let queue = try EventQueue(folder: folder + "/queue", configuration, diagnostics: try Diagnostics())
    queue.adopt(prepared.functions, [definition])
    for number in 0..<12 { try queue.accept(QueuedEvent(function: "single", payload: Array("\(number)".utf8))) }
    let ended = try await lines(folder + "/success", count: 12)
    #expect(Set(ended.compactMap { $0["responsePayload"]?.double }) == Set((0..<12).map(Double.init)))
    queue.stop()
    #expect(queue.statistics.waiting == 0 && queue.statistics.running == 0 && queue.statistics.retried == 0)
  }

  /// What has waited too long is told of, not run.
  @Test func eventsThatAreTooOldAreNotRun() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder + "/queue", withIntermediateDirectories: true)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => e;"], name: "late") { $0.asynchronous = settings(folder) }
    let event = QueuedEvent(function: "late", payload: Array("1".utf8)), received = Timestamp.now.milliseconds - Int64(definition.tier.asynchronous.maximumAge.milliseconds)
    try Data(event.content).write(to: URL(fileURLWithPath: "\(folder)/queue/\(QueuedName(received: received, requestID: event.requestID).text)"))
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    let queue = try EventQueue(folder: folder + "/queue", diagnostics: try Diagnostics())
    queue.adopt(prepared.functions, [definition])
    let failure = try await lines(folder + "/failure", count: 1)[0]["requestContext"]
    #expect(failure?["condition"]?.string == "EventAgeExceeded" && failure?["approximateInvokeCount"]?.double == 0)
    queue.stop()
    #expect(queue.statistics.failed == 1 && queue.statistics.succeeded == 0 && queue.statistics.running == 0)
  }

  /// A file that cannot be written to is told later, by the next process if need be.
  @Test func whatADestinationDoesNotTakeIsToldLater() async throws {
    let folder = "\(Workbench.root)/outbox-\(UUID().uuidString)", destination = EventDestination.file(folder + "/later/file"), diagnostics = try Diagnostics()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let first = try Outbox(folder: folder + "/untold", diagnostics) {}
    first.tell(destination, .number(7), of: "f", 1_000)
    #expect(first.statistics == (untold: 1, undelivered: 0, unreadable: 0) && first.sendDue(1_500) == 500)
    first.stop(by: .now)
    try FileManager.default.createDirectory(atPath: folder + "/later", withIntermediateDirectories: true)
    try Data("half".utf8).write(to: URL(fileURLWithPath: folder + "/untold/new-1-1"))
    let second = try Outbox(folder: folder + "/untold", diagnostics) {}
    #expect(second.statistics.untold == 1)
    _ = second.sendDue(2_000)
    #expect(try await lines(folder + "/later/file", count: 1) == [.number(7)])
    second.stop(by: .now + .seconds(5))
    #expect(second.statistics == (untold: 0, undelivered: 0, unreadable: 0))
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/untold").isEmpty)
  }

  /// Every destination that does not take records is named, and every record that is lost is: the trouble of one hides no other's.
  @Test func everyDestinationsTroubleIsSaid() async throws {
    let folder = "\(Workbench.root)/outbox-\(UUID().uuidString)", said = folder + "/said", patience = Outbox.patienceMilliseconds
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let diagnostics = try Diagnostics(.file(said))
    let outbox = try Outbox(folder: folder + "/untold", diagnostics) {}
    // Written long ago: these are lost with their first failure.
    let long = Timestamp.now.milliseconds - patience - 10_000
    for number in 0..<3 { outbox.tell(.file("\(folder)/no/\(number)"), .number(7), of: "f", long) }
    let server = try #require(EventServer(url: "http://127.0.0.1:1/secret?token=secret"))
    outbox.tell(.server(server), .number(7), of: "g", long)
    _ = outbox.sendDue(.max)
    while outbox.statistics.undelivered < 4 { try await Task.sleep(for: .milliseconds(5)) }
    outbox.stop(by: .now)
    #expect(diagnostics.close(deadlineMilliseconds: 5_000))
    let text = try String(contentsOfFile: said, encoding: .utf8), lines = text.split(separator: "\n")
    for number in 0..<3 {
      let start = "the end of an event of f could not be told to \(folder)/no/\(number): "
      #expect(lines.contains { $0.contains(start) && $0.hasSuffix("; it is tried again") } && lines.contains { $0.contains(start) && $0.hasSuffix("; it is lost") }, "\(text)")
    }
    #expect(lines.contains { $0.contains("of an event of g could not be told to http://127.0.0.1:1: ") && $0.hasSuffix("; it is lost") } && !text.contains("secret"), "\(text)")
  }

  /// A name that leads round in a circle stands for what a disk or a full table of descriptors does: there is a file, and it cannot be read.
  private func makeUnreadable(_ path: String) throws {
    try FileManager.default.moveItem(atPath: path, toPath: path + "-aside")
    try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: path)
  }
  private func mend(_ path: String) { unsafe rename(path + "-aside", path) }

  @Test func aRecordThatCannotBeReadIsTriedAgain() async throws {
    let folder = "\(Workbench.root)/outbox-\(UUID().uuidString)", diagnostics = try Diagnostics()
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let outbox = try Outbox(folder: folder + "/untold", diagnostics) {}
    defer { outbox.stop(by: .now) }
    outbox.tell(.file(folder + "/later/file"), .number(7), of: "f", 1_000)
    let letter = folder + "/untold/" + (try FileManager.default.contentsOfDirectory(atPath: folder + "/untold").first ?? "")
    try makeUnreadable(letter)
    try FileManager.default.createDirectory(atPath: folder + "/later", withIntermediateDirectories: true)
    _ = outbox.sendDue(2_000)
    while outbox.statistics.unreadable == 0 { try await Task.sleep(for: .milliseconds(5)) }
    mend(letter)
    #expect(outbox.statistics == (untold: 1, undelivered: 0, unreadable: 1))
    _ = outbox.sendDue(.max)
    #expect(try await lines(folder + "/later/file", count: 1) == [.number(7)])
  }

  /// An event whose file cannot be read now is not one that somebody else has run.
  @Test func anEventThatCannotBeReadIsTriedAgain() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => e + 1;"], name: "later") { $0.asynchronous = settings(folder) }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    var configuration = EventQueue.Configuration()
    configuration.firstWaitMilliseconds = 20
    let queue = try EventQueue(folder: folder + "/queue", configuration, diagnostics: try Diagnostics())
    defer { queue.stop() }
    try queue.accept(QueuedEvent(function: "later", payload: Array("7".utf8)))
    let file = folder + "/queue/" + (try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").first ?? "")
    try makeUnreadable(file)
    queue.adopt(prepared.functions, [definition])
    for _ in 0..<1_000 where queue.statistics.unreadable < 3 { try await Task.sleep(for: .milliseconds(5)) }
    #expect(queue.statistics.unreadable >= 3 && queue.statistics.waiting + queue.statistics.running == 1)
    mend(file)
    #expect(try await lines(folder + "/success", count: 1)[0]["responsePayload"]?.double == 8)
  }

  /// A file that keeps its name is still the event's.
  @Test func anEventWhoseFileCannotBeRenamedIsRetried() async throws {
    let tier = try Workbench.tier(), folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    defer { tier.stop() }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let definition = try Workbench.function(["index.js": "exports.handler = async (e) => { throw new Error('no'); };"], name: "failing") { $0.asynchronous = settings(folder, retries: 1) }
    let prepared = tier.prepare([definition])
    tier.adopt(prepared, log: nil)
    let queue = try EventQueue(folder: folder + "/queue", diagnostics: try Diagnostics())
    try queue.accept(QueuedEvent(function: "failing", payload: Array("7".utf8)))
    let file = try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").first ?? "", name = try #require(QueuedName(file))
    try FileManager.default.createDirectory(atPath: folder + "/queue/" + QueuedName(received: name.received, requestID: name.requestID, attempts: 1).text, withIntermediateDirectories: false)
    queue.adopt(prepared.functions, [definition])
    #expect(try await lines(folder + "/failure", count: 1)[0]["requestContext"]?["approximateInvokeCount"]?.double == 2)
    queue.stop()
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/queue").count == 1)
  }

  @Test func aFolderThatCannotBeListedIsRefused() throws {
    let path = "\(Workbench.root)/events-\(UUID().uuidString)"
    try Data().write(to: URL(fileURLWithPath: path))
    #expect(throws: EventQueue.Refusal.self) { _ = try EventQueue(folder: path, diagnostics: try Diagnostics()) }
  }

  @Test func aFullQueueRefuses() throws {
    let folder = "\(Workbench.root)/events-\(UUID().uuidString)"
    var configuration = EventQueue.Configuration()
    configuration.events = 2
    let queue = try EventQueue(folder: folder, configuration, diagnostics: try Diagnostics())
    for _ in 0..<2 { try queue.accept(QueuedEvent(function: "f", payload: [])) }
    #expect(throws: EventQueue.Refusal.full) { try queue.accept(QueuedEvent(function: "f", payload: [])) }
    queue.stop()
  }
}
