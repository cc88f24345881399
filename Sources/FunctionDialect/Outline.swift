// Owns: the shape of a source. One pass over the tokens with a stack of open brackets on the heap: every bracket gets a role
// (block, object, call, parameters…), every name a use (reference, property, declaration, keyword). That is as much of the
// grammar as the rules need, and what tells a regular expression from a division.
// Source: ECMA-262, 13 to 15. Code is strict, as CloudFront's always is.

/// One pair of brackets, or the body of an arrow function without any.
struct Bracket {
  enum Role: UInt8 {
    /// The whole source.
    case program
    /// `{` of a block; of a `switch`, too.
    case block
    case functionBody
    /// What follows `=>` when it is no block; ends with the expression.
    case arrowBody
    case classBody
    case object
    case array
    /// `a[`, or the computed name of a member.
    case index
    case arguments
    /// `(` around an expression.
    case group
    case parameters
    /// `(` behind `if`, `for`, `while`, `switch`, `catch`, `with`.
    case head
    /// `${` of a template.
    case substitution
    /// `{` or `[` that takes a value apart.
    case pattern
    /// `{` of an import or export.
    case specifiers
  }

  /// A function, as far as its brackets must know.
  struct Function {
    var isAsync = false
    var isGenerator = false
    /// Where it begins: the token `function`, `async`, its name as a method, or `=>`.
    var start = 0
    var isDeclaration = false
  }

  var role: Role
  /// The opening token; of the program 0.
  var open: Int
  /// The closing token, once known.
  var close: Int?
  /// The bracket around it; of the program itself.
  var parent: Int
  /// The function whose parameters or body these are.
  var function: Function?
  /// The word before a head.
  var word = ""

  /// The function it stands in: the nearest bracket that has one, itself if it has; the program outside of all.
  var scope = 0
  /// The nearest call whose arguments it stands in without another function between; 0 if none.
  var call = 0

  // What the pass knows inside it.
  var state = Outline.State.statement
  /// `?` that still miss their `:`.
  var questions = 0
  /// Between `var` and the end of its statement.
  var declares = false
  /// What the next brackets here belong to.
  var pending: Outline.Pending?
}

struct Outline {
  /// What may come next in a bracket.
  enum State: UInt8 {
    case statement, operand, `operator`
    /// Behind `.` and `?.`.
    case member
    /// What `var`, `let` or `const` declares.
    case binding
    /// The name of a member of an object, a class or a pattern; behind it; and what follows modifiers like `get`.
    case key, afterKey
    /// Between `import` or `export` and the end of that statement.
    case specifiers
  }

  /// What the next brackets belong to.
  enum Pending {
    case head(String)
    case parameters(Bracket.Function, after: State)
    case functionBody(Bracket.Function, after: State)
    case classBody(after: State)
  }

  let source: [UInt8]
  var tokens: [Token] = []
  var brackets: [Bracket] = [Bracket(role: .program, open: 0, close: nil, parent: 0)]
  /// Every name that the source gives a meaning itself, anywhere.
  var declared: Set<String> = []
  private var tokenizer: Tokenizer
  /// The innermost open bracket.
  var top = 0
  /// Whether the last `async` stood where a statement begins.
  var asyncBeganStatement = false

  /// Reads a source; nil when it is no JavaScript.
  init?(of source: [UInt8]) {
    self.source = source
    tokenizer = Tokenizer(source)
    reading: while true {
      let before = brackets[top].state
      switch tokenizer.next(operandExpected: before != .operator && before != .member && before != .afterKey) {
      case .end: break reading
      case .unreadable: return nil
      case .token(let token):
        tokens.append(token)
        let index = tokens.count - 1
        guard take(index) else { return nil }
        // Where it stands is known only now: it may have ended the body of an arrow function.
        if tokens[index].bracket == 0 { tokens[index].enclosing = top }
      }
    }
    endArrowBodies()
    guard top == 0 else { return nil }
    spreadPatterns()
    collectDeclarations()
  }

  // MARK: One token

  /// Follows one token; false when it cannot stand there.
  private mutating func take(_ index: Int) -> Bool {
    switch tokens[index].kind {
    case .name: takeName(index)
    case .privateName:
      use(.property, at: index)
      endStatement(before: index)
      set(brackets[top].state == .key || brackets[top].state == .afterKey ? .afterKey : .operator)
    case .number, .string, .regularExpression:
      endStatement(before: index)
      set(brackets[top].state == .key || brackets[top].state == .afterKey ? .afterKey : .operator)
    case .template:
      if brackets[top].state == .operator || brackets[top].state == .member { use(.tagged, at: index) }
      takeTemplate(index)
    case .punctuator: return takePunctuator(index)
    }
    return true
  }

  /// A piece of a template: it opens a substitution, or the literal is over.
  private mutating func takeTemplate(_ index: Int) {
    set(.operator)
    if source[tokens[index].end - 1] == UInt8(ascii: "{"), tokens[index].end - tokens[index].start > 1 {
      open(.substitution, at: index, state: .operand)
    }
  }

  mutating func set(_ state: State) { brackets[top].state = state }
  mutating func use(_ use: Token.Use, at index: Int) { tokens[index].use = use }
  func previous(_ index: Int) -> Token? { index > 0 ? tokens[index - 1] : nil }

  private mutating func beginStatement() {
    endArrowBodies()
    brackets[top].questions = 0
    brackets[top].declares = false
    brackets[top].pending = nil
    set(.statement)
  }

  /// A token that cannot go on with what stands before it, on a line of its own, begins the next statement or member
  /// (ECMA-262, 12.10).
  mutating func endStatement(before index: Int) {
    guard brackets[top].state == .operator, tokens[index].startsLine else { return }
    endArrowBodies()
    if isStatementList(top) { beginStatement() } else if brackets[top].role == .classBody { set(.key) }
  }

  // MARK: Brackets

  private mutating func open(_ role: Bracket.Role, at index: Int, state: State, function: Bracket.Function? = nil, word: String = "") {
    let new = brackets.count
    tokens[index].bracket = new
    tokens[index].enclosing = top
    brackets.append(
      Bracket(
        role: role, open: index, close: nil, parent: top, function: function, word: word, scope: function == nil ? brackets[top].scope : new,
        call: role == .arguments ? new : function == nil ? brackets[top].call : 0, state: state))
    top = new
  }

  /// Bodies of arrow functions without a block end where their expression does.
  private mutating func endArrowBodies() {
    while brackets[top].role == .arrowBody { leave(at: tokens.count) }
  }

  private mutating func leave(at index: Int) {
    brackets[top].close = index
    top = brackets[top].parent
    set(.operator)
  }

  private mutating func takePunctuator(_ index: Int) -> Bool {
    let text = tokens[index].text
    switch text {
    case "(": openParenthesis(index)
    case "[": openSquare(index)
    case "{": openBrace(index)
    case ")", "]", "}": return close(index, text)
    case ";": takeSemicolon()
    case ",": takeComma(index)
    case ":": takeColon(index)
    case "=>": takeArrow(index)
    case "?":
      set(.operand)
      brackets[top].questions += 1
    case ".", "?.": set(.member)
    case "++", "--":
      if brackets[top].state == .operator, !tokens[index].startsLine { break }
      if brackets[top].state == .operator, isStatementList(top) { beginStatement() }
      set(.operand)
    case "*":
      // The star of a generator stands where a key or a function's name does.
      if case .parameters(var function, let after) = brackets[top].pending {
        function.isGenerator = true
        brackets[top].pending = .parameters(function, after: after)
      } else if brackets[top].state == .key || brackets[top].state == .afterKey {
        set(.key)
      } else if brackets[top].state != .specifiers {
        set(.operand)
      }
    case "...": set(brackets[top].role == .pattern || brackets[top].state == .binding ? .binding : .operand)
    case "=":
      settleShorthand(index)
      makePattern(endingAt: index - 1)
      set(.operand)
    default: set(.operand)
    }
    return true
  }

  private mutating func openParenthesis(_ index: Int) {
    switch brackets[top].pending {
    case .head(let word):
      brackets[top].pending = nil
      set(.statement)
      open(.head, at: index, state: word == "catch" ? .binding : .operand, word: word)
    case .parameters(let function, let after):
      brackets[top].pending = .functionBody(function, after: after)
      open(.parameters, at: index, state: .binding, function: function)
    default:
      switch brackets[top].state {
      case .afterKey, .key:
        let method = methodFunction(index)
        let after = brackets[top].role == .classBody ? State.key : .operator
        brackets[top].pending = .functionBody(method, after: after)
        open(.parameters, at: index, state: .binding, function: method)
      case .operator, .member:
        set(.operator)
        open(.arguments, at: index, state: .operand)
      default:
        set(.operator)
        open(.group, at: index, state: .operand)
      }
    }
  }

  /// What stands before the parameters of a method: `async`, `*`, `get`.
  private func methodFunction(_ index: Int) -> Bracket.Function {
    var function = Bracket.Function(), place = index - 1
    // Back over the name; a computed one ends with a bracket.
    if place >= 0, tokens[place].isPunctuator("]") { place = brackets[tokens[place].bracket].open }
    function.start = max(0, place)
    while place > 0 {
      place -= 1
      if tokens[place].isPunctuator("*") {
        function.isGenerator = true
      } else if tokens[place].kind == .name, tokens[place].text == "async" {
        function.isAsync = true
      } else {
        break
      }
      function.start = place
    }
    return function
  }

  private mutating func openSquare(_ index: Int) {
    switch brackets[top].state {
    case .operator, .member:
      set(.operator)
      open(.index, at: index, state: .operand)
    case .key, .afterKey:
      set(.afterKey)
      open(.index, at: index, state: .operand)
    case .binding:
      set(.operator)
      open(.pattern, at: index, state: .binding)
    default:
      set(.operator)
      open(.array, at: index, state: .operand)
    }
  }

  private mutating func openBrace(_ index: Int) {
    switch brackets[top].pending {
    case .functionBody(let function, let after) where brackets[top].role != .arrowBody || brackets[top].open == index - 1:
      brackets[top].pending = nil
      if after == .statement { beginStatement() } else { set(after) }
      open(.functionBody, at: index, state: .statement, function: function)
      return
    case .classBody(let after) where brackets[top].state == .operator:
      brackets[top].pending = nil
      if after == .statement { beginStatement() } else { set(after) }
      open(.classBody, at: index, state: .key)
      return
    default: endStatement(before: index)
    }
    switch brackets[top].state {
    case .binding:
      set(.operator)
      open(.pattern, at: index, state: .key)
    case .statement where previous(index)?.isKeyword("export") ?? false:
      set(.operator)
      open(.specifiers, at: index, state: .specifiers)
    case .specifiers: open(.specifiers, at: index, state: .specifiers)
    case .operand, .member:
      set(.operator)
      open(.object, at: index, state: .key)
    case .afterKey, .key:
      // `static {` of a class.
      set(.key)
      open(.functionBody, at: index, state: .statement, function: Bracket.Function(start: index))
    case .statement, .operator:
      if isStatementList(top) { beginStatement() } else { set(.operator) }
      open(.block, at: index, state: .statement)
    }
  }

  private mutating func close(_ index: Int, _ text: String) -> Bool {
    endArrowBodies()
    settleShorthand(index)
    let closed = top
    tokens[index].enclosing = brackets[closed].parent
    if brackets[closed].role == .substitution {
      guard text == "}", let rest = tokenizer.templateRest() else { return false }
      leave(at: index)
      // The brace is the first byte of the next piece.
      tokens[index] = rest
      tokens[index].enclosing = top
      tokens[index].bracket = closed
      takeTemplate(index)
      return true
    }
    let opening = tokens[brackets[closed].open].text
    guard closed != 0, opening == "(" && text == ")" || opening == "[" && text == "]" || opening == "{" && text == "}" else { return false }
    // What comes behind was set in the bracket around when this one was opened.
    tokens[index].bracket = closed
    brackets[closed].close = index
    top = brackets[closed].parent
    return true
  }

  /// `{a}` and `{a = 1}`: the key is the value's name as well.
  private mutating func settleShorthand(_ index: Int) {
    guard brackets[top].state == .afterKey, index > 0, tokens[index - 1].kind == .name else { return }
    switch brackets[top].role {
    case .object: use(.reference, at: index - 1)
    case .pattern: use(.declaration, at: index - 1)
    default: break
    }
  }

  /// Whether statements stand in a bracket.
  func isStatementList(_ bracket: Int) -> Bool {
    switch brackets[bracket].role {
    case .program, .block, .functionBody: true
    default: false
    }
  }

  // MARK: Operators that mean more

  private mutating func takeSemicolon() {
    endArrowBodies()
    switch brackets[top].role {
    case .head: set(.operand)
    case .classBody: set(.key)
    default: beginStatement()
    }
  }

  private mutating func takeComma(_ index: Int) {
    endArrowBodies()
    settleShorthand(index)
    switch brackets[top].role {
    case .object, .classBody: set(.key)
    case .pattern: set(tokens[brackets[top].open].text == "{" ? .key : .binding)
    case .parameters: set(.binding)
    case .specifiers: set(.specifiers)
    default:
      if brackets[top].state == .specifiers { break }
      set(brackets[top].declares ? .binding : .operand)
    }
  }

  private mutating func takeColon(_ index: Int) {
    while brackets[top].role == .arrowBody, brackets[top].questions == 0 { leave(at: index) }
    if brackets[top].state == .afterKey {
      // The value of a member, or what a member is called from now on.
      set(brackets[top].role == .pattern ? .binding : .operand)
    } else if brackets[top].questions > 0 {
      brackets[top].questions -= 1
      set(.operand)
    } else if isStatementList(top) {
      if index > 0, tokens[index - 1].use == .reference { tokens[index - 1].use = .property }
      beginStatement()
    } else {
      set(.operand)
    }
  }

  private mutating func takeArrow(_ index: Int) {
    var function = Bracket.Function(start: index)
    guard let last = previous(index) else { return set(.operand) }
    var first = index - 1
    let hasParenthesis = last.isPunctuator(")")
    if hasParenthesis {
      first = brackets[last.bracket].open
    } else if last.kind == .name {
      use(.declaration, at: index - 1)
    }
    if first > 0, tokens[first - 1].kind == .name, tokens[first - 1].text == "async", !tokens[first].startsLine {
      function.isAsync = true
      function.start = first - 1
      use(.keyword, at: first - 1)
    }
    if hasParenthesis {
      brackets[last.bracket].role = .parameters
      brackets[last.bracket].function = function
    }
    set(.operator)
    open(.arrowBody, at: index, state: .operand, function: function)
    brackets[top].pending = .functionBody(function, after: .operator)
  }

  /// An object or array that ends at a token is assigned to: it takes the value apart.
  mutating func makePattern(endingAt index: Int) {
    guard index >= 0, tokens[index].isPunctuator("]") || tokens[index].isPunctuator("}") else { return }
    let bracket = tokens[index].bracket
    if brackets[bracket].role == .object || brackets[bracket].role == .array { brackets[bracket].role = .pattern }
  }
}
