// Text encodings of bytes, as Buffer, crypto and response bodies use them.
#include "internal.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

sk_encoding sk_encoding_named(JSContext *context, JSValueConst name) {
  if (JS_IsUndefined(name) || JS_IsNull(name)) return ENCODING_UTF8;
  static const struct { const char *name; sk_encoding encoding; } names[] = {
      {"utf8", ENCODING_UTF8}, {"utf-8", ENCODING_UTF8}, {"hex", ENCODING_HEX}, {"base64", ENCODING_BASE64},
      {"base64url", ENCODING_BASE64URL}, {"latin1", ENCODING_LATIN1}, {"binary", ENCODING_LATIN1}};
  const char *text = JS_IsString(name) ? JS_ToCString(context, name) : NULL;
  if (!text) return ENCODING_UNKNOWN;
  sk_encoding found = ENCODING_UNKNOWN;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcasecmp(text, names[i].name)) found = names[i].encoding;
  JS_FreeCString(context, text);
  return found;
}

static size_t encode_base64(sk_slice bytes, const char *digits, bool padded, uint8_t *out) {
  uint8_t *at = out;
  size_t i = 0;
  for (; i + 3 <= bytes.count; i += 3) {
    uint32_t group = (uint32_t)bytes.bytes[i] << 16 | (uint32_t)bytes.bytes[i + 1] << 8 | bytes.bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) *at++ = (uint8_t)digits[group >> shift & 63];
  }
  size_t left = bytes.count - i;
  if (left) {
    uint32_t group = (uint32_t)bytes.bytes[i] << 16 | (left == 2 ? (uint32_t)bytes.bytes[i + 1] << 8 : 0);
    *at++ = (uint8_t)digits[group >> 18];
    *at++ = (uint8_t)digits[group >> 12 & 63];
    if (left == 2) *at++ = (uint8_t)digits[group >> 6 & 63];
    for (size_t pad = left; padded && pad < 3; pad++) *at++ = '=';
  }
  return (size_t)(at - out);
}

JSValue sk_encode(JSContext *context, sk_slice bytes, sk_encoding encoding) {
  if (encoding == ENCODING_UTF8) return sk_string_of_utf8(context, bytes);
  if (encoding == ENCODING_LATIN1) return JS_NewStringLatin1(context, bytes.bytes, (int)bytes.count);
  uint8_t *out = js_malloc(context, bytes.count * 2 + 4);
  if (!out) return JS_EXCEPTION;
  size_t count = 0;
  if (encoding == ENCODING_HEX) {
    for (size_t i = 0; i < bytes.count; i++) {
      out[count++] = (uint8_t)hex_digits[bytes.bytes[i] >> 4];
      out[count++] = (uint8_t)hex_digits[bytes.bytes[i] & 15];
    }
  } else {
    bool url = encoding == ENCODING_BASE64URL;
    count = encode_base64(bytes, url ? base64url_digits : base64_digits, !url, out);
  }
  JSValue text = JS_NewStringLatin1(context, out, (int)count);
  js_free(context, out);
  return text;
}

/// Both alphabets, as Node has it.
static int base64_value(uint8_t c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static size_t decode_base64(sk_slice text, uint8_t *out) {
  uint32_t group = 0;
  unsigned bits = 0;
  size_t count = 0;
  for (size_t i = 0; i < text.count; i++) {
    int value = base64_value(text.bytes[i]);
    if (text.bytes[i] == '=') break;
    if (value < 0) continue;  // white space and what else does not belong is skipped
    group = group << 6 | (uint32_t)value;
    if ((bits += 6) >= 8) out[count++] = (uint8_t)(group >> (bits -= 8));
  }
  return count;
}

size_t sk_decode(sk_slice text, sk_encoding encoding, uint8_t *out) {
  size_t count = 0;
  switch (encoding) {
    case ENCODING_HEX:
      for (size_t i = 0; i + 2 <= text.count; i += 2) {
        int high = sk_hex_value(text.bytes[i]), low = sk_hex_value(text.bytes[i + 1]);
        if (high < 0 || low < 0) break;
        out[count++] = (uint8_t)(high << 4 | low);
      }
      return count;
    case ENCODING_BASE64:
    case ENCODING_BASE64URL: return decode_base64(text, out);
    case ENCODING_LATIN1:  // from UTF-8: code points above U+00FF keep their low byte
      for (size_t i = 0; i < text.count;) {
        uint8_t c = text.bytes[i++];
        uint32_t point = c < 0x80 ? c : c < 0xe0 ? c & 0x1f : c < 0xf0 ? c & 0x0f : c & 0x07;
        for (; i < text.count && (text.bytes[i] & 0xc0) == 0x80; i++) point = point << 6 | (text.bytes[i] & 0x3f);
        out[count++] = (uint8_t)point;
      }
      return count;
    default:
      if (text.count) memcpy(out, text.bytes, text.count);
      return text.count;
  }
}

bool sk_decode_base64_strict(sk_slice text, uint8_t *out, size_t *count) {
  size_t digits = text.count;
  while (digits && text.count - digits < 2 && text.bytes[digits - 1] == '=') digits--;
  if (digits % 4 == 1 || (digits != text.count && text.count % 4)) return false;  // padding may be left out, not be wrong
  for (size_t i = 0; i < digits; i++) {
    uint8_t c = text.bytes[i];
    if (base64_value(c) < 0 || c == '-' || c == '_') return false;
  }
  *count = decode_base64((sk_slice){text.bytes, digits}, out);
  return true;
}

/// The bytes of an ArrayBuffer, typed array or DataView, by what the engine knows of it and not by its properties, which
/// may be the function's own.
static bool bytes_of_memory(JSContext *context, JSValueConst value, bool writing, sk_slice *bytes) {
  size_t total = 0, offset = 0, length = 0;
  bool view = !JS_IsArrayBuffer(value);
  JSValueConst buffer = view ? JS_GetViewBuffer(context, value, &offset, &length) : value;
  uint8_t *start = JS_IsException(buffer) ? NULL : JS_GetArrayBuffer(context, &total, buffer);
  if (!start) return false;  // detached
  if (writing && JS_IsImmutableArrayBuffer(buffer)) return JS_ThrowTypeError(context, "the buffer is immutable"), false;
  if (!view) length = total;
  if (offset > total || length > total - offset) return JS_ThrowTypeError(context, "the view is out of bounds"), false;
  *bytes = (sk_slice){start + offset, length};
  return true;
}

bool sk_bytes_of(JSContext *context, JSValueConst value, sk_slice *bytes) {
  if (JS_IsString(value)) return sk_text_of(context, value, bytes);
  if (JS_IsArrayBuffer(value) || JS_IsDataView(value) || (JS_IsObject(value) && JS_GetTypedArrayType(value) >= 0))
    return bytes_of_memory(context, value, false, bytes);
  JS_ThrowTypeError(context, "a string, Buffer, TypedArray or ArrayBuffer is expected");
  return false;
}

bool sk_bytes_of_array(JSContext *context, JSValueConst value, bool writing, uint8_t **bytes, size_t *count) {
  sk_slice slice;
  if (!JS_IsObject(value) || JS_GetTypedArrayType(value) < 0) return JS_ThrowTypeError(context, "a Buffer is expected"), false;
  if (!bytes_of_memory(context, value, writing, &slice)) return false;
  *bytes = (uint8_t *)slice.bytes;
  *count = slice.count;
  return true;
}
