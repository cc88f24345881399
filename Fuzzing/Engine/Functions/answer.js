// Answers with what it was given.
function handler(event) {
    const request = event.request, headers = { 'x-query': { value: request.rawQueryString() || '' } };
    for (const name in request.headers) headers['x-' + name.replace(/[^a-z0-9-]/g, '')] = { value: request.headers[name].value };
    const body = Buffer.from(request.uri);
    return {
        statusCode: 200 + request.uri.length % 400,
        statusDescription: request.method,
        headers: headers,
        cookies: Object.assign({}, request.cookies),
        body: request.uri.length % 2 ? body.toString() : { encoding: 'base64', data: body.toString('base64') }
    };
}
