// See SkerryJobs.h.
#include "SkerryJobs.h"

#include <pthread.h>
#include <stddef.h>

// swift/Runtime/Concurrency.h
typedef __attribute__((swiftcall)) void (*enqueue_global)(void *job);
typedef __attribute__((swiftcall)) void (*enqueue_global_hook)(void *job, enqueue_global original);
extern enqueue_global_hook swift_task_enqueueGlobal_hook;

static __thread struct { void *taker; sk_job_taker take; } here __attribute__((tls_model("initial-exec")));

static __attribute__((swiftcall)) void take_or_pass_on(void *job, enqueue_global original) {
  if (here.take) here.take(here.taker, job); else original(job);
}

static void install(void) { swift_task_enqueueGlobal_hook = take_or_pass_on; }

void sk_take_jobs(void *taker, sk_job_taker take) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install);
  here.taker = taker;
  here.take = take;
}
