// What the C files of this module share.
#pragma once
#include "COpenSSL.h"
#include <openssl/ssl.h>

enum { STATUS_LIMIT = 4 };

/// A certificate of a context and the OCSP response that goes with it.
struct stapled {
  X509 *certificate;
  uint8_t *response;
  size_t length;
};

struct sk_tls_context {
  SSL_CTX *ssl;
  sk_tls_tickets *tickets;
  sk_tls_choose choose;
  void *owner;
  uint8_t *alpn;
  size_t alpn_length;
  int keeps_hello;
  int ignores_expiry;
  struct stapled stapled[STATUS_LIMIT];
  int stapled_count;
};

struct sk_tls {
  sk_tls_state state;
  SSL *ssl;
  int socket;
  int is_first;  // nothing has been received yet
  sk_tls_failure_kind failure;
  int64_t next_read;  // what a read came upon behind the bytes it brought; 0 for nothing
  int said_goodbye;   // close_notify has been taken by the socket, or there is nobody to say it to
  uint8_t *hello;
  size_t hello_length;
  SSL_SESSION *session;
  char *words;  // of the failure
};

/// Puts the oldest error of the thread's queue into words and empties it. Returns its reason code, 0 when there is none.
int sk_tls_take_error(sk_tls_text *why);
/// The last second, since 1970, of the peer's certificate that a session was made with; INT64_MAX when it showed none.
int64_t sk_tls_certificate_end(SSL_SESSION *session);
/// The kind of failure that a reason code of OpenSSL's means.
sk_tls_failure_kind sk_tls_kind(int reason);
/// Callbacks of connections that contexts are made with.
void sk_tls_saw_message(int sent, int version, int type, const void *bytes, size_t count, SSL *ssl, void *argument);
int sk_tls_got_session(SSL *ssl, SSL_SESSION *session);
SSL_TICKET_RETURN sk_tls_opened_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *argument);
/// Seconds for which a ticket can certainly be opened.
long sk_tls_tickets_lifetime(const sk_tls_tickets *tickets);
int sk_tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing);
