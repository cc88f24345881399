// Import lines in source text. Functions are compiled as scripts, not modules, because that is what they were written
// as: top-level functions may be declared twice, and `handler` is a global.
#include "internal.h"

#include <stdlib.h>

static bool is_name_byte(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' || c >= 0x80;
}

/// The first byte at or after `at` that is neither white space nor comment nor byte order mark nor the directive 'use strict'.
static size_t skip_blank(sk_slice s, size_t at) {
  while (at < s.count) {
    uint8_t c = s.bytes[at];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';') {
      at++;
    } else if (c == 0xef && at + 3 <= s.count && !memcmp(s.bytes + at, "\xef\xbb\xbf", 3)) {
      at += 3;
    } else if (c == '/' && at + 1 < s.count && s.bytes[at + 1] == '/') {
      while (at < s.count && s.bytes[at] != '\n') at++;
    } else if (c == '/' && at + 1 < s.count && s.bytes[at + 1] == '*') {
      at += 2;
      while (at + 1 < s.count && !(s.bytes[at] == '*' && s.bytes[at + 1] == '/')) at++;
      at += 2;
    } else if (at + 12 <= s.count && (!memcmp(s.bytes + at, "'use strict'", 12) || !memcmp(s.bytes + at, "\"use strict\"", 12))) {
      at += 12;
    } else {
      return at;
    }
  }
  return s.count;
}

static size_t skip_spaces(sk_slice s, size_t at) {
  while (at < s.count && (s.bytes[at] == ' ' || s.bytes[at] == '\t' || s.bytes[at] == '\n' || s.bytes[at] == '\r')) at++;
  return at;
}

typedef struct { size_t start, end; sk_slice name, module; } sk_import;  // module with its quotes

/// Matches `import name from 'module'` at `at`.
static bool match_import(sk_slice s, size_t at, sk_import *found) {
  found->start = at;
  if (at + 7 > s.count || memcmp(s.bytes + at, "import", 6) || is_name_byte(s.bytes[at + 6])) return false;
  size_t name = skip_spaces(s, at + 6), name_end = name;
  while (name_end < s.count && is_name_byte(s.bytes[name_end])) name_end++;
  size_t from = skip_spaces(s, name_end);
  if (name_end == name || from + 5 > s.count || memcmp(s.bytes + from, "from", 4)) return false;
  size_t quote = skip_spaces(s, from + 4);
  if (quote >= s.count || (s.bytes[quote] != '\'' && s.bytes[quote] != '"')) return false;
  const uint8_t *close = memchr(s.bytes + quote + 1, s.bytes[quote], s.count - quote - 1);
  if (!close) return false;
  found->end = (size_t)(close - s.bytes) + 1;
  found->name = (sk_slice){s.bytes + name, name_end - name};
  found->module = (sk_slice){s.bytes + quote, found->end - quote};
  return true;
}

typedef struct { char *bytes; size_t count; } sk_buffer;

static void copy_to(sk_buffer *out, const void *bytes, size_t count) {
  memcpy(out->bytes + out->count, bytes, count);
  out->count += count;
}

char *sk_without_imports(sk_slice source, size_t *count) {
  // Each import of at least 15 bytes grows by at most 2 + the line breaks inside it, which are kept.
  sk_buffer out = {malloc(source.count * 2 + 64), 0};
  if (!out.bytes) return NULL;
  size_t copied = 0, at = skip_blank(source, 0);
  for (sk_import found; match_import(source, at, &found); at = skip_blank(source, copied)) {
    copy_to(&out, source.bytes + copied, found.start - copied);
    copy_to(&out, "var ", 4);
    copy_to(&out, found.name.bytes, found.name.count);
    copy_to(&out, "=require(", 9);
    copy_to(&out, found.module.bytes, found.module.count);
    copy_to(&out, ")", 1);
    for (size_t i = found.start; i < found.end; i++)
      if (source.bytes[i] == '\n') copy_to(&out, "\n", 1);
    copied = found.end;
  }
  copy_to(&out, source.bytes + copied, source.count - copied);
  out.bytes[out.count] = 0;
  *count = out.count;
  return out.bytes;
}
