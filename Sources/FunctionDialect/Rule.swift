// The rules: what CloudFront refuses, and what to write instead. Documentation/functions-dialect.md is this table for readers.
// Source: spec/cloudfront-functions.md, 9.1 to 9.4.

/// A rule of the dialect.
public struct Rule: Sendable, Hashable {
  /// Its name, unique.
  public let name: String
  /// What a finding says; `$` stands for the name that was used.
  public let text: String
  /// What to write instead.
  public let hint: String
  /// Whether CloudFront is known to refuse it; otherwise it is merely not on AWS's list.
  public let isCertain: Bool

  private init(_ name: String, _ text: String, _ hint: String, isCertain: Bool = true) {
    self.name = name
    self.text = text
    self.hint = hint
    self.isCertain = isCertain
  }

  // MARK: The whole

  static let handler = Rule(
    "handler", "there is no top-level function named handler", "write function handler(event) { … } outside of any block")

  // MARK: Syntax

  static let classes = Rule("class", "CloudFront's runtime has no classes", "write functions that take and return plain objects")
  static let privateName = Rule("private-name", "CloudFront's runtime has no private members such as #$", "keep the value in a variable or a plain member")
  static let forOf = Rule("for-of", "CloudFront's runtime has no for…of", "write list.forEach(…), or for (var i = 0; i < list.length; i++)")
  static let forAwait = Rule("for-await", "CloudFront's runtime has no for await", "await one value after another inside an ordinary loop")
  static let generator = Rule("generator", "CloudFront's runtime has no generators", "collect the values in an array and return it")
  static let destructuring = Rule("destructuring", "CloudFront's runtime cannot destructure", "read the members one by one: var a = x.a")
  static let spreadCall = Rule("spread-call", "CloudFront's runtime has no spread in calls", "write f.apply(null, list), or a.concat(b)")
  static let spreadArray = Rule("spread-array", "CloudFront's runtime has no spread in arrays", "write a.concat(b), or a.slice() for a copy")
  static let spreadObject = Rule("spread-object", "CloudFront's runtime has no spread in objects", "write Object.assign({}, a, b)")
  static let defaultParameter = Rule(
    "default-parameter", "CloudFront's runtime has no default parameters", "test inside the function: if (a === undefined) { a = 1; }")
  static let optionalChaining = Rule("optional-chaining", "CloudFront's runtime has no ?.", "test first: a && a.b")
  static let nullishCoalescing = Rule(
    "nullish-coalescing", "?? is not on CloudFront's list", "test against undefined, or use || where 0 and '' do not matter", isCertain: false)
  static let logicalAssignment = Rule(
    "logical-assignment", "$ is not on CloudFront's list", "write it out: a = a || b", isCertain: false)
  static let catchBinding = Rule("catch-binding", "catch without a name is not on CloudFront's list", "name the error: catch (e)", isCertain: false)
  static let bigInt = Rule("bigint", "CloudFront's runtime has no BigInt", "use numbers, which are exact up to 2 ** 53, or strings")
  static let taggedTemplate = Rule(
    "tagged-template", "a template with a tag is not on CloudFront's list", "call the function with ordinary arguments", isCertain: false)
  static let regularExpressionFlag = Rule(
    "regexp-flag", "the regular expression flag $ is not on CloudFront's list", "write [^] for a dot that meets line ends, and leave the flag out",
    isCertain: false)
  static let firstRuntimeSticky = Rule(
    "regexp-flag-1.0", "runtime 1.0 has no regular expression flag y", "begin the expression with ^, or use cloudfront-js-2.0")

  // MARK: Asynchronous code

  static let topLevelAwait = Rule("top-level-await", "await outside of an async function", "await inside async function handler(event)")
  static let awaitInArguments = Rule(
    "await-in-arguments", "CloudFront's runtime refuses await inside a call's arguments",
    "give the value a name first: const x = await …; then f(x)")
  static let asyncClosure = Rule(
    "async-closure", "async functions as values are not on CloudFront's list", "declare it at the top level: async function name() { … }",
    isCertain: false)

  // MARK: Modules

  static let export = Rule("export", "functions of CloudFront have no exports", "leave the word out; CloudFront calls the top-level handler")
  static let importForm = Rule("import-form", "CloudFront's runtime imports only the default: $ is not possible", "write import name from 'module'")
  static let unknownModule = Rule(
    "unknown-module", "CloudFront's runtime has no module $", "only cloudfront, crypto, querystring and buffer can be imported")

  // MARK: Names

  static let global = Rule("global", "CloudFront's runtime has no $", "do without it")
  static let unlistedGlobal = Rule("unlisted-global", "$ is not on CloudFront's list", "do without it", isCertain: false)
  static let codeFromText = Rule("code-from-text", "$ throws in CloudFront's runtime", "write the code itself; for data use JSON.parse")
  static let method = Rule("method", "CloudFront's runtime has no $", "do without it")
  static let consoleArguments = Rule(
    "console-arguments", "console.log takes one argument on CloudFront", "join them: console.log('a ' + b), or JSON.stringify")
  static let consoleMethod = Rule("console-method", "$ is not on CloudFront's list", "write console.log", isCertain: false)

  // MARK: Runtime 1.0

  static let firstRuntimeSyntax = Rule("syntax-1.0", "runtime 1.0 has no $", "write ECMAScript 5.1, or use cloudfront-js-2.0")
  static let firstRuntimeName = Rule("name-1.0", "runtime 1.0 has no $", "use cloudfront-js-2.0")
  static let removedInSecond = Rule("removed-in-2.0", "runtime 2.0 has no $", "use Buffer")

  /// All of them, in the order of the documentation.
  public static let all: [Rule] = [
    handler, classes, privateName, forOf, forAwait, generator, destructuring, spreadCall, spreadArray, spreadObject, defaultParameter,
    optionalChaining, nullishCoalescing, logicalAssignment, catchBinding, bigInt, taggedTemplate, regularExpressionFlag, topLevelAwait,
    awaitInArguments, asyncClosure, export, importForm, unknownModule, global, unlistedGlobal, codeFromText, method, consoleArguments,
    consoleMethod, firstRuntimeSyntax, firstRuntimeName, firstRuntimeSticky, removedInSecond,
  ]
}
