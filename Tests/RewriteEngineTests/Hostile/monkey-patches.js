// Built-ins replaced under the host: what the host does itself must not go through what a function can redefine.

// @case request: Array.prototype.push throws
function handler(event) { Array.prototype.push = () => { throw new Error('mine') }; event.request.headers['x-a'] = {value: 'a'}; return event.request; }

// @case request: Object.defineProperty throws
function handler(event) { Object.defineProperty = () => { throw new Error('mine') }; event.request.querystring.a.value = '7'; return event.request; }

// @case request: JSON.stringify throws under console.log
function handler(event) { JSON.stringify = () => { throw new Error('mine') }; console.log({a: 1}); return event.request; }

// @case request: every method of String.prototype throws
function handler(event) {
  Object.getOwnPropertyNames(String.prototype).forEach(n => { if (typeof String.prototype[n] === 'function' && n !== 'constructor') String.prototype[n] = () => { throw new Error('mine') } });
  event.request.uri = '/x'; event.request.cookies.c = {value: '1'}; return event.request;
}

// @case request: every method of Array.prototype throws
function handler(event) {
  for (var n of Object.getOwnPropertyNames(Array.prototype)) if (n !== 'length') try { Object.defineProperty(Array.prototype, n, {value() { throw new Error('mine') }}) } catch (e) {}
  event.request.headers['x-many'].multiValue[1].value; return event.request;
}

// @case request: setters for all names of the event on Object.prototype
function handler(event) {
  ['value', 'multiValue', 'headers', 'cookies', 'host', 'accept', 'querystring', 'attributes', 'ip', 'requestId'].forEach(n =>
    Object.defineProperty(Object.prototype, n, {__proto__: null, set() { throw new Error('mine') }, get() { return undefined }, configurable: true}));
  event.request.headers.host; event.request.cookies.a; event.viewer.ip; event.context.requestId; event.request.querystring.a; return event.request;
}

// @case any: getters for all names of the event on Object.prototype
function handler(event) {
  ['value', 'multiValue', 'headers', 'cookies', 'querystring', 'attributes', 'statusCode', 'body'].forEach(n =>
    Object.defineProperty(Object.prototype, n, {__proto__: null, get() { return {value: 'polluted'} }, configurable: true}));
  return {uri: '/x'};
}

// @case request: numeric setters on Array.prototype
function handler(event) {
  for (var i = 0; i < 4; i++) Object.defineProperty(Array.prototype, i, {set() { throw new Error('mine') }, get: () => 'evil', configurable: true});
  event.request.headers['x-many'].multiValue; require('querystring').parse('a=1&a=2&a=3'); Buffer.from('abc').toJSON(); require('querystring').stringify({a: [1, 2]}); return event.request;
}

// @case any: numeric setters on Array.prototype under JSON
function handler(event) { for (var i = 0; i < 4; i++) Object.defineProperty(Array.prototype, i, {set() { throw new Error('mine') }, configurable: true}); console.log(event); return event.request; }

// @case any: Object.prototype polluted through __proto__ in JSON
function handler(event) { var o = JSON.parse('{"__proto__": {"statusCode": 500}}'); Object.assign({}.__proto__, o.__proto__); return event.request; }

// @case any: query parameters and cookies named __proto__
function handler(event) { event.request.querystring.__proto__ = {value: 'x'}; event.request.cookies['__proto__'] = {value: 'x'}; event.request.headers.__proto__ = null; return event.request; }

// @case request: Symbol.iterator of Array is gone
function handler(event) { delete Array.prototype[Symbol.iterator]; console.log([1, 2], 'x'); require('querystring').stringify({a: [1, 2]}); return event.request; }

// @case any: Symbol.species and constructor of typed arrays
function handler(event) {
  var b = Buffer.from('abcdef');
  b.constructor = {[Symbol.species]: function (n) { return new Uint8Array(1) }};
  try { b.map(x => x) } catch (e) {} b.subarray(1).toString(); b.slice(2); b.filter; Buffer.prototype.constructor = null; Buffer.from('x').slice(0);
  return event.request;
}

// @case request: Uint8Array is a getter that grows the globals while Buffer is made
function handler(event) {
  var own = Uint8Array, name = ['Buf', 'fer'].join('');
  Object.defineProperty(globalThis, 'Uint8Array', {configurable: true, get() { for (var i = 0; i < 3000; i++) globalThis['g' + i] = i; delete globalThis[name]; for (i = 0, a = []; i < 3000; i++) a.push({i}); return own }});
  var a; if (typeof globalThis[name] !== 'function') throw new Error('nothing'); for (var k in globalThis) globalThis[k];
  return event.request;
}

// @case request: Uint8Array is something else when Buffer is made
function handler(event) { globalThis.Uint8Array = {prototype: null}; if (globalThis[['Buf', 'fer'].join('')].from('abc').length !== 3) throw new Error('nothing'); return event.request; }

// @case any: Function.prototype.call and apply never return
function handler(event) { Function.prototype.call = Function.prototype.apply = () => { for (;;) ; }; require('querystring').parse('a=1', '&', '=', {decodeURIComponent: x => x}); return event.request; }

// @case killed: Symbol.hasInstance that never returns
function handler(event) { Object.defineProperty(Buffer, Symbol.hasInstance, {value() { for (;;) ; }}); return Buffer.from('a') instanceof Buffer; }

// @case any: Error is something else
function handler(event) { globalThis.Error = globalThis.TypeError = globalThis.RangeError = null; try { null.x } catch (e) { e.stack } try { Buffer.alloc(-1) } catch (e) { e.stack } return event.request; }

// @case error: Error.prototype.toString throws
function handler(event) { Error.prototype.toString = () => { throw null }; throw new Error('x'); }

// @case error: name and message of an error are getters that throw
function handler(event) { throw Object.defineProperties(new Error('x'), {name: {get() { throw 1 }}, message: {get() { throw 2 }}, stack: {get() { throw 3 }}}); }

// @case killed: Error.prepareStackTrace that never returns
function handler(event) { Error.prepareStackTrace = () => { for (;;) ; }; null.x; }

// @case error: Error.prepareStackTrace that throws
function handler(event) { Error.prepareStackTrace = () => { throw new Error('again') }; null.x; }

// @case any: Error.prepareStackTrace that calls what it is shown
function handler(event) {
  Error.prepareStackTrace = (e, sites) => sites.map(s => [s.getFunction && s.getFunction(), s.getThis && s.getThis(), s.getFileName && s.getFileName(), s.getLineNumber && s.getLineNumber()]);
  function victim() { return new Error('x').stack } var found = victim();
  try { found[0][0]() } catch (e) {} return event.request;
}

// @case any: Error.stackTraceLimit of everything
function handler(event) { [-1, 1e9, NaN, '7', {valueOf() { throw 1 }}, 2 ** 31].forEach(n => { try { Error.stackTraceLimit = n; null.x } catch (e) { String(e && e.stack) } }); return event.request; }

// @case any: Error.captureStackTrace on the event
function handler(event) { Error.captureStackTrace(event.request); Error.captureStackTrace(event.request.headers); return event.request; }

// @case any: Object.prototype is frozen, everything is frozen
function handler(event) {
  (function freeze(o) { if (!o || (typeof o !== 'object' && typeof o !== 'function') || Object.isFrozen(o)) return; try { Object.freeze(o) } catch (e) {} for (var k of Reflect.ownKeys(o)) try { freeze(o[k]) } catch (e) {} })(globalThis);
  event.request.headers['x-a'] = {value: 'a'}; return event.request;
}

// @case request: all globals deleted
function handler(event) { var r = event.request; Object.getOwnPropertyNames(globalThis).forEach(n => { try { delete globalThis[n] } catch (e) {} }); r.headers['x-a'] = {value: 'a'}; return r; }

// @case error: handler deletes itself and goes on
function handler(event) { globalThis.handler = null; delete globalThis.handler; return handler(event); }

// @case any: Proxy as the prototype of Object.prototype
function handler(event) { try { Object.setPrototypeOf(Object.prototype, new Proxy({}, {get() { for (;;) ; }})) } catch (e) {} return event.request; }

// @case killed: Proxy as the prototype of the request
function handler(event) { Object.setPrototypeOf(event.request, new Proxy({}, {get() { for (;;) ; }})); return event.request; }

// @case any: Math replaced by a proxy of itself
function handler(event) { globalThis.Math = new Proxy(Math, {get(t, k) { return () => NaN }}); Buffer.alloc(Math.random()); return event.request; }

// @case any: Array.isArray, Object.keys, Reflect.ownKeys lie
function handler(event) { Array.isArray = () => true; Object.keys = () => ['evil']; Reflect.ownKeys = () => { throw 1 }; return {statusCode: 200, headers: {a: {value: 'b'}}, cookies: {c: {value: 'd'}}}; }
