// Findings that follow from names: modules, globals and members that CloudFront's runtimes do not have.
// A name that the source declares anywhere, or asks for with `typeof`, is its own affair; so is a member that it defines.

/// What is known of a name.
private struct NameRule {
  let rule: Rule
  var hint: String?
  /// A rule that holds for both runtimes, or only for one.
  var onlyFirst = false
  var onlySecond = false
}

/// One rule for many names.
private func each(_ names: String, _ rule: Rule, _ hint: String? = nil, onlyFirst: Bool = false, onlySecond: Bool = false) -> [(String, NameRule)] {
  names.split(separator: " ").map { (String($0), NameRule(rule: rule, hint: hint, onlyFirst: onlyFirst, onlySecond: onlySecond)) }
}

private let globals = Dictionary(
  each("eval", .codeFromText)
    + each(
      "setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate queueMicrotask requestAnimationFrame", .global,
      "a function cannot wait; answer at once")
    + each("fetch XMLHttpRequest WebSocket EventSource Headers Request Response FormData AbortController", .global,
      "a function cannot reach the network; use a key value store, or Lambda@Edge")
    + each("process __dirname __filename", .global, "there is no environment; write the value into the code, or use a key value store")
    + each("module exports", .global, "leave it out; CloudFront calls the top-level handler")
    + each("window document navigator localStorage sessionStorage global Deno", .global, "globalThis is the global object")
    + each("Intl", .global, "format by hand")
    + each("URL URLSearchParams", .global, "use request.uri and request.querystring, or the module querystring")
    + each("Worker SharedArrayBuffer Atomics WeakRef FinalizationRegistry", .global)
    + each("BigInt BigInt64Array BigUint64Array", .global, "use numbers, which are exact up to 2 ** 53, or strings")
    + each("Proxy", .global, "write a function that answers for the member")
    + each("structuredClone", .global, "write JSON.parse(JSON.stringify(x))")
    + each("performance", .global, "time stands still while a function runs; use Date.now()")
    + each("Map WeakMap", .unlistedGlobal, "use an object, or Object.create(null)")
    + each("Set WeakSet", .unlistedGlobal, "use an object with the values as keys, or an array and indexOf")
    + each("Reflect", .unlistedGlobal, "use the functions of Object")
    + each("escape unescape", .unlistedGlobal, "use encodeURIComponent and decodeURIComponent")
    + each("Buffer", .firstRuntimeName, "use String.bytesFrom, or cloudfront-js-2.0", onlyFirst: true)
    + each("TextEncoder TextDecoder atob btoa DataView", .firstRuntimeName, onlyFirst: true)
) { first, _ in first }

/// Members of the built-in objects, `Object.name`.
private let statics = Dictionary(
  each("Object.fromEntries Object.groupBy", .method, "fill an object in a loop")
    + each("Object.hasOwn", .method, "write Object.prototype.hasOwnProperty.call(x, name)")
    + each("Object.getOwnPropertySymbols", .method)
    + each("Array.from Array.fromAsync", .method, "write Array.prototype.slice.call(x), or fill it in a loop")
    + each("String.raw", .method, "escape the backslashes")
    + each("Promise.withResolvers Promise.try", .method, "write new Promise((resolve, reject) => …)")
    + each("Promise.all Promise.allSettled Promise.any Promise.race Object.getOwnPropertyDescriptors Symbol.for Symbol.keyFor",
      .firstRuntimeName, onlyFirst: true)
    + each("String.bytesFrom", .removedInSecond, "write Buffer.from(text, encoding)", onlySecond: true)
) { first, _ in first }

/// Members that are called on values: nothing else in the runtimes is called so.
private let methods = Dictionary(
  each("flat", .method, "write [].concat.apply([], list)")
    + each("flatMap", .method, "write map, then [].concat.apply([], …)")
    + each("findLast findLastIndex", .method, "loop from the end")
    + each("toSorted toReversed toSpliced", .method, "copy with slice() first, then sort, reverse or splice")
    + each("at", .method, "write list[list.length - 1]")
    + each("matchAll", .method, "call exec in a loop on an expression with the flag g")
    + each("normalize localeCompare toLocaleUpperCase toLocaleLowerCase isWellFormed toWellFormed", .method)
    + each("replaceAll", .firstRuntimeName, "write replace with the flag g, or use cloudfront-js-2.0", onlyFirst: true)
    + each("rawQueryString", .firstRuntimeName, "join request.querystring, or use cloudfront-js-2.0", onlyFirst: true)
    + each("fromBytes toBytes fromUTF8 toUTF8", .removedInSecond, "use Buffer", onlySecond: true)
) { first, _ in first }

extension Findings {
  private func holds(_ rule: NameRule) -> Bool { isFirstRuntime ? !rule.onlySecond : !rule.onlyFirst }
  private func text(_ index: Int) -> String { tokens.indices.contains(index) ? tokens[index].text : "" }

  /// Globals, members and console.
  mutating func checkNames() {
    let guarded = Set(tokens.indices.dropFirst().filter { tokens[$0].use == .reference && tokens[$0 - 1].isKeyword("typeof") }.map { tokens[$0].text })
    let own = ownMembers()
    for index in tokens.indices where tokens[index].kind == .name {
      let name = tokens[index].text
      switch tokens[index].use {
      case .reference where !outline.declared.contains(name) && !guarded.contains(name): checkGlobal(index, name)
      case .property where text(index - 1) == "." || text(index - 1) == "?.": checkMember(index, name, own)
      default: break
      }
    }
  }

  /// Members that the source itself defines: `{name: …}`, `name() {}`, `x.name = …`.
  private func ownMembers() -> Set<String> {
    var names: Set<String> = []
    for index in tokens.indices where tokens[index].use == .property {
      let isMember = text(index - 1) == "." || text(index - 1) == "?."
      if !isMember || text(index + 1) == "=" { names.insert(tokens[index].text) }
    }
    return names
  }

  private mutating func checkGlobal(_ index: Int, _ name: String) {
    if name == "Function" {
      // Its prototype may be used; a call of it makes code.
      if text(index - 1) == "new" || text(index + 1) == "(" { add(.codeFromText, at: index, name: "Function") }
    } else if let rule = globals[name], holds(rule) {
      add(rule.rule, at: index, name: name, hint: rule.hint)
    }
  }

  private mutating func checkMember(_ index: Int, _ name: String, _ own: Set<String>) {
    let receiver = index > 1 ? tokens[index - 2] : tokens[index]
    if receiver.use == .reference, !outline.declared.contains(receiver.text) {
      if receiver.text == "globalThis" { return checkGlobal(index, name) }
      if receiver.text == "console" { return checkConsole(index, name) }
      if let rule = statics[receiver.text + "." + name] {
        if holds(rule) { add(rule.rule, at: index - 2, name: receiver.text + "." + name, hint: rule.hint) }
        return
      }
      if isFirstRuntime { checkFirstRuntimeStatic(index, receiver.text, name) }
    }
    guard let rule = methods[name], holds(rule), !own.contains(name), tokens.indices.contains(index + 1), tokens[index + 1].isPunctuator("(") else { return }
    add(rule.rule, at: index, name: name + "()", hint: rule.hint)
  }

  private mutating func checkFirstRuntimeStatic(_ index: Int, _ receiver: String, _ name: String) {
    if receiver.hasSuffix("Array"), receiver != "Array", name == "from" || name == "of" {
      add(.firstRuntimeName, at: index - 2, name: receiver + "." + name)
    }
  }

  private mutating func checkConsole(_ index: Int, _ name: String) {
    guard tokens.indices.contains(index + 1), tokens[index + 1].isPunctuator("(") else { return }
    if name != "log" { return add(.consoleMethod, at: index - 2, name: "console." + name) }
    let call = tokens[index + 1].bracket
    let commas = tokens[(index + 2)..<(brackets[call].close ?? index + 2)].indices.filter { tokens[$0].enclosing == call && tokens[$0].isPunctuator(",") }
    // A comma may end the list.
    if let comma = commas.first, comma + 1 != brackets[call].close { add(.consoleArguments, at: index - 2) }
  }

  // MARK: Modules

  /// Imports, exports and `require`.
  mutating func checkModules() {
    for index in tokens.indices where tokens[index].kind == .name {
      let next = index + 1
      if tokens[index].isKeyword("import") {
        checkImport(index)
      } else if tokens[index].text == "require", tokens[index].use == .reference, !outline.declared.contains("require"),
        tokens.indices.contains(next + 1), tokens[next].isPunctuator("("), tokens[next + 1].kind == .string, brackets[tokens[next].bracket].close == next + 2
      {
        checkModule(next + 1)
      }
    }
  }

  private mutating func checkImport(_ index: Int) {
    guard tokens.indices.contains(index + 1) else { return }
    if isFirstRuntime {
      return add(.firstRuntimeSyntax, at: index, name: "import", hint: "write var name = require('module'), or use cloudfront-js-2.0")
    }
    let next = tokens[index + 1]
    if next.kind == .name, text(index + 2) == "from", tokens.indices.contains(index + 3), tokens[index + 3].kind == .string {
      return checkModule(index + 3)
    }
    let form =
      switch next.text {
      case "(": "import()"
      case ".": "import.meta"
      case "*": "import *"
      case "{": "import {…}"
      case _ where next.kind == .string: "import without a name"
      default: "this form of import"
      }
    add(.importForm, at: index, name: form)
  }

  private mutating func checkModule(_ index: Int) {
    let bytes = outline.source[tokens[index].start..<tokens[index].end].dropFirst().dropLast()
    let name = String(decoding: bytes.prefix(60), as: UTF8.self)
    let known = isFirstRuntime ? ["crypto", "querystring"] : ["cloudfront", "crypto", "querystring", "buffer"]
    if known.contains(name) { return }
    let hint = isFirstRuntime ? "runtime 1.0 has only crypto and querystring" : nil
    add(.unknownModule, at: index, name: "'" + name + "'", hint: hint)
  }
}
