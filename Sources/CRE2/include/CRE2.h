// Owns: RE2 (linear time, bounded memory; https://github.com/google/re2) as C. The shim is the only place that includes its C++.
// Objects are immutable once made: any thread may match with them; whoever made one frees it when nobody uses it any more.
#ifndef SKERRY_CRE2_H
#define SKERRY_CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A compiled expression.
typedef struct sk_re2 sk_re2;
// Several of them that are looked for in one go.
typedef struct sk_re2_set sk_re2_set;

// Compiles an expression in UTF-8.
//   memory: the most bytes for its program and its caches, together.
//   error: takes why there is none, with a NUL, cut at error_size.
// Returns NULL when it is malformed or does not fit into the memory.
sk_re2 *_Nullable sk_re2_compile(const uint8_t *_Nullable pattern, size_t length, bool ignores_case, int64_t memory, char *_Nonnull error, size_t error_size);
void sk_re2_free(sk_re2 *_Nonnull expression);
// How many groups it captures, the whole match not counted.
int sk_re2_groups(const sk_re2 *_Nonnull expression);
// Looks for a match anywhere in the text.
//   ends: takes the start and end of the whole match and of groups after it, count pairs; -1 for a group that took no part.
bool sk_re2_match(const sk_re2 *_Nonnull expression, const uint8_t *_Nullable text, size_t length, int32_t *_Nullable ends, int count);
// The bytes that every match begins with, when matches begin with the text: their number, at most capacity.
int sk_re2_prefix(const sk_re2 *_Nonnull expression, uint8_t *_Nonnull prefix, int capacity);

sk_re2_set *_Nullable sk_re2_set_make(bool ignores_case, int64_t memory);
void sk_re2_set_free(sk_re2_set *_Nonnull set);
// Adds an expression; false when it is malformed. Numbers count from 0 in the order of additions.
bool sk_re2_set_add(sk_re2_set *_Nonnull set, const uint8_t *_Nullable pattern, size_t length);
// Once, after the last addition; false when the memory does not do.
bool sk_re2_set_compile(sk_re2_set *_Nonnull set);
// The numbers of those that match anywhere in the text, at most capacity of them, in no order: how many there are; -1 when the memory
// did not do for this text.
int sk_re2_set_match(const sk_re2_set *_Nonnull set, const uint8_t *_Nullable text, size_t length, int32_t *_Nonnull numbers, int capacity);

#ifdef __cplusplus
}
#endif
#endif
