// Lets pages of other sites use this one from scripts (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol).
//
// Runs at both viewer events. At viewer-request it answers preflights, which then never reach the origin; at viewer-response it
// says who may read. What the origin says about it is replaced: there is one place that decides.

const SITES = ['https://app.example.com', 'https://admin.example.com'];
// Beside them: previews, any one name below this one. Anchored at both ends, or evil-preview.example.com.attacker.test would do.
const PREVIEWS = /^https:\/\/[a-z0-9-]+\.preview\.example\.com$/;

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS = 'authorization, content-type, x-request-id';
const RESPONSE_HEADERS = 'etag, x-request-id';
const PREFLIGHT_SECONDS = '600';

function handler(event) {
    const headers = event.request.headers;
    const origin = headers.origin ? headers.origin.value : '';
    if (event.response) {
        return allow(event.response, origin);
    }
    const isPreflight = event.request.method === 'OPTIONS' && origin && headers['access-control-request-method'];
    return isPreflight ? preflight(origin) : event.request;
}

// A site that may not is told nothing, and its browser refuses.
function preflight(origin) {
    const answer = { 'vary': { value: 'Origin' }, 'cache-control': { value: 'no-store' } };
    if (isAllowed(origin)) {
        answer['access-control-allow-origin'] = { value: origin };
        answer['access-control-allow-credentials'] = { value: 'true' };
        answer['access-control-allow-methods'] = { value: METHODS };
        answer['access-control-allow-headers'] = { value: REQUEST_HEADERS };
        answer['access-control-max-age'] = { value: PREFLIGHT_SECONDS };
    }
    return { statusCode: 204, statusDescription: 'No Content', headers: answer };
}

function allow(response, origin) {
    const headers = response.headers;
    Object.keys(headers).forEach((name) => {
        if (name.startsWith('access-control-')) {
            delete headers[name];
        }
    });
    // Always, also without Origin: caches on the way must not give this answer to another site.
    headers.vary = { value: varyWithOrigin(headers.vary) };
    if (isAllowed(origin)) {
        headers['access-control-allow-origin'] = { value: origin };
        headers['access-control-allow-credentials'] = { value: 'true' };
        headers['access-control-expose-headers'] = { value: RESPONSE_HEADERS };
    }
    return response;
}

// Compared whole: an Origin is "scheme://host[:port]", or "null", which is nobody's.
function isAllowed(origin) {
    return SITES.includes(origin) || PREVIEWS.test(origin);
}

function varyWithOrigin(vary) {
    if (!vary) {
        return 'Origin';
    }
    const lines = vary.multiValue || [vary];
    const names = lines.map((line) => line.value).join(', ');
    return names.split(',').some((name) => ['*', 'origin'].includes(name.trim().toLowerCase())) ? names : names + ', Origin';
}
