// Numbers: BigInt, typed arrays, dates, Math.

// @case stopped: BigInt to a power
function handler(event) { for (var n = 3n; ;) n = n ** 3n; }

// @case error: BigInt to a power that is too large at once
function handler(event) { return 2n ** (2n ** 60n); }

// @case killed: multiplication of long BigInts
function handler(event) { var n = (1n << 400000n) - 1n; for (;;) (n * n) % 7n; }

// @case killed: division of long BigInts
function handler(event) { var n = (1n << 600000n) - 1n, d = (1n << 300000n) - 1n; for (;;) n / d; }

// @case stopped: BigInt in decimal
function handler(event) { for (;;) String((1n << 200000n) - 1n); }

// @case stopped: BigInt out of a megabyte of digits
function handler(event) { for (;;) BigInt('9'.repeat(100000)); }

// @case any: shift by 2^62
function handler(event) { try { 1n << (2n ** 62n) } catch (e) {} try { 1n >> -(2n ** 62n) } catch (e) {} BigInt.asIntN(2 ** 53 - 1, -1n); BigInt.asUintN(64, -1n); return event.request; }

// @case error: BigInt.asUintN of a negative at 2^53 - 1
function handler(event) { return BigInt.asUintN(2 ** 53 - 1, -1n); }

// @case killed: typed array sorted
function handler(event) { var a = new Float64Array(100000); for (;;) { for (var i = 0; i < a.length; i++) a[i] = Math.random(); a.sort(); } }

// @case stopped: typed array sorted by a comparator
function handler(event) { new Uint8Array(500000).map((x, i) => i * 7919).sort((x, y) => y - x); }

// @case any: typed array whose comparator detaches it
function handler(event) { var a = new Uint16Array(1000).map((x, i) => i * 7919); a.sort((x, y) => { if (a.length) a.buffer.transfer(); return x - y }); a.length; a[0] = 1; return event.request; }

// @case any: typed array resized in its callbacks
function handler(event) {
  ['map', 'forEach', 'filter', 'some', 'reduce', 'reduceRight', 'find', 'findLastIndex', 'every'].forEach(name => {
    var buffer = new ArrayBuffer(4096, {maxByteLength: 65536}), a = new Float64Array(buffer);
    try { a[name](() => { buffer.resize(8); buffer.resize(65536); buffer.resize(0); return true }, 0) } catch (e) {}
  });
  return event.request;
}

// @case any: valueOf that detaches in set, fill, with, copyWithin, indexOf
function handler(event) {
  var calls = [(a, v) => a.set([v, v, v], 1), (a, v) => a.fill(v), (a, v) => a.fill(1, v), (a, v) => a.with(0, v), (a, v) => a.copyWithin(v, 1), (a, v) => a.indexOf(1, v),
    (a, v) => a.lastIndexOf(1, v), (a, v) => a.subarray(v), (a, v) => a.slice(v), (a, v) => a.at(v), (a, v) => { a[0] = v }, (a, v) => a.includes(undefined, v), (a, v) => a.join({toString() { v.valueOf(); return ',' }}),
    (a, v) => new DataView(a.buffer).setUint32(v, 1), (a, v) => new DataView(a.buffer).setUint32(0, v), (a, v) => new DataView(a.buffer, v), (a, v) => new Uint8Array(a.buffer, v, 100), (a, v) => a.toLocaleString(v)];
  for (var call of calls) for (var how of [b => b.transfer(), b => b.resize(0), b => b.resize(4), b => { b.resize(4); b.resize(4096) }]) {
    var a = new Int32Array(new ArrayBuffer(1024, {maxByteLength: 4096})), buffer = a.buffer;
    try { call(a, {valueOf() { try { how(buffer) } catch (e) {} return 1 }}) } catch (e) {}
  }
  return event.request;
}

// @case any: slice whose species hands out the same buffer, shrunk
function handler(event) {
  var buffer = new ArrayBuffer(1000, {maxByteLength: 2000}), a = new Uint8Array(buffer).fill(7);
  a.constructor = {[Symbol.species]: function () { buffer.resize(10); return new Uint8Array(buffer) }};
  try { a.slice(0, 900) } catch (e) {} try { a.map(x => x) } catch (e) {} try { a.subarray(0, 5) } catch (e) {}
  var b = new ArrayBuffer(100); b.constructor = {[Symbol.species]: function () { b.transfer(); return new ArrayBuffer(200) }}; try { b.slice(0, 90) } catch (e) {}
  return event.request;
}

// @case request: immutable buffers
function handler(event) {
  var a = new Uint8Array([1, 2, 3, 4]).buffer.transferToImmutable(), u = new Uint8Array(a), b = Buffer.from(a), d = new DataView(a);
  for (var f of [() => u[0] = 9, () => u.fill(7), () => u.set([1]), () => u.reverse(), () => u.sort(), () => a.transfer(), () => a.resize(1), () => d.setInt8(0, 9), () => b.fill(9), () => b.write('x'),
      () => b.writeInt8(9, 0), () => b.writeUIntLE(9, 0, 3), () => b.swap16(), () => b.swap32(), () => Buffer.from('x').copy(b), () => Buffer.from('x').copy(u), () => new TextEncoder().encodeInto('x', u),
      () => b.subarray(1).fill(9), () => new Uint16Array(a).fill(9)]) try { f() } catch (e) {}
  if (u.join() !== '1,2,3,4') throw new Error('written: ' + u);
  return event.request;
}

// @case error: ArrayBuffer of 2^53 bytes
function handler(event) { new ArrayBuffer(2 ** 53); }

// @case memory: ArrayBuffer of a gigabyte
function handler(event) { new ArrayBuffer(2 ** 30); }

// @case memory: ArrayBuffers just above and below the sizes the allocator knows
function handler(event) { for (var size = 2 ** 26 + 64; ; size = size >> 1) for (var d of [64, 8, 1, 0, -1, -8, -9]) if (size < 2 ** 21) new ArrayBuffer(size + d); else try { new ArrayBuffer(size + d) } catch (e) {} }

// @case any: ArrayBuffer that may grow to a gigabyte
function handler(event) { var b = new ArrayBuffer(0, {maxByteLength: 2 ** 30}); b.resize(2 ** 20); return event.request; }

// @case any: DataView at every edge
function handler(event) { var d = new DataView(new ArrayBuffer(9)); for (var o of [-1, 0, 1, 2, 8, 9, 2 ** 31, 2 ** 32, 2 ** 53, NaN, Infinity]) for (var m of ['getFloat64', 'getInt8', 'getBigUint64', 'getFloat16']) try { d[m](o); d[m.replace('get', 'set')](o, m.includes('Big') ? 1n : 1) } catch (e) {} return event.request; }

// @case killed: dates parsed without end
function handler(event) { for (var s = 'Jan 1 2020 '.repeat(20000); ;) Date.parse(s); }

// @case any: dates at the end of time
function handler(event) { [8.64e15, -8.64e15, 8.64e15 + 1, NaN, Infinity, 1e300].forEach(t => { var d = new Date(t); try { d.toISOString() } catch (e) {} d.setMonth(1e9); d.toString(); d.toLocaleString('xx', {}); d.getTimezoneOffset(); Date.UTC(t, t, t) }); return event.request; }

// @case any: dates whose text is nonsense
function handler(event) { ['(', '('.repeat(10000), '1'.repeat(1000), 'T', '2020-01-01T', '+275760-09-13T00:00:00.001Z', '2020-01-01T00:00:00.' + '9'.repeat(500) + 'Z', 'Mon, ' + ' '.repeat(5000), '\u0000', '2020-13-45', 'GMT+99:99:99'].forEach(s => Date.parse(s)); return event.request; }

// @case any: numbers in every radix
function handler(event) { for (var r = 2; r <= 36; r++) { (Number.MAX_VALUE).toString(r); (5e-324).toString(r); (-0.1).toString(r) } (1e21).toFixed(100); (5e-324).toFixed(100); (1 / 3).toPrecision(100); (1.5).toExponential(100); parseFloat('1'.repeat(20000)); parseInt('z'.repeat(20000), 36); Number('0x' + 'f'.repeat(20000)); return event.request; }

// @case error: radix whose valueOf throws
function handler(event) { (5).toString({valueOf() { throw new Error('no') }}); }

// @case killed: Math over and over
function handler(event) { for (var x = 0.5; ;) x = Math.pow(Math.sin(x), Math.cos(x)) + Math.hypot(x, x) + Math.sumPrecise([x, 1, -x]); }

// @case stopped: random numbers without end, in one string
function handler(event) { for (var s = ''; ;) s += Math.random(); }
