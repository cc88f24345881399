// Sends visitors of moved pages to their new address, and asks the origin for a folder's index page.
//
// Runs at viewer-request. It returns either a response, which is the answer, or the request, which goes on its way.
// Deploys to CloudFront as it is. Try it: curl -i 'http://127.0.0.1:8080/start?from=mail'

// One page to another. Add a line, start skerry again, and curl it.
const MOVED_PAGES = {
    '/start': '/guide/',
    '/docs': '/guide/',
    '/index.htm': '/'
};

// Everything below one folder to the same place below another.
const MOVED_FOLDERS = {
    '/manual/': '/guide/'
};

function handler(event) {
    const request = event.request;

    const target = newAddress(request.uri);
    if (target) {
        return {
            statusCode: 301,
            statusDescription: 'Moved Permanently',
            headers: {
                'location': { value: target + queryString(request.querystring) },
                'cache-control': { value: 'max-age=3600' }
            }
        };
    }

    // "/guide/" is stored as "/guide/index.html". The visitor keeps the short address: this is no redirect.
    if (request.uri.endsWith('/')) {
        request.uri += 'index.html';
    }
    return request;
}

// The new address of a moved path, or '' when it has not moved.
function newAddress(uri) {
    if (Object.prototype.hasOwnProperty.call(MOVED_PAGES, uri)) {
        return MOVED_PAGES[uri];
    }
    for (const folder in MOVED_FOLDERS) {
        if (uri.startsWith(folder)) {
            return MOVED_FOLDERS[folder] + uri.slice(folder.length);
        }
    }
    return '';
}

// The query as it came ("?a=1&a=2&b"), because a redirect must not lose it. Values arrive still percent-encoded.
function queryString(parameters) {
    const parts = [];
    Object.keys(parameters).forEach((name) => {
        const parameter = parameters[name];
        const values = parameter.multiValue || [parameter];
        values.forEach((item) => {
            parts.push(item.value === '' ? name : name + '=' + item.value);
        });
    });
    return parts.length > 0 ? '?' + parts.join('&') : '';
}
