// The global `Buffer` of spec/cloudfront-functions.md 9.3: Uint8Arrays with Node's methods.
// Those for numbers are in host_buffer_numbers.c.
#include "internal.h"

static JSValue as_buffer(JSContext *context, JSValue array) {
  sk_isolate *isolate = sk_isolate_of(context);
  if (JS_IsException(array) || JS_IsException(sk_module_object(isolate, MODULE_BUFFER))) return JS_EXCEPTION;
  return JS_SetPrototype(context, array, isolate->modules.buffer_prototype) < 0 ? JS_EXCEPTION : array;
}

JSValue sk_new_buffer(sk_isolate *isolate, sk_slice bytes) {
  return as_buffer(isolate->context, JS_NewUint8ArrayCopy(isolate->context, bytes.bytes, bytes.count));
}

/// A Buffer over part of an ArrayBuffer, not a copy.
static JSValue view(JSContext *context, JSValueConst array_buffer, size_t offset, size_t count) {
  JSValueConst arguments[] = {array_buffer, JS_NewInt64(context, (int64_t)offset), JS_NewInt64(context, (int64_t)count)};
  return as_buffer(context, JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8));
}

/// A position as given. Converting it may run user code, which may detach or shrink a buffer: positions are read
/// before anybody takes the address of bytes, and clamped to what is there afterwards. The bytes of `this` come last.
typedef struct { bool given; int64_t number; } place;

static bool read_place(JSContext *context, JSValueConst value, place *place) {
  place->given = !JS_IsUndefined(value);
  return !place->given || !JS_ToInt64(context, &place->number, value);
}

static size_t clamped(place place, size_t otherwise, size_t count) {
  if (!place.given) return otherwise;
  return place.number < 0 ? 0 : (uint64_t)place.number > count ? count : (size_t)place.number;
}

/// Negative places count from the end.
static size_t clamped_from_end(place place, size_t otherwise, size_t count) {
  if (place.number < 0) place.number += (int64_t)count;
  return clamped(place, otherwise, count);
}

static JSValue throw_encoding(JSContext *context) { return JS_ThrowTypeError(context, "unknown encoding"); }

// --- Making

/// The bytes that a string stands for in an encoding, in the arena; of anything else that has bytes, those.
static bool decoded(JSContext *context, JSValueConst value, JSValueConst encoding_name, sk_slice *bytes) {
  sk_encoding encoding = JS_IsString(value) ? sk_encoding_named(context, encoding_name) : ENCODING_UTF8;
  if (encoding == ENCODING_UNKNOWN) return throw_encoding(context), false;
  if (!sk_bytes_of(context, value, bytes)) return false;
  if (encoding == ENCODING_UTF8) return true;
  uint8_t *out = js_malloc(context, bytes->count + 1);
  if (!out) return false;
  *bytes = (sk_slice){out, sk_decode(*bytes, encoding, out)};
  return true;
}

static JSValue from_list(JSContext *context, JSValueConst list) {
  int64_t length;
  if (JS_GetLength(context, list, &length)) return JS_EXCEPTION;
  if (length < 0 || length > INT32_MAX) return JS_ThrowRangeError(context, "invalid length");
  uint8_t *bytes = js_mallocz(context, (size_t)length + 1);
  if (!bytes) return JS_EXCEPTION;
  for (int64_t i = 0; i < length; i++) {
    JSValue one = JS_GetPropertyInt64(context, list, i);
    int32_t number = 0;
    if (JS_IsException(one) || (!JS_IsUndefined(one) && JS_ToInt32(context, &number, one))) return JS_EXCEPTION;
    bytes[i] = (uint8_t)number;
  }
  return sk_new_buffer(sk_isolate_of(context), (sk_slice){bytes, (size_t)length});
}

/// What an object says it stands for: a string, or another object; `source` itself when it says nothing.
static JSValue stood_for(JSContext *context, JSValueConst source) {
  JSValue value_of = JS_GetPropertyStr(context, source, "valueOf");
  if (JS_IsException(value_of)) return JS_EXCEPTION;
  JSValue value = JS_IsFunction(context, value_of) ? JS_Call(context, value_of, source, 0, NULL) : JS_UNDEFINED;
  return JS_IsException(value) || JS_IsString(value) || JS_IsObject(value) ? value : JS_DupValue(context, source);
}

/// from(array | arrayBuffer[, offset[, length]] | buffer | object | string[, encoding])
static JSValue from(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  JSValueConst source = sk_argument(count, arguments, 0);
  sk_slice bytes;
  if (JS_IsString(source)) {
    if (!decoded(context, source, sk_argument(count, arguments, 1), &bytes)) return JS_EXCEPTION;
    return sk_new_buffer(sk_isolate_of(context), bytes);
  }
  if (JS_IsArrayBuffer(source)) {
    size_t total;
    place offset, length;
    if (!read_place(context, sk_argument(count, arguments, 1), &offset) || !read_place(context, sk_argument(count, arguments, 2), &length))
      return JS_EXCEPTION;
    if (!JS_GetArrayBuffer(context, &total, source)) return JS_EXCEPTION;
    size_t start = clamped(offset, 0, total);
    return view(context, source, start, clamped(length, total - start, total - start));
  }
  if (JS_IsObject(source) && JS_GetTypedArrayType(source) == JS_TYPED_ARRAY_UINT8) {
    if (!sk_bytes_of(context, source, &bytes)) return JS_EXCEPTION;
    return sk_new_buffer(sk_isolate_of(context), bytes);
  }
  if (!JS_IsObject(source)) return JS_ThrowTypeError(context, "first argument is not a string, array, Buffer or ArrayBuffer");
  JSValue stands_for = stood_for(context, source);
  if (JS_IsException(stands_for)) return JS_EXCEPTION;
  if (!JS_IsStrictEqual(context, stands_for, source)) {
    JSValueConst rest[] = {stands_for, sk_argument(count, arguments, 1), sk_argument(count, arguments, 2)};
    return JS_IsString(stands_for) ? from(context, JS_UNDEFINED, 3, rest) : from_list(context, stands_for);
  }
  JSValue data = JS_GetPropertyStr(context, source, "data");  // {type: 'Buffer', data: […]}
  if (JS_IsException(data)) return JS_EXCEPTION;
  return from_list(context, JS_IsArray(data) ? data : source);
}

/// alloc(size[, fill[, encoding]])
static JSValue fill(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments);

static JSValue alloc(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  int64_t size;
  if (JS_ToInt64(context, &size, sk_argument(count, arguments, 0))) return JS_EXCEPTION;
  if (size < 0 || size > INT32_MAX) return JS_ThrowRangeError(context, "invalid size");
  JSValueConst length[] = {JS_NewInt64(context, size)};
  JSValue buffer = as_buffer(context, JS_NewTypedArray(context, 1, length, JS_TYPED_ARRAY_UINT8));
  if (JS_IsException(buffer) || JS_IsUndefined(sk_argument(count, arguments, 1))) return buffer;
  JSValueConst with[] = {arguments[1], JS_UNDEFINED, JS_UNDEFINED, sk_argument(count, arguments, 2)};
  return fill(context, buffer, 4, with);
}

static JSValue construct(JSContext *context, JSValueConst new_target, int count, JSValueConst *arguments) {
  (void)new_target;  // also how map, filter and their kin make their results
  if (count && JS_IsNumber(arguments[0])) return alloc(context, JS_UNDEFINED, 1, arguments);
  return from(context, JS_UNDEFINED, count, arguments);
}

static JSValue byte_length(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_slice bytes;
  if (!decoded(context, sk_argument(count, arguments, 0), sk_argument(count, arguments, 1), &bytes)) return JS_EXCEPTION;
  return JS_NewInt64(context, (int64_t)bytes.count);
}

static JSValue is_buffer(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  JSValueConst value = sk_argument(count, arguments, 0);
  if (!JS_IsObject(value) || JS_GetTypedArrayType(value) != JS_TYPED_ARRAY_UINT8) return JS_FALSE;
  JSValue prototype = JS_GetPrototype(context, value);
  bool same = JS_IsStrictEqual(context, prototype, sk_isolate_of(context)->modules.buffer_prototype);
  JS_FreeValue(context, prototype);
  return JS_NewBool(context, same);
}

static JSValue is_encoding(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  JSValueConst name = sk_argument(count, arguments, 0);
  return JS_NewBool(context, JS_IsString(name) && sk_encoding_named(context, name) != ENCODING_UNKNOWN);
}

static int order(JSContext *context, sk_slice a, sk_slice b) {
  sk_charge_bytes(context, a.count);
  size_t shared = a.count < b.count ? a.count : b.count;
  int difference = shared ? memcmp(a.bytes, b.bytes, shared) : 0;
  if (!difference && a.count != b.count) difference = a.count < b.count ? -1 : 1;
  return difference < 0 ? -1 : difference > 0;
}

static bool bytes_of_array(JSContext *context, JSValueConst value, sk_slice *bytes) {
  uint8_t *start;
  if (!sk_bytes_of_array(context, value, false, &start, &bytes->count)) return false;
  bytes->bytes = start;
  return true;
}

static JSValue compare_two(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_slice a, b;
  if (!bytes_of_array(context, sk_argument(count, arguments, 0), &a) || !bytes_of_array(context, sk_argument(count, arguments, 1), &b))
    return JS_EXCEPTION;
  return JS_NewInt32(context, order(context, a, b));
}

/// concat(list[, totalLength])
static JSValue concat(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  JSValueConst list = sk_argument(count, arguments, 0);
  int64_t length;
  sk_slice part;
  size_t total = 0;
  place given;
  if (!JS_IsArray(list)) return JS_ThrowTypeError(context, "first argument is not an array");
  if (JS_GetLength(context, list, &length)) return JS_EXCEPTION;
  for (int64_t i = 0; i < length; i++) {
    JSValue one = JS_GetPropertyInt64(context, list, i);
    if (JS_IsException(one) || !sk_bytes_of(context, one, &part)) return JS_EXCEPTION;
    total += part.count;
  }
  if (!read_place(context, sk_argument(count, arguments, 1), &given)) return JS_EXCEPTION;
  size_t limit = clamped(given, total, INT32_MAX);
  uint8_t *bytes = js_mallocz(context, limit + 1);
  if (!bytes) return JS_EXCEPTION;
  size_t used = 0;
  for (int64_t i = 0; i < length; i++) {  // a getter may have changed the list: lengths are checked again
    JSValue one = JS_GetPropertyInt64(context, list, i);
    if (JS_IsException(one) || !sk_bytes_of(context, one, &part)) return JS_EXCEPTION;
    size_t copied = part.count < limit - used ? part.count : limit - used;
    if (copied) memcpy(bytes + used, part.bytes, copied);
    used += copied;
  }
  return sk_new_buffer(sk_isolate_of(context), (sk_slice){bytes, limit});
}

// --- Methods

static JSValue to_string(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  uint8_t *bytes;
  size_t length;
  place from, to;
  sk_encoding encoding = sk_encoding_named(context, sk_argument(count, arguments, 0));
  if (encoding == ENCODING_UNKNOWN) return throw_encoding(context);
  if (!read_place(context, sk_argument(count, arguments, 1), &from) || !read_place(context, sk_argument(count, arguments, 2), &to) ||
      !sk_bytes_of_array(context, this_value, false, &bytes, &length))
    return JS_EXCEPTION;
  size_t start = clamped(from, 0, length), end = clamped(to, length, length);
  return sk_encode(context, (sk_slice){bytes + start, end > start ? end - start : 0}, encoding);
}

static JSValue subarray(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  uint8_t *bytes;
  size_t length, offset, own_length;
  place from, to;
  if (!read_place(context, sk_argument(count, arguments, 0), &from) || !read_place(context, sk_argument(count, arguments, 1), &to) ||
      !sk_bytes_of_array(context, this_value, false, &bytes, &length))
    return JS_EXCEPTION;
  size_t start = clamped_from_end(from, 0, length), end = clamped_from_end(to, length, length);
  JSValue array_buffer = JS_GetTypedArrayBuffer(context, this_value, &offset, &own_length, NULL);
  if (JS_IsException(array_buffer)) return JS_EXCEPTION;
  return view(context, array_buffer, offset + start, end > start ? end - start : 0);
}

static JSValue equals(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  sk_slice a, b;
  if (!bytes_of_array(context, sk_argument(count, arguments, 0), &b) || !bytes_of_array(context, this_value, &a)) return JS_EXCEPTION;
  return JS_NewBool(context, order(context, a, b) == 0);
}

/// The part of `bytes` between two places, which is empty when they cross; false: they lie outside.
static bool take_part(JSContext *context, sk_slice *bytes, place from, place to) {
  int64_t start = from.given ? from.number : 0, end = to.given ? to.number : (int64_t)bytes->count;
  if (start < 0 || end < 0 || (uint64_t)end > bytes->count) return JS_ThrowRangeError(context, "out of range"), false;
  *bytes = start < end ? (sk_slice){bytes->bytes + start, (size_t)(end - start)} : (sk_slice){bytes->bytes, 0};
  return true;
}

/// compare(target[, targetStart[, targetEnd[, start[, end]]]])
static JSValue compare(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  sk_slice own, target;
  place places[4];
  for (int i = 0; i < 4; i++)
    if (!read_place(context, sk_argument(count, arguments, i + 1), &places[i])) return JS_EXCEPTION;
  if (!bytes_of_array(context, sk_argument(count, arguments, 0), &target) || !take_part(context, &target, places[0], places[1]) ||
      !bytes_of_array(context, this_value, &own) || !take_part(context, &own, places[2], places[3]))
    return JS_EXCEPTION;
  return JS_NewInt32(context, order(context, own, target));
}

/// copy(target[, targetStart[, start[, end]]])
static JSValue copy(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  uint8_t *bytes, *target;
  size_t length, room;
  place at, from, to;
  if (!read_place(context, sk_argument(count, arguments, 1), &at) || !read_place(context, sk_argument(count, arguments, 2), &from) ||
      !read_place(context, sk_argument(count, arguments, 3), &to) || !sk_bytes_of_array(context, this_value, false, &bytes, &length) ||
      !sk_bytes_of_array(context, sk_argument(count, arguments, 0), true, &target, &room))
    return JS_EXCEPTION;
  size_t target_start = clamped(at, 0, room), start = clamped(from, 0, length), end = clamped(to, length, length);
  size_t copied = end > start ? end - start : 0;
  if (copied > room - target_start) copied = room - target_start;
  sk_charge_bytes(context, copied);
  if (copied) memmove(target + target_start, bytes + start, copied);
  return JS_NewInt64(context, (int64_t)copied);
}

/// What may follow a first argument: up to two positions, then an encoding, which may stand in place of either.
typedef struct { JSValueConst positions[2], encoding; } tail;

static tail read_tail(int count, JSValueConst *arguments) {
  tail read = {{JS_UNDEFINED, JS_UNDEFINED}, JS_UNDEFINED};
  for (int i = 1; i < count && i <= 3; i++) {
    if (i == 3 || JS_IsString(arguments[i])) {
      read.encoding = arguments[i];
      break;
    }
    read.positions[i - 1] = arguments[i];
  }
  return read;
}

/// fill(value[, start[, end]][, encoding])
static JSValue fill(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  uint8_t *bytes, one;
  size_t length;
  place from, to;
  sk_slice with;
  int32_t number;
  JSValueConst value = sk_argument(count, arguments, 0);
  tail rest = read_tail(count, arguments);
  if (!read_place(context, rest.positions[0], &from) || !read_place(context, rest.positions[1], &to)) return JS_EXCEPTION;
  if (JS_IsNumber(value)) {
    if (JS_ToInt32(context, &number, value)) return JS_EXCEPTION;
    one = (uint8_t)number;
    with = (sk_slice){&one, 1};
  } else if (!decoded(context, value, rest.encoding, &with)) {
    return JS_EXCEPTION;
  }
  if (!sk_bytes_of_array(context, this_value, true, &bytes, &length)) return JS_EXCEPTION;
  size_t start = clamped(from, 0, length), end = clamped(to, length, length);
  sk_charge_bytes(context, end > start ? end - start : 0);
  for (size_t i = start; i < end; i++) bytes[i] = with.count ? with.bytes[(i - start) % with.count] : 0;
  return JS_DupValue(context, this_value);
}

/// write(string[, offset[, length]][, encoding])
static JSValue write_text(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  uint8_t *bytes;
  size_t length;
  place at, limit;
  sk_slice text;
  tail rest = read_tail(count, arguments);
  if (!read_place(context, rest.positions[0], &at) || !read_place(context, rest.positions[1], &limit) ||
      !decoded(context, sk_argument(count, arguments, 0), rest.encoding, &text) || !sk_bytes_of_array(context, this_value, true, &bytes, &length))
    return JS_EXCEPTION;
  size_t offset = clamped(at, 0, length), most = clamped(limit, length - offset, length - offset);
  if (text.count < most) most = text.count;
  if (sk_encoding_named(context, rest.encoding) == ENCODING_UTF8) most = sk_whole_characters(text, most);
  if (most) memmove(bytes + offset, text.bytes, most);
  return JS_NewInt64(context, (int64_t)most);
}

enum { FIRST, LAST, ANY };

/// indexOf, lastIndexOf and includes: (value[, byteOffset][, encoding])
static JSValue search(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int magic) {
  uint8_t *bytes, one;
  size_t length;
  place from;
  sk_slice needle;
  int32_t number;
  JSValueConst value = sk_argument(count, arguments, 0), offset = sk_argument(count, arguments, 1), encoding = sk_argument(count, arguments, 2);
  if (JS_IsString(offset)) encoding = offset, offset = JS_UNDEFINED;
  if (!read_place(context, offset, &from)) return JS_EXCEPTION;
  if (JS_IsNumber(value)) {
    if (JS_ToInt32(context, &number, value)) return JS_EXCEPTION;
    one = (uint8_t)number;
    needle = (sk_slice){&one, 1};
  } else if (!decoded(context, value, encoding, &needle)) {
    return JS_EXCEPTION;
  }
  if (!sk_bytes_of_array(context, this_value, false, &bytes, &length)) return JS_EXCEPTION;
  size_t from_position = clamped_from_end(from, magic == LAST ? length : 0, length);
  sk_charge_bytes(context, length);
  int64_t found = -1;
  for (size_t i = magic == LAST ? 0 : from_position; i + needle.count <= length; i++) {
    if (magic == LAST && i > from_position) break;
    if (needle.count && memcmp(bytes + i, needle.bytes, needle.count)) continue;
    found = (int64_t)i;
    if (magic != LAST) break;
  }
  return magic == ANY ? JS_NewBool(context, found >= 0) : JS_NewInt64(context, found);
}

static JSValue to_json(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)count, (void)arguments;
  uint8_t *bytes;
  size_t length;
  if (!sk_bytes_of_array(context, this_value, false, &bytes, &length)) return JS_EXCEPTION;
  JSValue object = JS_NewObject(context), data = JS_NewArray(context);
  for (size_t i = 0; i < length; i++)
    if (JS_DefinePropertyValueUint32(context, data, (uint32_t)i, JS_NewInt32(context, bytes[i]), JS_PROP_C_W_E) < 0) return JS_EXCEPTION;
  if (JS_DefinePropertyValueStr(context, object, "type", JS_NewString(context, "Buffer"), JS_PROP_C_W_E) < 0 ||
      JS_DefinePropertyValueStr(context, object, "data", data, JS_PROP_C_W_E) < 0)
    return JS_EXCEPTION;
  return object;
}

// --- Assembly

static const JSCFunctionListEntry statics[] = {
    JS_CFUNC_DEF("from", 1, from), JS_CFUNC_DEF("alloc", 1, alloc), JS_CFUNC_DEF("allocUnsafe", 1, alloc),
    JS_CFUNC_DEF("byteLength", 1, byte_length), JS_CFUNC_DEF("compare", 2, compare_two), JS_CFUNC_DEF("concat", 1, concat),
    JS_CFUNC_DEF("isBuffer", 1, is_buffer), JS_CFUNC_DEF("isEncoding", 1, is_encoding)};
static const JSCFunctionListEntry methods[] = {
    JS_CFUNC_DEF("toString", 0, to_string), JS_CFUNC_DEF("subarray", 2, subarray), JS_CFUNC_DEF("slice", 2, subarray),
    JS_CFUNC_DEF("equals", 1, equals), JS_CFUNC_DEF("compare", 1, compare), JS_CFUNC_DEF("copy", 1, copy),
    JS_CFUNC_DEF("fill", 1, fill), JS_CFUNC_DEF("write", 1, write_text), JS_CFUNC_DEF("toJSON", 0, to_json),
    JS_CFUNC_MAGIC_DEF("indexOf", 1, search, FIRST), JS_CFUNC_MAGIC_DEF("lastIndexOf", 1, search, LAST),
    JS_CFUNC_MAGIC_DEF("includes", 1, search, ANY)};

JSValue sk_make_buffer(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  JSValue parent = isolate->uint8_array, parent_prototype = JS_GetPropertyStr(context, parent, "prototype");
  JSValue prototype = JS_NewObjectProto(context, parent_prototype);
  JSValue constructor = JS_NewCFunction2(context, construct, "Buffer", 2, JS_CFUNC_constructor_or_func, 0);
  if (JS_IsException(prototype) || JS_IsException(constructor) || JS_SetPrototype(context, constructor, parent) < 0 ||
      JS_SetPropertyFunctionList(context, constructor, statics, sizeof statics / sizeof statics[0]) ||
      JS_SetPropertyFunctionList(context, prototype, methods, sizeof methods / sizeof methods[0]) ||
      !sk_add_buffer_numbers(context, prototype) || JS_SetConstructor(context, constructor, prototype) < 0)
    return JS_EXCEPTION;
  isolate->modules.buffer_prototype = prototype;
  return constructor;
}
