// Sixteen bytes at a time: where does a field name, a field value, a request target or a JSON string stop, and where do two texts begin to differ?
// Pure functions over [from, count); they read nothing outside it. Vector code where every machine of the architecture has it
// (SSE2 on x86-64), plain bytes elsewhere and for the last few.
#pragma once
#include <stddef.h>
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#define SK_VECTOR 1
#else
#define SK_VECTOR 0
#endif

// Bytes that end a run, as three questions about one byte. They define what the vector forms must answer.
static inline int sk_ends_value(uint8_t c) { return (c < 0x20 && c != '\t') || c == 0x7f; }
static inline int sk_ends_target(uint8_t c) { return c <= 0x20 || c == 0x7f || c == '#'; }
static inline int sk_ends_common_name(uint8_t c) {
  uint8_t l = c | 0x20;
  return !((l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '-');
}

#if SK_VECTOR
static inline __m128i sk_at_most(__m128i v, uint8_t limit) {  // bytes <= limit, unsigned
  return _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8((char)limit)), v);
}
static inline __m128i sk_in_range(__m128i v, uint8_t low, uint8_t high) {
  return sk_at_most(_mm_sub_epi8(v, _mm_set1_epi8((char)low)), (uint8_t)(high - low));
}
static inline __m128i sk_equal(__m128i v, uint8_t c) { return _mm_cmpeq_epi8(v, _mm_set1_epi8((char)c)); }
static inline unsigned sk_value_mask(__m128i v) {
  __m128i control = _mm_andnot_si128(sk_equal(v, '\t'), sk_at_most(v, 0x1f));
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, sk_equal(v, 0x7f)));
}
static inline unsigned sk_target_mask(__m128i v) {
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(sk_at_most(v, 0x20), _mm_or_si128(sk_equal(v, 0x7f), sk_equal(v, '#'))));
}
static inline unsigned sk_common_name_mask(__m128i v) {
  __m128i letters = sk_in_range(_mm_or_si128(v, _mm_set1_epi8(0x20)), 'a', 'z');
  __m128i common = _mm_or_si128(letters, _mm_or_si128(sk_in_range(v, '0', '9'), sk_equal(v, '-')));
  return (unsigned)_mm_movemask_epi8(common) ^ 0xffffu;
}
#define SK_VECTOR_LOOP(mask_of)                                                    \
  while (i + 16 <= count) {                                                        \
    unsigned mask = mask_of(_mm_loadu_si128((const __m128i *)(bytes + i)));        \
    if (mask) return i + (size_t)__builtin_ctz(mask);                              \
    i += 16;                                                                       \
  }                                                                                \
  if (i > from && i < count) { /* the rest, and behind it what has been seen */    \
    unsigned mask = mask_of(_mm_loadu_si128((const __m128i *)(bytes + count - 16))); \
    return mask ? count - 16 + (size_t)__builtin_ctz(mask) : count;                \
  }                                                                                \
  if (i + 8 <= count) {                                                            \
    unsigned mask = mask_of(_mm_loadl_epi64((const __m128i *)(bytes + i))) & 0xff; \
    if (mask) return i + (size_t)__builtin_ctz(mask);                              \
    mask = mask_of(_mm_loadl_epi64((const __m128i *)(bytes + count - 8))) & 0xff;  \
    return mask ? count - 8 + (size_t)__builtin_ctz(mask) : count;                 \
  }
#else
#define SK_VECTOR_LOOP(mask_of)
#endif

#define SK_SCAN(name, ends, mask_of)                                                          \
  static inline size_t name(const uint8_t *bytes, size_t from, size_t count) {                \
    size_t i = from;                                                                          \
    SK_VECTOR_LOOP(mask_of)                                                                   \
    while (i < count && !ends(bytes[i])) i++;                                                 \
    return i;                                                                                 \
  }

/// The first control byte other than HTAB, or DEL; `count` when there is none.
SK_SCAN(sk_find_value_end, sk_ends_value, sk_value_mask)
/// The first byte that cannot be part of a request target: control, space, DEL, '#'; `count` when there is none.
SK_SCAN(sk_find_target_end, sk_ends_target, sk_target_mask)
/// The first byte that is no letter, digit or hyphen; `count` when there is none.
SK_SCAN(sk_find_common_name_end, sk_ends_common_name, sk_common_name_mask)

/// The next byte of one value; `count` when there is none.
static inline size_t sk_find_byte(const uint8_t *bytes, size_t from, size_t count, uint8_t wanted) {
  size_t i = from;
#if SK_VECTOR
  for (; i + 16 <= count; i += 16) {
    unsigned mask = (unsigned)_mm_movemask_epi8(sk_equal(_mm_loadu_si128((const __m128i *)(bytes + i)), wanted));
    if (mask) return i + (size_t)__builtin_ctz(mask);
  }
#endif
  while (i < count && bytes[i] != wanted) i++;
  return i;
}

// Reading JSON strings, and finding where two texts begin to differ.

static inline int sk_ends_string(uint8_t c) { return c < 0x20 || c == '"' || c == '\\'; }
#if SK_VECTOR
static inline unsigned sk_string_mask(__m128i v) {
  __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(sk_equal(v, '"'), sk_equal(v, '\\'))));
}
#endif
/// The first control character, quotation mark or backslash; `count` when there is none.
SK_SCAN(sk_find_string_end, sk_ends_string, sk_string_mask)

/// How many bytes two texts have in common from their beginning on.
static inline size_t sk_common(const uint8_t *a, const uint8_t *b, size_t count) {
  size_t i = 0;
#if SK_VECTOR
  for (; i + 16 <= count; i += 16) {
    __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(a + i)), _mm_loadu_si128((const __m128i *)(b + i)));
    unsigned mask = (unsigned)_mm_movemask_epi8(same);
    if (mask != 0xFFFF) return i + (size_t)__builtin_ctz(~mask);
  }
#endif
  while (i < count && a[i] == b[i]) i++;
  return i;
}

// Copying text into a JSON string: bytes that go as they are, until one that does not.

static inline int sk_is_special_json(uint8_t c) { return c < 0x20 || c >= 0x80 || c == '"' || c == '\\'; }
#if SK_VECTOR
static inline unsigned sk_special_json_mask(__m128i v) {  // compared as signed numbers, bytes from 0x80 on are below 0x20, too
  __m128i control = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20));
  return (unsigned)_mm_movemask_epi8(_mm_or_si128(control, _mm_or_si128(sk_equal(v, '"'), sk_equal(v, '\\'))));
}
static inline size_t sk_copy_plain_piece(uint8_t *to, __m128i piece, size_t count) {
  unsigned mask = sk_special_json_mask(piece);
  _mm_storeu_si128((__m128i *)to, piece);
  size_t plain = mask ? (size_t)__builtin_ctz(mask) : 16;
  return plain < count ? plain : count;
}
#endif
/// Copies bytes until the first control character, quotation mark, backslash, or byte from 0x80 on; returns how many. May scribble up
/// to 16 bytes behind what it returns.
static inline size_t sk_copy_plain(uint8_t *to, const uint8_t *from, size_t count) {
  size_t done = 0;
#if SK_VECTOR
  for (; done + 16 <= count; done += 16) {
    size_t plain = sk_copy_plain_piece(to + done, _mm_loadu_si128((const __m128i *)(from + done)), 16);
    if (plain < 16) return done + plain;
  }
  if (count >= 16 && done < count) {  // the last piece ends where the text ends; the bytes it repeats are known to be plain
    size_t last = count - 16;
    return last + sk_copy_plain_piece(to + last, _mm_loadu_si128((const __m128i *)(from + last)), 16);
  }
  if (count >= 8 && count < 16) {  // two halves that may overlap
    size_t plain = sk_copy_plain_piece(to, _mm_loadl_epi64((const __m128i *)from), 8);
    if (plain < 8) return plain;
    return count - 8 + sk_copy_plain_piece(to + count - 8, _mm_loadl_epi64((const __m128i *)(from + count - 8)), 8);
  }
#endif
  for (; done < count && !sk_is_special_json(from[done]); done++) to[done] = from[done];
  return done;
}

// Header names, whose letters' case does not count.

/// Copies bytes, ASCII letters as small ones. May scribble up to 16 bytes behind them.
static inline void sk_copy_lower(uint8_t *to, const uint8_t *from, size_t count) {
  size_t i = 0;
#if SK_VECTOR
  for (; i + 16 <= count; i += 16) {
    __m128i piece = _mm_loadu_si128((const __m128i *)(from + i));
    _mm_storeu_si128((__m128i *)(to + i), _mm_or_si128(piece, _mm_and_si128(sk_in_range(piece, 'A', 'Z'), _mm_set1_epi8(0x20))));
  }
  for (; i + 8 <= count; i += 8) {
    __m128i piece = _mm_loadl_epi64((const __m128i *)(from + i));
    _mm_storel_epi64((__m128i *)(to + i), _mm_or_si128(piece, _mm_and_si128(sk_in_range(piece, 'A', 'Z'), _mm_set1_epi8(0x20))));
  }
#endif
  for (; i < count; i++) to[i] = (uint8_t)(from[i] | (from[i] >= 'A' && from[i] <= 'Z' ? 0x20 : 0));
}

/// A number that is the same for texts that are equal but for the case of ASCII letters; others may share it.
static inline uint32_t sk_hash_ignoring_case(const uint8_t *bytes, size_t count) {
  uint64_t hash = count * 0x9e3779b97f4a7c15u;
  for (size_t i = 0; i < count; i += 8) {
    uint64_t word = 0;
    size_t left = count - i;
    if (left >= 8) __builtin_memcpy(&word, bytes + i, 8);
    else for (size_t j = 0; j < left; j++) word |= (uint64_t)bytes[i + j] << 8 * j;
    hash = (hash ^ (word | 0x2020202020202020u)) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return (uint32_t)hash;
}
