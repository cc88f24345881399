// Owns: what becomes of one request: sent, answered or not, followed, compared, and held against what it should have been. On the worker's loop.
import Transport

extension LoadWorker {
  /// Sends requests one after another until the test is over.
  nonisolated(nonsending) func serve(_ slot: Slot) async {
    while let ticket = await nextTicket(for: slot) { await serve(ticket, slot) }
    slotEnded()
  }

  private nonisolated(nonsending) func serve(_ ticket: Ticket, _ slot: Slot) async {
    let entry = plan.entries[ticket.index % plan.entries.count]
    tally.sent += 1
    if ticket.wasAwaited { tally.lateness.take(MonotonicClock.nanoseconds - ticket.due) }
    do throws(LoadFailure) {
      let answer = try await ask(entry, slot.channels[0])
      var last = answer
      if options.followsRedirects { last = try await follow(answer, entry, slot.channels[0]) }
      let now = MonotonicClock.nanoseconds
      if measured(ticket, until: now, hasAnswer: true) { tally.statuses[min(last.status, 599)] += 1 }
      tally.contentBytes += last.contentBytes
      if entry.check != .status || entry.rule >= 0 || !isExpected(last.status) { check(answer, last, entry, latency: now - ticket.due) }
      if slot.channels.count > 1 { await compare(answer, entry, slot.channels[1]) }
    } catch {
      failed(error, entry)
      _ = measured(ticket, until: MonotonicClock.nanoseconds, hasAnswer: false)
      if error.kind == .connect, options.pace == .closed { await loop.sleep(milliseconds: LoadOptions.reconnectMilliseconds) }
    }
  }

  private var wanted: Wanted {
    var wanted: Wanted = []
    if plan.hasRules || options.followsRedirects { wanted.insert(.location) }
    if options.other != nil { wanted.formUnion([.location, .everything]) }
    return wanted
  }

  private nonisolated(nonsending) func ask(_ entry: LoadPlan.Entry, _ channel: Channel) async throws(LoadFailure) -> Answer {
    let plan = plan
    return try await channel.ask(isHead: entry.isHead, hasContent: entry.contentLength > 0, wanted, resent: &tally.resent) { isHead, output in
      if isHead { plan.writeHead(entry, to: &output) } else { plan.writeContent(entry, to: &output) }
    }
  }

  private func failed(_ failure: LoadFailure, _ entry: LoadPlan.Entry) {
    tally.failures[failure.kind.rawValue] += 1
    if tally.failureWords[failure.kind.rawValue].isEmpty { tally.failureWords[failure.kind.rawValue] = failure.text }
    if entry.rule >= 0 {
      tally.rules[Int(entry.rule)].asked += 1
      tally.rules[Int(entry.rule)].wrong += 1
    }
  }

  // MARK: Following

  /// Follows redirects on the same host, each by a GET on its own.
  private nonisolated(nonsending) func follow(_ first: Answer, _ entry: LoadPlan.Entry, _ channel: Channel) async throws(LoadFailure) -> Answer {
    var answer = first, hops = 0
    var place = plan.place(entry, isSecure: options.target.isSecure)
    let host = place.authority, isHead = entry.isHead
    while (300..<400).contains(answer.status), let location = answer.location {
      let next = URLText.resolve(String(decoding: location, as: UTF8.self), from: place)
      guard next.authority == host, next.isSecure == place.isSecure else { break }
      guard hops < LoadOptions.hopsLimit else {
        tally.hops[hops] += 1
        throw LoadFailure(.diverged, "\(LoadOptions.hopsLimit) redirects did not end, the last to \(next.path)")
      }
      hops += 1
      place = next
      let request = "\(isHead ? "HEAD" : "GET") \(URLText.encoded(next.path)) HTTP/1.1\r\nHost: \(host)\r\nUser-Agent: skerry-bench\r\n\r\n"
      answer = try await channel.ask(isHead: isHead, hasContent: false, wanted, resent: &tally.resent) { _, output in output.append(text: request) }
    }
    tally.hops[hops] += 1
    return answer
  }

  // MARK: Judging

  private func isExpected(_ status: Int) -> Bool { options.expectedStatuses?.contains(status) ?? (status < 500) }

  private func check(_ answer: Answer, _ last: Answer, _ entry: LoadPlan.Entry, latency: UInt64) {
    var isRight = true
    switch entry.check {
    case .status: isRight = isExpected(last.status)
    case .exactly: isRight = answer.status == Int(entry.status) && leadsThere(answer, entry)
    case .notThis:
      isRight = !(answer.status == Int(entry.status) && ((300..<400).contains(answer.status) ? leadsThere(answer, entry) : true)) && answer.status < 500
    case .logged:
      isRight = isExpected(last.status) || last.status == Int(entry.status)
      if last.status != Int(entry.status), entry.status > 0 { tally.changedStatuses["\(entry.status) → \(last.status)", default: 0] += 1 }
    }
    if entry.rule >= 0 { note(entry, isRight: isRight, latency) }
    guard !isRight else { return }
    let place = plan.place(entry, isSecure: options.target.isSecure)
    var got = Self.describe(answer), expected = expectation(entry)
    // What was followed is held against the statuses that are right by its end, a near miss of no rule too.
    if options.followsRedirects, entry.check == .status || entry.check == .logged, last.status != answer.status || last.location != answer.location { got += ", in the end " + Self.describe(last) }
    if entry.check == .notThis, answer.status >= 500 { expected = "a status below 500" }
    tally.note(WrongAnswer(rule: entry.rule < 0 ? nil : Int(entry.rule), request: describe(entry, place), expected: expected, got: got))
  }

  private func note(_ entry: LoadPlan.Entry, isRight: Bool, _ latency: UInt64) {
    let rule = Int(entry.rule)
    tally.rules[rule].asked += 1
    if !isRight { tally.rules[rule].wrong += 1 }
    guard entry.isOwn else { return }
    if isRight { tally.rules[rule].own += 1 }
    tally.rules[rule].timed += 1
    tally.rules[rule].total += latency
    tally.rules[rule].fastest = min(tally.rules[rule].fastest, latency)
  }

  /// Whether an answer's Location is the one it should have, or names the same place.
  private func leadsThere(_ answer: Answer, _ entry: LoadPlan.Entry) -> Bool {
    let wanted = plan.location(entry)
    guard let got = answer.location else { return wanted.isEmpty }
    if got.elementsEqual(wanted) { return true }
    if wanted.isEmpty { return false }
    let base = plan.place(entry, isSecure: options.target.isSecure)
    return URLText.resolve(String(decoding: got, as: UTF8.self), from: base) == URLText.resolve(String(decoding: wanted, as: UTF8.self), from: base)
  }

  private func describe(_ entry: LoadPlan.Entry, _ place: URLText.Place) -> String {
    let method = String(decoding: plan.request(entry).prefix { $0 != 32 }, as: UTF8.self)
    return (method == "GET" ? "" : method + " ") + (place.isSecure ? "https://" : "http://") + place.authority + place.path
  }

  private func expectation(_ entry: LoadPlan.Entry) -> String {
    let location = String(decoding: plan.location(entry), as: UTF8.self)
    switch entry.check {
    case .exactly: return location.isEmpty ? "\(entry.status)" : "\(entry.status) to \(location)"
    case .notThis: return location.isEmpty ? "not \(entry.status)" : "anything but \(entry.status) to \(location)"
    case .status, .logged: return options.expectedStatuses.map { $0.sorted().map { String($0) }.joined(separator: " or ") } ?? "a status below 500"
    }
  }

  private static func describe(_ answer: Answer) -> String {
    "\(answer.status)" + (answer.location.map { " to " + String(decoding: $0, as: UTF8.self) } ?? "")
  }

  // MARK: Comparing

  private nonisolated(nonsending) func compare(_ first: Answer, _ entry: LoadPlan.Entry, _ channel: Channel) async {
    let begin = MonotonicClock.nanoseconds
    do throws(LoadFailure) {
      let second = try await ask(entry, channel)
      tally.otherLatencies.take(MonotonicClock.nanoseconds - begin)
      let place = plan.place(entry, isSecure: options.target.isSecure)
      tally.differences.compare(first, second, rule: Int(entry.rule), ignoring: options.ignoredFields, describe(entry, place))
    } catch { failed(error, entry) }
  }
}
