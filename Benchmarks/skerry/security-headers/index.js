// The case "functions", second half: two header fields for the browser.

function handler(event) {
    const headers = event.response.headers;
    headers['x-content-type-options'] = { value: 'nosniff' };
    headers['referrer-policy'] = { value: 'strict-origin-when-cross-origin' };
    return event.response;
}
