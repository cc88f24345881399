// See arena.h. Blocks carry 8 bytes of size and class before their payload. Free blocks hang in lists by size class
// (multiples of 16 up to 1 KiB, then 16 steps per power of two); a bitmap finds the next larger class that has one.
// There is no merging: a run is short, and all of it is undone.
#include "arena.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sanitize.h"

enum {
  CLASSES = 384,             // 64 small ones, and 16 for each power of two up to where BLOCK_MAX with its header falls
  SMALL_MAX = 1024,          // up to here one class per 16 bytes
  BLOCK_HEADER = 8,
  BLOCK_MAX = 1 << 26,       // larger requests cannot be in any arena
  KEEP_RESIDENT = 512 * 1024 // what a run used above the base beyond this goes back to the system
};

typedef struct block {
  uint32_t size;       // with header, a multiple of 16
  uint32_t size_class;
  uint32_t next;       // while free: where the next one lies, 0: none; overlaps the payload
} block;

/// The allocator's state, at the start of the mapping. Nearly every run writes to it, and to what the engine allocates
/// right behind; so it is kept small, with offsets from its own address (no arena has 4 GiB) instead of pointers.
typedef struct {
  uint8_t *top, *end, *high_water;  // next fresh byte, hard limit, highest top since restore
  uint64_t nonempty[CLASSES / 64];
  uint32_t free[CLASSES];
  uint64_t allocated;  // bytes asked for since the snapshot, freed ones too
  void (*exhausted)(void *);
  void *exhausted_argument;
} sk_heap;

/// What a restore relies on lies outside of what a run can write.
struct sk_arena {
  sk_heap *heap;
  uint8_t *end;
  size_t base_bytes, capacity;
  sk_snapshot snapshot;
#ifdef SK_SANITIZED
  uint8_t *base_shadow;  // what of the base was poisoned at the snapshot
#endif
};

static size_t round_up(size_t size, size_t unit) { return (size + unit - 1) & ~(unit - 1); }

static inline void raise_top(sk_heap *heap, uint8_t *top) {
  if (top > heap->high_water) heap->high_water = top;
  heap->top = top;
  // A kill may come at any instruction: the mark must be up before the block is written.
  atomic_signal_fence(memory_order_seq_cst);
}

#ifndef SK_SANITIZED

/// The class of a block of `size` bytes (a multiple of 16), and the size every block of that class has.
static inline uint32_t class_of(size_t size, size_t *rounded) {
  if (size <= SMALL_MAX) {
    *rounded = size;
    return (uint32_t)(size >> 4);  // 2...64
  }
  unsigned power = 63 - (unsigned)__builtin_clzll(size - 1);  // size in (2^power, 2^(power+1)]
  size_t step = (size_t)1 << (power - 4);
  *rounded = round_up(size, step);
  return 64 + (power - 10) * 16 + (uint32_t)((*rounded - ((size_t)1 << power)) / step);
}

static inline block *pop(sk_heap *heap, uint32_t size_class) {
  block *taken = (block *)((uint8_t *)heap + heap->free[size_class]);
  heap->free[size_class] = taken->next;
  if (!taken->next) heap->nonempty[size_class >> 6] &= ~(1ull << (size_class & 63));
  return taken;
}

/// A free block of a larger class, whole.
static block *pop_larger(sk_heap *heap, uint32_t size_class) {
  for (uint32_t word = size_class >> 6; word < CLASSES / 64; word++) {
    uint64_t bits = heap->nonempty[word];
    if (word == size_class >> 6) bits &= ~0ull << (size_class & 63);
    if (bits) return pop(heap, word * 64 + (uint32_t)__builtin_ctzll(bits));
  }
  return NULL;
}

static inline size_t block_size_for(size_t size) {
  size_t total = round_up(size + BLOCK_HEADER, 16);
  return total < 32 ? 32 : total;
}

void *sk_arena_malloc(void *opaque, size_t size) {
  sk_heap *heap = opaque;
  heap->allocated += size;
  if (size < BLOCK_MAX) {
    size_t rounded;
    uint32_t size_class = class_of(block_size_for(size), &rounded);
    if (heap->free[size_class]) return (uint8_t *)pop(heap, size_class) + BLOCK_HEADER;
    if ((size_t)(heap->end - heap->top) >= rounded) {
      block *fresh = (block *)heap->top;
      raise_top(heap, heap->top + rounded);
      fresh->size = (uint32_t)rounded;
      fresh->size_class = size_class;
      return (uint8_t *)fresh + BLOCK_HEADER;
    }
    block *larger = pop_larger(heap, size_class);
    if (larger) return (uint8_t *)larger + BLOCK_HEADER;
  }
  if (heap->exhausted) heap->exhausted(heap->exhausted_argument);
  return NULL;
}

void sk_arena_free(void *opaque, void *pointer) {
  if (!pointer) return;
  sk_heap *heap = opaque;
  block *freed = (block *)((uint8_t *)pointer - BLOCK_HEADER);
  if ((uint8_t *)freed + freed->size == heap->top) {
    heap->top = (uint8_t *)freed;
    return;
  }
  uint32_t size_class = freed->size_class;
  freed->next = heap->free[size_class];
  heap->free[size_class] = (uint32_t)((uint8_t *)freed - (uint8_t *)heap);
  heap->nonempty[size_class >> 6] |= 1ull << (size_class & 63);
}

size_t sk_arena_usable_size(const void *pointer) {
  return pointer ? ((const block *)((const uint8_t *)pointer - BLOCK_HEADER))->size - BLOCK_HEADER : 0;
}

void *sk_arena_realloc(void *opaque, void *pointer, size_t size) {
  sk_heap *heap = opaque;
  if (!pointer) return sk_arena_malloc(heap, size);
  if (!size) {
    sk_arena_free(heap, pointer);
    return NULL;
  }
  block *old = (block *)((uint8_t *)pointer - BLOCK_HEADER);
  if (size <= old->size - BLOCK_HEADER) return pointer;
  if ((uint8_t *)old + old->size == heap->top && size < BLOCK_MAX) {  // the last block grows where it is
    size_t rounded;
    uint32_t size_class = class_of(block_size_for(size), &rounded);
    if ((size_t)(heap->end - (uint8_t *)old) >= rounded) {
      raise_top(heap, (uint8_t *)old + rounded);
      heap->allocated += size - (old->size - BLOCK_HEADER);
      old->size = (uint32_t)rounded;
      old->size_class = size_class;
      return pointer;
    }
  }
  void *moved = sk_arena_malloc(heap, size);
  if (!moved) return NULL;
  memcpy(moved, pointer, old->size - BLOCK_HEADER);
  sk_arena_free(heap, pointer);
  return moved;
}

#else

// Under AddressSanitizer a block has the bytes asked for and no more, poison on both sides, and is never given out again:
// a run ends soon, and then all of it is undone.

enum { RED_ZONE = 24 };  // before a payload; its last 8 bytes hold the size

SK_BARE static size_t size_of_block(const void *pointer) { return *((const size_t *)pointer - 1); }
SK_BARE static void set_size_of_block(void *pointer, size_t size) { *((size_t *)pointer - 1) = size; }

void *sk_arena_malloc(void *opaque, size_t size) {
  sk_heap *heap = opaque;
  heap->allocated += size;
  if (!size) size = 1;
  size_t total = round_up(size + RED_ZONE, 16);
  if (size >= BLOCK_MAX || total > (size_t)(heap->end - heap->top)) {
    if (heap->exhausted) heap->exhausted(heap->exhausted_argument);
    return NULL;
  }
  uint8_t *payload = heap->top + RED_ZONE;
  raise_top(heap, heap->top + total);
  set_size_of_block(payload, size);
  sk_unpoison(payload, size);
  return payload;
}

void sk_arena_free(void *opaque, void *pointer) {
  (void)opaque;
  if (!pointer) return;
  (void)*(const volatile uint8_t *)pointer;  // what was freed before is poisoned
  sk_poison(pointer, size_of_block(pointer));
}

size_t sk_arena_usable_size(const void *pointer) { return pointer ? size_of_block(pointer) : 0; }

void *sk_arena_realloc(void *opaque, void *pointer, size_t size) {
  void *moved = size || !pointer ? sk_arena_malloc(opaque, size) : NULL;
  if (!pointer || (size && !moved)) return moved;
  if (moved) memcpy(moved, pointer, size < size_of_block(pointer) ? size : size_of_block(pointer));
  sk_arena_free(opaque, pointer);
  return moved;
}

#endif

void *sk_arena_calloc(void *opaque, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  void *pointer = sk_arena_malloc(opaque, total);
  if (pointer) memset(pointer, 0, total);
  return pointer;
}

// --- Snapshots

/// Notes what of the base is poisoned. False: no memory.
static bool keep_poison(sk_arena *arena) {
#ifdef SK_SANITIZED
  size_t count = arena->base_bytes / SK_SHADOW_UNIT;
  arena->base_shadow = malloc(count);
  if (!arena->base_shadow) return false;
  sk_bare_copy(arena->base_shadow, sk_shadow_of(arena->heap), count);
#else
  (void)arena;
#endif
  return true;
}

/// Poisons what was poisoned in the base, and everything above.
static void put_back_poison(sk_arena *arena, size_t above) {
#ifdef SK_SANITIZED
  sk_bare_copy(sk_shadow_of(arena->heap), arena->base_shadow, arena->base_bytes / SK_SHADOW_UNIT);
#endif
  sk_poison((uint8_t *)arena->heap + arena->base_bytes, round_up(above, 16));
}

sk_arena *sk_arena_create(size_t capacity) {
  capacity = round_up(capacity, SK_PAGE);
  uint8_t *mapping = mmap(NULL, capacity + 2 * SK_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return NULL;
  sk_arena *arena = calloc(1, sizeof *arena);
  if (!arena || mprotect(mapping + SK_PAGE, capacity, PROT_READ | PROT_WRITE)) {
    munmap(mapping, capacity + 2 * SK_PAGE);
    free(arena);
    return NULL;
  }
  sk_heap *heap = arena->heap = (sk_heap *)(mapping + SK_PAGE);  // fresh pages are zero
  heap->top = heap->high_water = (uint8_t *)heap + round_up(sizeof(sk_heap), 16);
  heap->end = arena->end = (uint8_t *)heap + capacity;
  arena->capacity = capacity;
  sk_poison(heap->top, (size_t)(heap->end - heap->top));
  return arena;
}

void sk_arena_destroy(sk_arena *arena) {
  sk_snapshot_drop(&arena->snapshot);
#ifdef SK_SANITIZED
  free(arena->base_shadow);
#endif
  sk_unpoison(arena->heap, arena->capacity);
  munmap((uint8_t *)arena->heap - SK_PAGE, arena->capacity + 2 * SK_PAGE);
  free(arena);
}

void *sk_arena_opaque(const sk_arena *arena) { return arena->heap; }

void sk_arena_set_exhausted(sk_arena *arena, void (*exhausted)(void *), void *argument) {
  arena->heap->exhausted = exhausted;
  arena->heap->exhausted_argument = argument;
}

void sk_arena_forget_free(sk_arena *arena) {
  memset(arena->heap->free, 0, sizeof arena->heap->free);
  memset(arena->heap->nonempty, 0, sizeof arena->heap->nonempty);
}

bool sk_arena_snapshot(sk_arena *arena, size_t limit) {
  sk_heap *heap = arena->heap;
  uint8_t *start = (uint8_t *)heap, *mapping_end = start + arena->capacity;
  uint8_t *base_end = start + round_up((size_t)(heap->top - start), SK_PAGE);
  if (limit > (size_t)(mapping_end - base_end)) return false;
  uint8_t *used_end = heap->high_water > base_end ? heap->high_water : base_end;
  sk_bare_clear(heap->top, (size_t)(used_end - heap->top));
  sk_arena_forget_free(arena);
  heap->top = heap->high_water = base_end;
  heap->allocated = 0;
  heap->end = arena->end = base_end + limit;
  arena->base_bytes = (size_t)(base_end - start);
  uint8_t *guard = start + round_up((size_t)(arena->end - start), SK_PAGE);
  if (guard < mapping_end && mprotect(guard, (size_t)(mapping_end - guard), PROT_NONE)) return false;
  return keep_poison(arena) && sk_snapshot_take(&arena->snapshot, start, arena->base_bytes);
}

void sk_arena_enter(sk_arena *arena) { sk_snapshot_watch(&arena->snapshot); }

void sk_arena_leave(void) { sk_snapshot_watch(NULL); }

void sk_arena_restore(sk_arena *arena) {
  uint8_t *above = (uint8_t *)arena->heap + arena->base_bytes, *high = above + sk_arena_high_water(arena);
  put_back_poison(arena, (size_t)(high - above));
  if (high > above + KEEP_RESIDENT) {
    // Dropped pages read as zero again; if the system refuses, they are cleared like the others.
    uint8_t *from = above + KEEP_RESIDENT, *to = (uint8_t *)round_up((size_t)high, SK_PAGE);
    if (!madvise(from, (size_t)(to - from), MADV_DONTNEED)) high = from;
  }
  sk_bare_clear(above, (size_t)(high - above));
  sk_snapshot_put_back(&arena->snapshot);
}

SK_BARE bool sk_arena_is_pristine(const sk_arena *arena) {
  const uint8_t *start = (const uint8_t *)arena->heap;
  if (!sk_snapshot_is_intact(&arena->snapshot)) return false;
  for (const uint64_t *word = (const uint64_t *)(start + arena->base_bytes); (const uint8_t *)word < arena->end; word++)
    if (*word) return false;
  return true;
}

const void *sk_arena_start(const sk_arena *arena) { return arena->heap; }

size_t sk_arena_hot_bytes(const sk_arena *arena) { return sk_snapshot_hot_bytes(&arena->snapshot); }

size_t sk_arena_base_bytes(const sk_arena *arena) { return arena->base_bytes; }

uint64_t sk_arena_allocated(const sk_arena *arena) { return arena->heap->allocated; }

size_t sk_arena_high_water(const sk_arena *arena) {
  const uint8_t *above = (const uint8_t *)arena->heap + arena->base_bytes, *high = arena->heap->high_water;
  if (high > arena->end || high < above) high = arena->end;  // overwritten by a bug: clear everything
  return (size_t)(high - above);
}
