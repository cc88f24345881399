// Leads visitors of the front page to the pages for their country: / goes to /de/ in Germany.
//
// Runs at viewer-request. Needs the header CloudFront-Viewer-Country in the cache policy or the origin request policy. Only the front page
// leads away: a link to /fr/ shows French pages everywhere. Who chose a country on the site has a cookie, which counts more than
// where they are. Nobody stores the answer, because it is different for others.

// Country codes as in ISO 3166-1.
const SITES = {
    DE: '/de/', AT: '/de/', CH: '/de/',
    FR: '/fr/', BE: '/fr/',
    JP: '/ja/'
};
const COOKIE = 'country';

function handler(event) {
    const request = event.request;
    if (request.uri !== '/' || (request.method !== 'GET' && request.method !== 'HEAD')) {
        return request;
    }
    const site = siteOf(request.cookies[COOKIE]) || siteOf(request.headers['cloudfront-viewer-country']);
    if (!site) {
        return request;
    }
    const query = request.rawQueryString();
    return {
        statusCode: 302,
        statusDescription: 'Found',
        headers: {
            'location': { value: site + (query ? '?' + query : '') },
            'cache-control': { value: 'no-store' }
        }
    };
}

// A visitor can write anything into a cookie, but the address is always one of ours. In upper case it cannot be a name that every
// object has, such as constructor.
function siteOf(field) {
    const country = field ? field.value.toUpperCase() : '';
    return SITES[country] || '';
}
