// A table of redirect rules that behaviors use. An immutable value; any thread may read it. Source: issue 8, point 1.
public import RedirectRules

/// A table of redirects, read.
public struct RedirectDefinition: Sendable, Equatable {
  /// What logs and metrics call it: its path below the configuration's folder.
  public var name: String
  /// The file's absolute path.
  public var path: String
  /// Its rules.
  public var table: RedirectTable

  /// A table.
  public init(name: String, path: String, table: RedirectTable) {
    self.name = name
    self.path = path
    self.table = table
  }

  /// Whether both are the same reading of the same file.
  public static func == (left: RedirectDefinition, right: RedirectDefinition) -> Bool {
    left.path == right.path && left.table === right.table
  }
}
