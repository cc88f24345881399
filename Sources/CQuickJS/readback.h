// Between the files that check what a handler returned: failure.c, readback.c and result.c.
#pragma once
#include "internal.h"

typedef struct { sk_slice value, attributes; } sk_value;

/// One name of a set after the run: unchanged, or with the values it is to have.
typedef struct {
  sk_slice name;
  uint32_t item;     // its first item when it existed before
  bool existed, changed;
  uint32_t count;
  sk_value *values;  // in the arena, when changed
} sk_name;

/// A set being read back.
typedef struct {
  sk_isolate *isolate;
  sk_set_id id;
  const char *label;  // "request.headers"
  sk_name *names;     // in the arena; in the object's order
  uint32_t count, capacity;
  bool any_changed;
} sk_reader;

// failure.c
/// Adds to the error text; what goes beyond SK_ERROR_TEXT_MAX is cut.
void sk_append_error(sk_isolate *isolate, const char *text, size_t count);
/// A validation error "<what><why>"; always false.
bool sk_invalid(sk_isolate *isolate, const char *what, const char *why);
/// An execution error: the exception that user code threw while its result was read; always false.
bool sk_thrown(sk_isolate *isolate);
/// Whether `text` is what the function was shown for `original`, which may be ISO-8859-1.
bool sk_is_unchanged(JSContext *context, sk_slice text, sk_slice original);
/// What `sk_is_clean` is to let pass or to refuse beside control characters.
typedef enum { ALLOW_TAB = 1, REFUSE_SPACE = 2, REFUSE_HASH = 4, REFUSE_QUESTION = 8, REFUSE_SEMICOLON = 16 } sk_text_rule;
/// Control characters are never allowed: they would be refused by the next parser, or split what we send.
bool sk_is_clean(sk_slice text, int rules);

// readback.c
/// Reads `object` against the set as it was received. Missing (undefined) counts as empty.
bool sk_read_set(sk_reader *reader, JSValueConst object);
/// Adds the edits that a read set comes to.
bool sk_edit_headers(sk_reader *reader);
bool sk_edit_request_cookies(sk_reader *reader);
bool sk_edit_response_cookies(sk_reader *reader);
/// Joins query parameters or request cookies in the object's order; what is unchanged keeps its bytes.
bool sk_join(sk_reader *reader, const char *separator, sk_slice *joined);
