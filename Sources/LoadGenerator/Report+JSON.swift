// Owns: a load test's outcome as JSON, and reading it again to compare two runs. The form is documented in Documentation/bench.md. Pure.
public import JSONText

extension LoadReport {
  /// The version of the form.
  static let formVersion = 1

  /// The report as one JSON object. Times are milliseconds.
  public var json: JSONValue {
    var object: JSONObject = [
      "skerryBench": .number(Self.formVersion), "taken": .string(taken), "target": .string(target), "protocol": .string(version), "connections": .number(connections), "streams": .number(streams),
      "workers": .number(workers), "loop": .string(isClosedLoop ? "closed" : "open"), "wantedRate": wantedRate.map { Self.number($0) } ?? .null,
      "seconds": Self.number(seconds), "requests": .number(sent), "answers": .number(answered), "answersPerSecond": Self.number(rate), "warmUpRequests": .number(warmUp),
      "notSent": .number(unsent), "statuses": .object(JSONObject(statuses.map { .init(name: String($0.status), value: .number($0.count)) })),
      "failed": .number(failed),
      "failures": .array(failures.map { .object(["kind": .string($0.kind), "count": .number($0.count), "first": .string($0.first)]) }),
      "wrong": .number(wrong), "bytesReceived": .number(bytesReceived), "bytesSent": .number(bytesSent), "contentBytes": .number(contentBytes),
      "connectionsMade": .number(connectionsMade), "resent": .number(resent), "latency": Self.json(latency, hasBuckets: true),
      "generator": .object([
        "userSeconds": Self.number(userSeconds), "systemSeconds": Self.number(systemSeconds), "lateness": lateness.map { Self.json($0, hasBuckets: false) } ?? .null,
      ]),
      "intervals": .object([
        "milliseconds": .number(intervalMilliseconds),
        "list": .array(intervals.map { interval in
          .object([
            "answers": .number(interval.answers), "failures": .number(interval.failures), "p50": Self.milliseconds(interval.p50), "p99": Self.milliseconds(interval.p99),
            "max": Self.milliseconds(interval.maximum),
          ])
        }),
      ]),
    ]
    addDetails(to: &object)
    return .object(object)
  }

  private func addDetails(to object: inout JSONObject) {
    if !wrongAnswers.isEmpty {
      object.append("wrongAnswers", .array(wrongAnswers.map { answer in
        var entry: JSONObject = ["request": .string(answer.request), "expected": .string(answer.expected), "got": .string(answer.got)]
        if let rule = answer.rule { entry.append("line", .number(ruleLines[rule] ?? 0)) }
        return .object(entry)
      }))
    }
    if rulesCount > 0 {
      func list(_ rules: [RuleOutcome]) -> JSONValue {
        .array(rules.map { rule in
          var entry: JSONObject = [
            "line": .number(rule.line), "from": .string(rule.from), "asked": .number(rule.asked), "wrong": .number(rule.wrong), "fastest": Self.milliseconds(rule.fastest),
          ]
          if let reason = rule.untested { entry.append("reason", .string(reason)) }
          return .object(entry)
        })
      }
      object.append("rules", .object([
        "file": .string(rulesFile), "count": .number(rulesCount), "asked": .number(testedRules), "wrong": list(wrongRules), "slow": list(slowRules), "unmatched": list(untestedRules),
      ]))
    }
    if !hops.isEmpty { object.append("hops", .array(hops.map { .number($0) })) }
    if !changedStatuses.isEmpty {
      object.append("changedStatuses", .object(JSONObject(changedStatuses.map { .init(name: $0.change, value: .number($0.count)) })))
    }
    if !skipped.isEmpty { object.append("leftOut", .object(JSONObject(skipped.map { .init(name: $0.reason, value: .number($0.count)) }))) }
    guard let other, let otherLatency else { return }
    object.append("other", .object([
      "target": .string(other), "latency": Self.json(otherLatency, hasBuckets: false), "compared": .number(compared), "different": .number(different),
      "differences": .array(differences.map { difference in
        .object([
          "line": .number(difference.line), "from": .string(difference.from), "part": .string(difference.part), "count": .number(difference.count),
          "request": .string(difference.request), "first": .string(difference.first), "second": .string(difference.second),
        ])
      }),
    ]))
  }

  private static func json(_ distribution: Distribution, hasBuckets: Bool) -> JSONValue {
    var object: JSONObject = [
      "count": .number(Int(clamping: distribution.count)), "min": milliseconds(distribution.minimum), "mean": milliseconds(UInt64(distribution.mean)),
      "deviation": milliseconds(UInt64(distribution.deviation)), "max": milliseconds(distribution.maximum),
    ]
    for (percent, value) in zip(Distribution.percents, distribution.percentiles) { object.append("p\(Self.percent(percent))", milliseconds(value)) }
    if hasBuckets {
      object.append("buckets", .array(distribution.buckets.map { .array([milliseconds($0.value), .number(Int(clamping: $0.count))]) }))
    }
    return .object(object)
  }

  /// A time that is written to the nanosecond.
  static func milliseconds(_ nanoseconds: UInt64) -> JSONValue {
    let part = String(nanoseconds % 1_000_000), whole = String(nanoseconds / 1_000_000)
    var text = whole + "." + String(repeating: "0", count: 6 - part.count) + part
    while text.hasSuffix("0") { text.removeLast() }
    if text.hasSuffix(".") { text.removeLast() }
    return .number(text)
  }

  static func number(_ value: Double) -> JSONValue {
    guard value.isFinite else { return .null }
    let rounded = (value * 1000).rounded() / 1000
    return .number(rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)")
  }
}
