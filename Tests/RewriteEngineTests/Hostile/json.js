// JSON: depth, width, user code in the middle.

// @case any: text nested a hundred thousand deep
function handler(event) { JSON.parse('['.repeat(100000) + ']'.repeat(100000)); return event.request; }

// @case any: objects nested fifty thousand deep
function handler(event) { JSON.parse('{"a":'.repeat(50000) + '1' + '}'.repeat(50000)); return event.request; }

// @case stopped: text of a million numbers
function handler(event) { JSON.parse('[' + '1,'.repeat(400000) + '1]'); }

// @case stopped: stringify of a graph without cycles that unfolds
function handler(event) { var o = {x: 'x'}; for (var i = 0; i < 40; i++) o = [o, o]; JSON.stringify(o); }

// @case error: stringify of a ring
function handler(event) { var o = {}; o.o = {o: [o]}; JSON.stringify(o); }

// @case killed: toJSON that never returns
function handler(event) { JSON.stringify({toJSON() { for (;;) ; }}); }

// @case error: toJSON that gives another one for ever
function handler(event) { function Deep() {} Deep.prototype.toJSON = () => ({d: new Deep()}); JSON.stringify(new Deep()); }

// @case error: reviver that calls parse
function handler(event) { var f = () => JSON.parse('[1]', f); f(); }

// @case any: reviver that takes the tree apart
function handler(event) {
  JSON.parse('[1,[2,3],{"a":4,"b":[5]}]', function (k, v) { if (Array.isArray(this)) this.length = 1; else delete this.b; return {k, v} });
  return event.request;
}

// @case error: reviver that puts a ring into the tree
function handler(event) { JSON.parse('[[],[]]', function (k, v) { this[1] = this; return v }); }

// @case error: replacer that grows what it is given
function handler(event) { JSON.stringify([1], (k, v) => [v, v]); }

// @case any: list of names as long as memory
function handler(event) { var names = []; for (var i = 0; i < 5000; i++) names.push('n' + i); JSON.stringify({n1: 1}, names); return event.request; }

// @case any: indent whose valueOf throws
function handler(event) { JSON.stringify({a: [1]}, null, {valueOf() { throw new Error('no') }, toString() { throw 1 }}); return event.request; }

// @case stopped: raw numbers of a megabyte
function handler(event) { JSON.parse('1'.repeat(500000)); JSON.stringify('"\\'.repeat(500000)); }

// @case any: proxy as the value
function handler(event) {
  var p = new Proxy([], {get(t, k) { return k === 'length' ? 3 : k === 'toJSON' ? undefined : p2 }, ownKeys: () => ['length'], getOwnPropertyDescriptor: () => undefined});
  var p2 = new Proxy({}, {ownKeys: () => ['a', 'b'], getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true, value: 1}), get: () => 1});
  JSON.stringify(p); return event.request;
}

// @case any: unpaired surrogates and control characters
function handler(event) { event.request.uri = '/' + encodeURIComponent(JSON.stringify('\ud800\u0000\u2028'.repeat(100))); return event.request; }

// @case any: event parsed out of itself
function handler(event) {
  var copy = JSON.parse(JSON.stringify(event)); copy.request.headers.host.value = 'evil'; copy.request.headers.extra = copy.request.headers;
  return copy.request;
}

// @case killed: BigInt.prototype.toJSON that loops
function handler(event) { BigInt.prototype.toJSON = function () { for (;;) ; }; JSON.stringify({n: 1n}); }

// @case error: BigInt in JSON
function handler(event) { JSON.stringify({n: 10n ** 50n}); }
