// What CloudFront's runtimes refuse although our engine runs it: their JavaScript is that of an old njs, ours is a whole one.
// Pure: bytes in, findings out; any thread. Time and memory grow with the source and nothing else; no bytes can make it trap.
// The size of a function is the configuration's affair, which knows where it is named.
// Source: spec/cloudfront-functions.md, 9.2 to 9.4.
public import Distribution

/// The dialect of CloudFront Functions.
public enum FunctionDialect {
  /// The most bytes that are read; longer code yields no findings. Four times what a configuration may hold.
  public static let maximumSourceBytes = 4 << 20
  /// The most findings given for one source, the first ones.
  public static let maximumFindings = 200

  /// What CloudFront would refuse in some code, in the order of the source.
  ///
  /// Code that cannot be read as JavaScript yields nothing: that is the engine's to report, in its own words.
  /// - Parameters:
  ///   - source: the code; UTF-8, or any bytes.
  ///   - runtime: what it is for; code of the function tier has no dialect, and yields nothing.
  public static func findings(in source: [UInt8], runtime: FunctionRuntime) -> [Finding] {
    guard runtime.isRewriteEngine, source.count <= maximumSourceBytes, let outline = Outline(of: source) else { return [] }
    var found = Findings(outline: outline, isFirstRuntime: runtime == .cloudfrontJS1)
    found.checkSyntax()
    found.checkModules()
    found.checkNames()
    found.checkHandler()
    return found.located()
  }
}

/// One thing that CloudFront would refuse, and where.
public struct Finding: Sendable, Equatable {
  /// The rule that it breaks.
  public let rule: Rule
  /// The line, from 1.
  public let line: Int
  /// The column in Unicode scalars, from 1.
  public let column: Int
  /// One sentence that names the construct, without a full stop.
  public let text: String
  /// What to write instead, without a full stop.
  public let hint: String
  /// Whether CloudFront is known to refuse it. Otherwise it is only not on AWS's list of what works: a warning in any mode.
  public let isCertain: Bool
}

/// The findings of one source as they are made.
struct Findings {
  let outline: Outline
  /// Whether the code is for `cloudfront-js-1.0`.
  let isFirstRuntime: Bool
  private var made: [(offset: Int, finding: (Int, Int) -> Finding)] = []

  init(outline: Outline, isFirstRuntime: Bool) {
    self.outline = outline
    self.isFirstRuntime = isFirstRuntime
  }

  var tokens: [Token] { outline.tokens }
  var brackets: [Bracket] { outline.brackets }

  /// Adds a finding at a token; `name` stands for the rule's placeholder.
  mutating func add(_ rule: Rule, at token: Int, name: String = "", hint: String? = nil, isCertain: Bool? = nil) {
    add(rule, offset: tokens[token].start, name: name, hint: hint, isCertain: isCertain)
  }

  mutating func add(_ rule: Rule, offset: Int, name: String = "", hint: String? = nil, isCertain: Bool? = nil) {
    made.append((offset, { line, column in
      Finding(
        rule: rule, line: line, column: column, text: rule.text.replacing("$", with: name), hint: hint ?? rule.hint,
        isCertain: isCertain ?? rule.isCertain)
    }))
  }

  /// All of them by place, each with its line and column.
  func located() -> [Finding] {
    var result: [Finding] = [], place = 0, line = 1, column = 1
    let source = outline.source
    for (offset, finding) in made.enumerated().sorted(by: { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }).map(\.element) {
      while place < offset {
        switch source[place] {
        case UInt8(ascii: "\n"): (line, column) = (line + 1, 1)
        case UInt8(ascii: "\r") where place + 1 < source.count && source[place + 1] == UInt8(ascii: "\n"): break
        case UInt8(ascii: "\r"): (line, column) = (line + 1, 1)
        case 0x80...0xbf: break
        default: column += 1
        }
        place += 1
      }
      result.append(finding(line, column))
      if result.count == FunctionDialect.maximumFindings { break }
    }
    return result
  }
}
