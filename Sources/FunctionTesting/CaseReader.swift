// From the YAML of a case file to cases. Strict: what it does not know is a problem with file, line, column and the nearest known name.
// One reader reads one file, on any thread. Source: design/configuration.md, "A case file".
import ConfigurationFile
import Distribution
import Foundation
import JSONText
import RewriteEngine

struct CaseReader {
  /// The case file, as messages name it.
  let path: String
  /// The function's folder: event files are looked for here.
  let folder: String
  /// What a case is for that does not say it itself.
  let eventType: FunctionEvent?
  /// What the function's key value store is called, if it has one.
  let storeName: String?
  let problems: Problems
  /// What a case is for that does not say it itself, of a function of the function tier.
  var hook: HookPoint?
  /// Whether the function is the function tier's.
  var isEdge = false

  /// The file's cases; those that are not right are reported and left out.
  func read() -> CaseFile? {
    switch Files.read(path, maximumBytes: SourceText.maximumBytes) {
    case .failure(let problem):
      problems.report(.error, file: path, line: 1, column: 1, "it cannot be read: \(problem.text)")
      return nil
    case .success(let bytes): return CaseFile(path: path, bytes: bytes, cases: cases(bytes))
    }
  }

  func cases(_ bytes: [UInt8]) -> [TestCase] {
    guard let root = Value.root(of: bytes, name: "a case file", file: path, problems: problems) else { return [] }
    return (root.items(of: "a case") ?? []).enumerated().compactMap { testCase($0.element, number: $0.offset + 1) }
  }

  private func testCase(_ value: Value, number: Int) -> TestCase? {
    guard let section = value.section("a case") else { return nil }
    defer { section.finish() }
    let name = section.required("name")?.nonEmptyText() ?? "case \(number)"
    if isEdge { return edgeCase(section, name: name, value) }
    var event = event(section)
    if let place = section.optional("edgeLocation").flatMap(edgeLocation) { event?.edgeLocation = place }
    let now = section.optional("now").flatMap(time)
    let entries = section.optional("keyValueStore").map(entries) ?? []
    guard let expect = section.required("expect"), let expected = expected(expect), let event else { return nil }
    return TestCase(
      name: name, line: value.line, column: value.column, event: event, nowMilliseconds: now, entries: entries, expected: expected)
  }

  private func edgeCase(_ section: Section, name: String, _ value: Value) -> TestCase? {
    let edge = edgeEvent(section)
    guard let expect = section.required("expect"), let expected = expected(expect), let edge else { return nil }
    if let (_, place) = expected.fuel { problems.report(.error, file: path, line: place.line, column: place.column, "fuel is counted in the rewrite engine only") }
    return TestCase(
      name: name, line: value.line, column: value.column, event: TestEvent(document: edge.document, type: .viewerRequest, query: nil), edge: edge, nowMilliseconds: nil,
      entries: [], expected: expected)
  }

  private func edgeEvent(_ section: Section) -> EdgeEvent? {
    let request = section.optional("request"), response = section.optional("response"), file = section.optional("event")
    let named = section.optional("eventType")?.choice(HookPoint.self)
    if let file {
      if let extra = request ?? response { extra.error("a case has either event or request, not both") }
      guard let (found, bytes) = eventFile(file) else { return nil }
      do throws(JSONFailure) {
        _ = try JSONValue(parsing: bytes.span, replacesHalfPairs: true)
        return EdgeEvent(payload: bytes)
      } catch {
        let place = TextPosition(of: error.offset, in: bytes.span)
        problems.report(.error, file: found, line: place.line, column: place.column, error.text)
        return nil
      }
    }
    guard request != nil || response != nil else {
      section.value.error("a case needs request, response or event")
      return nil
    }
    let type = named ?? hook ?? (response == nil ? .viewerRequest : .viewerResponse)
    let isResponse = type == .originResponse || type == .viewerResponse
    if !isResponse, let response { response.error("a \(type.rawValue) case has no response") }
    if isResponse, response == nil { section.value.error("a \(type.rawValue) case needs response") }
    return EdgeShorthand().event(type, request: request, response: response)
  }

  // MARK: What goes in

  private func event(_ section: Section) -> TestEvent? {
    let request = section.optional("request"), response = section.optional("response"), file = section.optional("event")
    let named = section.optional("eventType").flatMap(eventType)
    if let file {
      if let extra = request ?? response { extra.error("a case has either event or request, not both") }
      return event(file, expected: named ?? eventType)
    }
    guard let request else {
      section.value.error("a case needs request or event")
      return nil
    }
    let type = named ?? eventType ?? (response == nil ? .viewerRequest : .viewerResponse)
    if type == .viewerRequest, let response { response.error("only a viewer-response case has a response") }
    if type == .viewerResponse, response == nil { section.value.error("a viewer-response case needs response") }
    let shorthand = Shorthand()
    return shorthand.event(type, request: request, response: response)
  }

  private func eventType(_ value: Value) -> FunctionEvent? {
    guard let hook = value.choice(HookPoint.self) else { return nil }
    if let type = FunctionEvent(name: hook.rawValue) { return type }
    value.error("\(hook.rawValue) is an event of the function tier; this function is the rewrite engine's")
    return nil
  }

  /// An event in a file, from the function's folder or from the case file's.
  private func event(_ value: Value, expected: FunctionEvent?) -> TestEvent? {
    guard let (found, bytes) = eventFile(value) else { return nil }
    do throws(TestEventProblem) {
      let event = try TestEvent(parsing: bytes, expected: expected)
      for remark in event.remarks { problems.report(.warning, file: found, line: 1, column: 1, remark) }
      return event
    } catch {
      problems.report(.error, file: found, line: error.line, column: error.column, error.text)
      return nil
    }
  }

  private func eventFile(_ value: Value) -> (path: String, bytes: [UInt8])? {
    guard let name = value.nonEmptyText("the path of a JSON file") else { return nil }
    let candidates = name.hasPrefix("/") ? [name] : [folder + "/" + name, path.parentFolder + "/" + name]
    let found = candidates.first { Files.problem(with: $0) == nil } ?? candidates[0]
    switch Files.read(found, maximumBytes: TestEvent.maximumBytes) {
    case .failure(let problem):
      value.error("\(name.quoted) cannot be read: \(problem.text)")
      return nil
    case .success(let bytes): return (found, bytes)
    }
  }

  private func edgeLocation(_ value: Value) -> TestEvent.EdgeLocation? {
    guard let section = value.section("edgeLocation") else { return nil }
    defer { section.finish() }
    var place = TestEvent.EdgeLocation()
    if let name = section.optional("name")?.nonEmptyText() { place.name = name }
    if let address = section.optional("serverIp")?.nonEmptyText() { place.serverAddress = address }
    if let region = section.optional("region")?.nonEmptyText() { place.region = region }
    return place
  }

  /// A point in time: ISO 8601, or seconds since 1970.
  private func time(_ value: Value) -> Int64? {
    guard let text = value.text("a time") else { return nil }
    if let seconds = Int64(text), abs(seconds) < 1 << 40 { return seconds * 1000 }
    if let date = try? Date(text, strategy: .iso8601) { return Int64(date.timeIntervalSince1970 * 1000) }
    value.mismatch("a time such as 2026-01-31T12:00:00Z, or seconds since 1970")
    return nil
  }

  /// `{ store: { key: value } }`.
  private func entries(_ value: Value) -> [(key: String, value: String?)] {
    guard let stores = value.section("keyValueStore") else { return [] }
    if stores.entries.count > 1 { stores.entries[1].key.error("a function has one key value store") }
    guard let store = stores.entries.first else { return [] }
    if let storeName, store.name != storeName, store.name != "rules" {
      store.key.error("the function's key value store is called \(storeName.quoted), not \(store.name.quoted)")
    }
    return (store.value.section("a key value store")?.entries ?? []).compactMap { entry in
      if entry.value.isNull { return (entry.name, nil) }
      return entry.value.text().map { (entry.name, $0) }
    }
  }

  // MARK: What comes out

  private static let requestKeys = ["method", "uri", "querystring", "headers", "cookies", "exact"]
  private static let responseKeys = ["statusCode", "statusDescription", "headers", "cookies", "body", "exact"]
  private static let edgeRequestKeys = ["method", "uri", "querystring", "headers", "body", "origin", "exact"]
  private static let edgeResponseKeys = ["status", "statusCode", "statusDescription", "headers", "body", "exact"]

  private func expected(_ value: Value) -> TestCase.Expected? {
    guard let section = value.section("expect") else { return nil }
    var expected = TestCase.Expected(line: value.line, column: value.column)
    expected.request = section.optional("request").flatMap { members($0, known: isEdge ? CaseReader.edgeRequestKeys : CaseReader.requestKeys) }
    expected.response = section.optional("response").flatMap { members($0, known: isEdge ? CaseReader.edgeResponseKeys : CaseReader.responseKeys) }
    expected.origin = section.stated("origin").map(Expectation.init)
    expected.logs = section.optional("logs").flatMap { logs in logs.items(of: "a line").map { _ in Expectation(logs) } }
    expected.error = section.optional("error").flatMap { error in error.nonEmptyText().map { _ in Expectation(error) } }
    if let fuel = section.optional("fuel"), let limit = fuel.wholeNumber(0...Int.max) { expected.fuel = (UInt64(limit), Expectation(fuel)) }
    section.finish()
    if expected.request != nil, let response = section.optional("response") { response.error("a function gives a request or a response, not both") }
    return expected
  }

  /// The expected request or response, whose members are known.
  private func members(_ value: Value, known: [String]) -> Expectation? {
    guard let section = value.section(value.name) else { return nil }
    for entry in section.entries where !known.contains(entry.name) {
      entry.key.error("\(value.name) has no key \(entry.name.quoted)\(Suggestion.text(for: entry.name, among: known))")
    }
    _ = section.optional("exact")?.flag()
    return Expectation(value)
  }
}

extension Section {
  /// The value of a key, also when it says null.
  fileprivate func stated(_ key: String) -> Value? {
    optional(key) ?? entries.first { $0.name == key }?.value
  }
}
