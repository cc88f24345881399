// Tells the origin the viewer's address in True-Client-IP.
//
// Runs at viewer-request. Name the header in the origin request policy, not in the cache policy: it is different for everyone. What a
// visitor sends under this and similar names is removed, so that an application that reads one of them is never lied to.

const HEADER = 'true-client-ip';
const SIMILAR = ['x-client-ip', 'client-ip', 'x-cluster-client-ip', 'x-original-forwarded-for', 'cf-connecting-ip', 'fastly-client-ip'];

function handler(event) {
    const headers = event.request.headers;
    SIMILAR.forEach((name) => {
        delete headers[name];
    });
    headers[HEADER] = { value: event.viewer.ip };
    return event.request;
}
