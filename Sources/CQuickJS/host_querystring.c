// The module `querystring` of spec/cloudfront-functions.md 9.3, in the manner of Node's.
#include "internal.h"

enum { MAX_KEYS = 1000 };  // unless the options say otherwise

/// Percent-decodes; what is no valid escape stays, invalid UTF-8 becomes U+FFFD.
static JSValue unescaped(JSContext *context, sk_slice text, bool plus_is_space) {
  uint8_t *out = js_malloc(context, text.count + 1);
  if (!out) return JS_EXCEPTION;
  size_t count = 0;
  for (size_t i = 0; i < text.count; i++) {
    uint8_t c = text.bytes[i];
    if (c == '%' && text.count - i > 2 && sk_hex_value(text.bytes[i + 1]) >= 0 && sk_hex_value(text.bytes[i + 2]) >= 0) {
      c = (uint8_t)(sk_hex_value(text.bytes[i + 1]) << 4 | sk_hex_value(text.bytes[i + 2]));
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    out[count++] = c;
  }
  JSValue value = sk_string_of_utf8(context, (sk_slice){out, count});
  js_free(context, out);
  return value;
}

static JSValue unescape(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  sk_slice text;
  return sk_text_of(context, arguments[0], &text) ? unescaped(context, text, false) : JS_EXCEPTION;
}

static bool is_unreserved(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr("-_.!~*'()", c));
}

static JSValue escaped(JSContext *context, sk_slice text) {
  uint8_t *out = js_malloc(context, text.count * 3 + 1);
  if (!out) return JS_EXCEPTION;
  size_t count = 0;
  for (size_t i = 0; i < text.count; i++) {
    uint8_t c = text.bytes[i];
    if (is_unreserved(c)) {
      out[count++] = c;
    } else {
      out[count++] = '%';
      out[count++] = (uint8_t)"0123456789ABCDEF"[c >> 4];
      out[count++] = (uint8_t)"0123456789ABCDEF"[c & 15];
    }
  }
  JSValue value = JS_NewStringLatin1(context, out, (int)count);
  js_free(context, out);
  return value;
}

static JSValue escape(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  sk_slice text;
  return sk_text_of(context, arguments[0], &text) ? escaped(context, text) : JS_EXCEPTION;
}

/// Separators, and the function given in the options under `name` (or undefined).
typedef struct { sk_slice separator, equals; JSValue function; uint32_t max_keys; } options;

static bool read_options(JSContext *context, int count, JSValueConst *arguments, const char *name, options *read) {
  *read = (options){{(const uint8_t *)"&", 1}, {(const uint8_t *)"=", 1}, JS_UNDEFINED, MAX_KEYS};
  sk_slice *marks[] = {&read->separator, &read->equals};
  for (int i = 0; i < 2; i++) {
    if (count <= i + 1 || JS_IsUndefined(arguments[i + 1]) || JS_IsNull(arguments[i + 1])) continue;
    sk_slice given;
    if (!sk_text_of(context, arguments[i + 1], &given)) return false;
    if (given.count) *marks[i] = given;
  }
  if (count <= 3 || !JS_IsObject(arguments[3])) return true;
  read->function = JS_GetPropertyStr(context, arguments[3], name);
  JSValue max_keys = JS_GetPropertyStr(context, arguments[3], "maxKeys");
  if (JS_IsException(read->function) || JS_IsException(max_keys)) return false;
  if (!JS_IsFunction(context, read->function)) read->function = JS_UNDEFINED;
  int32_t limit;
  if (!JS_IsNumber(max_keys)) return true;
  if (JS_ToInt32(context, &limit, max_keys)) return false;
  read->max_keys = limit > 0 ? (uint32_t)limit : UINT32_MAX;
  return true;
}

static JSValue decoded(JSContext *context, const options *read, sk_slice text) {
  if (JS_IsUndefined(read->function)) return unescaped(context, text, true);
  JSValueConst arguments[] = {sk_string(context, text)};
  return JS_Call(context, read->function, JS_UNDEFINED, 1, arguments);
}

/// Adds a value; a repeated key gets an array.
static bool add(JSContext *context, JSValueConst object, JSAtom key, JSValue value) {
  if (key == JS_ATOM_NULL || JS_IsException(value)) return false;
  void *opaque;
  if (JS_GetHostProperty(object, key, &opaque) == JS_HOST_PROPERTY_ABSENT)
    return JS_DefinePropertyValue(context, object, key, value, JS_PROP_C_W_E) >= 0;
  JSValue before = JS_GetProperty(context, object, key);
  if (JS_IsException(before)) return false;
  int64_t length;
  if (JS_IsArray(before))
    return !JS_GetLength(context, before, &length) &&
        JS_DefinePropertyValueUint32(context, before, (uint32_t)length, value, JS_PROP_C_W_E) >= 0;
  JSValue list = JS_NewArray(context);
  return !JS_IsException(list) && JS_DefinePropertyValueUint32(context, list, 0, before, JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValueUint32(context, list, 1, value, JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValue(context, object, key, list, JS_PROP_C_W_E) >= 0;
}

static const uint8_t *find(const uint8_t *at, const uint8_t *end, sk_slice mark) {
  const uint8_t *found = memmem(at, (size_t)(end - at), mark.bytes, mark.count);
  return found ? found : end;
}

static JSValue parse(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_slice text;
  options read;
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object) || !JS_IsString(arguments[0])) return object;
  if (!sk_text_of(context, arguments[0], &text) || !read_options(context, count, arguments, "decodeURIComponent", &read))
    return JS_EXCEPTION;
  const uint8_t *at = text.bytes, *end = text.bytes + text.count;
  for (uint32_t keys = 0; at < end && keys < read.max_keys; keys++) {
    const uint8_t *stop = find(at, end, read.separator), *equals = find(at, stop, read.equals);
    if (stop > at) {
      const uint8_t *value_start = equals < stop ? equals + read.equals.count : stop;
      JSValue key = decoded(context, &read, (sk_slice){at, (size_t)(equals - at)});
      JSValue value = JS_IsException(key) ? key : decoded(context, &read, (sk_slice){value_start, (size_t)(stop - value_start)});
      if (JS_IsException(value) || !add(context, object, JS_ValueToAtom(context, key), value)) return JS_EXCEPTION;
    }
    at = stop == end ? end : stop + read.separator.count;
  }
  return object;
}

/// Strings, numbers, booleans and big integers as text; everything else as the empty string.
static JSValue primitive(JSContext *context, JSValueConst value, const options *read) {
  sk_slice text = {(const uint8_t *)"", 0};
  if (!JS_IsObject(value) && !JS_IsUndefined(value) && !JS_IsNull(value) && !JS_IsSymbol(value) && !sk_text_of(context, value, &text))
    return JS_EXCEPTION;
  if (JS_IsUndefined(read->function)) return escaped(context, text);
  JSValueConst arguments[] = {sk_string(context, text)};
  return JS_Call(context, read->function, JS_UNDEFINED, 1, arguments);
}

static bool append_pair(sk_growing *out, const options *read, JSValueConst key, JSValueConst value) {
  JSValue encoded = primitive(out->context, value, read);
  sk_slice name, text;
  return !JS_IsException(encoded) && sk_text_of(out->context, key, &name) && sk_text_of(out->context, encoded, &text) &&
      (!out->text.count || sk_append(out, read->separator)) && sk_append(out, name) && sk_append(out, read->equals) && sk_append(out, text);
}

static JSValue stringify(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  options read;
  JSPropertyEnum *properties;
  uint32_t property_count;
  sk_growing out = {.context = context};
  if (!JS_IsObject(arguments[0])) return JS_NewString(context, "");
  if (!read_options(context, count, arguments, "encodeURIComponent", &read) ||
      JS_GetOwnPropertyNames(context, &properties, &property_count, arguments[0], JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
    return JS_EXCEPTION;
  for (uint32_t i = 0; i < property_count; i++) {
    JSValue key = primitive(context, JS_AtomToString(context, properties[i].atom), &read);
    JSValue value = JS_GetProperty(context, arguments[0], properties[i].atom);
    int64_t length = 1;
    bool list = !JS_IsException(value) && JS_IsArray(value);
    if (JS_IsException(key) || JS_IsException(value) || (list && JS_GetLength(context, value, &length))) return JS_EXCEPTION;
    for (int64_t k = 0; k < length; k++) {
      JSValue one = list ? JS_GetPropertyInt64(context, value, k) : value;
      if (JS_IsException(one) || !append_pair(&out, &read, key, one)) return JS_EXCEPTION;
    }
  }
  return sk_string_of_utf8(context, out.text);
}

JSValue sk_make_querystring(sk_isolate *isolate) {
  static const JSCFunctionListEntry functions[] = {
      JS_CFUNC_DEF("parse", 1, parse), JS_ALIAS_DEF("decode", "parse"), JS_CFUNC_DEF("stringify", 1, stringify),
      JS_ALIAS_DEF("encode", "stringify"), JS_CFUNC_DEF("escape", 1, escape), JS_CFUNC_DEF("unescape", 1, unescape)};
  JSValue module = JS_NewObject(isolate->context);
  if (JS_IsException(module) || JS_SetPropertyFunctionList(isolate->context, module, functions, sizeof functions / sizeof functions[0]))
    return JS_EXCEPTION;
  return module;
}
