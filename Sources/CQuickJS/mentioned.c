// What runs will probably need, made before the snapshot. The engine makes a built-in function when it is first looked
// up; a run that did so would do it again every time, and write to pages all over the base. So whatever name stands in
// the source is looked up once before. A name that is only a comment's costs some memory, a hidden one (`a['sp' + 'lit']`)
// some time: results are the same.
#include "internal.h"

enum {
  NAMES_MAX = 4096,  // built-in names have the lowest atoms, about 1,000
  WORD_MAX = 40,     // the longest built-in name is shorter
};

typedef struct { uint64_t bits[NAMES_MAX / 64]; } sk_names;

static bool is_word_byte(uint8_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$';
}

static bool add_name(JSContext *context, sk_names *names, const char *text, size_t count) {
  JSAtom atom = JS_NewAtomLen(context, text, count);
  if (atom == JS_ATOM_NULL) return false;
  if (atom < NAMES_MAX) names->bits[atom / 64] |= 1ull << (atom % 64);
  JS_FreeAtom(context, atom);
  return true;
}

static bool is_mentioned(JSContext *context, JSAtom atom, void *opaque) {
  (void)context;
  const sk_names *names = opaque;
  return atom < NAMES_MAX && (names->bits[atom / 64] >> (atom % 64) & 1);
}

static bool find_names(JSContext *context, sk_slice source, sk_names *names) {
  // Called by the language itself: promises, loops over arrays, replacing, comparing, printing.
  static const char *const implied[] = {"then", "next", "exec", "toString", "valueOf", "toJSON", "constructor"};
  for (size_t i = 0; i < sizeof implied / sizeof implied[0]; i++)
    if (!add_name(context, names, implied[i], strlen(implied[i]))) return false;
  for (size_t at = 0, end; at < source.count; at = end + 1) {
    for (end = at; end < source.count && is_word_byte(source.bytes[end]); end++) {}
    if (end - at < 2 || end - at > WORD_MAX) continue;
    if (!add_name(context, names, (const char *)source.bytes + at, end - at)) return false;
  }
  return true;
}

bool sk_make_mentioned(sk_isolate *isolate, sk_slice source) {
  static const char *const words[MODULES] = {"crypto", "querystring", "Buffer", "cloudfront", "TextEncoder", "TextDecoder"};
  for (int i = 0; i < MODULES; i++)
    if (memmem(source.bytes, source.count, words[i], strlen(words[i])) && JS_IsException(sk_module_object(isolate, (sk_module)i)))
      return false;
  sk_names names = {0};
  return find_names(isolate->context, source, &names) &&
      !JS_ResolveLazy(isolate->context, is_mentioned, &names);
}
