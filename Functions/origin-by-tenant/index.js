// Serves many customers with one distribution: acme.app.example.com comes from the origin of acme.
//
// Runs at viewer-request. The key-value store has an entry for each tenant: {"domainName": "…", "originPath": "/…", "suspended": true},
// the last two where there is need. The origin is told the tenant in x-tenant, which no visitor can set. Put Host into the cache key.

import cf from 'cloudfront';

const tenants = cf.kvs();

const DOMAIN = '.app.example.com';

async function handler(event) {
    const request = event.request;
    const name = tenantOf(request.headers.host);
    const tenant = name ? await findTenant(name) : null;
    if (!tenant) {
        return answer(404, 'Not Found', 'There is nothing at this address.\n');
    }
    if (tenant.suspended) {
        return answer(403, 'Forbidden', 'This account is suspended.\n');
    }
    // Origins' own headers and the request's may not have the same name.
    delete request.headers['x-tenant'];
    const origin = { domainName: tenant.domainName, customHeaders: { 'x-tenant': name } };
    if (tenant.originPath) {
        origin.originPath = tenant.originPath;
    }
    cf.updateRequestOrigin(origin);
    return request;
}

// The one label before the domain, or ''.
function tenantOf(host) {
    const name = host ? host.value.toLowerCase().replace(/:[0-9]+$/, '').replace(/\.$/, '') : '';
    const label = name.endsWith(DOMAIN) ? name.slice(0, -DOMAIN.length) : '';
    return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label) ? label : '';
}

async function findTenant(name) {
    const known = await tenants.exists(name);
    if (!known) {
        return null;
    }
    const tenant = await tenants.get(name, { format: 'json' });
    return tenant;
}

function answer(status, description, text) {
    return {
        statusCode: status,
        statusDescription: description,
        headers: { 'content-type': { value: 'text/plain; charset=utf-8' }, 'cache-control': { value: 'no-store' } },
        body: text
    };
}
