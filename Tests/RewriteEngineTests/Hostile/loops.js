// Loops in script: the engine polls in them, the timer ends them.

// @case killed: empty loop
function handler(event) { for (;;) ; }

// @case killed: loop that swallows every exception
function handler(event) { for (;;) { try { for (;;) ; } catch (e) {} } }

// @case killed: loop in finally, under a throw
function handler(event) { try { throw 1 } finally { for (;;) ; } }

// @case killed: return that a finally takes back for ever
function handler(event) { for (;;) { try { return event.request } finally { continue } } }

// @case killed: labelled loops that continue each other
function handler(event) {
  outer: for (;;) { inner: for (;;) { continue outer } }
}

// @case killed: while over a counter that is reset
function handler(event) { var i = 0; while (i < 10) { i++; if (i === 9) i = 0 } }

// @case killed: for-in over an object that grows
function handler(event) {
  var o = {a: 1};
  for (;;) for (var k in o) o[k] = !o[k];
}

// @case killed: generator that never finishes, spread
function handler(event) {
  function* numbers() { for (;;) yield; }
  for (var n of numbers()) ;
}

// @case stopped: generator that never finishes, collected
function handler(event) {
  function* numbers() { for (var i = 0; ; i++) yield i; }
  return [...numbers()];
}

// @case killed: iterator whose next never says done
function handler(event) {
  var endless = {[Symbol.iterator]: () => ({next: () => ({done: false})})};
  for (var x of endless) ;
}

// @case stopped: destructuring of an endless iterator
function handler(event) {
  var endless = {[Symbol.iterator]: () => ({next: () => ({done: false, value: 'x'})})};
  var [a, ...rest] = endless;
}

// @case killed: switch in a loop
function handler(event) { for (var i = 0; ; i ^= 1) switch (i) { case 0: break; default: continue } }

// @case killed: closures made and called for ever
function handler(event) { for (var i = 0; ; i++) (() => { var j = i; return () => j })()(); }

// @case killed: exceptions thrown and caught for ever
function handler(event) { for (;;) try { null.x } catch (e) { e.stack } }

// @case killed: arithmetic that never converges
function handler(event) { var x = 1; while (x !== Infinity) x = (x * 1.000001) % 1e9; }

// @case killed: iterator helpers over an endless generator
function handler(event) {
  function* ones() { for (;;) yield 1; }
  return ones().map(x => x + 1).filter(x => x < 0).take(1).toArray();
}

// @case killed: iterator that refuses to be closed
function handler(event) {
  var i = {[Symbol.iterator]() { return this }, next: () => ({value: 1}), return() { for (;;) ; }};
  for (var x of i) break;
}
