// Shows some visitors another variant, and the same one every time.
//
// Runs at both viewer events. At viewer-request the visitor's cookie decides; without one, chance does. The variant goes on in a header,
// x-ab-checkout: name it in the cache policy, so that variants are cached apart, and in the origin request policy. At viewer-response
// a new visitor gets the cookie; answers in the cache are shared and never have it.

const crypto = require('crypto');

const COOKIE = 'ab-checkout';
const HEADER = 'x-ab-checkout';
const NEW = 'x-ab-checkout-new';
const VARIANTS = ['current', 'short'];
const SHORT_PERCENT = 50;
const ATTRIBUTES = 'Path=/; Max-Age=7776000; Secure; SameSite=Lax';

function handler(event) {
    return event.response ? remember(event) : assign(event);
}

function assign(event) {
    const request = event.request;
    const cookie = request.cookies[COOKIE];
    // Anything else than a variant's name in the cookie is as good as none.
    const known = cookie && VARIANTS.includes(cookie.value) ? cookie.value : '';
    request.headers[HEADER] = { value: known || draw(event.context.requestId) };
    // Visitors cannot set these headers themselves: both are written or removed here.
    delete request.headers[NEW];
    if (!known) {
        request.headers[NEW] = { value: '1' };
    }
    return request;
}

function remember(event) {
    const headers = event.request.headers;
    if (headers[NEW] && headers[HEADER]) {
        event.response.cookies[COOKIE] = { value: headers[HEADER].value, attributes: ATTRIBUTES };
    }
    return event.response;
}

// A request's id is as good as Math.random, and a test can choose it.
function draw(requestId) {
    const hash = crypto.createHash('sha256').update(COOKIE + requestId).digest('hex');
    return parseInt(hash.slice(0, 8), 16) % 100 < SHORT_PERCENT ? 'short' : 'current';
}
