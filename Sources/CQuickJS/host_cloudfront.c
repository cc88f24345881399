// The module `cloudfront` of spec/cloudfront-functions.md section 10, runtime 2.0: key-value stores, edgeLocation,
// logCustomData. The helpers that choose an origin are in host_origin.c.
//
// The module and what top-level code makes with it belong to the snapshot; a run's own store, location and log data
// are looked up when they are asked for.
#include "internal.h"

// --- Key-value stores (10.1)

/// What `cf.kvs()` gives: the store of the run, if it answers to the id.
typedef struct {
  bool named;
  sk_slice id;  // when named
} sk_handle;

/// An Error whose name and message are `code`, which is what functions compare with.
static JSValue throw_code(JSContext *context, const char *code) {
  JSValue error = JS_NewPlainError(context, "%s", code);
  if (JS_IsException(error) ||
      JS_DefinePropertyValueStr(context, error, "name", JS_NewString(context, code), JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) < 0)
    return JS_EXCEPTION;
  return JS_Throw(context, error);
}

static bool answers_to(const sk_store *store, const sk_handle *handle) {
  return store && (!handle->named || sk_store_answers_to(store, handle->id));
}

/// kvs([id]). Top-level code may run without a store, so there the id is checked when the handle is used.
static JSValue kvs(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_isolate *isolate = sk_isolate_of(context);
  sk_handle *handle = js_mallocz(context, sizeof *handle);
  if (!handle) return JS_EXCEPTION;
  if (count && !JS_IsUndefined(arguments[0])) {
    if (!JS_IsString(arguments[0])) return JS_ThrowTypeError(context, "the id of a key value store is a string");
    if (!sk_bytes_of(context, arguments[0], &handle->id)) return JS_EXCEPTION;
    handle->named = true;
  }
  sk_note(isolate, READ_STORE);
  if (isolate->event && !answers_to(isolate->store, handle)) return throw_code(context, "KVSNamespaceNotFound");
  JSValue object = JS_NewObjectClass(context, isolate->handle_class);
  if (!JS_IsException(object)) JS_SetOpaque(object, handle);
  return object;
}

static const char *const formats[] = {"string", "json", "bytes"};
typedef enum { FORMAT_STRING, FORMAT_JSON, FORMAT_BYTES, FORMATS } sk_format;

/// `{format}`; FORMATS: exception.
static sk_format read_format(JSContext *context, JSValueConst options) {
  JSValue format = JS_IsObject(options) ? JS_GetPropertyStr(context, options, "format") : JS_UNDEFINED;
  if (JS_IsUndefined(format)) return FORMAT_STRING;
  const char *name = JS_IsString(format) ? JS_ToCString(context, format) : NULL;
  int found = 0;
  while (name && found < FORMATS && strcmp(name, formats[found])) found++;
  if (name && found < FORMATS) return (sk_format)found;
  if (!JS_IsException(format)) JS_ThrowTypeError(context, "the format is one of string, json and bytes");
  return FORMATS;
}

static JSValue parsed_json(JSContext *context, sk_slice text) {
  char *copy = js_malloc(context, text.count + 1);  // the parser wants a zero behind it
  if (!copy) return JS_EXCEPTION;
  if (text.count) memcpy(copy, text.bytes, text.count);
  copy[text.count] = 0;
  return JS_ParseJSON(context, copy, text.count, "<value>");
}

static JSValue value_as(sk_isolate *isolate, sk_slice value, sk_format format) {
  switch (format) {
    case FORMAT_STRING: return sk_string_of_utf8(isolate->context, value);
    case FORMAT_JSON: return parsed_json(isolate->context, value);
    case FORMAT_BYTES: return sk_new_buffer(isolate, value);
    default: return JS_EXCEPTION;
  }
}

static JSValue meta(JSContext *context, const sk_store *store) {
  JSValue object = JS_NewObject(context);
  bool complete = !JS_IsException(object) &&
      JS_DefinePropertyValueStr(context, object, "creationDateTime", sk_string_of_utf8(context, sk_store_created(store)), JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValueStr(context, object, "lastUpdatedDateTime", sk_string_of_utf8(context, sk_store_modified(store)), JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValueStr(context, object, "keyCount", JS_NewInt64(context, (int64_t)sk_store_count(store)), JS_PROP_C_W_E) >= 0;
  return complete ? object : JS_EXCEPTION;
}

enum { READ_GET, READ_EXISTS, READ_META, READ_COUNT };

/// What a handle's method gives, before it becomes a promise.
static JSValue answer(sk_isolate *isolate, JSValueConst this_value, int count, JSValueConst *arguments, int what) {
  JSContext *context = isolate->context;
  const sk_handle *handle = JS_GetOpaque2(context, this_value, isolate->handle_class);
  const sk_store *store = isolate->store;
  sk_note(isolate, READ_STORE);
  if (!handle) return JS_EXCEPTION;
  if (!answers_to(store, handle)) return throw_code(context, "KVSNamespaceNotFound");
  if (what == READ_META) return meta(context, store);
  if (what == READ_COUNT) return JS_NewInt64(context, (int64_t)sk_store_count(store));
  sk_slice key, value;
  if (!JS_IsString(arguments[0])) return JS_ThrowTypeError(context, "the key is a string");
  sk_format format = what == READ_GET && count > 1 ? read_format(context, arguments[1]) : FORMAT_STRING;
  if (format == FORMATS || !sk_bytes_of(context, arguments[0], &key)) return JS_EXCEPTION;
  bool found = sk_store_find(store, key, &value);
  if (what == READ_EXISTS) return JS_NewBool(context, found);
  return found ? value_as(isolate, value, format) : throw_code(context, "KeyNotFound");
}

/// A handle's methods give promises that are settled at once.
static JSValue read_store(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments, int what) {
  sk_isolate *isolate = sk_isolate_of(context);
  isolate->store_reads++;
  JSValue value = answer(isolate, this_value, count, arguments, what);
  bool failed = JS_IsException(value);
  if (failed) {
    isolate->store_read_errors++;
    value = JS_GetException(context);
  }
  return JS_NewSettledPromise(context, failed, value);
}

static bool add_handles(sk_isolate *isolate) {
  static const JSClassDef class = {.class_name = "KeyValueStore"};
  static const JSCFunctionListEntry methods[] = {
      JS_CFUNC_MAGIC_DEF("get", 1, read_store, READ_GET), JS_CFUNC_MAGIC_DEF("exists", 1, read_store, READ_EXISTS),
      JS_CFUNC_MAGIC_DEF("meta", 0, read_store, READ_META), JS_CFUNC_MAGIC_DEF("count", 0, read_store, READ_COUNT)};
  JSContext *context = isolate->context;
  // As for hashes (host_crypto.c): a module made during a run takes its class number again after the restore.
  isolate->handle_class = 0;
  JS_NewClassID(isolate->runtime, &isolate->handle_class);
  JSValue prototype = JS_NewObject(context);
  if (JS_IsException(prototype) || JS_NewClass(isolate->runtime, isolate->handle_class, &class) ||
      JS_SetPropertyFunctionList(context, prototype, methods, sizeof methods / sizeof methods[0]))
    return false;
  JS_SetClassProto(context, isolate->handle_class, prototype);
  return true;
}

// --- The rest of the module (10.3)

/// edgeLocation: where the run takes place; empty outside of viewer requests.
static JSValue edge_location(JSContext *context, JSValueConst this_value) {
  (void)this_value;
  sk_isolate *isolate = sk_isolate_of(context);
  const sk_event *event = isolate->event;
  sk_note(isolate, READ_ELSE);
  JSValue object = JS_NewObject(context);
  if (JS_IsException(object) || !event || event->type != SK_VIEWER_REQUEST || !event->edge_name.bytes) return object;
  bool complete = JS_DefinePropertyValueStr(context, object, "name", sk_string(context, event->edge_name), JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValueStr(context, object, "serverIp", sk_string(context, event->edge_server_ip), JS_PROP_C_W_E) >= 0 &&
      JS_DefinePropertyValueStr(context, object, "region", sk_string(context, event->edge_region), JS_PROP_C_W_E) >= 0;
  return complete ? object : JS_EXCEPTION;
}

/// How many bytes of UTF-8 text take at most SK_LOG_DATA_MAX when URL-encoded; no character is cut.
static size_t fitting(sk_slice text) {
  size_t fits = 0, encoded = 0;
  for (size_t i = 0; i < text.count; i++) {
    uint8_t c = text.bytes[i];
    if ((c & 0xc0) != 0x80) fits = i;
    bool plain = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || (c && strchr("-_.!~*'()", c));
    if ((encoded += plain ? 1 : 3) > SK_LOG_DATA_MAX) return fits;
  }
  return text.count;
}

/// logCustomData(text): the last call counts; what is too long is cut.
static JSValue log_custom_data(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  sk_isolate *isolate = sk_isolate_of(context);
  sk_slice text;
  if (!isolate->event) return JS_ThrowTypeError(context, "logCustomData can be called while the handler runs only");
  if (!JS_IsString(arguments[0])) return JS_ThrowTypeError(context, "logCustomData takes a string");
  if (!sk_bytes_of(context, arguments[0], &text)) return JS_EXCEPTION;
  size_t bytes = fitting(text);
  isolate->log_data_count = 0;
  if (bytes) memcpy(isolate->log_data, text.bytes, bytes);
  isolate->log_data_count = (uint32_t)bytes;  // last: a run may be abandoned in between
  return JS_UNDEFINED;
}

static JSValue distribution_tenant(JSContext *context, JSValueConst this_value) {
  (void)this_value;  // as on a standard distribution
  return JS_ThrowTypeError(context, "distributionTenant module is not available");
}

static JSValue web_token(JSContext *context, JSValueConst this_value) {
  (void)this_value;
  return JS_ThrowTypeError(context, "cwt is not available in Skerry");
}

JSValue sk_make_cloudfront(sk_isolate *isolate) {
  static const JSCFunctionListEntry members[] = {
      JS_CFUNC_DEF("kvs", 0, kvs), JS_CFUNC_DEF("logCustomData", 1, log_custom_data),
      JS_CGETSET_DEF("edgeLocation", edge_location, NULL),
      JS_CGETSET_DEF("distributionTenant", distribution_tenant, NULL), JS_CGETSET_DEF("cwt", web_token, NULL)};
  JSContext *context = isolate->context;
  JSValue module = JS_NewObject(context);
  if (JS_IsException(module) || !add_handles(isolate) || !sk_add_origin_helpers(context, module) ||
      JS_SetPropertyFunctionList(context, module, members, sizeof members / sizeof members[0]))
    return JS_EXCEPTION;
  return module;
}
