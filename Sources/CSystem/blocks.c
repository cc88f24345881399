// See SkerryBlocks.h.
#include "SkerryBlocks.h"

#include <stdlib.h>

__thread sk_free_blocks sk_kept_blocks[SK_BLOCK_KINDS] __attribute__((tls_model("initial-exec")));

void *sk_block_allocate(sk_block_kind kind) {
  static const size_t sizes[SK_BLOCK_KINDS] = {[SK_BYTES] = SK_BYTES_SIZE, [SK_FIELD_TABLE] = SK_FIELD_TABLE_SIZE, [SK_FEW_BYTES] = SK_FEW_BYTES_SIZE};
  void *block = malloc(sizes[kind]);
  if (!block) abort();
  return block;
}

void sk_block_free(void *block) { free(block); }

void sk_blocks_forget(void) {
  for (int kind = 0; kind < SK_BLOCK_KINDS; kind++) {
    while (sk_kept_blocks[kind].first) free(sk_block_take((sk_block_kind)kind));
  }
}
