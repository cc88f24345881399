// Sends visitors from the European Economic Area and Switzerland to the origin that keeps their data there.
//
// Runs at viewer-request. Needs the header CloudFront-Viewer-Country, and an origin called "europe" in the distribution; everyone else
// gets the behavior's own origin. Put the header into the cache policy if the two origins answer differently.

import cf from 'cloudfront';

const EUROPE = 'AT BE BG CH CY CZ DE DK EE ES FI FR GR HR HU IE IS IT LI LT LU LV MT NL NO PL PT RO SE SI SK'.split(' ');

function handler(event) {
    const country = event.request.headers['cloudfront-viewer-country'];
    if (country && EUROPE.includes(country.value)) {
        cf.selectRequestOriginById('europe');
    }
    return event.request;
}
