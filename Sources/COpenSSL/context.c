// Contexts: versions, ciphers, certificates, what is asked of the peer.
#include "internal.h"
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int sk_tls_take_error(sk_tls_text *why) {
  unsigned long code = ERR_get_error();
  if (why) {
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    if (reason) snprintf(why->words, sizeof why->words, "%s", reason);
    else if (ERR_SYSTEM_ERROR(code)) snprintf(why->words, sizeof why->words, "%s", strerror(ERR_GET_REASON(code)));
    else snprintf(why->words, sizeof why->words, "%s", code ? "unknown error" : "no memory");
  }
  ERR_clear_error();
  return code && !ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : 0;
}

static int say(sk_tls_text *why, const char *words) {
  snprintf(why->words, sizeof why->words, "%s", words);
  ERR_clear_error();
  return 0;
}

// MARK: Both sides

/// Keys and signatures worth 112 bits, no SHA-1 (SSL_CTX_set_security_level(3)).
enum { SECURITY_LEVEL = 2 };

/// Holds a peer's certificates to the usual level where handshakes are not.
static int verify(X509_STORE_CTX *chain, void *argument) {
  (void)argument;
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(chain), SECURITY_LEVEL);
  return X509_verify_cert(chain);
}

static int set_protocols(SSL_CTX *ssl, const sk_tls_protocols *protocols) {
  // TLS 1.0 and 1.1 sign handshakes with SHA-1 and MD5, which only OpenSSL's level 0 allows.
  int is_old = protocols->minimum < TLS1_2_VERSION;
  SSL_CTX_set_security_level(ssl, is_old ? 0 : SECURITY_LEVEL);
  if (is_old) SSL_CTX_set_cert_verify_callback(ssl, verify, NULL);
  return SSL_CTX_set_min_proto_version(ssl, protocols->minimum) && SSL_CTX_set_max_proto_version(ssl, protocols->maximum) &&
         SSL_CTX_set_cipher_list(ssl, protocols->ciphers) && SSL_CTX_set_ciphersuites(ssl, protocols->suites) &&
         SSL_CTX_set1_groups_list(ssl, "X25519:P-256:P-384");
}

static sk_tls_context *make(const SSL_METHOD *method, const sk_tls_protocols *protocols, sk_tls_text *why) {
  ERR_clear_error();
  sk_tls_context *context = calloc(1, sizeof *context);
  SSL_CTX *ssl = context ? SSL_CTX_new(method) : NULL;
  if (!ssl || !set_protocols(ssl, protocols)) {
    sk_tls_take_error(why);
    SSL_CTX_free(ssl);
    free(context);
    return NULL;
  }
  context->ssl = ssl;
  SSL_CTX_set_app_data(ssl, context);
  // One receive of what there is, not one for each record's header and body; no buffers while nothing is under way.
  SSL_CTX_set_read_ahead(ssl, 1);
  SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_verify_depth(ssl, SK_TLS_CHAIN_DEPTH);
  SSL_CTX_set_msg_callback(ssl, sk_tls_saw_message);
  return context;
}

void sk_tls_context_free(sk_tls_context *context) {
  if (!context) return;
  for (int i = 0; i < context->stapled_count; i++) {
    X509_free(context->stapled[i].certificate);
    free(context->stapled[i].response);
  }
  SSL_CTX_free(context->ssl);
  free(context->alpn);
  free(context);
}

static int keep_alpn(sk_tls_context *context, const uint8_t *alpn, size_t length) {
  if (length == 0) return 1;
  context->alpn = malloc(length);
  if (!context->alpn) return 0;
  memcpy(context->alpn, alpn, length);
  context->alpn_length = length;
  return 1;
}

// MARK: Servers

/// The first of this side's protocols that the viewer speaks too; else the connection ends (RFC 7301, 3.2). HTTP/2 needs TLS 1.2 (RFC 9113, 9.2).
static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_length, const unsigned char *offered, unsigned offered_length, void *argument) {
  sk_tls_context *context = argument;
  int is_old = SSL_version(ssl) < TLS1_2_VERSION;
  unsigned length = 0;
  for (const uint8_t *mine = context->alpn; mine < context->alpn + context->alpn_length; mine += length) {
    length = 1u + mine[0];
    if (is_old && length == 3 && memcmp(mine, "\2h2", 3) == 0) continue;
    unsigned char *chosen = NULL;
    if (SSL_select_next_proto(&chosen, out_length, mine, length, offered, offered_length) != OPENSSL_NPN_NEGOTIATED) continue;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static int selected_name(SSL *ssl, int *alert, void *argument) {
  (void)alert;
  sk_tls_context *context = argument;
  const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  char name[TLSEXT_MAXLEN_host_name + 1];
  if (asked) {
    size_t length = strnlen(asked, TLSEXT_MAXLEN_host_name);
    if (length > 0 && asked[length - 1] == '.') length--;  // the root's, which is no part of the name (RFC 6066, 3)
    for (size_t i = 0; i < length; i++) name[i] = asked[i] >= 'A' && asked[i] <= 'Z' ? (char)(asked[i] | 32) : asked[i];
    name[length] = 0;
  }
  sk_tls_context *chosen = context->choose ? context->choose(context->owner, asked ? name : NULL) : NULL;
  if (chosen && chosen != context) SSL_set_SSL_CTX(ssl, chosen->ssl);
  return asked ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/// The OCSP response of the certificate that is shown.
static int staple(SSL *ssl, void *argument) {
  (void)argument;
  sk_tls_context *context = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
  X509 *shown = SSL_get_certificate(ssl);
  for (int i = 0; i < context->stapled_count; i++) {
    struct stapled *stapled = &context->stapled[i];
    if (!stapled->response || !shown || X509_cmp(stapled->certificate, shown) != 0) continue;
    unsigned char *copy = OPENSSL_memdup(stapled->response, stapled->length);
    if (!copy) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)stapled->length);
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

sk_tls_context *sk_tls_server_context(
    const sk_tls_protocols *protocols, sk_tls_tickets *tickets, const uint8_t *alpn, size_t alpn_length, const uint8_t *scope, size_t scope_length,
    sk_tls_text *why) {
  sk_tls_context *context = make(TLS_server_method(), protocols, why);
  if (!context) return NULL;
  SSL_CTX *ssl = context->ssl;
  context->tickets = tickets;
  if (!keep_alpn(context, alpn, alpn_length) || !SSL_CTX_set_session_id_context(ssl, scope, (unsigned)scope_length)) {
    sk_tls_take_error(why);
    sk_tls_context_free(context);
    return NULL;
  }
  SSL_CTX_set_options(ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
  // Sessions live in tickets only: no worker needs to know what another has seen. One is enough for a viewer's next connection.
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(ssl, 1);
  SSL_CTX_set_timeout(ssl, sk_tls_tickets_lifetime(tickets));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ssl, sk_tls_ticket_key);
  SSL_CTX_set_session_ticket_cb(ssl, NULL, sk_tls_opened_ticket, NULL);
  SSL_CTX_set_max_early_data(ssl, 0);
  SSL_CTX_set_tlsext_servername_callback(ssl, selected_name);
  SSL_CTX_set_tlsext_servername_arg(ssl, context);
  SSL_CTX_set_tlsext_status_cb(ssl, staple);
  if (alpn_length) SSL_CTX_set_alpn_select_cb(ssl, select_alpn, context);
  return context;
}

static int no_password(char *buffer, int size, int writing, void *argument) {
  (void)buffer, (void)size, (void)writing, (void)argument;
  return -1;
}

int32_t sk_tls_add_certificate(sk_tls_context *context, const char *chain, const char *key, int32_t *is_key, sk_tls_text *why) {
  ERR_clear_error();
  *is_key = 0;
  if (context->stapled_count == STATUS_LIMIT) return say(why, "too many certificates for one name");
  SSL_CTX_set_default_passwd_cb(context->ssl, no_password);
  if (SSL_CTX_use_certificate_chain_file(context->ssl, chain) != 1) {
    sk_tls_take_error(why);
    return 0;
  }
  *is_key = 1;
  // A key of another kind makes the certificate of that kind the present one, which it may well fit.
  X509 *certificate = SSL_CTX_get0_certificate(context->ssl);
  if (SSL_CTX_use_PrivateKey_file(context->ssl, key, SSL_FILETYPE_PEM) != 1 ||
      X509_check_private_key(certificate, SSL_CTX_get0_privatekey(context->ssl)) != 1) {
    sk_tls_take_error(why);
    return 0;
  }
  X509_up_ref(certificate);
  context->stapled[context->stapled_count++] = (struct stapled){certificate, NULL, 0};
  return 1;
}

int32_t sk_tls_add_status(sk_tls_context *context, const uint8_t *response, size_t length, sk_tls_text *why) {
  ERR_clear_error();
  if (context->stapled_count == 0) return say(why, "there is no certificate for it");
  struct stapled *stapled = &context->stapled[context->stapled_count - 1];
  const unsigned char *at = response;
  OCSP_RESPONSE *parsed = d2i_OCSP_RESPONSE(NULL, &at, (long)length);
  int status = parsed ? OCSP_response_status(parsed) : -1;
  OCSP_RESPONSE_free(parsed);
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) return say(why, parsed ? "the responder answered with an error" : "it is no OCSP response in DER form");
  free(stapled->response);
  stapled->response = malloc(length);
  if (!stapled->response) return say(why, "no memory");
  memcpy(stapled->response, response, length);
  stapled->length = length;
  return 1;
}

int32_t sk_tls_ask_certificate(
    sk_tls_context *context, const char *authorities, int32_t required, int32_t advertise, int32_t ignores_expiry, sk_tls_text *why) {
  ERR_clear_error();
  STACK_OF(X509_NAME) *names = NULL;
  if (SSL_CTX_load_verify_file(context->ssl, authorities) != 1 || (advertise && !(names = SSL_load_client_CA_file(authorities)))) {
    sk_tls_take_error(why);
    return 0;
  }
  if (names) SSL_CTX_set_client_CA_list(context->ssl, names);
  SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
  context->ignores_expiry = ignores_expiry;
  if (ignores_expiry) X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl), X509_V_FLAG_NO_CHECK_TIME);
  return 1;
}

void sk_tls_keep_hello(sk_tls_context *context) { context->keeps_hello = 1; }

void sk_tls_choose_by_name(sk_tls_context *context, sk_tls_choose choose, void *owner) {
  context->choose = choose;
  context->owner = owner;
}

// MARK: Clients

sk_tls_context *sk_tls_client_context(
    const sk_tls_protocols *protocols, const char *authorities, const uint8_t *alpn, size_t alpn_length, sk_tls_text *why) {
  sk_tls_context *context = make(TLS_client_method(), protocols, why);
  if (!context) return NULL;
  SSL_CTX *ssl = context->ssl;
  int trusts = authorities ? SSL_CTX_load_verify_file(ssl, authorities) : SSL_CTX_set_default_verify_paths(ssl);
  if (!trusts || (alpn_length && SSL_CTX_set_alpn_protos(ssl, alpn, (unsigned)alpn_length) != 0)) {
    sk_tls_take_error(why);
    sk_tls_context_free(context);
    return NULL;
  }
  SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(ssl, sk_tls_got_session);
  return context;
}

void sk_tls_trust_anybody(sk_tls_context *context) { SSL_CTX_set_verify(context->ssl, SSL_VERIFY_NONE, NULL); }
