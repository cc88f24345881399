// See arena.h. Blocks carry 8 bytes of size and class before their payload. Free blocks hang in lists by size class
// (multiples of 16 up to 1 KiB, then 16 steps per power of two); a bitmap finds the next larger class that has one.
// There is no merging: a run is short, and all of it is undone.
#include "arena.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

enum {
  PAGE = 4096,
  CLASSES = 256,
  SMALL_MAX = 1024,          // up to here one class per 16 bytes
  BLOCK_HEADER = 8,
  BLOCK_MAX = 1 << 26,       // larger requests cannot be in any arena
  KEEP_RESIDENT = 512 * 1024 // what a run used above the base beyond this goes back to the system
};

typedef struct block {
  uint32_t size;       // with header, a multiple of 16
  uint32_t size_class;
  struct block *next;  // while free; overlaps the payload
} block;

struct sk_arena {
  uint8_t *top, *end, *high_water;  // next fresh byte, hard limit, highest top since restore
  uint64_t nonempty[CLASSES / 64];
  block *free[CLASSES];
  // Everything below is written only outside of runs.
  uint8_t *snapshot;
  size_t base_bytes;
  size_t mapped;
  void (*exhausted)(void *);
  void *exhausted_argument;
};

static size_t round_up(size_t size, size_t unit) { return (size + unit - 1) & ~(unit - 1); }

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

static inline block *pop(sk_arena *arena, uint32_t size_class) {
  block *taken = arena->free[size_class];
  arena->free[size_class] = taken->next;
  if (!taken->next) arena->nonempty[size_class >> 6] &= ~(1ull << (size_class & 63));
  return taken;
}

static inline void raise_top(sk_arena *arena, uint8_t *top) {
  if (top > arena->high_water) arena->high_water = top;
  arena->top = top;
  // A kill may come at any instruction: the mark must be up before the block is written.
  atomic_signal_fence(memory_order_seq_cst);
}

/// A free block of a larger class, whole.
static block *pop_larger(sk_arena *arena, uint32_t size_class) {
  for (uint32_t word = size_class >> 6; word < CLASSES / 64; word++) {
    uint64_t bits = arena->nonempty[word];
    if (word == size_class >> 6) bits &= ~0ull << (size_class & 63);
    if (bits) return pop(arena, word * 64 + (uint32_t)__builtin_ctzll(bits));
  }
  return NULL;
}

static inline size_t block_size_for(size_t size) {
  size_t total = round_up(size + BLOCK_HEADER, 16);
  return total < 32 ? 32 : total;
}

void *sk_arena_malloc(void *opaque, size_t size) {
  sk_arena *arena = opaque;
  if (size < BLOCK_MAX) {
    size_t rounded;
    uint32_t size_class = class_of(block_size_for(size), &rounded);
    if (arena->free[size_class]) return (uint8_t *)pop(arena, size_class) + BLOCK_HEADER;
    if ((size_t)(arena->end - arena->top) >= rounded) {
      block *fresh = (block *)arena->top;
      raise_top(arena, arena->top + rounded);
      fresh->size = (uint32_t)rounded;
      fresh->size_class = size_class;
      return (uint8_t *)fresh + BLOCK_HEADER;
    }
    block *larger = pop_larger(arena, size_class);
    if (larger) return (uint8_t *)larger + BLOCK_HEADER;
  }
  if (arena->exhausted) arena->exhausted(arena->exhausted_argument);
  return NULL;
}

void sk_arena_free(void *opaque, void *pointer) {
  if (!pointer) return;
  sk_arena *arena = opaque;
  block *freed = (block *)((uint8_t *)pointer - BLOCK_HEADER);
  if ((uint8_t *)freed + freed->size == arena->top) {
    arena->top = (uint8_t *)freed;
    return;
  }
  uint32_t size_class = freed->size_class;
  freed->next = arena->free[size_class];
  arena->free[size_class] = freed;
  arena->nonempty[size_class >> 6] |= 1ull << (size_class & 63);
}

void *sk_arena_calloc(void *opaque, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) return NULL;
  void *pointer = sk_arena_malloc(opaque, total);
  if (pointer) memset(pointer, 0, total);
  return pointer;
}

size_t sk_arena_usable_size(const void *pointer) {
  return pointer ? ((const block *)((const uint8_t *)pointer - BLOCK_HEADER))->size - BLOCK_HEADER : 0;
}

void *sk_arena_realloc(void *opaque, void *pointer, size_t size) {
  sk_arena *arena = opaque;
  if (!pointer) return sk_arena_malloc(arena, size);
  if (!size) {
    sk_arena_free(arena, pointer);
    return NULL;
  }
  block *old = (block *)((uint8_t *)pointer - BLOCK_HEADER);
  if (size <= old->size - BLOCK_HEADER) return pointer;
  if ((uint8_t *)old + old->size == arena->top && size < BLOCK_MAX) {  // the last block grows where it is
    size_t rounded;
    uint32_t size_class = class_of(block_size_for(size), &rounded);
    if ((size_t)(arena->end - (uint8_t *)old) >= rounded) {
      raise_top(arena, (uint8_t *)old + rounded);
      old->size = (uint32_t)rounded;
      old->size_class = size_class;
      return pointer;
    }
  }
  void *moved = sk_arena_malloc(arena, size);
  if (!moved) return NULL;
  memcpy(moved, pointer, old->size - BLOCK_HEADER);
  sk_arena_free(arena, pointer);
  return moved;
}

sk_arena *sk_arena_create(size_t capacity) {
  capacity = round_up(capacity, PAGE);
  size_t mapped = capacity + 2 * PAGE;
  uint8_t *mapping = mmap(NULL, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return NULL;
  if (mprotect(mapping + PAGE, capacity, PROT_READ | PROT_WRITE)) {
    munmap(mapping, mapped);
    return NULL;
  }
  sk_arena *arena = (sk_arena *)(mapping + PAGE);  // fresh pages are zero
  arena->top = (uint8_t *)arena + round_up(sizeof(sk_arena), 16);
  arena->end = (uint8_t *)arena + capacity;
  arena->high_water = arena->top;
  arena->mapped = mapped;
  return arena;
}

void sk_arena_destroy(sk_arena *arena) {
  if (arena->snapshot) munmap(arena->snapshot, arena->base_bytes);
  munmap((uint8_t *)arena - PAGE, arena->mapped);
}

void sk_arena_set_exhausted(sk_arena *arena, void (*exhausted)(void *), void *argument) {
  arena->exhausted = exhausted;
  arena->exhausted_argument = argument;
}

bool sk_arena_snapshot(sk_arena *arena, size_t limit) {
  uint8_t *start = (uint8_t *)arena, *mapping_end = start + arena->mapped - 2 * PAGE;
  uint8_t *base_end = start + round_up((size_t)(arena->top - start), PAGE);
  if (base_end + limit > mapping_end) return false;
  memset(base_end, 0, arena->high_water > base_end ? (size_t)(arena->high_water - base_end) : 0);
  memset(arena->top, 0, (size_t)(base_end - arena->top));
  memset(arena->free, 0, sizeof arena->free);
  memset(arena->nonempty, 0, sizeof arena->nonempty);
  arena->top = arena->high_water = base_end;
  arena->end = base_end + limit;
  arena->base_bytes = (size_t)(base_end - start);
  uint8_t *guard = start + round_up((size_t)(arena->end - start), PAGE);
  if (guard < mapping_end && mprotect(guard, (size_t)(mapping_end - guard), PROT_NONE)) return false;
  uint8_t *copy = mmap(NULL, arena->base_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  arena->snapshot = copy;
  memcpy(copy, arena, arena->base_bytes);
  return !mprotect(copy, arena->base_bytes, PROT_READ);
}

void sk_arena_restore(sk_arena *arena) {
  uint8_t *above = (uint8_t *)arena + arena->base_bytes, *high = arena->high_water;
  if (high > above + KEEP_RESIDENT) {
    // Dropped pages read as zero again; if the system refuses, they are cleared like the others.
    uint8_t *from = above + KEEP_RESIDENT, *to = (uint8_t *)round_up((size_t)high, PAGE);
    if (!madvise(from, (size_t)(to - from), MADV_DONTNEED)) high = from;
  }
  memset(above, 0, (size_t)(high - above));
  memcpy(arena, arena->snapshot, arena->base_bytes);
}

bool sk_arena_is_pristine(const sk_arena *arena) {
  if (memcmp(arena, arena->snapshot, arena->base_bytes)) return false;
  for (const uint8_t *byte = (const uint8_t *)arena + arena->base_bytes; byte < arena->end; byte++)
    if (*byte) return false;
  return true;
}

size_t sk_arena_base_bytes(const sk_arena *arena) { return arena->base_bytes; }

size_t sk_arena_high_water(const sk_arena *arena) {
  return (size_t)(arena->high_water - ((const uint8_t *)arena + arena->base_bytes));
}
