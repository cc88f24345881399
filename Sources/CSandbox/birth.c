// Owns: the birth of the spawner: what is found out of the machine before, and the guardian, the process between it and the proxy, which starts
// another one when it ends. The proxy could not: it has given up what that takes.
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/// What every spawner of this guardian begins with.
static struct house house;

/// The first of so many users that no system gives to anybody: far above where containers' ranges begin; in a container whose own range is
/// smaller, its end. 0 when it has not that many.
static uint32_t find_users(void) {
  enum { PREFERRED = 1900000000, LEAST = 20000 };
  unsigned long long inside, outside, length, best = 0;
  FILE *file = fopen("/proc/self/uid_map", "re");
  if (!file) return 0;
  while (fscanf(file, "%llu %llu %llu", &inside, &outside, &length) == 3) {
    if (inside <= PREFERRED && inside + length >= PREFERRED + (unsigned long long)SK_SANDBOXES) best = PREFERRED;
    else if (best == 0 && inside + length >= LEAST + (unsigned long long)SK_SANDBOXES && length > SK_SANDBOXES) best = inside + length - SK_SANDBOXES - 100;
  }
  fclose(file);
  return (uint32_t)best;
}

static void find_program(char path[64], const char *name) {
  static const char *const folders[] = {"/usr/bin", "/usr/local/bin", "/bin"};
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    snprintf(path, 64, "%s/%s", folders[i], name);
    if (access(path, X_OK) == 0) return;
  }
  path[0] = 0;
}

/// Opens a root, or of the way to it what is there, of a file its folder: the rest is then walked without following links, whoever made it, and when.
static void add_root(const char *path) {
  struct root *root = &house.roots[house.root_count];
  char way[PATH_BYTES];
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') length--;
  if (path[0] != '/' || length >= sizeof way || house.root_count == SK_SANDBOX_FOLDERS) return;
  snprintf(root->path, sizeof root->path, "%.*s", (int)length, path);
  snprintf(way, sizeof way, "%s", root->path);
  while ((root->place = open(way, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0) {
    char *end = strrchr(way, '/');
    if (end == way) return;
    *end = 0;
  }
  root->opened = strlen(way);
  house.root_count++;
}

static void look_around(const char *const *roots, int without_cgroups, pid_t program) {
  struct sk_spawner_facts *facts = &house.facts;
  for (; *roots; roots++) add_root(*roots);
  find_program(facts->bwrap, "bwrap");
  find_program(facts->pasta, "pasta");
  if (!without_cgroups) cgroups_find(&house.cgroups, program);
  facts->memory = (uint8_t)house.cgroups.version;
  facts->left = house.cgroups.left;
  facts->limits_cpu = house.cgroups.cpu[0] != 0;
  facts->freezes = (uint8_t)cgroups_can_freeze(&house.cgroups);
  facts->has_unified = house.cgroups.unified[0] != 0;
  facts->is_crowded = (uint8_t)house.cgroups.is_crowded;
  facts->limits_processes = house.cgroups.processes[0] != 0;
  snprintf(facts->memory_folder, sizeof facts->memory_folder, "%s", house.cgroups.memory);
  facts->is_root = geteuid() == 0;
  facts->first_user = facts->is_root ? find_users() : 0;
  facts->own_users = facts->first_user != 0;
  house.private_mounts = facts->own_users && can_mount_privately();
  house.filter = filter_make(house.cgroups.version == 0, !facts->own_users);
  facts->system_calls = house.filter >= 0;
}

void await_children(void) {
  enum { LOOKS = 5000, MICROSECONDS = 1000 };
  for (int look = 0; look < LOOKS; look++) {
    pid_t ended;
    int status;
    while ((ended = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
      if (WIFSTOPPED(status)) kill(ended, SIGKILL);  // one that is tied (tie.c), and has just been started
    }
    if (ended < 0) return;
    usleep(MICROSECONDS);
  }
}

/// Ends what a spawner has left, which is ours now.
static void clear_up(void) {
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) cgroups_kill(&house.cgroups, slot);  // in version 1 what is frozen does not die with it
  await_children();
  for (unsigned slot = 0; slot < SK_SANDBOXES; slot++) cgroups_remove(&house.cgroups, slot);
}

/// Starts a spawner, and another one whenever it ends before the proxy does: killed by somebody, or for want of memory. Its sandboxes have ended with
/// it, since bubblewrap dies with its parent; what was asked meanwhile waits in the socket. Returns never: ends with the proxy.
static _Noreturn void guard(int socket, volatile uint64_t *peaks) {
  enum { LEAST_SECONDS = 1 };  // between two of them
  for (;;) {
    struct timespec began, now;
    clock_gettime(CLOCK_MONOTONIC, &began);
    pid_t spawner = fork(), ended = -1;
    if (spawner == 0) spawner_serve(socket, &house, peaks);
    int status = 1;
    while (spawner > 0 && (ended = waitpid(-1, &status, 0)) != spawner) {
      if (ended < 0 && errno != EINTR) break;
    }
    if (ended == spawner && WIFEXITED(status) && WEXITSTATUS(status) == 0) _exit(0);  // the proxy is gone
    clear_up();
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec - began.tv_sec < LEAST_SECONDS) sleep(LEAST_SECONDS);
  }
}

/// In the child. Nothing of the program's is held but the standard streams and the socket, and nothing is looked for or made before the program says
/// that it is wanted: one byte.
static _Noreturn void begin(int socket, const char *const *roots, int without_cgroups, pid_t program, volatile uint64_t *peaks) {
  socket = dup2(socket, 3);
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  syscall(SYS_close_range, 4, ~0u, 0);
  prctl(PR_SET_NAME, "skerry-guardian");
  // Whatever a spawner leaves comes here, and not to the program, which may be 1 of a container and waits for nobody.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  // What a terminal or an operator says to the process group is meant for the program.
  for (int number = 1; number < NSIG; number++) if (number != SIGCHLD) signal(number, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  umask(022);
  // A port below 1024, which a service manager may give the proxy (AmbientCapabilities), is nothing for the programs started here; and bubblewrap,
  // started by another user than root with any capability, takes that for a mistake and ends.
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  char wanted;
  ssize_t length;
  do length = recv(socket, &wanted, sizeof wanted, 0); while (length < 0 && errno == EINTR);
  if (length != sizeof wanted) _exit(0);  // the program is gone
  look_around(roots, without_cgroups, program);
  if (send(socket, &house.facts, sizeof house.facts, MSG_NOSIGNAL) < 0) _exit(1);
  guard(socket, peaks);
}

int sk_spawner_prepare(const char *const *roots, int without_cgroups, const volatile uint64_t **peaks, int32_t *guardian) {
  int ends[2];
  size_t bytes = SK_SANDBOXES * sizeof(uint64_t);
  void *shared = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return -errno;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
    int error = errno;
    munmap(shared, bytes);
    return -error;
  }
  pid_t program = getpid(), child = fork();
  if (child == 0) begin(ends[1], roots, without_cgroups, program, shared);
  int error = child < 0 ? errno : 0;
  close(ends[1]);
  mprotect(shared, bytes, PROT_READ);
  if (!error) {
    *peaks = shared;
    *guardian = child;
    return ends[0];
  }
  close(ends[0]);
  munmap(shared, bytes);
  return -error;
}

int sk_spawner_begin(int spawner, struct sk_spawner_facts *facts) {
  char wanted = 1;
  if (send(spawner, &wanted, sizeof wanted, MSG_NOSIGNAL) < 0) return -errno;
  ssize_t length;
  do length = recv(spawner, facts, sizeof *facts, 0); while (length < 0 && errno == EINTR);
  return length == sizeof *facts ? 0 : -ESRCH;
}

void sk_spawner_end(int spawner, int32_t guardian) {
  close(spawner);
  while (waitpid(guardian, NULL, 0) < 0 && errno == EINTR) {}
}

int sk_sandbox_program_is_there(void) {
  char path[64];
  find_program(path, "bwrap");
  return *path != 0;
}
