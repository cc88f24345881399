// What a key-value store is made of: one block of records, and an open-addressing table of 8-byte slots over it.
// store_fill.c makes stores; store.c reads them, also in runs, which may be abandoned there.
#pragma once
#include <string.h>

#include "include/CKeyValueStore.h"

/// A slot: the key's hash, whose low bits say where probing starts, and where its record is. Probing is linear.
typedef struct { uint32_t hash, record; } sk_slot;

enum {
  RECORD_HEAD = 8,  // two uint32_t: bytes of the key, bytes of the value; key and value follow. Also keeps record 0 unused.
};

struct sk_store {
  uint64_t seed[2];
  sk_slot *slots;  // a power of two, at most half of them taken; record 0: empty
  uint8_t *records;
  size_t slot_count, count, used, capacity;
  uint64_t serial;
  sk_store_labels labels;
  uint8_t label_text[];
};

/// A key's hash: SipHash-1-3 of it with the store's seed, 32 bits of it.
uint32_t sk_store_hash(const sk_store *store, sk_slice key);
/// The slot that holds `key`, or the empty one where it would be put.
sk_slot *sk_store_slot(const sk_store *store, sk_slice key, uint32_t hash);

static inline bool sk_slice_equal(sk_slice a, sk_slice b) {
  return a.count == b.count && (a.count == 0 || memcmp(a.bytes, b.bytes, a.count) == 0);
}
