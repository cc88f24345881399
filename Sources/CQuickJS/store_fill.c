// Owns making key-value stores, before any run sees them (store.h).
#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "store.h"

enum { FIRST_SLOTS = 16, FIRST_BYTES = 1024 };

sk_store *sk_store_create(const sk_store_labels *labels, const uint64_t seed[2]) {
  const sk_slice *from = &labels->id;
  size_t total = 0;
  for (int i = 0; i < 4; i++) total += from[i].count;
  sk_store *store = calloc(1, sizeof *store + total);
  if (!store) return NULL;
  static atomic_ullong stores;
  store->serial = atomic_fetch_add_explicit(&stores, 1, memory_order_relaxed) + 1;
  memcpy(store->seed, seed, sizeof store->seed);
  uint8_t *at = store->label_text;
  sk_slice *to = &store->labels.id;
  for (int i = 0; i < 4; i++) {
    if (from[i].count) memcpy(at, from[i].bytes, from[i].count);
    to[i] = (sk_slice){at, from[i].count};
    at += from[i].count;
  }
  store->slots = calloc(FIRST_SLOTS, sizeof *store->slots);
  store->records = malloc(FIRST_BYTES);
  store->slot_count = FIRST_SLOTS;
  store->capacity = FIRST_BYTES;
  store->used = RECORD_HEAD;
  if (store->slots && store->records) return store;
  sk_store_destroy(store);
  return NULL;
}

static bool grow_slots(sk_store *store, size_t slot_count) {
  sk_slot *slots = calloc(slot_count, sizeof *slots);
  if (!slots) return false;
  size_t mask = slot_count - 1;
  for (size_t i = 0; i < store->slot_count; i++) {
    if (store->slots[i].record == 0) continue;
    size_t to = store->slots[i].hash & mask;
    while (slots[to].record) to = (to + 1) & mask;
    slots[to] = store->slots[i];
  }
  free(store->slots);
  store->slots = slots;
  store->slot_count = slot_count;
  return true;
}

static bool grow_records(sk_store *store, size_t capacity) {
  uint8_t *records = realloc(store->records, capacity);
  if (!records) return false;
  store->records = records;
  store->capacity = capacity;
  return true;
}

void sk_store_reserve(sk_store *store, size_t keys, size_t bytes) {
  size_t slot_count = store->slot_count;
  while (slot_count / 2 < keys && keys <= SK_STORE_KEYS_MAX) slot_count *= 2;
  if (slot_count > store->slot_count) grow_slots(store, slot_count);
  if (bytes > store->capacity && bytes <= SK_STORE_BYTES_MAX) grow_records(store, bytes);
}

sk_store_added sk_store_add(sk_store *store, sk_slice key, sk_slice value) {
  size_t room = SK_STORE_BYTES_MAX - store->used;
  if (key.count > room || value.count > room - key.count || RECORD_HEAD > room - key.count - value.count ||
      store->count >= SK_STORE_KEYS_MAX)
    return SK_STORE_FULL;
  size_t end = store->used + RECORD_HEAD + key.count + value.count;
  if (end > store->capacity && !grow_records(store, end > store->capacity * 2 ? end : store->capacity * 2)) return SK_STORE_NO_MEMORY;
  if (store->count + 1 > store->slot_count / 2 && !grow_slots(store, store->slot_count * 2)) return SK_STORE_NO_MEMORY;
  uint32_t hash = sk_store_hash(store, key);
  sk_slot *slot = sk_store_slot(store, key, hash);
  if (slot->record) return SK_STORE_DUPLICATE;
  uint32_t counts[2] = {(uint32_t)key.count, (uint32_t)value.count};
  uint8_t *at = store->records + store->used;
  memcpy(at, counts, RECORD_HEAD);
  if (key.count) memcpy(at + RECORD_HEAD, key.bytes, key.count);
  if (value.count) memcpy(at + RECORD_HEAD + key.count, value.bytes, value.count);
  *slot = (sk_slot){hash, (uint32_t)store->used};
  store->used = end;
  store->count++;
  return SK_STORE_ADDED;
}

void sk_store_finish(sk_store *store) { grow_records(store, store->used); }

bool sk_store_default_id(sk_slice name, char id[36]) {
  static const uint8_t url_namespace[16] = {0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8};
  static const char prefix[] = "skerry:key-value-store/";
  uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *sha1 = EVP_MD_CTX_new();
  bool done = sha1 && EVP_DigestInit_ex(sha1, EVP_sha1(), NULL) && EVP_DigestUpdate(sha1, url_namespace, sizeof url_namespace) &&
      EVP_DigestUpdate(sha1, prefix, sizeof prefix - 1) && EVP_DigestUpdate(sha1, name.bytes, name.count) &&
      EVP_DigestFinal_ex(sha1, digest, NULL);
  EVP_MD_CTX_free(sha1);
  if (!done) return false;
  digest[6] = (digest[6] & 0x0f) | 0x50;  // version 5
  digest[8] = (digest[8] & 0x3f) | 0x80;  // variant of RFC 9562
  static const char digits[] = "0123456789abcdef";
  for (int i = 0, at = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) id[at++] = '-';
    id[at++] = digits[digest[i] >> 4];
    id[at++] = digits[digest[i] & 15];
  }
  return true;
}

void sk_store_destroy(sk_store *store) {
  free(store->slots);
  free(store->records);
  free(store);
}

bool sk_store_equal(const sk_store *a, const sk_store *b) {
  const sk_slice *labels = &a->labels.id, *others = &b->labels.id;
  for (int i = 0; i < 4; i++)
    if (!sk_slice_equal(labels[i], others[i])) return false;
  // Records lie in the order in which they were added, and nothing lies between them.
  return a->count == b->count && a->used == b->used &&
      memcmp(a->records + RECORD_HEAD, b->records + RECORD_HEAD, a->used - RECORD_HEAD) == 0;
}
