// Stands for arena.c under AddressSanitizer: every block of the engine comes from malloc, so that each is watched by itself. There
// is nothing to put back: one run, then the process ends.
#include "arena.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 8 << 20, BLOCK_MAX = 1 << 26 };  // bytes in use, in one block; the engine's own part is larger than in an arena

struct sk_arena {
  size_t used;
  void (*exhausted)(void *);
  void *exhausted_argument;
};

void *sk_arena_malloc(void *opaque, size_t size) {
  sk_arena *arena = opaque;
  if (size <= BLOCK_MAX && arena->used + size <= LIMIT) {
    void *block = malloc(size ? size : 1);
    if (block) arena->used += malloc_usable_size(block);
    return block;
  }
  if (arena->exhausted) arena->exhausted(arena->exhausted_argument);
  return NULL;
}

void sk_arena_free(void *opaque, void *pointer) {
  if (!pointer) return;
  ((sk_arena *)opaque)->used -= malloc_usable_size(pointer);
  free(pointer);
}

void *sk_arena_calloc(void *opaque, size_t count, size_t size) {
  size_t total;
  void *block = __builtin_mul_overflow(count, size, &total) ? NULL : sk_arena_malloc(opaque, total);
  return block ? memset(block, 0, total) : NULL;
}

/// Always moves, so that whoever keeps the old address is found out.
void *sk_arena_realloc(void *opaque, void *pointer, size_t size) {
  if (!pointer) return sk_arena_malloc(opaque, size);
  void *moved = size ? sk_arena_malloc(opaque, size) : NULL;
  size_t before = malloc_usable_size(pointer);
  if (size && !moved) return NULL;
  if (moved) memcpy(moved, pointer, before < size ? before : size);
  sk_arena_free(opaque, pointer);
  return moved;
}

size_t sk_arena_usable_size(const void *pointer) { return pointer ? malloc_usable_size((void *)pointer) : 0; }

sk_arena *sk_arena_create(size_t capacity) {
  (void)capacity;
  return calloc(1, sizeof(sk_arena));
}
void sk_arena_set_exhausted(sk_arena *arena, void (*exhausted)(void *), void *argument) {
  arena->exhausted = exhausted;
  arena->exhausted_argument = argument;
}
void *sk_arena_opaque(const sk_arena *arena) { return (void *)arena; }
const void *sk_arena_start(const sk_arena *arena) { return arena; }
void sk_arena_destroy(sk_arena *arena) { (void)arena; }
bool sk_arena_snapshot(sk_arena *arena, size_t limit) { return (void)arena, (void)limit, true; }
void sk_arena_enter(sk_arena *arena) { (void)arena; }
void sk_arena_leave(void) {}
void sk_arena_restore(sk_arena *arena) { (void)arena; }
bool sk_arena_is_pristine(const sk_arena *arena) { return (void)arena, true; }
size_t sk_arena_hot_bytes(const sk_arena *arena) { return (void)arena, 0; }
size_t sk_arena_base_bytes(const sk_arena *arena) { return (void)arena, 0; }
size_t sk_arena_high_water(const sk_arena *arena) { return (void)arena, 0; }
void sk_arena_forget_free(sk_arena *arena) { (void)arena; }
uint64_t sk_arena_allocated(const sk_arena *arena) { return (void)arena, 0; }

/// Of snapshot.h, which is left out with the arena: no page is ever protected here.
void sk_snapshot_install(int blocked) { (void)blocked; }
