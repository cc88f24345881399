// skerry status: what a running proxy is doing.
import ArgumentParser
import ControlPlane
import Foundation
import JSONText

struct Status: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show what a running proxy is doing.",
    discussion: """
      Asks the admin address, with the token that the proxy made at its first start.

      Examples:
        skerry status                                    the proxy of ./edge.yaml
        skerry status --config site/edge.yaml --json     for machines
        skerry status --admin 127.0.0.1:9090 --token-file .skerry/admin-token
        skerry status --admin unix:/run/skerry.sock
      """)

  @OptionGroup var proxy: AdminArguments
  @Flag(help: "Print the answer as it comes: one JSON object.")
  var json = false

  func run() throws {
    let answer = try proxy.client().request("GET", "/status")
    guard answer.status == 200, let status = try? JSONValue(parsing: answer.body) else {
      throw Refusal("the proxy answers \(answer.status), which this command does not understand")
    }
    let text = json ? String(decoding: answer.body, as: UTF8.self) : StatusText.page(status)
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
