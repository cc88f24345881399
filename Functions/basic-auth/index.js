// Asks for a name and a password (RFC 7617) before anything else, for a preview that is not public yet.
//
// Runs at viewer-request. Only the hash stands here: printf 'name:password' | sha256sum
// Anyone who can read this file can still try passwords against it, so take a long one.

const crypto = require('crypto');

// preview:change me
const EXPECTED = '852450cac4f85268d5f37cfd94c569726e671059d0e6cfca0f5a9e9dc35859da';

function handler(event) {
    const authorization = event.request.headers.authorization;
    if (authorization && authorization.value.startsWith('Basic ')) {
        const credentials = Buffer.from(authorization.value.slice(6), 'base64').toString();
        if (crypto.createHash('sha256').update(credentials).digest('hex') === EXPECTED) {
            delete event.request.headers.authorization;
            return event.request;
        }
    }
    return {
        statusCode: 401,
        statusDescription: 'Unauthorized',
        headers: { 'www-authenticate': { value: 'Basic realm="Preview", charset="UTF-8"' } }
    };
}
