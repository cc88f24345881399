import ArgumentParser

@main struct Skerry: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "skerry", abstract: "A self-hosted edge: a reverse proxy with CloudFront's four hook points.")
}
