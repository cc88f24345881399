// Gives the site one name: https://www.example.com/x, and every other name it is asked by, goes to https://example.com/x for good.
//
// Runs at viewer-request. The Host header is read-only there, so another name can only be a redirect. The name stands here and is not
// made of what the visitor sent: otherwise Host: www.evil.example would lead to evil.example.

const NAME = 'example.com';

function handler(event) {
    const request = event.request;
    const host = request.headers.host ? request.headers.host.value : '';
    if (host.toLowerCase() === NAME) {
        return request;
    }
    const query = request.rawQueryString();
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    return {
        // After 301 browsers send a POST again as a GET, after 308 as it was.
        statusCode: isRead ? 301 : 308,
        statusDescription: isRead ? 'Moved Permanently' : 'Permanent Redirect',
        headers: {
            'location': { value: 'https://' + NAME + request.uri + (query ? '?' + query : '') },
            'cache-control': { value: 'max-age=3600' }
        }
    };
}
