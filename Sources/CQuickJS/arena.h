// One mmap of fixed size from which an isolate's runtime gets every byte, so that copying it back undoes everything
// (snapshot.h tells how).
// The allocator's own state lies at the start of the mapping and is therefore restored with it.
// Owner: one isolate, one thread. No function here takes a lock: a run may be abandoned at any instruction.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

typedef struct sk_arena sk_arena;

/// Maps an arena whose guard pages lie on both sides; `capacity` is rounded up to pages. NULL: no memory.
sk_arena *sk_arena_create(size_t capacity);
void sk_arena_destroy(sk_arena *arena);

/// The engine's allocator functions (JSMallocFunctions); `opaque` is `sk_arena_opaque`. Payloads are 8 modulo 16.
/// When nothing is left they call `exhausted`, which leaves the engine; should it return, they give NULL.
void *sk_arena_opaque(const sk_arena *arena);
void *sk_arena_malloc(void *opaque, size_t size);
void *sk_arena_calloc(void *opaque, size_t count, size_t size);
void *sk_arena_realloc(void *opaque, void *pointer, size_t size);
void sk_arena_free(void *opaque, void *pointer);
size_t sk_arena_usable_size(const void *pointer);

/// Called before an allocation gives up, to leave the engine; may return.
void sk_arena_set_exhausted(sk_arena *arena, void (*exhausted)(void *), void *argument);

/// Leaves free blocks as they are for good: what comes next lies together at the end.
void sk_arena_forget_free(sk_arena *arena);
/// Rounds what is used up to a page, forgets free blocks (so that a run does not scatter writes over the base), and
/// copies it. From here on a run has `limit` bytes, exactly; what lies behind becomes a guard. False: no memory.
bool sk_arena_snapshot(sk_arena *arena, size_t limit);
/// Between these two the calling thread may change what the snapshot holds; at any other time that is a crash.
void sk_arena_enter(sk_arena *arena);
void sk_arena_leave(void);
/// Copies the base back and zeroes what the run used above it.
void sk_arena_restore(sk_arena *arena);
/// Whether the base equals the snapshot and everything above it is zero.
bool sk_arena_is_pristine(const sk_arena *arena);
/// Where the base begins, the guard page right before it.
const void *sk_arena_start(const sk_arena *arena);
/// Bytes of the base that runs have written to, and a restore copies.
size_t sk_arena_hot_bytes(const sk_arena *arena);
size_t sk_arena_base_bytes(const sk_arena *arena);
/// Bytes asked for since the last restore, whether freed again or not.
uint64_t sk_arena_allocated(const sk_arena *arena);
/// The most a run has used above the base since the last restore.
size_t sk_arena_high_water(const sk_arena *arena);
