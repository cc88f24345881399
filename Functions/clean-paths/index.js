// Gives each page one address: /a//b/ and /a/b/ go to /a/b for good.
//
// Runs at viewer-request. Requests that may have a body are not redirected, because they would lose it: they go on with the
// clean path.

function handler(event) {
    const request = event.request;
    const path = cleanPath(request.uri);
    if (path === request.uri) {
        return request;
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
        request.uri = path;
        return request;
    }
    const query = request.rawQueryString();
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: {
            'location': { value: path + (query ? '?' + query : '') },
            'cache-control': { value: 'max-age=3600' }
        }
    };
}

// The result begins with exactly one slash and no backslash behind it: "//evil.example" or "/\evil.example" in Location would lead
// to another site.
function cleanPath(uri) {
    const path = uri.replace(/\\/g, '%5C').replace(/\/\/+/g, '/');
    return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}
