// Everything at once: host functions called at random with arguments whose conversion detaches buffers, deletes names and calls on.
// Every run is another one; under AddressSanitizer (Documentation/security.md) this is the fuzzer of the host modules.

// @case any: random calls with random mischief
var crypto = require('crypto'), qs = require('querystring'), cf = require('cloudfront'), kvs = cf.kvs();
function pick(a) { return a[Math.floor(Math.random() * a.length)] }
var numbers = [0, 1, -1, 2, 3, 4, 7, 8, 9, 16, 100, 255, 256, 1000, -8, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, NaN, Infinity, -Infinity, 0.5, -0];
var strings = ['', 'a', 'abc', 'hex', 'base64', 'base64url', 'utf8', 'latin1', 'md5', 'sha256', 'é', '€', '😀', '\ud800', '\udc00', '%41', '%', '%C3%A9', 'a=1&b=2&a=3', '&', '=', 'zz', 'length', '0', '__proto__', 'host', 'x-a', 'x'.repeat(300), '\u0000', 'constructor', 'aGVsbG8=', '616263'];
function handler(event) {
  var buffers = [], depth = 0, r = event.request, budget = 400;
  function buffer() {
    if (buffers.length > 8) buffers.splice(0, 4);
    var b; switch (Math.floor(Math.random() * 7)) {
      case 0: b = Buffer.alloc(pick([0, 1, 7, 8, 64, 1000])); break;
      case 1: b = Buffer.from(new ArrayBuffer(pick([0, 8, 64, 500]), {maxByteLength: 1000})); break;
      case 2: b = new Float64Array(new ArrayBuffer(64, {maxByteLength: 1024})); break;
      case 3: b = new Uint8Array(new ArrayBuffer(64, {maxByteLength: 1024}), pick([0, 8, 60])); break;
      case 4: b = Buffer.from(pick(strings)); break;
      case 5: b = new DataView(new ArrayBuffer(32)); if (Math.random() < 0.5) Object.defineProperty(b, pick(['byteOffset', 'byteLength', 'buffer']), {get() { mischief(); return pick([0, 8, evil(), {valueOf() { mischief(); return 4 }}]) }}); break;
      default: b = new Uint16Array(33);
    }
    buffers.push(b); return b;
  }
  function mischief() {
    if (budget-- < 0) return;
    try { switch (Math.floor(Math.random() * 14)) {
      case 0: pick(buffers).buffer.transfer(pick([0, 1, 5000])); break;
      case 1: pick(buffers).buffer.resize(pick([0, 1, 8, 100, 1000])); break;
      case 2: console.log(value(), value()); break;
      case 3: delete r.headers[pick(Object.keys(r.headers))]; break;
      case 4: r.headers[pick(['x-', 'y', 'accept', 'x-many']) + Math.floor(Math.random() * 20)] = value(); break;
      case 5: r.querystring[pick(strings) + Math.random()] = value(); break;
      case 6: Object.defineProperty(pick([r, r.headers, r.cookies, r.querystring]), pick(['x-g', 'a', 'host', 'uri', 'q' + Math.random()]), {configurable: true, enumerable: true, get() { mischief(); return value() }}); break;
      case 7: call(); break;
      case 8: delete globalThis[pick(Object.getOwnPropertyNames(globalThis).filter(n => !/handler|event/.test(n)))]; break;
      case 9: for (var i = 0; i < 60; i++) globalThis['g' + Math.random()] = i; break;
      case 10: Object.freeze(pick([r.headers, r.cookies, pick(buffers)])); break;
      case 11: delete r.querystring[pick(Object.keys(r.querystring))]; break;
      case 12: Object.setPrototypeOf(pick([r.headers, pick(buffers), crypto]), pick([null, {}, Buffer.prototype, new Proxy({}, {get() { mischief(); return value() }})])); break;
      default: r.cookies[pick(strings)] = value();
    } } catch (e) {}
  }
  function evil() {
    var f = () => { mischief(); return pick([0, 1, 'a', 'x'.repeat(40), 8, -1, null, undefined, 'hex', 10n, pick(strings), pick(numbers)]) };
    switch (Math.floor(Math.random() * 5)) {
      case 0: return {valueOf: f, toString: f};
      case 1: return {toString: f, toJSON: f, get value() { f(); return pick(strings) }, get multiValue() { f(); return pick([undefined, [evil(), value()]]) }, get attributes() { return f() }};
      case 2: return {[Symbol.toPrimitive]: f, get length() { f(); return pick([0, 1, 3, 50]) }, get 0() { return f() }, get 1() { return evil() }, get data() { f(); return pick([[1, 2, evil()], 'x', undefined]) }, get encoding() { return f() }};
      case 3: var l = [1, 2, 3, 4]; Object.defineProperty(l, pick([0, 1, 2]), {configurable: true, get() { f(); l.length = pick([0, 1, 3, 50]); return value() }}); return l;
      default: return new Proxy(pick([{}, [], () => 1, {value: 'x'}]), {get(t, k) { f(); return k === 'length' ? pick([0, 2, 5]) : Reflect.get(t, k) }, ownKeys(t) { f(); return Reflect.ownKeys(t) }, has() { f(); return true }});
    }
  }
  function value() {
    if (depth++ > 60) return 1;
    switch (Math.floor(Math.random() * 10)) {
      case 0: case 1: return pick(numbers);
      case 2: case 3: return pick(strings);
      case 4: case 5: return buffers.length && Math.random() < 0.7 ? pick(buffers) : buffer();
      case 6: return evil();
      case 7: return pick([undefined, null, true, 5n, Symbol.iterator, [], {}, [1, [2], 'x'], {value: 'v'}, {a: 1, b: [2, 3]}, {format: pick(['json', 'bytes', evil()])}, parameters(), {decodeURIComponent: evilFunction(), encodeURIComponent: evilFunction(), maxKeys: pick(numbers)}]);
      case 8: return {value: pick(strings), multiValue: pick([undefined, [{value: 'm'}, evil()], [{value: '1'}, {value: '2'}]])};
      default: return pick([r, r.headers, r.cookies, r.querystring, event, r.headers.host, crypto]);
    }
  }
  function parameters() {
    var names = ['a.example', 'b.example', evil()], text = () => pick(['a.example', 'https', '/x', value()]);
    return {get domainName() { mischief(); return text() }, hostHeader: text(), originPath: '/x', allowedCertificateNames: names, customHeaders: {['x-' + Math.random()]: 'v', get 'x-g'() { mischief(); return 'w' }},
      timeouts: {readTimeout: pick([5, value()])}, customOriginConfig: pick([undefined, {port: 443, protocol: 'https', sslProtocols: ['TLSv1.2', value()]}]), originIds: ['a', pick(['b', {originId: 'c', originOverrides: {sni: text()}}])],
      failoverCriteria: {statusCodes: [500, pick([502, value()])]}};
  }
  function evilFunction() { return x => { mischief(); return pick([x, x + x, 1, [], {}, evil(), undefined]) } }
  function call() {
    var own = pick([Buffer, Buffer.prototype, crypto, qs, console, cf, cf, kvs, TextEncoder.prototype, TextDecoder.prototype, 'hash', 'hash', globalThis]), target = own;
    if (own === 'hash') { target = Math.random() < 0.5 ? crypto.createHash(pick(['md5', 'sha1', 'sha256'])) : crypto.createHmac('sha1', value()); own = Object.getPrototypeOf(target) }
    if (own === kvs) own = Object.getPrototypeOf(kvs);
    var name = own === globalThis ? pick(['require', 'atob', 'btoa', 'escape', 'encodeURIComponent', 'String']) : pick(Object.getOwnPropertyNames(own));
    var self = own === Buffer.prototype ? pick(buffers) || buffer() : own === TextDecoder.prototype ? new TextDecoder(undefined, pick([undefined, {}, {fatal: true}])) : own === TextEncoder.prototype ? new TextEncoder() : target;
    if (Math.random() < 0.05) self = value();
    var result = own[name].apply(self, [value(), value(), value(), value()].slice(0, Math.floor(Math.random() * 5)));
    if (result && result.buffer) buffers.push(result);
  }
  for (var i = 0; i < 150; i++) { depth = 0; try { call() } catch (e) {} }
  switch (Math.floor(Math.random() * 6)) {
    case 0: return {statusCode: 200, headers: value(), cookies: value(), body: value()};
    case 1: return {uri: '/x', headers: r.headers, querystring: value(), cookies: r.cookies};
    case 2: return value();
    default: for (i = 0; i < 5; i++) mischief(); return r;
  }
}
