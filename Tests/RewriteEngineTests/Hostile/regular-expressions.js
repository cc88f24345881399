// Regular expressions: backtracking, compiling, and user code called out of them.

// @case killed: nested quantifiers
function handler(event) { /^(a+)+$/.test('a'.repeat(40) + 'b'); }

// @case killed: alternatives that overlap
function handler(event) { /^(a|a|aa)*$/.test('a'.repeat(60) + 'b'); }

// @case killed: backreference
function handler(event) { /^(a*)*\1$/.test('a'.repeat(40) + 'b'); }

// @case killed: lookbehind
function handler(event) { /(?<=^(a+)+b)c/.test('b' + 'a'.repeat(40) + 'bc'); }

// @case killed: lookahead in a loop
function handler(event) { /(?:(?=(a+))a)*(?:(?=(a+))a)*(?:(?=(a+))a)*b/.test('a'.repeat(3000)); }

// @case killed: named groups
function handler(event) { /^(?<x>(?<y>a+)+)+$/.test('a'.repeat(40) + 'b'); }

// @case killed: lazy quantifiers
function handler(event) { /(.*?,){20}P/.test('1,2,3,4,5,6,7,8,9,10,'.repeat(20)); }

// @case killed: case folding with u
function handler(event) { /^((ſ|s|S)+)+$/iu.test('s'.repeat(40) + 'b'); }

// @case killed: sets of the v flag
function handler(event) { /^([[\p{L}--[a-c]]&&\p{ASCII}]+)+$/v.test('x'.repeat(40) + '1'); }

// @case killed: quadratic search
function handler(event) { /a*b/.test('a'.repeat(100000)); }

// @case killed: quadratic split
function handler(event) { (' '.repeat(30000) + 'x').split(/\s+$/); }

// @case stopped: compiling thousands of alternatives
function handler(event) {
  var parts = []; for (var i = 0; i < 20000; i++) parts.push('a' + i);
  for (;;) new RegExp(parts.join('|'));
}

// @case any: compiling nested repetition
function handler(event) { new RegExp('('.repeat(200) + 'a' + '){1,20}'.repeat(200)).test('a'); return event.request; }

// @case stopped: compiling unicode properties again and again
function handler(event) { for (var i = 0; ; i++) new RegExp('[\\p{L}\\p{N}\\p{Script=Greek}' + i + ']', 'iu'); }

// @case any: pattern of a hundred thousand brackets
function handler(event) { new RegExp('('.repeat(100000)); return event.request; }

// @case any: deep groups that need the C stack
function handler(event) { new RegExp('(?:'.repeat(30000) + ')'.repeat(30000)).test('x'); return event.request; }

// @case any: class of a hundred thousand nested sets
function handler(event) { new RegExp('['.repeat(50000) + ']'.repeat(50000), 'v'); return event.request; }

// @case error: repetition beyond all bounds
function handler(event) { new RegExp('a{99999999999999999999,1}'); }

// @case any: repetition of two billion
function handler(event) { /(?:a{0,2147483647}){2147483647}/.test('aaa'); return event.request; }

// @case stopped: replace with a function that makes more
function handler(event) { var s = 'aaaaaaaa'; for (;;) s = s.replace(/a/g, () => 'aaaa'); }

// @case killed: lastIndex that an exec sets back
function handler(event) {
  var r = /a/g;
  r.exec = function (s) { this.lastIndex = 0; return {index: 0, 0: 'a', length: 1} };
  'aaa'.replace(r, 'b');
}

// @case killed: matchAll with an exec that never ends
function handler(event) {
  var r = /a/g;
  r.constructor = {[Symbol.species]: function () { return {exec: () => ({index: 0, 0: ''}), lastIndex: 0, flags: 'g'} }};
  for (var m of 'aaa'.matchAll(r)) ;
}

// @case any: lastIndex whose valueOf compiles the expression anew
function handler(event) {
  var r = /a+b/g;
  r.lastIndex = {valueOf() { r.compile('(((x)))*'.repeat(50)); return 0 }};
  r.exec('aaaab'); r.test('aaaab');
  return event.request;
}

// @case any: flags getter that changes the source
function handler(event) {
  var r = /a/g;
  Object.defineProperty(r, 'flags', {get() { r.compile('b'.repeat(5000), 'y'); return 'gu' }});
  for (var m of 'aaa'.matchAll(r)) ;
  'aaa'.replaceAll(r, 'x');
  return event.request;
}

// @case any: named groups called __proto__ and constructor
function handler(event) {
  var m = /(?<__proto__>a)(?<constructor>b)/d.exec('ab');
  m.groups.constructor; m.indices.groups.__proto__;
  event.request.uri = '/' + 'ab'.replace(/(?<__proto__>a)(?<constructor>b)/, '$<constructor>$<__proto__>');
  return event.request;
}

// @case any: replacement pattern with all its marks
function handler(event) {
  'x'.repeat(300).replace(/(x)/g, "$`$'$&$1$99$<a>");
  return event.request;
}
