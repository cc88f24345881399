// libFuzzer's entry (`make fuzz-engine`). A broken property ends the process, which is how libFuzzer is told.
#ifdef SK_LIBFUZZER
#include <stdio.h>
#include <stdlib.h>

#include "FuzzEngine.h"

int LLVMFuzzerInitialize(int *count, char ***arguments) {
  (void)count, (void)arguments;
  const char *folder = getenv("SK_FUZZ_FUNCTIONS");
  const char *problem = fuzz_engine_open(folder ? folder : "Fuzzing/Engine/Functions");
  if (problem) {
    fprintf(stderr, "%s\n", problem);
    exit(2);
  }
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
  const char *problem = fuzz_engine_input(bytes, count);
  if (!problem) return 0;
  fprintf(stderr, "broken: %s\n", problem);
  abort();
}
#else
typedef int sk_no_fuzzer_here;
#endif
