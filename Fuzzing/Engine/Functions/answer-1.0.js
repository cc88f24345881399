// The byte strings and digests of the first runtime.
var crypto = require('crypto'), querystring = require('querystring');
function handler(event) {
    var request = event.request, out = [];
    ['hex', 'base64', 'base64url'].forEach(function (encoding) {
        var bytes = String.bytesFrom(request.uri.slice(1), encoding);
        out.push(bytes.length, bytes.toUTF8(), bytes.fromUTF8(), String(bytes.toBytes(1, 5)), String(bytes.fromBytes(-3)));
        out.push(crypto.createHash('sha256').update(bytes).digest(encoding), crypto.createHmac('md5', bytes).update(request.uri).digest().length);
    });
    Object.keys(request.querystring).forEach(function (name) {
        out.push(querystring.stringify(querystring.parse(name + '=' + request.querystring[name].value, '&', '=', { maxKeys: name.length })));
    });
    return { statusCode: 200, body: out.join('\n').slice(0, 1000) };
}
