public import Distribution
/// stub
public struct FunctionCode: Sendable {
  public init?(_ d: FunctionDefinition, limits: Limits.RewriteEngine) { return nil }
}
