// A session: its options, its callbacks, and the calls that pass straight on to nghttp2.
#include "internal.h"

#include <stdlib.h>

static sk_h2_block block_of(const nghttp2_frame *frame) {
  switch (frame->headers.cat) {
    case NGHTTP2_HCAT_REQUEST: return SK_H2_REQUEST;
    case NGHTTP2_HCAT_RESPONSE: return SK_H2_RESPONSE;
    default: return SK_H2_TRAILERS;
  }
}

/// The most that a frame of the peer's may have: what holds as long as we do not say otherwise (RFC 9113, 6.5.2).
enum { FRAME_BYTES = 16384 };

/// Ends the session: nothing of what follows is looked at.
static int end(nghttp2_session *h2, uint32_t error) {
  nghttp2_session_terminate_session(h2, error);
  return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/// Carries out what the owner thinks of a frame or a message.
static int judge(nghttp2_session *h2, int32_t id, sk_h2_verdict verdict) {
  switch (verdict) {
    case SK_H2_FINE: return 0;
    case SK_H2_CALM: return end(h2, NGHTTP2_ENHANCE_YOUR_CALM);
    case SK_H2_CLOSED: return end(h2, NGHTTP2_STREAM_CLOSED);
    case SK_H2_BROKEN: return end(h2, NGHTTP2_PROTOCOL_ERROR);
    case SK_H2_REFUSE: nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM); break;
    case SK_H2_MALFORMED: nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR); break;
  }
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_begin_frame(nghttp2_session *h2, const nghttp2_frame_hd *header, void *user) {
  sk_h2_session *session = user;
  int32_t id = header->stream_id;
  // nghttp2 1.52 does not look at how long CONTINUATION is (RFC 9113, 4.2).
  if (header->type == NGHTTP2_CONTINUATION && header->length > FRAME_BYTES) return end(h2, NGHTTP2_FRAME_SIZE_ERROR);
  void *stream = id ? nghttp2_session_get_stream_user_data(h2, id) : NULL;
  return judge(h2, id, session->events->frame(session->owner, stream, header->type, header->flags, id));
}

static int on_begin_headers(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  sk_h2_session *session = user;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  int32_t id = frame->hd.stream_id;
  void *stream = nghttp2_session_get_stream_user_data(h2, id);
  return judge(h2, id, session->events->begin(session->owner, stream, id, block_of(frame)));
}

static int on_header(
    nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value, size_t value_length,
    uint8_t flags, void *user) {
  (void)flags;
  sk_h2_session *session = user;
  if (frame->hd.type != NGHTTP2_HEADERS) return 0;
  return judge(h2, frame->hd.stream_id, session->events->field(session->owner, name, name_length, value, value_length));
}

/// A field that nghttp2 would pass over in silence: a name or value with bytes that are not allowed there.
static int on_invalid_header(
    nghttp2_session *h2, const nghttp2_frame *frame, const uint8_t *name, size_t name_length, const uint8_t *value, size_t value_length,
    uint8_t flags, void *user) {
  (void)name, (void)name_length, (void)value, (void)value_length, (void)flags, (void)user;
  return judge(h2, frame->hd.stream_id, SK_H2_MALFORMED);
}

static int on_frame(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  sk_h2_session *session = user;
  const sk_h2_events *events = session->events;
  int32_t id = frame->hd.stream_id;
  int ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
  switch (frame->hd.type) {
    case NGHTTP2_HEADERS: {
      sk_h2_verdict verdict = events->end(session->owner, nghttp2_session_get_stream_user_data(h2, id), id, block_of(frame), ends);
      int code = judge(h2, id, verdict);
      return code == NGHTTP2_ERR_CALLBACK_FAILURE ? code : 0;
    }
    case NGHTTP2_DATA:
      return judge(h2, id, events->dataFrame(session->owner, nghttp2_session_get_stream_user_data(h2, id), frame->hd.length - frame->data.padlen, ends));
    case NGHTTP2_PRIORITY_UPDATE:   // RFC 9218, 7.1
      return ((nghttp2_ext_priority_update *)frame->ext.payload)->stream_id == 0 ? end(h2, NGHTTP2_PROTOCOL_ERROR) : 0;
    case NGHTTP2_SETTINGS:
      if (!(frame->hd.flags & NGHTTP2_FLAG_ACK)) events->settings(session->owner);
      return 0;
    case NGHTTP2_PING:
      if (frame->hd.flags & NGHTTP2_FLAG_ACK) events->pong(session->owner);
      return 0;
    case NGHTTP2_GOAWAY: events->goaway(session->owner, frame->goaway.last_stream_id, frame->goaway.error_code); return 0;
    default: return 0;
  }
}

static int on_data(nghttp2_session *h2, uint8_t flags, int32_t id, const uint8_t *bytes, size_t count, void *user) {
  (void)flags;
  sk_h2_session *session = user;
  void *stream = nghttp2_session_get_stream_user_data(h2, id);
  if (stream) session->events->data(session->owner, stream, bytes, count); else nghttp2_session_consume(h2, id, count);
  return 0;
}

static int on_invalid_frame(nghttp2_session *h2, const nghttp2_frame *frame, int error, void *user) {
  (void)h2;
  sk_h2_session *session = user;
  if (error == NGHTTP2_ERR_REFUSED_STREAM) session->events->refused(session->owner, frame->hd.stream_id);
  return 0;
}

static int on_frame_sent(nghttp2_session *h2, const nghttp2_frame *frame, void *user) {
  sk_h2_session *session = user;
  int32_t id = frame->hd.stream_id;
  if (frame->hd.type == NGHTTP2_GOAWAY) session->events->said(session->owner, 0, frame->goaway.error_code);
  if (frame->hd.type == NGHTTP2_RST_STREAM) session->events->said(session->owner, id, frame->rst_stream.error_code);
  if (frame->hd.type > NGHTTP2_HEADERS || !(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  void *stream = nghttp2_session_get_stream_user_data(h2, id);
  if (stream) session->events->sentEnd(session->owner, stream, id, nghttp2_session_get_stream_remote_close(h2, id) == 1);
  return 0;
}

/// A frame that cannot be sent, such as a head that is too large: whoever waits for it must not wait for ever.
static int on_frame_not_sent(nghttp2_session *h2, const nghttp2_frame *frame, int error, void *user) {
  (void)error, (void)user;
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat != NGHTTP2_HCAT_REQUEST)
    nghttp2_submit_rst_stream(h2, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
  return 0;
}

static int on_stream_close(nghttp2_session *h2, int32_t id, uint32_t error, void *user) {
  sk_h2_session *session = user;
  void *stream = nghttp2_session_get_stream_user_data(h2, id);
  if (stream) session->events->closed(session->owner, stream, id, error);
  return 0;
}

static nghttp2_session_callbacks *callbacks(void) {
  nghttp2_session_callbacks *calls;
  if (nghttp2_session_callbacks_new(&calls) != 0) return NULL;
  nghttp2_session_callbacks_set_on_begin_frame_callback(calls, on_begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(calls, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(calls, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
  nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, on_invalid_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(calls, on_frame_sent);
  nghttp2_session_callbacks_set_on_frame_not_send_callback(calls, on_frame_not_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_stream_close);
  return calls;
}

/// Heads of ours up to this size are sent; nghttp2's own limit is less than an origin's head may have.
enum { SENT_HEAD_BYTES = 1 << 20 };

static nghttp2_option *options(const sk_h2_settings *settings) {
  nghttp2_option *option;
  if (nghttp2_option_new(&option) != 0) return NULL;
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_send_header_block_length(option, SENT_HEAD_BYTES);
  nghttp2_option_set_builtin_recv_extension_type(option, NGHTTP2_PRIORITY_UPDATE);
  // The owner counts these itself (on_begin_frame) and says ENHANCE_YOUR_CALM; nghttp2 1.52 counts a CONTINUATION frame whose header comes in
  // pieces once for each of them.
  nghttp2_option_set_stream_reset_rate_limit(option, 1 << 20, 1 << 20);
  nghttp2_option_set_max_continuations(option, 1 << 20);
  nghttp2_option_set_peer_max_concurrent_streams(option, settings->concurrentStreams);
  nghttp2_option_set_max_reserved_remote_streams(option, 0);
  return option;
}

static int introduce(sk_h2_session *session, int is_server, const sk_h2_settings *settings) {
  nghttp2_settings_entry entries[] = {
    {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, settings->streamWindow},
    {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, settings->headerListSize},
    {is_server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH, is_server ? settings->concurrentStreams : 0},
    {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},
  };
  size_t count = sizeof entries / sizeof *entries - (is_server ? 0 : 1);
  int code = nghttp2_submit_settings(session->h2, NGHTTP2_FLAG_NONE, entries, count);
  return code ? code : nghttp2_session_set_local_window_size(session->h2, NGHTTP2_FLAG_NONE, 0, (int32_t)settings->sessionWindow);
}

sk_h2_session *sk_h2_new(int is_server, void *owner, const sk_h2_events *events, const sk_h2_settings *settings) {
  sk_h2_session *session = calloc(1, sizeof *session);
  if (!session) return NULL;
  session->owner = owner;
  session->events = events;
  nghttp2_session_callbacks *calls = callbacks();
  nghttp2_option *option = options(settings);
  int code = NGHTTP2_ERR_NOMEM;
  if (calls && option)
    code = is_server ? nghttp2_session_server_new2(&session->h2, calls, session, option) : nghttp2_session_client_new2(&session->h2, calls, session, option);
  if (calls) nghttp2_session_callbacks_del(calls);
  if (option) nghttp2_option_del(option);
  if (code == 0 && introduce(session, is_server, settings) == 0) return session;
  if (session->h2) nghttp2_session_del(session->h2);
  free(session);
  return NULL;
}

void sk_h2_delete(sk_h2_session *session) {
  nghttp2_session_del(session->h2);
  free(session);
}

int sk_h2_receive(sk_h2_session *session, const uint8_t *bytes, size_t count) {
  ssize_t taken = nghttp2_session_mem_recv(session->h2, bytes, count);
  return taken < 0 ? (int)taken : 0;
}

ptrdiff_t sk_h2_send(sk_h2_session *session, const uint8_t **bytes) { return nghttp2_session_mem_send(session->h2, bytes); }

int sk_h2_is_alive(sk_h2_session *session) { return nghttp2_session_want_read(session->h2) || nghttp2_session_want_write(session->h2); }

void sk_h2_set_stream(sk_h2_session *session, int32_t id, void *stream) { nghttp2_session_set_stream_user_data(session->h2, id, stream); }
int sk_h2_has_stream(sk_h2_session *session, int32_t id) { return nghttp2_session_find_stream(session->h2, id) != NULL; }
void sk_h2_resume(sk_h2_session *session, int32_t id) { nghttp2_session_resume_data(session->h2, id); }
void sk_h2_reset(sk_h2_session *session, int32_t id, uint32_t error) { nghttp2_submit_rst_stream(session->h2, NGHTTP2_FLAG_NONE, id, error); }
void sk_h2_consumed(sk_h2_session *session, int32_t id, size_t of_stream, size_t of_session) {
  if (of_stream) nghttp2_session_consume_stream(session->h2, id, of_stream);
  if (of_session) nghttp2_session_consume_connection(session->h2, of_session);
}

void sk_h2_announce_end(sk_h2_session *session) {
  nghttp2_submit_shutdown_notice(session->h2);
  nghttp2_submit_ping(session->h2, NGHTTP2_FLAG_NONE, (const uint8_t *)"skerry..");
}
void sk_h2_refuse_further(sk_h2_session *session) {
  int32_t last = nghttp2_session_get_last_proc_stream_id(session->h2);
  nghttp2_submit_goaway(session->h2, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
}
void sk_h2_terminate(sk_h2_session *session, uint32_t error) { nghttp2_session_terminate_session(session->h2, error); }
uint32_t sk_h2_first_window(sk_h2_session *session) { return nghttp2_session_get_remote_settings(session->h2, NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE); }
int32_t sk_h2_window(sk_h2_session *session, int32_t id) { return nghttp2_session_get_stream_remote_window_size(session->h2, id); }
uint32_t sk_h2_peer_streams(sk_h2_session *session) {
  return nghttp2_session_get_remote_settings(session->h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}
