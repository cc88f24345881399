// Keys of session tickets (RFC 5077, 4): one to seal with, the one before it to open with. Rule of the lock: it guards all of a
// `sk_tls_tickets`, and is held while keys are looked up or copied, never during a handshake's other work.
#include "internal.h"
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { KEYS = 2, NAME = 16, SECRET = 32 };

struct key {
  unsigned char name[NAME], cipher[SECRET], mac[SECRET];
};

struct sk_tls_tickets {
  pthread_mutex_t lock;
  EVP_CIPHER *cipher;
  struct key keys[KEYS];  // the newest first
  int count;
  int64_t rotation, made;
};

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return time.tv_sec;
}

/// With the lock held, or before anybody else knows them.
static int rotate(sk_tls_tickets *tickets) {
  struct key fresh;
  if (RAND_bytes(fresh.name, NAME) != 1 || RAND_priv_bytes(fresh.cipher, SECRET) != 1 || RAND_priv_bytes(fresh.mac, SECRET) != 1) return 0;
  memmove(&tickets->keys[1], &tickets->keys[0], (KEYS - 1) * sizeof fresh);
  tickets->keys[0] = fresh;
  OPENSSL_cleanse(&fresh, sizeof fresh);
  if (tickets->count < KEYS) tickets->count++;
  tickets->made = now();
  return 1;
}

sk_tls_tickets *sk_tls_tickets_new(int32_t rotation_seconds) {
  sk_tls_tickets *tickets = calloc(1, sizeof *tickets);
  if (!tickets) return NULL;
  pthread_mutex_init(&tickets->lock, NULL);
  tickets->rotation = rotation_seconds;
  tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
  if (tickets->cipher && rotate(tickets)) return tickets;
  sk_tls_tickets_free(tickets);
  return NULL;
}

void sk_tls_tickets_free(sk_tls_tickets *tickets) {
  if (!tickets) return;
  EVP_CIPHER_free(tickets->cipher);
  pthread_mutex_destroy(&tickets->lock);
  OPENSSL_cleanse(tickets, sizeof *tickets);
  free(tickets);
}

int32_t sk_tls_tickets_rotate(sk_tls_tickets *tickets) {
  pthread_mutex_lock(&tickets->lock);
  int done = rotate(tickets);
  pthread_mutex_unlock(&tickets->lock);
  return done;
}

/// The key that seals a ticket is soon or late the one before, for a whole rotation.
long sk_tls_tickets_lifetime(const sk_tls_tickets *tickets) { return (long)tickets->rotation * (KEYS - 1); }

/// With the lock held. As many steps as have been due: a key goes at its time although nobody has shaken hands since.
static void rotate_due(sk_tls_tickets *tickets) {
  int64_t due = (now() - tickets->made) / tickets->rotation;
  for (int i = 0; i < due && i < KEYS; i++)
    if (!rotate(tickets)) return;
}

void sk_tls_tickets_rotate_due(sk_tls_tickets *tickets) {
  pthread_mutex_lock(&tickets->lock);
  rotate_due(tickets);
  pthread_mutex_unlock(&tickets->lock);
}

/// The key to seal with (`name` NULL), or the one of this name. -1 when there is none, else how old it is in rotations.
static int find(sk_tls_tickets *tickets, const unsigned char *name, struct key *key) {
  int found = -1;
  pthread_mutex_lock(&tickets->lock);
  rotate_due(tickets);
  for (int i = 0; i < tickets->count && found < 0; i++)
    if (!name || memcmp(tickets->keys[i].name, name, NAME) == 0) found = i;
  if (found >= 0) *key = tickets->keys[found];
  pthread_mutex_unlock(&tickets->lock);
  return found;
}

int sk_tls_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing) {
  sk_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  struct key key;
  int age = find(context->tickets, sealing ? NULL : name, &key);
  if (age < 0) return 0;  // unknown: a full handshake
  int done = 1;
  if (sealing) {
    memcpy(name, key.name, NAME);
    done = RAND_bytes(iv, EVP_CIPHER_get_iv_length(context->tickets->cipher)) == 1;
  }
  OSSL_PARAM parameters[] = {
    OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, SECRET),
    OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
    OSSL_PARAM_construct_end(),
  };
  done = done && EVP_CipherInit_ex(cipher, context->tickets->cipher, NULL, key.cipher, iv, sealing) == 1 && EVP_MAC_CTX_set_params(mac, parameters) == 1;
  OPENSSL_cleanse(&key, sizeof key);
  // 2: good, and to be replaced by a newer one: in TLS 1.3 always, a ticket is for one connection (RFC 8446, C.4).
  return !done ? -1 : sealing || (age == 0 && SSL_version(ssl) < TLS1_3_VERSION) ? 1 : 2;
}

/// Whether a ClientHello that is being read asks for the name that a session is of (RFC 6066, 3: a list with one name in it).
static int asks_for(SSL *ssl, const SSL_SESSION *session) {
  enum { BEFORE = 5 };  // lengths of the list and of the name, and its type between them
  const char *name = SSL_SESSION_get0_hostname(session);
  const unsigned char *list = NULL;
  size_t length = 0, wanted = name ? strlen(name) : 0;
  if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &list, &length)) return !name;
  return name && length == BEFORE + wanted && strncasecmp((const char *)list + BEFORE, name, wanted) == 0;
}

/// Neither another name's session is resumed (RFC 6066, 3; in TLS 1.3 names are no part of sessions: RFC 8446, 4.2.11), nor one whose viewer's
/// certificate has ended since: a full handshake looks at it again.
SSL_TICKET_RETURN sk_tls_opened_ticket(
    SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t length, SSL_TICKET_STATUS status, void *argument) {
  (void)name, (void)length, (void)argument;
  sk_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION && !asks_for(ssl, session)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  if (!context->ignores_expiry && sk_tls_certificate_end(session) < (int64_t)time(NULL)) return SSL_TICKET_RETURN_IGNORE_RENEW;
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}
