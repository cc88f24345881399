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
    # The ratio to nginx that issue 2 asks for, and user instructions of Skerry; None where none is set.
    ratio: float | None = None
    instructions: int | None = None
    # Over TLS 1.3, with the same certificate and cipher for every peer.
    tls: bool = False


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


def named(names):
    """The cases of these names, in their order; all of them when none is named."""
    known = {case.name: case for case in CASES}
    for name in names:
        if name not in known:
            raise SystemExit(f"no case {name}; there are {', '.join(known)}")
    return [known[name] for name in names] or CASES
