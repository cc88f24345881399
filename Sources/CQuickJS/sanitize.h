// The arena under AddressSanitizer (`make fuzz-engine`); in any other build these are nothing, or what wide.h has.
//
// What lies in the arena and is no live block is poisoned, so that the sanitizer sees a use of it as it would on the heap of
// malloc. Taking a snapshot, putting it back and clearing work on all of the arena, blocks or not: they go round the sanitizer.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SK_SANITIZED 1
#endif
#endif

#ifdef SK_SANITIZED
#include <sanitizer/asan_interface.h>

/// Functions that may touch any byte of an arena.
#define SK_BARE __attribute__((no_sanitize("address", "coverage"), noinline))

SK_BARE static inline void sk_bare_copy(void *to, const void *from, size_t count) {
  volatile uint64_t *x = to;
  const volatile uint64_t *y = from;
  for (size_t i = 0; i < count / 8; i++) x[i] = y[i];
}
SK_BARE static inline void sk_bare_clear(void *to, size_t count) {
  volatile uint64_t *x = to;
  for (size_t i = 0; i < count / 8; i++) x[i] = 0;
}
SK_BARE static inline int sk_bare_compare(const void *a, const void *b, size_t count) {
  const volatile uint8_t *x = a, *y = b;
  for (size_t i = 0; i < count; i++)
    if (x[i] != y[i]) return 1;
  return 0;
}
static inline void sk_poison(const void *start, size_t count) { __asan_poison_memory_region(start, count); }
static inline void sk_unpoison(const void *start, size_t count) { __asan_unpoison_memory_region(start, count); }

/// Where the sanitizer notes what of these bytes may be used: a byte for eight.
static inline uint8_t *sk_shadow_of(const void *start) {
  size_t scale, offset;
  __asan_get_shadow_mapping(&scale, &offset);
  return (uint8_t *)(((uintptr_t)start >> scale) + offset);
}
enum { SK_SHADOW_UNIT = 8 };
#else
#include "wide.h"
#define SK_BARE
#define sk_bare_copy sk_wide_copy
#define sk_bare_clear sk_wide_clear
#define sk_bare_compare memcmp
static inline void sk_poison(const void *start, size_t count) { (void)start, (void)count; }
static inline void sk_unpoison(const void *start, size_t count) { (void)start, (void)count; }
#endif
