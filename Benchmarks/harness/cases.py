"""What is measured: one request and the answer it must get, the same for every peer."""

from dataclasses import dataclass, field

# The shared origin's body: 1,024 bytes of text that is easy to look at.
BODY = (b"The quick brown fox jumps over the lazy dog. 0123456789\n" * 19)[:1024]


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    path: str
    status: int
    fields: dict = field(default_factory=dict)
    body: bytes | None = None
    # The ratio to nginx that issues 2 and 4 ask for, and user instructions of Skerry; None where none is set.
    ratio: float | None = None
    instructions: int | None = None
    # Over TLS 1.3, with the same certificate and cipher for every peer.
    tls: bool = False
    # By HTTP/2, over TLS.
    http2: bool = False
    # What the request has beside a browser's usual fields.
    request_fields: dict = field(default_factory=dict)
    # How many connections ask for it where requests are counted; None: as many as the measurement has by itself.
    connections: int | None = None
    # Paths that are asked for in turn, each with its Location; `path` is the first of them.
    moved: tuple = ()


CASES = [
    Case("proxy", "proxied GET, 1 KB", "/products/42?ref=mail", 200, {"content-type": "text/plain"}, BODY,
         ratio=0.80, instructions=20_000),
    Case("function", "302 by a JavaScript function", "/old/42?ref=mail", 302,
         {"location": "/products/42", "cache-control": "max-age=60"}, ratio=0.80),
    Case("redirect", "301 to https, no function", "/secure/42?ref=mail", 301,
         {"location": "https://127.0.0.1/secure/42?ref=mail"}),
    Case("functions", "proxied GET through two functions", "/pages/42?page=2&utm_source=mail", 200,
         {"content-type": "text/plain", "x-content-type-options": "nosniff", "x-origin-query": "page=2"}, BODY),
    Case("tls", "proxied GET, 1 KB, TLS 1.3", "/products/42?ref=mail", 200, {"content-type": "text/plain"}, BODY, ratio=0.80, tls=True),
]

# Measured by themselves: streams instead of connections.
HTTP2_CASES = [
    Case("h2-function", "302 by a JavaScript function, HTTP/2", "/found/42", 302, {"location": "/products/42"}, ratio=0.45, tls=True, http2=True),
    Case("h2-proxy", "proxied GET, 1 KB, HTTP/2", "/products/42?ref=mail", 200, {"content-type": "text/plain"}, BODY, ratio=0.75, tls=True, http2=True),
]


LARGE_BODY = BODY * 1024

# Hits of a cache; a query that functions clean is left out of the key.
CACHE_CASES = [
    Case("hit", "1 KB hit", "/cached/42", 200, {"content-type": "text/plain"}, BODY, ratio=0.65),
    Case("hit-functions", "1 KB hit through two functions", "/cached/functions/42?utm_source=mail", 200,
         {"content-type": "text/plain", "x-content-type-options": "nosniff"}, BODY, ratio=0.75),
    Case("hit-large", "1 MB hit", "/large", 200, {"content-type": "text/plain"}, LARGE_BODY, ratio=1.0),
]


# One rule of a table; `run --only redirects` asks for many.
TABLE = Case("table", "301 from 35,230 rules", "/en-US/docs/AJAX", 301, {"location": "/en-US/docs/Web/Guide/AJAX"}, ratio=0.75)


# One in flight through a warm function of the function tier, and the same request without it.
TIER_CASES = [
    Case("tier", "proxied GET through a warm Node.js function", "/node/42?ref=mail", 200, {"content-type": "text/plain"}, BODY, connections=1),
    Case("tier-changed", "the same through one that changes the path and two headers", "/changed/42?ref=mail", 200, {"content-type": "text/plain"}, BODY, connections=1),
    Case("tier-plain", "the same without it", "/plain/42?ref=mail", 200, {"content-type": "text/plain"}, BODY, connections=1),
]


TOKEN = ("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ."
         "SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c")


@dataclass(frozen=True)
class Added:
    """A function, and the same request without one: what it adds to a request."""

    case: Case
    without: Case
    # Microseconds that issue 3 asks for.
    microseconds: float


def proxied(name, title, path, **more):
    return Case(name, title, path, 200, {"content-type": "text/plain", **more.pop("fields", {})}, BODY, **more)


ADDED = [
    Added(proxied("no-op", "a function that does nothing", "/no-op/42?ref=mail"),
          proxied("plain", "", "/products/42?ref=mail"), 1.2),
    Added(Case("moved", "a redirect", "/moved/42?ref=mail", 301, {"location": "/products/42"}),
          CASES[2], 4),
    Added(proxied("six-headers", "six response headers", "/headers/42?ref=mail", fields={"x-frame-options": "DENY", "referrer-policy": "same-origin"}),
          proxied("plain", "", "/products/42?ref=mail"), 7.5),
    Added(proxied("normalise-query", "query normalisation", "/query/42?utm_source=letter&b=2&a=1&utm_medium=mail&q=blue+shoes",
                  fields={"x-origin-query": "a=1&b=2&q=blue+shoes"}),
          proxied("plain-query", "", "/products/42?utm_source=letter&b=2&a=1&utm_medium=mail&q=blue+shoes"), 11),
    Added(proxied("jwt", "JWT, HS256", "/jwt/42?ref=mail", fields={"x-origin-user": "1234567890"}, request_fields={"Authorization": f"Bearer {TOKEN}"}),
          proxied("plain-jwt", "", "/products/42?ref=mail", request_fields={"Authorization": f"Bearer {TOKEN}"}), 18),
]


def named(names, otherwise=None):
    """The cases of these names, in their order; when none is named, `otherwise` or all of HTTP/1.1 but the added ones."""
    known = {case.name: case for case in CASES + HTTP2_CASES + CACHE_CASES + TIER_CASES + [TABLE] + [case for added in ADDED for case in (added.case, added.without)]}
    for name in names:
        if name not in known:
            raise SystemExit(f"no case {name}; there are {', '.join(known)}")
    return [known[name] for name in names] or otherwise or CASES
