// Text and bytes beside Buffer: TextEncoder and TextDecoder (runtime 2.0), and the byte strings of runtime 1.0, whose
// characters are bytes (spec/cloudfront-functions.md 9.2 and 9.3).
#include "internal.h"

static bool put(JSContext *context, JSValueConst object, const char *name, JSValue value) {
  return !JS_IsException(value) && JS_DefinePropertyValueStr(context, object, name, value, JS_PROP_C_W_E) >= 0;
}

// --- TextEncoder, TextDecoder

/// A new object of a constructor's, with the encoding that all have.
static JSValue instance(JSContext *context, JSValueConst new_target, JSClassID class) {
  JSValue prototype = JS_GetPropertyStr(context, new_target, "prototype");
  if (JS_IsException(prototype)) return JS_EXCEPTION;
  JSValue object = class ? JS_NewObjectProtoClass(context, prototype, class) : JS_NewObjectProto(context, prototype);
  return !JS_IsException(object) && put(context, object, "encoding", JS_NewString(context, "utf-8")) ? object : JS_EXCEPTION;
}

static JSValue new_encoder(JSContext *context, JSValueConst new_target, int count, JSValueConst *arguments) {
  (void)count, (void)arguments;
  return instance(context, new_target, 0);
}

static JSValue encode(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_slice text = {(const uint8_t *)"", 0};
  if (!JS_IsUndefined(sk_argument(count, arguments, 0)) && !sk_text_of(context, arguments[0], &text)) return JS_EXCEPTION;
  return JS_NewUint8ArrayCopy(context, text.bytes, text.count);
}

/// encodeInto(text, array): as many whole characters as there is room for.
static JSValue encode_into(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  uint8_t *target;
  size_t room, written = 0;
  sk_slice text;
  int64_t read = 0;
  if (!sk_text_of(context, sk_argument(count, arguments, 0), &text) ||
      !sk_bytes_of_array(context, sk_argument(count, arguments, 1), true, &target, &room))
    return JS_EXCEPTION;
  while (written < text.count) {
    uint8_t c = text.bytes[written];
    size_t width = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (written + width > room) break;
    memcpy(target + written, text.bytes + written, width);
    written += width;
    read += width == 4 ? 2 : 1;  // UTF-16 units
  }
  JSValue result = JS_NewObject(context);
  return !JS_IsException(result) && put(context, result, "read", JS_NewInt64(context, read)) &&
      put(context, result, "written", JS_NewInt64(context, (int64_t)written)) ? result : JS_EXCEPTION;
}

/// Between the calls of a stream: bytes of a character that was not whole, and whether there was text before.
typedef struct {
  uint8_t held[3];
  uint8_t count;
  bool has_begun;
} sk_decoder;

static JSValue new_decoder(JSContext *context, JSValueConst new_target, int count, JSValueConst *arguments) {
  if (sk_encoding_named(context, sk_argument(count, arguments, 0)) != ENCODING_UTF8)
    return JS_ThrowRangeError(context, "only utf-8 is supported");
  JSValueConst options = sk_argument(count, arguments, 1);
  sk_decoder *decoder = js_mallocz(context, sizeof *decoder);
  JSValue object = decoder ? instance(context, new_target, sk_isolate_of(context)->decoder_class) : JS_EXCEPTION;
  static const char *const names[] = {"fatal", "ignoreBOM"};
  for (int i = 0; i < 2 && !JS_IsException(object); i++) {
    JSValue given = JS_IsObject(options) ? JS_GetPropertyStr(context, options, names[i]) : JS_FALSE;
    if (JS_IsException(given) || !put(context, object, names[i], JS_NewBool(context, JS_ToBool(context, given)))) return JS_EXCEPTION;
  }
  if (!JS_IsException(object)) JS_SetOpaque(object, decoder);
  return object;
}

/// What was held back, and `bytes` behind it. False: no memory.
static bool prepend_held(JSContext *context, const sk_decoder *decoder, sk_slice *bytes) {
  if (!decoder->count) return true;
  uint8_t *all = js_malloc(context, decoder->count + bytes->count);
  if (!all) return false;
  memcpy(all, decoder->held, decoder->count);
  if (bytes->count) memcpy(all + decoder->count, bytes->bytes, bytes->count);
  *bytes = (sk_slice){all, decoder->count + bytes->count};
  return true;
}

/// decode([bytes[, {stream}]])
static JSValue decode(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  sk_slice bytes = {(const uint8_t *)"", 0};
  sk_decoder *decoder = JS_GetOpaque2(context, this_value, sk_isolate_of(context)->decoder_class);
  if (!decoder) return JS_EXCEPTION;
  JSValueConst source = sk_argument(count, arguments, 0), options = sk_argument(count, arguments, 1);
  JSValue stream = JS_IsObject(options) ? JS_GetPropertyStr(context, options, "stream") : JS_FALSE;
  JSValue fatal = JS_GetPropertyStr(context, this_value, "fatal"), keep_mark = JS_GetPropertyStr(context, this_value, "ignoreBOM");
  if (JS_IsException(stream) || JS_IsException(fatal) || JS_IsException(keep_mark)) return JS_EXCEPTION;
  if (JS_IsString(source)) return JS_ThrowTypeError(context, "an ArrayBuffer or a view of one is expected");
  if (!JS_IsUndefined(source) && !sk_bytes_of(context, source, &bytes)) return JS_EXCEPTION;
  if (!prepend_held(context, decoder, &bytes)) return JS_EXCEPTION;
  bool more = JS_ToBool(context, stream), has_begun = decoder->has_begun;
  decoder->count = more ? (uint8_t)sk_unfinished(bytes) : 0;
  bytes.count -= decoder->count;
  memcpy(decoder->held, bytes.bytes + bytes.count, decoder->count);
  decoder->has_begun = more && (has_begun || bytes.count);
  if (JS_ToBool(context, fatal) && !sk_is_utf8(bytes)) return JS_ThrowTypeError(context, "the bytes are not valid UTF-8");
  bool marked = !has_begun && bytes.count >= 3 && !memcmp(bytes.bytes, "\xef\xbb\xbf", 3);
  if (marked && !JS_ToBool(context, keep_mark)) bytes = (sk_slice){bytes.bytes + 3, bytes.count - 3};
  return sk_string_of_utf8(context, bytes);
}

static JSValue make_class(sk_isolate *isolate, const char *name, JSCFunction *constructor, const JSCFunctionListEntry *methods, int count) {
  JSContext *context = isolate->context;
  JSValue function = JS_NewCFunction2(context, constructor, name, 0, JS_CFUNC_constructor, 0), prototype = JS_NewObject(context);
  if (JS_IsException(function) || JS_IsException(prototype) || JS_SetPropertyFunctionList(context, prototype, methods, count) ||
      JS_SetConstructor(context, function, prototype) < 0)
    return JS_EXCEPTION;
  return function;
}

JSValue sk_make_text_encoder(sk_isolate *isolate) {
  static const JSCFunctionListEntry methods[] = {JS_CFUNC_DEF("encode", 1, encode), JS_CFUNC_DEF("encodeInto", 2, encode_into)};
  return make_class(isolate, "TextEncoder", new_encoder, methods, 2);
}

JSValue sk_make_text_decoder(sk_isolate *isolate) {
  static const JSCFunctionListEntry methods[] = {JS_CFUNC_DEF("decode", 1, decode)};
  static const JSClassDef class = {.class_name = "TextDecoder"};
  // As for hashes (host_crypto.c): a module made during a run takes its class number again after the restore.
  isolate->decoder_class = 0;
  JS_NewClassID(isolate->runtime, &isolate->decoder_class);
  if (JS_NewClass(isolate->runtime, isolate->decoder_class, &class)) return JS_EXCEPTION;
  return make_class(isolate, "TextDecoder", new_decoder, methods, 1);
}

// --- Byte strings

/// The bytes of a byte string. False when one is above 0xff (`*wide`) or on an exception.
static bool bytes_of_byte_string(JSContext *context, JSValueConst value, sk_slice *bytes, bool *wide) {
  sk_slice text;
  size_t count;
  const char *utf8 = JS_ToCStringLen(context, &count, value);
  uint8_t *out = utf8 ? js_malloc(context, count + 1) : NULL;
  if (!out) return *wide = false;
  text = (sk_slice){(const uint8_t *)utf8, count};
  for (size_t i = 0; i < count; i++)
    if (text.bytes[i] > 0xc3) return *wide = true, false;  // the first byte of U+0100 and above
  *bytes = (sk_slice){out, sk_decode(text, ENCODING_LATIN1, out)};
  return true;
}

/// String.bytesFrom(array | string, encoding)
static JSValue bytes_from(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  JSValueConst source = sk_argument(count, arguments, 0);
  if (JS_IsString(source)) {
    sk_encoding encoding = sk_encoding_named(context, sk_argument(count, arguments, 1));
    if (encoding != ENCODING_HEX && encoding != ENCODING_BASE64 && encoding != ENCODING_BASE64URL)
      return JS_ThrowTypeError(context, "unknown encoding");
    sk_slice text;
    if (!sk_bytes_of(context, source, &text)) return JS_EXCEPTION;
    uint8_t *out = js_malloc(context, text.count + 1);
    return out ? sk_encode(context, (sk_slice){out, sk_decode(text, encoding, out)}, ENCODING_LATIN1) : JS_EXCEPTION;
  }
  int64_t length;
  if (!JS_IsArray(source)) return JS_ThrowTypeError(context, "a string or an array is expected");
  if (JS_GetLength(context, source, &length)) return JS_EXCEPTION;
  uint8_t *out = js_malloc(context, (size_t)length + 1);
  for (int64_t i = 0; out && i < length; i++) {
    int32_t number;
    JSValue one = JS_GetPropertyInt64(context, source, i);
    if (JS_IsException(one) || JS_ToInt32(context, &number, one)) return JS_EXCEPTION;
    out[i] = (uint8_t)number;
  }
  return out ? sk_encode(context, (sk_slice){out, (size_t)length}, ENCODING_LATIN1) : JS_EXCEPTION;
}

enum { FROM_BYTES, FROM_UTF8, TO_BYTES, TO_UTF8 };

/// fromBytes, fromUTF8, toBytes and toUTF8: (start[, end]). Byte strings have a character per byte.
static JSValue convert(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int magic) {
  JSValue slice = JS_GetPropertyStr(context, this_value, "slice");
  JSValue part = JS_IsException(slice) ? JS_EXCEPTION : JS_Call(context, slice, this_value, count < 2 ? count : 2, arguments);
  if (JS_IsException(part)) return JS_EXCEPTION;
  sk_slice bytes;
  bool wide;
  if (magic == TO_UTF8) return sk_bytes_of(context, part, &bytes) ? sk_encode(context, bytes, ENCODING_LATIN1) : JS_EXCEPTION;
  if (!bytes_of_byte_string(context, part, &bytes, &wide)) return wide ? JS_NULL : JS_EXCEPTION;
  if (magic == FROM_UTF8) return sk_is_utf8(bytes) ? sk_encode(context, bytes, ENCODING_UTF8) : JS_NULL;
  return sk_encode(context, bytes, ENCODING_LATIN1);
}

bool sk_add_byte_strings(sk_isolate *isolate) {
  static const JSCFunctionListEntry statics[] = {JS_CFUNC_DEF("bytesFrom", 2, bytes_from)};
  static const JSCFunctionListEntry methods[] = {
      JS_CFUNC_MAGIC_DEF("fromBytes", 0, convert, FROM_BYTES), JS_CFUNC_MAGIC_DEF("fromUTF8", 0, convert, FROM_UTF8),
      JS_CFUNC_MAGIC_DEF("toBytes", 0, convert, TO_BYTES), JS_CFUNC_MAGIC_DEF("toUTF8", 0, convert, TO_UTF8)};
  JSContext *context = isolate->context;
  JSValue global = JS_GetGlobalObject(context), string = JS_GetPropertyStr(context, global, "String");
  JSValue prototype = JS_IsException(string) ? string : JS_GetPropertyStr(context, string, "prototype");
  return !JS_IsException(prototype) && !JS_SetPropertyFunctionList(context, string, statics, 1) &&
      !JS_SetPropertyFunctionList(context, prototype, methods, 4);
}
