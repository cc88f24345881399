// Gives every value back as another object of the same content, and adds some.
function handler(event) {
    const message = event.response || event.request;
    ['headers', 'cookies', 'querystring'].forEach(kind => {
        const set = message[kind];
        if (!set) return;
        const copy = {};
        Object.keys(set).reverse().forEach(name => {
            copy[name] = { value: set[name].value + '', attributes: set[name].attributes };
            if (set[name].multiValue) copy[name].multiValue = set[name].multiValue.map(one => Object.assign({}, one));
        });
        message[kind] = copy;
    });
    message.headers['x-added'] = { value: event.request.uri.slice(0, 100), multiValue: [{ value: 'a' }, { value: event.request.method }] };
    return message;
}
