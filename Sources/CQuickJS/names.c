// Header rules of spec/cloudfront-functions.md section 6, as tables.
#include "internal.h"

typedef struct { uint8_t count; const char *name; } entry;
#define NAME(text) {sizeof(text) - 1, text}

static const entry disallowed[] = {
    NAME("connection"), NAME("expect"), NAME("keep-alive"), NAME("proxy-authenticate"), NAME("proxy-authorization"),
    NAME("proxy-connection"), NAME("trailer"), NAME("upgrade"),
};
static const entry disallowed_x[] = {
    NAME("x-accel-buffering"), NAME("x-accel-charset"),
    NAME("x-accel-limit-rate"), NAME("x-accel-redirect"), NAME("x-amzn-auth"), NAME("x-amzn-cf-billing"),
    NAME("x-amzn-cf-id"), NAME("x-amzn-cf-xff"), NAME("x-amzn-errortype"), NAME("x-amzn-fle-profile"),
    NAME("x-amzn-header-count"), NAME("x-amzn-header-order"), NAME("x-amzn-lambda-integration-tag"),
    NAME("x-amzn-requestid"), NAME("x-cache"), NAME("x-forwarded-proto"), NAME("x-real-ip"),
};
static const entry disallowed_prefixes[] = {NAME("x-amz-cf-"), NAME("x-edge-")};
static const entry read_only_request[] = {
    NAME("cdn-loop"), NAME("content-length"), NAME("host"), NAME("transfer-encoding"), NAME("via"),
};
static const entry read_only_response[] = {NAME("warning"), NAME("via")};
static const entry framing[] = {NAME("content-length"), NAME("transfer-encoding")};

#define COUNT(table) (sizeof(table) / sizeof(table)[0])

static bool contains(const entry *table, size_t count, sk_slice name) {
  for (size_t i = 0; i < count; i++)
    if (table[i].count == name.count && !memcmp(table[i].name, name.bytes, name.count)) return true;
  return false;
}

bool sk_header_is_disallowed(sk_slice name) {
  if (!name.count) return false;
  if (name.bytes[0] != 'x') {
    bool possible = memchr("cekptu", name.bytes[0], 6);  // most names end here
    return possible && contains(disallowed, COUNT(disallowed), name);
  }
  for (size_t i = 0; i < COUNT(disallowed_prefixes); i++) {
    const entry *prefix = &disallowed_prefixes[i];
    if (name.count >= prefix->count && !memcmp(prefix->name, name.bytes, prefix->count)) return true;
  }
  return contains(disallowed_x, COUNT(disallowed_x), name);
}

bool sk_header_is_read_only(sk_slice name, sk_event_type type) {
  return type == SK_VIEWER_REQUEST ? contains(read_only_request, COUNT(read_only_request), name)
                                   : contains(read_only_response, COUNT(read_only_response), name);
}

bool sk_header_is_framing(sk_slice name) { return contains(framing, COUNT(framing), name); }

bool sk_is_token(sk_slice text) {
  static const bool allowed[256] = {  // RFC 9110 5.6.2
      ['0' ... '9'] = true, ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['!'] = true, ['#' ... '\''] = true, ['*'] = true,
      ['+'] = true, ['-'] = true, ['.'] = true, ['^' ... '`'] = true, ['|'] = true, ['~'] = true};
  bool all = true;
  for (size_t i = 0; i < text.count; i++) all &= allowed[text.bytes[i]];
  return all && text.count;
}

bool sk_has_capitals(sk_slice text) {
  bool any = false;
  for (size_t i = 0; i < text.count; i++) any |= (unsigned)text.bytes[i] - 'A' < 26;
  return any;
}
