// Arrays and array-likes: huge lengths, holes, sorts, species.

// @case killed: reverse of an array-like of 10^15
function handler(event) { Array.prototype.reverse.call({length: 1e15}); }

// @case killed: splice at the end of nothing
function handler(event) { Array.prototype.splice.call({length: 2 ** 53 - 1}, 0, 1); }

// @case stopped: join of four billion holes
function handler(event) { new Array(2 ** 32 - 1).join('x'); }

// @case killed: indexOf in an array-like of 2^53
function handler(event) { Array.prototype.indexOf.call({length: 2 ** 53 - 1}, 1); }

// @case killed: fill of an array-like
function handler(event) { Array.prototype.fill.call(new Proxy({length: 1e12}, {set: () => true}), 1); }

// @case killed: copyWithin of an array-like
function handler(event) { Array.prototype.copyWithin.call({length: 2 ** 40}, 1, 0); }

// @case stopped: from an array-like of a billion
function handler(event) { Array.from({length: 1e9}); }

// @case error: from an array-like of 2^53
function handler(event) { Array.from({length: 2 ** 53 - 1}, (v, i) => i); }

// @case killed: sort of an array-like of holes
function handler(event) { Array.prototype.sort.call({length: 1e12}); }

// @case killed: sort of a sparse array of 2^32 - 1
function handler(event) { var a = []; a[2 ** 32 - 2] = 1; a.sort(); }

// @case killed: sort without comparator
function handler(event) { var a = []; for (var i = 0; i < 1e9; i++) a[i % 60000] = Math.random(); a.sort(); }

// @case stopped: sort of strings that must be made
function handler(event) { var a = []; for (var i = 0; i < 20000; i++) a.push({toString: () => '' + Math.random()}); a.sort(); }

// @case killed: comparator that never agrees
function handler(event) { var a = []; for (var i = 0; i < 5000; i++) a.push(i); for (;;) a.sort(() => Math.random() - 0.5); }

// @case killed: comparator that never returns
function handler(event) { [3, 2, 1].sort(() => { for (;;) ; }); }

// @case any: comparator that shortens the array
function handler(event) {
  var a = []; for (var i = 0; i < 300; i++) a.push({n: 'x' + i});
  a.sort((x, y) => { a.length = 0; for (var i = 0; i < 50; i++) a.push(i); return x.n < y.n ? 1 : -1 });
  return event.request;
}

// @case any: callback that empties the array under map, filter, reduce
function handler(event) {
  ['map', 'filter', 'forEach', 'some', 'every', 'find', 'findLast', 'flatMap', 'reduce', 'reduceRight'].forEach(name => {
    var a = []; for (var i = 0; i < 100; i++) a.push({});
    a[name](() => { a.length = 0; a.push({}, {}, {}) }, 0);
  });
  return event.request;
}

// @case any: getter in a list that changes it under concat, flat, slice
function handler(event) {
  var a = [1, 2, 3, 4, 5, 6, 7, 8];
  Object.defineProperty(a, 3, {get() { a.length = 1; a.foo = {}; return [a] }});
  [].concat(a, a); a.length = 8; a.flat(Infinity); a.slice(); a.with(0, 1); a.toSorted(); a.toSpliced(1, 2, 3); a.includes(NaN);
  return event.request;
}

// @case stopped: array that grows
function handler(event) { var a = [new Uint8Array(1 << 20)]; for (;;) a.push(new Uint8Array(1 << 20)); }

// @case memory: array of numbers that grows
function handler(event) { for (var a = []; ;) a.push(a.length); }

// @case memory: array that unshifts
function handler(event) { var a = new Array(100000).fill(7); var b = a.concat(a); b.unshift(1); }

// @case any: unshift again and again
function handler(event) { for (var a = [], i = 0; i < 3000; i++) a.unshift(i); return event.request; }

// @case error: length that is no length
function handler(event) { [].length = -1; }

// @case any: length set to 2^32 - 1 and back
function handler(event) { var a = [1]; a.length = 2 ** 32 - 1; a.push; a.length = 0; try { a.length = 2 ** 32 - 1; a.push(1) } catch (e) {} return event.request; }

// @case error: flat of a ring
function handler(event) { var a = []; a[0] = a; a.flat(Infinity); }

// @case error: ring that is printed by join in a toString
function handler(event) { var a = [{toString() { return String(a.slice()) }}]; '' + a; }

// @case any: species that gives an array of its own
function handler(event) {
  var kept = [1, 2, 3, 4, 5];
  class Mine extends Array { static get [Symbol.species]() { return function () { kept.length = 2; return kept } } }
  var m = Mine.from([1, 2, 3, 4, 5, 6, 7]);
  m.map(x => x); m.filter(x => x); m.slice(1); m.splice(0, 2); m.concat([1], m); m.flat();
  return event.request;
}

// @case any: species that throws a getter
function handler(event) {
  class Mine extends Array { static get [Symbol.species]() { throw new Error('no') } }
  try { new Mine(3).map(x => x) } catch (e) {}
  return event.request;
}

// @case error: valueOf as an index that shrinks the array
function handler(event) { var a = new Array(100).fill({}); a.fill('x', {valueOf() { a.length = 0; return 5 }}); a.splice({valueOf() { a.length = 0; throw new Error('x') }}); }

// @case killed: Map with a key made in every callback
function handler(event) { var m = new Map([[0, 0]]); m.forEach((v, k) => { m.delete(k); m.set(k + 1, v) }); }

// @case killed: Set that adds while it is walked
function handler(event) { var s = new Set([1]); for (var x of s) { s.delete(x); s.add(x + 1) } }

// @case any: Map emptied while it is walked
function handler(event) {
  var m = new Map(); for (var i = 0; i < 500; i++) m.set({}, i);
  for (var [k] of m) { m.clear(); m.set({}, 1); if (m.size > 1) break; if (Math.random() < 0.01) break }
  return event.request;
}

// @case any: set methods over a false set
function handler(event) {
  var s = new Set([1, 2, 3]), f = {size: 1e9, has() { s.clear(); return true }, keys() { s.clear(); return [1, 2].values() }};
  ['union', 'intersection', 'difference', 'symmetricDifference', 'isSubsetOf', 'isSupersetOf', 'isDisjointFrom'].forEach(n => { try { s[n](f) } catch (e) {} });
  return event.request;
}

// @case stopped: groupBy of an endless iterator
function handler(event) {
  Object.groupBy({[Symbol.iterator]: () => ({next: () => ({value: {}, done: false})})}, () => 'a');
}
