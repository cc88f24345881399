// Globals of spec/cloudfront-functions.md section 9: console and require are added, and what a run must not have is
// taken away (9.4; design/rewrite-engine.md rules 4 and 7).
#include "internal.h"

// --- console

/// Adds a line of the texts with spaces between them. What goes beyond SK_LOG_MAX is cut at a character (spec section 7).
static void add_line(sk_log *log, const sk_slice *texts, int count) {
  if (log->count == SK_LOG_LINES_MAX || log->used == SK_LOG_MAX) return;
  uint32_t used = log->used;
  for (int i = 0; i < count; i++) {
    if (i && used < SK_LOG_MAX) log->text[used++] = ' ';
    size_t length = sk_whole_characters(texts[i], SK_LOG_MAX - used);
    memcpy(log->text + used, texts[i].bytes, length);
    sk_replace_surrogates(log->text + used, length);
    used += (uint32_t)length;
  }
  log->ends[log->count] = log->used = used;
  log->count++;  // last: a run may be abandoned in between
}

/// Objects as JSON, everything else as String() has it.
static JSValue text_for_log(JSContext *context, JSValueConst value) {
  if (JS_IsObject(value) && !JS_IsFunction(context, value) && !JS_IsError(value)) {
    JSValue json = JS_JSONStringify(context, value, JS_UNDEFINED, JS_UNDEFINED);
    if (!JS_IsUndefined(json)) return json;
  }
  if (JS_IsSymbol(value)) return JS_NewString(context, "Symbol()");
  return JS_ToString(context, value);
}

static JSValue console_log(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_log *log = &sk_isolate_of(context)->log;
  if (log->count == SK_LOG_LINES_MAX || log->used == SK_LOG_MAX) return JS_UNDEFINED;
  // Texts first, the log then: making a text runs user code, which may write lines of its own.
  sk_slice *texts = js_malloc(context, ((size_t)count + 1) * sizeof(sk_slice));
  if (!texts) return JS_EXCEPTION;
  for (int i = 0; i < count; i++) {
    JSValue value = text_for_log(context, arguments[i]);
    const char *text = JS_IsException(value) ? NULL : JS_ToCStringLen(context, &texts[i].count, value);
    if (!text) return JS_EXCEPTION;
    texts[i].bytes = (const uint8_t *)text;
    JS_FreeValue(context, value);
  }
  add_line(log, texts, count);
  for (int i = 0; i < count; i++) JS_FreeCString(context, (const char *)texts[i].bytes);
  js_free(context, texts);
  return JS_UNDEFINED;
}

// --- Modules

JSValue sk_module_object(sk_isolate *isolate, sk_module module) {
  static JSValue (*const makers[MODULES])(sk_isolate *) = {
      sk_make_crypto, sk_make_querystring, sk_make_buffer, sk_make_cloudfront, sk_make_text_encoder, sk_make_text_decoder};
  sk_modules *modules = &isolate->modules;
  if (!modules->made[module]) {
    JSValue object = makers[module](isolate);
    if (JS_IsException(object)) return object;
    modules->objects[module] = object;
    modules->made[module] = true;
  }
  return modules->objects[module];
}

static JSValue require(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  static const char *const names[] = {"crypto", "querystring", "buffer", "cloudfront"};
  sk_isolate *isolate = sk_isolate_of(context);
  const char *name = JS_ToCString(context, count ? arguments[0] : JS_UNDEFINED);
  if (!name) return JS_EXCEPTION;
  for (int i = 0; i <= MODULE_CLOUDFRONT; i++) {
    if (strcmp(name, names[i])) continue;
    if (i == MODULE_CLOUDFRONT && isolate->limits.runtime != SK_RUNTIME_2_0)
      return JS_ThrowTypeError(context, "the module 'cloudfront' needs cloudfront-js-2.0");
    JSValue object = JS_DupValue(context, sk_module_object(isolate, (sk_module)i));
    if (i != MODULE_BUFFER || JS_IsException(object)) return object;
    JSValue buffer_module = JS_NewObject(context);
    JS_DefinePropertyValueStr(context, buffer_module, "Buffer", object, JS_PROP_C_W_E);
    return buffer_module;
  }
  return JS_ThrowTypeError(context, "cannot find module '%s'", name);
}

// --- Globals

static bool define_function(JSContext *context, JSValueConst object, const char *name, JSCFunction *function, int arguments) {
  JSValue value = JS_NewCFunction(context, function, name, arguments);
  return JS_DefinePropertyValueStr(context, object, name, value, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) >= 0;
}

/// What only runtime 1.0 has: byte strings, and MemoryError (9.2).
static bool add_old_globals(sk_isolate *isolate) {
  static const char memory_error[] =
      "Object.defineProperty(globalThis,'MemoryError',{value:class MemoryError extends InternalError{},writable:true,configurable:true});"
      "Object.defineProperty(MemoryError.prototype,'name',{value:'MemoryError',writable:true,configurable:true})";
  JSValue done = JS_Eval(isolate->context, memory_error, sizeof memory_error - 1, "<globals>", JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT);
  return !JS_IsException(done) && sk_add_byte_strings(isolate);
}

bool sk_install_globals(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  JSValue global = JS_GetGlobalObject(context), console = JS_NewObject(context);
  static const char *const removed[] = {"eval", "Atomics", "SharedArrayBuffer", "queueMicrotask", "DOMException"};
  for (size_t i = 0; i < sizeof removed / sizeof removed[0]; i++)
    if (JS_DeleteProperty(context, global, JS_NewAtom(context, removed[i]), 0) < 0) return false;
  isolate->uint8_array = JS_GetPropertyStr(context, global, "Uint8Array");
  static const char *const levels[] = {"log", "error", "warn", "info", "debug"};
  for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
    if (!define_function(context, console, levels[i], console_log, 1)) return false;
  static const struct { const char *name; sk_module module; } lazy[] = {
      {"Buffer", MODULE_BUFFER}, {"TextEncoder", MODULE_TEXT_ENCODER}, {"TextDecoder", MODULE_TEXT_DECODER}};
  bool modern = isolate->limits.runtime == SK_RUNTIME_2_0;
  for (size_t i = 0; modern && i < sizeof lazy / sizeof lazy[0]; i++)
    if (JS_DefineHostLazy(context, global, JS_NewAtom(context, lazy[i].name), sk_lazy_opaque(LAZY_MODULE, lazy[i].module),
            JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) < 0)
      return false;
  return define_function(context, global, "require", require, 1) &&
      JS_DefinePropertyValueStr(context, global, "console", console, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) >= 0 &&
      (modern || add_old_globals(isolate));
}
