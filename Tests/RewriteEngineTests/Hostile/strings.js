// Strings: lengths, doubling, and native calls that walk megabytes.

// @case memory: string that doubles
function handler(event) { var s = 'x'.repeat(1000); for (;;) { s = s + s; s.charCodeAt(0) } }

// @case stopped: string that grows by a character
function handler(event) { for (var s = ''; ;) { s += 'é'; if (s.length % 1000 === 0) s.charCodeAt(s.length - 1) } }

// @case any: rope of a million pieces
function handler(event) {
  var s = 'x'; for (var i = 0; i < 1000000; i++) s = 'y' + s + 'z';
  event.request.uri = '/' + s.length; return event.request;
}

// @case memory: repeat to a gigabyte
function handler(event) { 'x'.repeat(1e9); }

// @case error: repeat beyond the longest string
function handler(event) { 'xxxx'.repeat(2 ** 30); }

// @case error: repeat for ever
function handler(event) { 'x'.repeat(Infinity); }

// @case any: padStart to two billion
function handler(event) { 'x'.padStart(2 ** 31 - 1, 'ab'); }

// @case memory: padEnd to a megabyte of wide characters
function handler(event) { 'x'.padEnd(1 << 20, '€'); 'x'.padEnd(1 << 20, '€'); }

// @case killed: quadratic indexOf
function handler(event) { var s = 'a'.repeat(300000); for (;;) s.indexOf('a'.repeat(150000) + 'b'); }

// @case killed: lastIndexOf of what is not there
function handler(event) { var s = 'a'.repeat(500000); for (;;) s.lastIndexOf('aaaaaaaaaaaaaaab'); }

// @case stopped: split into characters
function handler(event) { return 'x'.repeat(500000).split(''); }

// @case memory: replaceAll of nothing by much
function handler(event) { 'x'.repeat(10000).replaceAll('', 'y'.repeat(1000)); }

// @case stopped: normalize of combining marks
function handler(event) { for (;;) ('a' + '\u0315\u0300\u05ae\u0301'.repeat(20000)).normalize('NFKC'); }

// @case stopped: localeCompare of long strings
function handler(event) { var s = 'ä'.repeat(100000); for (;;) s.localeCompare(s + 'x'); }

// @case stopped: upper and lower case of what grows
function handler(event) { var s = 'ß'.repeat(50000); for (;;) s.toUpperCase().toLowerCase(); }

// @case error: raw with a length of 2^53
function handler(event) { String.raw({raw: {length: 2 ** 53, get 0() { throw new Error('first') }}}); }

// @case stopped: raw with a billion pieces
function handler(event) { String.raw({raw: {length: 1e9}}); }

// @case memory: concat with itself
function handler(event) { var s = 'x'.repeat(100000); s.concat(s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s).charCodeAt(7); }

// @case any: fromCodePoint of a hundred thousand
function handler(event) { String.fromCodePoint.apply(null, new Array(20000).fill(0x10ffff)); return event.request; }

// @case any: encodeURIComponent of a megabyte
function handler(event) { encodeURIComponent('€'.repeat(100000)); return event.request; }

// @case error: lone surrogate in encodeURI
function handler(event) { encodeURI('\ud800'); }

// @case request: lone surrogates everywhere in the result
function handler(event) {
  event.request.uri = '/\ud800'; event.request.headers['x-s'] = {value: '\udfff\ud800'}; event.request.cookies['\ud83d'] = {value: '\ude00'};
  return event.request;
}

// @case killed: isWellFormed and toWellFormed of much
function handler(event) { var s = '\ud83d\ude00'.repeat(100000) + '\ud800'; for (;;) s.isWellFormed() || s.at(-1); }

// @case killed: escape and unescape
function handler(event) { var s = 'x'.repeat(50000); for (;;) unescape(escape(s)); }

// @case stopped: symbols with long descriptions
function handler(event) { for (var i = 0; ; i++) Symbol.for('x'.repeat(100) + i); }

// @case memory: property names by the hundred thousand
function handler(event) { var o = {}; for (var i = 0; ; i++) o['name' + i] = i; }

// @case any: string of 2^30 as a property name
function handler(event) { var s = 'x'.repeat(900000); var o = {}; o[s] = 1; delete o[s]; return event.request; }

// @case any: substrings that keep a long string
function handler(event) { var s = 'x'.repeat(900000), a = []; for (var i = 0; i < 2000; i++) a.push(s.substring(i)); return event.request; }
