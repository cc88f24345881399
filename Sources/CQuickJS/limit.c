// See limit.h.
//
// Arming and disarming a timer per run would cost more than many runs do, so the timer is left armed: whoever fires
// early finds out in the handler how much is left, and arms again. In a busy thread that is once per limit; in an
// idle one, one late signal that is ignored. Callers must therefore treat EINTR as usual.
//
// The thread's CPU clock is a system call too. Its reading at the begin of a run is estimated from the last reading
// plus the time passed since, which is never too low: nobody is killed early, and at most `READING_AGE_MAX` late.
//
// A virtual machine that stands still charges the pause to the thread that ran: a run of microseconds may seem to
// have used milliseconds. But the timer of a run that computes comes on time, because nothing in a run can hold a signal
// off. So what the CPU clock counts between the moment a timer was due and the one it came is not the run's
// (`DELAY_MAX` of it is a usual delay). A pause shorter than the time to the next look cannot be told from work; against
// those, the timer looks first at 7/8 of the limit, so that the last eighth is left after a first pause, and a run whose
// engine has not polled once gets up to 7/4 of its limit: it has taken fewer than JS_INTERRUPT_COUNTER_INIT steps,
// so either the clock ran without it or it sits in one native call.
#include "limit.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "internal.h"

enum {
  READING_AGE_MAX = 100 * 1000,  // nanoseconds
  REARM_MIN = 20 * 1000,         // a kill that finds CPU time left waits at least this long
  DELAY_MAX = 50 * 1000,         // a timer that comes later than this came to a machine that stood still
};

struct sk_thread {
  timer_t timer;
  pthread_t owner;
  uint64_t random;
  sigjmp_buf jump;
  // Shared with the handler, which runs on the same thread.
  volatile sig_atomic_t active;     // between begin and end: a jump is allowed
  volatile uint64_t fires_at;       // monotonic time at which the timer fires; 0: not armed
  volatile uint64_t first_look;     // monotonic time at 7/8 of the limit
  volatile sig_atomic_t killed;     // by the timer
  uint64_t limit, began_at, cpu_at_begin;
  uint64_t stolen;                  // CPU time of this run in which the machine stood still
  const uint64_t *polls;            // how often the engine has polled in this run: proof of steps taken
  uint64_t reading_at, reading;     // last reading of the CPU clock, and when
  uint8_t error_text[SK_ERROR_TEXT_MAX];
};

/// The thread whose limit runs, for the handler: a late signal of a destroyed thread must not follow its pointer.
static __thread sk_thread *volatile current __attribute__((tls_model("initial-exec")));
static __thread int64_t frozen_milliseconds __attribute__((tls_model("initial-exec")));
static __thread bool clock_was_read __attribute__((tls_model("initial-exec")));

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void arm(sk_thread *thread, uint64_t now, uint64_t after) {
  struct itimerspec when = {.it_value = {(time_t)(after / 1000000000u), (long)(after % 1000000000u)}};
  thread->fires_at = now + after;
  timer_settime(thread->timer, 0, &when, NULL);
}

/// Reads the CPU clock, and takes for stolen what it counted after the timer was due.
static void take_reading(sk_thread *thread, uint64_t now, uint64_t due) {
  uint64_t cpu = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
  uint64_t charged = cpu - thread->reading, possible = due > thread->reading_at ? due - thread->reading_at : 0;
  if (charged > possible + DELAY_MAX) thread->stolen += charged - possible;
  thread->reading = cpu;
  thread->reading_at = now;
}

/// The timer, which was due at `due`, finds a run: it ends it, or arms again for when it may have to.
static void look(sk_thread *thread, uint64_t due) {
  uint64_t now = nanoseconds(CLOCK_MONOTONIC);
  if (now < thread->first_look) {
    arm(thread, now, thread->first_look - now);
    return;
  }
  take_reading(thread, now, due);
  // It may have waited for a processor: it gets the rest of its time.
  int64_t limit = (int64_t)thread->limit, left = limit - (int64_t)(thread->reading - thread->cpu_at_begin - thread->stolen);
  int64_t grace = left + (*thread->polls ? 0 : limit / 4 * 3);
  if (grace <= 0) {
    thread->killed = 1;
    thread->active = 0;
    siglongjmp(thread->jump, SK_JUMP_CPU);
  }
  if (left <= 0) left = grace < limit / 8 ? grace : limit / 8;
  arm(thread, now, left < REARM_MIN ? REARM_MIN : (uint64_t)left);
}

static void on_kill_signal(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  sk_thread *thread = current;
  if (!thread || info->si_code != SI_TIMER || info->si_value.sival_ptr != thread) return;
  int saved_errno = errno;
  uint64_t due = thread->fires_at;
  thread->fires_at = 0;
  if (thread->active) look(thread, due);
  errno = saved_errno;
}

int sk_kill_signal(void) { return SIGRTMIN + 4; }

static void install_handler(void) {
  // SA_NODEFER: a jump out of the handler must leave no signal blocked.
  struct sigaction action = {.sa_sigaction = on_kill_signal, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(sk_kill_signal(), &action, NULL);
  sk_snapshot_install(sk_kill_signal());
  sk_crypto_bind();
}

sk_thread *sk_thread_create(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, install_handler);
  sk_thread *thread = calloc(1, sizeof *thread);
  if (!thread) return NULL;
  struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = sk_kill_signal()};
  event.sigev_value.sival_ptr = thread;
  event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
  if (timer_create(CLOCK_MONOTONIC, &event, &thread->timer)) {
    free(thread);
    return NULL;
  }
  thread->owner = pthread_self();
  sigset_t needed;  // threads of libdispatch begin with all signals blocked
  sigemptyset(&needed);
  sigaddset(&needed, sk_kill_signal());
  sigaddset(&needed, SIGSEGV);
  pthread_sigmask(SIG_UNBLOCK, &needed, NULL);
  if (getrandom(&thread->random, sizeof thread->random, 0) != sizeof thread->random)
    thread->random = nanoseconds(CLOCK_MONOTONIC) ^ (uint64_t)(uintptr_t)thread;
  return thread;
}

void sk_thread_destroy(sk_thread *thread) {
  timer_delete(thread->timer);
  if (current == thread) current = NULL;
  free(thread);
}

sigjmp_buf *sk_limit_jump(sk_thread *thread) { return &thread->jump; }

bool sk_limit_is_own_thread(const sk_thread *thread) { return pthread_equal(thread->owner, pthread_self()); }

void sk_limit_begin(sk_thread *thread, uint64_t limit, const uint64_t *polls) {
  uint64_t now = nanoseconds(CLOCK_MONOTONIC);
  if (now - thread->reading_at > READING_AGE_MAX) {
    thread->reading = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    thread->reading_at = now;
  }
  thread->cpu_at_begin = thread->reading + (now - thread->reading_at);
  thread->began_at = now;
  thread->limit = limit;
  thread->polls = polls;
  thread->first_look = now + limit - limit / 8;
  thread->killed = 0;
  thread->stolen = 0;
  current = thread;
  atomic_signal_fence(memory_order_seq_cst);
  thread->active = 1;  // before looking at the timer: a signal from here on arms it itself
  atomic_signal_fence(memory_order_seq_cst);
  uint64_t fires_at = thread->fires_at;
  if (fires_at == 0 || fires_at > thread->first_look) arm(thread, now, limit - limit / 8);
}

uint64_t sk_limit_end(sk_thread *thread) {
  thread->active = 0;
  atomic_signal_fence(memory_order_seq_cst);
  uint64_t now = nanoseconds(CLOCK_MONOTONIC), elapsed = now - thread->began_at;
  if (elapsed <= READING_AGE_MAX) return elapsed;
  if (!thread->killed) {  // the kill has just read it, and what comes between is not the run's
    thread->reading = nanoseconds(CLOCK_THREAD_CPUTIME_ID);
    thread->reading_at = now;
  }
  uint64_t used = thread->reading - thread->cpu_at_begin - thread->stolen;
  return (int64_t)used < 0 ? 0 : used < elapsed ? used : elapsed;
}

uint64_t sk_limit_stolen(const sk_thread *thread) { return thread->stolen; }

void sk_limit_leave(sk_thread *thread, int reason) {
  if (!thread->active) return;
  thread->active = 0;
  atomic_signal_fence(memory_order_seq_cst);
  siglongjmp(thread->jump, reason);
}

uint8_t *sk_limit_error_text(sk_thread *thread) { return thread->error_text; }

uint64_t sk_limit_random(sk_thread *thread) {
  // splitmix64: good enough for Math.random, which promises nothing.
  uint64_t z = thread->random += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void sk_limit_freeze_clock(int64_t milliseconds) {
  frozen_milliseconds = milliseconds;
  clock_was_read = false;
}

bool sk_limit_clock_was_read(void) { return clock_was_read; }

int64_t js_host_now_milliseconds(void) {
  clock_was_read = true;
  return frozen_milliseconds;
}
