// The module cloudfront: getters and proxies as parameters, handles used after the fact, stores read without end.

// @case killed: reads without end
import cf from 'cloudfront';
async function handler(event) { var k = cf.kvs(); for (;;) k.get('a'); }

// @case stopped: reads awaited without end
import cf from 'cloudfront';
async function handler(event) { var k = cf.kvs(); for (;;) await k.get('a'); }

// @case stopped: handles by the hundred thousand
import cf from 'cloudfront';
function handler(event) { for (var a = []; ;) a.push(cf.kvs()); }

// @case error: a store of another's
import cf from 'cloudfront';
async function handler(event) { await cf.kvs('x'.repeat(100000)).get('a'); }

// @case any: methods of a handle called on everything
import cf from 'cloudfront';
async function handler(event) {
  var k = cf.kvs(), proto = Object.getPrototypeOf(k);
  for (var n of Object.getOwnPropertyNames(proto)) for (var t of [undefined, null, 5, {}, cf, proto, Object.create(k), new Proxy(k, {}), require('crypto').createHash('md5')]) { try { await k[n].call(t, 'a') } catch (e) {} }
  for (var key of [undefined, null, 5, {}, [], '', '\u0000', '\ud800', 'x'.repeat(100000), {toString() { throw 1 }}, Symbol('x')]) for (n of ['get', 'exists']) { try { await k[n](key) } catch (e) {} }
  for (var f of ['json', 'bytes', 'string', 'x', 5, {toString() { throw 1 }}, null]) { try { await k.get('a', {get format() { return f }}) } catch (e) {} }
  return event.request;
}

// @case request: hash objects are no handles, handles are no hashes
import cf from 'cloudfront';
import crypto from 'crypto';
async function handler(event) {
  var h = crypto.createHash('md5'), k = cf.kvs(), failed = 0;
  try { await k.get.call(h, 'a') } catch (e) { failed++ } try { h.update.call(k, 'a') } catch (e) { failed++ } try { h.digest.call(k) } catch (e) { failed++ }
  if (failed !== 3) throw new Error('mixed up'); return event.request;
}

// @case request: the module is made in the middle of a run
async function handler(event) { var c = require('cloud' + 'front'), h = require('cry' + 'pto').createHash('md5'); await c.kvs().count(); h.update('x').digest(); return event.request; }

// @case clean: handles made at the top are changed for this run only
import cf from 'cloudfront';
var k = cf.kvs();
async function handler(event) { var seen = k.mark || cf.mark || Object.getPrototypeOf(k).mark; k.mark = cf.mark = Object.getPrototypeOf(k).mark = 1; cf.kvs = null; event.request.uri = seen ? '/marked' : '/clean'; return event.request; }

// @case any: Promise replaced under the store
import cf from 'cloudfront';
async function handler(event) { var k = cf.kvs(); Object.defineProperty(Object.prototype, 'then', {get() { k = null; throw new Error('mine') }, configurable: true}); globalThis.Promise = null; try { await k.meta() } catch (e) {} return event.request; }

// @case killed: format getter that never returns
import cf from 'cloudfront';
async function handler(event) { await cf.kvs().get('a', {get format() { for (;;) ; }}); }

// @case request: log data without end, and too long
import cf from 'cloudfront';
function handler(event) { for (var s of ['x'.repeat(100000), '€'.repeat(1000), '\ud800'.repeat(500), '%'.repeat(900), '\u0000\n', '']) cf.logCustomData(s); for (s of [undefined, null, 5, {}, {toString() { throw 1 }}]) try { cf.logCustomData(s) } catch (e) {} return event.request; }

// @case killed: origin chosen without end
import cf from 'cloudfront';
function handler(event) { for (;;) cf.updateRequestOrigin({domainName: 'example.com', customHeaders: {'x-a': 'b'}}); }

// @case any: parameters that are getters which choose again
import cf from 'cloudfront';
function handler(event) {
  var n = 0, again = () => { if (n++ < 50) cf.updateRequestOrigin({get domainName() { return again() || 'a.example' }, get customHeaders() { again(); return {get 'x-a'() { again(); return 'b' }} }, get timeouts() { again(); return {get readTimeout() { return 5 }} }}) };
  again(); cf.selectRequestOriginById('one', {get hostHeader() { cf.createRequestOriginGroup({originIds: ['a', 'b'], failoverCriteria: {statusCodes: [500]}}); return 'h.example' }}); return event.request;
}

// @case any: headers deleted by the getter of another
import cf from 'cloudfront';
function handler(event) {
  var h = {}; for (var i = 0; i < 10; i++) h['x-' + i + event.context.requestId] = 'v';
  Object.defineProperty(h, 'x-evil' + event.context.requestId, {enumerable: true, get() { for (var k in h) delete h[k]; for (var i = 0; i < 100; i++) h['y-' + i] = {}; return 'v' }});
  for (i = 10; i < 15; i++) h['x-' + i + event.context.requestId] = 'v'; cf.updateRequestOrigin({customHeaders: h}); return event.request;
}

// @case any: lists that change while they are read
import cf from 'cloudfront';
function handler(event) {
  var names = ['a.example', 'b.example', 'c.example']; Object.defineProperty(names, 0, {get() { names.length = 0; return 'a.example' }}); cf.updateRequestOrigin({allowedCertificateNames: names});
  var ids = [{get originId() { ids.length = 0; return 'a' }, get originOverrides() { ids.push(1, 2, 3); return {get sni() { return 's.example' }} }}, 'b'], codes = [500, 502]; Object.defineProperty(codes, 1, {get() { codes.length = 0; return 503 }});
  cf.createRequestOriginGroup({originIds: ids, failoverCriteria: {statusCodes: codes}}); return event.request;
}

// @case invalid: a list of four billion
import cf from 'cloudfront';
function handler(event) { cf.updateRequestOrigin({allowedCertificateNames: new Array(2 ** 32 - 1)}); return event.request; }

// @case invalid: a hundred thousand custom headers
import cf from 'cloudfront';
function handler(event) { var h = {}; for (var i = 0; i < 3000; i++) h['x-' + i] = 'v'; cf.updateRequestOrigin({customHeaders: h}); return event.request; }

// @case invalid: header with a line break
import cf from 'cloudfront';
function handler(event) { cf.updateRequestOrigin({customHeaders: {'x-a': 'b\r\nHost: evil'}}); return event.request; }

// @case invalid: names that are addresses
import cf from 'cloudfront';
function handler(event) { ['127.0.0.1', '0x7f.1', '2130706433', '[::1]', '127.1', '::1', '1.1.1.1.', 'localhost:80'].forEach(d => cf.updateRequestOrigin({domainName: d})); return event.request; }

// @case invalid: a wrong call that is caught
import cf from 'cloudfront';
function handler(event) { try { cf.updateRequestOrigin({domainName: 5}) } catch (e) {} try { cf.updateRequestOrigin({domainName: 'good.example'}) } catch (e) {} return event.request; }

// @case invalid: every parameter wrong in every way
import cf from 'cloudfront';
function handler(event) {
  var values = [null, 5, -1, NaN, 2 ** 53, '', 'x'.repeat(100000), '€', '\u0000', [], {}, [[]], Symbol('x'), 1n, () => 1, new Proxy({}, {}), {toString() { throw 1 }}, {valueOf() { throw 1 }}];
  for (var n of ['domainName', 'hostHeader', 'originPath', 'sni', 'allowedCertificateNames', 'customHeaders', 'connectionAttempts', 'timeouts', 'customOriginConfig', 'originShield', 'originAccessControlConfig', 'mTLSConfig'])
    for (var v of values) { try { cf.updateRequestOrigin({[n]: v}) } catch (e) {} try { cf.updateRequestOrigin({[n]: {port: v, protocol: v, sslProtocols: [v], enabled: v, region: v, readTimeout: v}}) } catch (e) {} }
  for (v of values) for (var f of [cf.updateRequestOrigin, cf.selectRequestOriginById, cf.createRequestOriginGroup]) { try { f(v, v) } catch (e) {} try { f({originIds: [v, v], failoverCriteria: {statusCodes: [v]}, selectionCriteria: v}) } catch (e) {} }
  return event.request;
}

// @case any: headers that are asked for the choice's after the result was read
import cf from 'cloudfront';
function handler(event) { cf.updateRequestOrigin({customHeaders: {'x-a': 'b'}}); var h = event.request.headers; event.request.headers = new Proxy(h, {has(t, k) { cf.updateRequestOrigin({domainName: 'other.example', customHeaders: {'x-z': 'y'}}); for (var n in h) delete h[n]; return k === 'x-a' }}); return event.request; }

// @case killed: trap that never returns when a custom header is looked for
import cf from 'cloudfront';
function handler(event) { cf.updateRequestOrigin({customHeaders: {'x-a': 'b'}}); event.request.headers = new Proxy(event.request.headers, {getOwnPropertyDescriptor(t, k) { while (k == "x-a") ; return Reflect.getOwnPropertyDescriptor(t, k); }}); return event.request; }

// @case any: origin chosen in a viewer response, viewer-response
import cf from 'cloudfront';
function handler(event) { cf.updateRequestOrigin({domainName: 'a.example'}); cf.edgeLocation.name; return event.response; }

// @case any: the getters of the module called on everything
import cf from 'cloudfront';
function handler(event) { for (var n of Object.getOwnPropertyNames(cf)) { var d = Object.getOwnPropertyDescriptor(cf, n); for (var t of [undefined, null, 5, {}, event]) { try { (d.get || d.value).call(t, t, t) } catch (e) {} } } return {statusCode: 200}; }

// @case invalid: names of custom headers that end where their memory ends
var cf = require('cloudfront');
function handler(event) { for (var i = 1; i < 40; i++) cf.updateRequestOrigin({customHeaders: {['\ud800'.repeat(i) + 'x'.repeat(i % 3)]: 'x'}}); return event.request; }
