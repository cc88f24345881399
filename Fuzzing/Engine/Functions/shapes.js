// Builds the value it returns from the bytes of the query, written in hexadecimal: a tree of members with names that mean something.
const names = ['statusCode', 'statusDescription', 'headers', 'cookies', 'body', 'uri', 'method', 'querystring', 'value', 'multiValue', 'attributes', 'encoding', 'data', 'x-a', 'host', 'length',
    'location', 'a', 'set-cookie', 'cookie', 'content-length', 'connection', 'via', 'x-edge-a', 'X-Upper', '', '0', '__proto__', 'x y', '\u00e9', 'request', 'then'];
const leaves = [undefined, null, true, false, 0, 200, 302, 99, 600, -1, 200.5, NaN, 4294967496, '', '/', '/x', 'x', 'a\r\nb: c', 'a\u0000', '\u00e9', '\u20ac', '\ud83d', 'text', 'base64', 'YQ==', 'Y', '$',
    'x'.repeat(3000), '\u00e9'.repeat(3000), 10n];
function handler(event) {
    const text = event.request.rawQueryString() || '', open = [];
    let place = 0, count = 0;
    const next = () => parseInt(text.substr(2 * place++, 2) || '0', 16) || 0;
    // Some names are made here, and live no longer than the member they name.
    const name = () => { const at = next(); return at & 128 ? 'x-' + names[at % names.length].toLowerCase() + count : names[at % names.length]; };
    const value = depth => {
        const kind = next(), at = next();
        if (depth > 6 || ++count > 200) return leaves[at % leaves.length];
        switch (kind % 16) {
        case 0: case 1: case 2: case 3: return leaves[at % leaves.length];
        case 4: return [event, event.request, event.request.headers, event.request.cookies, event.request.querystring, event.response, event.viewer][at % 7];
        case 5: { const list = []; for (let i = at % 8; i > 0; i--) list.push(value(depth + 1)); return list; }
        case 6: return open.length ? open[at % open.length] : event;
        case 7: { const inner = value(depth + 1); return new Proxy(Object(inner), {}); }
        case 8: return Promise.resolve(value(depth + 1));
        case 9: { const log = []; return { toString() { log.push(1); return names[at % names.length]; }, valueOf() { return at; } }; }
        case 10: return Object.create(Object(value(depth + 1)));
        default: {
            const object = at & 128 ? Object.assign({}, event.request.headers) : {};
            open.push(object);
            for (let i = at % 8; i > 0; i--) {
                const member = name(), how = next();
                if (how % 16 === 0) Object.defineProperty(object, member, { get() { change(object, member); return value(depth + 1); }, enumerable: true, configurable: true });
                else if (how % 16 === 1) Object.defineProperty(object, member, { get() { throw new Error(member); }, enumerable: true, configurable: true });
                else if (how % 16 === 2) delete object[member];
                else object[member] = value(depth + 1);
            }
            if (at & 64) Object.freeze(object);
            return object;
        }
        }
    };
    // What a getter does to the object it is asked of, while the engine is reading that.
    const change = (object, member) => {
        const how = next();
        if (how & 1) delete object[member];
        if (how & 2) Object.keys(object).forEach(other => { delete object[other]; });
        if (how & 4) object[name()] = value(5);
        if (how & 8 && open.length) delete open[how % open.length][name()];
        if (how & 16) for (let i = 0; i < 40; i++) object['x-' + count + i] = { value: 'v' + i };
        if (how & 32) for (let i = 0; i < 100; i++) open.push('garbage ' + i + count);
    };
    const base = next(), returned = value(0);
    if (base % 4 === 0) return returned;
    const message = event.response || event.request;
    if (base % 4 === 1) return Object.assign(message, returned);
    if (base % 4 === 2) { message[name()] = returned; return message; }
    return Object.assign({ statusCode: 200 }, returned);
}
