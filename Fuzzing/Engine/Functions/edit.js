// Changes, removes and repeats, by the length of each name.
function handler(event) {
    const message = event.response || event.request;
    [message.headers, message.cookies, message.querystring || {}].forEach(set => {
        Object.keys(set).forEach((name, index) => {
            const item = set[name];
            switch ((name.length + index) % 6) {
            case 0: delete set[name]; break;
            case 1: item.value += name; break;
            case 2: item.multiValue = [{ value: name }, { value: item.value, attributes: 'Path=/' }]; break;
            case 3: set[name] = { value: '' }; break;
            case 4: if (item.multiValue) item.multiValue.push(item.multiValue[0]); break;
            default: Object.freeze(item);
            }
        });
    });
    if (event.response) event.response.statusCode = 200 + event.request.uri.length % 400;
    else event.request.uri = '/' + encodeURIComponent(event.request.uri);
    return message;
}
