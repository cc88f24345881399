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

export default { redirect, cleanQuery, securityHeaders };
