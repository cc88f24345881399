// How a run fails, and the small checks of text that decide it.
#include "readback.h"

#include <stdarg.h>

// --- Failures

void sk_append_error(sk_isolate *isolate, const char *text, size_t count) {
  sk_slice *error = &isolate->result.error;
  uint8_t *buffer = sk_limit_error_text(isolate->thread);
  count = sk_whole_characters((sk_slice){(const uint8_t *)text, count}, SK_ERROR_TEXT_MAX - error->count);
  memcpy(buffer + error->count, text, count);
  *error = (sk_slice){buffer, error->count + count};
}

void sk_fail(sk_isolate *isolate, sk_outcome outcome, sk_failure failure, ...) {
  // Whatever was read so far must not be taken for a result.
  isolate->result = (sk_result){.outcome = outcome, .failure = failure};
  va_list parts;
  va_start(parts, failure);
  for (const char *part; (part = va_arg(parts, const char *));) sk_append_error(isolate, part, strlen(part));
  va_end(parts);
}

bool sk_invalid(sk_isolate *isolate, const char *what, const char *why) {
  sk_fail(isolate, SK_VALIDATION_ERROR, SK_FAILURE_INVALID, what, why, (char *)NULL);
  return false;
}

bool sk_thrown(sk_isolate *isolate) {
  sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
  return false;
}

/// Finds the first "…:LINE:COLUMN" of a stack text.
static void find_position(const char *stack, size_t count, uint32_t *line, uint32_t *column) {
  for (size_t i = 0; i < count; i++) {
    if (stack[i] != ':') continue;
    uint32_t numbers[2] = {0, 0};
    size_t at = i, part = 0;
    for (; part < 2 && at < count && stack[at] == ':'; part++) {
      size_t start = ++at;
      while (at < count && at - start < 9 && stack[at] >= '0' && stack[at] <= '9')
        numbers[part] = numbers[part] * 10 + (uint32_t)(stack[at++] - '0');
      if (at == start) break;
    }
    if (part == 2) {
      *line = numbers[0];
      *column = numbers[1];
      return;
    }
  }
}

void sk_fail_with_exception(sk_isolate *isolate, sk_outcome outcome) {
  JSContext *context = isolate->context;
  sk_result *result = &isolate->result;
  JSValue error = JS_GetException(context);
  sk_fail(isolate, outcome, SK_FAILURE_EXCEPTION, (char *)NULL);
  sk_slice text;
  if (!sk_text_of(context, error, &text)) {
    JS_FreeValue(context, JS_GetException(context));
    sk_append_error(isolate, "an exception that has no text", 29);
    return;
  }
  sk_append_error(isolate, (const char *)text.bytes, text.count);
  if (!JS_IsObject(error)) return;
  JSValue stack = JS_GetProperty(context, error, isolate->atoms.stack);
  if (JS_IsString(stack) && sk_text_of(context, stack, &text))
    find_position((const char *)text.bytes, text.count, &result->error_line, &result->error_column);
}

// --- Text

bool sk_is_unchanged(JSContext *context, sk_slice text, sk_slice original) {
  if (sk_same(text, original)) return true;
  if (text.count <= original.count || sk_is_utf8(original)) return false;
  sk_slice shown;
  return sk_text_of(context, sk_string(context, original), &shown) && sk_same(text, shown);
}

bool sk_is_clean(sk_slice text, int rules) {
  enum { CONTROL = 128 };
  static const uint8_t kinds[256] = {[0 ... 8] = CONTROL, ['\t'] = ALLOW_TAB, [10 ... 0x1f] = CONTROL, [' '] = REFUSE_SPACE, ['#'] = REFUSE_HASH,
      ['?'] = REFUSE_QUESTION, [';'] = REFUSE_SEMICOLON, [0x7f] = CONTROL};
  int refused = (rules ^ ALLOW_TAB) | CONTROL;  // a tab is refused unless it is allowed
  int found = 0;
  for (size_t i = 0; i < text.count; i++) found |= kinds[text.bytes[i]];
  return !(found & refused);
}
