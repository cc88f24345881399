// Sends visitors of moved pages to their new address, and asks the origin for a folder's index page.
//
// Runs at viewer-request. It returns either a response, which is the answer, or the request, which goes on its way.
// The addresses stand in a key-value store (rules.json), so that a new one needs no new code:
//
//   key "/start"       a page. Value: "/guide/", "https://example.org/", or {"to": "/guide/", "status": 302}
//   key "/manual/*"    everything below a folder. Value: "/guide/*" keeps what follows, "/guide/" does not
//
// Keys are paths as people read them, without percent-encoding. A page comes before a folder, an inner folder before an outer.
// Deploys to CloudFront as it is. Try it: curl -i 'http://127.0.0.1:8080/start?from=mail'

import cf from 'cloudfront';

const rules = cf.kvs();

const STATUSES = { 301: 'Moved Permanently', 302: 'Found', 303: 'See Other', 307: 'Temporary Redirect', 308: 'Permanent Redirect' };
const DEEPEST_FOLDER = 8;
const LONGEST_KEY = 512;

async function handler(event) {
    const request = event.request;

    // A redirected POST would come back as a GET without its body, so only pages that are read move.
    if (request.method === 'GET' || request.method === 'HEAD') {
        const rule = await findRule(request.uri);
        if (rule) {
            return redirect(rule, request.rawQueryString());
        }
    }

    // "/guide/" is stored as "/guide/index.html". The visitor keeps the short address: this is no redirect.
    if (request.uri.endsWith('/')) {
        request.uri += 'index.html';
    }
    return request;
}

// The rule for a path, with the rest of the path below its folder, or null.
async function findRule(uri) {
    const page = await readRule(readable(uri));
    if (page) {
        page.rest = '';
        return page;
    }
    const folders = [];
    for (let slash = uri.indexOf('/'); slash >= 0 && folders.length < DEEPEST_FOLDER; slash = uri.indexOf('/', slash + 1)) {
        folders.push(slash + 1);
    }
    for (let i = folders.length - 1; i >= 0; i--) {
        const folder = await readRule(readable(uri.slice(0, folders[i])) + '*');
        if (folder) {
            folder.rest = uri.slice(folders[i]);
            return folder;
        }
    }
    return null;
}

// One entry of the store as { to, status }, or null.
async function readRule(key) {
    if (key.length > LONGEST_KEY) {
        return null;
    }
    const known = await rules.exists(key);
    if (!known) {
        return null;
    }
    const value = await rules.get(key);
    return value.startsWith('{') ? JSON.parse(value) : { to: value };
}

// A path without percent-encoding, except that of "/", "?" and "#"; as it came when it is no UTF-8.
function readable(uri) {
    try {
        return decodeURI(uri);
    } catch (error) {
        return uri;
    }
}

function redirect(rule, query) {
    let location = rule.to.endsWith('/*') ? rule.to.slice(0, -1) + rule.rest : rule.to;
    if (rule.to.startsWith('/')) {
        // "/everything//evil.example" may not become "//evil.example", which is another site. Browsers read "\" as "/".
        location = location.replace(/^[\/\\]+/, '/');
    }
    const status = STATUSES[rule.status] ? rule.status : 301;
    return {
        statusCode: status,
        statusDescription: STATUSES[status],
        headers: {
            'location': { value: withQuery(location, query) },
            'cache-control': { value: 'max-age=3600' }
        }
    };
}

// The query as it came, behind one that the target has, before its fragment.
function withQuery(location, query) {
    if (!query) {
        return location;
    }
    const hash = location.indexOf('#');
    const page = hash < 0 ? location : location.slice(0, hash);
    const fragment = hash < 0 ? '' : location.slice(hash);
    return page + (page.includes('?') ? '&' : '?') + query + fragment;
}
