// Promises, async functions and the job queue.

// @case pending: promise that never settles
function handler(event) { return new Promise(() => {}); }

// @case pending: await of what never settles
async function handler(event) { await new Promise(() => {}); return event.request; }

// @case pending: thenable that never calls back
async function handler(event) { await {then() {}}; return event.request; }

// @case error: thenable that throws
async function handler(event) { await {then() { throw new Error('no') }}; }

// @case error: thenable whose then is a throwing getter
async function handler(event) { await {get then() { throw new Error('no') }}; }

// @case killed: thenable that never returns
async function handler(event) { await {then() { for (;;) ; }}; }

// @case stopped: thenable that resolves with itself again
async function handler(event) { var t = {then(r) { r({then: t.then}) }}; await t; }

// @case error: promise resolved with itself
function handler(event) { var r, p = new Promise(x => r = x); r(p); return p; }

// @case stopped: jobs that make jobs
function handler(event) { var f = () => Promise.resolve().then(f); f(); return new Promise(() => {}); }

// @case stopped: jobs that make two jobs
function handler(event) { var f = () => { Promise.resolve().then(f); Promise.resolve().then(f) }; f(); return new Promise(() => {}); }

// @case error: queueMicrotask, which is not there
async function handler(event) { var f = () => queueMicrotask(f); f(); await new Promise(() => {}); }

// @case error: async recursion
async function handler(event) { async function f() { return (await 0, f()) } function g() { return g() + 1 } await g(); }

// @case stopped: async recursion without end
async function handler(event) { async function f() { await null; return f() } return f(); }

// @case any: await in a loop of ten thousand
async function handler(event) { for (var i = 0; i < 9000; i++) await i; return event.request; }

// @case stopped: await in a loop without end
async function handler(event) { for (;;) await null; }

// @case stopped: async generator without end
async function handler(event) { async function* g() { for (;;) yield 1 } for await (var x of g()) ; }

// @case error: rejection with a throwing toString
async function handler(event) { throw {toString() { throw 'again' }}; }

// @case error: rejection with undefined
function handler(event) { return Promise.reject(); }

// @case killed: rejection with a stack that never ends
async function handler(event) { throw {get stack() { for (;;) ; }, toString() { return 'x' }}; }

// @case any: unhandled rejections by the thousand
async function handler(event) { for (var i = 0; i < 2000; i++) Promise.reject(new Error('x' + i)); return event.request; }

// @case request: then patched away
async function handler(event) { Promise.prototype.then = () => { throw new Error('mine') }; await null; return event.request; }

// @case any: Promise.resolve patched, Promise.all over it
async function handler(event) { Promise.resolve = () => ({then(f) { f(f) }}); await Promise.all([1, 2, 3]); return event.request; }

// @case any: species of a promise that is no promise
async function handler(event) {
  class P extends Promise { static get [Symbol.species]() { return function (f) { f(() => {}, () => {}); return {} } } }
  try { new P(r => r(1)).then(x => x).then } catch (e) {}
  return event.request;
}

// @case invalid: object with a then that is returned, not awaited
function handler(event) { return {then(f) { f(event.request) }}; }

// @case any: promise subclass as the result
function handler(event) { class P extends Promise {} return new P(r => r(event.request)); }

// @case any: proxy of a promise as the result
function handler(event) { return new Proxy(Promise.resolve(event.request), {}); }

// @case stopped: Promise.all of an endless iterator
function handler(event) { return Promise.all({[Symbol.iterator]: () => ({next: () => ({done: false, value: 1})})}); }

// @case any: resolve functions called a hundred thousand times
function handler(event) { return new Promise((y, n) => { for (var i = 0; i < 5000; i++) { y(event.request); n(1) } }); }

// @case any: promise in a promise in a promise
async function handler(event) { var p = Promise.resolve(event.request); for (var i = 0; i < 3000; i++) p = Promise.resolve(p).then(x => x); return p; }

// @case error: import of what is not there
async function handler(event) { await import('fs'); }

// @case any: import of a thousand modules
async function handler(event) { for (var i = 0; i < 1000; i++) import('x' + i).catch(() => {}); return event.request; }

// @case any: Array.fromAsync with a list that changes
async function handler(event) { var a = [1, 2, 3, Promise.resolve(4)]; var p = Array.fromAsync(a, () => { a.length = 0; return {} }); a.length = 1; await p; return event.request; }
