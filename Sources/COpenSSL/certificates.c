// What certificates say, and digests.
#include "internal.h"
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// MARK: Names

typedef void (*take_name)(void *context, const char *name);

static void take_alternative(const GENERAL_NAME *name, void *context, take_name take) {
  int type = 0;
  const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);
  const unsigned char *bytes = type == GEN_DNS || type == GEN_IPADD ? ASN1_STRING_get0_data(value) : NULL;
  int length = bytes ? ASN1_STRING_length(value) : 0;
  char text[256];
  if (type == GEN_DNS && length > 0 && length < (int)sizeof text && !memchr(bytes, 0, (size_t)length)) {
    memcpy(text, bytes, (size_t)length);
    text[length] = 0;
    take(context, text);
  } else if (type == GEN_IPADD && (length == 4 || length == 16) && inet_ntop(length == 4 ? AF_INET : AF_INET6, bytes, text, sizeof text)) {
    take(context, text);
  }
}

static void take_names(X509 *certificate, void *context, take_name take) {
  GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
  if (names) {
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) take_alternative(sk_GENERAL_NAME_value(names, i), context, take);
    GENERAL_NAMES_free(names);
    return;
  }
  char text[256];
  if (X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text) > 0) take(context, text);
}

static int64_t seconds(const ASN1_TIME *time) {
  struct tm parts;
  return ASN1_TIME_to_tm(time, &parts) ? (int64_t)timegm(&parts) : 0;
}

int64_t sk_tls_certificate_end(SSL_SESSION *session) {
  X509 *peer = SSL_SESSION_get0_peer(session);
  return peer ? seconds(X509_get0_notAfter(peer)) : INT64_MAX;
}

static sk_key_kind kind_of(X509 *certificate) {
  EVP_PKEY *key = X509_get0_pubkey(certificate);
  switch (key ? EVP_PKEY_get_base_id(key) : 0) {
    case EVP_PKEY_RSA: case EVP_PKEY_RSA_PSS: return sk_key_rsa;
    case EVP_PKEY_EC: return sk_key_ecdsa;
    case EVP_PKEY_ED25519: return sk_key_ed25519;
    default: return sk_key_other;
  }
}

int32_t sk_certificate_names(const char *path, void *context, take_name take, sk_key_kind *kind, int64_t *expires, sk_tls_text *why) {
  ERR_clear_error();
  BIO *file = BIO_new_file(path, "r");
  X509 *certificate = file ? PEM_read_bio_X509(file, NULL, NULL, NULL) : NULL;
  BIO_free(file);
  if (!certificate) {
    sk_tls_take_error(why);
    return 0;
  }
  take_names(certificate, context, take);
  *kind = kind_of(certificate);
  *expires = seconds(X509_get0_notAfter(certificate));
  X509_free(certificate);
  ERR_clear_error();
  return 1;
}

static void add_name(void *context, const char *name) {
  sk_tls_text *names = context;
  size_t used = strlen(names->words);
  snprintf(names->words + used, sizeof names->words - used, "%s%s", used ? ", " : "", name);
}

void sk_tls_peer_names(const sk_tls *tls, sk_tls_text *names) {
  names->words[0] = 0;
  X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
  if (certificate) take_names(certificate, names, add_name);
  ERR_clear_error();
}

// MARK: Parts

static void hexadecimal(const uint8_t *bytes, size_t count, const char *between, BIO *to) {
  for (size_t i = 0; i < count; i++) BIO_printf(to, "%s%02x", i ? between : "", bytes[i]);
}

static void write_time(const ASN1_TIME *time, BIO *to) {
  struct tm t;
  if (ASN1_TIME_to_tm(time, &t))
    BIO_printf(to, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.tm_year + 1900, t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
}

static void write_part(X509 *certificate, sk_certificate_part part, BIO *to) {
  switch (part) {
    case sk_certificate_serial: {
      const ASN1_INTEGER *serial = X509_get0_serialNumber(certificate);
      hexadecimal(ASN1_STRING_get0_data(serial), (size_t)ASN1_STRING_length(serial), ":", to);
      break;
    }
    case sk_certificate_issuer: X509_NAME_print_ex(to, X509_get_issuer_name(certificate), 0, XN_FLAG_RFC2253); break;
    case sk_certificate_subject: X509_NAME_print_ex(to, X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253); break;
    case sk_certificate_validity:
      BIO_puts(to, "NotBefore=");
      write_time(X509_get0_notBefore(certificate), to);
      BIO_puts(to, ";NotAfter=");
      write_time(X509_get0_notAfter(certificate), to);
      break;
    case sk_certificate_sha256: {
      unsigned char digest[EVP_MAX_MD_SIZE];
      unsigned length = 0;
      if (X509_digest(certificate, EVP_sha256(), digest, &length)) hexadecimal(digest, length, "", to);
      break;
    }
    case sk_certificate_pem: PEM_write_bio_X509(to, certificate); break;
  }
}

void sk_tls_peer_part(const sk_tls *tls, sk_certificate_part part, void *context, void (*take)(void *context, const char *text, size_t length)) {
  X509 *certificate = SSL_get0_peer_certificate(tls->ssl);
  BIO *text = certificate ? BIO_new(BIO_s_mem()) : NULL;
  if (!text) return;
  write_part(certificate, part, text);
  char *bytes = NULL;
  long length = BIO_get_mem_data(text, &bytes);
  if (length > 0) take(context, bytes, (size_t)length);
  BIO_free(text);
  ERR_clear_error();
}

// MARK: Digests

void sk_digest_md5(const uint8_t *bytes, size_t count, uint8_t *digest) { EVP_Digest(bytes, count, digest, NULL, EVP_md5(), NULL); }
void sk_digest_sha256(const uint8_t *bytes, size_t count, uint8_t *digest) { EVP_Digest(bytes, count, digest, NULL, EVP_sha256(), NULL); }
