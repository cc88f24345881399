// Owns: the way from a request to bubblewrap's arguments and to a process that executes it. What a program sees inside is decided here and
// nowhere else. Checks what it is told: the request comes from a process that talks to the network.
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/// Who the program believes to be, and bubblewrap's own descriptors.
#define USER_INSIDE "993"
#define GROUP_INSIDE "990"
enum { CONTROL = 3, ARGUMENTS, FILTER, STATUS, BLOCK, RESOLVER, FIRST_FREE };
/// What a sandbox gets of what the kernel counts: files, message queues, signals that wait (and timers). Words: of bubblewrap's command line.
enum { OPEN_FILES = 1024, MESSAGE_QUEUE_BYTES = 0, SIGNALS = 1024, MOST_WORDS = 64 };
enum { MEGABYTE = 1 << 20 };

// MARK: Arguments

/// Texts, each ended by NUL, for --args.
struct list {
  char bytes[SK_SANDBOX_REQUEST_BYTES + 16384];
  size_t length;
  int is_full;
};

static void add(struct list *list, const char *text) {
  size_t length = strlen(text) + 1;
  if (length > sizeof list->bytes - list->length) {
    list->is_full = 1;
    return;
  }
  memcpy(list->bytes + list->length, text, length);
  list->length += length;
}

/// Words up to NULL.
static void add_all(struct list *list, ...) {
  va_list words;
  va_start(words, list);
  for (const char *word; (word = va_arg(words, const char *)) != NULL;) add(list, word);
  va_end(words);
}

static void add_number(struct list *list, uint64_t number) {
  char text[32];
  snprintf(text, sizeof text, "%llu", (unsigned long long)number);
  add(list, text);
}

/// A folder of the system's, as it is there: itself or a link into /usr.
static void add_system_folder(struct list *list, const char *path) {
  struct stat status;
  char target[PATH_BYTES];
  if (lstat(path, &status) < 0) return;
  ssize_t length = S_ISLNK(status.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
  if (length > 0) {
    target[length] = 0;
    add_all(list, "--symlink", target, path, NULL);
  } else {
    add_all(list, "--ro-bind", path, path, NULL);
  }
}

/// What every sandbox sees of the system: programs and libraries, certificate authorities, and nothing of who uses the machine.
static void add_system(struct list *list, const struct sk_sandbox_request *request) {
  static const char *const folders[] = {"/bin", "/lib", "/lib64", "/lib32", "/sbin"};
  static const char *const files[] = {
      "/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/ca-certificates", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime",
      "/etc/mime.types",
  };
  add_all(list, "--ro-bind", "/usr", "/usr", NULL);
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) add_system_folder(list, folders[i]);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) add_all(list, "--ro-bind-try", files[i], files[i], NULL);
  if (request->network == SK_NETWORK_OUTBOUND) add_all(list, "--ro-bind-data", "8", "/etc/resolv.conf", NULL);
  if (request->network == SK_NETWORK_HOST) {
    static const char *const names[] = {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) add_all(list, "--ro-bind-try", names[i], names[i], NULL);
  }
}

static void add_isolation(struct list *list, const struct sk_sandbox_request *request) {
  add_all(list, "--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts", "--unshare-cgroup-try", "--disable-userns", NULL);
  if (request->network != SK_NETWORK_HOST) add(list, "--unshare-net");
  add_all(list, "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL", "--uid", USER_INSIDE, "--gid", GROUP_INSIDE, "--hostname", "localhost",
          NULL);
}

/// A few devices, and no pseudo-terminals, of which the machine has a few thousand (bubblewrap's own `--dev` has them).
static void add_devices(struct list *list, int is_watched) {
  static const char *const names[] = {"/dev/null", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"};
  static const char *const links[] = {"fd", "/dev/fd", "fd/0", "/dev/stdin", "fd/1", "/dev/stdout", "fd/2", "/dev/stderr"};
  add_all(list, "--tmpfs", "/dev", NULL);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) add_all(list, "--dev-bind", names[i], names[i], NULL);
  // Mapped, /dev/zero is memory that nobody sees who looks at processes (filter.c); /dev/full reads the same, and cannot be mapped.
  add_all(list, "--dev-bind", is_watched ? "/dev/full" : "/dev/zero", "/dev/zero", NULL);
  for (size_t i = 0; i < sizeof links / sizeof *links; i += 2) {
    char target[32];
    snprintf(target, sizeof target, "/proc/self/%s", links[i]);
    add_all(list, "--symlink", target, links[i + 1], NULL);
  }
  add_all(list, "--dir", "/dev/shm", NULL);
}

static const char *text_after(const char *text) { return text + strlen(text) + 1; }

/// bubblewrap's arguments but the program, which it takes from its command line. `sources`: where the folders shown are to be found.
static void add_everything(struct list *list, const struct sk_sandbox_request *request, const char *variables, const char *folders,
                           char sources[][PATH_BYTES], int is_watched) {
  add_isolation(list, request);
  add_system(list, request);
  if (!(request->flags & SK_SANDBOX_NO_PROC)) add_all(list, "--proc", "/proc", NULL);
  add_devices(list, is_watched);
  add_all(list, "--perms", "1777", "--size", NULL);
  add_number(list, request->temporary_bytes);
  add_all(list, "--tmpfs", "/tmp", "--dir", "/opt", "--dir", "/var/task", "--dir", "/var/runtime", "--symlink", "../tmp", "/var/tmp", NULL);
  for (unsigned i = 0; i < request->folders; i++) {
    folders = text_after(folders);
    add_all(list, "--ro-bind", sources[i], folders, NULL);
    folders = text_after(folders);
  }
  // What a process may write of itself there is who goes first when the machine runs out of memory (oom_score_adj), and nothing else that is wanted.
  if (!(request->flags & SK_SANDBOX_NO_PROC)) add_all(list, "--remount-ro", "/proc", NULL);
  // Last, since what comes before makes folders.
  add_all(list, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/var/task", NULL);
  for (unsigned i = 0; i < request->variables; i++) {
    const char *value = strchr(variables, '=');
    char name[256];
    snprintf(name, sizeof name, "%.*s", (int)(value - variables), variables);
    add_all(list, "--setenv", name, value + 1, NULL);
    variables = text_after(variables);
  }
  add_all(list, "--seccomp", "5", "--json-status-fd", "6", "--block-fd", "7", NULL);
  _Static_assert(ARGUMENTS == 4 && FILTER == 5 && STATUS == 6 && BLOCK == 7 && RESOLVER == 8, "the words of this file");
}

// MARK: Checks

/// Counts the texts and looks for what cannot be. Returns the first variable and the first folder.
static const char *check(const struct sk_sandbox_request *request, const char *texts, size_t length, const char **variables, const char **folders) {
  if (request->arguments == 0 || request->arguments > MOST_WORDS - 4 || request->folders > SK_SANDBOX_FOLDERS) return "too many words or folders";
  if (request->network > SK_NETWORK_HOST || request->memory_bytes < 16 * MEGABYTE || request->temporary_bytes < MEGABYTE || request->processes == 0) {
    return "a limit that cannot be";
  }
  if (request->network == SK_NETWORK_HOST && (request->flags & SK_SANDBOX_RUNTIME_API)) {
    return "the Runtime API needs a network of the sandbox's own: on the host's, everybody could reach it";
  }
  const char *text = texts, *end = texts + length;
  unsigned count = request->arguments + request->variables + 2u * request->folders;
  if (length == 0 || end[-1] != 0) return "texts without an end";
  for (unsigned i = 0; i < count; i++, text = text_after(text)) {
    if (text >= end) return "fewer texts than said";
    if (i == request->arguments) *variables = text;
    if (i == request->arguments + (unsigned)request->variables) *folders = text;
    int is_variable = i >= request->arguments && i < request->arguments + (unsigned)request->variables;
    const char *sign = is_variable ? strchr(text, '=') : NULL;
    if (is_variable && (!sign || sign == text || sign - text > 255)) return "a variable without a name";
    if (i >= request->arguments + (unsigned)request->variables && text[0] != '/') return "a path that is not absolute";
  }
  return text == end ? NULL : "more texts than said";
}

/// Opens a path that lies in a root without following a link, so that nobody who can write there shows something else. Without `..`, too: a root
/// may have been made after its parent was opened.
static int open_in_roots(const struct house *house, const char *path) {
  for (const char *part = path; (part = strstr(part, "/..")) != NULL; part += 3) {
    if (part[3] == '/' || part[3] == 0) return -1;
  }
  for (int i = 0; i < house->root_count; i++) {
    size_t length = strlen(house->roots[i].path);
    if (strncmp(path, house->roots[i].path, length) != 0 || (path[length] != '/' && path[length] != 0)) continue;
    const char *below = path + house->roots[i].opened;
    below += strspn(below, "/");
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    int place = (int)syscall(SYS_openat2, house->roots[i].place, *below ? below : ".", &how, sizeof how);
    if (place >= 0) return place;
  }
  return -1;
}

// MARK: Mounts of the launching process's own

#ifndef OPEN_TREE_CLONE
#define OPEN_TREE_CLONE 1
#define MOVE_MOUNT_F_EMPTY_PATH 4
#endif

/// Started as root, a sandbox's own user may not walk through the folders above what it is shown (the state folder is nobody else's). So
/// each is mounted below a folder that anybody may enter, in a mount namespace that ends with the sandbox.
static const char *meeting_place(void) {
  static const char *const candidates[] = {"/mnt", "/media", "/srv", "/opt"};
  struct stat status;
  for (size_t i = 0; i < sizeof candidates / sizeof *candidates; i++) {
    if (lstat(candidates[i], &status) == 0 && S_ISDIR(status.st_mode)) return candidates[i];
  }
  return NULL;
}

static int own_mounts(void) {
  const char *place = meeting_place();
  if (!place || unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return 0;
  return mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755,size=64k") == 0;
}

int can_mount_privately(void) {
  pid_t child = fork();
  if (child == 0) _exit(own_mounts() ? 0 : 1);
  int status = 1;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return child > 0 && status == 0;
}

static int mount_privately(const int *trees, unsigned count, char sources[][PATH_BYTES]) {
  if (!own_mounts()) return 0;
  for (unsigned i = 0; i < count; i++) {
    struct stat status;
    if (fstat(trees[i], &status) < 0) return 0;
    if (S_ISDIR(status.st_mode)) {
      if (mkdir(sources[i], 0755) < 0) return 0;
    } else {
      int file = open(sources[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
      if (file < 0) return 0;
      close(file);
    }
    if (syscall(SYS_move_mount, trees[i], "", AT_FDCWD, sources[i], MOVE_MOUNT_F_EMPTY_PATH) < 0) return 0;
  }
  return 1;
}

/// What is shown: opened, and where bubblewrap finds it. Returns 0 when something may not be shown or is not there.
static int find_folders(const struct house *house, unsigned count, const char *folders, int *trees, char sources[][PATH_BYTES], char *text) {
  for (unsigned i = 0; i < count; i++) trees[i] = -1;
  for (unsigned i = 0; i < count; i++, folders = text_after(text_after(folders))) {
    int place = open_in_roots(house, folders);
    if (place < 0) {
      snprintf(text, SK_SANDBOX_TEXT_BYTES, "%.150s cannot be shown: not there, or not in a folder for that", folders);
      return 0;
    }
    if (house->private_mounts) {
      snprintf(sources[i], PATH_BYTES, "%s/%u", meeting_place(), i);
      trees[i] = (int)syscall(SYS_open_tree, place, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | O_CLOEXEC);
    } else {
      char link[64];
      snprintf(link, sizeof link, "/proc/self/fd/%d", place);
      ssize_t length = readlink(link, sources[i], PATH_BYTES - 1);
      sources[i][length < 0 ? 0 : length] = 0;
      trees[i] = fcntl(place, F_DUPFD_CLOEXEC, 0);
    }
    close(place);
    if (trees[i] < 0 || !sources[i][0]) {
      snprintf(text, SK_SANDBOX_TEXT_BYTES, "%.100s cannot be shown: %s", folders, strerror(errno));
      return 0;
    }
  }
  return 1;
}

// MARK: The child

/// Says on the program's stderr what failed, in bubblewrap's manner: who reads that already reads this.
static _Noreturn void give_up(const char *what) {
  dprintf(2, "skerry: sandbox: %s: %s\n", what, strerror(errno));
  _exit(126);
}

/// Descriptors in their places, and none besides but those from FIRST_FREE on, which an execution closes.
static void arrange(const int *given) {
  int moved[FIRST_FREE];
  int last = given[RESOLVER] < 0 ? RESOLVER : FIRST_FREE;
  for (int i = 0; i < last; i++) {
    moved[i] = fcntl(given[i], F_DUPFD_CLOEXEC, 64);
    if (moved[i] < 0) _exit(126);
  }
  for (int i = 0; i < last; i++) {
    if (dup2(moved[i], i) < 0) _exit(126);
  }
  syscall(SYS_close_range, last, ~0u, 4 /* CLOSE_RANGE_CLOEXEC */);
}

static void limit(rlim_t processes, int shares_user) {
  const struct {
    __rlimit_resource_t which;
    rlim_t most;
  } limits[] = {{RLIMIT_NOFILE, OPEN_FILES}, {RLIMIT_CORE, 0}, {RLIMIT_MSGQUEUE, MESSAGE_QUEUE_BYTES}, {RLIMIT_MEMLOCK, 65536}, {RLIMIT_RTPRIO, 0},
                {RLIMIT_SIGPENDING, SIGNALS}, {RLIMIT_NPROC, processes}};
  for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
    struct rlimit current;
    if (getrlimit(limits[i].which, &current) < 0) continue;
    // Descriptors in sockets, and signals that wait, count for the user, and for the proxy when they are the same: half of its own leave it room.
    int is_shared = shares_user && (limits[i].which == RLIMIT_NOFILE || limits[i].which == RLIMIT_SIGPENDING);
    rlim_t may = is_shared ? current.rlim_max / 2 : current.rlim_max, wanted = shares_user && limits[i].which == RLIMIT_SIGPENDING ? may : limits[i].most;
    rlim_t most = wanted < may ? wanted : may;
    setrlimit(limits[i].which, &(struct rlimit){most, most});
  }
}

static _Noreturn void become(const struct house *house, const struct sk_sandbox_request *request, const struct memory_watch *watch, const int *given,
                             const int *trees, unsigned count, char sources[][PATH_BYTES], char *const *words, int is_inside, pid_t spawner) {
  tie_to(spawner);
  char word;
  if (read(given[BLOCK], &word, sizeof word) != sizeof word) _exit(126);  // nothing is started before it is tied
  arrange(given);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  if (cgroups_join(&house->cgroups, request->slot, watch, request->memory_bytes, request->temporary_bytes, request->processes, is_inside) < 0) give_up("joining its control groups");
  // When the machine runs out of memory, a function goes first.
  int score = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (score >= 0) {
    (void)!write(score, "500", 3);
    close(score);
  }
  if (house->private_mounts && !mount_privately(trees, count, sources)) give_up("mounting its folders");
  // A user of its own has no processes but these. Another one has, also outside: then process 1 inside is limited, where they do not count.
  limit(house->facts.own_users ? request->processes + SK_OWN_PROCESSES : RLIM_INFINITY, !house->facts.own_users);
  if (house->facts.own_users) {
    uid_t user = house->facts.first_user + request->slot;
    if (setgroups(0, NULL) < 0 || setresgid(user, user, user) < 0 || setresuid(user, user, user) < 0) give_up("becoming a user of its own");
    tie_to(spawner);
  }
  if (chdir("/") < 0) give_up("changing to /");
  umask(022);
  execve(house->facts.bwrap, words, (char *[]){NULL});
  give_up(house->facts.bwrap);
}

// MARK: The spawner's side

static int memory_file(const char *name, const void *bytes, size_t length) {
  int file = memfd_create(name, MFD_CLOEXEC);
  if (file >= 0 && (write(file, bytes, length) != (ssize_t)length || lseek(file, 0, SEEK_SET) != 0)) {
    close(file);
    return -1;
  }
  return file;
}

/// The filter opened anew: whoever reads moves along in the file.
static int fresh(int file) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  return open(path, O_RDONLY | O_CLOEXEC);
}

/// fork(2), where it can be into the sandbox's group of version 2: moving there later waits for every processor.
static pid_t be_born(const struct cgroups *cgroups, unsigned slot, int *is_inside) {
  int group = cgroups_open(cgroups, slot);
  pid_t process = -1;
  if (group >= 0) {
    struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group};
    process = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    close(group);
  }
  *is_inside = process >= 0;
  return *is_inside ? process : fork();
}

int launch(const struct house *house, const struct sk_sandbox_request *request, const char *texts, size_t length, const int *descriptors,
           const struct memory_watch *watch, struct launch *result, char text[SK_SANDBOX_TEXT_BYTES]) {
  static struct list list;
  static char sources[SK_SANDBOX_FOLDERS][PATH_BYTES];
  const char *variables = texts, *folders = texts, *problem = check(request, texts, length, &variables, &folders);
  int trees[SK_SANDBOX_FOLDERS], status[2] = {-1, -1}, block[2] = {-1, -1};
  unsigned count = problem ? 0 : request->folders;
  text[0] = 0;
  if (problem) snprintf(text, SK_SANDBOX_TEXT_BYTES, "%s", problem);
  if (problem || !find_folders(house, count, folders, trees, sources, text)) goto refused;

  list.length = list.is_full = 0;
  add_everything(&list, request, variables, folders, sources, house->cgroups.version == 0);
  char *words[MOST_WORDS] = {"bwrap", "--args", "4"};
  int used = 3;
  for (const char *word = texts; used < 3 + request->arguments; word = text_after(word)) words[used++] = (char *)word;

  int arguments = list.is_full ? -1 : memory_file("arguments", list.bytes, list.length), filter = fresh(house->filter);
  static const char resolver[] = "nameserver " NETWORK_RESOLVER "\n";
  int names = request->network == SK_NETWORK_OUTBOUND ? memory_file("resolver", resolver, sizeof resolver - 1) : -1;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  result->process = -1;
  if (arguments >= 0 && filter >= 0 && null >= 0 && pipe2(status, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2(block, O_CLOEXEC) == 0) {
    int given[FIRST_FREE] = {null, descriptors[1], descriptors[2], descriptors[0], arguments, filter, status[1], block[0], names};
    fcntl(status[1], F_SETFL, 0);  // only our end does not wait
    int is_inside;
    pid_t spawner = getpid();
    result->process = be_born(&house->cgroups, request->slot, &is_inside);
    if (result->process == 0) become(house, request, watch, given, trees, count, sources, words, is_inside, spawner);
  }
  int error = errno;
  int ours[] = {arguments, filter, names, null, status[1], block[0]};
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) if (ours[i] >= 0) close(ours[i]);
  for (unsigned i = 0; i < count; i++) close(trees[i]);
  if (result->process > 0) {
    tie(result->process);
    (void)!write(block[1], "", 1);
    result->status = status[0];
    result->block = block[1];
    return 0;
  }
  if (status[0] >= 0) close(status[0]);
  if (block[1] >= 0) close(block[1]);
  snprintf(text, SK_SANDBOX_TEXT_BYTES, "no process for it: %s", list.is_full ? "too many arguments" : strerror(error));
  return -1;

refused:
  for (unsigned i = 0; i < count; i++) if (trees[i] >= 0) close(trees[i]);
  return -1;
}
