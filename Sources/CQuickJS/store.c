// Owns key-value stores: one block of records, and an open-addressing table of 8-byte slots over it. A lookup reads one
// or two cache lines of the table and those of the record. Immutable once finished, so readers share it freely.
#include <stdlib.h>
#include <string.h>

#include "include/CKeyValueStore.h"

/// A slot: the key's hash, whose low bits say where probing starts, and where its record is. Probing is linear.
typedef struct { uint32_t hash, record; } sk_slot;

enum {
  FIRST_SLOTS = 16,
  FIRST_BYTES = 1024,
  RECORD_HEAD = 8,  // two uint32_t: bytes of the key, bytes of the value; key and value follow. Also keeps record 0 unused.
};

struct sk_store {
  uint64_t seed[2];
  sk_slot *slots;  // a power of two, at most half of them taken; record 0: empty
  uint8_t *records;
  size_t slot_count, count, used, capacity;
  sk_store_labels labels;
  uint8_t label_text[];
};

// --- Hashing: SipHash-1-3 (Aumasson and Bernstein, 2012), a keyed hash, so that no viewer can choose keys that collide

static inline uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static inline void sip_round(uint64_t v[4]) {
  v[0] += v[1]; v[1] = rotated(v[1], 13) ^ v[0]; v[0] = rotated(v[0], 32);
  v[2] += v[3]; v[3] = rotated(v[3], 16) ^ v[2];
  v[0] += v[3]; v[3] = rotated(v[3], 21) ^ v[0];
  v[2] += v[1]; v[1] = rotated(v[1], 17) ^ v[2]; v[2] = rotated(v[2], 32);
}

static uint32_t hash_of(const uint64_t seed[2], sk_slice key) {
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

static inline bool equal(sk_slice a, sk_slice b) { return a.count == b.count && (a.count == 0 || memcmp(a.bytes, b.bytes, a.count) == 0); }

/// The slot that holds `key`, or the empty one where it would be put.
static sk_slot *slot_for(const sk_store *store, sk_slice key, uint32_t hash) {
  size_t mask = store->slot_count - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {  // ends: at least half of the slots are empty
    sk_slot *slot = &store->slots[i];
    if (slot->record == 0 || (slot->hash == hash && equal(key_at(store, slot->record), key))) return slot;
  }
}

// --- Filling

sk_store *sk_store_create(const sk_store_labels *labels, const uint64_t seed[2]) {
  const sk_slice *from = &labels->id;
  size_t total = 0;
  for (int i = 0; i < 4; i++) total += from[i].count;
  sk_store *store = calloc(1, sizeof *store + total);
  if (!store) return NULL;
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
  uint32_t hash = hash_of(store->seed, key);
  sk_slot *slot = slot_for(store, key, hash);
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

void sk_store_destroy(sk_store *store) {
  free(store->slots);
  free(store->records);
  free(store);
}

// --- Reading

bool sk_store_find(const sk_store *store, sk_slice key, sk_slice *value) {
  const sk_slot *slot = slot_for(store, key, hash_of(store->seed, key));
  if (slot->record == 0) return false;
  *value = value_at(store, slot->record);
  return true;
}

size_t sk_store_count(const sk_store *store) { return store->count; }
sk_slice sk_store_id(const sk_store *store) { return store->labels.id; }
sk_slice sk_store_created(const sk_store *store) { return store->labels.created; }
sk_slice sk_store_modified(const sk_store *store) { return store->labels.modified; }

bool sk_store_answers_to(const sk_store *store, sk_slice id) {
  const sk_store_labels *own = &store->labels;
  if (own->name.count && equal(own->name, id)) return true;
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
