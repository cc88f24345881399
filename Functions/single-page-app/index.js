// Answers every route of a single-page app with its one page, so that /orders/42 can be reloaded and linked.
//
// Runs at viewer-request. Files (a last part with an extension) and the paths below are asked for as they are. It is better than
// an error page for 404: an asset that is missing stays missing, and the answer for a route is 200 from the start.

const PAGE = '/index.html';

// Not the app's: paths equal to one of these or below it.
const OTHERS = ['/api', '/.well-known'];

function handler(event) {
    const request = event.request;
    if ((request.method !== 'GET' && request.method !== 'HEAD') || isFile(request.uri) || isOther(request.uri)) {
        return request;
    }
    request.uri = PAGE;
    // The page reads its query from the address bar; here it would only split the cache.
    request.querystring = {};
    return request;
}

// Only the last part counts: /v1.2/users is a route.
function isFile(uri) {
    return /\.[A-Za-z0-9]{1,8}$/.test(uri);
}

function isOther(uri) {
    return OTHERS.some((path) => uri === path || uri.startsWith(path + '/'));
}
