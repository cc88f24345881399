// Verifying signatures of messages with public keys: signed URLs and cookies. A key is not changed once it is read, so that any thread may use
// it; what a verification needs besides is made for it (EVP_DigestVerify(3)).
#include "internal.h"
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sk_public_key {
  EVP_PKEY *key;
};

static void say(sk_tls_text *why, const char *words) { snprintf(why->words, sizeof why->words, "%s", words); }

/// Whether a text that need not end in a NUL has another in it.
static int holds(const uint8_t *text, size_t length, const char *wanted) {
  size_t count = strlen(wanted);
  for (size_t i = 0; i + count <= length; i++) {
    if (memcmp(text + i, wanted, count) == 0) return 1;
  }
  return 0;
}

static sk_key_kind kind_of(EVP_PKEY *key) {
  char group[32] = "";
  switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA: return sk_key_rsa;
    case EVP_PKEY_EC:
      EVP_PKEY_get_group_name(key, group, sizeof group, NULL);
      return strcmp(group, "prime256v1") == 0 ? sk_key_ecdsa : sk_key_other;
    default: return sk_key_other;
  }
}

sk_public_key *sk_public_key_read(const uint8_t *pem, size_t length, sk_key_kind *kind, int32_t *bits, sk_tls_text *why) {
  if (holds(pem, length, "PRIVATE KEY-----")) {
    say(why, "it is a private key, which belongs to whoever signs; the public one is wanted");
    return NULL;
  }
  if (!holds(pem, length, "-----BEGIN PUBLIC KEY-----")) {
    say(why, "there is no -----BEGIN PUBLIC KEY----- in it");
    return NULL;
  }
  ERR_clear_error();
  BIO *source = BIO_new_mem_buf(pem, (int)length);
  EVP_PKEY *read = source ? PEM_read_bio_PUBKEY(source, NULL, NULL, NULL) : NULL;
  BIO_free(source);
  struct sk_public_key *key = read ? calloc(1, sizeof *key) : NULL;
  if (!key) {
    if (read) EVP_PKEY_free(read);
    sk_tls_take_error(why);
    return NULL;
  }
  key->key = read;
  *kind = kind_of(read);
  *bits = (int32_t)EVP_PKEY_get_bits(read);
  return key;
}

void sk_public_key_free(sk_public_key *key) {
  if (!key) return;
  EVP_PKEY_free(key->key);
  free(key);
}

int32_t sk_public_key_verifies(
    const sk_public_key *key, int32_t is_sha256, const uint8_t *message, size_t message_length, const uint8_t *signature, size_t signature_length) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  // PKCS #1 v1.5 is what RSA keys are used with unless something else is asked for (EVP_PKEY_CTX_set_rsa_padding(3)).
  int good = context && EVP_DigestVerifyInit(context, NULL, is_sha256 ? EVP_sha256() : EVP_sha1(), NULL, key->key) == 1
    && EVP_DigestVerify(context, signature, signature_length, message, message_length) == 1;
  EVP_MD_CTX_free(context);
  if (!good) ERR_clear_error();
  return good;
}
