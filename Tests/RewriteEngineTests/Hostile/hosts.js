// crypto, querystring, TextEncoder, TextDecoder, console: much of it, and user code called out of it.

// @case killed: hash of much
function handler(event) { var h = require('crypto').createHash('sha256'), b = Buffer.alloc(1e6); for (;;) h.update(b); }

// @case killed: one update with megabytes
function handler(event) { var b = Buffer.alloc(1800000); for (;;) require('crypto').createHash('md5').update(b); }

// @case memory: hash objects by the thousand
function handler(event) { var c = require('crypto'); for (var a = []; ;) a.push(c.createHash('sha1')); }

// @case killed: HMAC keyed with a megabyte
function handler(event) { var c = require('crypto'), key = Buffer.alloc(1500000); for (;;) c.createHmac('sha256', key); }

// @case request: hashes used in every wrong way
function handler(event) {
  var c = require('crypto'), h = c.createHash('md5'), tries = [() => c.createHash(), () => c.createHash({toString() { return 'md5' }}), () => c.createHash('x'.repeat(100000)), () => c.createHmac('md5'), () => c.createHmac('md5', null),
    () => h.update(), () => h.update(5), () => h.update(null), () => h.update({}), () => h.update('zz', 'hex'), () => h.update('x', 'y'), () => h.update.call({}, 'x'), () => h.update.call(5, 'x'), () => h.digest.call(c), () => h.digest('x'),
    () => Object.create(h).update('x'), () => new Proxy(h, {}).update('x'), () => h.constructor('md5'), () => h.update(new Proxy([], {})), () => { h.digest(); h.digest() }, () => c.createHash.call(null, 'md5').digest({})];
  for (var t of tries) try { t() } catch (e) { if (e.name !== 'TypeError') throw e }
  return event.request;
}

// @case any: update with a buffer that is detached or out of bounds
function handler(event) {
  var c = require('crypto'), ab = new ArrayBuffer(1000, {maxByteLength: 2000}), tail = new Uint8Array(ab, 900, 100), rest = new Uint8Array(ab, 500);
  ab.resize(600); try { c.createHash('md5').update(tail) } catch (e) {} try { c.createHash('md5').update(rest).digest() } catch (e) {} ab.resize(400); try { c.createHash('md5').update(rest) } catch (e) {}
  var d = new Uint8Array(100); d.buffer.transfer(); try { c.createHash('md5').update(d) } catch (e) {} try { c.createHmac('md5', d) } catch (e) {} c.createHash('md5').update(ab); ab.transfer(); try { c.createHash('md5').update(ab).digest() } catch (e) {}
  return event.request;
}

// @case stopped: querystring of a megabyte with no limit
function handler(event) { require('querystring').parse('a&'.repeat(400000), null, null, {maxKeys: 0}); }

// @case stopped: querystring with one key a hundred thousand times
function handler(event) { require('querystring').parse('a=1&'.repeat(200000), null, null, {maxKeys: 2 ** 31 - 1}); }

// @case request: maxKeys that is no number
function handler(event) { var q = require('querystring'); [NaN, -1, Infinity, 0.5, 2 ** 53, '7', {valueOf() { throw 1 }}, 1n].forEach(n => q.parse('a&b&c', '&', '=', {maxKeys: n})); return event.request; }

// @case error: decodeURIComponent that throws
function handler(event) { require('querystring').parse('a=1', '&', '=', {decodeURIComponent() { throw new Error('mine') }}); }

// @case killed: decodeURIComponent that never returns
function handler(event) { require('querystring').parse('a=1', '&', '=', {decodeURIComponent() { for (;;) ; }}); }

// @case any: decodeURIComponent that gives objects, symbols, proxies
function handler(event) {
  var q = require('querystring'), n = 0, given = [{}, [], null, undefined, 5, Symbol('x'), 10n, new Proxy([], {get() { throw new Error('mine') }, has() { throw 1 }, defineProperty() { throw 2 }}), '__proto__', [1, 2], 'length', '0'];
  for (var i = 0; i < 200; i++) try { q.parse('a=1&b=2&c=3&d=4', '&', '=', {decodeURIComponent: () => given[(n++ * 7 + i) % given.length]}) } catch (e) {}
  return event.request;
}

// @case any: separators that are objects, empty, long
function handler(event) { var q = require('querystring'); ['', 'a'.repeat(100000), {toString() { throw new Error('x') }}, ['&'], 5, '\u0000', '€'].forEach(s => { try { q.parse('a=1&b=2€c', s, s) } catch (e) {} try { q.stringify({a: [1, 2], b: 'x'}, s, s) } catch (e) {} }); return event.request; }

// @case error: text whose toString throws, in stringify
function handler(event) { require('querystring').stringify({a: 1}, {toString() { throw new Error('mine') }}); }

// @case any: stringify of what changes while it is written
function handler(event) {
  var q = require('querystring'), o = {a: 1, get b() { delete o.c; o.d = [1]; return [1, 2, 3] }, c: 2, get e() { var l = [1, 2, 3]; Object.defineProperty(l, 0, {get() { l.length = 0; return 'x' }}); return l }};
  q.stringify(o); q.stringify(new Proxy(o, {ownKeys: () => ['a', 'zz', 'b'], getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true})}));
  q.stringify({a: 1}, '&', '=', {encodeURIComponent: () => ({toString() { o = null; return 'x'.repeat(1000) }})}); return event.request;
}

// @case stopped: stringify of a list of four billion
function handler(event) { require('querystring').stringify({a: new Array(2 ** 32 - 1)}); }

// @case stopped: escape and unescape of megabytes
function handler(event) { var q = require('querystring'); for (;;) q.unescape(q.escape('ä'.repeat(100000))); }

// @case any: escapes that end in the middle
function handler(event) { var q = require('querystring'); ['%', '%%', '%a', '%zz', '%C3', '%C3%', '%F0%9F%98', '%00', '%' + 'F'.repeat(1000)].forEach(s => { q.unescape(s); q.parse(s + '=' + s) }); return event.request; }

// @case stopped: TextDecoder on giant input
function handler(event) { var b = new Uint8Array(600000).fill(0xe2), d = new TextDecoder(); for (;;) d.decode(b); }

// @case stopped: TextEncoder on giant input
function handler(event) { var e = new TextEncoder(), s = '€'.repeat(150000); for (;;) e.encode(s); }

// @case request: encodeInto at every edge
function handler(event) {
  var e = new TextEncoder(); for (var n = 0; n < 12; n++) for (var s of ['', 'a', 'é', '€', '😀', 'a😀b', '\ud800', '\udc00a', '\u0000']) { var t = new Uint8Array(n + 2).fill(9), r = e.encodeInto(s.repeat(3), t.subarray(1, n + 1)); if (t[0] !== 9 || t[n + 1] !== 9 || r.written > n) throw new Error('beyond') }
  return event.request;
}

// @case any: encodeInto whose text detaches the array
function handler(event) { var e = new TextEncoder(), a = new Uint8Array(100000); try { e.encodeInto({toString() { a.buffer.transfer(0); return 'x'.repeat(90000) }}, a) } catch (x) {} [null, {}, 'x', new ArrayBuffer(5), new Float64Array(2)].forEach(t => { try { e.encodeInto('abc', t) } catch (x) {} }); return event.request; }

// @case any: decode whose options detach the array
function handler(event) { var a = new Uint8Array(100000), d = new TextDecoder(); Object.defineProperty(d, 'fatal', {get() { a.buffer.transfer(0); return true }}); try { d.decode(a) } catch (e) {} try { TextDecoder.prototype.decode.call(null, a) } catch (e) {} new TextDecoder('utf-8', {get fatal() { return {} }}); return event.request; }

// @case any: TextDecoder and TextEncoder made in every wrong way
function handler(event) { [() => TextEncoder(), () => new TextDecoder('x'.repeat(100000)), () => new TextDecoder(Symbol('x')), () => Reflect.construct(TextEncoder, [], function () {}), () => Reflect.construct(TextDecoder, [], Object.defineProperty(function () {}.bind(), 'prototype', {get() { throw 1 }})), () => TextEncoder.prototype.encode.call(5, {toString() { throw 1 }})].forEach(f => { try { f() } catch (e) {} }); return event.request; }

// @case killed: atob and btoa of megabytes
function handler(event) { var s = 'x'.repeat(200000); for (;;) atob(btoa(s)); }

// @case any: atob of what is not base64
function handler(event) { ['=', '====', 'a', 'ab=c', '\u0000', '€', ' '.repeat(10000), 'A'.repeat(10001), {toString() { throw 1 }}].forEach(s => { try { atob(s) } catch (e) {} try { btoa(s) } catch (e) {} }); return event.request; }

// @case killed: console flood
function handler(event) { for (;;) console.log('x'.repeat(50)); }

// @case killed: console flood of empty lines
function handler(event) { for (;;) console.log(); }

// @case request: console.log with ten thousand arguments
function handler(event) { console.log(...new Array(10000).fill('x')); return event.request; }

// @case any: console.log of a string of a megabyte
function handler(event) { console.log('€'.repeat(300000), 'x'); return event.request; }

// @case error: console.log of a ring
function handler(event) { var o = {}; o.o = o; console.log(o); }

// @case error: console.log of what throws
function handler(event) { console.log({get a() { throw new Error('mine') }}); }

// @case killed: console.log of what never ends
function handler(event) { console.log({toJSON() { for (;;) ; }}); }

// @case request: console.log inside the arguments of console.log, until the log is full
function handler(event) {
  var big = 'x'.repeat(6000), inner = {toJSON() { console.log(big); return 'y' }};
  for (var i = 0; i < 20; i++) console.log(big, inner, big, inner); return event.request;
}

// @case request: console.log inside the arguments of console.log, until its lines are used up
function handler(event) {
  console.log('outer', {toJSON() { for (var i = 0; i < 600; i++) console.log(i); return 'y' }});
  for (var i = 0; i < 2000; i++) console.log('xxxxxxxxxxxxxxxxxxxxxxx'); return event.request;
}

// @case any: console.log of symbols, functions, proxies, errors, revoked things
function handler(event) { var r = Proxy.revocable({}, {}); r.revoke(); [Symbol('x'), () => 1, new Proxy({}, {}), new Proxy(() => 1, {}), new Error('x'), r.proxy, null, undefined, 1n, -0, NaN, new Map(), Buffer.from('x'), event, globalThis, Object.create(null), [, ,], new Date(NaN), /x/].forEach(v => { try { console.log(v, v) } catch (e) {} }); return event.request; }

// @case request: control characters in the log
function handler(event) { console.log('a\nb\r\n\u0000\u001b[31m\u2028', '\ud800'); return event.request; }

// @case any: require in every wrong way
function handler(event) { [undefined, null, 5, {}, [], Symbol('x'), '__proto__', 'fs', './x', 'node:crypto', 'x'.repeat(100000), {toString() { throw 1 }}, 'cloudfront'].forEach(n => { try { require(n) } catch (e) {} }); try { new require('crypto') } catch (e) {} require('buffer').Buffer; return event.request; }

// @case clean: modules are changed for this run only
function handler(event) {
  var c = require('crypto'), q = require('querystring'); event.request.uri = c.mark || q.parse.mark || Buffer.mark || Buffer.prototype.mark || TextEncoder.mark || console.mark || require.mark ? '/marked' : '/clean';
  c.mark = q.parse.mark = Buffer.mark = Buffer.prototype.mark = TextEncoder.mark = console.mark = require.mark = 1; c.createHash = q.parse = null; delete Buffer.from; return event.request;
}

// @case any: byte strings of everything, runtime 1.0
function handler(event) {
  [undefined, null, {}, [], [1, 2, {}], [{valueOf() { throw 1 }}], 'zz', 'abc', new Array(1000)].forEach(v => ['hex', 'base64', 'utf8', undefined, {}].forEach(e => { try { String.bytesFrom(v, e) } catch (x) {} }));
  ['fromBytes', 'fromUTF8', 'toBytes', 'toUTF8'].forEach(n => [-1, 0, 1, 2e9, NaN, {}].forEach(p => [undefined, null, 5, 'é€', '\ud800', {slice() { return {toString() { throw 1 }} }}, {slice: 5}, {slice: () => 5}].forEach(t => { try { String.prototype[n].call(t, p, p) } catch (x) {} })));
  return event.request;
}

// @case any: list whose length changes under bytesFrom, runtime 1.0
function handler(event) { var l = [1, 2, 3, 4]; Object.defineProperty(l, 1, {get() { l.length = 0; return 65 }}); event.request.uri = '/' + String.bytesFrom(l).length; return event.request; }

// @case memory: bytesFrom of four billion, runtime 1.0
function handler(event) { String.bytesFrom(new Array(4294967295)); }

// @case response: decoder that decodes in its own options, of a buffer that is gone
function handler(event) {
  var d = new TextDecoder(), b = new Uint8Array([226, 130]);
  try { d.decode(b, {get stream() { for (var i = 0; i < 9; i++) d.decode(b, {stream: true}); b.buffer.transfer(0); b = new Uint8Array([226]); return true }}) } catch (e) {}
  return {statusCode: 200, body: d.decode(b, {stream: true}) + d.decode()};
}

// @case killed: decoder fed for ever
function handler(event) { for (var d = new TextDecoder(), b = new Uint8Array([240, 159, 152]); ;) d.decode(b, {stream: true}); }
