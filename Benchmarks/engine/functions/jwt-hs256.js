// A bearer token signed with HS256 is checked, and its subject passed on.
const crypto = require('crypto');
const KEY = 'your-256-bit-secret';
const refused = { statusCode: 401, statusDescription: 'Unauthorized' };

function decoded(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
}

function handler(event) {
    const request = event.request;
    const header = request.headers.authorization;
    const parts = header ? header.value.slice('Bearer '.length).split('.') : [];
    if (parts.length !== 3) {
        return refused;
    }
    const signature = crypto.createHmac('sha256', KEY).update(parts[0] + '.' + parts[1]).digest('base64url');
    const claims = decoded(parts[1]);
    if (signature !== parts[2] || decoded(parts[0]).alg !== 'HS256' || (claims.exp && claims.exp * 1000 < Date.now())) {
        return refused;
    }
    request.headers['x-user'] = { value: claims.sub };
    return request;
}
