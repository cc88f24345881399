// What a handler returned, checked by spec/cloudfront-functions.md sections 3, 4 and 5 and read back. Only what was
// touched is looked at; all of it is inside the run's limits.
#include "readback.h"

enum {
  STATUS_MIN = 200,     // an interim response cannot be final
  STATUS_MAX = 599,
};

// --- Requests

/// A property of the returned object: `*lazy` when it is still the event's own and was never looked at.
static bool part(sk_isolate *isolate, JSValueConst object, JSAtom name, uint32_t kind, JSValue *value, bool *lazy) {
  void *opaque = NULL;
  *lazy = JS_GetHostProperty(object, name, &opaque) == JS_HOST_PROPERTY_LAZY && sk_lazy_kind(opaque) == kind;
  if (*lazy) return true;
  *value = JS_GetProperty(isolate->context, object, name);
  return !JS_IsException(*value) || sk_thrown(isolate);
}

static bool read_method(sk_isolate *isolate, JSValueConst request) {
  JSValue method;
  bool lazy;
  sk_slice text;
  if (!part(isolate, request, isolate->atoms.method, LAZY_METHOD, &method, &lazy)) return false;
  if (lazy || JS_IsUndefined(method)) return true;
  sk_note(isolate, READ_METHOD);
  if (!JS_IsString(method)) return sk_invalid(isolate, "request.method", " is read-only");
  if (!sk_text_of(isolate->context, method, &text)) return sk_thrown(isolate);
  return sk_is_unchanged(isolate->context, text, isolate->event->method) || sk_invalid(isolate, "request.method", " is read-only");
}

static bool read_uri(sk_isolate *isolate, JSValueConst request) {
  JSValue uri;
  bool lazy;
  sk_slice text;
  sk_result *result = &isolate->result;
  if (!part(isolate, request, isolate->atoms.uri, LAZY_URI, &uri, &lazy)) return false;
  if (lazy || (JS_IsUndefined(uri) && !isolate->event->uri.bytes)) return true;  // a document may have none
  if (!JS_IsString(uri)) return sk_invalid(isolate, "request.uri", " must be a string");
  if (!sk_text_of(isolate->context, uri, &text)) return sk_thrown(isolate);
  sk_note(isolate, READ_URI);
  if (sk_is_unchanged(isolate->context, text, isolate->event->uri)) return true;
  if (!text.count || text.bytes[0] != '/') return sk_invalid(isolate, "request.uri", " must begin with /");
  if (!sk_is_clean(text, REFUSE_SPACE | REFUSE_HASH | REFUSE_QUESTION))
    return sk_invalid(isolate, "request.uri", " must have no spaces, control characters, ? or #");
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
    sk_note(isolate, READ_QUERY);
    if (!sk_text_of(isolate->context, query, &text)) return sk_thrown(isolate);
    if (isolate->event->has_query && sk_is_unchanged(isolate->context, text, isolate->event->query)) return true;
    if (!sk_is_clean(text, REFUSE_SPACE | REFUSE_HASH))
      return sk_invalid(isolate, "request.querystring", " must have no spaces, control characters or #");
  } else {
    if (!sk_read_set(&reader, query)) return false;
    if (!reader.any_changed) return true;
    if (!sk_join(&reader, "&", &text)) return false;
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
  return lazy || (sk_read_set(&reader, headers) && sk_edit_headers(&reader));
}

static bool read_cookies(sk_isolate *isolate, JSValueConst object, sk_set_id id, const char *label) {
  JSValue cookies;
  bool lazy;
  sk_reader reader = {.isolate = isolate, .id = id, .label = label};
  if (!part(isolate, object, isolate->atoms.cookies, LAZY_SET + id, &cookies, &lazy)) return false;
  if (lazy) return true;
  if (!sk_read_set(&reader, cookies)) return false;
  if (!reader.any_changed) return true;
  return id == SET_REQUEST_COOKIES ? sk_edit_request_cookies(&reader) : sk_edit_response_cookies(&reader);
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
  if ((result->uri_changed || result->query_changed) && sk_is_long_url(result))
    return sk_invalid(isolate, "request.uri", " and query must be shorter than 8192 characters");
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
  sk_note(isolate, READ_STATUS);
  if (!JS_IsNumber(value) || JS_ToFloat64(isolate->context, &number, value))
    return sk_invalid(isolate, "response.statusCode", " must be a number");
  if (!(number >= STATUS_MIN && number <= STATUS_MAX) || number != (double)(uint16_t)number)
    return sk_invalid(isolate, "response.statusCode", " must be a whole number from 200 to 599");
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
  if (!JS_IsString(value)) return sk_invalid(isolate, "response.statusDescription", " must be a string");
  if (!sk_text_of(isolate->context, value, &text)) return sk_thrown(isolate);
  if (!sk_is_clean(text, ALLOW_TAB)) return sk_invalid(isolate, "response.statusDescription", " must have no control characters");
  isolate->result.status_description = text;
  return isolate->result.has_status_description = true;
}

/// `{encoding, data}` (spec section 4).
static bool read_encoded_body(sk_isolate *isolate, JSValueConst body) {
  JSContext *context = isolate->context;
  sk_slice encoding, data;
  JSValue encoding_value = JS_GetProperty(context, body, isolate->atoms.encoding);
  if (JS_IsException(encoding_value)) return sk_thrown(isolate);
  JSValue data_value = JS_GetProperty(context, body, isolate->atoms.data);
  if (JS_IsException(data_value)) return sk_thrown(isolate);
  if (!JS_IsString(data_value)) return sk_invalid(isolate, "response.body.data", " must be a string");
  if (!sk_text_of(context, data_value, &data)) return sk_thrown(isolate);
  isolate->result.body = data;
  if (JS_IsString(encoding_value)) {
    if (!sk_text_of(context, encoding_value, &encoding)) return sk_thrown(isolate);
    if (sk_same(encoding, sk_literal("text"))) return true;
    if (sk_same(encoding, sk_literal("base64"))) {
      uint8_t *bytes = js_malloc(context, data.count + 1);
      if (!bytes) return sk_thrown(isolate);
      isolate->result.body.bytes = bytes;
      return sk_decode_base64_strict(data, bytes, &isolate->result.body.count) ||
          sk_invalid(isolate, "response.body.data", " is not valid base64");
    }
  }
  return sk_invalid(isolate, "response.body.encoding", " must be \"text\" or \"base64\"");
}

static bool read_body(sk_isolate *isolate, JSValueConst response) {
  JSValue body = JS_GetProperty(isolate->context, response, isolate->atoms.body);
  if (JS_IsException(body)) return sk_thrown(isolate);
  if (JS_IsUndefined(body)) return true;
  isolate->result.has_body = true;
  if (JS_IsString(body)) return sk_text_of(isolate->context, body, &isolate->result.body) || sk_thrown(isolate);
  if (JS_IsObject(body)) return read_encoded_body(isolate, body);
  return sk_invalid(isolate, "response.body", " must be a string or an object with encoding and data");
}

static bool read_response(sk_isolate *isolate, JSValueConst response) {
  isolate->result.outcome = SK_RESPONSE;
  return read_status(isolate, response) && read_status_description(isolate, response) &&
      read_headers(isolate, response, SET_RESPONSE_HEADERS, "response.headers") &&
      read_cookies(isolate, response, SET_RESPONSE_COOKIES, "response.cookies") && read_body(isolate, response);
}

/// Reads it, whatever the function did wrong on the way.
static void read_returned(sk_isolate *isolate, JSValue returned) {
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
    sk_invalid(isolate, "the function returned an object without statusCode", ", not a response");
  } else if (read_request(isolate, returned)) {
    sk_check_origin(isolate, returned);
  }
  isolate->result.edits = isolate->edits;
}

void sk_read_result(sk_isolate *isolate, JSValue returned) {
  if (!isolate->misuse) read_returned(isolate, returned);
  // A wrong call of a helper counts wherever it was made: a getter's, just now, too.
  if (isolate->misuse) sk_fail(isolate, SK_VALIDATION_ERROR, SK_FAILURE_INVALID, isolate->misuse, (char *)NULL);
}
