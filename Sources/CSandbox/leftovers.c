// Owns: whose a folder of groups is (skerry-PID), and the end of what dead owners left in theirs. Who has one holds a lock on it (flock(2)), which the
// guardian shares with its spawners: it holds as long as any of them lives, and no longer. The number says nothing: it may be another process's by
// now, or count in another container, which shares the groups and lives.
#include "parts.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/// How many names are tried for a folder; milliseconds that the end of what is killed is waited for, of all folders; bytes of a list of processes read
/// at once.
enum { MOST_NAMES = 8, PATIENCE = 5000, LIST_BYTES = 65536 };

/// Those of ours, which are held until we end. Several hierarchies may be one.
static char held[8][PATH_BYTES];
static unsigned held_count;

static int is_ours(const char *path) {
  for (unsigned i = 0; i < held_count; i++) if (strcmp(held[i], path) == 0) return 1;
  return 0;
}

/// Opens a folder and takes its lock. Returns -1 when somebody has that, or it is not there any more under this name.
static int lock_folder(const char *path) {
  struct stat locked, named;
  int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (folder < 0) return -1;
  if (flock(folder, LOCK_EX | LOCK_NB) == 0 && fstat(folder, &locked) == 0 && stat(path, &named) == 0 && locked.st_ino == named.st_ino) return folder;
  close(folder);
  return -1;
}

static ssize_t read_text(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? -1 : read(file, text, size - 1);
  if (file >= 0) close(file);
  text[length > 0 ? length : 0] = 0;
  return length;
}

/// Whether a process looks after sandboxes: one of a version that takes no locks, perhaps.
static int is_guardian(pid_t process) {
  char path[64], name[32];
  snprintf(path, sizeof path, "/proc/%d/comm", (int)process);
  return read_text(path, name, sizeof name) > 0 && strcmp(name, "skerry-guardian\n") == 0;
}

/// Kills a process of a group, if it is still there: its number may be another's between two looks. `name`: of the folder, with slashes.
static int kill_in_group(pid_t process, const char *name) {
  static char text[8192];
  char path[64];
  int handle = (int)syscall(SYS_pidfd_open, process, 0);
  if (handle < 0) return 0;
  snprintf(path, sizeof path, "/proc/%d/cgroup", (int)process);
  int killed = read_text(path, text, sizeof text) > 0 && strstr(text, name) && syscall(SYS_pidfd_send_signal, handle, SIGKILL, NULL, 0) == 0;
  close(handle);
  return killed;
}

static void write_word(const char *folder, const char *name, const char *word) {
  char path[PATH_BYTES * 2];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  (void)!write(file, word, strlen(word));
  close(file);
}

/// Empties a group and removes it. Returns how many processes were killed.
static unsigned end_group(const char *folder, const char *name) {
  static char list[LIST_BYTES];
  char path[PATH_BYTES * 2];
  unsigned killed = 0;
  snprintf(path, sizeof path, "%s/cgroup.procs", folder);
  static int patience = PATIENCE;
  while (read_text(path, list, sizeof list) > 0) {
    unsigned some = 0;
    write_word(folder, "freezer.state", "THAWED");  // what is frozen there does not die
    for (char *rest = list, *line; (line = strsep(&rest, "\n")) != NULL;) {
      pid_t process = (pid_t)atoi(line);
      if (process > 1) some += (unsigned)kill_in_group(process, name);
    }
    write_word(folder, "cgroup.kill", "1");  // and those that have no number here
    if (some > killed) killed = some;
    if (--patience <= 0) break;
    usleep(1000);
  }
  rmdir(folder);
  return killed;
}

/// What a name of ours says behind the number: -1 when it is none of ours; 1 of a proxy's own group; else 0.
static int kind_of(const char *rest) {
  if (strcmp(rest, "-proxy") == 0) return 1;
  if (!*rest) return 0;
  size_t digits = *rest == '-' ? strspn(rest + 1, "0123456789") : 0;
  return digits > 0 && !rest[1 + digits] ? 0 : -1;
}

/// Everything in a folder whose lock is held.
static unsigned end_groups(const char *path, const char *name) {
  char inner[PATH_BYTES + 300], between[300];
  unsigned killed = 0;
  snprintf(between, sizeof between, "/%s/", name);
  DIR *folder = opendir(path);
  for (struct dirent *one; folder && (one = readdir(folder)) != NULL;) {
    if (one->d_type != DT_DIR || one->d_name[0] == '.') continue;
    snprintf(inner, sizeof inner, "%s/%.255s", path, one->d_name);
    killed += end_group(inner, between);
  }
  if (folder) closedir(folder);
  return killed;
}

unsigned leftovers_end(const char *parent) {
  unsigned killed = 0;
  DIR *folder = opendir(parent);
  for (struct dirent *entry; folder && (entry = readdir(folder)) != NULL;) {
    char path[PATH_BYTES + 300], *end;
    long owner = strncmp(entry->d_name, "skerry-", 7) == 0 ? strtol(entry->d_name + 7, &end, 10) : 0;
    snprintf(path, sizeof path, "%s/%.255s", parent, entry->d_name);
    if (owner <= 0 || strlen(path) >= PATH_BYTES || is_ours(path) || access(path, W_OK) < 0) continue;
    int kind = kind_of(end);
    if (kind < 0) continue;
    // A proxy's own group is inherited by who replaces it: it is only removed when nobody is in it.
    if (kind == 1) {
      rmdir(path);
      continue;
    }
    int lock = is_guardian((pid_t)owner) ? -1 : lock_folder(path);
    if (lock < 0) continue;
    killed += end_groups(path, entry->d_name);
    rmdir(path);
    close(lock);
  }
  if (folder) closedir(folder);
  return killed;
}

int group_hold(char folder[PATH_BYTES]) {
  size_t length = strlen(folder);
  for (int number = 1; number <= MOST_NAMES; number++) {
    snprintf(folder + length, PATH_BYTES - length, number == 1 ? "/skerry-%d" : "/skerry-%d-%d", (int)getpid(), number);
    if (is_ours(folder)) return 1;
    if (mkdir(folder, 0755) < 0 && errno != EEXIST) break;
    // Twice: who looks whether it has an owner holds it for a moment, or has removed it.
    int lock = lock_folder(folder);
    if (lock < 0 && (mkdir(folder, 0755) == 0 || errno == EEXIST)) lock = lock_folder(folder);
    if (lock < 0) continue;
    end_groups(folder, strrchr(folder, '/') + 1);  // of one before us that had our number
    if (held_count < sizeof held / sizeof *held) snprintf(held[held_count++], PATH_BYTES, "%s", folder);
    return 1;  // the descriptor stays open, here and in spawners
  }
  folder[0] = 0;
  return 0;
}
