// Sorted parameters without marketing's, so that a cache sees one URL.
function handler(event) {
    const query = event.request.querystring;
    const kept = [];
    Object.keys(query).sort().forEach((name) => {
        if (name.startsWith('utm_')) {
            return;
        }
        const values = query[name].multiValue || [query[name]];
        values.forEach((one) => kept.push(name + '=' + one.value));
    });
    event.request.querystring = kept.join('&');
    return event.request;
}
