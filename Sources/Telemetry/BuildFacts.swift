// Owns: what the running program was made from, for `skerry_build_info`.
internal import CSystem

/// What the running program was made from.
public struct BuildFacts: Sendable {
  /// The program's version.
  public var version: String
  /// The commit, when the build was told (`make build` tells); else empty.
  public var commit: String
  /// The compiler's version, as `6.3`.
  public var swift: String

  /// What a program was made from.
  public init(version: String, commit: String, swift: String) {
    self.version = version
    self.commit = commit
    self.swift = swift
  }

  /// The facts of this very program.
  public static func current(version: String) -> BuildFacts {
    BuildFacts(version: version, commit: unsafe String(cString: skerry_commit()), swift: compiler)
  }

  #if compiler(>=6.5)
  private static let compiler = "6.5 or newer"
  #elseif compiler(>=6.4)
  private static let compiler = "6.4"
  #elseif compiler(>=6.3)
  private static let compiler = "6.3"
  #else
  private static let compiler = "6.2"
  #endif
}
