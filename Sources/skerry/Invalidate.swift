// skerry invalidate: has a running proxy serve certain objects of its cache no more.
import ArgumentParser
import ControlPlane
import Foundation
import JSONText

struct Invalidate: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Take objects out of a running proxy's cache.",
    discussion: """
      Holds for every request that begins after the command has ended. A * as a path's last character stands for anything; elsewhere it stands for
      itself. Paths have their ?query where the cache policy has it in the key.

      Examples:
        skerry invalidate /index.html '/images/*'
        skerry invalidate --tag product-4711 --tag shop
        skerry invalidate --distribution shop '/*'
      """)

  @Argument(help: "Paths, such as /index.html or '/images/*'.")
  var paths: [String] = []
  @Option(help: "A tag, as responses have it in the field that the configuration names. May be repeated.")
  var tag: [String] = []
  @Option(help: "The distribution's id. Default: all.")
  var distribution: String?
  @OptionGroup var proxy: AdminArguments

  func run() throws {
    guard !paths.isEmpty || !tag.isEmpty else { throw Refusal("name a path or a --tag") }
    var object = JSONObject()
    object["paths"] = .array(paths.map { .string($0) })
    object["tags"] = .array(tag.map { .string($0) })
    if let distribution { object["distribution"] = .string(distribution) }
    let answer = try proxy.client().request("POST", "/invalidations", content: Array(JSONValue.object(object).compact.utf8))
    let report = try? JSONValue(parsing: answer.body)
    guard answer.status == 200 else {
      throw Finding("the proxy refuses: \(report?["reason"]?.string ?? "status \(answer.status)")")
    }
    FileHandle.standardOutput.write(Data("invalidated \(counted(paths.count, "path")) and \(counted(tag.count, "tag"))\n".utf8))
  }
}
