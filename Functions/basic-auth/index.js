// Asks for a name and a password (RFC 7617) before anything else, for a preview that is not public yet.
//
// Runs at viewer-request. Only the hash stands here: printf 'name:password' | sha256sum
// Anyone who can read this file can still try passwords against it, so take a long one.

const crypto = require('crypto');

// preview:change me
const EXPECTED = '852450cac4f85268d5f37cfd94c569726e671059d0e6cfca0f5a9e9dc35859da';

function handler(event) {
    const request = event.request;
    const authorization = request.headers.authorization;
    // The scheme's name may be written in any case (RFC 9110, 11.1).
    const basic = authorization && /^basic +([A-Za-z0-9+\/]+=*)$/i.exec(authorization.value);
    if (basic) {
        const hash = crypto.createHash('sha256').update(Buffer.from(basic[1], 'base64')).digest('hex');
        if (isSame(hash, EXPECTED)) {
            delete request.headers.authorization;  // the origin has its own
            return request;
        }
    }
    return {
        statusCode: 401,
        statusDescription: 'Unauthorized',
        headers: {
            'www-authenticate': { value: 'Basic realm="Preview", charset="UTF-8"' },
            'cache-control': { value: 'no-store' }
        }
    };
}

// Compares in a time that says nothing about where two texts differ.
function isSame(a, b) {
    if (a.length !== b.length) {
        return false;
    }
    let difference = 0;
    for (let i = 0; i < a.length; i++) {
        difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
    }
    return difference === 0;
}
