// A moved page is answered at the edge.
const MOVED = { '/moved/41': '/products/41', '/moved/42': '/products/42', '/moved/43': '/products/43' };

function handler(event) {
    const target = MOVED[event.request.uri];
    if (!target) {
        return event.request;
    }
    return {
        statusCode: 301,
        statusDescription: 'Moved Permanently',
        headers: { 'cache-control': { value: 'max-age=60' }, location: { value: target } }
    };
}
