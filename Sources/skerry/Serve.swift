// skerry serve: runs the proxy in the foreground.
import ArgumentParser
import Confinement
import ControlPlane
import Edge
import Foundation

struct Serve: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Run the proxy.",
    discussion: """
      Prints one line, `ready` and the addresses, on stderr once every listener accepts. SIGHUP reads the configuration again, and with --watch so
      does a change of any of its files; SIGUSR2 replaces the process by a new one of the program's file without refusing a connection; SIGTERM
      drains and ends; a second one ends at once.

      Examples:
        skerry serve
        skerry serve edge.yaml --workers 4
        skerry serve edge.yaml --watch
      """)

  @OptionGroup var file: ConfigurationArgument
  @Option(help: "Worker threads, each with its own event loop. Default: one per core.")
  var workers: Int?

  @Flag(help: "Read the configuration again when one of its files changes.")
  var watch = false

  func validate() throws {
    if let workers, !(1...256).contains(workers) { throw ValidationError("--workers takes a number from 1 to 256") }
  }

  func run() throws {
    let inheritance = Inheritance.take()
    // Before there is a second thread, and before anything is given up.
    let starter = Starter.ownProgram().flatMap { try? Starter(program: $0, arguments: CommandLine.arguments) }
    let path = try file.path()
    let served = ServedConfiguration(path: path, tolerates: inheritance.tolerated)
    let (reading, unreadable) = served.read()
    if let unreadable { throw Refusal(unreadable) }
    for problem in reading.problems { StandardError.say(problem.description) }
    guard let configuration = reading.configuration else {
      throw Refusal("\(path) has \(counted(reading.problems.count(where: \.isError), "error")) and is not served")
    }
    let server: Server
    do {
      let count = workers ?? max(1, ProcessInfo.processInfo.activeProcessorCount)
      server = try Server(configuration, reading, from: served.source, watches: watch, workerCount: count, inheritance, starter)
    } catch {
      StandardError.say(error.problem(of: reading, in: path)?.description ?? "skerry: \(error)")
      throw ExitCode(2)
    }
    StandardError.say(server.ready)
    server.run()
  }
}
