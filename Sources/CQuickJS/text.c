// Between the engine's strings, which are UTF-16 with whatever surrogates a function put there, and text, which is UTF-8.
#include "internal.h"

bool sk_is_utf8(sk_slice text) {
  for (size_t i = 0; i < text.count;) {
    uint8_t c = text.bytes[i++];
    if (c < 0x80) continue;
    unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    if (c < 0xc2 || c > 0xf4 || text.count - i < more) return false;
    uint8_t second = text.bytes[i];  // RFC 3629 section 4: overlong forms, surrogates, beyond U+10FFFF
    if ((c == 0xe0 && second < 0xa0) || (c == 0xed && second > 0x9f) || (c == 0xf0 && second < 0x90) ||
        (c == 0xf4 && second > 0x8f))
      return false;
    for (; more; more--, i++)
      if ((text.bytes[i] & 0xc0) != 0x80) return false;
  }
  return true;
}

bool sk_same(sk_slice a, sk_slice b) { return a.count == b.count && (!a.count || !memcmp(a.bytes, b.bytes, a.count)); }

// --- From strings

/// The first lone surrogate, which the engine writes in three bytes as if it were a character; NULL: there is none.
static const uint8_t *find_surrogate(const uint8_t *at, const uint8_t *end) {
  while (end - at > 2 && (at = memchr(at, 0xed, (size_t)(end - at - 2)))) {
    if (at[1] >= 0xa0) return at;
    at++;
  }
  return NULL;
}

void sk_replace_surrogates(uint8_t *bytes, size_t count) {
  for (const uint8_t *at = bytes; (at = find_surrogate(at, bytes + count)); at += 3) memcpy(bytes + (at - bytes), "\xef\xbf\xbd", 3);
}

/// Makes a copy, with a zero byte behind it like the original, when something is to be replaced.
static bool replaced(JSContext *context, sk_slice *text) {
  if (!find_surrogate(text->bytes, text->bytes + text->count)) return true;
  uint8_t *copy = js_malloc(context, text->count + 1);
  if (!copy) return false;
  memcpy(copy, text->bytes, text->count + 1);
  sk_replace_surrogates(copy, text->count);
  text->bytes = copy;
  return true;
}

bool sk_text_of(JSContext *context, JSValueConst value, sk_slice *text) {
  text->bytes = (const uint8_t *)JS_ToCStringLen(context, &text->count, value);
  return text->bytes && replaced(context, text);
}

bool sk_text_of_atom(JSContext *context, JSAtom atom, sk_slice *text) {
  text->bytes = (const uint8_t *)JS_AtomToCStringLen(context, &text->count, atom);
  return text->bytes && replaced(context, text);
}

// --- To strings

JSValue sk_string(JSContext *context, sk_slice text) {
  if (sk_is_ascii(text) || !sk_is_utf8(text)) return JS_NewStringLatin1(context, text.bytes, (int)text.count);
  return JS_NewStringLen(context, (const char *)text.bytes, text.count);
}

/// How many bytes at the start of `text`, which begins with no valid character, one U+FFFD stands for: the longest
/// beginning of a character, at least one (WHATWG Encoding, 4.1; Unicode 3.9, table 3-8).
static size_t broken_character(sk_slice text) {
  uint8_t first = text.bytes[0], low = 0x80, high = 0xbf;
  size_t more = first >= 0xf0 && first <= 0xf4 ? 3 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xc2 && first < 0xe0 ? 1 : 0;
  if (first == 0xe0) low = 0xa0;
  if (first == 0xed) high = 0x9f;
  if (first == 0xf0) low = 0x90;
  if (first == 0xf4) high = 0x8f;
  size_t i = 1;
  for (; i <= more && i < text.count && text.bytes[i] >= low && text.bytes[i] <= high; i++) low = 0x80, high = 0xbf;
  return i;
}

size_t sk_unfinished(sk_slice text) {
  for (size_t count = 1; count <= 3 && count <= text.count; count++) {
    sk_slice end = {text.bytes + text.count - count, count};
    uint8_t first = end.bytes[0];
    if ((first & 0xc0) == 0x80) continue;
    size_t width = first < 0xc2 || first > 0xf4 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    return count < width && broken_character(end) == count ? count : 0;
  }
  return 0;
}

static JSValue repaired(JSContext *context, sk_slice text) {
  uint8_t *out = js_malloc(context, text.count * 3 + 1);
  if (!out) return JS_EXCEPTION;
  size_t count = 0;
  for (size_t i = 0; i < text.count;) {
    uint8_t c = text.bytes[i];
    size_t width = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    bool whole = width <= text.count - i && sk_is_utf8((sk_slice){text.bytes + i, width});
    if (!whole) width = broken_character((sk_slice){text.bytes + i, text.count - i});
    memcpy(out + count, whole ? text.bytes + i : (const uint8_t *)"\xef\xbf\xbd", whole ? width : 3);
    count += whole ? width : 3;
    i += width;
  }
  JSValue value = JS_NewStringLen(context, (const char *)out, count);
  js_free(context, out);
  return value;
}

JSValue sk_string_of_utf8(JSContext *context, sk_slice text) {
  if (sk_is_ascii(text)) return JS_NewStringLatin1(context, text.bytes, (int)text.count);
  return sk_is_utf8(text) ? JS_NewStringLen(context, (const char *)text.bytes, text.count) : repaired(context, text);
}

// --- Growing

bool sk_append(sk_growing *growing, sk_slice piece) {
  sk_slice *text = &growing->text;
  uint8_t *bytes = (uint8_t *)text->bytes;  // its own
  if (text->count + piece.count > growing->capacity) {
    size_t capacity = (text->count + piece.count) * 2 + 64;
    if (!(bytes = js_realloc(growing->context, bytes, capacity))) return false;
    text->bytes = bytes;
    growing->capacity = capacity;
  }
  if (piece.count) memcpy(bytes + text->count, piece.bytes, piece.count);
  text->count += piece.count;
  return true;
}
