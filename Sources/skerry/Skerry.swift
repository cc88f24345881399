// The command line. One small file per command; what it says on errors is one clear sentence on stderr, and the exit status of
// design/configuration.md: 0 good, 1 found what it looks for, 2 bad usage, unreadable file or bad configuration.
import ArgumentParser
import ControlPlane
import Foundation

@main struct Skerry: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "skerry",
    abstract: "A self-hosted edge: a reverse proxy with CloudFront's hook points.",
    discussion: """
      Examples:
        skerry init site                 a project to start from
        skerry serve                     the built-in example, or ./edge.yaml where there is one
        skerry serve site/edge.yaml      your own configuration
        skerry check site/edge.yaml      what is wrong with it, with file, line and column
        skerry status                    what a running proxy is doing
        skerry test                      the test cases of the functions under Functions/
        skerry invoke Functions/hello event.json
        skerry explain http://localhost:8080/old/page
        skerry bench http://127.0.0.1:8080/ --rate 1000
      """,
    version: Version.text,
    subcommands: [
      Init.self, Serve.self, Check.self, Status.self, Reload.self, Invalidate.self, Invoke.self, Test.self, Functions.self, Redirects.self, Bench.self, Explain.self, Manual.self,
    ])

  static func main() {
    // Else it tells the system's log, and so the journal of each `systemctl reload`, that a user may not raise the priority of threads.
    unsafe setenv("LIBDISPATCH_LOG", "NO", 0)
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let code as ExitCode { Foundation.exit(code.rawValue) } catch let finding as Finding {
      StandardError.say(finding.description)
      Foundation.exit(1)
    } catch let refusal as Refusal {
      StandardError.say(refusal.description)
      Foundation.exit(2)
    } catch {
      let message = fullMessage(for: error)
      let status = exitCode(for: error)
      if status == .success {
        FileHandle.standardOutput.write(Data((message + "\n").utf8))
        Foundation.exit(0)
      }
      StandardError.say(message)
      Foundation.exit(2)
    }
  }
}

enum StandardOutput {
  static func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
}

enum StandardError {
  static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
}
