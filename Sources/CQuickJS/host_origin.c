// The helpers of the module `cloudfront` that choose where a request goes (spec/cloudfront-functions.md 10.2): every
// parameter is checked here; what comes of it is a struct in the arena that the caller reads after the run.
//
// A wrong call throws nothing: the run ends as a validation error (502) after the handler has returned, so that no
// catch can hide it. Of several right calls the last one counts.
#include "parameters.h"

#include <stdio.h>

enum {
  NAME_MAX = 253, LABEL_MAX = 63,          // DNS names
  PATH_MAX_BYTES = 255,
  ID_MAX = 128,
  CERTIFICATE_NAMES_MAX = 20, CERTIFICATE_NAME_MAX = 64,
  HEADERS_MAX = 30, HEADER_NAME_MAX = 256, HEADER_VALUE_MAX = 1783, HEADERS_BYTES_MAX = 10240,  // request-pipeline.md 12
  STATUS_CODES_MAX = 9,
  COMPLETION_MAX = 86400,                  // seconds; AWS names no highest value
};

// --- Rules of texts

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }
static bool is_letter(uint8_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_label(sk_slice label) {
  for (size_t i = 0; i < label.count; i++) {
    uint8_t c = label.bytes[i];
    if (!is_letter(c) && !is_digit(c) && c != '-' && c != '_') return false;
  }
  return label.count > 0 && label.count <= LABEL_MAX;
}

/// Whether a name's last label makes resolvers take the whole for an IPv4 address: 127.1, 2130706433, 0x7f.1.
static bool is_numeric(sk_slice label) {
  bool hexadecimal = label.count > 1 && label.bytes[0] == '0' && (label.bytes[1] | 32) == 'x';
  for (size_t i = hexadecimal ? 2 : 0; i < label.count; i++) {
    uint8_t c = label.bytes[i];
    if (!is_digit(c) && !(hexadecimal && (c | 32) >= 'a' && (c | 32) <= 'f')) return false;
  }
  return true;
}

static const char dns_name_rule[] = "must be a DNS name of at most 253 characters, without port, and no IP address";

static bool is_dns_name(sk_slice name) {
  if (name.count && name.bytes[name.count - 1] == '.') name.count--;  // the root
  if (!name.count || name.count > NAME_MAX) return false;
  sk_slice label = {name.bytes, 0};
  for (size_t i = 0; i < name.count; i++) {
    if (name.bytes[i] != '.') {
      label.count++;
      continue;
    }
    if (!is_label(label)) return false;
    label = (sk_slice){name.bytes + i + 1, 0};
  }
  return is_label(label) && !is_numeric(label);
}

/// A DNS name whose first label may be `*`.
static bool is_certificate_name(sk_slice name) {
  if (name.count > CERTIFICATE_NAME_MAX) return false;
  if (name.count > 2 && name.bytes[0] == '*' && name.bytes[1] == '.') name = (sk_slice){name.bytes + 2, name.count - 2};
  return is_dns_name(name);
}

static const char path_rule[] = "must begin but not end with /, be URL-encoded and have at most 255 characters";

/// Empty (no path), or a path in its URL-encoded form.
static bool is_origin_path(sk_slice path) {
  if (!path.count) return true;
  if (path.count > PATH_MAX_BYTES || path.bytes[0] != '/' || path.bytes[path.count - 1] == '/') return false;
  for (size_t i = 0; i < path.count; i++)
    if (path.bytes[i] <= ' ' || path.bytes[i] >= 0x7f || path.bytes[i] == '?' || path.bytes[i] == '#') return false;
  return true;
}

static bool is_id(sk_slice id) { return id.count > 0 && id.count <= ID_MAX; }

static bool begins_with(sk_slice text, const char *prefix) {
  size_t count = strlen(prefix);
  return text.count >= count && !memcmp(text.bytes, prefix, count);
}

/// Whether an origin's custom headers may have this name (request-pipeline.md 12; what a function may not touch at all).
static bool is_custom_header_name(sk_slice name) {
  static const char *const exact[] = {"cache-control", "connection", "content-length", "cookie", "host", "max-forwards",
      "pragma", "range", "request-range", "te", "trailer", "transfer-encoding", "upgrade", "via", "x-real-ip",
      "cdn-loop", "x-forwarded-for"};
  static const char *const prefixes[] = {"if-", "proxy-", "x-amz-", "x-edge-"};
  if (name.count > HEADER_NAME_MAX || !sk_is_token(name) || sk_header_is_disallowed(name)) return false;
  for (size_t i = 0; i < name.count; i++)
    if (name.bytes[i] >= 'A' && name.bytes[i] <= 'Z') return false;
  for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
    if (name.count == strlen(exact[i]) && !memcmp(name.bytes, exact[i], name.count)) return false;
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (begins_with(name, prefixes[i])) return false;
  return true;
}

static bool is_custom_header_value(sk_slice value) {
  if (value.count > HEADER_VALUE_MAX) return false;
  for (size_t i = 0; i < value.count; i++)
    if ((value.bytes[i] < ' ' && value.bytes[i] != '\t') || value.bytes[i] == 0x7f) return false;
  return !value.count || (value.bytes[0] > ' ' && value.bytes[value.count - 1] > ' ');
}

// --- Parts that several calls have

static bool read_certificate_names(const sk_parameters *parameters, const sk_slice **names, size_t *count) {
  JSValue list;
  uint32_t given = 0;
  const char *name = "allowedCertificateNames";
  if (!sk_read_list(parameters, name, 0, CERTIFICATE_NAMES_MAX, &list, &given)) return false;
  if (!given) return true;
  sk_slice *texts = js_mallocz(parameters->context, given * sizeof *texts);
  if (!texts) return false;
  for (uint32_t i = 0; i < given; i++) {
    JSValue one = JS_GetPropertyUint32(parameters->context, list, i);
    if (JS_IsException(one) || (JS_IsString(one) && !sk_bytes_of(parameters->context, one, &texts[i]))) return false;
    if (!JS_IsString(one) || !is_certificate_name(texts[i]))
      return sk_wrong_parameter(parameters, name, "must be DNS names of at most 64 characters, which may begin with *.");
  }
  *names = texts;
  *count = given;
  return true;
}

/// `{hostHeader, sni, allowedCertificateNames}`.
static bool read_overrides(const sk_parameters *parameters, sk_origin_selection *selection) {
  return sk_read_text(parameters, "hostHeader", is_dns_name, dns_name_rule, &selection->host_header) &&
      sk_read_text(parameters, "sni", is_dns_name, dns_name_rule, &selection->sni) &&
      read_certificate_names(parameters, &selection->certificate_names, &selection->certificate_name_count);
}

// --- updateRequestOrigin

static bool read_custom_headers(const sk_parameters *parameters, sk_origin_update *update) {
  JSContext *context = parameters->context;
  sk_parameters headers;
  JSPropertyEnum *properties;
  uint32_t count;
  size_t bytes = 0;
  if (!sk_read_group(parameters, "customHeaders", "customHeaders.", &headers, &update->has_custom_headers)) return false;
  if (!update->has_custom_headers) return true;
  if (JS_GetOwnPropertyNames(context, &properties, &count, headers.object, JS_GPN_STRING_MASK | JS_GPN_ENUM_ONLY)) return false;
  if (count > HEADERS_MAX) return sk_wrong_parameter(parameters, "customHeaders", "must be at most 30");
  sk_field *fields = js_mallocz(context, (count + 1) * sizeof *fields);
  if (!fields) return false;
  for (uint32_t i = 0; i < count; i++) {
    JSValue name = JS_AtomToString(context, properties[i].atom), value;
    if (JS_IsException(name) || !sk_bytes_of(context, name, &fields[i].name)) return false;
    char shown[SK_SHOWN_NAME_MAX + 1];
    snprintf(shown, sizeof shown, "%.*s", (int)sk_whole_characters(fields[i].name, SK_SHOWN_NAME_MAX), (const char *)fields[i].name.bytes);
    if (!is_custom_header_name(fields[i].name))
      return sk_wrong_parameter(&headers, shown, "must be the lower-case name of a header that origins may be sent");
    if (JS_IsException(value = JS_GetProperty(context, headers.object, properties[i].atom))) return false;
    if (!JS_IsString(value)) return sk_wrong_parameter(&headers, shown, "must be a string");
    if (!sk_bytes_of(context, value, &fields[i].value)) return false;
    if (!is_custom_header_value(fields[i].value))
      return sk_wrong_parameter(&headers, shown, "must be a header value of at most 1783 bytes");
    bytes += fields[i].name.count + fields[i].value.count;
  }
  if (bytes > HEADERS_BYTES_MAX) return sk_wrong_parameter(parameters, "customHeaders", "must have at most 10240 bytes in all");
  update->custom_headers = fields;
  update->custom_header_count = count;
  return true;
}

static bool read_timeouts(const sk_parameters *parameters, sk_origin_update *update) {
  sk_parameters timeouts;
  bool given;
  if (!sk_read_group(parameters, "timeouts", "timeouts.", &timeouts, &given)) return false;
  if (!given) return true;
  if (!sk_read_number(&timeouts, "readTimeout", 1, 120, &update->read_timeout) ||
      !sk_read_number(&timeouts, "responseCompletionTimeout", 1, COMPLETION_MAX, &update->response_completion_timeout) ||
      !sk_read_number(&timeouts, "keepAliveTimeout", 1, 120, &update->keep_alive_timeout) ||
      !sk_read_number(&timeouts, "connectionTimeout", 1, 10, &update->connection_timeout))
    return false;
  return !update->response_completion_timeout || update->response_completion_timeout >= update->read_timeout ||
      sk_wrong_parameter(&timeouts, "responseCompletionTimeout", "must not be shorter than readTimeout");
}

static bool read_tls_versions(const sk_parameters *parameters, uint8_t *versions) {
  static const char *const names[] = {"SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2"};
  JSValue list;
  uint32_t count = 0;
  if (!sk_read_list(parameters, "sslProtocols", 1, 4, &list, &count)) return false;
  if (!count) return sk_wrong_parameter(parameters, "sslProtocols", "must be given, with port and protocol");
  for (uint32_t i = 0; i < count; i++) {
    sk_slice text = {NULL, 0};
    JSValue one = JS_GetPropertyUint32(parameters->context, list, i);
    if (JS_IsException(one) || (JS_IsString(one) && !sk_bytes_of(parameters->context, one, &text))) return false;
    int known = 0;
    while (known < 4 && (text.count != strlen(names[known]) || memcmp(text.bytes, names[known], text.count))) known++;
    if (known == 4) return sk_wrong_parameter(parameters, "sslProtocols", "must be of: SSLv3 TLSv1 TLSv1.1 TLSv1.2");
    *versions |= (uint8_t)(1u << known);
  }
  return true;
}

static bool read_custom_origin(const sk_parameters *parameters, sk_origin_update *update) {
  sk_parameters custom;
  bool given;
  int protocol = -1, family = -2;
  uint32_t port = 0;
  if (!sk_read_group(parameters, "customOriginConfig", "customOriginConfig.", &custom, &given)) return false;
  if (!given) return true;
  if (!sk_read_number(&custom, "port", 1, 65535, &port) || !sk_read_word(&custom, "protocol", "http https", &protocol) ||
      !read_tls_versions(&custom, &update->tls_versions) ||
      !sk_read_word(&custom, "ipAddressType", "ipv4 ipv6 dualstack", &family))
    return false;
  if (!port || (port != 80 && port != 443 && port < 1024))
    return sk_wrong_parameter(&custom, "port", "must be given: 80, 443 or from 1024 to 65535");
  if (family != -2 && !update->domain_name.bytes)
    return sk_wrong_parameter(&custom, "ipAddressType", "must come with domainName");
  update->port = (uint16_t)port;
  update->is_https = protocol == 1;
  update->family = family == -2 ? SK_FAMILY_ASSIGNED : (sk_origin_family)(family + 1);
  return true;
}

/// Settings that mean something at AWS only: checked, so that what works here works there.
static bool check_aws_settings(const sk_parameters *parameters) {
  sk_parameters shield, access;
  bool has_shield, has_access, enabled = false;
  int off = -2;
  sk_slice region = {NULL, 0};
  if (!sk_read_word(parameters, "mTLSConfig", "off", &off) ||
      !sk_read_group(parameters, "originShield", "originShield.", &shield, &has_shield) ||
      !sk_read_group(parameters, "originAccessControlConfig", "originAccessControlConfig.", &access, &has_access))
    return false;
  if (has_shield) {
    if (!sk_read_flag(&shield, "enabled", true, &enabled) || !sk_read_text(&shield, "region", is_id, "must not be empty", &region))
      return false;
    if (enabled && !region.bytes) return sk_wrong_parameter(&shield, "region", "must be given when enabled is true");
  }
  if (!has_access) return true;
  if (!sk_read_flag(&access, "enabled", true, &enabled)) return false;
  int missing = enabled ? -1 : -2, behavior = missing, protocol = missing, type = missing;
  return sk_read_word(&access, "signingBehavior", "always never no-override", &behavior) &&
      sk_read_word(&access, "signingProtocol", "sigv4", &protocol) &&
      sk_read_word(&access, "originType", "s3 mediapackagev2 mediastore lambda", &type);
}

static bool read_update(const sk_parameters *parameters, sk_origin_update *update) {
  return sk_read_text(parameters, "domainName", is_dns_name, dns_name_rule, &update->domain_name) &&
      sk_read_text(parameters, "hostHeader", is_dns_name, dns_name_rule, &update->host_header) &&
      sk_read_text(parameters, "originPath", is_origin_path, path_rule, &update->origin_path) &&
      sk_read_text(parameters, "sni", is_dns_name, dns_name_rule, &update->sni) &&
      read_certificate_names(parameters, &update->certificate_names, &update->certificate_name_count) &&
      read_custom_headers(parameters, update) &&
      sk_read_number(parameters, "connectionAttempts", 1, 3, &update->connection_attempts) &&
      read_timeouts(parameters, update) && read_custom_origin(parameters, update) && check_aws_settings(parameters);
}

// --- createRequestOriginGroup

/// One of `originIds`: an id, or `{originId, originOverrides}`.
static bool read_member(const sk_parameters *group, JSValue value, sk_origin_selection *selection) {
  sk_parameters member = *group, overrides;
  bool given;
  const char *rule = "must be two ids of origins, each a string or {originId, originOverrides}";
  member.group = "originIds[].";
  member.object = value;
  if (JS_IsString(value))
    return sk_bytes_of(group->context, value, &selection->id) && (is_id(selection->id) || sk_wrong_parameter(group, "originIds", rule));
  if (!JS_IsObject(value)) return sk_wrong_parameter(group, "originIds", rule);
  if (!sk_read_text(&member, "originId", is_id, "must be the id of an origin", &selection->id)) return false;
  if (!selection->id.bytes) return sk_wrong_parameter(group, "originIds", rule);
  return sk_read_group(&member, "originOverrides", "originOverrides.", &overrides, &given) && (!given || read_overrides(&overrides, selection));
}

static bool read_status_codes(const sk_parameters *parameters, sk_origin_choice *choice) {
  static const uint16_t known[STATUS_CODES_MAX] = {400, 403, 404, 416, 429, 500, 502, 503, 504};
  sk_parameters criteria;
  bool given;
  JSValue list;
  if (!sk_read_group(parameters, "failoverCriteria", "failoverCriteria.", &criteria, &given)) return false;
  if (!given) return sk_wrong_parameter(parameters, "failoverCriteria", "must be given");
  if (!sk_read_list(&criteria, "statusCodes", 1, STATUS_CODES_MAX, &list, &choice->status_code_count)) return false;
  if (!choice->status_code_count) return sk_wrong_parameter(&criteria, "statusCodes", "must be given");
  for (uint32_t i = 0; i < choice->status_code_count; i++) {
    double number = 0;
    JSValue one = JS_GetPropertyUint32(parameters->context, list, i);
    if (JS_IsException(one)) return false;
    if (JS_IsNumber(one) && JS_ToFloat64(parameters->context, &number, one)) return false;
    int at = 0;
    while (at < STATUS_CODES_MAX && number != known[at]) at++;
    if (at == STATUS_CODES_MAX) return sk_wrong_parameter(&criteria, "statusCodes", "must be of: 400 403 404 416 429 500 502 503 504");
    choice->status_codes[i] = known[at];
  }
  return true;
}

static bool read_group(const sk_parameters *parameters, sk_origin_choice *choice) {
  JSValue list;
  uint32_t count = 0;
  int criterion = -2;
  if (!sk_read_list(parameters, "originIds", 1, 2, &list, &count)) return false;
  if (count != 2) return sk_wrong_parameter(parameters, "originIds", "must be two ids of origins");
  for (uint32_t i = 0; i < 2; i++) {
    JSValue one = JS_GetPropertyUint32(parameters->context, list, i);
    if (JS_IsException(one) || !read_member(parameters, one, &choice->members[i])) return false;
  }
  if (sk_same(choice->members[0].id, choice->members[1].id)) return sk_wrong_parameter(parameters, "originIds", "must be ids of two different origins");
  return read_status_codes(parameters, choice) &&
      sk_read_word(parameters, "selectionCriteria", "default media-quality-score media-quality-based", &criterion);
}

// --- The functions

/// Begins a call: it belongs into the handler of a viewer request. NULL: it does not, or there is no memory.
static sk_origin_choice *begin(JSContext *context, const char *function, sk_origin_kind kind, JSValueConst object, sk_parameters *parameters) {
  sk_isolate *isolate = sk_isolate_of(context);
  *parameters = (sk_parameters){isolate, context, function, "", object};
  if (!isolate->event) {
    JS_ThrowTypeError(context, "%s can be called while the handler runs only", function);
    return NULL;
  }
  if (isolate->event->type != SK_VIEWER_REQUEST) {
    sk_wrong_parameter(parameters, "the call", "belongs into a viewer-request function");
    return NULL;
  }
  sk_origin_choice *choice = js_mallocz(context, sizeof *choice);
  if (choice) choice->kind = kind;
  return choice;
}

/// Ends a call whose parameters were read.
static JSValue end(const sk_parameters *parameters, const sk_origin_choice *choice, bool complete) {
  if (complete) parameters->isolate->origin = choice;
  return !complete && JS_HasException(parameters->context) ? JS_EXCEPTION : JS_UNDEFINED;
}

/// The one object that two of the functions take.
static bool is_given_object(const sk_parameters *parameters) {
  return (JS_IsObject(parameters->object) && !JS_IsArray(parameters->object)) ||
      sk_wrong_parameter(parameters, "the parameter", "must be an object");
}

static JSValue update_request_origin(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  sk_parameters parameters;
  sk_origin_choice *choice = begin(context, "updateRequestOrigin", SK_ORIGIN_UPDATE, arguments[0], &parameters);
  return end(&parameters, choice, choice && is_given_object(&parameters) && read_update(&parameters, &choice->update));
}

static JSValue select_request_origin(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value;
  sk_parameters parameters;
  JSValueConst overrides = count > 1 ? arguments[1] : JS_UNDEFINED;
  sk_origin_choice *choice = begin(context, "selectRequestOriginById", SK_ORIGIN_SELECT, overrides, &parameters);
  if (!choice) return end(&parameters, NULL, false);
  sk_origin_selection *selection = &choice->members[0];
  if (!JS_IsString(arguments[0])) return end(&parameters, NULL, sk_wrong_parameter(&parameters, "originId", "must be a string"));
  if (!sk_bytes_of(context, arguments[0], &selection->id)) return JS_EXCEPTION;
  if (!is_id(selection->id)) return end(&parameters, NULL, sk_wrong_parameter(&parameters, "originId", "must be the id of an origin"));
  bool without = JS_IsUndefined(overrides) || JS_IsNull(overrides);
  return end(&parameters, choice, without || (is_given_object(&parameters) && read_overrides(&parameters, selection)));
}

static JSValue create_request_origin_group(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  sk_parameters parameters;
  sk_origin_choice *choice = begin(context, "createRequestOriginGroup", SK_ORIGIN_GROUP, arguments[0], &parameters);
  return end(&parameters, choice, choice && is_given_object(&parameters) && read_group(&parameters, choice));
}

bool sk_add_origin_helpers(JSContext *context, JSValueConst module) {
  static const JSCFunctionListEntry functions[] = {
      JS_CFUNC_DEF("updateRequestOrigin", 1, update_request_origin),
      JS_CFUNC_DEF("selectRequestOriginById", 1, select_request_origin),
      JS_CFUNC_DEF("createRequestOriginGroup", 1, create_request_origin_group)};
  return !JS_SetPropertyFunctionList(context, module, functions, sizeof functions / sizeof functions[0]);
}

// --- After the run

/// Whether a returned object has a header that the choice adds to every request (spec 10.2). -1: exception.
static int names_a_header_of(JSContext *context, JSValueConst headers, const sk_origin_update *update) {
  for (size_t i = 0; i < update->custom_header_count; i++) {
    sk_slice name = update->custom_headers[i].name;
    JSAtom atom = JS_NewAtomLen(context, (const char *)name.bytes, name.count);
    int has = atom == JS_ATOM_NULL ? -1 : JS_GetOwnProperty(context, NULL, headers, atom);
    if (has) return has;
  }
  return 0;
}

bool sk_check_origin(sk_isolate *isolate, JSValueConst request) {
  const sk_origin_choice *choice = isolate->origin;
  if (!choice) return true;
  isolate->result.origin = choice;
  if (choice->kind != SK_ORIGIN_UPDATE || !choice->update.custom_header_count) return true;
  JSValue headers = JS_GetProperty(isolate->context, request, isolate->atoms.headers);
  int has = !JS_IsObject(headers) ? 0 : names_a_header_of(isolate->context, headers, &choice->update);
  if (JS_IsException(headers) || has < 0) {
    sk_fail_with_exception(isolate, SK_EXECUTION_ERROR);
  } else if (has) {
    sk_fail(isolate, SK_VALIDATION_ERROR, SK_FAILURE_INVALID,
        "updateRequestOrigin: customHeaders must not name a header of the request", (char *)NULL);
  }
  return !JS_IsException(headers) && has == 0;
}
