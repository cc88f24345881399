// Events given as JSON: `skerry invoke` and `skerry test` show a function the event as it is written, so that what it lacks is
// undefined, and ask for everything the function returned, not only for what it changed (spec/cloudfront-functions.md section 12).
// Both steps may be abandoned like a run.
#include "internal.h"

void sk_read_document(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  sk_slice text = isolate->event->document;
  JS_UpdateStackTop(isolate->runtime);
  JSValue event = JS_ParseJSON(context, (const char *)text.bytes, text.count, "event");
  JSValue request = JS_IsObject(event) ? JS_GetPropertyStr(context, event, "request") : JS_UNDEFINED;
  if (JS_IsObject(request) && isolate->limits.runtime == SK_RUNTIME_2_0) {
    JSValue function = JS_NewCFunction(context, sk_raw_query_string, "rawQueryString", 0);
    if (JS_DefinePropertyValueStr(context, request, "rawQueryString", function, JS_PROP_CONFIGURABLE | JS_PROP_WRITABLE) < 0)
      event = JS_EXCEPTION;
  }
  if (JS_IsException(event)) sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
  isolate->argument = event;
}

/// A new object with the members that CloudFront knows, in the order of its own output. JS_EXCEPTION: a getter threw.
static JSValue known_members(sk_isolate *isolate) {
  static const char *const request[] = {"headers", "method", "querystring", "uri", "cookies", NULL};
  static const char *const response[] = {"headers", "statusDescription", "cookies", "statusCode", "body", NULL};
  JSContext *context = isolate->context;
  JSValue object = JS_NewObject(context);
  for (const char *const *name = isolate->result.outcome == SK_REQUEST ? request : response; *name; name++) {
    JSValue member = JS_GetPropertyStr(context, isolate->returned, *name);
    if (JS_IsException(member)) return member;
    if (!JS_IsUndefined(member) && JS_DefinePropertyValueStr(context, object, *name, member, JS_PROP_C_W_E) < 0) return JS_EXCEPTION;
  }
  return object;
}

void sk_write_output(sk_isolate *isolate) {
  JSContext *context = isolate->context;
  JS_UpdateStackTop(isolate->runtime);
  JSValue object = known_members(isolate);
  JSValue json = JS_IsException(object) ? object : JS_JSONStringify(context, object, JS_UNDEFINED, JS_UNDEFINED);
  if (JS_IsException(json) || !sk_text_of(context, json, &isolate->result.output)) sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
}
