// Reads everything, in every way there is, and gives the event back as it was.
function handler(event) {
    const message = event.response || event.request;
    console.log(JSON.stringify(event));
    [message.headers, message.cookies, message.querystring || {}].forEach(set => {
        for (const name in set) {
            const item = set[name], copy = Object.assign({}, item);
            console.log(name + '=' + copy.value + (copy.multiValue ? copy.multiValue.map(one => one.value + one.attributes).join() : ''));
            Object.getOwnPropertyDescriptor(set, name).value.value.toLowerCase();
        }
        Object.entries(set).forEach(pair => pair[0] + pair[1].value.length);
    });
    if (event.request.rawQueryString) console.log(String(event.request.rawQueryString()));
    return message;
}
