// What is returned: user code that runs while the result is read back (getters, proxies), and values that are no values.

// @case killed: getter of statusCode that never returns
function handler(event) { return {get statusCode() { for (;;) ; }}; }

// @case error: getter of statusCode that throws
function handler(event) { return {get statusCode() { throw new Error('mine') }}; }

// @case error: getter of headers that throws
function handler(event) { return {statusCode: 200, get headers() { throw new Error('mine') }}; }

// @case error: getter of a header's value that throws
function handler(event) { event.request.headers['x-a'] = {get value() { throw new Error('mine') }}; return event.request; }

// @case error: getter in a multiValue that throws
function handler(event) { event.request.headers['x-a'] = {value: 'a', multiValue: Object.defineProperty([], 0, {get() { throw new Error('mine') }})}; return event.request; }

// @case killed: headers that grow under a getter
function handler(event) {
  var h = event.request.headers, n = 0;
  function add() { Object.defineProperty(h, 'x-' + n++, {enumerable: true, configurable: true, get() { add(); return undefined }}) }
  add(); return event.request;
}

// @case any: getter that deletes its own header, and its name with it
function handler(event) {
  var h = event.request.headers, name = 'x-' + event.context.requestId.length;
  Object.defineProperty(h, name, {enumerable: true, configurable: true, get() { delete h[name]; for (var i = 0; i < 50; i++) h['y-' + i] = {value: 'v'}; for (i = 0; i < 50; i++) delete h['y-' + i]; return {value: 'v'} }});
  return event.request;
}

// @case any: getter that deletes its own query parameter
function handler(event) {
  var q = event.request.querystring, name = 'q' + event.context.requestId.length;
  Object.defineProperty(q, name, {enumerable: true, configurable: true, get() { delete q[name]; Symbol.for(name + name); return {get value() { delete q.a; return 'v' }} }});
  return event.request;
}

// @case any: getter that deletes all other headers
function handler(event) {
  var h = event.request.headers;
  Object.defineProperty(h, 'accept', {enumerable: true, get() { for (var k in h) if (k !== 'accept' && k !== 'host') delete h[k]; return {value: 'x'} }});
  return event.request;
}

// @case any: getter that brings back what it deletes
function handler(event) {
  var q = event.request.querystring, n = 0;
  Object.defineProperty(q, 'a', {enumerable: true, configurable: true, get() { if (n++ < 20) { delete q.b; q.b = {value: 'n' + n} } return {value: '1'} }});
  return event.request;
}

// @case request: headers first looked at while they are read back
function handler(event) {
  var r = event.request;
  return {method: 'GET', uri: r.uri, querystring: r.querystring, cookies: r.cookies,
    headers: {host: {value: 'example.com'}, 'x-many': {value: '1', multiValue: [{value: '1'}, {value: '2'}]}, get accept() { return r.headers.accept }}};
}

// @case any: query first looked at while the uri is read back
function handler(event) {
  var r = event.request;
  return {get uri() { r.querystring; return '/x' }, get headers() { r.querystring.a; return r.headers }, querystring: {get a() { r.querystring.b; return {value: '2'} }}};
}

// @case any: proxy as the request
function handler(event) { return new Proxy(event.request, {}); }

// @case any: proxies all the way down
function handler(event) {
  var wrap = x => typeof x === 'object' && x ? new Proxy(x, {get: (t, k) => wrap(t[k])}) : x;
  return wrap(event.request);
}

// @case killed: proxy whose ownKeys never returns
function handler(event) { return {statusCode: 200, headers: new Proxy({}, {ownKeys() { for (;;) ; }})}; }

// @case stopped: proxy with as many keys as memory
function handler(event) { return {statusCode: 200, headers: new Proxy({}, {ownKeys() { var a = []; for (var i = 0; i < 1e6; i++) a.push('x-' + i); return a }, getOwnPropertyDescriptor: () => ({enumerable: true, configurable: true}), get: () => ({value: 'v'})})}; }

// @case error: proxy whose ownKeys lies
function handler(event) { return {statusCode: 200, headers: new Proxy({}, {ownKeys: () => [1, 2]})}; }

// @case error: proxy that is revoked while it is read
function handler(event) { var r = Proxy.revocable({}, {get(t, k) { r.revoke(); return undefined }}); return {statusCode: 200, headers: r.proxy, body: 'x'}, r.proxy; }

// @case any: revoked proxies as header, list and body
function handler(event) { var r = Proxy.revocable([], {}); r.revoke(); return {statusCode: 200, headers: {a: {value: 'x', multiValue: r.proxy}}, body: r.proxy}; }

// @case invalid: the whole event
function handler(event) { return event; }

// @case invalid: a symbol
function handler(event) { return Symbol('x'); }

// @case invalid: a function with no status
function handler(event) { var f = () => 1; f.uri = 5; return f; }

// @case any: a function with everything
function handler(event) { function f() {} return Object.assign(f, event.request); }

// @case invalid: status that is a string
function handler(event) { return {statusCode: '200'}; }

// @case invalid: status that is NaN
function handler(event) { return {statusCode: NaN}; }

// @case invalid: status with a fraction
function handler(event) { return {statusCode: 200.5}; }

// @case invalid: status beyond all bounds
function handler(event) { return {statusCode: 1e300}; }

// @case invalid: status that is a BigInt
function handler(event) { return {statusCode: 200n}; }

// @case invalid: status that would be informational
function handler(event) { return {statusCode: 101}; }

// @case invalid: header with a line break
function handler(event) { return {statusCode: 200, headers: {'x-a': {value: 'a\r\nSet-Cookie: b'}}}; }

// @case invalid: header name with a line break
function handler(event) { return {statusCode: 200, headers: {'x-a\r\nx-b': {value: 'a'}}}; }

// @case invalid: status description with a line break
function handler(event) { return {statusCode: 200, statusDescription: 'OK\r\n\r\nbody'}; }

// @case invalid: uri with a line break
function handler(event) { event.request.uri = '/a\r\nHost: evil'; return event.request; }

// @case invalid: query with a space
function handler(event) { event.request.querystring = 'a=1 HTTP/1.1'; return event.request; }

// @case invalid: cookie with a NUL
function handler(event) { event.request.cookies.a = {value: 'x\u0000y'}; return event.request; }

// @case invalid: cookie attributes with a line break, viewer-response
function handler(event) { event.response.cookies.s = {value: '1', attributes: 'Path=/\nX: y'}; return event.response; }

// @case invalid: host
function handler(event) { event.request.headers.host.value = 'evil.example'; return event.request; }

// @case invalid: host deleted
function handler(event) { delete event.request.headers.host; return event.request; }

// @case invalid: hop-by-hop header
function handler(event) { event.request.headers.connection = {value: 'upgrade'}; return event.request; }

// @case invalid: method
function handler(event) { event.request.method = 'DELETE'; return event.request; }

// @case invalid: uri of ten thousand bytes
function handler(event) { event.request.uri = '/' + 'x'.repeat(10000); return event.request; }

// @case invalid: a thousand headers
function handler(event) { var h = {}; for (var i = 0; i < 1000; i++) h['x-' + i] = {value: ''}; return {statusCode: 200, headers: h}; }

// @case invalid: one header line a thousand times
function handler(event) { return {statusCode: 200, headers: {'x-a': {multiValue: new Array(1000).fill({value: 'v'})}}}; }

// @case invalid: header of a hundred thousand bytes
function handler(event) { return {statusCode: 200, headers: {'x-a': {value: 'v'.repeat(100000)}}}; }

// @case invalid: header name of seventy thousand bytes
function handler(event) { return {statusCode: 200, headers: {['x'.repeat(70000)]: {value: 'v'}}}; }

// @case invalid: a thousand cookies
function handler(event) { for (var i = 0; i < 1000; i++) event.request.cookies['cookie-number-' + i] = {value: 'value-number-' + i}; return event.request; }

// @case invalid: multiValue of 2^32 - 1
function handler(event) { event.request.headers['x-a'] = {value: 'a', multiValue: new Array(2 ** 32 - 1)}; return event.request; }

// @case stopped: multiValue of sixty thousand getters
function handler(event) { var l = new Array(60000).fill({get value() { return 'x'.repeat(1000) + Math.random() }}); event.request.headers['x-a'] = {value: 'a', multiValue: l}; return event.request; }

// @case any: multiValue that changes while it is read
function handler(event) {
  var list = [{get value() { list.length = 0; list.push({value: 'z'}); return 'a' }}, {value: 'b'}, {value: 'c'}];
  event.request.headers['x-many'] = {value: '1', multiValue: list}; return event.request;
}

// @case any: header that is its own multiValue
function handler(event) { var h = {value: 'a'}; h.multiValue = [h, h, h]; event.request.headers['x-a'] = h; event.request.headers['x-b'] = h; return event.request; }

// @case any: headers that are the query, cookies that are the headers
function handler(event) { var r = event.request; return {uri: '/', headers: r.querystring, cookies: r.headers, querystring: r.cookies}; }

// @case any: request that is its own headers
function handler(event) { var r = event.request; r.headers = r; r.cookies = r; r.querystring = r; return r; }

// @case any: response of a viewer request made of the request
function handler(event) { event.request.statusCode = 200; return event.request; }

// @case any: request headers as response headers, viewer-response
function handler(event) { event.response.headers = event.request.headers; event.response.cookies = event.request.cookies; return event.response; }

// @case any: body whose data is a rope of a megabyte
function handler(event) { var s = 'x'.repeat(1000); for (var i = 0; i < 9; i++) s += s; return {statusCode: 200, body: {encoding: 'text', data: s}}; }

// @case invalid: body in an encoding that is a getter's
function handler(event) { var n = 0; return {statusCode: 200, body: {get encoding() { return n++ ? 'text' : 'utf8' }, data: 'x'}}; }

// @case invalid: body of bytes
function handler(event) { return {statusCode: 200, body: 5}; }

// @case invalid: body that is not base64
function handler(event) { return {statusCode: 200, body: {encoding: 'base64', data: 'A'.repeat(10001)}}; }

// @case error: body whose getter throws a proxy
function handler(event) { return {statusCode: 200, get body() { throw new Proxy({}, {get() { throw 1 }}) }}; }

// @case any: text of the error that rewrites the heap
function handler(event) { throw {toString() { for (var k of Object.getOwnPropertyNames(globalThis)) try { delete globalThis[k] } catch (e) {} return 'x'.repeat(100000) }, get stack() { return ':1:2'.repeat(50000) }}; }

// @case error: thrown null
function handler(event) { throw null; }

// @case error: thrown symbol
function handler(event) { throw Symbol.iterator; }

// @case killed: thrown object whose toString never returns
function handler(event) { throw {toString() { for (;;) ; }}; }

// @case error: thrown proxy
function handler(event) { throw new Proxy(new Error('x'), {get() { throw new Error('y') }, getPrototypeOf() { throw 1 }}); }
