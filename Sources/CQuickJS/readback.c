// Reads a set (headers, query, cookies) back against what was received, by spec/cloudfront-functions.md 2.6 and 6.
// Getters and proxies may run user code here: every list is walked by index, so that it may change underneath.
#include "readback.h"

enum {
  EDIT_LINES_MAX = 256,       // header lines that one run may remove or write: applying them takes time of the worker's, not of the run's
  EDIT_BYTES_MAX = 32 << 10,  // names and values of those lines
  VALUES_MAX = UINT16_MAX,    // entries of one multiValue
};

/// "request.headers['x-y'] must …"
static bool invalid_name(const sk_reader *reader, sk_slice name, const char *why) {
  sk_isolate *isolate = reader->isolate;
  sk_invalid(isolate, reader->label, "['");
  sk_append_error(isolate, (const char *)name.bytes, sk_whole_characters(name, SK_SHOWN_NAME_MAX));
  sk_append_error(isolate, "'] ", 3);
  sk_append_error(isolate, why, strlen(why));
  return false;
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
      return sk_is_clean(value->value, ALLOW_TAB) ||
          invalid_name(reader, name, "must have no control characters in its value");
    case SET_QUERY:
      return sk_is_clean(value->value, REFUSE_SPACE | REFUSE_HASH) ||
          invalid_name(reader, name, "must have no spaces, control characters or # in its value");
    default:
      return (sk_is_clean(value->value, REFUSE_SEMICOLON) && sk_is_clean(value->attributes, 0)) ||
          invalid_name(reader, name, "must have no control characters or ; in its value");
  }
}

static bool check_name(const sk_reader *reader, sk_slice name) {
  sk_event_type type = reader->isolate->event->type;
  switch (reader->id) {
    case SET_REQUEST_HEADERS:
    case SET_RESPONSE_HEADERS:
      if (!sk_is_token(name)) return invalid_name(reader, name, "is not a valid header name");
      if (sk_has_capitals(name)) return invalid_name(reader, name, "is invalid: header names must be in lower case");
      if (sk_header_is_disallowed(name)) return invalid_name(reader, name, "is a disallowed header");
      if (reader->id == SET_REQUEST_HEADERS && sk_same(name, (sk_slice){(const uint8_t *)"cookie", 6}))
        return invalid_name(reader, name, "is invalid: use request.cookies");
      if (reader->id == SET_RESPONSE_HEADERS && sk_same(name, (sk_slice){(const uint8_t *)"set-cookie", 10}))
        return invalid_name(reader, name, "is invalid: use response.cookies");
      // A response that a viewer-request function makes is bound by the rules for responses.
      if (reader->id == SET_RESPONSE_HEADERS) type = SK_VIEWER_RESPONSE;
      if (sk_header_is_read_only(name, type)) return invalid_name(reader, name, "is a read-only header");
      return true;
    case SET_QUERY:
      return sk_is_clean(name, REFUSE_SPACE | REFUSE_HASH) ||
          invalid_name(reader, name, "must have no spaces, control characters or # in its name");
    default:
      return (name.count && sk_is_clean(name, REFUSE_SPACE | REFUSE_SEMICOLON) && !memchr(name.bytes, '=', name.count)) ||
          invalid_name(reader, name, "is not a valid cookie name");
  }
}

/// The `value` (and `attributes`) of one occurrence. `*present` tells whether there was a value.
static bool read_occurrence(const sk_reader *reader, sk_slice name, JSValueConst object, sk_value *value, bool *present) {
  sk_isolate *isolate = reader->isolate;
  JSContext *context = isolate->context;
  if (!JS_IsObject(object)) return invalid_name(reader, name, "must be an object with a value");
  JSValue text = JS_GetProperty(context, object, isolate->atoms.value);
  if (JS_IsException(text)) return sk_thrown(isolate);
  *present = !JS_IsUndefined(text);
  *value = (sk_value){{(const uint8_t *)"", 0}, {(const uint8_t *)"", 0}};
  if (*present && !JS_IsString(text)) return invalid_name(reader, name, "must have a string as its value");
  if (*present && !sk_text_of(context, text, &value->value)) return sk_thrown(isolate);
  if (reader->id != SET_RESPONSE_COOKIES) return true;
  JSValue attributes = JS_GetProperty(context, object, isolate->atoms.attributes);
  if (JS_IsException(attributes)) return sk_thrown(isolate);
  if (JS_IsUndefined(attributes) || JS_IsNull(attributes)) return true;
  if (!JS_IsString(attributes)) return invalid_name(reader, name, "must have a string as its attributes");
  return sk_text_of(context, attributes, &value->attributes) || sk_thrown(isolate);
}

/// Reads `multiValue`; `*values` is NULL when there is none.
static bool read_multi_value(const sk_reader *reader, sk_slice name, JSValueConst object, sk_value **values, uint32_t *count) {
  sk_isolate *isolate = reader->isolate;
  JSContext *context = isolate->context;
  JSValue list = JS_GetProperty(context, object, isolate->atoms.multi_value);
  int64_t length;
  *values = NULL;
  if (JS_IsException(list)) return sk_thrown(isolate);
  if (JS_IsUndefined(list)) return true;
  if (!JS_IsArray(list)) return invalid_name(reader, name, "must have an array as its multiValue");
  if (JS_GetLength(context, list, &length)) return sk_thrown(isolate);
  if (length > VALUES_MAX) return invalid_name(reader, name, "has too many values");
  *count = (uint32_t)length;
  if (!(*values = js_malloc(context, (size_t)(length + 1) * sizeof(sk_value)))) return sk_thrown(isolate);
  for (uint32_t i = 0; i < *count; i++) {
    JSValue one = JS_GetPropertyUint32(context, list, i);
    bool present;
    if (JS_IsException(one)) return sk_thrown(isolate);
    if (!read_occurrence(reader, name, one, &(*values)[i], &present)) return false;
    if (!present) return invalid_name(reader, name, "must have a value in every entry of multiValue");
  }
  return true;
}

static bool equals_item(const sk_reader *reader, const sk_value *value, const sk_item *item) {
  JSContext *context = reader->isolate->context;
  if (reader->id == SET_REQUEST_HEADERS || reader->id == SET_RESPONSE_HEADERS)
    sk_note_value(reader->isolate, reader->id == SET_RESPONSE_HEADERS, (uint32_t)(item - reader->isolate->sets[reader->id].items));
  return sk_is_unchanged(context, value->value, item->value) &&
      (reader->id != SET_RESPONSE_COOKIES || sk_is_unchanged(context, value->attributes, item->attributes));
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
    if (!name->values) return sk_thrown(isolate);
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
    if (!names) return sk_thrown(reader->isolate), NULL;
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
  JS_DupAtom(context, atom);  // a getter may delete its own property, and the name with it
  JSValue value = JS_GetProperty(context, object, atom);
  if (JS_IsException(value)) return sk_thrown(reader->isolate);
  if (JS_IsUndefined(value)) return true;  // as if it were not there
  uint32_t index = 0;
  sk_item *item = item_of_atom(set, atom, &index);
  JSValue key = item ? JS_UNDEFINED : JS_AtomToValue(context, atom);
  if (JS_IsSymbol(key)) return true;
  sk_name *name = add_name(reader);
  if (!name) return false;
  if (!sk_text_of_atom(context, atom, &name->name)) return sk_thrown(reader->isolate);
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
    return sk_thrown(reader->isolate);
  for (uint32_t i = 0; i < count; i++)
    if (!read_property(reader, object, properties[i].atom)) return false;
  return true;
}

bool sk_read_set(sk_reader *reader, JSValueConst object) {
  sk_isolate *isolate = reader->isolate;
  sk_set *set = &isolate->sets[reader->id];
  if (!set->built && JS_IsException(sk_set_object(isolate, reader->id))) return sk_thrown(isolate);
  if (!JS_IsUndefined(object)) {
    if (!JS_IsObject(object)) return sk_invalid(isolate, reader->label, " must be an object");
    if (!(JS_IsPlainObject(object) ? read_plain(reader, object) : read_exotic(reader, object))) return false;
  }
  for (uint32_t i = 0; i < set->count; i++)
    if (set->items[i].first && !set->items[i].seen) reader->any_changed = true;
  return true;
}

// --- Edits

static bool add_edit(sk_isolate *isolate, sk_slice name, const sk_slice *values, size_t count) {
  sk_result *result = &isolate->result;
  isolate->edit_lines += count + 1;
  isolate->edit_bytes += name.count;
  for (size_t i = 0; i < count; i++) isolate->edit_bytes += name.count + values[i].count;
  if (isolate->edit_lines > EDIT_LINES_MAX || isolate->edit_bytes > EDIT_BYTES_MAX)
    return sk_invalid(isolate, "the function changed too many headers", ": at most 256 lines and 32768 bytes");
  if (result->edit_count == isolate->edit_capacity) {
    size_t capacity = isolate->edit_capacity ? isolate->edit_capacity * 2 : 16;
    sk_edit *edits = js_realloc(isolate->context, isolate->edits, capacity * sizeof(sk_edit));
    if (!edits) return sk_thrown(isolate);
    isolate->edits = edits;
    isolate->edit_capacity = capacity;
  }
  isolate->edits[result->edit_count++] = (sk_edit){name, values, count};
  return true;
}

bool sk_edit_headers(sk_reader *reader) {
  sk_isolate *isolate = reader->isolate;
  sk_set *set = &isolate->sets[reader->id];
  bool response = reader->id == SET_RESPONSE_HEADERS;
  for (uint32_t i = 0; i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    if (!name->changed || (response && sk_header_is_framing(name->name))) continue;
    sk_slice *values = js_malloc(isolate->context, (name->count + 1) * sizeof(sk_slice));
    if (!values) return sk_thrown(isolate);
    for (uint32_t k = 0; k < name->count; k++) values[k] = name->values[k].value;
    if (!add_edit(isolate, name->name, values, name->count)) return false;
  }
  for (uint32_t i = 0; reader->any_changed && i < set->count; i++) {
    const sk_item *item = &set->items[i];
    if (!item->first || item->seen) continue;
    sk_slice name;
    if (!sk_text_of_atom(isolate->context, item->atom, &name)) return sk_thrown(isolate);  // in lower case
    if (!check_name(reader, name)) return false;
    if (response && sk_header_is_framing(name)) continue;
    if (!add_edit(isolate, name, NULL, 0)) return false;
  }
  return true;
}

static bool append_pair(sk_growing *out, const char *separator, sk_slice name, sk_slice value) {
  return (!out->text.count || sk_append(out, sk_literal(separator))) && sk_append(out, name) && sk_append(out, sk_literal("=")) &&
      sk_append(out, value);
}

bool sk_join(sk_reader *reader, const char *separator, sk_slice *joined) {
  const sk_item *items = reader->isolate->sets[reader->id].items;
  sk_growing out = {.context = reader->isolate->context};
  bool room = true;
  for (uint32_t i = 0; room && i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    for (uint32_t k = 0; room && name->changed && k < name->count; k++)
      room = append_pair(&out, separator, name->name, name->values[k].value);
    if (name->changed) continue;
    for (uint32_t at = name->item, more = 1; room && more; at = items[at].next, more = at != 0)
      room = (!out.text.count || sk_append(&out, sk_literal(separator))) && sk_append(&out, items[at].raw);
  }
  if (!room) return sk_thrown(reader->isolate);
  *joined = out.text.bytes ? out.text : sk_literal("");
  return true;
}

bool sk_edit_request_cookies(sk_reader *reader) {
  sk_slice *joined = js_malloc(reader->isolate->context, sizeof(sk_slice));
  if (!joined) return sk_thrown(reader->isolate);
  return sk_join(reader, "; ", joined) && add_edit(reader->isolate, sk_literal("cookie"), joined, joined->count ? 1 : 0);
}

bool sk_edit_response_cookies(sk_reader *reader) {
  sk_isolate *isolate = reader->isolate;
  const sk_set *set = &isolate->sets[reader->id];
  size_t room = set->count, count = 0;
  for (uint32_t i = 0; i < reader->count; i++) room += reader->names[i].count;
  sk_slice *lines = js_malloc(isolate->context, (room + 1) * sizeof(sk_slice));
  if (!lines) return sk_thrown(isolate);
  for (uint32_t i = 0; i < reader->count; i++) {
    const sk_name *name = &reader->names[i];
    for (uint32_t k = 0; name->changed && k < name->count; k++) {
      const sk_value *value = &name->values[k];
      sk_growing line = {.context = isolate->context};
      bool room = append_pair(&line, "", name->name, value->value) &&
          (!value->attributes.count || (sk_append(&line, sk_literal("; ")) && sk_append(&line, value->attributes)));
      if (!room) return sk_thrown(isolate);
      lines[count++] = line.text;
    }
    if (name->changed) continue;
    for (uint32_t at = name->item, more = 1; more; at = set->items[at].next, more = at != 0)
      lines[count++] = set->items[at].raw;
  }
  return add_edit(isolate, sk_literal("set-cookie"), lines, count);
}
