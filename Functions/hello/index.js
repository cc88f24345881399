// Answers every request itself: the smallest whole function, to start your own from.

function handler(event) {
    return {
        statusCode: 200,
        statusDescription: 'OK',
        headers: { 'content-type': { value: 'text/plain' } },
        body: 'Hello ' + event.viewer.ip + ', this is ' + event.request.uri + '\n'
    };
}
