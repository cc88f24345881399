// Owns: one redirect rule as a person means it: what `check` and `convert` look at, and what a line of a file is read into. Pure values;
// any thread. Source: issue 8, point 1; Documentation/redirects.md.

/// A redirect rule.
public struct RedirectRule: Sendable, Equatable {
  /// How `from` is meant.
  public enum Kind: String, Sendable {
    /// As it stands.
    case exact
    /// With a `*` at its end, which stands for anything.
    case prefix
    /// With segments `:name`, and perhaps a `*` at its end.
    case placeholders
    /// As a regular expression in RE2's syntax.
    case regex
  }
  /// What becomes of the request's query string.
  public enum QueryHandling: String, Sendable {
    /// It follows the target, unless that has a query of its own.
    case keep
    /// It is dropped.
    case drop
    /// It follows the target's own, with an `&` between.
    case append
  }

  /// The path that is matched, or the expression.
  public var from: String
  /// Where to; empty for a status that needs no place.
  public var to: String
  /// 301, 302, 303, 307, 308, or 404, 410, 451.
  public var status = 301
  /// How `from` is meant.
  public var kind = Kind.exact
  /// Whether ASCII letters match in either case.
  public var ignoresCase = false
  /// Whether the percent-decoded path is matched instead of the raw one.
  public var matchesDecoded = false
  /// What becomes of the request's query string.
  public var query = QueryHandling.keep
  /// What must hold of the request beside its path.
  public var conditions: [RedirectCondition] = []
  /// Where it stands in its file, from 1.
  public var line = 0

  /// A rule for one path.
  public init(from: String, to: String, status: Int = 301, line: Int = 0) {
    self.from = from
    self.to = to
    self.status = status
    self.line = line
  }

  /// The statuses that name a place.
  public static let redirects: Set<Int> = [301, 302, 303, 307, 308]
  /// The statuses that do not.
  public static let refusals: Set<Int> = [404, 410, 451]
}

/// Something that must hold of a request beside its path.
public struct RedirectCondition: Sendable, Equatable {
  /// What is looked at.
  public enum Subject: Sendable, Equatable {
    /// The host is one of these, in lower case; `*.example.com` is any name below it.
    case host([String])
    /// The whole host, in lower case, has a match of an expression.
    case hostMatches(String)
    /// The method is one of these.
    case method([String])
    /// `http` or `https`.
    case scheme(String)
    /// The whole query string is this, byte for byte.
    case query(String)
    /// The query string has a match of an expression.
    case queryMatches(String)
    /// A parameter of the query is there, and has this value where one is named.
    case parameter(String, String?)
    /// A parameter of the query is there; its value is a capture of this name.
    case captured(String, String)
    /// A cookie is there, and has this value where one is named.
    case cookie(String, String?)
    /// One of these cookies is there.
    case cookies([String])
    /// The viewer's country is one of these, two capital letters each.
    case country([String])
    /// The language the viewer likes most is one of these, in lower case; `de` is also any `de-…`.
    case language([String])
  }

  /// What is looked at.
  public var subject: Subject
  /// Whether it must not hold.
  public var isNegated: Bool

  /// A condition.
  public init(_ subject: Subject, isNegated: Bool = false) {
    self.subject = subject
    self.isNegated = isNegated
  }
}

/// Something wrong with a file of rules.
public struct RedirectProblem: Error, Sendable, Equatable {
  /// Line from 1, and column in Unicode scalars from 1.
  public var line: Int, column: Int
  /// Whether the file cannot be used; otherwise it can, but perhaps not as meant.
  public var isError: Bool
  /// Whether it is that a viewer could choose another host.
  public var isOpenRedirect: Bool
  /// One sentence without a full stop.
  public var text: String
  /// The rule it is about, when it could be read.
  var rule: RedirectRule?

  init(_ text: String, line: Int = 0, column: Int = 1, isError: Bool = true, isOpenRedirect: Bool = false) {
    self.line = line
    self.column = column
    self.isError = isError
    self.isOpenRedirect = isOpenRedirect
    self.text = text
  }
}
