"""The table of redirects that issue 8 names, in the words of each peer, and a sample of it that every peer must answer alike."""

import re
from pathlib import Path

RULES = Path("/work/shared/data/redirects-mdn-2020-en-us.tsv")

# Rules that are asked for: spread over the table, of characters that every peer reads alike.
SAMPLE = 1000


def pairs(file):
    """(from, to) of each line, the first of each `from`."""
    found = {}
    for line in file.read_text().splitlines():
        if not line.startswith("#") and line.count("\t") == 1:
            found.setdefault(*line.split("\t"))
    return found


def sample(rules):
    """Some of the rules: ((path, Location), …). nginx compares in either case, so those with a twin are left out."""
    lower = {}
    for path in rules:
        lower[path.lower()] = lower.get(path.lower(), 0) + 1
    plain = [(path, to) for path, to in rules.items()
             if re.fullmatch(r"[A-Za-z0-9/_.-]+", path) and "//" not in path and re.fullmatch(r"[A-Za-z0-9/_.:-]+", to) and lower[path.lower()] == 1]
    return tuple(plain[::len(plain) // SAMPLE][:SAMPLE])


def nginx_map(rules, file):
    """A `map`'s lines. Of two paths that differ in case nginx can have one; a `$` would be a variable."""
    seen, lines = set(), []
    for path, to in rules.items():
        if path.lower() not in seen and "$" not in to:
            seen.add(path.lower())
            lines.append(f"{quoted(path)} {quoted(to)};\n")
    file.write_text("".join(lines))


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def haproxy_map(rules, file):
    """A map file's lines: the first word is the key."""
    file.write_text("".join(f"{path} {to}\n" for path, to in rules.items() if " " not in path))
