// The event: its lazy properties, seen through everything that can look at a property.

// @case request: frozen
function handler(event) { Object.freeze(event.request); try { event.request.uri = '/x' } catch (e) {} return event.request; }

// @case request: sealed
function handler(event) { Object.seal(event.request); Object.seal(event.request.headers); event.request.uri = '/x'; return event.request; }

// @case request: frozen deeply
function handler(event) { (function f(o) { if (o && typeof o === 'object' && !Object.isFrozen(o)) { Object.freeze(o); Object.values(o).forEach(f) } })(event); return event.request; }

// @case request: descriptors of everything lazy
function handler(event) { for (var o of [event, event.request, event.request.headers, event.request.querystring, event.request.cookies]) for (var k of Reflect.ownKeys(o)) { var d = Object.getOwnPropertyDescriptor(o, k); if (!('value' in d)) throw new Error(k) } return event.request; }

// @case request: descriptors before anything was looked at
function handler(event) { Object.getOwnPropertyDescriptors(event.request); Object.getOwnPropertyDescriptor(event, 'viewer').value.ip; Object.defineProperties({}, Object.getOwnPropertyDescriptors(event.request)); return event.request; }

// @case any: lazy properties turned into accessors
function handler(event) { for (var k of ['uri', 'method', 'headers', 'querystring', 'cookies']) { let v = event.request[k]; Object.defineProperty(event.request, k, {get() { return v }, set() { throw new Error('x') }}) } return event.request; }

// @case any: lazy properties redefined without looking
function handler(event) { for (var k of ['uri', 'method', 'headers', 'querystring', 'cookies']) Object.defineProperty(event.request, k, {enumerable: false}); Object.defineProperty(event.request, 'uri', {writable: false}); return event.request; }

// @case invalid: lazy properties that are not configurable, then deleted
function handler(event) { Object.defineProperty(event.request.headers, 'host', {configurable: false}); try { delete event.request.headers.host } catch (e) {} delete event.request.uri; return event.request; }

// @case request: lazy headers deleted and made again
function handler(event) { var h = event.request.headers; for (var i = 0; i < 100; i++) { var a = h.accept; delete h.accept; h.accept = {value: '*/*'} } return event.request; }

// @case any: lazy headers deleted without looking, twenty of them added
function handler(event) { var h = event.request.headers; delete h.accept; delete h['x-many']; for (var i = 0; i < 20; i++) h['x-' + i] = {value: '' + i}; for (i = 0; i < 19; i++) delete h['x-' + i]; return event.request; }

// @case request: event through structured copies
function handler(event) { var c = Object.assign({}, event), d = {...event.request}, e = Object.fromEntries(Object.entries(event.request.headers)); if (c.request !== event.request || d.headers !== event.request.headers || e.host.value !== 'example.com') throw new Error('x'); return event.request; }

// @case invalid: cyclic headers
function handler(event) { event.request.headers.self = event.request.headers; return event.request; }

// @case invalid: cyclic event
function handler(event) { event.request.event = event; event.self = event; return event; }

// @case any: headers as an array
function handler(event) { event.request.headers = [{value: 'a'}]; return event.request; }

// @case any: headers as a typed array, a string, a date, a map
function handler(event) { return {statusCode: 200, headers: new Uint8Array(5), cookies: new Map([['a', 1]])}; }

// @case invalid: headers as a string
function handler(event) { return {statusCode: 200, headers: 'x-a: b'}; }

// @case any: headers whose names are numbers and symbols
function handler(event) { event.request.headers[0] = {value: 'zero'}; event.request.headers[4294967295] = {value: 'x'}; event.request.headers[Symbol.iterator] = {value: 'x'}; event.request.headers[-1] = {value: 'y'}; return event.request; }

// @case any: prototype of the headers exchanged
function handler(event) { Object.setPrototypeOf(event.request.headers, event.request.cookies); Object.setPrototypeOf(event.request, null); try { Object.setPrototypeOf(event.request.cookies, event.request.headers) } catch (e) {} return event.request; }

// @case any: lazy properties read through Reflect with another receiver
function handler(event) { Reflect.get(event.request, 'headers', {}); Reflect.set(event.request, 'uri', '/x', {}); Reflect.set({}, 'uri', '/x', event.request); Reflect.has(event.request.headers, 'host'); Reflect.deleteProperty(event.request.cookies, 'a'); Object.create(event.request).headers.host.value; Reflect.defineProperty(event.request.cookies, 'b', {get: () => ({value: 'x'})}); return event.request; }

// @case any: class with lazy values in its prototype chain
function handler(event) { function R() {} R.prototype = event.request; var r = new R(); r.uri = '/x'; r.headers.host; return r; }

// @case killed: event printed for ever
function handler(event) { for (;;) JSON.stringify(event); }

// @case any: both event types at once, viewer-response
function handler(event) { event.response.headers['x-a'] = event.request.headers.host; delete event.request.headers.host; event.request.uri = '\n'; return event.response; }

// @case any: response set cookies exchanged, viewer-response
function handler(event) { var c = event.response.cookies; c.s.attributes = undefined; c.s.multiValue = [c.s, {value: '2', attributes: 'A'.repeat(1000)}]; c.t = c.s; return event.response; }

// @case invalid: request returned, viewer-response
function handler(event) { return event.request; }

// @case invalid: warning and via, viewer-response
function handler(event) { event.response.headers.via = {value: 'x'}; return event.response; }

// @case response: content-length of the function's own, viewer-response
function handler(event) { event.response.headers['content-length'] = {value: '99999999'}; event.response.headers['transfer-encoding'] = {value: 'chunked'}; event.response.body = 'x'; return event.response; }

// @case any: status through valueOf, viewer-response
function handler(event) { event.response.statusCode = {valueOf: () => 200}; return event.response; }
