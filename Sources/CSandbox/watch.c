// Owns: what a sandbox's processes hold that no cgroup and no user of its own counts. Memory, where no cgroup says so: what each holds by itself, and once
// what they share (proc(5), statm); less than exact: between two looks anything may happen, and who goes away while it is being looked at is not
// counted. And epoll watches, when the proxy has none left.
#include "parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PROCESSES = 4096 };

/// Reads a small file. Returns its length, 0 for none.
static size_t read_file(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, text, size - 1);
  if (file >= 0) close(file);
  text[length > 0 ? length : 0] = 0;
  return length > 0 ? (size_t)length : 0;
}

/// Children belong to the thread that made them.
static int add_children(pid_t *processes, int count, pid_t process, pid_t thread) {
  static char text[32768];
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)process, (int)thread);
  read_file(path, text, sizeof text);
  for (char *rest = text, *end; count < MOST_PROCESSES; rest = end) {
    long child = strtol(rest, &end, 10);
    if (end == rest) break;
    processes[count++] = (pid_t)child;
  }
  return count;
}

/// A number of KB in a file of a process, in bytes; 0 when it is not there.
static uint64_t bytes_in(pid_t process, const char *file, const char *key) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", (int)process, file);
  read_file(path, text, sizeof text);
  char *place = strstr(text, key);
  return place ? strtoull(place + strlen(key), NULL, 10) * 1024 : 0;
}

/// What a process holds, each page divided by those who share it: forked processes look many times as large otherwise. Takes a hundred times as
/// long as statm. 0 when it may not be seen.
static uint64_t proportional(pid_t process) { return bytes_in(process, "smaps_rollup", "\nPss:"); }

/// Of what a process shares with others that which no file on a disk stands behind, and which is another's or its own: nobody can tell quickly.
static uint64_t memory_shared(pid_t process) { return bytes_in(process, "status", "\nRssShmem:"); }

uint64_t temporary_bytes(pid_t process) {
  char path[64];
  struct statfs status;
  snprintf(path, sizeof path, "/proc/%d/root/tmp", (int)process);
  if (statfs(path, &status) < 0 || status.f_type != TMPFS_MAGIC) return UINT64_MAX;
  return (uint64_t)(status.f_blocks - status.f_bfree) * (uint64_t)status.f_bsize;
}

uint64_t resident_pages(pid_t process) {
  char text[256], path[64];
  unsigned long long resident = 0;
  snprintf(path, sizeof path, "/proc/%d/statm", (int)process);
  return read_file(path, text, sizeof text) && sscanf(text, "%*u %llu", &resident) == 1 ? resident : 0;
}

/// A process and all below it, in `found`. Returns how many.
static pid_t found[MOST_PROCESSES];
static int find_tree(pid_t inner) {
  char path[64];
  int count = 0;
  found[count++] = inner;
  for (int next = 0; next < count; next++) {
    snprintf(path, sizeof path, "/proc/%d/task", (int)found[next]);
    DIR *threads = opendir(path);
    for (struct dirent *thread; threads && (thread = readdir(threads)) != NULL;) {
      if (thread->d_name[0] != '.') count = add_children(found, count, found[next], (pid_t)atoi(thread->d_name));
    }
    if (threads) closedir(threads);
  }
  return count;
}

/// Milliseconds on a clock; 0 when there is none.
static uint64_t milliseconds_on(clockid_t clock) {
  struct timespec now;
  return clock_gettime(clock, &now) < 0 ? 0 : (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/// How long the calling process has run.
static uint64_t milliseconds_run(void) { return milliseconds_on(CLOCK_PROCESS_CPUTIME_ID); }

/// The watches of one eventpoll descriptor: a line each, after some of the descriptor's own (proc_pid_fdinfo(5)). The kernel makes the whole text before
/// it gives the first byte of it: of millions of watches hundreds of MB, in seconds.
static unsigned watches_in(int folder, const char *descriptor) {
  enum { OWN_LINES = 4 };
  static char text[65536];
  unsigned lines = 0;
  int file = openat(folder, descriptor, O_RDONLY | O_CLOEXEC);
  for (ssize_t length; file >= 0 && (length = read(file, text, sizeof text)) > 0;) {
    const char *end = text + length;
    for (const char *rest = text; (rest = memchr(rest, '\n', (size_t)(end - rest))) != NULL; rest++) lines++;
  }
  if (file >= 0) close(file);
  return lines > OWN_LINES ? lines - OWN_LINES : 0;
}

/// Of one thread: threads may have descriptors of their own. Those that others have, too, are counted again.
static uint64_t thread_watches(pid_t process, const char *thread, uint64_t most, uint64_t deadline) {
  char path[96], kind[64];
  uint64_t watches = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%.20s/fd", (int)process, thread);
  DIR *descriptors = opendir(path);
  snprintf(path, sizeof path, "/proc/%d/task/%.20s/fdinfo", (int)process, thread);
  int folder = descriptors ? open(path, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
  for (struct dirent *one; folder >= 0 && watches <= most && milliseconds_run() < deadline && (one = readdir(descriptors)) != NULL;) {
    ssize_t length = readlinkat(dirfd(descriptors), one->d_name, kind, sizeof kind);
    if (length == 22 && memcmp(kind, "anon_inode:[eventpoll]", 22) == 0) watches += watches_in(folder, one->d_name);
  }
  if (folder >= 0) close(folder);
  if (descriptors) closedir(descriptors);
  return watches;
}

/// Whether a process and all below it hold more than so many epoll watches. Takes 0.3 µs for each, and as long for other descriptors; ends at `deadline`,
/// in milliseconds_run(), with what it has seen. Those of descriptors that are on their way through a socket are not seen.
static int tree_watches_more(pid_t inner, unsigned most, uint64_t deadline) {
  uint64_t watches = 0;
  int count = find_tree(inner);
  for (int i = 0; i < count && watches <= most; i++) {
    char path[64];
    uint64_t largest = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)found[i]);
    DIR *threads = opendir(path);
    for (struct dirent *thread; threads && largest <= most && milliseconds_run() < deadline && (thread = readdir(threads)) != NULL;) {
      uint64_t some = thread->d_name[0] == '.' ? 0 : thread_watches(found[i], thread->d_name, most, deadline);
      if (some > largest) largest = some;
    }
    if (threads) closedir(threads);
    watches += largest;
  }
  return watches > most;
}

/// What the child that looks tells, while it does.
struct notes {
  volatile uint32_t looking;
  volatile uint8_t more[SK_SANDBOXES];
  volatile uint32_t next;
};

static _Noreturn void look_through(struct notes *notes, const pid_t inner[SK_SANDBOXES], unsigned first, unsigned most) {
  unsigned slot = first;
  for (unsigned looked = 0; looked < SK_SANDBOXES && milliseconds_run() < WATCHERS_LONGEST; looked++, slot = (slot + 1) % SK_SANDBOXES) {
    if (!inner[slot]) continue;
    notes->looking = slot;
    notes->more[slot] = tree_watches_more(inner[slot], most, WATCHERS_LONGEST) != 0;
  }
  notes->next = slot;
  _exit(0);
}

unsigned watchers_find(const pid_t inner[SK_SANDBOXES], unsigned first, unsigned most, uint8_t more[SK_SANDBOXES]) {
  enum { STEP = 5, PATIENCE = 2000 };  // milliseconds
  static struct notes *notes;
  void *shared = notes ? notes : mmap(NULL, sizeof *notes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return first;
  notes = shared;
  memset(shared, 0, sizeof *notes);
  notes->next = first;
  pid_t own = getpid(), child = fork();
  if (child == 0) {
    tie_to(own);
    look_through(notes, inner, first, most);
  }
  clockid_t clock;
  struct pollfd end = {.fd = child < 0 ? -1 : (int)syscall(SYS_pidfd_open, child, 0), .events = POLLIN};
  if (end.fd >= 0 && clock_getcpuclockid(child, &clock) == 0) {
    for (int waited = 0; waited < PATIENCE && poll(&end, 1, STEP) <= 0; waited += STEP) {
      if (milliseconds_on(clock) < WATCHERS_LONGEST + WATCHERS_LONGEST_FOR_ONE) continue;
      notes->more[notes->looking % SK_SANDBOXES] = 1;  // still at one text
      notes->next = (notes->looking + 1) % SK_SANDBOXES;
      break;
    }
    close(end.fd);
  }
  if (child > 0) kill(child, SIGKILL);
  memcpy(more, (const void *)notes->more, SK_SANDBOXES);
  return notes->next % SK_SANDBOXES;
}

uint64_t tree_memory(pid_t inner, uint64_t enough, pid_t *program) {
  char text[256], path[64];
  uint64_t own = 0, shared = 0, all_shared = 0, exact = 0, page = (uint64_t)sysconf(_SC_PAGESIZE);
  int count = find_tree(inner);
  for (int next = 0; next < count; next++) {
    unsigned long long resident = 0, with_others = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)found[next]);
    if (read_file(path, text, sizeof text) && sscanf(text, "%*u %llu %llu", &resident, &with_others) == 2) {
      own += resident > with_others ? resident - with_others : 0;
      if (with_others > shared) shared = with_others;
      all_shared += with_others;
    }
  }
  *program = count > 1 ? found[1] : inner;
  // Files, the interpreter's and its libraries', are the same ones in every process, or are given up when memory is wanted; memory that several
  // map may be each one's own, up to all of it.
  uint64_t rough = (own + shared) * page, most = rough;
  if (count > 1 && (own + all_shared) * page > enough) {
    for (int i = 0; i < count; i++) most += memory_shared(found[i]);
  }
  if (most <= enough || count == 1) return rough;
  uint64_t left = 0;
  for (int i = 0; i < count; i++) exact += proportional(found[i]);
  for (int i = 0; i < count && !exact; i++) left += resident_pages(found[i]);
  if (!exact && !left) return 0;  // they have all ended while they were counted
  return exact > 0 && exact < most ? exact : most;
}
