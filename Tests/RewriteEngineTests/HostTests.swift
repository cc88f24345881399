// crypto, querystring, Buffer, console and async handlers: spec/cloudfront-functions.md section 9.
import RewriteEngine
import Foundation
import Testing

struct HostCase: CustomTestStringConvertible, Sendable {
  var expression: String
  var value: String
  var runtime = FunctionCode.Runtime.cloudfrontJS20
  var testDescription: String { expression }
}

@Suite struct HostTests {
  static let rows: [HostCase] = [
    // RFC 1321 A.5, FIPS 180-4 examples, RFC 4231 case 2, RFC 2202 case 2
    .init(expression: "crypto.createHash('md5').update('abc').digest('hex')", value: "900150983cd24fb0d6963f7d28e17f72"),
    .init(expression: "crypto.createHash('sha1').update('a').update('bc').digest('hex')", value: "a9993e364706816aba3e25717850c26c9cd0d89d"),
    .init(expression: "crypto.createHash('sha256').update(Buffer.from('abc')).digest('hex')", value: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    .init(expression: "crypto.createHmac('sha256', 'Jefe').update('what do ya want for nothing?').digest('hex')", value: "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    .init(expression: "crypto.createHmac('sha1', 'Jefe').update('what do ya want for nothing?').digest('hex')", value: "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    .init(expression: "crypto.createHmac('md5', 'Jefe').update('what do ya want for nothing?').digest('hex')", value: "750c783e6ab0b503eaa86e310a5db738"),
    // RFC 4231 case 6: a key longer than a block
    .init(expression: "crypto.createHmac('sha256', Buffer.alloc(131, 0xaa)).update('Test Using Larger Than Block-Size Key - Hash Key First').digest('hex')", value: "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
    .init(expression: "crypto.createHash('md5').update('').digest('base64')", value: "1B2M2Y8AsgTpgAmY7PhCfg=="),
    .init(expression: "crypto.createHash('md5').update('').digest('base64url')", value: "1B2M2Y8AsgTpgAmY7PhCfg"),
    .init(expression: "Buffer.isBuffer(crypto.createHash('md5').update('').digest())", value: "true"),
    .init(expression: "crypto.createHash('md5').update('').digest().length", value: "16", runtime: .cloudfrontJS10),
    .init(expression: "crypto.createHash('md5').update('616263', 'hex').digest('hex')", value: "900150983cd24fb0d6963f7d28e17f72"),
    .init(expression: "try_(() => crypto.createHash('sha512'))", value: "TypeError"),
    .init(expression: "try_(() => { var h = crypto.createHash('md5'); h.digest(); h.update('x') })", value: "TypeError"),
    .init(expression: "JSON.stringify(qs.parse('a=1&b=%C3%BC+x&a=2&c&=d&e=%zz'))", value: #"{"a":["1","2"],"b":"ü x","c":"","":"d","e":"%zz"}"#),
    .init(expression: "JSON.stringify(qs.parse('a:1;b:2', ';', ':'))", value: #"{"a":"1","b":"2"}"#),
    .init(expression: "Object.keys(qs.parse('a&b&c', null, null, {maxKeys: 2})).length", value: "2"),
    .init(expression: "JSON.stringify(qs.decode('a=%FF'))", value: "{\"a\":\"\u{FFFD}\"}"),
    .init(expression: "qs.stringify({a: 'x y', b: [1, true], c: null, d: {}})", value: "a=x%20y&b=1&b=true&c=&d="),
    .init(expression: "qs.encode({a: 1, b: 2}, ';', ':')", value: "a:1;b:2"),
    .init(expression: "qs.escape('ä&/') + qs.unescape('%C3%A4%26')", value: "%C3%A4%26%2Fä&"),
    .init(expression: "Buffer.from('aGVsbG8', 'base64') + Buffer.from('aGVsbG8_', 'base64url').toString('hex')", value: "hello68656c6c6f3f"),
    .init(expression: "Buffer.from('héllo').toString('base64') + Buffer.from([256, -1, 65]).toString('hex')", value: "aMOpbGxv00ff41"),
    .init(expression: "Buffer.concat([Buffer.from('a'), new Uint8Array([98]), Buffer.from('c')], 2).toString()", value: "ab"),
    .init(expression: "Buffer.byteLength('é€') + ' ' + Buffer.byteLength('aGVsbG8=', 'base64')", value: "5 5"),
    .init(expression: "Buffer.from('hello').slice(1, -1).toString() + Buffer.from('hello').subarray(-2).toString()", value: "elllo"),
    .init(expression: "var b = Buffer.from('abc'), s = b.slice(1); s[0] = 120; b.toString()", value: "axc"),
    .init(expression: "Buffer.from('a').equals(Buffer.from('a')) + ' ' + Buffer.compare(Buffer.from('a'), Buffer.from('b'))", value: "true -1"),
    .init(expression: "Buffer.alloc(4, 'ab').toString() + Buffer.alloc(2).toString('hex')", value: "abab0000"),
    .init(expression: "JSON.stringify(Buffer.from(JSON.parse(JSON.stringify(Buffer.from('hi')))))", value: #"{"type":"Buffer","data":[104,105]}"#),
    .init(expression: "var b = Buffer.alloc(4); b.write('xyz', 1) + b.toString('latin1', 1)", value: "3xyz"),
    .init(expression: "Buffer.from('banana').indexOf('an', 2) + ' ' + Buffer.from('banana').lastIndexOf('an') + ' ' + Buffer.from('banana').includes(110)", value: "3 3 true"),
    .init(expression: "Buffer.from('abc').map(x => x + 1).toString() + (Buffer.from('abc') instanceof Uint8Array)", value: "bcdtrue"),
    .init(expression: "[Buffer.from('a') instanceof Buffer, Buffer.from('a') instanceof Uint8Array, Buffer.isEncoding('hex'), Buffer.isEncoding('x')].join()", value: "true,true,true,false"),
    .init(expression: "Buffer.from(new Uint8Array([1, 2, 3]).buffer, 1).toString('hex')", value: "0203"),
    .init(expression: "try_(() => Buffer.from(5)) + try_(() => Buffer.alloc(-1)) + try_(() => Buffer.from('a').toString('x'))", value: "TypeErrorRangeErrorTypeError"),
    .init(expression: "try_(() => { var b = Buffer.alloc(8); b.fill(1, {valueOf() { b.buffer.transfer(); return 0 }}) })", value: "TypeError"),
    .init(expression: "typeof Buffer", value: "undefined", runtime: .cloudfrontJS10),
    .init(expression: "require('buffer').Buffer === Buffer", value: "true"),
    .init(expression: "atob(btoa('x'))", value: "x"),
    .init(expression: "((b) => [b.readUInt8(3), b.readInt8(3), b.readUInt16BE(), b.readUInt16LE(0), b.readInt16BE(2), b.readUInt32BE(0), b.readInt32LE(0), b.readIntBE(1, 3), b.readUIntLE(0, 3)].join())(Buffer.from('0102fffe', 'hex'))",
      value: "254,-2,258,513,-2,16973822,-16842239,196606,16712193"),
    .init(expression: "((b) => [b.writeUInt16BE(258, 0), b.writeInt8(-1, 2), b.writeIntLE(-2, 3, 3), b.toString('hex')].join())(Buffer.alloc(8))", value: "2,3,6,0102fffeffff0000"),
    .init(expression: "((b) => [b.writeDoubleBE(1.5, 0), b.writeFloatLE(-0.25, 8), b.readDoubleBE(0), b.readFloatLE(8), b.swap32().toString('hex')].join())(Buffer.alloc(12))", value: "8,12,1.5,-0.25,0000f83f00000000be800000"),
    .init(expression: "[() => Buffer.alloc(2).readUInt32BE(0), () => Buffer.alloc(2).readUInt8(-1), () => Buffer.alloc(2).writeUInt8(256, 0), () => Buffer.alloc(9).readIntBE(0, 7), () => Buffer.alloc(3).swap16()].map(try_).join()",
      value: "RangeError,RangeError,RangeError,RangeError,RangeError"),
    .init(expression: "new TextEncoder().encode('é€').join()", value: "195,169,226,130,172"),
    .init(expression: "JSON.stringify(new TextEncoder().encodeInto('aé€', new Uint8Array(4)))", value: #"{"read":2,"written":3}"#),
    .init(expression: "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 195, 169]))", value: "é"),
    .init(expression: "new TextDecoder('utf-8', {ignoreBOM: true}).decode(new Uint8Array([0xef, 0xbb, 0xbf, 65])).length", value: "2"),
    .init(expression: "try_(() => new TextDecoder('utf8', {fatal: true}).decode(new Uint8Array([255]))) + try_(() => new TextDecoder('x'))", value: "TypeErrorRangeError"),
    .init(expression: "typeof TextEncoder + typeof String.bytesFrom", value: "undefinedfunction", runtime: .cloudfrontJS10),
    .init(expression: "typeof String.bytesFrom", value: "undefined"),
    .init(expression: "String.bytesFrom('aGVsbG8', 'base64url') + String.bytesFrom([104, 105])", value: "hellohi", runtime: .cloudfrontJS10),
    .init(expression: "String.bytesFrom('c3a9', 'hex').fromUTF8() + 'é'.toUTF8().length + 'é'.toBytes().length + '€'.toBytes()", value: "é21null", runtime: .cloudfrontJS10),
    .init(expression: "'abcd'.fromBytes(1, 3)", value: "bc", runtime: .cloudfrontJS10),
  ]

  @Test(arguments: rows) func expression(_ row: HostCase) throws {
    let isolate = try makeIsolate(
      """
      var crypto = require('crypto'), qs = require('querystring');
      function try_(f) { try { f(); return 'none' } catch (e) { return e.name } }
      function handler(event) { var value = (() => { \(asReturn(row.expression)) })(); console.log(value); return event.request }
      """, row.runtime)
    let answer = isolate.answer()
    #expect(answer.log == [row.value], "\(answer.error)")
    #expect(answer.pristine)
  }

  /// The last of several statements is the value.
  private func asReturn(_ expression: String) -> String {
    guard expression.hasPrefix("var "), let last = expression.range(of: "; ", options: .backwards) else { return "return " + expression }
    return expression[..<last.upperBound] + "return " + expression[last.upperBound...]
  }

  @Test func modulesFirstMadeDuringARun() throws {
    // The names are put together, so that building does not see them.
    let isolate = try makeIsolate(
      "function handler(event) { var c = require('cry' + 'pto'); console.log(c.createHash('md5').update('abc').digest('hex'), c === require('cry' + 'pto'), globalThis['Buf' + 'fer'].from('a').length); return event.request }")
    for _ in 0..<3 {
      let answer = isolate.answer()
      #expect(answer.log == ["900150983cd24fb0d6963f7d28e17f72 true 1"])
      #expect(answer.pristine)
    }
  }

  @Test func asyncHandlers() throws {
    let isolate = try makeIsolate(
      "var wait = () => new Promise(r => r('/later')); async function handler(event) { event.request.uri = await wait(); if (event.request.method === 'POST') throw new TypeError('no'); return event.request }")
    #expect(isolate.answer().uri == "/later")
    let rejected = isolate.answer(Event(method: "POST"))
    #expect(rejected.invocation.failure == .exception)
    #expect(rejected.error == "TypeError: no")
    #expect(rejected.pristine)
  }

  @Test func logsAreBounded() throws {
    let isolate = try makeIsolate("function handler(event) { console.log('é'.repeat(4000)); console.error('b', 1, {a: [1]}); console.log('é'.repeat(4000)); console.log('x'); return event.request }")
    let log = isolate.answer().log
    #expect(log[0].utf8.count == 8000)
    #expect(log[1] == "b 1 {\"a\":[1]}")
    #expect(log.map(\.utf8.count).reduce(0, +) <= 10_240)
    #expect(log.count <= 4 && log[2].allSatisfy { $0 == "é" })
  }

  @Test func logsSurviveAKill() throws {
    var limits = FunctionCode.Limits()
    limits.cpuNanoseconds = 500_000
    let isolate = try makeIsolate("function handler(event) { console.log('before'); for (;;) ; }", limits: limits)
    #expect(isolate.answer().log == ["before"])
  }
}
