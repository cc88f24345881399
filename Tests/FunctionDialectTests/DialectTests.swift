// What the dialect finds, and what it must leave alone. One row per rule and trap.
import Distribution
import Foundation
import FunctionDialect
import Testing

/// Some code and what is found in it.
struct DialectCase: CustomTestStringConvertible, Sendable {
  var source: String
  /// `line:column rule`, in order.
  var findings: [String] = []
  var runtime = FunctionRuntime.cloudfrontJS2
  var testDescription: String { source }

  init(_ source: String, _ findings: String...) {
    self.source = source
    self.findings = findings
  }
  static func first(_ source: String, _ findings: String...) -> DialectCase {
    var row = DialectCase(source)
    row.findings = findings
    row.runtime = .cloudfrontJS1
    return row
  }
}

@Suite struct DialectTests {
  /// Rows about anything but the handler get one.
  static func findings(_ source: String, _ runtime: FunctionRuntime = .cloudfrontJS2) -> [String] {
    FunctionDialect.findings(in: Array((source + "\nfunction handler(event) { return event.request; }\n").utf8), runtime: runtime)
      .map { "\($0.line):\($0.column) \($0.rule.name)" }
  }

  @Test(arguments: syntax + asynchronous + modules + names + firstRuntime) func isFound(_ row: DialectCase) {
    #expect(Self.findings(row.source, row.runtime) == row.findings)
  }

  @Test(arguments: innocent) func isLeftAlone(_ source: String) {
    #expect(Self.findings(source) == [])
  }

  @Test(arguments: innocentInFirst) func isLeftAloneInTheFirstRuntime(_ source: String) {
    #expect(Self.findings(source, .cloudfrontJS1) == [])
  }

  @Test(arguments: unreadable) func whatIsNoJavaScriptYieldsNothing(_ source: String) {
    #expect(FunctionDialect.findings(in: Array(source.utf8), runtime: .cloudfrontJS2) == [])
  }

  static let syntax: [DialectCase] = [
    // classes
    .init("class A {}", "1:1 class"),
    .init("var A = class extends B { constructor() { super(); } }", "1:9 class"),
    .init("  class A { get x() { return 1 } static y = 2\n  #z = 3; }", "1:3 class", "2:3 private-name"),
    .init("class A { has(o) { return #x in o; } #x; static { f(); } 'a b'() {} [c] = 1; async d() {} *e() {} }",
      "1:1 class", "1:27 private-name", "1:38 private-name", "1:78 async-closure", "1:91 generator"),
    // loops
    .init("for (const x of xs) f(x);", "1:14 for-of"),
    .init("for (x of [1, 2]) f(x);", "1:8 for-of"),
    .init("async function f() { for await (const x of y) z(x); }", "1:26 for-await"),
    .init("for (var [k, v] of Object.entries(o)) {}", "1:10 destructuring", "1:17 for-of"),
    .init("for ([a] of b) {}", "1:6 destructuring", "1:10 for-of"),
    .init("a()\nfor (const of of of) {}", "2:15 for-of"),
    // generators
    .init("function* g() { yield 1; }", "1:1 generator"),
    .init("var g = function *() { yield* f() };", "1:9 generator"),
    .init("var o = { *g() {}, async *h() {} };", "1:11 generator", "1:20 generator", "1:20 async-closure"),
    // destructuring
    .init("const {a, b} = c;", "1:7 destructuring"),
    .init("var x = 1, [y, , z] = c;", "1:12 destructuring"),
    .init("let {a: {b: [c]}, ...d} = e;", "1:5 destructuring"),
    .init("function f({a}, [b]) {}", "1:12 destructuring", "1:17 destructuring"),
    .init("var f = ({a}) => a;", "1:10 destructuring"),
    .init("var f = async ([a]) => a;", "1:9 async-closure", "1:16 destructuring"),
    .init("[a, b] = [b, a];", "1:1 destructuring"),
    .init("({a, b: c.d} = e);", "1:2 destructuring"),
    .init("x = [a, {b}] = y;", "1:5 destructuring"),
    .init("try {} catch ({message}) {}", "1:15 destructuring"),
    .init("list.map(([k, v]) => k + v)", "1:11 destructuring"),
    .init("for (var {a} in b) {}", "1:10 destructuring"),
    .init("var f = ({a = 1, b: [c] = [...d]}) => a", "1:10 destructuring", "1:28 spread-array"),
    // spread
    .init("f(...a);", "1:3 spread-call"),
    .init("new F(a, ...b);", "1:10 spread-call"),
    .init("a.b[c](...d)", "1:8 spread-call"),
    .init("x = [...a, ...b];", "1:6 spread-array", "1:12 spread-array"),
    .init("x = {...a, b: 1};", "1:6 spread-object"),
    .init("return_ = ({...a})", "1:13 spread-object"),
    .init("f({...a}, [...b])", "1:4 spread-object", "1:12 spread-array"),
    .init("x = () => ({...a})", "1:13 spread-object"),
    // default parameters
    .init("function f(a, b = 1) {}", "1:17 default-parameter"),
    .init("var f = (a = {}) => a;", "1:12 default-parameter"),
    .init("var o = { m(a = 1) {} };", "1:15 default-parameter"),
    .init("var f = function (a = (x = 1), b = f(y = 2)) {};", "1:21 default-parameter", "1:34 default-parameter"),
    // operators
    .init("a?.b?.[c]?.(d);", "1:2 optional-chaining", "1:5 optional-chaining", "1:10 optional-chaining"),
    .init("a ?? b", "1:3 nullish-coalescing"),
    .init("a ??= b; c ||= d; e &&= f;", "1:3 logical-assignment", "1:12 logical-assignment", "1:21 logical-assignment"),
    .init("try { f() } catch { g() }", "1:13 catch-binding"),
    .init("x = 10n + 0xffn", "1:5 bigint", "1:11 bigint"),
    .init("x = tag`a${b}c`", "1:8 tagged-template"),
    .init("x = a.b\n`c`", "2:1 tagged-template"),
    .init("/a.b/gs.test(c)", "1:1 regexp-flag"),
    // inside what surrounds it
    .init("x = `a${ b?.c }d${ `e${ [...f] }` }`", "1:11 optional-chaining", "1:26 spread-array"),
    .init("if (a) { /'/.test(b) } else /\"/.exec(...c)", "1:38 spread-call"),
    .init("\"é😀\"; a?.b", "1:8 optional-chaining"),
    .init("// é\r\n/* 😀\r*/ a?.b\u{2028}", "3:5 optional-chaining"),
  ]

  static let asynchronous: [DialectCase] = [
    .init("await f();", "1:1 top-level-await"),
    .init("const x = await f();", "1:11 top-level-await"),
    .init("if (a) { await (f()) }", "1:10 top-level-await"),
    .init("async function f() { g(await h()); }", "1:24 await-in-arguments"),
    .init("async function f() { return JSON.parse(await kvs.get('k')); }", "1:40 await-in-arguments"),
    .init("async function f() { g([{ a: `${(await h())}` }]); }", "1:34 await-in-arguments"),
    .init("async function f() { new G(1, await h); }", "1:31 await-in-arguments"),
    .init("async function f() { g(async () => { await h(); h(await i()); }); }", "1:24 async-closure", "1:51 await-in-arguments"),
    .init("async function f() { g(async x => await x); }", "1:24 async-closure"),
    .init("var f = async function () { await g(); }", "1:9 async-closure"),
    .init("var f = async x => x", "1:9 async-closure"),
    .init("var o = { async m() { await n(); } }", "1:11 async-closure"),
    .init("a ? async x => x : b\nfor (const c of d) {}", "1:5 async-closure", "2:14 for-of"),
  ]

  static let modules: [DialectCase] = [
    .init("import { kvs } from 'cloudfront';", "1:1 import-form"),
    .init("import * as crypto from 'crypto';", "1:1 import-form"),
    .init("import cf, { kvs } from 'cloudfront';", "1:1 import-form"),
    .init("import 'crypto';", "1:1 import-form"),
    .init("import fs from 'fs';", "1:16 unknown-module"),
    .init("var fs = require('fs');", "1:18 unknown-module"),
    .init("async function f() { const x = await import('crypto'); }", "1:38 import-form"),
    .init("x = import.meta.url", "1:5 import-form"),
    .init("export default function f() {}", "1:1 export"),
    .init("export { handler as default };\nexport const a = 1;\nexport * from 'x'", "1:1 export", "2:1 export", "3:1 export"),
  ]

  static let names: [DialectCase] = [
    .init("eval('1')", "1:1 code-from-text"),
    .init("(0, eval)('1')", "1:5 code-from-text"),
    .init("\\u0065val('1')", "1:1 code-from-text"),
    .init("new Function('return 1')", "1:5 code-from-text"),
    .init("Function('return 1')", "1:1 code-from-text"),
    .init("setTimeout(f, 1)", "1:1 global"),
    .init("globalThis.fetch('x')", "1:12 global"),
    .init("async function f() { var x = await fetch('y'); }", "1:36 global"),
    .init("x = process.env.A", "1:5 global"),
    .init("module.exports = { handler }", "1:1 global"),
    .init("exports.handler = handler;", "1:1 global"),
    .init("x = new Map(), y = new Set", "1:9 unlisted-global", "1:24 unlisted-global"),
    .init("x = { Map, fetch: fetch, y: Proxy }", "1:7 unlisted-global", "1:19 global", "1:29 global"),
    .init("x = new URL(y)", "1:9 global"),
    .init("x = Intl.DateTimeFormat()", "1:5 global"),
    .init("x = BigInt(1)", "1:5 global"),
    .init("x = Object.fromEntries(y)", "1:5 method"),
    .init("x = Array.from(y, z)", "1:5 method"),
    .init("x = y.flat()\n  .flatMap(z)", "1:7 method", "2:4 method"),
    .init("x = y.at(-1), z = y[0].at(1)", "1:7 method", "1:24 method"),
    .init("x = 'a'.matchAll(b)", "1:9 method"),
    .init("x = String.bytesFrom('aa', 'hex')", "1:5 removed-in-2.0"),
    .init("console.log('a', b)", "1:1 console-arguments"),
    .init("console.log(x => x, f(1, 2))", "1:1 console-arguments"),
    .init("console.error('a')", "1:1 console-method"),
  ]

  static let firstRuntime: [DialectCase] = [
    .first("const a = 1;\nlet b;", "1:1 syntax-1.0", "2:1 syntax-1.0"),
    .first("for (let i = 0; i < 1; i++) {}", "1:6 syntax-1.0"),
    .first("async function f() {}", "1:1 syntax-1.0"),
    .first("var f = async x => { return x }", "1:9 syntax-1.0"),
    .first("var x = 1_000;", "1:9 syntax-1.0"),
    .first("import cf from 'cloudfront';", "1:1 syntax-1.0"),
    .first("var cf = require('cloudfront'), b = require('buffer')", "1:18 unknown-module", "1:45 unknown-module"),
    .first("'a'.replaceAll('b', 'c')", "1:5 name-1.0"),
    .first("Promise.all([])", "1:1 name-1.0"),
    .first("Uint8Array.from([])", "1:1 name-1.0"),
    .first("x = Buffer.from(y), z = atob(w)", "1:5 name-1.0", "1:25 name-1.0"),
    .first("x = e.request.rawQueryString()", "1:15 name-1.0"),
    .first("/a/y.exec(b)", "1:1 regexp-flag-1.0"),
  ]

  /// Code that looks like something refused and is not, and what CloudFront runs.
  static let innocent: [String] = [
    "", "\u{feff}var a;", "#!/usr/bin/env node\nvar a;",
    // regular expressions, divisions, strings, templates, comments
    "x = /[/'\"`]\\/(?:...a)[^/]*?.b/g; y = 'class A {}'; z = \"a?.b\";",
    "x = a / b / c; y = (a) / f(b) / d[0] /1/ 2; z = a++ / 2 / 3; // for (x of y)",
    "x = a ? /b?.c/ : /d/; if (a) /...e/.test(f); while (a) /g??/.test(h); do /i/.test(j); while (k) /l'/.test(m)",
    "x = {} / 1; y = function () {} / 2 / 3; z = [] /4/ 5; w = `a` / 6 / 7",
    "{} /'/.test(a); function f() {} /'/.test(a); var f = { a: 1 } / 2 / 3",
    "return_\n= a\n/ b / c",
    "function f() { return /'/.test(a) } var g = x => { return /\"/ }; h = typeof /'/; throw_ = a in /'/",
    "switch (a) { case /'/.test(b): case 1: /'/.exec(c); break; default: /`/.exec(d) }",
    "x = `class A { ${a + `b${ {c: 1}.c }`} ... ?. ?? } of`; y = `\\`${a}\\${`",
    "/* class A {} */ /* await f() */ <!-- export\n--> import {a} from 'b'\nvar a",
    "x = 'a\\\nb\\'c'; y = 'a\\\r\nb'",
    "x = a ?.5 : 1; y = a?.5:b", "x = 1..toString() + .5 + 1.e5 + 0x1e + 0b1 + 0o7 + 1_000 + 1e-5 + 08",
    // words as names of members, keys, labels
    "x = { get: 1, set: 2, async: 3, of: 4, await: 5, class: 6, static: 7, let: 8, eval: 9, fetch: 10, import: 11, export: 12 }",
    "x = { get() {}, set() {}, async() {}, class() {}, await() {}, 'a b'() {}, 1() {}, [c]() {}, get a() {}, set a(v) {}, get 'b'() {}, get [c]() {} }",
    "x.class.await.of.eval().fetch(1).import().export.Function().process.Map = 1",
    "x = get + set + of + async; get = async; of(1); async(2); async\n(3)", "outer: for (a in b) { for (;;) { continue outer; } }",
    "fetch: for (;;) { break fetch; }", "a ? b : c ? d : e; x = { a: b ? c : d, e }", "x = a ? { b: 1 } : [c]",
    // what the runtime has
    "async function f() { const x = await kvs.get('k'); return JSON.parse(x); }",
    "async function f() { var x = (await a) + (await b)[0]; return [await c, { d: await e }, `${await f}`]; }",
    "async function f() { if (await a) { while (await b) { g(); } } switch (await c) { case await d: } x[await y] = 1 }",
    "async function f() { g(function () { return 1 }); h(x => x); await Promise.all([a(), b()]); }",
    "var f = function (...rest) { return rest }; var g = (a, ...b) => b; var h = (...c) => c; function i(a, ...b) {}",
    "var o = { a, b, c() {}, [d]: 1, get e() { return 1 }, set e(v) {}, 'f': 2, 3: 4 }", "x = a ** b; x **= 2; x = y => ({ z: y }); x = () => {}",
    "var a = x => x, b = (c, d) => c, e = () => ({}), f = 1", "x = (a, b)\nx = (a = 1, b)", "f(a = 1, b == 2)", "if (a = b) {} while ((a = b)) {}",
    "for (var i = 0, n = 1; i < n; i++) {} for (const k in o) {} for (k in o) {} for (;;) {}", "var a = 1, b = { c: [1, 2] }, d = [3][0]",
    "let a; const b = 1; let c = [1], d = {}; a = [1]; d = { a }; c[0] = 1; d.a = 2", "try { a() } catch (e) { b() } finally { c() }",
    "import cf from 'cloudfront';\nimport crypto from \"crypto\"\nconst kvs = cf.kvs();", "var c = require('crypto'), q = require('querystring'), b = require('buffer');",
    "x = Array.of(1); y = Array.prototype.slice.call(z); w = Buffer.from(v, 'base64').toString(); u = Uint8Array.from([1])",
    "console.log('a' + b); console.log(f(1, 2)); console.log([1, 2]); console.log({ a, b }); console.log(\n'a',\n)", "x = y.replaceAll('a', 'b')",
    "new.target_; x = function () { return new.target }", "x = Function.prototype.call; y = a instanceof Function", "do x(); while (y)\nz()",
    // own names
    "function fetch(a) { return a } fetch(1)", "var process = { env: {} }; x = process.env", "function f(Map, eval_) { return new Map() }",
    "var f = URL => URL.a; var g = (Set, Intl) => Set", "if (typeof module !== 'undefined') { module.exports = { handler }; }",
    "var list = { at: function (i) { return i }, flat() {} }; list.at(1); list.flat()", "Array.prototype.flat = function () {}; [].flat()",
    "function require(a) { return a } require('fs')", "x = e.at; y = e.flat", "var console = { log() {} }; console.log(1, 2)",
    // statements without semicolons
    "var a = 1\nvar b = 2\nfoo()\n;[1].forEach(f)\nvar f = () => {}\nif (a) b\nelse c\nreturn_\nx = 1\n++y\nfoo()\n{ a: 1 }",
    "var a = b\n/c/g.d\nvar f = x => y\nvar g = function () {}\nvar h", "'use strict'\nvar a\n'b'\nvar c", "a = async\nfunction f() {}",
  ]

  static let innocentInFirst: [String] = [
    "var c = require('crypto'); var s = String.bytesFrom('aa', 'hex'); s.toUTF8()", "var f = (a, ...b) => `${a}`; x = a ** 2",
    "var o = { const: 1, let: 2 }; o.let = o.const", "Promise.resolve(1).then(function (x) { return x })",
    "var async = 1; async += 1", "var p = { replaceAll: function () {} }; p.replaceAll()",
  ]

  /// Without an end, without a beginning, or no token at all.
  static let unreadable: [String] = [
    "class A { 'x }", "class A { \"\n\" }", "class A {} /*", "class A {} `${", "class A {} `${a`", "class A {", "class A {})", "class A {} (]", "class A {} \\u00zz",
    "class A {} \u{1}", "class A {} x = /a", "class A {} x = /[/", "class A {} @b", "class A {} }", "class A {} '\\", "class A {} `\\", "class A {} #", "class A {} \\u{110000}",
  ]
}

@Suite struct DialectDocumentTests {
  @Test func aFunctionWithoutHandlerIsFound() {
    func rules(_ source: String) -> [String] {
      FunctionDialect.findings(in: Array(source.utf8), runtime: .cloudfrontJS2).map { "\($0.line):\($0.column) \($0.rule.name)" }
    }
    #expect(rules("") == ["1:1 handler"])
    #expect(rules("function handle(event) {}") == ["1:1 handler"])
    #expect(rules("function f() { function handler() {} }") == ["1:1 handler"])
    #expect(rules("var o = { handler() {} }; o.handler = 1; // handler") == ["1:1 handler"])
    #expect(rules("'function handler() {}'") == ["1:1 handler"])
    for good in ["function handler(e) {}", "async function handler(e) {}", "var handler = e => e", "const handler = async e => e", "handler = function () {}"] {
      #expect(rules("var f = x => x\n" + good) == [], "\(good)")
    }
  }

  @Test func theFunctionTierHasNoDialect() {
    #expect(FunctionDialect.findings(in: Array("class A {}".utf8), runtime: .nodejs("nodejs22.x")).isEmpty)
  }

  @Test func aFindingSaysWhatAndWhatInstead() throws {
    let finding = try #require(FunctionDialect.findings(in: Array("function handler() { return Object.fromEntries(x) }".utf8), runtime: .cloudfrontJS2).first)
    #expect(finding.text == "CloudFront's runtime has no Object.fromEntries")
    #expect(finding.hint == "fill an object in a loop")
    #expect(finding.isCertain)
  }

  @Test func findingsAreBounded() {
    let source = String(repeating: "a?.b;\n", count: 10_000)
    #expect(FunctionDialect.findings(in: Array(source.utf8), runtime: .cloudfrontJS2).count == FunctionDialect.maximumFindings)
    #expect(FunctionDialect.findings(in: Array(repeating: UInt8(ascii: " "), count: FunctionDialect.maximumSourceBytes + 1), runtime: .cloudfrontJS2).isEmpty)
  }

  /// Deep nesting costs memory, not stack, and time that grows with the source only.
  @Test(arguments: ["(", "[", "{", "f(", "a[", "`${", "x => ", "x => {", "({a: ", "function f() {", "class A { m() {", "async () => { await f(", "a ? b : ", "[{...", "=", "/"])
  func depthIsNoTrouble(_ piece: String) {
    let clock = ContinuousClock()
    let time = clock.measure { _ = FunctionDialect.findings(in: Array(String(repeating: piece, count: 100_000 / piece.utf8.count).utf8), runtime: .cloudfrontJS2) }
    #expect(time < .seconds(20), "\(piece) \(time)")
  }

  @Test(arguments: ["Functions", "Benchmarks"]) func ourOwnFunctionsRunOnCloudFront(folder: String) throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let files = try #require(FileManager.default.enumerator(atPath: root.appendingPathComponent(folder).path))
    var count = 0
    // Benchmarks/functions are the tier's, for Lambda@Edge.
    for case let path as String in files where path.hasSuffix("index.js") && !path.hasPrefix("functions/") {
      let code = try Data(contentsOf: root.appendingPathComponent(folder).appendingPathComponent(path))
      #expect(FunctionDialect.findings(in: [UInt8](code), runtime: .cloudfrontJS2).map { "\($0.line):\($0.column) \($0.text)" } == [], "\(path)")
      count += 1
    }
    #expect(count >= 3)
  }

  @Test func everyRuleIsDocumentedAndHasACase() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    let document = try String(contentsOf: root.appendingPathComponent("Documentation/functions-dialect.md"), encoding: .utf8)
    let rows = DialectTests.syntax + DialectTests.asynchronous + DialectTests.modules + DialectTests.names + DialectTests.firstRuntime
    let covered = Set(rows.flatMap(\.findings).compactMap { $0.split(separator: " ").last.map(String.init) } + ["handler"])
    for rule in Rule.all {
      #expect(document.contains("| `\(rule.name)` | \(rule.text.replacing("$", with: "*name*").replacing("|", with: "\\|")) |"), "\(rule.name)")
      #expect(document.contains(rule.hint.replacing("|", with: "\\|")), "\(rule.name)")
      #expect(covered.contains(rule.name), "\(rule.name)")
    }
    #expect(Set(Rule.all.map(\.name)).count == Rule.all.count)
    #expect(covered.isSubset(of: Set(Rule.all.map(\.name))))
    if ProcessInfo.processInfo.environment["SKERRY_PRINT_RULES"] != nil {
      for rule in Rule.all {
        let text = rule.text.replacing("$", with: "*name*")
        let line = "| `\(rule.name)` | \(text) | \(rule.hint) | \(rule.isCertain ? "error" : "warning") |".replacing("||", with: "\\|\\|")
        FileHandle.standardError.write(Data((line + "\n").utf8))
      }
    }
  }
}
