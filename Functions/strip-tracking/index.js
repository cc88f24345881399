// Drops query parameters that only tell marketing where a visitor came from.
//
// Runs at viewer-request, before the cache key is made: /page?utm_source=mail and /page become one cached object.

const TRACKING = ['gclid', 'fbclid', 'msclkid', 'mc_cid', 'mc_eid'];

function handler(event) {
    const parameters = event.request.querystring;
    Object.keys(parameters).forEach((name) => {
        if (name.startsWith('utm_') || TRACKING.includes(name)) {
            delete parameters[name];
        }
    });
    return event.request;
}
