// The module `crypto` of spec/cloudfront-functions.md 9.3: createHash and createHmac.
// Uses libcrypto's one-shot contexts, which are plain computation: no lock, no allocation, state in the arena. The
// newer EVP interface allocates and locks, so a run could not be abandoned in it.
#define OPENSSL_SUPPRESS_DEPRECATED 1
#include "internal.h"

#include <openssl/md5.h>
#include <openssl/sha.h>

enum { BLOCK = 64, DIGEST_MAX = 32 };

typedef enum { HASH_MD5, HASH_SHA1, HASH_SHA256, HASHES } hash_kind;
static const struct { const char *name; size_t digest; } hashes[HASHES] = {{"md5", 16}, {"sha1", 20}, {"sha256", 32}};

/// One hash or HMAC under way.
typedef struct {
  hash_kind kind;
  bool keyed, done;
  uint8_t outer_pad[BLOCK];  // key xor 0x5c (RFC 2104)
  union { MD5_CTX md5; SHA_CTX sha1; SHA256_CTX sha256; } context;
} sk_hash;

static void hash_begin(sk_hash *hash) {
  switch (hash->kind) {
    case HASH_MD5: MD5_Init(&hash->context.md5); break;
    case HASH_SHA1: SHA1_Init(&hash->context.sha1); break;
    default: SHA256_Init(&hash->context.sha256);
  }
}

static void hash_add(sk_hash *hash, const uint8_t *bytes, size_t count) {
  switch (hash->kind) {
    case HASH_MD5: MD5_Update(&hash->context.md5, bytes, count); break;
    case HASH_SHA1: SHA1_Update(&hash->context.sha1, bytes, count); break;
    default: SHA256_Update(&hash->context.sha256, bytes, count);
  }
}

static void hash_end(sk_hash *hash, uint8_t *digest) {
  switch (hash->kind) {
    case HASH_MD5: MD5_Final(digest, &hash->context.md5); break;
    case HASH_SHA1: SHA1_Final(digest, &hash->context.sha1); break;
    default: SHA256_Final(digest, &hash->context.sha256);
  }
}

/// Starts an HMAC (RFC 2104): the inner hash has taken the key.
static void hash_take_key(sk_hash *hash, sk_slice key) {
  uint8_t block[BLOCK] = {0};
  hash_begin(hash);
  if (key.count > BLOCK) {
    hash_add(hash, key.bytes, key.count);
    hash_end(hash, block);
    hash_begin(hash);
  } else if (key.count) {
    memcpy(block, key.bytes, key.count);
  }
  for (int i = 0; i < BLOCK; i++) {
    hash->outer_pad[i] = block[i] ^ 0x5c;
    block[i] ^= 0x36;
  }
  hash_add(hash, block, BLOCK);
}

static void hash_finish(sk_hash *hash, uint8_t *digest) {
  hash_end(hash, digest);
  if (!hash->keyed) return;
  uint8_t inner[DIGEST_MAX];
  memcpy(inner, digest, hashes[hash->kind].digest);
  hash_begin(hash);
  hash_add(hash, hash->outer_pad, BLOCK);
  hash_add(hash, inner, hashes[hash->kind].digest);
  hash_end(hash, digest);
}

void sk_crypto_bind(void) {
  uint8_t digest[DIGEST_MAX];
  for (int kind = 0; kind < HASHES; kind++) {
    sk_hash hash = {.kind = (hash_kind)kind};
    hash_begin(&hash);
    hash_add(&hash, digest, 0);
    hash_end(&hash, digest);
  }
}

static sk_hash *hash_of(JSContext *context, JSValueConst this_value) {
  sk_hash *hash = JS_GetOpaque2(context, this_value, sk_isolate_of(context)->hash_class);
  if (hash && hash->done) {
    JS_ThrowTypeError(context, "Digest already called");
    return NULL;
  }
  return hash;
}

/// The bytes of an argument in the encoding named by the one after it.
static bool input_bytes(JSContext *context, JSValueConst value, JSValueConst encoding_name, sk_slice *bytes) {
  if (!sk_bytes_of(context, value, bytes)) return false;
  sk_encoding encoding = sk_encoding_named(context, encoding_name);
  if (!JS_IsString(value) || encoding == ENCODING_UTF8) return true;
  if (encoding == ENCODING_UNKNOWN) return JS_ThrowTypeError(context, "Unknown encoding"), false;
  uint8_t *decoded = js_malloc(context, bytes->count + 1);
  if (!decoded) return false;
  *bytes = (sk_slice){decoded, sk_decode(*bytes, encoding, decoded)};
  return true;
}

static JSValue update(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  sk_hash *hash = hash_of(context, this_value);
  sk_slice bytes;
  if (!hash || !input_bytes(context, arguments[0], count > 1 ? arguments[1] : JS_UNDEFINED, &bytes)) return JS_EXCEPTION;
  sk_charge_bytes(context, bytes.count);
  hash_add(hash, bytes.bytes, bytes.count);
  return JS_DupValue(context, this_value);
}

static JSValue digest(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)count;
  sk_isolate *isolate = sk_isolate_of(context);
  sk_hash *hash = hash_of(context, this_value);
  if (!hash) return JS_EXCEPTION;
  uint8_t bytes[DIGEST_MAX];
  sk_slice result = {bytes, hashes[hash->kind].digest};
  sk_encoding encoding = ENCODING_UNKNOWN;
  if (!JS_IsUndefined(arguments[0])) {
    encoding = sk_encoding_named(context, arguments[0]);
    if (encoding == ENCODING_UTF8 || encoding == ENCODING_UNKNOWN) return JS_ThrowTypeError(context, "Unknown digest encoding");
  }
  hash->done = true;
  hash_finish(hash, bytes);
  if (encoding != ENCODING_UNKNOWN) return sk_encode(context, result, encoding);
  if (isolate->limits.runtime == SK_RUNTIME_1_0) return sk_encode(context, result, ENCODING_LATIN1);
  return sk_new_buffer(isolate, result);
}

static JSValue create(JSContext *context, JSValueConst *arguments, bool keyed) {
  const char *name = JS_IsString(arguments[0]) ? JS_ToCString(context, arguments[0]) : NULL;
  int kind = 0;
  while (name && kind < HASHES && strcmp(name, hashes[kind].name)) kind++;
  if (!name || kind == HASHES) return JS_ThrowTypeError(context, "not supported algorithm: \"%.40s\"", name ? name : "");
  sk_slice key = {NULL, 0};
  if (keyed && !sk_bytes_of(context, arguments[1], &key)) return JS_EXCEPTION;
  sk_hash *hash = js_mallocz(context, sizeof *hash);
  if (!hash) return JS_EXCEPTION;
  hash->kind = (hash_kind)kind;
  hash->keyed = keyed;
  sk_charge_bytes(context, key.count);
  if (keyed) hash_take_key(hash, key);
  else hash_begin(hash);
  JSValue object = JS_NewObjectClass(context, (JSClassID)sk_isolate_of(context)->hash_class);
  if (!JS_IsException(object)) JS_SetOpaque(object, hash);
  return object;
}

static JSValue create_hash(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  return create(context, arguments, false);
}

static JSValue create_hmac(JSContext *context, JSValueConst this_value, int count, JSValueConst *arguments) {
  (void)this_value, (void)count;
  return create(context, arguments, true);
}

JSValue sk_make_crypto(sk_isolate *isolate) {
  static const JSClassDef class = {.class_name = "Hash"};
  static const JSCFunctionListEntry methods[] = {JS_CFUNC_DEF("update", 1, update), JS_CFUNC_DEF("digest", 1, digest)};
  static const JSCFunctionListEntry functions[] = {JS_CFUNC_DEF("createHash", 1, create_hash), JS_CFUNC_DEF("createHmac", 2, create_hmac)};
  JSContext *context = isolate->context;
  // The class is known to the runtime, so a module made during a run takes its number again after the restore.
  isolate->hash_class = 0;
  JS_NewClassID(isolate->runtime, &isolate->hash_class);
  JSValue prototype = JS_NewObject(context), module = JS_NewObject(context);
  if (JS_IsException(prototype) || JS_IsException(module) || JS_NewClass(isolate->runtime, isolate->hash_class, &class))
    return JS_EXCEPTION;
  if (JS_SetPropertyFunctionList(context, prototype, methods, 2) || JS_SetPropertyFunctionList(context, module, functions, 2))
    return JS_EXCEPTION;
  JS_SetClassProto(context, isolate->hash_class, prototype);
  return module;
}
