// What every C program of the harness needs: the time, and an end that says what failed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static _Noreturn void fail(const char *what) {
  perror(what);
  exit(1);
}

/// Nanoseconds of a clock that only goes on.
static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}
