import crypto from 'crypto';

// The functions of Benchmarks/skerry, as one writes them for nginx's njs.

const MOVED = {
    '/old/41': '/products/41',
    '/old/42': '/products/42',
    '/old/43': '/products/43'
};

function redirect(r) {
    const target = MOVED[r.uri];
    if (!target) {
        r.return(404);
        return;
    }
    r.headersOut['Cache-Control'] = 'max-age=60';
    r.return(302, target);
}

function cleanQuery(r) {
    const parts = [];
    Object.keys(r.args).forEach((name) => {
        if (!name.startsWith('utm_')) {
            parts.push(name + '=' + r.args[name]);
        }
    });
    return parts.join('&');
}

function securityHeaders(r) {
    r.headersOut['X-Content-Type-Options'] = 'nosniff';
    r.headersOut['Referrer-Policy'] = 'strict-origin-when-cross-origin';
}

// The functions of Benchmarks/engine/functions.

function noOp(r) {
    return '';
}

const MOVED_TO = { '/moved/41': '/products/41', '/moved/42': '/products/42', '/moved/43': '/products/43' };

function moved(r) {
    const target = MOVED_TO[r.uri];
    if (!target) {
        r.return(404);
        return;
    }
    r.headersOut['Cache-Control'] = 'max-age=60';
    r.return(301, target);
}

function sixHeaders(r) {
    const headers = r.headersOut;
    headers['Strict-Transport-Security'] = 'max-age=63072000; includeSubdomains; preload';
    headers['Content-Security-Policy'] = "default-src 'none'; img-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'";
    headers['X-Content-Type-Options'] = 'nosniff';
    headers['X-Frame-Options'] = 'DENY';
    headers['X-XSS-Protection'] = '1; mode=block';
    headers['Referrer-Policy'] = 'same-origin';
}

// r.args decodes; the text as it came is split here, as the proxy's own function gets it.
function normaliseQuery(r) {
    const kept = [];
    r.variables.args.split('&').forEach((parameter) => {
        if (!parameter.startsWith('utm_')) {
            kept.push(parameter);
        }
    });
    return kept.sort().join('&');
}

const KEY = 'your-256-bit-secret';

function decoded(part) {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
}

function subject(r) {
    const authorization = r.headersIn.Authorization;
    const parts = authorization ? authorization.slice('Bearer '.length).split('.') : [];
    if (parts.length !== 3) {
        return '';
    }
    const signature = crypto.createHmac('sha256', KEY).update(parts[0] + '.' + parts[1]).digest('base64url');
    const claims = decoded(parts[1]);
    if (signature !== parts[2] || decoded(parts[0]).alg !== 'HS256' || (claims.exp && claims.exp * 1000 < Date.now())) {
        return '';
    }
    return claims.sub;
}

export default { redirect, cleanQuery, securityHeaders, noOp, moved, sixHeaders, normaliseQuery, subject };
