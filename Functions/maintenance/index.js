// Shows a maintenance page to everyone but the people who do the maintenance.
//
// Runs at viewer-request. The key "maintenance" of the key-value store switches it, without new code:
//   {"on": true, "retryAfter": 600, "allow": ["203.0.113.0/28", "2001:db8:1::/48", "198.51.100.7"]}
// Addresses are those of the connection. Without the key, or with "on" false, everything goes its way.

import cf from 'cloudfront';

const store = cf.kvs();

const KEY = 'maintenance';
const PAGE = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Maintenance</title>\n' +
    '<h1>We will be back soon</h1>\n<p>This site is being worked on.</p>\n</html>\n';

async function handler(event) {
    const known = await store.exists(KEY);
    if (!known) {
        return event.request;
    }
    const state = await store.get(KEY, { format: 'json' });
    if (!state.on || isAllowed(event.viewer.ip, state.allow || [])) {
        return event.request;
    }
    return {
        statusCode: 503,
        statusDescription: 'Service Unavailable',
        headers: {
            'content-type': { value: 'text/html; charset=utf-8' },
            'cache-control': { value: 'no-store' },
            'retry-after': { value: String(state.retryAfter || 600) }
        },
        body: PAGE
    };
}

function isAllowed(ip, ranges) {
    const address = bytesOf(ip);
    return address !== null && ranges.some((range) => isWithin(address, range));
}

function isWithin(address, range) {
    const parts = range.split('/');
    const network = bytesOf(parts[0]);
    if (network === null || network.length !== address.length) {
        return false;
    }
    const length = parts.length > 1 ? parts[1] : String(network.length * 8);
    const bits = Number(length);
    // A range that is written wrong allows nobody.
    if (parts.length > 2 || !/^[0-9]{1,3}$/.test(length) || bits > network.length * 8) {
        return false;
    }
    for (let bit = 0; bit < bits; bit += 8) {
        const mask = bits - bit >= 8 ? 255 : 256 - (1 << (8 - (bits - bit)));
        if (((address[bit / 8] ^ network[bit / 8]) & mask) !== 0) {
            return false;
        }
    }
    return true;
}

// 4 or 16 numbers, or null. An IPv4 address within IPv6 (::ffff:203.0.113.7) is the IPv4 address.
function bytesOf(text) {
    if (!text.includes(':')) {
        return bytesOfIPv4(text);
    }
    const halves = text.split('::');
    const head = groupsOf(halves[0]);
    const tail = halves.length > 1 ? groupsOf(halves[1]) : [];
    if (halves.length > 2 || head === null || tail === null) {
        return null;
    }
    const missing = 16 - head.length - tail.length;
    if (halves.length > 1 ? missing < 2 : missing !== 0) {
        return null;
    }
    const bytes = head.concat(new Array(missing).fill(0), tail);
    const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 255 && bytes[11] === 255;
    return isMapped ? bytes.slice(12) : bytes;
}

function bytesOfIPv4(text) {
    const parts = text.split('.');
    const good = parts.length === 4 && parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256);
    return good ? parts.map(Number) : null;
}

// The bytes of "2001:db8" and the like, an IPv4 address at the end included, or null.
function groupsOf(text) {
    const groups = text === '' ? [] : text.split(':');
    let bytes = [];
    for (let i = 0; i < groups.length; i++) {
        if (i === groups.length - 1 && groups[i].includes('.')) {
            const last = bytesOfIPv4(groups[i]);
            return last === null ? null : bytes.concat(last);
        }
        if (!/^[0-9a-fA-F]{1,4}$/.test(groups[i])) {
            return null;
        }
        const group = parseInt(groups[i], 16);
        bytes = bytes.concat([group >> 8, group & 255]);
    }
    return bytes;
}
