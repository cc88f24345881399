// The event object of spec/cloudfront-functions.md section 2. Its skeleton is part of the snapshot; what it holds is
// filled on first access, and what a function never looked at is never parsed and never read back.
#include "internal.h"

enum { NAME_BUFFER = 128 };

static bool define_lazy(JSContext *context, JSValueConst object, JSAtom name, uint32_t kind, uint32_t index) {
  return JS_DefineHostLazy(context, object, name, sk_lazy_opaque(kind, index), JS_PROP_C_W_E) >= 0;
}

static bool define_lazy_named(JSContext *context, JSValueConst object, const char *name, uint32_t kind) {
  JSAtom atom = JS_NewAtom(context, name);
  return atom != JS_ATOM_NULL && define_lazy(context, object, atom, kind, 0);
}

/// A header's name in lower case (ASCII letters only; spec 2.3), or its beginning: no name that has a meaning here is as long as the buffer.
static sk_slice in_lower_case(sk_slice name, uint8_t buffer[NAME_BUFFER]) {
  size_t count = name.count < NAME_BUFFER ? name.count : NAME_BUFFER;
  for (size_t i = 0; i < count; i++) {
    uint8_t c = name.bytes[i];
    buffer[i] = (uint8_t)(c + (((unsigned)c - 'A' < 26) << 5));
  }
  return (sk_slice){buffer, count};
}

/// The atom of a name, or of a long one in lower case.
static JSAtom name_atom(JSContext *context, sk_slice name, bool lower) {
  if (!lower && sk_is_ascii(name)) return JS_NewAtomLen(context, (const char *)name.bytes, name.count);
  uint8_t *copy = js_malloc(context, name.count + 1);
  if (!copy) return JS_ATOM_NULL;
  for (size_t i = 0; i < name.count; i++) {
    uint8_t c = name.bytes[i];
    copy[i] = lower && c >= 'A' && c <= 'Z' ? c + 32 : c;
  }
  JSValue text = sk_string(context, (sk_slice){copy, name.count});
  js_free(context, copy);
  if (JS_IsException(text)) return JS_ATOM_NULL;
  JSAtom atom = JS_ValueToAtom(context, text);
  JS_FreeValue(context, text);
  return atom;
}

/// The atom of a header's name, of which `lower` is the beginning in lower case.
static JSAtom header_atom(JSContext *context, sk_slice name, sk_slice lower) {
  if (lower.count < name.count || !sk_is_ascii(lower)) return name_atom(context, name, true);
  return JS_NewAtomLen(context, (const char *)lower.bytes, lower.count);
}

// --- Parsing sets

static bool equals_ignoring_case(sk_slice name, const char *lower) {
  size_t count = strlen(lower);
  if (name.count != count) return false;
  for (size_t i = 0; i < count; i++) {
    uint8_t c = name.bytes[i];
    if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != (uint8_t)lower[i]) return false;
  }
  return true;
}

static sk_slice trimmed(const uint8_t *start, const uint8_t *end) {
  while (start < end && (*start == ' ' || *start == '\t')) start++;
  while (end > start && (end[-1] == ' ' || end[-1] == '\t')) end--;
  return (sk_slice){start, (size_t)(end - start)};
}

/// Splits `raw` at its first `=`: the name, and what follows (empty when there is none).
static sk_item split_pair(sk_slice raw) {
  const uint8_t *equals = raw.count ? memchr(raw.bytes, '=', raw.count) : NULL;
  sk_item item = {.raw = raw, .name = raw, .value = {raw.bytes + raw.count, 0}};
  if (equals) {
    item.name.count = (size_t)(equals - raw.bytes);
    item.value = (sk_slice){equals + 1, raw.count - item.name.count - 1};
  }
  return item;
}

static uint32_t pieces_in(sk_slice text, uint8_t separator) {
  uint32_t pieces = 1;
  for (size_t i = 0; i < text.count; i++) pieces += text.bytes[i] == separator;
  return pieces;
}

/// Appends the pieces of `text` as name=value items; empty pieces are left out.
static void split_into(sk_set *set, sk_slice text, uint8_t separator, bool trim) {
  const uint8_t *at = text.bytes, *end = text.bytes + text.count;
  while (at < end) {
    const uint8_t *stop = memchr(at, separator, (size_t)(end - at));
    if (!stop) stop = end;
    sk_slice piece = trim ? trimmed(at, stop) : (sk_slice){at, (size_t)(stop - at)};
    if (piece.count) set->items[set->count++] = split_pair(piece);
    at = stop + 1;
  }
}

static sk_item split_set_cookie(sk_slice line) {
  const uint8_t *end = line.bytes + line.count;
  const uint8_t *semicolon = line.count ? memchr(line.bytes, ';', line.count) : NULL;
  sk_item item = split_pair(trimmed(line.bytes, semicolon ? semicolon : end));
  item.raw = line;
  item.attributes = semicolon ? trimmed(semicolon + 1, end) : (sk_slice){end, 0};
  return item;
}

/// Allocates room for the set's items and parses them; names get no atoms yet. False: exception.
static bool parse_set(sk_isolate *isolate, sk_set_id id) {
  const sk_event *event = isolate->event;
  sk_set *set = &isolate->sets[id];
  bool request = id == SET_REQUEST_HEADERS || id == SET_REQUEST_COOKIES;
  const sk_field *fields = request ? event->request_headers : event->response_headers;
  size_t field_count = request ? event->request_header_count : event->response_header_count;
  uint32_t room = 0;
  sk_note(isolate, id == SET_QUERY ? READ_QUERY : request ? READ_REQUEST_NAMES : READ_RESPONSE_NAMES);
  if (id == SET_QUERY) room = event->query.count ? pieces_in(event->query, '&') : 0;
  if (id != SET_QUERY) room = (uint32_t)field_count;
  if (id == SET_REQUEST_COOKIES)
    for (size_t i = 0; i < field_count; i++)
      if (equals_ignoring_case(fields[i].name, "cookie")) room += pieces_in(fields[i].value, ';');
  set->count = 0;
  set->items = room ? js_malloc(isolate->context, room * sizeof(sk_item)) : NULL;
  if (room && !set->items) return false;
  if (id == SET_QUERY) {
    if (room) split_into(set, event->query, '&', false);
    return true;
  }
  for (size_t i = 0; i < field_count; i++) {
    const sk_field *field = &fields[i];
    switch (id) {
      case SET_REQUEST_COOKIES:
        if (!equals_ignoring_case(field->name, "cookie")) break;
        sk_note_value(isolate, false, (uint32_t)i);
        split_into(set, field->value, ';', true);
        break;
      case SET_RESPONSE_COOKIES:
        if (!equals_ignoring_case(field->name, "set-cookie")) break;
        sk_note_value(isolate, true, (uint32_t)i);
        set->items[set->count++] = split_set_cookie(field->value);
        break;
      default:
        set->items[set->count++] = (sk_item){.name = field->name, .value = field->value, .raw = field->value};
    }
  }
  return true;
}

/// Whether a function may see this header (spec 2.3, 2.4 and 6); its name in lower case. `verbatim`: it was shown even those it should not see.
static bool is_visible(sk_set_id id, sk_slice lower, bool verbatim) {
  if (sk_same(lower, id == SET_REQUEST_HEADERS ? sk_literal("cookie") : sk_literal("set-cookie"))) return false;
  return verbatim || (lower.count && !sk_header_is_disallowed(lower));
}

JSValue sk_set_object(sk_isolate *isolate, sk_set_id id) {
  JSContext *context = isolate->context;
  sk_set *set = &isolate->sets[id];
  bool headers = id == SET_REQUEST_HEADERS || id == SET_RESPONSE_HEADERS;
  bool verbatim = isolate->event->document.bytes;  // the function was shown every name, as it is written there
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object)) return JS_EXCEPTION;
  if (set->built) {  // by the read-back, in which a getter first looks at it: what is noted in the items stays
    for (uint32_t i = 0; i < set->count; i++)
      if (set->items[i].first && !define_lazy(context, object, set->items[i].atom, LAZY_ITEM + id, i)) return JS_EXCEPTION;
    return object;
  }
  if (!parse_set(isolate, id)) return JS_EXCEPTION;
  for (uint32_t i = 0; i < set->count; i++) {
    sk_item *item = &set->items[i];
    item->atom = JS_ATOM_NULL;
    item->next = item->last = 0;
    item->first = item->seen = false;
    uint8_t buffer[NAME_BUFFER];
    sk_slice lower = headers ? in_lower_case(item->name, buffer) : item->name;
    if (headers && !is_visible(id, lower, verbatim)) continue;
    item->atom = headers && !verbatim ? header_atom(context, item->name, lower) : name_atom(context, item->name, false);
    if (item->atom == JS_ATOM_NULL) return JS_EXCEPTION;
    void *opaque;
    if (JS_GetHostProperty(object, item->atom, &opaque) == JS_HOST_PROPERTY_LAZY) {
      sk_item *first = &set->items[sk_lazy_index(opaque)];
      set->items[first->last].next = i;
      first->last = i;
    } else {
      item->first = true;
      item->last = i;
      if (!define_lazy(context, object, item->atom, LAZY_ITEM + id, i)) return JS_EXCEPTION;
    }
  }
  set->built = true;
  return object;
}

// --- Values

static bool put(JSContext *context, JSValueConst object, JSAtom name, JSValue value) {
  return !JS_IsException(value) && JS_DefinePropertyValue(context, object, name, value, JS_PROP_C_W_E) >= 0;
}

static bool put_text(JSContext *context, JSValueConst object, const char *name, sk_slice text) {
  if (!text.bytes) return true;
  JSAtom atom = JS_NewAtom(context, name);
  return atom != JS_ATOM_NULL && put(context, object, atom, sk_string(context, text));
}

/// `{value}`, or `{value, attributes}` for a response cookie.
static JSValue occurrence(sk_isolate *isolate, sk_set_id id, const sk_item *item) {
  JSContext *context = isolate->context;
  if (id == SET_REQUEST_HEADERS || id == SET_RESPONSE_HEADERS)
    sk_note_value(isolate, id == SET_RESPONSE_HEADERS, (uint32_t)(item - isolate->sets[id].items));
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object) || !put(context, object, isolate->atoms.value, sk_string(context, item->value)))
    return JS_EXCEPTION;
  if (id == SET_RESPONSE_COOKIES &&
      !put(context, object, isolate->atoms.attributes, sk_string(context, item->attributes)))
    return JS_EXCEPTION;
  return object;
}

static JSValue item_value(sk_isolate *isolate, sk_set_id id, uint32_t index) {
  JSContext *context = isolate->context;
  const sk_item *items = isolate->sets[id].items;
  JSValue object = occurrence(isolate, id, &items[index]);
  if (JS_IsException(object) || !items[index].next) return object;
  JSValue all = JS_NewArray(context);
  if (JS_IsException(all)) return JS_EXCEPTION;
  uint32_t position = 0, at = index;
  do {
    JSValue one = occurrence(isolate, id, &items[at]);
    if (JS_IsException(one) || JS_DefinePropertyValueUint32(context, all, position++, one, JS_PROP_C_W_E) < 0)
      return JS_EXCEPTION;
    at = items[at].next;
  } while (at);
  return put(context, object, isolate->atoms.multi_value, all) ? object : JS_EXCEPTION;
}

static JSValue context_value(JSContext *context, const sk_event *event) {
  static const char *const types[] = {"viewer-request", "viewer-response"};
  const char *type = types[event->type];
  JSValue object = JS_NewObject(context);
  bool complete = !JS_IsException(object) &&
      put_text(context, object, "distributionDomainName", event->distribution_domain) &&
      put_text(context, object, "distributionId", event->distribution_id) &&
      put_text(context, object, "eventType", (sk_slice){(const uint8_t *)type, strlen(type)}) &&
      put_text(context, object, "requestId", event->request_id);
  return complete ? object : JS_EXCEPTION;
}

static JSValue viewer_value(JSContext *context, const sk_event *event) {
  JSValue object = JS_NewObject(context);
  return !JS_IsException(object) && put_text(context, object, "ip", event->viewer_ip) ? object : JS_EXCEPTION;
}

JSValue js_host_lazy_value(JSContext *context, JSAtom atom, void *opaque) {
  (void)atom;
  sk_isolate *isolate = sk_isolate_of(context);
  uint32_t kind = sk_lazy_kind(opaque), index = sk_lazy_index(opaque);
  if (kind >= LAZY_MODULE) return JS_DupValue(context, sk_module_object(isolate, (sk_module)index));
  const sk_event *event = isolate->event;
  if (!event) return JS_UNDEFINED;  // top-level code cannot reach the event
  if (kind >= LAZY_ITEM) return item_value(isolate, (sk_set_id)(kind - LAZY_ITEM), index);
  if (kind >= LAZY_SET) return sk_set_object(isolate, (sk_set_id)(kind - LAZY_SET));
  switch ((sk_lazy)kind) {
    case LAZY_CONTEXT: return sk_note(isolate, READ_ELSE), context_value(context, event);
    case LAZY_VIEWER: return sk_note(isolate, READ_VIEWER), viewer_value(context, event);
    case LAZY_METHOD: return sk_note(isolate, READ_METHOD), sk_string(context, event->method);
    case LAZY_URI: return sk_note(isolate, READ_URI), sk_string(context, event->uri);
    case LAZY_STATUS: return sk_note(isolate, READ_STATUS), JS_NewInt32(context, event->status);
    case LAZY_STATUS_DESCRIPTION: return sk_note(isolate, READ_DESCRIPTION), sk_string(context, event->status_description);
    default: return JS_UNDEFINED;
  }
}

// --- Skeleton

JSValue sk_raw_query_string(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count, (void)arguments;
  sk_isolate *isolate = sk_isolate_of(context);
  const sk_event *event = isolate->event;
  sk_note(isolate, READ_QUERY);
  return event && event->has_query ? sk_string(context, event->query) : JS_UNDEFINED;
}

static JSValue request_skeleton(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  JSValue request = JS_NewObject(context);
  bool complete = !JS_IsException(request) && define_lazy(context, request, isolate->atoms.method, LAZY_METHOD, 0) &&
      define_lazy(context, request, isolate->atoms.uri, LAZY_URI, 0) &&
      define_lazy(context, request, isolate->atoms.querystring, LAZY_SET + SET_QUERY, 0) &&
      define_lazy(context, request, isolate->atoms.headers, LAZY_SET + SET_REQUEST_HEADERS, 0) &&
      define_lazy(context, request, isolate->atoms.cookies, LAZY_SET + SET_REQUEST_COOKIES, 0);
  if (complete && isolate->limits.runtime == SK_RUNTIME_2_0) {
    JSValue function = JS_NewCFunction(context, sk_raw_query_string, "rawQueryString", 0);
    complete = JS_DefinePropertyValueStr(context, request, "rawQueryString", function, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) >= 0;
  }
  return complete ? request : JS_EXCEPTION;
}

static JSValue response_skeleton(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  const sk_atoms *atoms = &isolate->atoms;
  JSValue response = JS_NewObject(context);
  bool complete = !JS_IsException(response) && define_lazy(context, response, atoms->status_code, LAZY_STATUS, 0) &&
      define_lazy(context, response, atoms->status_description, LAZY_STATUS_DESCRIPTION, 0) &&
      define_lazy(context, response, atoms->headers, LAZY_SET + SET_RESPONSE_HEADERS, 0) &&
      define_lazy(context, response, atoms->cookies, LAZY_SET + SET_RESPONSE_COOKIES, 0);
  return complete ? response : JS_EXCEPTION;
}

JSValue sk_event_skeleton(sk_isolate *isolate, sk_event_type type) {
  JSContext *context = isolate->context;
  JSValue event = JS_NewObject(context);
  if (JS_IsException(event) ||
      JS_DefinePropertyValueStr(context, event, "version", JS_NewString(context, "1.0"), JS_PROP_C_W_E) < 0 ||
      !define_lazy_named(context, event, "context", LAZY_CONTEXT) ||
      !define_lazy_named(context, event, "viewer", LAZY_VIEWER))
    return JS_EXCEPTION;
  JSValue request = request_skeleton(isolate);
  if (JS_IsException(request) || JS_DefinePropertyValueStr(context, event, "request", request, JS_PROP_C_W_E) < 0)
    return JS_EXCEPTION;
  if (type == SK_VIEWER_RESPONSE) {
    JSValue response = response_skeleton(isolate);
    if (JS_IsException(response) || JS_DefinePropertyValueStr(context, event, "response", response, JS_PROP_C_W_E) < 0)
      return JS_EXCEPTION;
  }
  return event;
}
