// The cases "function" and "h2-function": a moved page is answered at the edge.

const MOVED = {
    '/old/41': '/products/41',
    '/old/42': '/products/42',
    '/old/43': '/products/43',
    '/found/42': '/products/42'
};

function handler(event) {
    const target = MOVED[event.request.uri];
    if (!target) {
        return { statusCode: 404 };
    }
    return {
        statusCode: 302,
        statusDescription: 'Found',
        headers: {
            'cache-control': { value: 'max-age=60' },
            'location': { value: target }
        }
    };
}
