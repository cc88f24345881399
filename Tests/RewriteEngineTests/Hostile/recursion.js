// The C stack: every way into recursion ends in a RangeError that can be caught.

// @case error: plain recursion
function handler(event) { return handler(event) + 1; }

// @case request: recursion that is caught
function handler(event) { function f() { return f() + 1 } try { f() } catch (e) { if (e.name !== 'RangeError') throw e } return event.request; }

// @case any: recursion in every catch
function handler(event) { function f(n) { try { return f(n + 1) + 1 } catch (e) { return n < 5 ? f(n) : 0 } } f(0); return event.request; }

// @case killed: recursion in every catch and finally
function handler(event) { function f() { try { f() } finally { try { f() } catch (e) {} f() } } f(); }

// @case error: getter of itself
function handler(event) { var o = {get a() { return this.a }}; return o.a; }

// @case error: toString of itself
function handler(event) { var o = {toString() { return '' + this }}; return o + ''; }

// @case error: Symbol.toPrimitive of itself
function handler(event) { var o = {[Symbol.toPrimitive]() { return +this }}; return +o; }

// @case error: proxy whose target is itself
function handler(event) { var t = {}, p = new Proxy(t, {}); Object.setPrototypeOf(t, p); return p.anything; }

// @case any: proxies around proxies
function handler(event) { var p = {}; for (var i = 0; i < 5000; i++) p = new Proxy(p, {}); [() => p.x, () => 'x' in p, () => { p.x = 1 }, () => delete p.x, () => Object.keys(p), () => Array.isArray(p), () => Object.isFrozen(p), () => Object.getPrototypeOf(p), () => typeof p, () => p instanceof Object, () => JSON.stringify(p)].forEach(f => { try { f() } catch (e) {} }); return event.request; }

// @case any: functions bound to bound functions
function handler(event) { var f = () => 1; for (var i = 0; i < 1500; i++) f = f.bind(null, i); try { f() } catch (e) {} try { new f() } catch (e) {} return event.request; }

// @case any: instanceof through bound functions
function handler(event) { var f = function () {}; for (var i = 0; i < 6000; i++) f = f.bind(null); try { ({}) instanceof f } catch (e) {} return event.request; }

// @case any: prototype chain of ten thousand
function handler(event) { var o = {}; for (var i = 0; i < 5000; i++) o = Object.create(o); for (var i = 0; i < 10; i++) o.nothing; for (var k in o) ; return event.request; }

// @case error: apply with itself
function handler(event) { function f() { return f.apply(null, arguments) } f(1, 2, 3); }

// @case error: reduce in reduce
function handler(event) { function f(a) { return [1, 2].reduce(() => f(a)) } f(); }

// @case error: sort in a comparator
function handler(event) { function f() { [2, 1].sort(f); return 1 } f(); }

// @case error: replace in a replacer
function handler(event) { function f() { return 'a'.replace(/a/, f) } f(); }

// @case error: JSON in toJSON
function handler(event) { var o = {toJSON() { return JSON.stringify(o) }}; JSON.stringify(o); }

// @case error: console.log in toJSON
function handler(event) { var o = {toJSON() { console.log(o); return 1 }}; console.log(o); }

// @case error: querystring in its own decoder
function handler(event) { var qs = require('querystring'); function d() { return qs.parse('a=1', '&', '=', {decodeURIComponent: d}) } d(); }

// @case error: generator that yields itself
function handler(event) { function* g() { yield* g() } g().next(); }

// @case error: constructor of itself
function handler(event) { class A { constructor() { new A() } } new A(); }

// @case error: tagged template of itself
function handler(event) { function t(s) { return t`${s}` } t`x`; }

// @case error: stack overflow in a getter that the result has
function handler(event) { var o = {get statusCode() { return this.statusCode }}; return o; }

// @case any: lists nested fifteen thousand deep, then printed
function handler(event) { var a = []; for (var i = 0; i < 15000; i++) a = [a]; [() => String(a), () => a.flat(Infinity), () => JSON.stringify(a), () => console.log(a)].forEach(f => { try { f() } catch (e) {} }); return event.request; }

// @case any: spread of as many arguments as there can be
function handler(event) { try { Math.max(...new Array(30000).fill(1)) } catch (e) {} try { Math.max.apply(null, {length: 30000}) } catch (e) {} try { (() => 1)(...'x'.repeat(9000)) } catch (e) {} return event.request; }

// @case error: apply with two billion arguments
function handler(event) { Math.max.apply(null, {length: 2 ** 31}); }

// @case any: expression nested by compiling nothing
function handler(event) { try { Reflect.construct(Function, ['('.repeat(10000)]) } catch (e) {} return event.request; }

// @case any: Error.prepareStackTrace that overflows
function handler(event) { Error.prepareStackTrace = (e, s) => { function f() { return f() + 1 } return f() }; try { null.x } catch (e) { try { e.stack } catch (x) {} } return event.request; }
