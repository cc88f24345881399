// What a handler returned: checked by spec/cloudfront-functions.md sections 2.6, 3, 4 and 6, and read back as edits.
// Only what was touched is looked at. Getters and proxies may run user code here: all of it is inside the run's
// limits, and every list is walked by index so that it may change underneath.
#include "internal.h"

#include <stdarg.h>

enum {
  URL_MAX = 8192,       // URI and query must stay below (spec section 6)
  STATUS_MIN = 200,     // an interim response cannot be final
  STATUS_MAX = 599,
};

typedef struct { sk_slice value, attributes; } sk_value;

/// One name of a set after the run: unchanged, or with the values it is to have.
typedef struct {
  sk_slice name;
  uint32_t item;     // its first item when it existed before
  bool existed, changed;
  uint32_t count;
  sk_value *values;  // in the arena, when changed
} sk_name;

typedef struct {
  sk_isolate *isolate;
  sk_set_id id;
  const char *label;  // "request.headers"
  sk_name *names;     // in the arena; in the object's order
  uint32_t count, capacity;
  bool any_changed;
} sk_reader;

// --- Failures

static void append_error(sk_isolate *isolate, const char *text, size_t count) {
  sk_slice *error = &isolate->result.error;
  uint8_t *buffer = sk_limit_error_text(isolate->thread);
  size_t room = SK_ERROR_TEXT_MAX - error->count;
  if (count > room)
    for (count = room; count && ((uint8_t)text[count] & 0xc0) == 0x80;) count--;
  memcpy(buffer + error->count, text, count);
  *error = (sk_slice){buffer, error->count + count};
}

void sk_fail(sk_isolate *isolate, sk_outcome outcome, sk_failure failure, ...) {
  sk_result *result = &isolate->result;
  result->outcome = outcome;
  result->failure = failure;
  result->error.count = 0;
  va_list parts;
  va_start(parts, failure);
  for (const char *part; (part = va_arg(parts, const char *));) append_error(isolate, part, strlen(part));
  va_end(parts);
}

static bool invalid(sk_isolate *isolate, const char *what, const char *why) {
  sk_fail(isolate, SK_VALIDATION_ERROR, SK_FAILURE_INVALID, what, why, (char *)NULL);
  return false;
}

/// "request.headers['x-y'] must …"
static bool invalid_name(const sk_reader *reader, sk_slice name, const char *why) {
  sk_isolate *isolate = reader->isolate;
  invalid(isolate, reader->label, "['");
  append_error(isolate, (const char *)name.bytes, name.count < 100 ? name.count : 100);
  append_error(isolate, "'] ", 3);
  append_error(isolate, why, strlen(why));
  return false;
}

/// The exception that user code threw while its result was read.
static bool thrown(sk_isolate *isolate) {
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
  size_t count;
  const char *text = JS_ToCStringLen(context, &count, error);
  if (!text) {
    JS_FreeValue(context, JS_GetException(context));
    append_error(isolate, "an exception that has no text", 29);
    return;
  }
  append_error(isolate, text, count);
  if (!JS_IsObject(error)) return;
  JSValue stack = JS_GetProperty(context, error, isolate->atoms.stack);
  if (JS_IsString(stack) && (text = JS_ToCStringLen(context, &count, stack)))
    find_position(text, count, &result->error_line, &result->error_column);
}

// --- Text

static bool text_of(JSContext *context, JSValueConst value, sk_slice *text) {
  size_t count;
  const char *bytes = JS_ToCStringLen(context, &count, value);
  *text = (sk_slice){(const uint8_t *)bytes, count};
  return bytes != NULL;
}

static bool same(sk_slice a, sk_slice b) { return a.count == b.count && (!a.count || !memcmp(a.bytes, b.bytes, a.count)); }

/// Whether `text` is what the function was shown for `original`, which may be ISO-8859-1.
static bool is_unchanged(JSContext *context, sk_slice text, sk_slice original) {
  if (same(text, original)) return true;
  if (text.count <= original.count || sk_is_utf8(original)) return false;
  sk_slice shown;
  return text_of(context, sk_string(context, original), &shown) && same(text, shown);
}

typedef enum { ALLOW_TAB = 1, REFUSE_SPACE = 2, REFUSE_HASH = 4, REFUSE_QUESTION = 8, REFUSE_SEMICOLON = 16 } sk_text_rule;

/// Control characters are never allowed: they would be refused by the next parser, or split what we send.
static bool is_clean(sk_slice text, int rules) {
  for (size_t i = 0; i < text.count; i++) {
    uint8_t c = text.bytes[i];
    if ((c < 0x20 && !(c == '\t' && (rules & ALLOW_TAB))) || c == 0x7f) return false;
    if ((c == ' ' && (rules & REFUSE_SPACE)) || (c == '#' && (rules & REFUSE_HASH))) return false;
    if ((c == '?' && (rules & REFUSE_QUESTION)) || (c == ';' && (rules & REFUSE_SEMICOLON))) return false;
  }
  return true;
}

static sk_slice without_outer_spaces(sk_slice text) {
  while (text.count && (*text.bytes == ' ' || *text.bytes == '\t')) text.bytes++, text.count--;
  while (text.count && (text.bytes[text.count - 1] == ' ' || text.bytes[text.count - 1] == '\t')) text.count--;
  return text;
}

// --- One name's values

static bool check_value(const sk_reader *reader, sk_slice name, sk_value *value) {
  switch (reader->id) {
    case SET_REQUEST_HEADERS:
    case SET_RESPONSE_HEADERS:
      value->value = without_outer_spaces(value->value);
      return is_clean(value->value, ALLOW_TAB) ||
          invalid_name(reader, name, "must have no control characters in its value");
    case SET_QUERY:
      return is_clean(value->value, REFUSE_SPACE | REFUSE_HASH) ||
          invalid_name(reader, name, "must have no spaces, control characters or # in its value");
    default:
      return (is_clean(value->value, REFUSE_SEMICOLON) && is_clean(value->attributes, 0)) ||
          invalid_name(reader, name, "must have no control characters or ; in its value");
  }
}

static bool check_name(const sk_reader *reader, sk_slice name) {
  sk_event_type type = reader->isolate->event->type;
  switch (reader->id) {
    case SET_REQUEST_HEADERS:
    case SET_RESPONSE_HEADERS:
      if (!sk_is_token(name)) return invalid_name(reader, name, "is not a valid header name");
      for (size_t i = 0; i < name.count; i++)
        if (name.bytes[i] >= 'A' && name.bytes[i] <= 'Z')
          return invalid_name(reader, name, "is invalid: header names must be in lower case");
      if (sk_header_is_disallowed(name)) return invalid_name(reader, name, "is a disallowed header");
      if (reader->id == SET_REQUEST_HEADERS && same(name, (sk_slice){(const uint8_t *)"cookie", 6}))
        return invalid_name(reader, name, "is invalid: use request.cookies");
      if (reader->id == SET_RESPONSE_HEADERS && same(name, (sk_slice){(const uint8_t *)"set-cookie", 10}))
        return invalid_name(reader, name, "is invalid: use response.cookies");
      // A response that a viewer-request function makes is bound by the rules for responses.
      if (reader->id == SET_RESPONSE_HEADERS) type = SK_VIEWER_RESPONSE;
      if (sk_header_is_read_only(name, type)) return invalid_name(reader, name, "is a read-only header");
      return true;
    case SET_QUERY:
      return is_clean(name, REFUSE_SPACE | REFUSE_HASH) ||
          invalid_name(reader, name, "must have no spaces, control characters or # in its name");
    default:
      return (name.count && is_clean(name, REFUSE_SPACE | REFUSE_SEMICOLON) && !memchr(name.bytes, '=', name.count)) ||
          invalid_name(reader, name, "is not a valid cookie name");
  }
}

/// The `value` (and `attributes`) of one occurrence. `*present` tells whether there was a value.
static bool read_occurrence(const sk_reader *reader, sk_slice name, JSValueConst object, sk_value *value, bool *present) {
  sk_isolate *isolate = reader->isolate;
  JSContext *context = isolate->context;
  if (!JS_IsObject(object)) return invalid_name(reader, name, "must be an object with a value");
  JSValue text = JS_GetProperty(context, object, isolate->atoms.value);
  if (JS_IsException(text)) return thrown(isolate);
  *present = !JS_IsUndefined(text);
  *value = (sk_value){{(const uint8_t *)"", 0}, {(const uint8_t *)"", 0}};
  if (*present && !JS_IsString(text)) return invalid_name(reader, name, "must have a string as its value");
  if (*present && !text_of(context, text, &value->value)) return thrown(isolate);
  if (reader->id != SET_RESPONSE_COOKIES) return true;
  JSValue attributes = JS_GetProperty(context, object, isolate->atoms.attributes);
  if (JS_IsException(attributes)) return thrown(isolate);
  if (JS_IsUndefined(attributes) || JS_IsNull(attributes)) return true;
  if (!JS_IsString(attributes)) return invalid_name(reader, name, "must have a string as its attributes");
  return text_of(context, attributes, &value->attributes) || thrown(isolate);
}

/// Reads `multiValue`; `*values` is NULL when there is none.
static bool read_multi_value(const sk_reader *reader, sk_slice name, JSValueConst object, sk_value **values, uint32_t *count) {
  sk_isolate *isolate = reader->isolate;
  JSContext *context = isolate->context;
  JSValue list = JS_GetProperty(context, object, isolate->atoms.multi_value);
  int64_t length;
  *values = NULL;
  if (JS_IsException(list)) return thrown(isolate);
  if (JS_IsUndefined(list)) return true;
  if (!JS_IsArray(list)) return invalid_name(reader, name, "must have an array as its multiValue");
  if (JS_GetLength(context, list, &length)) return thrown(isolate);
  if (length > UINT16_MAX) return invalid_name(reader, name, "has too many values");
  *count = (uint32_t)length;
  if (!(*values = js_malloc(context, (size_t)(length + 1) * sizeof(sk_value)))) return thrown(isolate);
  for (uint32_t i = 0; i < *count; i++) {
    JSValue one = JS_GetPropertyUint32(context, list, i);
    bool present;
    if (JS_IsException(one)) return thrown(isolate);
    if (!read_occurrence(reader, name, one, &(*values)[i], &present)) return false;
    if (!present) return invalid_name(reader, name, "must have a value in every entry of multiValue");
  }
  return true;
}

static bool equals_item(const sk_reader *reader, const sk_value *value, const sk_item *item) {
  JSContext *context = reader->isolate->context;
  return is_unchanged(context, value->value, item->value) &&
      (reader->id != SET_RESPONSE_COOKIES || is_unchanged(context, value->attributes, item->attributes));
}

/// Whether `values` are exactly the occurrences the name had.
static bool equals_items(const sk_reader *reader, const sk_name *name, const sk_value *values, uint32_t count) {
  const sk_item *items = reader->isolate->sets[reader->id].items;
  uint32_t i = 0, at = name->item;
  if (!items[at].next) return false;  // had no multiValue before
  do {
    if (i == count || !equals_item(reader, &values[i], &items[at])) return false;
    i++;
    at = items[at].next;
  } while (at);
  return i == count;
}

/// Decides by spec 2.6 what a name's values are now; `name->changed` stays false when they are what they were.
static bool read_values(const sk_reader *reader, sk_name *name, JSValueConst object) {
  sk_isolate *isolate = reader->isolate;
  const sk_item *items = isolate->sets[reader->id].items;
  sk_value single, *multi;
  uint32_t multi_count = 0;
  bool present;
  if (!read_occurrence(reader, name->name, object, &single, &present)) return false;
  if (!read_multi_value(reader, name->name, object, &multi, &multi_count)) return false;
  bool multi_changed = multi && !(name->existed && equals_items(reader, name, multi, multi_count));
  if (multi_changed) {  // rule 1
    name->values = multi;
    name->count = multi_count;
  } else if (!present) {
    if (!multi) return invalid_name(reader, name->name, "must be an object with a value");
    return true;
  } else {
    bool first_unchanged = name->existed && equals_item(reader, &single, &items[name->item]);
    if (first_unchanged && (multi || !items[name->item].next)) return true;
    name->count = multi ? multi_count : 1;  // rule 2: later occurrences stay while multiValue is there
    name->values = multi ? multi : js_malloc(isolate->context, sizeof(sk_value));
    if (!name->values) return thrown(isolate);
    name->values[0] = single;
  }
  name->changed = true;
  for (uint32_t i = 0; i < name->count; i++)
    if (!check_value(reader, name->name, &name->values[i])) return false;
  return true;
}

// --- A whole set

static sk_name *add_name(sk_reader *reader) {
  if (reader->count == reader->capacity) {
    uint32_t capacity = reader->capacity ? reader->capacity * 2 : 16;
    sk_name *names = js_realloc(reader->isolate->context, reader->names, capacity * sizeof(sk_name));
    if (!names) return thrown(reader->isolate), NULL;
    reader->names = names;
    reader->capacity = capacity;
  }
  sk_name *name = &reader->names[reader->count++];
  *name = (sk_name){0};
  return name;
}

static sk_item *item_of_atom(sk_set *set, JSAtom atom, uint32_t *index) {
  for (uint32_t i = 0; i < set->count; i++)
    if (set->items[i].first && set->items[i].atom == atom) return *index = i, &set->items[i];
  return NULL;
}

/// Reads the property `atom`, which is not lazy (any more).
static bool read_property(sk_reader *reader, JSValueConst object, JSAtom atom) {
  JSContext *context = reader->isolate->context;
  sk_set *set = &reader->isolate->sets[reader->id];
  JSValue value = JS_GetProperty(context, object, atom);
  if (JS_IsException(value)) return thrown(reader->isolate);
  if (JS_IsUndefined(value)) return true;  // as if it were not there
  uint32_t index = 0;
  sk_item *item = item_of_atom(set, atom, &index);
  JSValue key = item ? JS_UNDEFINED : JS_AtomToValue(context, atom);
  if (JS_IsSymbol(key)) return true;
  sk_name *name = add_name(reader);
  if (!name) return false;
  size_t count;
  const char *text = JS_AtomToCStringLen(context, &count, atom);
  if (!text) return thrown(reader->isolate);
  name->name = (sk_slice){(const uint8_t *)text, count};
  if (item) {
    item->seen = name->existed = true;
    name->item = index;
  }
  if (!read_values(reader, name, value)) return false;
  if (!name->changed) return true;
  reader->any_changed = true;
  return check_name(reader, name->name);
}

static bool read_lazy(sk_reader *reader, uint32_t index) {
  sk_item *item = &reader->isolate->sets[reader->id].items[index];
  item->seen = true;
  if (reader->id == SET_REQUEST_HEADERS || reader->id == SET_RESPONSE_HEADERS) return true;  // nobody asks for it again
  sk_name *name = add_name(reader);
  if (!name) return false;
  name->existed = true;
  name->item = index;
  name->name = item->name;
  return true;
}

/// The own enumerable properties of an ordinary object, without allocating a list of them.
static bool read_plain(sk_reader *reader, JSValueConst object) {
  for (uint32_t index = 0;; index++) {
    JSAtom atom;
    void *opaque;
    switch (JS_GetHostPropertyAt(object, index, &atom, &opaque)) {
      case JS_HOST_PROPERTY_END: return true;
      case JS_HOST_PROPERTY_ABSENT: break;
      case JS_HOST_PROPERTY_LAZY:
        if (sk_lazy_kind(opaque) == LAZY_ITEM + (uint32_t)reader->id) {
          if (!read_lazy(reader, sk_lazy_index(opaque))) return false;
          break;
        }  // a value of another set: read it like any other
        // fall through
      case JS_HOST_PROPERTY_PRESENT:
        if (!read_property(reader, object, atom)) return false;
    }
  }
}

static bool read_exotic(sk_reader *reader, JSValueConst object) {
  JSPropertyEnum *properties;
  uint32_t count;
  JSContext *context = reader->isolate->context;
  if (JS_GetOwnPropertyNames(context, &properties, &count, object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY))
    return thrown(reader->isolate);
  for (uint32_t i = 0; i < count; i++)
    if (!read_property(reader, object, properties[i].atom)) return false;
  return true;
}

/// Reads `object` against the set as it was received. Missing (undefined) counts as empty.
static bool read_set(sk_reader *reader, JSValueConst object) {
  sk_isolate *isolate = reader->isolate;
  sk_set *set = &isolate->sets[reader->id];
  if (!set->built && JS_IsException(sk_set_object(isolate, reader->id))) return thrown(isolate);
  if (!JS_IsUndefined(object)) {
    if (!JS_IsObject(object)) return invalid(isolate, reader->label, " must be an object");
    if (!(JS_IsPlainObject(object) ? read_plain(reader, object) : read_exotic(reader, object))) return false;
  }
  for (uint32_t i = 0; i < set->count; i++)
    if (set->items[i].first && !set->items[i].seen) reader->any_changed = true;
  return true;
}

// --- Edits

static bool add_edit(sk_isolate *isolate, sk_slice name, const sk_slice *values, size_t count) {
  sk_result *result = &isolate->result;
  if (result->edit_count == isolate->edit_capacity) {
    size_t capacity = isolate->edit_capacity ? isolate->edit_capacity * 2 : 16;
    sk_edit *edits = js_realloc(isolate->context, isolate->edits, capacity * sizeof(sk_edit));
    if (!edits) return thrown(isolate);
    isolate->edits = edits;
    isolate->edit_capacity = capacity;
  }
  isolate->edits[result->edit_count++] = (sk_edit){name, values, count};
  return true;
}

static bool edit_headers(sk_reader *reader) {
  sk_isolate *isolate = reader->isolate;
  sk_set *set = &isolate->sets[reader->id];
  bool response = reader->id == SET_RESPONSE_HEADERS;
  for (uint32_t i = 0; i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    if (!name->changed || (response && sk_header_is_framing(name->name))) continue;
    sk_slice *values = js_malloc(isolate->context, (name->count + 1) * sizeof(sk_slice));
    if (!values) return thrown(isolate);
    for (uint32_t k = 0; k < name->count; k++) values[k] = name->values[k].value;
    if (!add_edit(isolate, name->name, values, name->count)) return false;
  }
  for (uint32_t i = 0; reader->any_changed && i < set->count; i++) {
    const sk_item *item = &set->items[i];
    if (!item->first || item->seen) continue;
    size_t count;
    const char *text = JS_AtomToCStringLen(isolate->context, &count, item->atom);  // in lower case
    if (!text) return thrown(isolate);
    sk_slice name = {(const uint8_t *)text, count};
    if (!check_name(reader, name)) return false;
    if (response && sk_header_is_framing(name)) continue;
    if (!add_edit(isolate, name, NULL, 0)) return false;
  }
  return true;
}

/// Bytes under construction in the arena.
typedef struct { JSContext *context; uint8_t *bytes; size_t count, capacity; bool failed; } sk_text;

static void append(sk_text *text, sk_slice piece) {
  if (text->count + piece.count > text->capacity) {
    size_t capacity = (text->count + piece.count) * 2 + 64;
    uint8_t *bytes = js_realloc(text->context, text->bytes, capacity);
    if (!bytes) text->failed = true;
    if (text->failed) return;
    text->bytes = bytes;
    text->capacity = capacity;
  }
  if (piece.count) memcpy(text->bytes + text->count, piece.bytes, piece.count);
  text->count += piece.count;
}

static sk_slice literal(const char *text) { return (sk_slice){(const uint8_t *)text, strlen(text)}; }

static void append_pair(sk_text *text, const char *separator, sk_slice name, sk_slice value) {
  if (text->count) append(text, literal(separator));
  append(text, name);
  append(text, literal("="));
  append(text, value);
}

/// Joins query parameters or request cookies in the object's order; what is unchanged keeps its bytes.
static bool join(sk_reader *reader, const char *separator, sk_slice *joined) {
  const sk_item *items = reader->isolate->sets[reader->id].items;
  sk_text text = {.context = reader->isolate->context};
  for (uint32_t i = 0; i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    for (uint32_t k = 0; name->changed && k < name->count; k++)
      append_pair(&text, separator, name->name, name->values[k].value);
    if (name->changed) continue;
    for (uint32_t at = name->item, more = 1; more; at = items[at].next, more = at != 0) {
      if (text.count) append(&text, literal(separator));
      append(&text, items[at].raw);
    }
  }
  if (text.failed) return thrown(reader->isolate);
  *joined = (sk_slice){text.bytes ? text.bytes : (const uint8_t *)"", text.count};
  return true;
}

static bool edit_request_cookies(sk_reader *reader) {
  sk_slice *joined = js_malloc(reader->isolate->context, sizeof(sk_slice));
  if (!joined) return thrown(reader->isolate);
  return join(reader, "; ", joined) && add_edit(reader->isolate, literal("cookie"), joined, joined->count ? 1 : 0);
}

static bool edit_response_cookies(sk_reader *reader) {
  sk_isolate *isolate = reader->isolate;
  const sk_set *set = &isolate->sets[reader->id];
  size_t room = set->count, count = 0;
  for (uint32_t i = 0; i < reader->count; i++) room += reader->names[i].count;
  sk_slice *lines = js_malloc(isolate->context, (room + 1) * sizeof(sk_slice));
  if (!lines) return thrown(isolate);
  for (uint32_t i = 0; i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    for (uint32_t k = 0; name->changed && k < name->count; k++) {
      sk_text line = {.context = isolate->context};
      append_pair(&line, "", name->name, name->values[k].value);
      if (name->values[k].attributes.count) {
        append(&line, literal("; "));
        append(&line, name->values[k].attributes);
      }
      if (line.failed) return thrown(isolate);
      lines[count++] = (sk_slice){line.bytes, line.count};
    }
    if (name->changed) continue;
    for (uint32_t at = name->item, more = 1; more; at = set->items[at].next, more = at != 0)
      lines[count++] = set->items[at].raw;
  }
  return add_edit(isolate, literal("set-cookie"), lines, count);
}

// --- Requests

/// A property of the returned object: `*lazy` when it is still the event's own and was never looked at.
static bool part(sk_isolate *isolate, JSValueConst object, JSAtom name, uint32_t kind, JSValue *value, bool *lazy) {
  void *opaque = NULL;
  *lazy = JS_GetHostProperty(object, name, &opaque) == JS_HOST_PROPERTY_LAZY && sk_lazy_kind(opaque) == kind;
  if (*lazy) return true;
  *value = JS_GetProperty(isolate->context, object, name);
  return !JS_IsException(*value) || thrown(isolate);
}

static bool read_method(sk_isolate *isolate, JSValueConst request) {
  JSValue method;
  bool lazy;
  sk_slice text;
  if (!part(isolate, request, isolate->atoms.method, LAZY_METHOD, &method, &lazy)) return false;
  if (lazy || JS_IsUndefined(method)) return true;
  if (!JS_IsString(method)) return invalid(isolate, "request.method", " is read-only");
  if (!text_of(isolate->context, method, &text)) return thrown(isolate);
  return is_unchanged(isolate->context, text, isolate->event->method) || invalid(isolate, "request.method", " is read-only");
}

static bool read_uri(sk_isolate *isolate, JSValueConst request) {
  JSValue uri;
  bool lazy;
  sk_slice text;
  sk_result *result = &isolate->result;
  if (!part(isolate, request, isolate->atoms.uri, LAZY_URI, &uri, &lazy)) return false;
  if (lazy) return true;
  if (!JS_IsString(uri)) return invalid(isolate, "request.uri", " must be a string");
  if (!text_of(isolate->context, uri, &text)) return thrown(isolate);
  if (is_unchanged(isolate->context, text, isolate->event->uri)) return true;
  if (!text.count || text.bytes[0] != '/') return invalid(isolate, "request.uri", " must begin with /");
  if (!is_clean(text, REFUSE_SPACE | REFUSE_HASH | REFUSE_QUESTION))
    return invalid(isolate, "request.uri", " must have no spaces, control characters, ? or #");
  result->uri = text;
  return result->uri_changed = true;
}

static bool read_query(sk_isolate *isolate, JSValueConst request) {
  JSValue query;
  bool lazy;
  sk_result *result = &isolate->result;
  sk_reader reader = {.isolate = isolate, .id = SET_QUERY, .label = "request.querystring"};
  if (!part(isolate, request, isolate->atoms.querystring, LAZY_SET + SET_QUERY, &query, &lazy)) return false;
  if (lazy) return true;
  sk_slice text;
  if (JS_IsString(query)) {
    if (!text_of(isolate->context, query, &text)) return thrown(isolate);
    if (isolate->event->has_query && is_unchanged(isolate->context, text, isolate->event->query)) return true;
    if (!is_clean(text, REFUSE_SPACE | REFUSE_HASH))
      return invalid(isolate, "request.querystring", " must have no spaces, control characters or #");
  } else {
    if (!read_set(&reader, query)) return false;
    if (!reader.any_changed) return true;
    if (!join(&reader, "&", &text)) return false;
  }
  result->query = text;
  result->has_query = text.count > 0;
  return result->query_changed = true;
}

static bool read_headers(sk_isolate *isolate, JSValueConst object, sk_set_id id, const char *label) {
  JSValue headers;
  bool lazy;
  sk_reader reader = {.isolate = isolate, .id = id, .label = label};
  if (!part(isolate, object, isolate->atoms.headers, LAZY_SET + id, &headers, &lazy)) return false;
  return lazy || (read_set(&reader, headers) && edit_headers(&reader));
}

static bool read_cookies(sk_isolate *isolate, JSValueConst object, sk_set_id id, const char *label) {
  JSValue cookies;
  bool lazy;
  sk_reader reader = {.isolate = isolate, .id = id, .label = label};
  if (!part(isolate, object, isolate->atoms.cookies, LAZY_SET + id, &cookies, &lazy)) return false;
  if (lazy) return true;
  if (!read_set(&reader, cookies)) return false;
  if (!reader.any_changed) return true;
  return id == SET_REQUEST_COOKIES ? edit_request_cookies(&reader) : edit_response_cookies(&reader);
}

static bool read_request(sk_isolate *isolate, JSValueConst request) {
  const sk_event *event = isolate->event;
  sk_result *result = &isolate->result;
  result->outcome = SK_REQUEST;
  result->has_query = event->has_query;
  result->uri = event->uri;
  result->query = event->query;
  if (!read_method(isolate, request) || !read_uri(isolate, request) || !read_query(isolate, request) ||
      !read_headers(isolate, request, SET_REQUEST_HEADERS, "request.headers") ||
      !read_cookies(isolate, request, SET_REQUEST_COOKIES, "request.cookies"))
    return false;
  if ((result->uri_changed || result->query_changed) &&
      result->uri.count + (result->has_query ? result->query.count + 1 : 0) >= URL_MAX)
    return invalid(isolate, "request.uri", " and query must be shorter than 8192 characters");
  return true;
}

// --- Responses

static bool read_status(sk_isolate *isolate, JSValueConst response) {
  JSValue value;
  bool lazy;
  double number;
  sk_result *result = &isolate->result;
  result->status = isolate->event->status;
  if (!part(isolate, response, isolate->atoms.status_code, LAZY_STATUS, &value, &lazy)) return false;
  if (lazy) return true;
  if (!JS_IsNumber(value) || JS_ToFloat64(isolate->context, &number, value))
    return invalid(isolate, "response.statusCode", " must be a number");
  if (!(number >= STATUS_MIN && number <= STATUS_MAX) || number != (double)(uint16_t)number)
    return invalid(isolate, "response.statusCode", " must be a whole number from 200 to 599");
  result->status = (uint16_t)number;
  result->status_changed = isolate->event->type == SK_VIEWER_REQUEST || result->status != isolate->event->status;
  return true;
}

static bool read_status_description(sk_isolate *isolate, JSValueConst response) {
  JSValue value;
  bool lazy;
  sk_slice text;
  if (!part(isolate, response, isolate->atoms.status_description, LAZY_STATUS_DESCRIPTION, &value, &lazy)) return false;
  if (lazy || JS_IsUndefined(value) || JS_IsNull(value)) return true;
  if (!JS_IsString(value)) return invalid(isolate, "response.statusDescription", " must be a string");
  if (!text_of(isolate->context, value, &text)) return thrown(isolate);
  if (!is_clean(text, ALLOW_TAB)) return invalid(isolate, "response.statusDescription", " must have no control characters");
  isolate->result.status_description = text;
  return isolate->result.has_status_description = true;
}

/// `{encoding, data}` (spec section 4).
static bool read_encoded_body(sk_isolate *isolate, JSValueConst body) {
  JSContext *context = isolate->context;
  sk_slice encoding, data;
  JSValue encoding_value = JS_GetProperty(context, body, isolate->atoms.encoding);
  if (JS_IsException(encoding_value)) return thrown(isolate);
  JSValue data_value = JS_GetProperty(context, body, isolate->atoms.data);
  if (JS_IsException(data_value)) return thrown(isolate);
  if (!JS_IsString(data_value)) return invalid(isolate, "response.body.data", " must be a string");
  if (!text_of(context, data_value, &data)) return thrown(isolate);
  isolate->result.body = data;
  if (JS_IsString(encoding_value)) {
    if (!text_of(context, encoding_value, &encoding)) return thrown(isolate);
    if (same(encoding, literal("text"))) return true;
    if (same(encoding, literal("base64"))) {
      uint8_t *bytes = js_malloc(context, data.count + 1);
      if (!bytes) return thrown(isolate);
      isolate->result.body.bytes = bytes;
      return sk_decode_base64_strict(data, bytes, &isolate->result.body.count) ||
          invalid(isolate, "response.body.data", " is not valid base64");
    }
  }
  return invalid(isolate, "response.body.encoding", " must be \"text\" or \"base64\"");
}

static bool read_body(sk_isolate *isolate, JSValueConst response) {
  JSValue body = JS_GetProperty(isolate->context, response, isolate->atoms.body);
  if (JS_IsException(body)) return thrown(isolate);
  if (JS_IsUndefined(body)) return true;
  isolate->result.has_body = true;
  if (JS_IsString(body)) return text_of(isolate->context, body, &isolate->result.body) || thrown(isolate);
  if (JS_IsObject(body)) return read_encoded_body(isolate, body);
  return invalid(isolate, "response.body", " must be a string or an object with encoding and data");
}

static bool read_response(sk_isolate *isolate, JSValueConst response) {
  isolate->result.outcome = SK_RESPONSE;
  return read_status(isolate, response) && read_status_description(isolate, response) &&
      read_headers(isolate, response, SET_RESPONSE_HEADERS, "response.headers") &&
      read_cookies(isolate, response, SET_RESPONSE_COOKIES, "response.cookies") && read_body(isolate, response);
}

void sk_read_result(sk_isolate *isolate, JSValue returned) {
  bool wants_response = isolate->event->type == SK_VIEWER_RESPONSE;
  if (!JS_IsObject(returned)) {
    const char *what = JS_IsUndefined(returned) ? "undefined" : JS_IsNull(returned) ? "null" : "a value that is no object";
    sk_fail(isolate, SK_VALIDATION_ERROR, SK_FAILURE_INVALID, "the function returned ", what,
            wants_response ? ", not a response" : ", neither a request nor a response", (char *)NULL);
    return;
  }
  JSValue status;
  bool lazy;
  if (!part(isolate, returned, isolate->atoms.status_code, LAZY_STATUS, &status, &lazy)) return;
  bool is_response = lazy || !JS_IsUndefined(status);
  if (is_response) {
    read_response(isolate, returned);
  } else if (wants_response) {
    invalid(isolate, "the function returned an object without statusCode", ", not a response");
  } else {
    read_request(isolate, returned);
  }
  isolate->result.edits = isolate->edits;
}
