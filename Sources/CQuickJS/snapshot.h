// The base of an arena as it was when its snapshot was taken, and putting it back (design/rewrite-engine.md).
//
// After the snapshot the base is read-only. The first write to a page faults; the handler of SIGSEGV copies the page,
// makes it writable and remembers it as *hot*: from then on it is copied back after every run. What runs never write
// costs neither time nor a second copy in memory.
#pragma once
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  SK_PAGE = 4096,
  /// Stretches of hot pages in one base. A page that would begin another one is joined to the nearest.
  SK_HOT_STRETCHES_MAX = 24,
  /// Hot pages with no more cold pages than this between them are one stretch: copying is cheaper than a mapping.
  SK_HOT_GAP = 1,
  /// Memory mappings all bases of the process together may be split into; beyond it a base becomes hot as a whole.
  /// A quarter of what Linux allows a process (vm.max_map_count is 65,530), which also has threads and files to map.
  SK_HOT_MAPPINGS_MAX = 16384,
};

typedef struct { uint32_t first, end; } sk_stretch;  // pages of the base, without `end`

/// Lies outside of what a run can write.
typedef struct {
  uint8_t *base, *copy;  // the copy holds hot pages only; the others are still as they were
  uint32_t pages;
  uint64_t digest;       // of the base as it was
  uint32_t count;        // of hot stretches; ascending, with cold pages between them
  uint32_t splits;       // of SK_HOT_MAPPINGS_MAX, this base's part
  sk_stretch hot[SK_HOT_STRETCHES_MAX];
} sk_snapshot;

/// Makes `bytes` (whole pages) from `base` on read-only. False: no memory, nothing changed.
bool sk_snapshot_take(sk_snapshot *snapshot, uint8_t *base, size_t bytes);
void sk_snapshot_drop(sk_snapshot *snapshot);
/// Lets the calling thread write to the base until `sk_snapshot_watch(NULL)`: everywhere else, and on every other
/// thread, a write to a cold page is the crash it would be without all this.
void sk_snapshot_watch(sk_snapshot *snapshot);
/// Copies the hot pages back.
void sk_snapshot_put_back(const sk_snapshot *snapshot);
/// Whether every byte of the base is what it was, cold pages included. Slow; for tests.
bool sk_snapshot_is_intact(const sk_snapshot *snapshot);
/// Bytes that `sk_snapshot_put_back` copies.
size_t sk_snapshot_hot_bytes(const sk_snapshot *snapshot);
/// Installs the handler of SIGSEGV, once per process; `blocked` is the signal that must not interrupt it.
void sk_snapshot_install(int blocked);
