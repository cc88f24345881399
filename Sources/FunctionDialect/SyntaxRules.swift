// Findings that follow from the shape of the code.
extension Findings {
  /// A source without `handler`; whatever gives the name a meaning at the top level will do.
  mutating func checkHandler() {
    let isThere = tokens.indices.contains { index in
      let token = tokens[index]
      guard token.text == "handler", token.enclosing == 0 else { return false }
      return token.use == .declaration || token.use == .reference && text(index + 1) == "="
    }
    if !isThere { add(.handler, offset: 0) }
  }

  /// Every construct of the grammar that is refused.
  mutating func checkSyntax() {
    for index in tokens.indices {
      let token = tokens[index]
      switch token.kind {
      case .name where token.use == .keyword: checkKeyword(index)
      case .privateName: add(.privateName, at: index, name: token.text)
      case .number: checkNumber(index)
      case .regularExpression: checkFlags(index)
      case .template where token.use == .tagged: add(.taggedTemplate, at: index)
      case .punctuator: checkPunctuator(index)
      default: break
      }
    }
    for bracket in brackets { checkFunction(bracket) }
  }

  private func bracket(around index: Int) -> Bracket { brackets[tokens[index].enclosing] }
  private func text(_ index: Int) -> String { tokens.indices.contains(index) ? tokens[index].text : "" }
  private func isOpening(_ index: Int, _ text: String) -> Bool { tokens.indices.contains(index) && tokens[index].isPunctuator(text) }

  private mutating func checkKeyword(_ index: Int) {
    switch tokens[index].text {
    case "class": add(.classes, at: index)
    case "of" where bracket(around: index).word == "for":
      // `for await` says it already.
      if text(bracket(around: index).open - 1) != "await" { add(.forOf, at: index) }
    case "await": checkAwait(index)
    case "catch" where isOpening(index + 1, "{"): add(.catchBinding, at: index)
    case "export": add(.export, at: index)
    case "let", "const": if isFirstRuntime { add(.firstRuntimeSyntax, at: index, name: tokens[index].text, hint: "write var, or use cloudfront-js-2.0") }
    default: break
    }
  }

  private mutating func checkAwait(_ index: Int) {
    if text(index - 1) == "for" { return add(.forAwait, at: index) }
    let around = bracket(around: index)
    if around.scope == 0 {
      // Outside of functions it may be a name.
      guard tokens.indices.contains(index + 1), !outline.declared.contains("await") else { return }
      let next = tokens[index + 1]
      if next.kind != .punctuator || ["(", "[", "{", "!", "~"].contains(next.text) { add(.topLevelAwait, at: index) }
    } else if around.call != 0 {
      add(.awaitInArguments, at: index)
    }
  }

  private mutating func checkNumber(_ index: Int) {
    let digits = outline.source[tokens[index].start..<tokens[index].end]
    if digits.last == UInt8(ascii: "n") { add(.bigInt, at: index) }
    if isFirstRuntime, digits.contains(UInt8(ascii: "_")) { add(.firstRuntimeSyntax, at: index, name: "_ inside numbers", hint: "leave the _ out") }
  }

  private mutating func checkFlags(_ index: Int) {
    for flag in tokens[index].text where !"gimu".contains(flag) {
      if flag != "y" { add(.regularExpressionFlag, at: index, name: String(flag)) } else if isFirstRuntime { add(.firstRuntimeSticky, at: index) }
    }
  }

  private mutating func checkPunctuator(_ index: Int) {
    switch tokens[index].text {
    case "?.": add(.optionalChaining, at: index)
    case "??": add(.nullishCoalescing, at: index)
    case "??=", "||=", "&&=": add(.logicalAssignment, at: index, name: tokens[index].text)
    case "...":
      switch bracket(around: index).role {
      case .arguments: add(.spreadCall, at: index)
      case .array: add(.spreadArray, at: index)
      case .object: add(.spreadObject, at: index)
      default: break
      }
    case "=" where bracket(around: index).role == .parameters: add(.defaultParameter, at: index)
    case "{", "[":
      let own = brackets[tokens[index].bracket]
      if own.role == .pattern, own.open == index, brackets[own.parent].role != .pattern { add(.destructuring, at: index) }
    default: break
    }
  }

  /// Generators, and async functions where they are refused. Bodies, not parameters, so that each is found once.
  private mutating func checkFunction(_ bracket: Bracket) {
    guard let function = bracket.function, bracket.role == .functionBody || bracket.role == .arrowBody else { return }
    if function.isGenerator { add(.generator, at: function.start) }
    // An arrow function with a block has two.
    let isSecond = brackets[bracket.parent].role == .arrowBody && brackets[bracket.parent].function?.start == function.start
    guard function.isAsync, !isSecond else { return }
    if isFirstRuntime {
      add(.firstRuntimeSyntax, at: function.start, name: "async functions", hint: "use promises, or cloudfront-js-2.0")
    } else if !function.isDeclaration, !isHandler(function.start) {
      add(.asyncClosure, at: function.start)
    }
  }

  /// `handler = async …` is asked for by name.
  private func isHandler(_ start: Int) -> Bool { text(start - 1) == "=" && text(start - 2) == "handler" && tokens[start].enclosing == 0 }
}
