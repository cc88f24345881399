// Buffer where it touches memory: what user code does in the middle of a call, whose bytes may be written, whose are gone.
import RewriteEngine
import Testing

@Suite struct BufferTests {
  /// Runs `statements` in a handler of its own and gives what they return, as text.
  private func value(_ statements: String) throws -> String {
    let isolate = try makeIsolate(
      """
      var crypto = require('crypto'), cf = require('cloudfront');
      function try_(f) { try { f(); return 'none' } catch (e) { return e.name } }
      function handler(event) { console.log((() => { \(statements) })()); return event.request }
      """)
    let answer = isolate.answer()
    #expect(answer.pristine)
    return answer.log.first ?? answer.error
  }

  // MARK: User code in the middle

  /// Each call reads `b` (1,024 zeros) beside the DataView `d` (four times 0x41).
  static let callsWithAView: [(call: String, result: String)] = [
    ("b.fill(d)[1023]", "65"), ("b.indexOf(d)", "-1"), ("b.lastIndexOf(d)", "-1"), ("b.includes(d)", "false"), ("Buffer.concat([b, d]).length", "1028"),
    ("Buffer.alloc(8, d).toString()", "AAAAAAAA"), ("crypto.createHash('md5').update(d).digest('hex')", "098890dde069e9abad63f19a0d9e1f32"),
    ("new TextDecoder().decode(d)", "AAAA"),
  ]

  /// A DataView's bytes come from the view itself: its properties may be the function's own, which free what a call holds.
  @Test(arguments: callsWithAView, ["byteOffset", "byteLength", "buffer"])
  func aViewsOwnPropertiesAreNotAsked(_ row: (call: String, result: String), _ property: String) throws {
    let result = try value(
      """
      var b = Buffer.alloc(1024), d = new DataView(new Uint8Array(4).fill(0x41).buffer), victim, own = d.buffer;
      Object.defineProperty(d, '\(property)', {get() { b.buffer.transfer(0); victim = new Uint8Array(1024); return {byteOffset: 0, byteLength: 4, buffer: own}['\(property)'] }});
      var result = \(row.call);
      return result + ' ' + (victim ? victim[0] : 'unasked');
      """)
    #expect(result == row.result + " unasked")
  }

  /// Views that follow a buffer's size, and those the buffer has left behind.
  @Test(arguments: [
    ("var a = new ArrayBuffer(4, {maxByteLength: 64}), d = new DataView(a, 1); a.resize(6); return Buffer.concat([d]).length", "5"),
    ("var a = new ArrayBuffer(4, {maxByteLength: 64}), u = new Uint8Array(a, 1); a.resize(6); return Buffer.concat([u]).length", "5"),
    ("var a = new ArrayBuffer(9, {maxByteLength: 64}), u = new Uint16Array(a, 2); a.resize(5); return Buffer.concat([u]).length", "2"),
    ("var a = new ArrayBuffer(9, {maxByteLength: 64}), b = Buffer.from(new Uint8Array(a).buffer); a.resize(3); return try_(() => b.toString())", "TypeError"),
    ("var a = new ArrayBuffer(8, {maxByteLength: 64}), d = new DataView(a, 4); a.resize(2); return try_(() => Buffer.concat([d]))", "TypeError"),
    ("var a = new ArrayBuffer(8, {maxByteLength: 64}), d = new DataView(a, 4, 4); a.resize(6); return try_(() => Buffer.concat([d]))", "TypeError"),
    ("var a = new ArrayBuffer(8), d = new DataView(a, 2, 0); a.transfer(); return try_(() => Buffer.concat([d]))", "TypeError"),
  ])
  func viewsOfResizedBuffers(_ statements: String, _ result: String) throws { #expect(try value(statements) == result) }

  // MARK: Whose bytes may be written

  /// Each writes to `b`, a Buffer over an immutable ArrayBuffer.
  @Test(arguments: [
    "b.fill(1)", "b.fill('a')", "b.write('a')", "b.writeUInt8(1, 0)", "b.writeDoubleBE(1, 0)", "b.writeIntLE(1, 0, 3)", "b.swap16()", "Buffer.from('abc').copy(b)",
    "new TextEncoder().encodeInto('a', b)", "new TextEncoder().encodeInto('a', new DataView(b.buffer))", "new TextEncoder().encodeInto('a', b.buffer)",
  ])
  func immutableBuffersStay(_ call: String) throws {
    let result = try value("var b = Buffer.from(Buffer.from('12345678').buffer.transferToImmutable()); return try_(() => \(call)) + ' ' + b")
    #expect(result == "TypeError 12345678")
  }

  // MARK: Whose bytes are gone

  /// Each is given `a`, a detached ArrayBuffer, or a view of it.
  @Test(arguments: [
    "crypto.createHash('md5').update(a)", "crypto.createHmac('md5', a)", "Buffer.concat([a])", "Buffer.byteLength(a)", "new TextDecoder().decode(a)",
    "Buffer.alloc(2).fill(a)", "Buffer.alloc(2).equals(new Uint8Array(a))", "Buffer.from(a)", "Buffer.concat([u])", "Buffer.concat([d])", "u.subarray(0)", "Buffer.prototype.toString.call(u)",
  ])
  func detachedBuffersAreAnError(_ call: String) throws {
    #expect(try value("var a = new ArrayBuffer(8), u = new Uint8Array(a), d = new DataView(a); a.transfer(); u.length; return try_(() => \(call.replacing("u.subarray", with: "Buffer.prototype.subarray.call(u, 0) && u.subarray")))") == "TypeError")
  }

  /// No exception stays pending behind a call that went well.
  @Test func nothingIsLeftPending() throws {
    let isolate = try makeIsolate(
      "import cf from 'cloudfront'; function handler(event) { var a = new ArrayBuffer(8); a.transfer(); try { Buffer.byteLength(a) } catch (e) {} cf.updateRequestOrigin(5); return event.request }")
    let answer = isolate.answer()
    #expect(answer.error == "updateRequestOrigin: the parameter must be an object")
    #expect(answer.invocation.outcome == .validationError)
  }

  // MARK: Arguments as Node takes them

  @Test(arguments: [
    ("Buffer.alloc(2).fill('ff00', 'hex').toString('hex')", "ff00"), ("Buffer.alloc(3).fill('ab', 1, 'latin1').toString('hex')", "006162"),
    ("Buffer.alloc(4).fill('YWI=', 1, 3, 'base64').toString('hex')", "00616200"), ("try_(() => Buffer.alloc(2).fill('a', 'rot13'))", "TypeError"),
    ("Buffer.from('abcd').compare(Buffer.from('xbcx'), 1, 3, 1, 3)", "0"), ("Buffer.from('abcd').compare(Buffer.from('bc'), 0, 2, 1)", "1"),
    ("Buffer.from('abcd').compare(Buffer.from('xabcd'), 1)", "0"), ("Buffer.from('ab').compare(Buffer.from('ab'), 0, 0)", "1"),
    ("Buffer.from('ab').compare(Buffer.from('ab'), 0, 2, 2)", "-1"), ("Buffer.from('ab').compare(Buffer.from('ab'), 2, 2, 2, 2)", "0"),
    ("try_(() => Buffer.from('ab').compare(Buffer.from('ab'), 0, 3))", "RangeError"), ("try_(() => Buffer.from('ab').compare(Buffer.from('ab'), -1))", "RangeError"),
    ("try_(() => Buffer.from('ab').compare(Buffer.from('ab'), 0, 2, 0, 3))", "RangeError"),
    ("try_(() => Buffer.from('a').equals('a')) + try_(() => Buffer.compare('a', 'b')) + try_(() => Buffer.from('a').compare('a'))", "TypeErrorTypeErrorTypeError"),
    ("Buffer.from('a').equals(new Uint8Array([97])) + ' ' + Buffer.compare(new Uint8Array([98]), Buffer.from('a'))", "true 1"),
  ])
  func arguments(_ expression: String, _ result: String) throws { #expect(try value("return \(expression)") == result) }
}
