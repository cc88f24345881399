// Names and keywords: which words act as keywords depends on where they stand.

extension Outline {
  /// Keywords that an operand follows.
  private static let prefixOperators: Set<String> = ["typeof", "void", "delete", "new", "yield", "in", "instanceof", "return", "throw", "case"]
  /// Keywords that a parenthesis follows.
  private static let heads: Set<String> = ["if", "for", "while", "switch", "with", "catch"]
  /// Keywords that a statement follows.
  private static let openers: Set<String> = ["else", "do", "try", "finally"]
  /// Keywords that are values.
  private static let values: Set<String> = ["this", "super", "null", "true", "false"]

  /// Follows a name or keyword.
  mutating func takeName(_ index: Int) {
    if case .head = brackets[top].pending { return use(.keyword, at: index) }  // for await (
    switch brackets[top].state {
    case .key, .afterKey:
      use(.property, at: index)
      set(.afterKey)
    case .member:
      use(.property, at: index)
      set(.operator)
    case .binding:
      use(.declaration, at: index)
      set(.operator)
    case .specifiers: use(.declaration, at: index)
    case .statement, .operand: takeWord(index)
    case .operator: takeNameBehindOperand(index)
    }
  }

  /// A name where an operator could stand: a word operator, a function's or class's name, or the next statement.
  private mutating func takeNameBehindOperand(_ index: Int) {
    let text = tokens[index].text, follows = !tokens[index].startsLine
    switch brackets[top].pending {
    case .parameters: return use(.declaration, at: index)
    case .classBody where text == "extends":
      use(.keyword, at: index)
      return set(.operand)
    case .classBody where previous(index)?.isKeyword("class") ?? false: return use(.declaration, at: index)
    default: break
    }
    if text == "in" || text == "instanceof" || text == "of" && brackets[top].word == "for" {
      if text != "instanceof" { makePattern(endingAt: index - 1) }
      use(.keyword, at: index)
      brackets[top].declares = false
      return set(.operand)
    }
    if follows, index > 0, tokens[index - 1].kind == .name, tokens[index - 1].text == "async", tokens[index - 1].use == .reference {
      guard text == "function" else { return use(.declaration, at: index) }  // async x => …
      tokens[index - 1].use = .keyword
      return takeFunction(index, start: index - 1, isAsync: true, isDeclaration: asyncBeganStatement)
    }
    if follows, let word = previous(index), word.isKeyword("break") || word.isKeyword("continue") { return use(.property, at: index) }
    endStatement(before: index)
    if brackets[top].state == .operator { set(.operand) }  // no JavaScript, or behind a `do … while ()`
    takeName(index)
  }

  /// A word where a statement or an operand begins.
  private mutating func takeWord(_ index: Int) {
    let text = tokens[index].text, beginsStatement = brackets[top].state == .statement
    use(.keyword, at: index)
    switch text {
    case "var", "let", "const":
      set(.binding)
      brackets[top].declares = true
    case "function": takeFunction(index, start: index, isAsync: false, isDeclaration: beginsStatement)
    case "class":
      brackets[top].pending = .classBody(after: beginsStatement ? .statement : .operator)
      set(.operator)
    case "import": set(beginsStatement ? .specifiers : .operator)
    case "export": set(.statement)
    case "default": set(index > 0 && tokens[index - 1].isKeyword("export") ? .operand : .operator)
    case "break", "continue", "debugger": set(.operator)
    case "await" where brackets[brackets[top].scope].function?.isAsync ?? true: set(.operand)
    case _ where Outline.heads.contains(text):
      brackets[top].pending = .head(text)
      set(.operator)
    case _ where Outline.openers.contains(text): set(.statement)
    case _ where Outline.prefixOperators.contains(text): set(.operand)
    case _ where Outline.values.contains(text): set(.operator)
    default:
      if text == "async" { asyncBeganStatement = beginsStatement }
      use(.reference, at: index)
      set(.operator)
    }
  }

  private mutating func takeFunction(_ index: Int, start: Int, isAsync: Bool, isDeclaration: Bool) {
    use(.keyword, at: index)
    let function = Bracket.Function(isAsync: isAsync, start: start, isDeclaration: isDeclaration)
    brackets[top].pending = .parameters(function, after: isDeclaration ? .statement : .operator)
    set(.operator)
  }

  // MARK: After the pass

  /// What stands inside a pattern where a value would is a pattern, too. Brackets come in the order they are opened.
  mutating func spreadPatterns() {
    for index in brackets.indices.dropFirst() where brackets[index].role == .object || brackets[index].role == .array {
      let around = brackets[brackets[index].parent].role
      guard around == .pattern || around == .parameters, let before = previous(brackets[index].open), before.kind == .punctuator else { continue }
      if [":", ",", "[", "(", "...", "{"].contains(before.text) { brackets[index].role = .pattern }
    }
  }

  /// Gathers the names declared anywhere, those of parameters and patterns with them.
  mutating func collectDeclarations() {
    for index in tokens.indices where tokens[index].kind == .name {
      if tokens[index].use == .reference {
        let role = brackets[tokens[index].enclosing].role
        if role == .pattern || role == .parameters { tokens[index].use = .declaration }
      }
      if tokens[index].use == .declaration { declared.insert(tokens[index].text) }
    }
  }
}
