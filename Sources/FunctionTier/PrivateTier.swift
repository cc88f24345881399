// Owns: a function tier that a command has for itself, in a folder that goes with it: nothing of a proxy's that may be running is touched.
import Foundation
import Telemetry

/// A function tier in a folder of its own. Any thread, once it is made.
public final class PrivateTier: Sendable {
  /// The tier.
  public let tier: FunctionTier
  private let folder: String
  private let diagnostics: Diagnostics

  /// Starts it. Before the process has a second thread.
  /// - Parameters:
  ///   - interpreters: the programs that run functions.
  ///   - published: the folder of another tier.
  ///   - names: functions whose versions and aliases are taken over from there.
  /// - Throws: ``TierFailure`` with why nothing can be run here.
  public init(_ interpreters: Interpreters = Interpreters(), published: String = "", of names: Set<String> = []) throws(TierFailure) {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("skerry-functions-\(UUID().uuidString)").path
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      let spawner = try Spawner(roots: [folder] + interpreters.roots)
      diagnostics = try Diagnostics()
      if !names.isEmpty { try VersionStore.copy(names, from: published, to: folder) }
      var configuration = FunctionTier.Configuration(folder: folder, interpreters: interpreters)
      configuration.prewarmed = 0
      tier = try FunctionTier(configuration, spawner: spawner, diagnostics: diagnostics)
    } catch {
      try? FileManager.default.removeItem(atPath: folder)
      let why = (error as? CodeProblem)?.text ?? (error as? CocoaError)?.localizedDescription ?? "\(error)"
      throw TierFailure(description: "functions of the function tier cannot be run here: \(why)")
    }
  }

  /// Ends every environment and removes the folder. Blocks.
  public func end() {
    tier.stop()
    _ = diagnostics.close(deadlineMilliseconds: 500)
    try? FileManager.default.removeItem(atPath: folder)
  }
}
