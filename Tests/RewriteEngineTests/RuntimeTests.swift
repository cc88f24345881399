// What the two runtimes have and what they must not have: spec/cloudfront-functions.md 9.2 to 9.4, name by name. What a function may
// write is a superset of AWS's dialect in both (design/rewrite-engine.md, "Compatibility profile"); `skerry check` tells the difference.
import RewriteEngine
import Testing

@Suite struct RuntimeTests {
  /// Both runtimes: an object's path and its members.
  static let everywhere: [(String, String)] = [
    ("Object", "create defineProperty defineProperties freeze getOwnPropertyDescriptor getOwnPropertyNames getPrototypeOf isExtensible isFrozen isSealed keys preventExtensions seal assign is entries values setPrototypeOf"),
    ("Object.prototype", "hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf"),
    ("Function.prototype", "apply bind call"),
    ("String", "fromCharCode fromCodePoint"),
    ("String.prototype", "charAt concat indexOf lastIndexOf match replace search slice split substr substring toLowerCase toUpperCase trim codePointAt endsWith includes repeat startsWith padStart padEnd trimStart trimEnd charCodeAt"),
    ("Number", "isFinite isInteger isNaN isSafeInteger parseFloat parseInt EPSILON MAX_SAFE_INTEGER MAX_VALUE MIN_SAFE_INTEGER MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY"),
    ("Number.prototype", "toExponential toFixed toPrecision toString valueOf"),
    ("Math", "abs acos asin atan atan2 ceil cos exp floor log max min pow random round sin sqrt tan acosh asinh atanh cbrt clz32 cosh expm1 fround hypot imul log10 log1p log2 sign sinh tanh trunc E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2"),
    ("Date", "UTC now parse"), ("Date.prototype", "getTime toISOString toJSON getUTCDay setUTCHours getTimezoneOffset toUTCString"),
    ("Array", "isArray of"),
    ("Array.prototype", "concat every filter forEach indexOf join lastIndexOf map pop push reduce reduceRight reverse shift slice some sort splice unshift copyWithin fill find findIndex includes"),
    ("Int8Array.prototype", "copyWithin fill join set slice subarray toString"), ("ArrayBuffer", "isView"), ("ArrayBuffer.prototype", "slice"),
    ("globalThis", "Int8Array Uint8Array Uint8ClampedArray Int16Array Uint16Array Int32Array Uint32Array Float32Array Float64Array"),
    ("RegExp.prototype", "exec test toString"), ("JSON", "parse stringify"),
    ("Promise", "reject resolve"), ("Promise.prototype", "catch finally then"), ("Symbol", "iterator toStringTag"),
    ("globalThis", "Error EvalError InternalError RangeError ReferenceError SyntaxError TypeError URIError encodeURI encodeURIComponent decodeURI decodeURIComponent isFinite isNaN parseFloat parseInt NaN Infinity undefined globalThis console require"),
    ("console", "log"), ("require('crypto')", "createHash createHmac"), ("require('crypto').createHash('md5')", "update digest"), ("require('crypto').createHmac('md5', '')", "update digest"),
    ("require('querystring')", "parse stringify escape unescape decode encode"),
  ]
  static let old: [(String, String)] = [
    ("String", "bytesFrom"), ("String.prototype", "fromBytes fromUTF8 toBytes toUTF8"), ("globalThis", "MemoryError"),
  ]
  static let modern: [(String, String)] = [
    ("String.prototype", "replaceAll"), ("Object", "getOwnPropertyDescriptors"), ("RegExp.prototype", "sticky flags"), ("Symbol", "for keyFor split replace"),
    ("RegExp.prototype[Symbol.split]", "call"), ("RegExp.prototype[Symbol.replace]", "call"),
    ("Uint8Array", "from of"), ("Uint8Array.prototype", "every filter find findIndex forEach includes indexOf lastIndexOf map reduce reduceRight reverse some sort"),
    ("Promise", "all allSettled any race"),
    ("DataView.prototype", "getInt8 getUint8 getInt16 getUint16 getInt32 getUint32 getFloat32 getFloat64 setInt8 setUint8 setInt16 setUint16 setInt32 setUint32 setFloat32 setFloat64"),
    ("new TextEncoder()", "encode encodeInto encoding"), ("new TextDecoder()", "decode encoding fatal ignoreBOM"), ("globalThis", "atob btoa Buffer TextEncoder TextDecoder"),
    ("Buffer", "alloc allocUnsafe byteLength compare concat from isBuffer isEncoding"),
    ("Buffer.prototype", "compare copy equals fill includes indexOf lastIndexOf subarray swap16 swap32 swap64 toJSON toString write"),
    ("Buffer.prototype", "readInt8 readInt16BE readInt16LE readInt32BE readInt32LE readUInt8 readUInt16BE readUInt16LE readUInt32BE readUInt32LE readIntBE readIntLE readUIntBE readUIntLE readDoubleBE readDoubleLE readFloatBE readFloatLE"),
    ("Buffer.prototype", "writeInt8 writeInt16BE writeInt16LE writeInt32BE writeInt32LE writeUInt8 writeUInt16BE writeUInt16LE writeUInt32BE writeUInt32LE writeIntBE writeIntLE writeUIntBE writeUIntLE writeDoubleBE writeDoubleLE writeFloatBE writeFloatLE"),
    ("Buffer.from('a')", "buffer byteOffset length"), ("require('buffer')", "Buffer"),
    ("require('cloudfront')", "kvs updateRequestOrigin selectRequestOriginById createRequestOriginGroup edgeLocation logCustomData"), ("require('cloudfront').kvs('id')", "get exists meta count"),
  ]

  /// The members that are missing, as the run of a function at its top level sees it.
  private func missing(_ rows: [(String, String)], _ runtime: FunctionCode.Runtime) throws -> [String] {
    let checks = rows.map { path, names in "check('\(path.replacing("'", with: "\\'"))', \(path), '\(names)');" }.joined(separator: "\n")
    let isolate = try makeIsolate(
      """
      var missing = [];
      function check(path, object, names) { names.split(' ').forEach(function (name) { if (!(name in Object(object))) missing.push(path + '.' + name) }) }
      \(checks)
      function handler(event) { console.log(missing.join()); return event.request }
      """, runtime)
    return isolate.answer().log
  }

  @Test(arguments: FunctionCode.Runtime.allCases) func present(_ runtime: FunctionCode.Runtime) throws {
    #expect(try missing(Self.everywhere + (runtime == .cloudfrontJS10 ? Self.old : Self.modern), runtime) == [""])
    #expect(try missing([("Math", "nothing")], runtime) == ["Math.nothing"])
  }

  /// Names that must not be there (9.4), and expressions that must throw.
  static let absent = [
    "eval", "setTimeout", "setInterval", "setImmediate", "clearTimeout", "clearInterval", "queueMicrotask", "fetch", "XMLHttpRequest", "WebSocket", "EventSource", "Request", "Response", "Headers",
    "process", "Worker", "SharedWorker", "Intl", "Atomics", "SharedArrayBuffer", "WebAssembly", "performance", "navigator", "window", "self", "global", "module", "exports", "Deno", "Bun", "std", "os", "bjson", "gc",
    "scriptArgs", "print", "load", "URL", "URLSearchParams", "AbortController", "MessageChannel", "structuredClone", "localStorage", "caches", "WeakRef", "FinalizationRegistry", "DOMException", "importScripts", "ngx", "njs",
  ]
  static let throwing = [
    "eval('1')", "(0, eval)('1')", "Function('return 1')()", "new Function('a', 'return a')", "(function () {}).constructor('return 1')", "(() => {}).constructor('return 1')",
    "(async function () {}).constructor('return 1')", "(function* () {}).constructor('yield 1')", "(async function* () {}).constructor('yield 1')", "Reflect.construct(Function, ['return 1'])",
    "require('fs')", "require('http')", "require('child_process')", "require('./x')", "require('std')", "require('os')", "require('')", "require()",
    "require('crypto').createHash('sha512')", "require('crypto').createHash('SHA256')", "require('crypto').createHmac('sha384', 'k')", "require('crypto').createHash()",
    "new ArrayBuffer(-1)", "undeclared = 1",
  ]

  @Test(arguments: FunctionCode.Runtime.allCases) func notThere(_ runtime: FunctionCode.Runtime) throws {
    let expressions = Self.throwing.map { "threw(\(quoted($0)), function () { return \($0) });" }.joined(separator: "\n")
    let isolate = try makeIsolate(
      """
      function threw(text, f) { try { f(); console.log('no error: ' + text) } catch (e) { if (!(e instanceof Error)) console.log('no Error: ' + text) } }
      function handler(event) {
        '\(Self.absent.joined(separator: " "))'.split(' ').forEach(function (name) { if (name in globalThis) console.log('there is ' + name) });
        \(expressions)
        return event.request
      }
      """, runtime)
    let answer = isolate.answer()
    #expect(answer.log == [])
    #expect(answer.error == "")
  }

  private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "\\'") + "'" }

  @Test func nothingIsImportedAtRunTime() throws {
    let isolate = try makeIsolate("async function handler(event) { try { await import('cloud' + 'front'); console.log('imported') } catch (e) { console.log(e instanceof Error) } return event.request }")
    #expect(isolate.answer().log == ["true"])
  }

  static let modernOnly = ["Buffer", "TextEncoder", "TextDecoder"]
  @Test func theOldRuntimeHasLess() throws {
    let isolate = try makeIsolate("function handler(event) { console.log([typeof Buffer, typeof TextEncoder, typeof TextDecoder, typeof event.request.rawQueryString].join()); return event.request }", .cloudfrontJS10)
    #expect(isolate.answer().log == ["undefined,undefined,undefined,undefined"])
    let new = try makeIsolate("function handler(event) { console.log([typeof String.bytesFrom, typeof ''.toUTF8, typeof MemoryError].join()); return event.request }")
    #expect(new.answer().log == ["undefined,undefined,undefined"])
  }

  /// Details of 9.2 and 9.3 that a name alone does not tell.
  static let details: [HostCase] = [
    .init(expression: "new TextDecoder().decode(new Uint8Array([255, 65]))", value: "\u{FFFD}A"),
    .init(expression: "new TextDecoder().decode(new Uint8Array([0xf0, 0x9f, 0x98]))", value: "\u{FFFD}"),
    .init(expression: "new TextDecoder().decode()", value: ""),
    .init(expression: "(d => [240, 159, 152, 128, 226, 130].map(b => d.decode(new Uint8Array([b]), { stream: true })).join() + d.decode())(new TextDecoder())", value: ",,,😀,,\u{FFFD}"),
    .init(expression: "(d => d.decode(new Uint8Array([239, 187]), { stream: true }) + d.decode(new Uint8Array([191, 97]), { stream: true }) + d.decode(new Uint8Array([239, 187, 191])).length + d.decode(new Uint8Array([239, 187, 191, 98])))(new TextDecoder())", value: "a1b"),
    .init(expression: "(d => d.decode(new Uint8Array([97, 237, 160, 98, 244, 144]), { stream: true }) + d.decode(new Uint8Array([99])))(new TextDecoder())", value: "a\u{FFFD}\u{FFFD}b\u{FFFD}\u{FFFD}c"),
    .init(expression: "(d => try_(() => d.decode(new Uint8Array([226]), { stream: true })) + try_(() => d.decode()) + d.decode(new Uint8Array([97])))(new TextDecoder('utf-8', { fatal: true }))", value: "noneerrora"),
    .init(expression: "try_(() => TextDecoder.prototype.decode.call({}, new Uint8Array(1))) + try_(() => Object.create(new TextDecoder()).decode())", value: "errorerror"),
    .init(expression: "(d => [d.encoding, d.fatal, d.ignoreBOM].join())(new TextDecoder('UTF-8', { fatal: true, ignoreBOM: true }))", value: "utf-8,true,true"),
    .init(expression: "(d => [d.encoding, d.fatal, d.ignoreBOM].join())(new TextDecoder())", value: "utf-8,false,false"),
    .init(expression: "new TextDecoder().decode(new DataView(new Uint8Array([97, 98, 99]).buffer, 1, 1))", value: "b"),
    .init(expression: "new TextEncoder().encode('\\ud800').join()", value: "239,191,189"),
    .init(expression: "new TextEncoder().encode().length + new TextEncoder().encode('😀').join()", value: "0240,159,152,128"),
    .init(expression: "JSON.stringify(new TextEncoder().encodeInto('😀a', new Uint8Array(4)))", value: #"{"read":2,"written":4}"#),
    .init(expression: "JSON.stringify(new TextEncoder().encodeInto('\\ud800', new Uint8Array(4)))", value: #"{"read":1,"written":3}"#),
    .init(expression: "btoa('\\xff\\x00') + atob(' aG k= ')", value: "/wA=hi"),
    .init(expression: "try_(() => btoa('€')) + try_(() => atob('a'))", value: "errorerror"),
    .init(expression: "'a-b-c'.replaceAll('-', '+') + 1_000", value: "a+b+c1000"),
    .init(expression: "[/a/y.sticky, /a/gi.flags, 'a1b2'.split(/\\d/).join('|')].join()", value: "true,gi,a|b|"),
    .init(expression: "qs.decode === qs.parse && qs.encode === qs.stringify", value: "true"),
    .init(expression: "Buffer.from(new String('aé')).toString() + Buffer.from({ valueOf() { return 'ff00' } }, 'hex').length", value: "aé2"),
    .init(expression: "Buffer.from({ valueOf() { return [1, 2] } }).join() + Buffer.from({ valueOf() { return this }, length: 1, 0: 7 }).join() + Buffer.from({ valueOf() { return 5 }, length: 1, 0: 8 }).join()", value: "1,278"),
    .init(expression: "qs.stringify({ a: 'x', b: '&' }, '|', '~', { encodeURIComponent: s => '<' + s + '>' })", value: "<a>~<x>|<b>~<&>"),
    .init(expression: "JSON.stringify(qs.parse('a=%41&b', '&', '=', { decodeURIComponent: s => '<' + s + '>' }))", value: #"{"<a>":"<%41>","<b>":"<>"}"#),
    .init(expression: "Object.keys(qs.parse(Array.from({ length: 1200 }, (_, i) => 'k' + i).join('&'))).length + ' ' + Object.keys(qs.parse(Array.from({ length: 1200 }, (_, i) => 'k' + i).join('&'), '&', '=', { maxKeys: 0 })).length", value: "1000 1200"),
    .init(expression: "(() => { 'use strict'; return this === undefined || typeof this })()", value: "true"),
    .init(expression: "Date.now() === new Date().getTime() && new Date(0).toISOString()", value: "1970-01-01T00:00:00.000Z"),
    .init(expression: "new Date(2020, 0, 1).getTimezoneOffset()", value: "0"),
    .init(expression: "/(?<y>\\d+)-(?<m>\\d+)/.exec('2026-11').groups.m + 2 ** 3", value: "118", runtime: .cloudfrontJS10),
    .init(expression: "new MemoryError('full') + ' ' + (new MemoryError() instanceof Error) + ' ' + MemoryError.name", value: "MemoryError: full true MemoryError", runtime: .cloudfrontJS10),
    .init(expression: "crypto.createHash('md5').update('').digest().constructor === String", value: "true", runtime: .cloudfrontJS10),
    .init(expression: "Promise.resolve(1) instanceof Promise", value: "true", runtime: .cloudfrontJS10),
    .init(expression: "Buffer.from('€').toString('hex') + Buffer.allocUnsafe(2).join() + Buffer.concat([]).length", value: "e282ac0,00"),
    .init(expression: "Buffer.from(Buffer.from('a').buffer).length >= 1 && Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]).swap64().join()", value: "8,7,6,5,4,3,2,1"),
    .init(expression: "[Buffer.from('ff', 'hex')[0], Buffer.from('abc').includes('bc'), Buffer.from('_-8', 'base64url').toString('hex'), Buffer.from('_-8', 'base64').toString('hex')].join()", value: "255,true,ffef,ffef"),
  ]

  @Test(arguments: details) func detail(_ row: HostCase) throws {
    let isolate = try makeIsolate(
      """
      var crypto = require('crypto'), qs = require('querystring');
      function try_(f) { try { f(); return 'none' } catch (e) { return 'error' } }
      function handler(event) { console.log(String(\(row.expression))); return event.request }
      """, row.runtime)
    let answer = isolate.answer()
    #expect(answer.log == [row.value], "\(answer.error)")
    #expect(answer.pristine)
  }
}
