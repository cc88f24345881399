// Where a job of Swift's goes that no executor claims. A continuation resumes so: its job belongs to nobody until it runs and hops
// to its actor. The runtime would send it to the global pool, from where it comes back by way of another thread. A task could name
// an executor it prefers; then each suspension looks that up three times under the task's lock, 1,500 instructions a request.
// The runtime's own hook (swift_task_enqueueGlobal_hook, exported for this) costs a load and a call.
#pragma once

/// Takes a job; on the thread that resumes it.
typedef void (*sk_job_taker)(void *taker, void *job);

/// From here on the calling thread gives jobs that have no executor to `take`; NULL: to the global pool, as before.
void sk_take_jobs(void *taker, sk_job_taker take);
