// Buffer: extreme offsets, detaching and resizing in the middle of a host call.

// @case memory: alloc of two gigabytes
function handler(event) { Buffer.alloc(2 ** 31 - 1); }

// @case error: alloc of a negative size
function handler(event) { Buffer.alloc(-1); }

// @case memory: one megabyte too many
function handler(event) { Buffer.alloc(3 << 20); }

// @case request: alloc at every odd size
function handler(event) { [NaN, -0, 0.5, '7', null, undefined, Infinity, -Infinity, 2 ** 53, {}, [], 1n, Symbol.iterator].forEach(n => { try { Buffer.alloc(n) } catch (e) {} try { Buffer.allocUnsafe(n) } catch (e) {} }); return event.request; }

// @case request: copy at every edge
function handler(event) {
  var edges = [undefined, -1, 0, 1, 7, 8, 9, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63, -(2 ** 63), NaN, Infinity, -Infinity, '3', null], a = Buffer.from('abcdefgh'), b = Buffer.alloc(8, '.');
  for (var x of edges) for (var y of edges) for (var z of edges.slice(0, 9)) { var n = a.copy(b, x, y, z); if (n > 8 || n < 0) throw new Error('copied ' + n) }
  return event.request;
}

// @case request: slice, fill, write, toString at every edge
function handler(event) {
  var edges = [undefined, -1, 0, 1, 7, 8, 9, 2 ** 31, -(2 ** 31), 2 ** 53, -(2 ** 63), NaN, Infinity, -Infinity], a = Buffer.from('abcdefgh');
  for (var x of edges) for (var y of edges) {
    if (a.slice(x, y).length > 8 || a.subarray(x, y).length > 8 || a.toString('hex', x, y).length > 16) throw new Error('too long');
    a.fill('xyz', x, y); a.fill(7, x, y); a.write('hällo', x, y); a.indexOf('x', x); a.lastIndexOf('x', x); a.includes('', x);
  }
  return event.request;
}

// @case request: numbers at every edge
function handler(event) {
  var b = Buffer.alloc(9), names = Object.getOwnPropertyNames(Buffer.prototype).filter(n => /^(read|write)/.test(n));
  for (var n of names) for (var o of [-1, 0, 1, 8, 9, 2 ** 31, 2 ** 53, -(2 ** 63), 2 ** 64, NaN, undefined]) for (var w of [-1, 0, 1, 6, 7, 8, 9, 2 ** 32, NaN, undefined])
    try { n[0] === 'r' ? b[n](o, w) : b[n](1, o, w) } catch (e) {}
  return event.request;
}

// @case request: positions that detach the buffer
function handler(event) {
  var names = ['copy', 'fill', 'write', 'toString', 'slice', 'subarray', 'indexOf', 'lastIndexOf', 'includes', 'readUInt8', 'readDoubleBE', 'readIntBE', 'writeUInt8', 'writeDoubleLE', 'writeIntLE', 'equals', 'compare', 'swap16'];
  for (var name of names) for (var at = 0; at < 4; at++) for (var how = 0; how < 4; how++) {
    var buffer = new ArrayBuffer(4096, {maxByteLength: 8192}), b = Buffer.from(buffer, 0, 4096), other = Buffer.from(buffer);
    var evil = {valueOf() { if (how === 0) buffer.transfer(); else if (how === 1) buffer.resize(0); else if (how === 2) buffer.resize(100); else { buffer.transfer(); new ArrayBuffer(4096) } return 1 }};
    var args = [name === 'copy' ? other : name === 'write' ? 'text' : 1, 1, 1, 1]; args[at] = evil;
    try { b[name](...args) } catch (e) {}
  }
  return event.request;
}

// @case any: target of a copy that is detached by its own position
function handler(event) {
  var a = Buffer.alloc(1000, 'a'), t = Buffer.alloc(1000);
  try { a.copy(t, {valueOf() { t.buffer.transfer(0); return 900 }}, {valueOf() { a.buffer.transfer(0); return 0 }}) } catch (e) {}
  try { a.copy(a, 0, 10) } catch (e) {} return event.request;
}

// @case any: value of a write that detaches
function handler(event) { var b = Buffer.alloc(100000); try { b.writeUInt32BE({valueOf() { b.buffer.transfer(0); return 1 }}, 99000) } catch (e) {} try { b.writeDoubleBE({valueOf() { throw 1 }}, 0) } catch (e) {} return event.request; }

// @case any: list whose getter detaches what was counted
function handler(event) {
  var a = Buffer.alloc(50000, 'a'), list = [a, a, a]; Object.defineProperty(list, 2, {get() { try { a.buffer.transfer(0) } catch (e) {} return Buffer.alloc(100) }});
  try { Buffer.concat(list) } catch (e) {} return event.request;
}

// @case any: list that grows between counting and copying
function handler(event) { var n = 0, list = [1, 2, 3]; list.forEach((x, i) => Object.defineProperty(list, i, {get: () => Buffer.alloc(n++ < 3 ? 1 : 90000, 'x')})); return {statusCode: 200, body: Buffer.concat(list).toString()}; }

// @case memory: concat to a gigabyte
function handler(event) { Buffer.concat([], 2 ** 30); }

// @case stopped: concat of one text thousands of times
function handler(event) { Buffer.concat(new Array(60000).fill('x'.repeat(1000))); }

// @case stopped: from an array-like of two billion
function handler(event) { Buffer.from({length: 2 ** 31 - 1}); }

// @case killed: from an array-like that takes its time
function handler(event) { Buffer.from({length: 1e6, get 0() { return 1 }}); for (;;) Buffer.from(new Array(10000)); }

// @case any: from a list that changes while it is read
function handler(event) { var l = [1, 2, 3, 4, 5]; Object.defineProperty(l, 1, {get() { l.length = 2; l.length = 60000; return {valueOf() { l.length = 0; return 7 }} }}); Buffer.from(l); return event.request; }

// @case any: from an object whose data never ends
function handler(event) { var o = {}; o.data = o; o.length = 3; Buffer.from(o); try { Buffer.from({get data() { return [Symbol.iterator] }}) } catch (e) {} return event.request; }

// @case killed: search that is quadratic
function handler(event) { var b = Buffer.alloc(400000, 'a'); b.indexOf('a'.repeat(200000) + 'b'); }

// @case killed: hex and base64 over and over
function handler(event) { var b = Buffer.alloc(300000); for (;;) b.toString('base64').length + b.toString('hex').length; }

// @case stopped: toJSON of much
function handler(event) { Buffer.alloc(300000).toJSON(); }

// @case any: methods called on what is no buffer
function handler(event) {
  for (var n of Object.getOwnPropertyNames(Buffer.prototype)) for (var t of [undefined, null, 5, 'x', {}, [], new DataView(new ArrayBuffer(8)), new ArrayBuffer(8), new Float64Array(2), new Proxy(Buffer.alloc(4), {}), Buffer.prototype, Object.create(Buffer.alloc(1))])
    try { Buffer.prototype[n].call(t, 1, 0, 1) } catch (e) {}
  return event.request;
}

// @case any: buffers made by new, by subclasses and by Reflect
function handler(event) {
  class B extends Buffer { constructor() { super(10) } } new B().fill(1); new Buffer('x'); Reflect.construct(Buffer, ['abc'], Object); Reflect.construct(Buffer, [8], class {});
  return event.request;
}

// @case any: views of every kind over one buffer
function handler(event) { var f = new Float64Array(100); [1, 2, 3].forEach(i => { Buffer.prototype.slice.call(f, i, -i); Buffer.prototype.write.call(f, 'x'.repeat(900), i); Buffer.prototype.swap64.call(f); Buffer.prototype.toString.call(f, 'hex', i) }); return event.request; }

// @case any: encodings that are objects
function handler(event) { var e = {toString() { throw new Error('no') }}; [() => Buffer.from('a', e), () => Buffer.alloc(2).toString(e), () => Buffer.isEncoding(e), () => Buffer.alloc(3).write('x', e), () => Buffer.byteLength('x', e), () => Buffer.from('a', 'x'.repeat(100000))].forEach(f => { try { f() } catch (x) {} }); return event.request; }

// @case request: memory is never shown again
function handler(event) { for (var n of [10, 1000, 100000, 500000]) { var b = Buffer.allocUnsafe(n); if (!b.every(x => x === 0)) throw new Error('old bytes'); b.fill(0xaa) } return event.request; }

// @case request: DataViews whose own properties take the bytes away that the call holds
function handler(event) {
  var victim, kept = [];
  for (var property of ['byteOffset', 'byteLength', 'buffer']) for (var how of [0, 5000, 'resize']) {
    var calls = [(b, d) => b.fill(d), (b, d) => b.indexOf(d), (b, d) => b.lastIndexOf(d), (b, d) => b.includes(d), (b, d) => Buffer.compare(b, d), (b, d) => b.compare(d), (b, d) => b.equals(d),
      (b, d) => Buffer.concat([b, d, b]), (b, d) => Buffer.from(d), (b, d) => d.constructor.name + b.copy(d), (b, d) => new TextEncoder().encodeInto('abc', d), (b, d) => new TextDecoder().decode(d),
      (b, d) => require('crypto').createHmac('md5', d).update(d), (b, d) => Buffer.alloc(1024, d)];
    for (var call of calls) {
      let b = Buffer.from(new ArrayBuffer(1024, {maxByteLength: 8000})), own = new Uint8Array(4).fill(0x41).buffer, d = new DataView(own);
      Object.defineProperty(d, property, {get() { try { how === 'resize' ? b.buffer.resize(8000) : b.buffer.transfer(how) } catch (e) {} victim = new Uint8Array(1024); return {byteOffset: {valueOf() { b.buffer.transfer(0) }}, byteLength: 4, buffer: own}[property] }});
      try { kept.push(call(b, d)) } catch (e) {}
      if (victim && victim.some(x => x !== 0)) throw new Error('written');
    }
  }
  return event.request;
}
