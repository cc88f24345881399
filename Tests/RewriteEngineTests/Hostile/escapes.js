// Ways out of the sandbox: every one of them must fail, and say so.

// @case error: eval
function handler(event) { eval('1'); }

// @case error: indirect eval
function handler(event) { (0, globalThis.eval)('1'); }

// @case error: Function
function handler(event) { new Function('return 1')(); }

// @case error: constructor of a constructor
function handler(event) { return handler.constructor.constructor('return 1')(); }

// @case error: constructor of an array's constructor
function handler(event) { return [].constructor.constructor('return globalThis')(); }

// @case error: constructor of async functions
function handler(event) { return (async () => {}).constructor('return 1')(); }

// @case error: constructor of generators
function handler(event) { return (function* () {}).constructor('yield 1')().next(); }

// @case error: constructor of async generators
function handler(event) { return (async function* () {}).constructor('yield 1')().next(); }

// @case error: constructor of a host function
function handler(event) { return console.log.constructor('return 1')(); }

// @case error: constructor of crypto's functions
function handler(event) { return require('crypto').createHash.constructor('return 1')(); }

// @case error: Reflect.construct of Function
function handler(event) { Reflect.construct(handler.constructor, ['return 1']); }

// @case error: Function bound, called and proxied
function handler(event) { new Proxy(handler.constructor.bind(null, 'return 1'), {})(); }

// @case error: caller of a strict function
function handler(event) { return handler.caller; }

// @case error: callee of the arguments
function handler(event) { return arguments.callee; }

// @case error: timers
function handler(event) { setTimeout(() => 1, 1); }

// @case error: network
function handler(event) { fetch('http://169.254.169.254/'); }

// @case error: process
function handler(event) { process.exit(1); }

// @case error: the engine's own libraries
function handler(event) { std.exit(1); }

// @case error: files by require
function handler(event) { require('fs').readFileSync('/etc/passwd'); }

// @case error: native modules by import
async function handler(event) { (await import('/usr/lib/libc.so')).system('id'); }

// @case error: load scripts
function handler(event) { loadScript('/etc/passwd'); }

// @case error: shared memory
function handler(event) { new SharedArrayBuffer(8); }

// @case error: Atomics
function handler(event) { Atomics.wait(new Int32Array(8), 0, 0, 1e9); }

// @case error: weak references
function handler(event) { new WeakRef({}); }

// @case error: finalizers
function handler(event) { new FinalizationRegistry(() => 1); }

// @case error: WebAssembly
function handler(event) { new WebAssembly.Module(new Uint8Array(8)); }

// @case error: another realm
function handler(event) { new ShadowRealm(); }

// @case error: garbage collection on demand
function handler(event) { gc(); }

// @case request: this of a plain call is not the global
function handler(event) { if ((function () { return this })() !== undefined) throw new Error('sloppy'); return event.request; }

// @case request: nothing of the host is on the prototype of what it gives
function handler(event) {
  for (var o of [event, event.request, event.request.headers, event.request.headers.host, event.viewer, event.context, require('crypto'), require('querystring'), console])
    if (Object.getPrototypeOf(o) !== Object.prototype) throw new Error('another prototype');
  return event.request;
}

// @case request: rawQueryString called on anything
function handler(event) { var f = event.request.rawQueryString; [undefined, null, 5, {}, globalThis].forEach(t => { if (f.call(t) !== 'a=1&b=2&a=3') throw new Error('x') }); new Proxy(f, {})(); try { new f() } catch (e) {} return event.request; }
