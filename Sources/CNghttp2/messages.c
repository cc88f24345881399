// From a head in text, as Skerry writes it once for both versions, to the name/value pairs of HTTP/2 (RFC 9113, 8.2 and 8.3). One pass; the
// text is our own and well-formed. nghttp2 copies the pairs and writes names in lower case.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "internal.h"

/// Pairs that need no memory of the allocator's.
enum { PAIRS_AT_HAND = 64 };

typedef struct {
  nghttp2_nv at_hand[PAIRS_AT_HAND];
  nghttp2_nv *pairs;
  size_t count, room;
} pair_list;

static int add(pair_list *list, const char *name, size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags) {
  if (list->count == list->room) {
    nghttp2_nv *larger = malloc(2 * list->room * sizeof *larger);
    if (!larger) return NGHTTP2_ERR_NOMEM;
    memcpy(larger, list->pairs, list->count * sizeof *larger);
    if (list->pairs != list->at_hand) free(list->pairs);
    list->pairs = larger;
    list->room *= 2;
  }
  list->pairs[list->count++] = (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, name_length, value_length, flags};
  return 0;
}

static void begin(pair_list *list) {
  list->pairs = list->at_hand;
  list->count = 0;
  list->room = PAIRS_AT_HAND;
}
static void end(pair_list *list) { if (list->pairs != list->at_hand) free(list->pairs); }

static int is(const uint8_t *name, size_t length, const char *known) { return length == strlen(known) && strncasecmp((const char *)name, known, length) == 0; }

/// Fields that mean something to one connection of HTTP/1.1 only (RFC 9113, 8.2.2).
static int is_connections(const uint8_t *name, size_t length) {
  switch (length) {
    case 7: return is(name, length, "upgrade");
    case 10: return is(name, length, "connection") || is(name, length, "keep-alive");
    case 16: return is(name, length, "proxy-connection");
    case 17: return is(name, length, "transfer-encoding");
    default: return 0;
  }
}

/// A value that is another one each time has no place in the peer's table.
static uint8_t flags_of(const uint8_t *name, size_t length) { return length == 11 && is(name, length, "x-amz-cf-id") ? NGHTTP2_NV_FLAG_NO_INDEX : 0; }

/// Adds the lines `name: value CRLF` from `p` on, until an empty one or the end. `host`, if asked for, gets the value of Host instead.
static int add_lines(pair_list *list, const uint8_t *p, const uint8_t *limit, nghttp2_nv *host) {
  while (p < limit && *p != '\r') {
    const uint8_t *colon = memchr(p, ':', (size_t)(limit - p));
    const uint8_t *line_end = colon ? memchr(colon, '\r', (size_t)(limit - colon)) : NULL;
    if (!line_end) return NGHTTP2_ERR_INVALID_ARGUMENT;
    size_t name_length = (size_t)(colon - p);
    const uint8_t *value = colon + 1, *value_end = line_end;
    while (value < value_end && (*value == ' ' || *value == '\t')) value++;
    while (value < value_end && (value_end[-1] == ' ' || value_end[-1] == '\t')) value_end--;
    size_t value_length = (size_t)(value_end - value);
    if (host && name_length == 4 && is(p, 4, "host")) {
      host->value = (uint8_t *)value;
      host->valuelen = value_length;
    } else if (!is_connections(p, name_length)) {
      int code = add(list, (const char *)p, name_length, value, value_length, flags_of(p, name_length));
      if (code) return code;
    }
    p = line_end + 2;
  }
  return 0;
}

static ssize_t read_content(
    nghttp2_session *h2, int32_t id, uint8_t *into, size_t room, uint32_t *flags, nghttp2_data_source *source, void *user) {
  (void)source;
  sk_h2_session *session = user;
  void *stream = nghttp2_session_get_stream_user_data(h2, id);
  if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  sk_h2_supply supply = SK_H2_MORE;
  size_t count = session->events->supply(session->owner, stream, into, room, &supply);
  if (supply == SK_H2_NOTHING_YET && count == 0) return NGHTTP2_ERR_DEFERRED;
  if (supply == SK_H2_LAST || supply == SK_H2_LAST_BEFORE_TRAILERS) *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (supply == SK_H2_LAST_BEFORE_TRAILERS) *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
  return (ssize_t)count;
}
static const nghttp2_data_provider content = {.read_callback = read_content};

/// One past the first line's CRLF.
static const uint8_t *second_line(const uint8_t *head, size_t count) {
  const uint8_t *end = memchr(head, '\r', count);
  return end ? end + 2 : head + count;
}

int sk_h2_respond(sk_h2_session *session, int32_t id, const uint8_t *head, size_t count, int has_body) {
  if (count < 14) return NGHTTP2_ERR_INVALID_ARGUMENT;
  pair_list list;
  begin(&list);
  const uint8_t *status = head + 9;   // behind "HTTP/1.1 "
  add(&list, ":status", 7, status, 3, 0);
  int code = add_lines(&list, second_line(head, count), head + count, NULL);
  if (code == 0 && *status == '1')
    code = nghttp2_submit_headers(session->h2, NGHTTP2_FLAG_NONE, id, NULL, list.pairs, list.count, NULL);
  else if (code == 0)
    code = nghttp2_submit_response(session->h2, id, list.pairs, list.count, has_body ? &content : NULL);
  end(&list);
  return code;
}

int32_t sk_h2_request(sk_h2_session *session, const uint8_t *head, size_t count, int is_secure, int has_body, void *stream) {
  const uint8_t *method_end = memchr(head, ' ', count);
  if (!method_end) return NGHTTP2_ERR_INVALID_ARGUMENT;
  const uint8_t *target = method_end + 1, *limit = head + count;
  const uint8_t *target_end = memchr(target, ' ', (size_t)(limit - target));
  if (!target_end) return NGHTTP2_ERR_INVALID_ARGUMENT;
  pair_list list;
  begin(&list);
  const char *scheme = is_secure ? "https" : "http";
  add(&list, ":method", 7, head, (size_t)(method_end - head), 0);
  add(&list, ":scheme", 7, (const uint8_t *)scheme, strlen(scheme), 0);
  size_t authority = list.count;
  add(&list, ":authority", 10, target, 0, 0);   // its value stands further down
  add(&list, ":path", 5, target, (size_t)(target_end - target), 0);
  nghttp2_nv host = {0};
  int32_t id = add_lines(&list, second_line(head, count), limit, &host);
  if (id == 0) {
    list.pairs[authority].value = host.value ? host.value : (uint8_t *)target;
    list.pairs[authority].valuelen = host.valuelen;
    id = nghttp2_submit_request(session->h2, NULL, list.pairs, list.count, has_body ? &content : NULL, stream);
  }
  end(&list);
  return id;
}

int sk_h2_trailers(sk_h2_session *session, int32_t id, const uint8_t *lines, size_t count) {
  pair_list list;
  begin(&list);
  int code = add_lines(&list, lines, lines + count, NULL);
  if (code == 0) code = nghttp2_submit_trailer(session->h2, id, list.pairs, list.count);
  end(&list);
  return code;
}
