// Memory of three sizes that a thread borrows and gives back several times a request: blocks of bytes and tables of field lines.
// Each thread keeps what it was given back in a list of its own, so neither side counts references, takes a lock or asks the
// allocator. What one thread took, another may give back: it stays with the latter.
#pragma once
#include <stddef.h>
#include <stdint.h>

typedef enum { SK_BYTES, SK_FIELD_TABLE, SK_FEW_BYTES, SK_BLOCK_KINDS } sk_block_kind;

/// One block of bytes: room for nearly every message head, and one receive of a body.
enum { SK_BYTES_SIZE = 16384 };
/// One table: 128 lines of 20 bytes.
enum { SK_FIELD_TABLE_SIZE = 2560 };
/// One small block of bytes: room for most heads alone. Where hundreds of them lie side by side, the streams of HTTP/2, big ones would put
/// each other out of the processor's caches.
enum { SK_FEW_BYTES_SIZE = 2048 };
/// Blocks of one kind that a thread keeps (4 MiB of bytes, 2 MiB of each other kind); beyond that they go back to the allocator.
enum { SK_BLOCKS_KEPT = 256, SK_SMALL_BLOCKS_KEPT = 1024 };

typedef struct sk_free_block { struct sk_free_block *next; } sk_free_block;
typedef struct { sk_free_block *first; size_t count; } sk_free_blocks;
extern __thread sk_free_blocks sk_kept_blocks[SK_BLOCK_KINDS] __attribute__((tls_model("initial-exec")));

/// A fresh block of the allocator's; ends the program when there is no memory, as Swift's own allocation does.
void *sk_block_allocate(sk_block_kind kind);
void sk_block_free(void *block);
/// Gives everything the calling thread keeps back to the allocator: before it ends.
void sk_blocks_forget(void);

static inline void *sk_block_take(sk_block_kind kind) {
  sk_free_blocks *kept = &sk_kept_blocks[kind];
  sk_free_block *block = kept->first;
  if (!block) return sk_block_allocate(kind);
  kept->first = block->next;
  kept->count--;
  return block;
}

static inline void sk_block_give(sk_block_kind kind, void *block) {
  sk_free_blocks *kept = &sk_kept_blocks[kind];
  if (kept->count == (kind == SK_BYTES ? SK_BLOCKS_KEPT : SK_SMALL_BLOCKS_KEPT)) {
    sk_block_free(block);
    return;
  }
  sk_free_block *freed = (sk_free_block *)block;
  freed->next = kept->first;
  kept->first = freed;
  kept->count++;
}
