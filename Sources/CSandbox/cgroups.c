// Owns: the folders of the kernel's control groups: version 2 where it has been delegated to us, version 1 where the host has that
// (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/ of the kernel); on a host with both, each controller is where the host has it, and version 2
// freezes and kills without any. A group holds memory + /tmp, which lies in memory; memory alone is held
// by looking when more than that is used (spawner.c).
#include "parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/// The names of the same thing in both versions.
static const struct names {
  const char *limit, *usage, *peak, *allocated, *kills;
} names[] = {
    [1] = {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.max_usage_in_bytes", "rss ", "memory.oom_control"},
    [2] = {"memory.max", "memory.current", "memory.peak", "anon ", "memory.events"},
};

static int write_text(const char *folder, const char *file, const char *text) {
  char path[PATH_BYTES * 2];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  int descriptor = open(path, O_WRONLY | O_CLOEXEC);
  if (descriptor < 0) return -errno;
  int result = write(descriptor, text, strlen(text)) < 0 ? -errno : 0;
  close(descriptor);
  return result;
}

static int write_number(const char *folder, const char *file, uint64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  return write_text(folder, file, text);
}

static int open_in(const char *folder, const char *file) {
  char path[PATH_BYTES + 64];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

static int folder_of(char path[PATH_BYTES + 16], const char *parent, unsigned slot) { return snprintf(path, PATH_BYTES + 16, "%s/%u", parent, slot); }

// MARK: Finding them

/// The process's own group in the hierarchy with this controller (version 1), or in version 2 (""): its folder.
static int own_folder(const char *controller, char folder[PATH_BYTES]) {
  char line[4096], own[PATH_BYTES] = "", point[PATH_BYTES] = "", top[PATH_BYTES] = "";
  FILE *file = fopen("/proc/self/cgroup", "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {  // 4:memory,hugetlb:/path
    char *controllers = strchr(line, ':'), *path = controllers ? strchr(controllers + 1, ':') : NULL;
    if (!path) continue;
    *path++ = 0;
    path[strcspn(path, "\n")] = 0;
    int is_it = *controller ? 0 : controllers[1] == 0;
    for (char *rest = controllers + 1, *word; *controller && (word = strsep(&rest, ",")) != NULL;) is_it |= strcmp(word, controller) == 0;
    if (is_it) snprintf(own, sizeof own, "%s", path);
  }
  fclose(file);
  if (!*own || !(file = fopen("/proc/self/mountinfo", "re"))) return 0;
  while (fgets(line, sizeof line, file)) {  // … ROOT POINT … - cgroup SOURCE OPTIONS
    char root[PATH_BYTES], where[PATH_BYTES], kind[32], options[512], *tail = strstr(line, " - ");
    if (!tail || sscanf(line, "%*s %*s %*s %511s %511s", root, where) != 2 || sscanf(tail, " - %31s %*s %511s", kind, options) != 2) continue;
    int is_it = *controller ? 0 : strcmp(kind, "cgroup2") == 0;
    if (*controller && strcmp(kind, "cgroup") == 0) {
      for (char *rest = options, *word; (word = strsep(&rest, ",")) != NULL;) is_it |= strcmp(word, controller) == 0;
    }
    if (is_it) {
      strcpy(point, where);
      strcpy(top, root);
    }
  }
  fclose(file);
  if (!*point) return 0;
  // A container may see only a part of the hierarchy: its top is mounted.
  const char *below = own;
  size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);
  if (strncmp(own, top, length) == 0) below = own + length;
  return snprintf(folder, PATH_BYTES, "%s%s", point, strcmp(below, "/") == 0 ? "" : below) < PATH_BYTES - 64;
}

/// Makes our folder in `parent` and leaves its path there; or nothing, when it may not. It is named by the process that looks after the spawner: a
/// program may have several, whose sandboxes have the same slots.
static int settle(struct cgroups *cgroups, char folder[PATH_BYTES]) {
  cgroups->left += leftovers_end(folder);
  return group_hold(folder);
}

static int has_file(const char *folder, const char *file) {
  int descriptor = open_in(folder, file);
  if (descriptor < 0) return 0;
  close(descriptor);
  return 1;
}

/// Has a group of version 2 hand a controller down to the groups in it. Returns 0, or a negated errno: -EBUSY when there are processes in it.
static int hand_down(const char *folder, const char *controller) {
  char text[32];
  snprintf(text, sizeof text, "+%s", controller);
  return write_text(folder, "cgroup.subtree_control", text);
}

/// Whether processes of ours may be moved into groups in a folder: making the folder does not say so.
static int may_join(const char *folder) {
  char trial[PATH_BYTES + 16];
  snprintf(trial, sizeof trial, "%s/trial", folder);
  if (mkdir(trial, 0755) < 0 && errno != EEXIST) return 0;
  pid_t child = fork();
  if (child == 0) _exit(write_text(trial, "cgroup.procs", "0") == 0 ? 0 : 1);
  int status = 1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  rmdir(trial);
  return child > 0 && status == 0;
}

/// Whether a list of words has one.
static int has_word(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *place = list; (place = strstr(place, word)) != NULL; place += length) {
    if ((place == list || place[-1] == ' ') && strchr(" \n", place[length])) return 1;
  }
  return 0;
}

/// Whether a process is the program or one of its helpers.
static int is_of(pid_t program, pid_t process) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  int status = process > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
  ssize_t got = status < 0 ? -1 : read(status, text, sizeof text - 1);
  if (status >= 0) close(status);
  text[got > 0 ? got : 0] = 0;
  char *after = strrchr(text, ')');
  return after && (process == program || atoi(after + 4) == program);
}

/// Moves the program and its helpers from one group of version 2 into another.
static void move_program(const char *from, const char *to, pid_t program) {
  int file = open_in(from, "cgroup.procs");
  char list[8192];
  ssize_t length = file < 0 ? -1 : read(file, list, sizeof list - 1);
  if (file >= 0) close(file);
  list[length > 0 ? length : 0] = 0;
  for (char *rest = list, *line; (line = strsep(&rest, "\n")) != NULL;) {
    if (is_of(program, (pid_t)atoi(line))) write_text(to, "cgroup.procs", line);
  }
}

/// Has a group of version 2 hand on what it has of `controllers`: one that hands any down holds no processes itself, so the program and its helpers
/// go into a group beside the sandboxes'; and back, if others stay, who may be a shell and what it has started. Returns which were handed on.
static unsigned hand_on(const char *folder, const char *const controllers[3], const char *there, pid_t program, int *is_crowded) {
  char own[PATH_BYTES + 64];
  snprintf(own, sizeof own, "%s/skerry-%d-proxy", folder, (int)program);
  unsigned handed = 0;
  int has_moved = 0;
  for (unsigned i = 0; i < 3; i++) {
    if (!has_word(there, controllers[i])) continue;
    // Without `memory` the kernel would hand down and take the group for one of threads, in which there can be no groups of processes.
    int result = has_word(there, "memory") || has_moved ? hand_down(folder, controllers[i]) : -EBUSY;
    if (result == -EBUSY && !has_moved && (mkdir(own, 0755) == 0 || errno == EEXIST)) {
      has_moved = 1;
      move_program(folder, own, program);
      result = hand_down(folder, controllers[i]);
    }
    if (result == 0) handed |= 1u << i;
    *is_crowded |= result == -EBUSY;
  }
  if (!handed) move_program(own, folder, program);
  if (has_moved) rmdir(own);  // when nobody is in it
  return handed;
}

/// Version 2: our folder, and those controllers that it hands on to the groups in it, one by one: one that is missing takes none of the others along.
static void find_version_2(struct cgroups *cgroups, const char *top, pid_t program) {
  char *const places[] = {cgroups->memory, cgroups->cpu, cgroups->processes};
  const char *const names[] = {"memory", "cpu", "pids"};
  char folder[PATH_BYTES], controllers[512] = "";
  int file = open_in(top, "cgroup.controllers");
  ssize_t got = file < 0 ? 0 : read(file, controllers, sizeof controllers - 1);
  if (file >= 0) close(file);
  controllers[got > 0 ? got : 0] = 0;
  unsigned handed = hand_on(top, names, controllers, program, &cgroups->is_crowded);
  strcpy(folder, top);
  if (!settle(cgroups, folder)) return;
  if (!may_join(folder)) {
    rmdir(folder);
    return;
  }
  strcpy(cgroups->unified, folder);
  for (int i = 0; i < 3; i++) {
    if (handed & 1u << i && hand_down(folder, names[i]) == 0) strcpy(places[i], folder);
  }
  if (cgroups->memory[0]) cgroups->version = 2;
}

void cgroups_find(struct cgroups *cgroups, pid_t program) {
  char top[PATH_BYTES], frozen[PATH_BYTES], *last;
  memset(cgroups, 0, sizeof *cgroups);
  // What is frozen by version 1 does not die in its other groups.
  if (own_folder("freezer", frozen)) cgroups->left += leftovers_end(frozen);
  if (own_folder("", top)) {
    // A program that replaces another one begins in the group that the other one moved to.
    size_t length = strlen(top);
    if (length > 6 && strcmp(top + length - 6, "-proxy") == 0 && (last = strrchr(top, '/')) && strncmp(last, "/skerry-", 8) == 0) *last = 0;
    find_version_2(cgroups, top, program);
  }
  char *const places[] = {cgroups->memory, cgroups->cpu, cgroups->processes, cgroups->freezer};
  const char *const controllers[] = {"memory", "cpu", "pids", "freezer"};
  const char *const files[] = {"memory.limit_in_bytes", "cpu.cfs_quota_us", "pids.max", "freezer.state"};
  for (int i = 0; i < 4; i++) {
    if (places[i][0] || (i == 3 && cgroups_can_freeze(cgroups))) continue;
    if (!own_folder(controllers[i], places[i])) places[i][0] = 0;
    else if (settle(cgroups, places[i]) && !has_file(places[i], files[i])) places[i][0] = 0;
  }
  if (cgroups->memory[0] && cgroups->version == 0) cgroups->version = 1;
}

// MARK: One sandbox's

/// One that a killed spawner's sandbox has left is made anew: it may be frozen, and counts what was killed in it.
/// Where somebody is still in it (EBUSY), the slot cannot be used. (Files are in a folder that only stands for a group: Tests/SandboxTests/Groups.)
static int make_folder(char folder[PATH_BYTES + 16], const char *parent, unsigned slot) {
  folder_of(folder, parent, slot);
  if (mkdir(folder, 0755) == 0 || (errno == EEXIST && rmdir(folder) == 0 && mkdir(folder, 0755) == 0)) return 0;
  return errno == ENOTEMPTY ? 0 : -errno;
}

/// The folders of a sandbox's groups, each once; the last ones are version 1's.
enum { PLACES = 5 };
static unsigned places_of(const struct cgroups *cgroups, const char *places[PLACES]) {
  const char *const all[] = {cgroups->unified, cgroups->cpu, cgroups->processes, cgroups->memory, cgroups->freezer};
  unsigned count = 0;
  for (int i = 0; i < PLACES; i++) {
    if (all[i][0] && (i == 0 || strcmp(all[i], cgroups->unified) != 0)) places[count++] = all[i];
  }
  return count;
}

int cgroups_make(const struct cgroups *cgroups, unsigned slot, struct memory_watch *watch) {
  char folder[PATH_BYTES + 16];
  const char *places[PLACES];
  *watch = (struct memory_watch){-1, -1, -1, -1, -1};
  for (unsigned i = 0, count = places_of(cgroups, places); i < count; i++) {
    int result = make_folder(folder, places[i], slot);
    if (result < 0) return result;
  }
  if (!cgroups->memory[0]) return 0;
  watch->usage = open_in(folder, names[cgroups->version].usage);
  watch->statistics = open_in(folder, "memory.stat");
  watch->events = open_in(folder, names[cgroups->version].kills);
  if (cgroups->version == 2) {
    watch->crossed = dup(watch->events);
  } else {
    watch->crossed = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    watch->out_of_memory = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  }
  return 0;
}

static void notify(const char *folder, int event, int file, uint64_t threshold) {
  char text[96];
  snprintf(text, sizeof text, threshold ? "%d %d %llu" : "%d %d", event, file, (unsigned long long)threshold);
  write_text(folder, "cgroup.event_control", text);
}

static int limit_memory(const struct cgroups *cgroups, const char *folder, const struct memory_watch *watch, uint64_t memory, uint64_t temporary) {
  int result = write_number(folder, names[cgroups->version].limit, memory + temporary);
  if (cgroups->version == 2) {
    write_number(folder, "memory.swap.max", 0);
    write_number(folder, "memory.high", memory);  // tells of it, once: see cgroups_tell
    write_number(folder, "memory.oom.group", 1);
  } else {
    write_number(folder, "memory.memsw.limit_in_bytes", memory + temporary);
    write_number(folder, "memory.swappiness", 0);
    notify(folder, watch->crossed, watch->usage, memory);
    notify(folder, watch->out_of_memory, watch->events, 0);
  }
  return result;
}

int cgroups_join(const struct cgroups *cgroups, unsigned slot, const struct memory_watch *watch, uint64_t memory, uint64_t temporary, unsigned processes,
                 int is_inside) {
  char folder[PATH_BYTES + 16];
  if (cgroups->memory[0]) {
    folder_of(folder, cgroups->memory, slot);
    int result = limit_memory(cgroups, folder, watch, memory, temporary);
    if (result < 0) return result;
  }
  if (cgroups->processes[0]) {
    folder_of(folder, cgroups->processes, slot);
    write_number(folder, "pids.max", processes + SK_OWN_PROCESSES);
  }
  const char *places[PLACES];
  for (unsigned i = 0, count = places_of(cgroups, places); i < count; i++) {
    if (is_inside && strcmp(places[i], cgroups->unified) == 0) continue;
    folder_of(folder, places[i], slot);
    int result = write_text(folder, "cgroup.procs", "0");
    if (result < 0) return result;
  }
  return 0;
}

int cgroups_open(const struct cgroups *cgroups, unsigned slot) {
  char folder[PATH_BYTES + 16];
  if (!cgroups->unified[0]) return -1;
  folder_of(folder, cgroups->unified, slot);
  return open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int cgroups_can_freeze(const struct cgroups *cgroups) { return cgroups->freezer[0] || (cgroups->unified[0] && has_file(cgroups->unified, "cgroup.freeze")); }

void cgroups_freeze(const struct cgroups *cgroups, unsigned slot, int frozen) {
  char folder[PATH_BYTES + 16];
  if (cgroups->freezer[0]) {
    folder_of(folder, cgroups->freezer, slot);
    write_text(folder, "freezer.state", frozen ? "FROZEN" : "THAWED");
  } else if (cgroups->unified[0]) {
    folder_of(folder, cgroups->unified, slot);
    write_text(folder, "cgroup.freeze", frozen ? "1" : "0");
  }
}

int cgroups_kill(const struct cgroups *cgroups, unsigned slot) {
  char folder[PATH_BYTES + 16];
  if (cgroups->unified[0]) {
    folder_of(folder, cgroups->unified, slot);
    if (write_text(folder, "cgroup.kill", "1") == 0) return 1;
  }
  cgroups_freeze(cgroups, slot, 0);
  return 0;
}

void cgroups_limit_cpu(const struct cgroups *cgroups, unsigned slot, unsigned share) {
  enum { PERIOD = 100000 };  // microseconds; 20 ms gave a worse p99 warm
  if (!cgroups->cpu[0]) return;
  char folder[PATH_BYTES + 16], text[64];
  folder_of(folder, cgroups->cpu, slot);
  unsigned quota = share * (PERIOD / 1000);
  if (strcmp(cgroups->cpu, cgroups->unified) == 0) {
    snprintf(text, sizeof text, "%u %u", quota, PERIOD);
    write_text(folder, "cpu.max", text);
  } else {
    write_number(folder, "cpu.cfs_period_us", PERIOD);
    write_number(folder, "cpu.cfs_quota_us", quota);
  }
}

void cgroups_remove(const struct cgroups *cgroups, unsigned slot) {
  const char *places[PLACES];
  for (unsigned i = 0, count = places_of(cgroups, places); i < count; i++) {
    char folder[PATH_BYTES + 16];
    folder_of(folder, places[i], slot);
    rmdir(folder);
  }
}

void cgroups_remove_all(const struct cgroups *cgroups) {
  const char *places[PLACES];
  for (unsigned i = 0, count = places_of(cgroups, places); i < count; i++) rmdir(places[i]);
}

// MARK: Figures

static uint64_t number_in(int file, const char *key) {
  char text[4096];
  ssize_t length = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
  if (length <= 0) return 0;
  text[length] = 0;
  if (!key) return strtoull(text, NULL, 10);
  for (char *line = text; line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, key, strlen(key)) == 0) return strtoull(line + strlen(key), NULL, 10);
  }
  return 0;
}

uint64_t cgroups_peak(const struct cgroups *cgroups, unsigned slot) {
  char folder[PATH_BYTES + 16];
  if (!cgroups->memory[0]) return 0;
  folder_of(folder, cgroups->memory, slot);
  int file = open_in(folder, names[cgroups->version].peak);
  uint64_t bytes = number_in(file, NULL);
  if (file >= 0) close(file);
  return bytes;
}

void cgroups_tell(const struct cgroups *cgroups, unsigned slot, uint64_t memory) {
  char folder[PATH_BYTES + 16];
  if (cgroups->version != 2) return;
  folder_of(folder, cgroups->memory, slot);
  if (memory) write_number(folder, "memory.high", memory);
  else write_text(folder, "memory.high", "max");
}

uint64_t cgroups_usage(const struct memory_watch *watch) { return number_in(watch->usage, NULL); }
uint64_t cgroups_allocated(const struct cgroups *cgroups, const struct memory_watch *watch) {
  return number_in(watch->statistics, names[cgroups->version].allocated);
}
uint64_t cgroups_shared(const struct memory_watch *watch) { return number_in(watch->statistics, "shmem "); }
int cgroups_has_killed(const struct cgroups *cgroups, const struct memory_watch *watch) {
  return cgroups->version != 0 && number_in(watch->events, "oom_kill ") > 0;
}

void memory_watch_close(struct memory_watch *watch) {
  int *all[] = {&watch->crossed, &watch->out_of_memory, &watch->usage, &watch->statistics, &watch->events};
  for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
    if (*all[i] >= 0) close(*all[i]);
    *all[i] = -1;
  }
}
