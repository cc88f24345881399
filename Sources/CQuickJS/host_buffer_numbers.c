// Buffer's reading and writing of numbers, and swap16, swap32, swap64: one table, one function each way.
#include "internal.h"

/// How a number lies in the buffer: its width in bytes (0: given by the call), and these.
enum { WIDTH = 15, SIGNED = 16, BIG = 32, FLOAT = 64 };
enum { VARIABLE_MAX = 6 };  // bytes of readIntBE and its kin

/// Where a number lies: offset and width as the call gives them, checked against the buffer. Arguments are converted
/// before anybody takes the address of bytes: that may run user code.
static bool locate(JSContext *context, JSValueConst this_value, JSValueConst offset_value, JSValueConst width_value, int magic,
                   bool writing, uint8_t **bytes, size_t *offset, size_t *width) {
  int64_t start = 0, given = magic & WIDTH;
  size_t count;
  if (!JS_IsUndefined(offset_value) && JS_ToInt64(context, &start, offset_value)) return false;
  if (!given && JS_ToInt64(context, &given, width_value)) return false;
  if (!sk_bytes_of_array(context, this_value, writing, bytes, &count)) return false;
  if (given < 1 || given > 8 || (!(magic & WIDTH) && given > VARIABLE_MAX)) return JS_ThrowRangeError(context, "invalid byteLength"), false;
  if (start < 0 || (uint64_t)start + (uint64_t)given > count) return JS_ThrowRangeError(context, "invalid offset"), false;
  *offset = (size_t)start;
  *width = (size_t)given;
  return true;
}

static uint64_t load(const uint8_t *bytes, size_t width, bool big) {
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++) value = value << 8 | bytes[big ? i : width - 1 - i];
  return value;
}

static void store(uint8_t *bytes, size_t width, bool big, uint64_t value) {
  for (size_t i = 0; i < width; i++, value >>= 8) bytes[big ? width - 1 - i : i] = (uint8_t)value;
}

/// read…(offset) and read…(offset, byteLength)
static JSValue read_number(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int magic) {
  (void)count;
  uint8_t *bytes;
  size_t offset, width;
  if (!locate(context, this_value, arguments[0], arguments[1], magic, false, &bytes, &offset, &width)) return JS_EXCEPTION;
  uint64_t value = load(bytes + offset, width, magic & BIG);
  if (magic & FLOAT) {
    uint32_t half = (uint32_t)value;
    float narrow;
    double number;
    memcpy(&narrow, &half, sizeof narrow);
    memcpy(&number, &value, sizeof number);
    return JS_NewFloat64(context, width == 4 ? narrow : number);
  }
  unsigned unused = 64 - 8 * (unsigned)width;
  return JS_NewInt64(context, magic & SIGNED ? (int64_t)(value << unused) >> unused : (int64_t)value);
}

/// write…(value, offset) and write…(value, offset, byteLength); gives the offset behind it.
static JSValue write_number(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int magic) {
  (void)count;
  uint8_t *bytes;
  size_t offset, width;
  double number;
  uint64_t value;
  if (JS_ToFloat64(context, &number, arguments[0])) return JS_EXCEPTION;
  if (!locate(context, this_value, arguments[1], arguments[2], magic, true, &bytes, &offset, &width)) return JS_EXCEPTION;
  if (!(magic & FLOAT)) {
    double limit = (double)(1ull << (8 * width - (magic & SIGNED ? 1 : 0))), lowest = magic & SIGNED ? -limit : 0;
    if (!(number >= lowest && number < limit)) return JS_ThrowRangeError(context, "value is out of range");
    value = (uint64_t)(int64_t)number;
  } else if (width == 4) {
    float narrow = (float)number;
    uint32_t half;
    memcpy(&half, &narrow, sizeof half);
    value = half;
  } else {
    memcpy(&value, &number, sizeof value);
  }
  store(bytes + offset, width, magic & BIG, value);
  return JS_NewInt64(context, (int64_t)(offset + width));
}

/// swap16, swap32, swap64; magic is the width.
static JSValue swap(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int magic) {
  (void)count, (void)arguments;
  uint8_t *bytes;
  size_t length, width = (size_t)magic;
  if (!sk_bytes_of_array(context, this_value, true, &bytes, &length)) return JS_EXCEPTION;
  if (length % width) return JS_ThrowRangeError(context, "the length is no multiple of %d", magic);
  for (size_t i = 0; i < length; i += width) store(bytes + i, width, true, load(bytes + i, width, false));
  return JS_DupValue(context, this_value);
}

#define BOTH(name, layout) \
  JS_CFUNC_MAGIC_DEF("read" name, 2, read_number, layout), JS_CFUNC_MAGIC_DEF("write" name, 3, write_number, layout)

static const JSCFunctionListEntry methods[] = {
    BOTH("UInt8", 1), BOTH("Int8", 1 | SIGNED), BOTH("UInt16LE", 2), BOTH("UInt16BE", 2 | BIG), BOTH("Int16LE", 2 | SIGNED),
    BOTH("Int16BE", 2 | SIGNED | BIG), BOTH("UInt32LE", 4), BOTH("UInt32BE", 4 | BIG), BOTH("Int32LE", 4 | SIGNED),
    BOTH("Int32BE", 4 | SIGNED | BIG), BOTH("UIntLE", 0), BOTH("UIntBE", BIG), BOTH("IntLE", SIGNED), BOTH("IntBE", SIGNED | BIG),
    BOTH("FloatLE", 4 | FLOAT), BOTH("FloatBE", 4 | FLOAT | BIG), BOTH("DoubleLE", 8 | FLOAT), BOTH("DoubleBE", 8 | FLOAT | BIG),
    JS_CFUNC_MAGIC_DEF("swap16", 0, swap, 2), JS_CFUNC_MAGIC_DEF("swap32", 0, swap, 4), JS_CFUNC_MAGIC_DEF("swap64", 0, swap, 8)};

bool sk_add_buffer_numbers(JSContext *context, JSValueConst prototype) {
  return !JS_SetPropertyFunctionList(context, prototype, methods, sizeof methods / sizeof methods[0]);
}
