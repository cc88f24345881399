// Owns: a proxy's status as a page for people. Pure: JSON in, text out; what an older or newer proxy does not say is left out.
import JSONText

enum StatusText {
  /// The page.
  static func page(_ status: JSONValue) -> String {
    var lines = ["skerry \(text(status["version"])), process \(number(status["pid"])), \(text(status["state"])) for \(duration(status["uptimeSeconds"]))"]
    func add(_ name: String, _ values: [String]) {
      for (index, value) in values.enumerated() {
        lines.append((index == 0 ? name : "").padded(to: 15) + value)
      }
    }
    add("configuration", configuration(status["configuration"]))
    add("last reload", reload(status["lastReload"]))
    add("listeners", (status["listeners"]?.array ?? []).map(listener))
    if let admin = status["admin"]?.string { add("admin", [admin]) }
    add("workers", (status["workers"]?.array ?? []).map(worker))
    add("distributions", (status["distributions"]?.array ?? []).flatMap(distribution))
    add("stores", (status["keyValueStores"]?.array ?? []).map { "\(text($0["name"])): \(number($0["entries"])) entries" })
    add("logs", (status["logs"]?.object?.members ?? []).map { log($0.name, $0.value) })
    return lines.joined(separator: "\n") + "\n"
  }

  /// As `skerry check` prints it.
  static func problem(_ problem: JSONValue) -> String {
    "\(text(problem["file"])):\(number(problem["line"])):\(number(problem["column"])): \(text(problem["severity"])): \(text(problem["text"]))"
  }

  /// A whole number's text.
  static func number(_ value: JSONValue?) -> String { if case .number(let text)? = value { text } else { "?" } }

  private static func text(_ value: JSONValue?) -> String { value?.string ?? "?" }

  private static func isTrue(_ value: JSONValue?) -> Bool { value == .boolean(true) }

  private static func duration(_ value: JSONValue?) -> String {
    guard let seconds = value?.double.map({ Int($0) }) else { return "?" }
    switch seconds {
    case ..<120: return "\(seconds) s"
    case ..<7200: return "\(seconds / 60) min"
    case ..<172_800: return "\(seconds / 3600) h \(seconds / 60 % 60) min"
    default: return "\(seconds / 86_400) d \(seconds / 3600 % 24) h"
    }
  }

  private static func configuration(_ value: JSONValue?) -> [String] {
    guard let value else { return [] }
    return ["\(text(value["path"])), generation \(number(value["generation"])) since \(text(value["since"])), SHA-256 \(text(value["sha256"]).prefix(12))…"]
  }

  private static func reload(_ value: JSONValue?) -> [String] {
    guard let value, value != .null else { return ["none"] }
    let problems = value["problems"]?.array ?? []
    let head = "\(text(value["outcome"])) at \(text(value["time"])), \(number(value["milliseconds"])) ms"
    return [head + (value["reason"]?.string.map { ": " + $0 } ?? "")] + problems.map(problem)
  }

  private static func listener(_ value: JSONValue) -> String {
    let address = text(value["address"]), configured = text(value["configured"])
    return (isTrue(value["tls"]) ? "https://" : "http://") + address + (isTrue(value["proxyProtocol"]) ? ", with PROXY headers" : "")
      + (address == configured ? "" : " (configured: \(configured))")
  }

  private static func worker(_ value: JSONValue) -> String {
    let viewers = "\(number(value["number"])): \(number(value["connections"])) connections (\(number(value["http2Connections"])) HTTP/2, \(number(value["tunnels"])) tunnels)"
    let origins = "to origins \(number(value["originConnections"])), \(number(value["originConnectionsIdle"])) idle"
    return "\(viewers), \(number(value["requestsInFlight"])) requests in flight; \(origins)"
  }

  private static func distribution(_ value: JSONValue) -> [String] {
    let names = strings(value["aliases"]) + (isTrue(value["default"]) ? ["every other host"] : [])
    let functions = strings(value["functions"])
    let behaviors = number(value["behaviors"])
    let head = "\(text(value["id"])): \(names.joined(separator: ", ")); \(behaviors) behavior\(behaviors == "1" ? "" : "s")"
    let origins = (value["origins"]?.array ?? []).flatMap { ["  origin \(origin($0))"] + ($0["addresses"]?.array ?? []).map { "    \(address($0))" } }
    return [head + (functions.isEmpty ? "" : "; functions \(functions.joined(separator: ", "))")] + origins
  }

  private static func origin(_ value: JSONValue) -> String {
    let place: String
    if let folder = value["folder"]?.string { place = folder } else {
      place = text(value["server"]) + (value["ports"]?.array ?? []).map { ":" + number($0) }.joined(separator: " and ")
    }
    let bound = value["requestsInFlight"].map { ", \(number($0)) requests in flight, \(number(value["requestsWaiting"])) waiting" } ?? ""
    return "\(text(value["name"])): \(place)\(bound)"
  }

  private static func address(_ value: JSONValue) -> String {
    "\(text(value["address"])): \(text(value["condition"]))\(isTrue(value["healthy"]) ? "" : ", gets no requests"), \(number(value["requestsInFlight"])) in flight"
  }

  private static func log(_ name: String, _ value: JSONValue) -> String {
    "\(name): \(number(value["linesWritten"])) lines written, \(number(value["linesDropped"])) dropped, \(number(value["writeErrors"])) write errors"
  }

  private static func strings(_ value: JSONValue?) -> [String] { (value?.array ?? []).compactMap(\.string) }
}

extension String {
  fileprivate func padded(to width: Int) -> String { self + String(repeating: " ", count: max(1, width - count)) }
}
