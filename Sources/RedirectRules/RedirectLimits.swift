// Owns: how much a table of redirects may hold.

/// The limits of a table of redirects. Beyond one of a file: an error where the file is read.
public enum RedirectLimits {
  /// The longest file in bytes.
  public static let fileBytes = 64 << 20
  /// The most rules.
  public static let rules = 1_000_000
  /// The longest line in bytes.
  public static let lineBytes = 32_768
  /// The most segments of a pattern with placeholders.
  public static let segments = 64
  /// The most captures of a rule: placeholders, or groups.
  public static let captures = 16
  /// The most regular expressions, those of conditions included.
  public static let expressions = 20_000
  /// The memory of all expressions of a table together, in bytes: each gets its share, at least `expressionBytes`.
  public static let allExpressionsBytes = 256 << 20
  /// The least memory an expression gets, in bytes, for its program and what it remembers of paths it has seen.
  public static let expressionBytes = 32 << 10
  /// The most memory an expression gets, in bytes.
  public static let largestExpressionBytes = 1 << 20
  /// The most problems told of one file.
  public static let problems = 100
  /// For how long a table is searched for redirects in circles when it is read with a configuration; `skerry redirects check` has no limit.
  public static let loopSearch = Duration.milliseconds(250)
  /// The most circles told of one table then.
  public static let loops = 10
  /// The longest Location in bytes. Beyond it: 414.
  public static let locationBytes = 16_384
  /// In a table where so many rules differ only in what follows a `/:`, colons and asterisks stand for themselves.
  public static let literalTwins = 8
}
