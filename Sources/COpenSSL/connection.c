// One connection: OpenSSL on a non-blocking socket whose readiness is known, so that it is never asked in vain.
#include "internal.h"
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

// MARK: The socket, as OpenSSL sees it

/// Whether bytes are the beginning of a message of HTTP rather than of a record: a record begins with its type, 22 here (RFC 8446, 5.1).
static int is_plain(const char *bytes) { return (bytes[0] >= 'A' && bytes[0] <= 'Z') || (bytes[0] >= 'a' && bytes[0] <= 'z'); }

static int receive(BIO *bio, char *to, int room) {
  sk_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  if (!tls->state.may_receive) {
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t count = recv(tls->socket, to, (size_t)room, 0);
  if (count > 0) {
    if (count < room && !tls->state.is_ending) tls->state.may_receive = 0;
    if (tls->is_first && is_plain(to)) {
      tls->failure = sk_tls_failed_plain;
      return -1;
    }
    tls->is_first = 0;
    return (int)count;
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
    tls->state.may_receive = 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  tls->state.is_ending = 1;
  if (count == 0) return 0;
  tls->state.system_error = errno;
  return -1;
}

static int transmit(BIO *bio, const char *from, int count) {
  sk_tls *tls = BIO_get_data(bio);
  BIO_clear_retry_flags(bio);
  // A ticket may wait for the answer to the request that most often is there by then, to leave in one segment with it; at most 200 ms (tcp(7)).
  int more = SSL_get_state(tls->ssl) == TLS_ST_SW_SESSION_TICKET ? MSG_MORE : 0;
  ssize_t sent = send(tls->socket, from, (size_t)count, MSG_NOSIGNAL | more);
  if (sent >= 0) return (int)sent;
  if (errno == EAGAIN || errno == EINTR || errno == ENOTCONN) BIO_set_retry_write(bio);
  else tls->state.system_error = errno;
  return -1;
}

static long control(BIO *bio, int command, long number, void *pointer) {
  (void)number, (void)pointer;
  switch (command) {
    case BIO_CTRL_FLUSH: return 1;
    case BIO_CTRL_EOF: return ((sk_tls *)BIO_get_data(bio))->state.is_ending;
    default: return 0;
  }
}

static int created(BIO *bio) {
  BIO_set_init(bio, 1);
  return 1;
}

static BIO_METHOD *socket_method(void) {
  static BIO_METHOD *method;
  BIO_METHOD *known = __atomic_load_n(&method, __ATOMIC_ACQUIRE);
  if (known) return known;
  BIO_METHOD *made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  if (!made) return NULL;
  BIO_meth_set_read(made, receive);
  BIO_meth_set_write(made, transmit);
  BIO_meth_set_ctrl(made, control);
  BIO_meth_set_create(made, created);
  if (__atomic_compare_exchange_n(&method, &known, made, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) return made;
  BIO_meth_free(made);
  return known;
}

// MARK: Beginning and end

static sk_tls *make(sk_tls_context *context, int socket) {
  sk_tls *tls = calloc(1, sizeof *tls);
  SSL *ssl = SSL_new(context->ssl);
  BIO_METHOD *method = socket_method();
  BIO *bio = method ? BIO_new(method) : NULL;
  if (!tls || !ssl || !bio) {
    free(tls);
    SSL_free(ssl);
    BIO_free(bio);
    ERR_clear_error();
    return NULL;
  }
  tls->ssl = ssl;
  tls->socket = socket;
  BIO_set_data(bio, tls);
  SSL_set_bio(ssl, bio, bio);
  SSL_set_app_data(ssl, tls);
  SSL_set_msg_callback_arg(ssl, tls);
  return tls;
}

sk_tls *sk_tls_accept(sk_tls_context *context, int32_t socket) {
  sk_tls *tls = make(context, socket);
  if (!tls) return NULL;
  tls->is_first = 1;
  SSL_set_accept_state(tls->ssl);
  return tls;
}

sk_tls *sk_tls_connect(sk_tls_context *context, int32_t socket, const char *name, void *session) {
  sk_tls *tls = make(context, socket);
  if (!tls) return NULL;
  SSL_set_connect_state(tls->ssl);
  if ((name && SSL_set_tlsext_host_name(tls->ssl, name) != 1) || (session && SSL_set_session(tls->ssl, session) != 1)) {
    sk_tls_free(tls);
    ERR_clear_error();
    return NULL;
  }
  return tls;
}

void sk_tls_free(sk_tls *tls) {
  if (!tls) return;
  SSL_free(tls->ssl);
  SSL_SESSION_free(tls->session);
  free(tls->hello);
  free(tls->words);
  free(tls);
}

sk_tls_state *sk_tls_state_of(sk_tls *tls) { return &tls->state; }

// MARK: Messages

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, KEY_UPDATE = 24 };

/// Sees every message: the first is kept for a fingerprint, changes of keys are counted.
void sk_tls_saw_message(int sent, int version, int type, const void *bytes, size_t count, SSL *ssl, void *argument) {
  (void)version;
  sk_tls *tls = argument;
  if (sent || type != HANDSHAKE || count == 0 || !tls) return;
  uint8_t kind = *(const uint8_t *)bytes;
  if (kind == KEY_UPDATE && tls->state.key_updates <= SK_TLS_KEY_UPDATES) tls->state.key_updates++;
  if (kind != CLIENT_HELLO || tls->hello || count > SK_TLS_HELLO) return;
  sk_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  if (!context->keeps_hello) return;
  tls->hello = malloc(count);
  if (!tls->hello) return;
  memcpy(tls->hello, bytes, count);
  tls->hello_length = count;
}

int sk_tls_got_session(SSL *ssl, SSL_SESSION *session) {
  sk_tls *tls = SSL_get_app_data(ssl);
  SSL_SESSION_free(tls->session);
  tls->session = session;
  return 1;
}

void *sk_tls_take_session(sk_tls *tls) {
  SSL_SESSION *session = tls->session;
  tls->session = NULL;
  return session;
}
void sk_tls_session_free(void *session) { SSL_SESSION_free(session); }

/// Seconds that a ticket may be used at most (RFC 8446, 4.6.1).
enum { TICKET_LIFETIME_LIMIT = 7 * 24 * 3600 };

int64_t sk_tls_session_end(void *session) {
  int64_t lifetime = (int64_t)SSL_SESSION_get_ticket_lifetime_hint(session);
  // 0 says nothing in TLS 1.2 (RFC 5077, 3.3), and "not at all" in 1.3.
  if (lifetime == 0 && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION) lifetime = SSL_SESSION_get_timeout(session);
  if (lifetime > TICKET_LIFETIME_LIMIT) lifetime = TICKET_LIFETIME_LIMIT;
  int64_t end = SSL_SESSION_get_time(session) + lifetime, certificate = sk_tls_certificate_end(session);
  return certificate < end ? certificate : end;
}

// MARK: Steps

sk_tls_failure_kind sk_tls_kind(int reason) {
  switch (reason) {
    case SSL_R_UNSUPPORTED_PROTOCOL: case SSL_R_UNKNOWN_PROTOCOL: case SSL_R_WRONG_SSL_VERSION: case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE: case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION: return sk_tls_failed_version;
    case SSL_R_NO_SHARED_CIPHER: case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS: case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_GROUPS: case SSL_R_NO_SUITABLE_KEY_SHARE: return sk_tls_failed_cipher;
    case SSL_R_NO_APPLICATION_PROTOCOL: return sk_tls_failed_protocol;
    case SSL_R_CERTIFICATE_VERIFY_FAILED: case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return sk_tls_failed_certificate;
    case SSL_R_UNEXPECTED_EOF_WHILE_READING: return sk_tls_failed_io;
    default: return reason >= SSL_AD_REASON_OFFSET ? sk_tls_failed_alert : sk_tls_failed_other;
  }
}

static int64_t fail(sk_tls *tls, sk_tls_failure_kind kind, const char *words) {
  tls->state.is_failed = 1;
  tls->failure = kind;
  free(tls->words);
  tls->words = strdup(words);
  return SK_TLS_FAILED;
}

/// What a step that moved nothing means. OpenSSL's own SSL_get_error(3) would believe errors that others left on this thread.
static int64_t outcome(sk_tls *tls) {
  if (tls->failure == sk_tls_failed_plain) {
    ERR_clear_error();
    return fail(tls, sk_tls_failed_plain, "plain HTTP where TLS is spoken");
  }
  if (SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN && ERR_peek_error() == 0) return SK_TLS_END;
  if (SSL_want_read(tls->ssl) && BIO_should_read(SSL_get_rbio(tls->ssl))) return SK_TLS_WAIT_READ;
  if (SSL_want_write(tls->ssl) && BIO_should_write(SSL_get_wbio(tls->ssl))) return SK_TLS_WAIT_WRITE;
  if (tls->state.system_error) {
    ERR_clear_error();
    return fail(tls, sk_tls_failed_io, strerror(tls->state.system_error));
  }
  sk_tls_text why;
  int reason = sk_tls_take_error(&why);
  long verified = SSL_get_verify_result(tls->ssl);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK)
    snprintf(why.words, sizeof why.words, "%s", X509_verify_cert_error_string(verified));
  sk_tls_failure_kind kind = sk_tls_kind(reason);
  int64_t failed = fail(tls, kind, why.words);
  return kind == sk_tls_failed_io && tls->state.is_established ? SK_TLS_TRUNCATED : failed;
}

int64_t sk_tls_handshake(sk_tls *tls) {
  ERR_clear_error();
  if (SSL_do_handshake(tls->ssl) != 1) return outcome(tls);
  tls->state.is_established = 1;
  // Of a ticket that came in place of the one that was shown, OpenSSL tells in TLS 1.3 only.
  if (SSL_session_reused(tls->ssl) && !SSL_is_server(tls->ssl) && !tls->session) tls->session = SSL_get1_session(tls->ssl);
  return SK_TLS_DONE;
}

/// What went wrong with one connection must not be taken for another's. Clearing costs 800 instructions, to ask whether there is anything 50.
static void forget_errors(void) {
  if (ERR_peek_error()) ERR_clear_error();
}

int64_t sk_tls_read(sk_tls *tls, void *to, size_t room) {
  size_t filled = 0;
  tls->state.read_waits_for_write = 0;
  if (tls->next_read == SK_TLS_WAIT_WRITE) tls->next_read = 0;  // tried again; the others are final
  if (tls->next_read) return tls->next_read;
  forget_errors();
  while (filled < room) {
    size_t count = 0;
    int64_t result = SK_TLS_DONE;
    if (SSL_read_ex(tls->ssl, (char *)to + filled, room - filled, &count) == 1) filled += count;
    else result = outcome(tls);
    if (result == SK_TLS_WAIT_WRITE) tls->state.read_waits_for_write = 1;
    if (tls->state.key_updates > SK_TLS_KEY_UPDATES) result = fail(tls, sk_tls_failed_key_updates, "too many key updates");
    if (result == SK_TLS_DONE) {
      if (!sk_tls_has_more(tls)) break;
      continue;
    }
    if (!filled) return result;
    if (result != SK_TLS_WAIT_READ) tls->next_read = result;
    break;
  }
  return (int64_t)filled;
}

int32_t sk_tls_has_more(const sk_tls *tls) { return tls->next_read || tls->state.may_receive || SSL_has_pending(tls->ssl); }

int64_t sk_tls_write(sk_tls *tls, const void *from, size_t count) {
  size_t sent = 0;
  forget_errors();
  while (sent < count) {
    size_t step = 0;
    if (SSL_write_ex(tls->ssl, (const char *)from + sent, count - sent, &step) != 1) {
      if (sent) break;  // the next call says why
      return outcome(tls);
    }
    sent += step;
  }
  return (int64_t)sent;
}

int32_t sk_tls_say_goodbye(sk_tls *tls) {
  if (!tls->state.is_established || tls->state.is_failed || tls->said_goodbye) return 1;
  ERR_clear_error();
  tls->said_goodbye = SSL_shutdown(tls->ssl) >= 0 || !BIO_should_write(SSL_get_wbio(tls->ssl));
  ERR_clear_error();
  return tls->said_goodbye;
}

sk_tls_failure_kind sk_tls_failure(const sk_tls *tls) { return tls->failure; }
const char *sk_tls_failure_words(const sk_tls *tls) { return tls->words ? tls->words : "no memory"; }

// MARK: What it is like

int32_t sk_tls_version(const sk_tls *tls) { return SSL_version(tls->ssl); }
const char *sk_tls_cipher(const sk_tls *tls) { return SSL_get_cipher_name(tls->ssl); }
int32_t sk_tls_is_resumed(const sk_tls *tls) { return SSL_session_reused(tls->ssl); }
const char *sk_tls_server_name(const sk_tls *tls) { return SSL_get_servername(tls->ssl, TLSEXT_NAMETYPE_host_name); }
const void *sk_tls_context_of(const sk_tls *tls) { return SSL_CTX_get_app_data(SSL_get_SSL_CTX(tls->ssl)); }

size_t sk_tls_alpn(const sk_tls *tls, const uint8_t **protocol) {
  unsigned length = 0;
  SSL_get0_alpn_selected(tls->ssl, protocol, &length);
  return length;
}

size_t sk_tls_hello(sk_tls *tls, const uint8_t **bytes) {
  *bytes = tls->hello;
  return tls->hello_length;
}
void sk_tls_forget_hello(sk_tls *tls) {
  free(tls->hello);
  tls->hello = NULL;
  tls->hello_length = 0;
}

int32_t sk_tls_peer_is(const sk_tls *tls, const char *host) {
  X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
  if (!certificate) return 0;
  int matches = X509_check_ip_asc(certificate, host, 0);
  if (matches == -2) matches = X509_check_host(certificate, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, NULL);
  ERR_clear_error();
  return matches == 1;
}
