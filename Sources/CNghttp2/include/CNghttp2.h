// The few things Skerry wants of nghttp2 (RFC 9113, 7541, 9218), without nghttp2's header: pointers, unions and callbacks stay in C, and
// what Swift sees are numbers and runs of bytes. A session belongs to one thread. See nghttp2(3) and its programmers' guide.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// One HTTP/2 connection.
typedef struct sk_h2_session sk_h2_session;

/// What a block of fields is.
typedef enum { SK_H2_REQUEST, SK_H2_RESPONSE, SK_H2_TRAILERS } sk_h2_block;

/// What an owner may say of a frame, a message or a field.
typedef enum {
  SK_H2_FINE,
  /// The stream ends with REFUSED_STREAM: nothing was done, it may be tried again (RFC 9113, 8.7).
  SK_H2_REFUSE,
  /// The stream ends with PROTOCOL_ERROR: the message is malformed (RFC 9113, 8.1.1).
  SK_H2_MALFORMED,
  /// The session ends with ENHANCE_YOUR_CALM, STREAM_CLOSED or PROTOCOL_ERROR.
  SK_H2_CALM,
  SK_H2_CLOSED,
  SK_H2_BROKEN,
} sk_h2_verdict;

/// What a stream has to send now.
typedef enum { SK_H2_MORE, SK_H2_NOTHING_YET, SK_H2_LAST, SK_H2_LAST_BEFORE_TRAILERS } sk_h2_supply;

/// Calls to the owner of a session. `stream` is what `sk_h2_set_stream` gave, or NULL. None of them may call `sk_h2_receive`, `sk_h2_send`
/// or `sk_h2_delete`.
typedef struct {
  /// A frame's header has come.
  sk_h2_verdict (*_Nonnull frame)(void *_Nonnull owner, void *_Nullable stream, uint8_t type, uint8_t flags, int32_t id);
  /// The peer's SETTINGS hold from here on.
  void (*_Nonnull settings)(void *_Nonnull owner);
  /// A block of fields begins.
  sk_h2_verdict (*_Nonnull begin)(void *_Nonnull owner, void *_Nullable stream, int32_t id, sk_h2_block block);
  /// A field of it, pseudo-header fields included.
  sk_h2_verdict (*_Nonnull field)(
      void *_Nonnull owner, const uint8_t *_Nonnull name, size_t nameLength, const uint8_t *_Nonnull value, size_t valueLength);
  /// The block is whole.
  sk_h2_verdict (*_Nonnull end)(void *_Nonnull owner, void *_Nullable stream, int32_t id, sk_h2_block block, int endsStream);
  /// Content has come.
  void (*_Nonnull data)(void *_Nonnull owner, void *_Nonnull stream, const uint8_t *_Nonnull bytes, size_t count);
  /// A whole DATA frame with so much content has come.
  sk_h2_verdict (*_Nonnull dataFrame)(void *_Nonnull owner, void *_Nullable stream, size_t content, int endsStream);
  /// The peer acknowledged a PING, or said GOAWAY: it will not look at streams above `last`.
  void (*_Nonnull pong)(void *_Nonnull owner);
  void (*_Nonnull goaway)(void *_Nonnull owner, int32_t last, uint32_t error);
  /// A stream was refused unseen: there are as many as may be, and the peer does not know that yet.
  void (*_Nonnull refused)(void *_Nonnull owner, int32_t id);
  /// RST_STREAM, or for stream 0 GOAWAY, has been handed out for sending.
  void (*_Nonnull said)(void *_Nonnull owner, int32_t id, uint32_t error);
  /// A frame with END_STREAM has been handed out for sending; whether the peer's side was over, too.
  void (*_Nonnull sentEnd)(void *_Nonnull owner, void *_Nonnull stream, int32_t id, int peerIsDone);
  /// The stream is gone.
  void (*_Nonnull closed)(void *_Nonnull owner, void *_Nonnull stream, int32_t id, uint32_t error);
  /// Content to be sent: at most `room` bytes to `into`.
  size_t (*_Nonnull supply)(void *_Nonnull owner, void *_Nonnull stream, uint8_t *_Nonnull into, size_t room, sk_h2_supply *_Nonnull supply);
} sk_h2_events;

/// What a session tells its peer first, and what it bears.
typedef struct {
  uint32_t concurrentStreams, streamWindow, sessionWindow, headerListSize;
} sk_h2_settings;

/// A session of a server or a client; NULL when there is no memory. `owner` must outlive it.
sk_h2_session *_Nullable sk_h2_new(int isServer, void *_Nonnull owner, const sk_h2_events *_Nonnull events, const sk_h2_settings *_Nonnull settings);
void sk_h2_delete(sk_h2_session *_Nonnull session);

/// Takes bytes from the peer. Returns 0, or an nghttp2 error: the session is over then, but may have a GOAWAY to send.
int sk_h2_receive(sk_h2_session *_Nonnull session, const uint8_t *_Nonnull bytes, size_t count);
/// The next bytes for the peer, valid until the next call; 0 when there are none, below 0 when the session is over.
ptrdiff_t sk_h2_send(sk_h2_session *_Nonnull session, const uint8_t *_Nullable *_Nonnull bytes);
/// Whether the session has anything left to hear or say.
int sk_h2_is_alive(sk_h2_session *_Nonnull session);

/// Ties an object of the owner's to a stream; it is what callbacks get.
void sk_h2_set_stream(sk_h2_session *_Nonnull session, int32_t id, void *_Nullable stream);

/// Whether a stream is open, or on its way to be closed.
int sk_h2_has_stream(sk_h2_session *_Nonnull session, int32_t id);

/// Answers: `head` is an HTTP/1.1 response head in text, without fields of the connection. 1xx are interim. Returns 0 or an nghttp2 error.
int sk_h2_respond(sk_h2_session *_Nonnull session, int32_t id, const uint8_t *_Nonnull head, size_t count, int hasBody);
/// Asks: `head` is an HTTP/1.1 request head in text; fields of the connection are left out. Returns the stream's id, or an nghttp2 error.
int32_t sk_h2_request(
    sk_h2_session *_Nonnull session, const uint8_t *_Nonnull head, size_t count, int isSecure, int hasBody, void *_Nonnull stream);
/// Field lines behind the content. To be called when `supply` has said SK_H2_LAST_BEFORE_TRAILERS, from there.
int sk_h2_trailers(sk_h2_session *_Nonnull session, int32_t id, const uint8_t *_Nonnull lines, size_t count);

/// There is something to `supply` again.
void sk_h2_resume(sk_h2_session *_Nonnull session, int32_t id);
/// Ends a stream.
void sk_h2_reset(sk_h2_session *_Nonnull session, int32_t id, uint32_t error);
/// Content has been taken: the peer may send as much again.
void sk_h2_consumed(sk_h2_session *_Nonnull session, int32_t id, size_t ofStream, size_t ofSession);
/// No further streams: first a notice (GOAWAY with the highest id) and a PING, then what has been seen (RFC 9113, 6.8).
void sk_h2_announce_end(sk_h2_session *_Nonnull session);
void sk_h2_refuse_further(sk_h2_session *_Nonnull session);
/// Ends the session: GOAWAY with an error.
void sk_h2_terminate(sk_h2_session *_Nonnull session, uint32_t error);
/// What the peer's windows were when they were new, and what is left of a stream's (RFC 9113, 6.9.2).
uint32_t sk_h2_first_window(sk_h2_session *_Nonnull session);
int32_t sk_h2_window(sk_h2_session *_Nonnull session, int32_t id);
/// How many streams the peer allows at once.
uint32_t sk_h2_peer_streams(sk_h2_session *_Nonnull session);
