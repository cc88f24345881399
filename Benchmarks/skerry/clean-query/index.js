// The case "functions", first half: marketing parameters do not reach the origin.

function handler(event) {
    const parameters = event.request.querystring;
    Object.keys(parameters).forEach((name) => {
        if (name.startsWith('utm_')) {
            delete parameters[name];
        }
    });
    return event.request;
}
