// A key-value store as functions read it (spec/cloudfront-functions.md section 10.1): filled once, then never changed,
// so that any number of threads may look keys up without a lock. Lookups neither allocate nor call the system, and may
// be abandoned at any instruction (design/rewrite-engine.md, "Hard limits").
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Borrowed bytes. Nothing here is zero terminated.
typedef struct { const uint8_t *bytes; size_t count; } sk_slice;

/// A store: a hash table over one block of keys and values.
typedef struct sk_store sk_store;

/// What came of adding an entry.
typedef enum {
  SK_STORE_ADDED,
  SK_STORE_DUPLICATE,  ///< the key is there already; nothing was changed
  SK_STORE_FULL,       ///< more than `SK_STORE_BYTES_MAX` or `SK_STORE_KEYS_MAX`
  SK_STORE_NO_MEMORY,
} sk_store_added;

/// Bytes of all entries (keys, values and 8 more of each), and entries, that one store can hold.
static const size_t SK_STORE_BYTES_MAX = (size_t)2 << 30, SK_STORE_KEYS_MAX = (size_t)1 << 27;

// --- Filling, on one thread, before anyone else sees the store

/// What a store says of itself; copied. `id` is a UUID's text; `name`: what may stand for the id in `cf.kvs(id)`, empty
/// for nothing; the times are ISO 8601 texts.
typedef struct { sk_slice id, name, created, modified; } sk_store_labels;

/// An empty store whose hashes depend on `seed`, which is to be random: keys come from viewers. NULL: no memory.
sk_store *sk_store_create(const sk_store_labels *labels, const uint64_t seed[2]);
/// Makes room for `keys` entries of `bytes` bytes in all, as a hint.
void sk_store_reserve(sk_store *store, size_t keys, size_t bytes);
/// Adds an entry; copies both.
sk_store_added sk_store_add(sk_store *store, sk_slice key, sk_slice value);
/// Gives back memory that filling did not use. Nothing may be added after it.
void sk_store_finish(sk_store *store);
/// The id that a store of this name has where its owner chooses none: the UUID of version 5 (RFC 9562) in the namespace of
/// URLs for `skerry:key-value-store/NAME`, as `uuidgen --sha1 --namespace @url --name …` prints it. False: no SHA-1 here.
bool sk_store_default_id(sk_slice name, char id[36]);
/// Frees the store. No run may still use it.
void sk_store_destroy(sk_store *store);

// --- Reading, on any thread

/// Finds a key, byte for byte. The value is valid as long as the store. False: not there, `value` untouched.
bool sk_store_find(const sk_store *store, sk_slice key, sk_slice *value);
size_t sk_store_count(const sk_store *store);
/// Tells stores apart, also from those that are gone: above 0.
uint64_t sk_store_serial(const sk_store *store);
/// A UUID, in lower case.
sk_slice sk_store_id(const sk_store *store);
/// Whether `cf.kvs(id)` means this store: its id in any case, or its name where it has one.
bool sk_store_answers_to(const sk_store *store, sk_slice id);
/// When it was made and last changed: ISO 8601.
sk_slice sk_store_created(const sk_store *store);
sk_slice sk_store_modified(const sk_store *store);
/// Whether two stores have the same labels and the same entries in the same order.
bool sk_store_equal(const sk_store *a, const sk_store *b);
/// Bytes of memory it takes.
size_t sk_store_memory(const sk_store *store);
