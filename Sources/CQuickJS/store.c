// Owns reading a key-value store: one or two cache lines of the table, and those of the record. Nothing here calls
// anything: runs do (Tests/RewriteEngineTests/SymbolTests.swift).
#include "store.h"

// --- Hashing: SipHash-1-3 (Aumasson and Bernstein, 2012), a keyed hash, so that no viewer can choose keys that collide

static inline uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void sip_round(uint64_t v[4]) {
  v[0] += v[1]; v[1] = rotated(v[1], 13) ^ v[0]; v[0] = rotated(v[0], 32);
  v[2] += v[3]; v[3] = rotated(v[3], 16) ^ v[2];
  v[0] += v[3]; v[3] = rotated(v[3], 21) ^ v[0];
  v[2] += v[1]; v[1] = rotated(v[1], 17) ^ v[2]; v[2] = rotated(v[2], 32);
}

uint32_t sk_store_hash(const sk_store *store, sk_slice key) {
  const uint64_t *seed = store->seed;
  uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575, seed[1] ^ 0x646f72616e646f6d, seed[0] ^ 0x6c7967656e657261, seed[1] ^ 0x7465646279746573};
  size_t whole = key.count & ~(size_t)7;
  for (size_t i = 0; i < whole; i += 8) {
    uint64_t word;
    memcpy(&word, key.bytes + i, 8);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
  }
  uint64_t last = (uint64_t)key.count << 56;
  if (key.count > whole) memcpy(&last, key.bytes + whole, key.count - whole);  // little endian: byte 7 keeps the length
  v[3] ^= last;
  sip_round(v);
  v[0] ^= last;
  v[2] ^= 0xff;
  for (int i = 0; i < 3; i++) sip_round(v);
  return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

// --- Records

static inline sk_slice key_at(const sk_store *store, uint32_t record) {
  uint32_t count;
  memcpy(&count, store->records + record, 4);
  return (sk_slice){store->records + record + RECORD_HEAD, count};
}

static inline sk_slice value_at(const sk_store *store, uint32_t record) {
  sk_slice key = key_at(store, record);
  uint32_t count;
  memcpy(&count, store->records + record + 4, 4);
  return (sk_slice){key.bytes + key.count, count};
}

sk_slot *sk_store_slot(const sk_store *store, sk_slice key, uint32_t hash) {
  size_t mask = store->slot_count - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {  // ends: at least half of the slots are empty
    sk_slot *slot = &store->slots[i];
    if (slot->record == 0 || (slot->hash == hash && sk_slice_equal(key_at(store, slot->record), key))) return slot;
  }
}

// --- Reading

bool sk_store_find(const sk_store *store, sk_slice key, sk_slice *value) {
  const sk_slot *slot = sk_store_slot(store, key, sk_store_hash(store, key));
  if (slot->record == 0) return false;
  *value = value_at(store, slot->record);
  return true;
}

size_t sk_store_count(const sk_store *store) { return store->count; }
uint64_t sk_store_serial(const sk_store *store) { return store->serial; }
sk_slice sk_store_id(const sk_store *store) { return store->labels.id; }
sk_slice sk_store_created(const sk_store *store) { return store->labels.created; }
sk_slice sk_store_modified(const sk_store *store) { return store->labels.modified; }

bool sk_store_answers_to(const sk_store *store, sk_slice id) {
  const sk_store_labels *own = &store->labels;
  if (own->name.count && sk_slice_equal(own->name, id)) return true;
  if (id.count != own->id.count) return false;
  for (size_t i = 0; i < id.count; i++) {
    uint8_t byte = id.bytes[i];
    if ((byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != own->id.bytes[i]) return false;
  }
  return true;
}

size_t sk_store_memory(const sk_store *store) {
  return sizeof *store + store->slot_count * sizeof *store->slots + store->capacity;
}
