// What functions are called at AWS. Pure; any thread.

/// Names as AWS has them, for a function that is at home here: in the region whose functions Lambda@Edge takes, of no account.
public enum FunctionARN {
  /// The name of a function.
  /// - Parameter qualifier: a version, an alias or `$LATEST`; nil for none.
  public static func text(_ function: String, _ qualifier: String? = nil) -> String {
    "arn:aws:lambda:us-east-1:000000000000:function:\(function)" + (qualifier.map { ":" + $0 } ?? "")
  }
}
