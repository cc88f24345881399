// Marks left for the next run: each function looks for its mark (and would answer /marked), leaves one, and goes on as /clean.

// @case clean: top-level variables
var mark, list = [], map = new Map(); let hidden = {n: 0}; const fixed = {};
function handler(event) {
  var seen = mark || list.length || map.size || hidden.n || fixed.mark; mark = 1; list.push(1); map.set(1, 1); hidden.n++; fixed.mark = 1;
  event.request.uri = seen ? '/marked' : '/clean'; return event.request;
}

// @case clean: properties of the global object
function handler(event) { var seen = globalThis.mark; globalThis.mark = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: closures made at the top
var counter = (() => { var n = 0; return () => n++ })();
function handler(event) { event.request.uri = counter() ? '/marked' : '/clean'; return event.request; }

// @case clean: generator that was begun at the top
var numbers = (function* () { for (var i = 0; ; i++) yield i })();
function handler(event) { event.request.uri = numbers.next().value ? '/marked' : '/clean'; return event.request; }

// @case clean: prototypes
function handler(event) {
  var seen = [].mark || ''.mark || (1).mark || ({}).mark || (() => 1).mark || /x/.mark || new Date().mark || Promise.resolve().mark || 1n.mark || Symbol.iterator.mark || new Error().mark;
  for (var c of [Array, String, Number, Object, Function, RegExp, Date, Promise, BigInt, Symbol, Error]) c.prototype.mark = 1;
  event.request.uri = seen ? '/marked' : '/clean'; return event.request;
}

// @case clean: prototypes that have no name
function handler(event) {
  var hidden = [Object.getPrototypeOf(function* () {}), Object.getPrototypeOf(async () => {}), Object.getPrototypeOf([][Symbol.iterator]()), Object.getPrototypeOf(Uint8Array), Object.getPrototypeOf('x'.matchAll(/x/g))], seen = hidden.some(p => p.mark);
  hidden.forEach(p => p.mark = 1); event.request.uri = seen ? '/marked' : '/clean'; return event.request;
}

// @case clean: the symbol registry
var before = Symbol.for('before');
function handler(event) { var s = Symbol.for('mark' + event.context.requestId), seen = globalThis[s] || before.mark || Object.prototype[before]; globalThis[s] = 1; Object.prototype[before] = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: lastIndex of an expression made at the top
var sticky = /x/g, other = new RegExp('a', 'y');
function handler(event) { var seen = sticky.lastIndex || other.lastIndex || sticky.mark || RegExp.$1; sticky.exec('axax'); other.test('a'); sticky.mark = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: expression compiled anew
var re = /a/;
function handler(event) { var seen = re.source !== 'a'; re.compile('b'); event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: template objects and function objects
function tag(s) { return s }
function strings() { return tag`x` }
var seenStrings = new WeakSet();
function handler(event) { var seen = seenStrings.has(strings()) || strings.mark || handler.mark; seenStrings.add(strings()); strings.mark = handler.mark = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: weak maps keyed by the event
var weak = new WeakMap();
function handler(event) { var seen = weak.get(event) || weak.get(event.request) || weak.get(handler); weak.set(event, 1); weak.set(event.request, 1); weak.set(handler, 1); event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: the event itself
function handler(event) {
  var seen = event.mark || event.request.mark || event.request.headers.mark || event.viewer.mark || event.context.mark || Object.getPrototypeOf(event.request).mark || event.request.rawQueryString.mark;
  event.mark = event.request.mark = event.viewer.mark = event.context.mark = event.request.rawQueryString.mark = 1; event.request.headers.mark = {value: '1'};
  delete event.request.mark; event.request.uri = seen ? '/marked' : '/clean'; return event.request;
}

// @case clean: frozen and sealed events
function handler(event) { var seen = Object.isFrozen(event) || Object.isSealed(event.request) || !Object.isExtensible(event.request.headers); event.request.uri = seen ? '/marked' : '/clean'; Object.freeze(event); Object.seal(event.request); Object.preventExtensions(event.request.headers); return event.request; }

// @case clean: the handler replaced
function handler(event) { globalThis.handler = () => ({statusCode: 500}); event.request.uri = '/clean'; return event.request; }

// @case clean: built-ins replaced or gone
function handler(event) {
  event.request.uri = typeof JSON === 'object' && typeof Array.prototype.map === 'function' && Math.max(1, 2) === 2 && Object.keys({a: 1}).length === 1 ? '/clean' : '/marked';
  delete globalThis.JSON; delete Array.prototype.map; Math.max = () => 7; Object.keys = () => []; delete globalThis.Object; return event.request;
}

// @case clean: property order and shapes
var shaped = {a: 1, b: 2};
function handler(event) { var seen = Object.keys(shaped).join() !== 'a,b'; delete shaped.a; shaped.a = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: array holes, lengths and typed memory
var slots = new Array(10), memory = new Uint8Array(64), view = new DataView(new ArrayBuffer(8)), growing = new ArrayBuffer(8, {maxByteLength: 64});
function handler(event) { var seen = 3 in slots || memory[7] || view.getInt8(0) || growing.byteLength !== 8 || memory.length !== 64; slots[3] = 1; memory[7] = 1; view.setInt8(0, 1); growing.resize(64); memory.buffer.transfer(); event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: promises settled and reactions left behind
var settle, promise = new Promise(r => settle = r), ran = 0;
async function handler(event) { var seen = ran; settle(1); promise.then(() => ran++); await promise; await null; event.request.uri = seen ? '/marked' : '/clean'; Promise.resolve().then(() => { ran = 7 }); return event.request; }

// @case clean: jobs that were queued and never ran
var late = 0;
function handler(event) { var seen = late; for (var i = 0; i < 100; i++) Promise.resolve().then(() => late++); event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: Date
function handler(event) { var seen = Date.mark || new Date().mark || Date.now() !== new Date().getTime(); Date.mark = 1; Date.prototype.mark = 1; Date.now = () => 0; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: the seed of Math.random
var drawn = Math.random();
function handler(event) { var seen = globalThis.last !== undefined && globalThis.last === Math.random(); globalThis.last = Math.random(); event.request.uri = seen || Math.random() === drawn ? '/marked' : '/clean'; return event.request; }

// @case clean: names of properties in the order they were first used
function handler(event) { var names = Object.keys(Object.assign({}, {['n' + Math.floor(Math.random() * 1e9)]: 1, mark: 1})); var seen = names[1] !== 'mark'; for (var i = 0; i < 500; i++) ({})['atom' + i + Math.random()] = 1; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: error settings
function handler(event) { var seen = Error.prepareStackTrace || Error.stackTraceLimit === 3; Error.prepareStackTrace = () => 'mine'; Error.stackTraceLimit = 3; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: uninitialised memory
function handler(event) { var b = Buffer.allocUnsafe(300000), seen = !b.every(x => x === 0) || b.includes('MARK'); b.fill('MARK'); event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case clean: console log of the last run
function handler(event) { console.log('mark'); event.request.uri = '/clean'; return event.request; }

// @case clean: a mark left right before a kill, read by the next run
var n = 0;
function handler(event) { if (n || globalThis.mark || [].mark) { event.request.uri = '/marked'; return event.request } event.request.uri = '/clean'; try { return event.request } finally { n = 1; globalThis.mark = 1; Array.prototype.mark = 1 } }

// @case killed: a mark that would end the next run early
var runs = 0;
function handler(event) { if (runs++) return event.request; for (;;) ; }

// @case memory: a mark left in memory that is then exhausted
var keep = [];
function handler(event) { if (keep.length) return event.request; for (;;) keep.push(new Uint8Array(100000).fill(1)); }

// @case error: a mark left by an exception
var thrown = 0;
function handler(event) { if (thrown++) return event.request; throw new Error('x'); }

// @case pending: a mark left by a promise that never settles
var waits = 0;
function handler(event) { if (waits++) return event.request; return new Promise(() => {}); }
