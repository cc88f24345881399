// Gives each query one form: without the parameters that only tell marketing where a visitor came from, in the order of names,
// with escapes in upper case. /page?utm_source=mail&b=2&a=1 and /page?a=1&b=2 become one cached object.
//
// Runs at viewer-request, before the cache key is made. Values, and the order of values of one name, stay as they came.

const TRACKING = ['gclid', 'gbraid', 'wbraid', 'dclid', 'fbclid', 'msclkid', 'twclid', 'ttclid', 'igshid', 'mc_cid', 'mc_eid', '_ga', '_gl'];
const TRACKING_PREFIXES = ['utm_', 'pk_', 'hsa_'];

// A signature is over the query as it is.
const SIGNED = /(^|&)(x-amz-signature|signature|sig|hmac)=/i;

// Sorting more than anyone uses would only burn time.
const MOST_PARAMETERS = 100;

function handler(event) {
    const request = event.request;
    const query = request.rawQueryString();
    if (query === undefined || SIGNED.test(query)) {
        return request;
    }
    const pieces = query.split('&');
    if (pieces.length > MOST_PARAMETERS) {
        return request;
    }
    const kept = [];
    pieces.forEach((text, place) => {
        const name = nameOf(text);
        if (text !== '' && !isTracking(name.toLowerCase())) {
            kept.push({ name: name, place: place, text: text.replace(/%[0-9a-f]{2}/g, upperCase) });
        }
    });
    kept.sort(compare);
    request.querystring = kept.map((parameter) => parameter.text).join('&');
    return request;
}

// Decoded, or utm%5Fsource would slip through; as it came when it is no UTF-8.
function nameOf(text) {
    const name = text.split('=', 1)[0].replace(/\+/g, ' ');
    try {
        return decodeURIComponent(name);
    } catch (error) {
        return name;
    }
}

function isTracking(name) {
    return TRACKING.includes(name) || TRACKING_PREFIXES.some((prefix) => name.startsWith(prefix));
}

function upperCase(escape) {
    return escape.toUpperCase();
}

// By name, then by place: a=2&a=1 may mean something else than a=1&a=2.
function compare(a, b) {
    if (a.name === b.name) {
        return a.place - b.place;
    }
    return a.name < b.name ? -1 : 1;
}
