#!/bin/sh
# Puts the QuickJS-ng sources into Sources/CQuickJS/quickjs (ignored by git): downloads the pinned source
# distribution, checks its hash, unpacks the C files that are needed and applies our patch.
# A second run does nothing. Works offline when the archive is already in .deps/ at the top of the tree.
set -eu
version=0.17.0.2
sha256=43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef
needed="quickjs.c quickjs.h quickjs-atom.h quickjs-opcode.h libregexp.c libregexp.h libregexp-opcode.h
  libunicode.c libunicode.h libunicode-table.h dtoa.c dtoa.h cutils.h list.h
  builtin-array-fromasync.h builtin-iterator-zip.h builtin-iterator-zip-keyed.h"

here=$(cd "$(dirname "$0")" && pwd)
target=$here/quickjs
downloads=$here/../../.deps
archive=$downloads/quickjs_ng-$version.tar.gz
stamp=$target/.stamp
fail() { echo "fetch.sh: $*" >&2; exit 1; }

want="$version $sha256 $(cat "$here/quickjs.patch" "$here/fetch.sh" | sha256sum | cut -d' ' -f1)"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then exit 0; fi

hash_of() { sha256sum "$1" | cut -d' ' -f1; }
mkdir -p "$downloads"
if [ ! -f "$archive" ] || [ "$(hash_of "$archive")" != "$sha256" ]; then
  rm -f "$archive"
  python3 -m pip --version >/dev/null 2>&1 || fail "needs Python's pip (Debian: apt-get install python3-pip) to download QuickJS-ng $version"
  requirements=$(mktemp)
  trap 'rm -f "$requirements"' EXIT
  echo "quickjs-ng==$version --hash=sha256:$sha256" > "$requirements"
  echo "fetching QuickJS-ng $version from PyPI"
  # pip also builds the package's metadata, which may take a while; its output is shown only when it fails.
  python3 -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
    --requirement "$requirements" --dest "$downloads" > "$downloads/pip.log" 2>&1 \
    || { cat "$downloads/pip.log" >&2; fail "pip could not download quickjs-ng==$version (is PyPI reachable?)"; }
fi
[ -f "$archive" ] || fail "pip saved no $archive"
[ "$(hash_of "$archive")" = "$sha256" ] || fail "$archive does not have the pinned SHA-256 $sha256"

rm -rf "$target"
mkdir -p "$target"
members=""
for name in $needed; do members="$members quickjs_ng-$version/upstream-quickjs/$name"; done
# shellcheck disable=SC2086  # the list is ours
tar -xzf "$archive" -C "$target" --strip-components=2 $members \
  || fail "could not unpack $archive"
command -v patch >/dev/null || fail "needs patch (Debian: apt-get install patch)"
patch --silent --directory="$target" --strip=1 < "$here/quickjs.patch" || fail "quickjs.patch does not apply to $version"
echo "$want" > "$stamp"
echo "QuickJS-ng $version is ready in Sources/CQuickJS/quickjs"
