// Owns: compressing a body piece by piece with gzip (zlib) or Brotli (libbrotli): one small interface for both.
#pragma once
#include <stddef.h>
#include <stdint.h>

/// A body being compressed. One thread at a time.
typedef struct sk_compressor sk_compressor;

enum { SK_CODING_GZIP = 1, SK_CODING_BROTLI = 2 };

/// A compressor for one body; NULL without memory. `size_hint`: about how many bytes there will be; 0 when nobody knows.
sk_compressor *_Nullable sk_compressor_make(int coding, int level, size_t size_hint);

/// Takes bytes of `in` and gives bytes to `out`; both counts are set to what was used of them. `finish`: nothing follows `in`.
/// Returns 1 when everything has been given, 0 when it is to be called again (with more input, or because `out` was full), -1 on failure.
int sk_compressor_run(
  sk_compressor *_Nonnull compressor, const uint8_t *_Nullable in, size_t *_Nonnull in_count, uint8_t *_Nonnull out, size_t *_Nonnull out_count, int finish);

void sk_compressor_free(sk_compressor *_Nonnull compressor);
