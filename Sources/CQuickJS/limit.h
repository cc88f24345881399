// The CPU limit: leaving the engine by a jump out of a timer's signal handler (design/rewrite-engine.md, "Hard limits").
// One `sk_thread` per worker thread; only that thread calls these functions, and its own signal interrupts them.
#pragma once
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/CQuickJS.h"

enum { SK_JUMP_CPU = 1, SK_JUMP_MEMORY = 2 };

/// Starts the limit; the caller has done `sigsetjmp(*sk_limit_jump(thread), 0)` before. `limit` in nanoseconds.
void sk_limit_begin(sk_thread *thread, uint64_t limit, const uint64_t *polls);
/// Ends it and gives the nanoseconds of CPU time used, without those in which the machine stood still. After a kill: those
/// up to the kill.
uint64_t sk_limit_end(sk_thread *thread);
/// The nanoseconds of CPU time that the last run was charged while the machine stood still, as far as it was noticed.
uint64_t sk_limit_stolen(const sk_thread *thread);
/// Where a kill jumps to. No signal mask is saved: the handler runs with the thread's own mask.
sigjmp_buf *sk_limit_jump(sk_thread *thread);
/// Leaves the engine now (out of memory). Does nothing when no limit is running.
void sk_limit_leave(sk_thread *thread, int reason);
/// Whether the calling thread is the thread's own.
bool sk_limit_is_own_thread(const sk_thread *thread);
/// SK_ERROR_TEXT_MAX bytes for the error of the thread's last run or build.
uint8_t *sk_limit_error_text(sk_thread *thread);
/// Random bits from outside of any arena, so that they never repeat after a restore.
uint64_t sk_limit_random(sk_thread *thread);
/// What `Date.now()` gives on this thread until the next call (rule: the date is frozen per run).
void sk_limit_freeze_clock(int64_t milliseconds);
/// Whether anybody asked for that time since it was frozen.
bool sk_limit_clock_was_read(void);
