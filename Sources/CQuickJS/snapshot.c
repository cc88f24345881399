// See snapshot.h. What the handler does is safe in a signal handler: it takes no lock, allocates nothing, and the kill
// signal is blocked while it runs, so that a page is never writable without being known as hot.
#include "snapshot.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#include "sanitize.h"

/// The base the calling thread may write to.
static __thread sk_snapshot *volatile watched __attribute__((tls_model("initial-exec")));
static struct sigaction previous;
static atomic_uint mappings;

// --- Hot pages

/// Replaces `count` stretches from `at` on by one.
static void splice(sk_snapshot *snapshot, uint32_t at, uint32_t count, sk_stretch by) {
  memmove(&snapshot->hot[at + 1], &snapshot->hot[at + count], (snapshot->count - at - count) * sizeof by);
  snapshot->hot[at] = by;
  snapshot->count += 1 - count;
}

typedef struct { size_t offset, count; } sk_bytes;

static sk_bytes bytes_of(sk_stretch pages) {
  return (sk_bytes){(size_t)pages.first * SK_PAGE, (size_t)(pages.end - pages.first) * SK_PAGE};
}

static void copy_out(const sk_snapshot *snapshot, sk_stretch pages) {
  sk_bytes bytes = bytes_of(pages);
  sk_bare_copy(snapshot->copy + bytes.offset, snapshot->base + bytes.offset, bytes.count);
}

static bool make_writable(const sk_snapshot *snapshot, sk_stretch pages) {
  sk_bytes bytes = bytes_of(pages);
  return !mprotect(snapshot->base + bytes.offset, bytes.count, PROT_READ | PROT_WRITE);
}

/// Every run then copies all of it. Needs no new mapping, so it works when there is none left.
static bool make_all_hot(sk_snapshot *snapshot) {
  sk_stretch all = {0, snapshot->pages};
  for (uint32_t i = 0, cold = 0; i <= snapshot->count; i++) {
    bool last = i == snapshot->count;
    copy_out(snapshot, (sk_stretch){cold, last ? all.end : snapshot->hot[i].first});
    if (!last) cold = snapshot->hot[i].end;
  }
  if (!make_writable(snapshot, all)) return false;
  atomic_fetch_sub_explicit(&mappings, snapshot->splits, memory_order_relaxed);
  snapshot->splits = 0;
  snapshot->hot[0] = all;
  snapshot->count = 1;
  return true;
}

/// Whether another stretch of this base may become a mapping of its own (and split one in two).
static bool may_split(sk_snapshot *snapshot) {
  if (atomic_fetch_add_explicit(&mappings, 2, memory_order_relaxed) > SK_HOT_MAPPINGS_MAX - 2) {
    atomic_fetch_sub_explicit(&mappings, 2, memory_order_relaxed);
    return false;
  }
  snapshot->splits += 2;
  return true;
}

/// Makes a page writable that was not. False: it was, so something else is wrong.
static bool make_hot(sk_snapshot *snapshot, uint32_t page) {
  uint32_t at = 0;  // the first stretch behind the page
  while (at < snapshot->count && snapshot->hot[at].end <= page) at++;
  bool has_before = at > 0, has_after = at < snapshot->count;
  if (has_after && snapshot->hot[at].first <= page) return false;
  uint32_t gap_before = has_before ? page - snapshot->hot[at - 1].end : UINT32_MAX;
  uint32_t gap_after = has_after ? snapshot->hot[at].first - page - 1 : UINT32_MAX;
  bool full = snapshot->count == SK_HOT_STRETCHES_MAX;
  bool join_before = gap_before == 0 || (full && gap_before <= gap_after);
  bool join_after = gap_after == 0 || (full && !join_before);
  sk_stretch fresh = {join_before ? page - gap_before : page, join_after ? page + 1 + gap_after : page + 1};
  if (!join_before && !join_after && !may_split(snapshot)) return make_all_hot(snapshot);
  copy_out(snapshot, fresh);
  if (!make_writable(snapshot, fresh)) return make_all_hot(snapshot);
  if (join_before) fresh.first = snapshot->hot[at - 1].first;
  if (join_after) fresh.end = snapshot->hot[at].end;
  splice(snapshot, at - join_before, (uint32_t)join_before + join_after, fresh);
  return true;
}

// --- The handler

static void on_fault(int number, siginfo_t *info, void *context) {
  (void)context;
  sk_snapshot *snapshot = watched;
  if (snapshot && info->si_code == SEGV_ACCERR) {
    int saved_errno = errno;
    size_t offset = (uintptr_t)info->si_addr - (uintptr_t)snapshot->base;
    bool done = offset < (size_t)snapshot->pages * SK_PAGE && make_hot(snapshot, (uint32_t)(offset / SK_PAGE));
    errno = saved_errno;
    if (done) return;
  }
  // Not ours. With the action that was there before, the same instruction faults again and ends as it would have.
  sigaction(number, &previous, NULL);
  if (info->si_code <= 0) raise(number);  // sent by a process: no instruction would repeat it
}

void sk_snapshot_install(int blocked) {
  // On the thread's own stack, as the kill signal's handler: the engine leaves room for both (`stack_limit`), and a
  // stack that has overflown has none for a handler, which is a crash at once.
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigemptyset(&action.sa_mask);
  sigaddset(&action.sa_mask, blocked);
  sigaction(SIGSEGV, &action, &previous);
}

void sk_snapshot_watch(sk_snapshot *snapshot) { watched = snapshot; }

// --- Taking and putting back

/// Four sums at once, because each step waits for the one before.
SK_BARE static uint64_t digest_of(const uint8_t *bytes, size_t count) {
  uint64_t sums[4] = {1, 2, 3, 4};
  for (size_t i = 0; i < count; i += sizeof sums) {
    uint64_t words[4];
    memcpy(words, bytes + i, sizeof words);
    for (int k = 0; k < 4; k++) {
      sums[k] = (sums[k] ^ words[k]) * 0x9e3779b97f4a7c15u;
      sums[k] ^= sums[k] >> 29;
    }
  }
  return sums[0] ^ (sums[1] * 3) ^ (sums[2] * 5) ^ (sums[3] * 7);
}

bool sk_snapshot_take(sk_snapshot *snapshot, uint8_t *base, size_t bytes) {
  uint8_t *copy = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (copy == MAP_FAILED) return false;
  if (mprotect(base, bytes, PROT_READ)) {
    munmap(copy, bytes);
    return false;
  }
  *snapshot = (sk_snapshot){.base = base, .copy = copy, .pages = (uint32_t)(bytes / SK_PAGE), .digest = digest_of(base, bytes)};
  return true;
}

void sk_snapshot_drop(sk_snapshot *snapshot) {
  if (!snapshot->copy) return;
  if (watched == snapshot) watched = NULL;
  atomic_fetch_sub_explicit(&mappings, snapshot->splits, memory_order_relaxed);
  munmap(snapshot->copy, (size_t)snapshot->pages * SK_PAGE);
}

void sk_snapshot_put_back(const sk_snapshot *snapshot) {
  for (uint32_t i = 0; i < snapshot->count; i++) {
    sk_bytes bytes = bytes_of(snapshot->hot[i]);
    sk_bare_copy(snapshot->base + bytes.offset, snapshot->copy + bytes.offset, bytes.count);
  }
}

bool sk_snapshot_is_intact(const sk_snapshot *snapshot) {
  for (uint32_t i = 0; i < snapshot->count; i++) {
    sk_bytes bytes = bytes_of(snapshot->hot[i]);
    if (sk_bare_compare(snapshot->base + bytes.offset, snapshot->copy + bytes.offset, bytes.count)) return false;
  }
  return digest_of(snapshot->base, (size_t)snapshot->pages * SK_PAGE) == snapshot->digest;
}

size_t sk_snapshot_hot_bytes(const sk_snapshot *snapshot) {
  size_t count = 0;
  for (uint32_t i = 0; i < snapshot->count; i++) count += bytes_of(snapshot->hot[i]).count;
  return count;
}
