// Lets only requests pass whose bearer token (RFC 6750) is a JSON Web Token (RFC 7519) signed with HMAC-SHA-256.
//
// Runs at viewer-request. The token's "kid" names the secret, which is the value of "jwt.KID" in the key-value store: a new secret is
// put beside the old one, and the old one is taken away when its last token has expired. The origin is told the subject in x-user.

import cf from 'cloudfront';

const crypto = require('crypto');

const secrets = cf.kvs();

const ISSUER = 'https://login.example.com';
const AUDIENCE = 'www';
const LEEWAY_SECONDS = 60;
const LONGEST_TOKEN = 4096;

async function handler(event) {
    const request = event.request;
    const authorization = request.headers.authorization;
    // The scheme's name may be written in any case (RFC 9110, 11.1).
    const bearer = authorization && /^bearer +([A-Za-z0-9_.-]+)$/i.exec(authorization.value);
    if (!bearer) {
        return refuse('');
    }
    const claims = await verify(bearer[1]);
    if (!claims) {
        return refuse(', error="invalid_token"');
    }
    // In place of what the visitor may have sent under this name.
    request.headers['x-user'] = { value: claims.sub };
    return request;
}

// The claims of a token that is good now, or null. Why it is not good is nobody's business.
async function verify(token) {
    const parts = token.split('.');
    if (parts.length !== 3 || token.length > LONGEST_TOKEN) {
        return null;
    }
    const header = parse(parts[0]);
    // The algorithm is ours to choose: a token that says "none", or "RS256", is not looked at further.
    if (!header || header.alg !== 'HS256' || typeof header.kid !== 'string' || !/^[A-Za-z0-9_-]{1,64}$/.test(header.kid)) {
        return null;
    }
    const key = 'jwt.' + header.kid;
    const known = await secrets.exists(key);
    if (!known) {
        return null;
    }
    const secret = await secrets.get(key);
    const signature = crypto.createHmac('sha256', secret).update(parts[0] + '.' + parts[1]).digest('base64url');
    const claims = isSame(signature, parts[2]) ? parse(parts[1]) : null;
    return claims && isValid(claims, Date.now() / 1000) ? claims : null;
}

function isValid(claims, now) {
    const audiences = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
    return claims.iss === ISSUER && audiences.includes(AUDIENCE) &&
        typeof claims.exp === 'number' && now < claims.exp + LEEWAY_SECONDS &&
        (claims.nbf === undefined || (typeof claims.nbf === 'number' && now > claims.nbf - LEEWAY_SECONDS)) &&
        // It becomes a header's value.
        typeof claims.sub === 'string' && /^[!-~]{1,128}$/.test(claims.sub);
}

// A part of a token as an object, or null.
function parse(part) {
    try {
        const value = JSON.parse(Buffer.from(part, 'base64url').toString());
        return typeof value === 'object' ? value : null;
    } catch (error) {
        return null;
    }
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

function refuse(reason) {
    return {
        statusCode: 401,
        statusDescription: 'Unauthorized',
        headers: {
            'www-authenticate': { value: 'Bearer realm="www"' + reason },
            'cache-control': { value: 'no-store' }
        }
    };
}
