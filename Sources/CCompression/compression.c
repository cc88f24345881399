#include "CCompression.h"

#include <brotli/encode.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

struct sk_compressor {
  int coding;
  z_stream gzip;
  BrotliEncoderState *brotli;
};

// Windows of 32 KiB and 256 KiB: larger ones cost memory that many bodies at once would need, and pages gain little from them.
enum { GZIP_WINDOW_BITS = 15 + 16 /* with gzip's own head */, GZIP_MEMORY_LEVEL = 8, BROTLI_WINDOW_BITS = 18 };

sk_compressor *sk_compressor_make(int coding, int level, size_t size_hint) {
  sk_compressor *compressor = calloc(1, sizeof *compressor);
  if (!compressor) return NULL;
  compressor->coding = coding;
  if (coding == SK_CODING_GZIP) {
    if (deflateInit2(&compressor->gzip, level, Z_DEFLATED, GZIP_WINDOW_BITS, GZIP_MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK) return compressor;
  } else {
    compressor->brotli = BrotliEncoderCreateInstance(NULL, NULL, NULL);
    if (compressor->brotli) {
      BrotliEncoderSetParameter(compressor->brotli, BROTLI_PARAM_QUALITY, (uint32_t)level);
      BrotliEncoderSetParameter(compressor->brotli, BROTLI_PARAM_LGWIN, BROTLI_WINDOW_BITS);
      BrotliEncoderSetParameter(compressor->brotli, BROTLI_PARAM_SIZE_HINT, size_hint > UINT32_MAX ? UINT32_MAX : (uint32_t)size_hint);
      return compressor;
    }
  }
  free(compressor);
  return NULL;
}

static int run_gzip(z_stream *stream, const uint8_t *in, size_t *in_count, uint8_t *out, size_t *out_count, int finish) {
  uInt in_given = *in_count > UINT_MAX ? UINT_MAX : (uInt)*in_count, out_given = *out_count > UINT_MAX ? UINT_MAX : (uInt)*out_count;
  stream->next_in = (Bytef *)(uintptr_t)in;
  stream->avail_in = in_given;
  stream->next_out = out;
  stream->avail_out = out_given;
  int result = deflate(stream, finish && in_given == *in_count ? Z_FINISH : Z_NO_FLUSH);
  *in_count = in_given - stream->avail_in;
  *out_count = out_given - stream->avail_out;
  if (result == Z_STREAM_END) return 1;
  return result == Z_OK || result == Z_BUF_ERROR ? 0 : -1;
}

static int run_brotli(BrotliEncoderState *state, const uint8_t *in, size_t *in_count, uint8_t *out, size_t *out_count, int finish) {
  size_t in_left = *in_count, out_left = *out_count;
  BROTLI_BOOL good = BrotliEncoderCompressStream(
    state, finish ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_PROCESS, &in_left, &in, &out_left, &out, NULL);
  *in_count -= in_left;
  *out_count -= out_left;
  if (!good) return -1;
  return BrotliEncoderIsFinished(state) ? 1 : 0;
}

int sk_compressor_run(sk_compressor *compressor, const uint8_t *in, size_t *in_count, uint8_t *out, size_t *out_count, int finish) {
  static const uint8_t nothing = 0;
  if (!in) in = &nothing;
  if (compressor->coding == SK_CODING_GZIP) return run_gzip(&compressor->gzip, in, in_count, out, out_count, finish);
  return run_brotli(compressor->brotli, in, in_count, out, out_count, finish);
}

void sk_compressor_free(sk_compressor *compressor) {
  if (compressor->coding == SK_CODING_GZIP) deflateEnd(&compressor->gzip);
  if (compressor->brotli) BrotliEncoderDestroyInstance(compressor->brotli);
  free(compressor);
}
