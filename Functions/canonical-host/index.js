// Gives the site one name: https://www.example.com/x goes to https://example.com/x for good.
//
// Runs at viewer-request. The Host header is read-only there, so another name can only be a redirect.

const PREFIX = 'www.';

function handler(event) {
    const request = event.request;
    const host = request.headers.host ? request.headers.host.value : '';
    if (!host.startsWith(PREFIX)) {
        return request;
    }
    const query = request.rawQueryString();
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: {
            'location': { value: 'https://' + host.slice(PREFIX.length) + request.uri + (query ? '?' + query : '') }
        }
    };
}
