// What sandboxes need under valgrind 3.19, which knows neither pidfd_open nor pidfd_send_signal: another program, which does not run under valgrind,
// makes the calls; nor openat2: openat stands in; nor open_tree, which only
// who has mounts of its own needs. For counting the instructions of a proxy with sandboxes (../instructions), and for nothing else.
//
//   cc -o pidfd pidfd.c                        pidfd open SOCKET PROCESS | pidfd signal DESCRIPTOR NUMBER
//   cc -shared -fPIC -DPRELOAD -o pidfd.so     preloaded, with the path of the program in PIDFD
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

union control {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(sizeof(int))];
};

#ifdef PRELOAD

/// Runs the program; 0 when it says that it could.
static int run(const char *what, long first, long second) {
  char one[24], two[24];
  int status;
  snprintf(one, sizeof one, "%ld", first);
  snprintf(two, sizeof two, "%ld", second);
  pid_t child = fork();
  if (child == 0) {
    execle(getenv("PIDFD"), "pidfd", what, one, two, (char *)NULL, (char *[]){NULL});
    _exit(127);
  }
  return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : -1;
}

static int pidfd(long process) {
  int pair[2], found = -1;
  char byte;
  union control control;
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return -1;
  if (run("open", pair[1], process) == 0 && recvmsg(pair[0], &message, MSG_CMSG_CLOEXEC) == 1) memcpy(&found, CMSG_DATA(&control.head), sizeof found);
  close(pair[0]);
  close(pair[1]);
  if (found < 0) errno = ESRCH;
  return found;
}

/// With the C library's own for every other call.
long syscall(long number, ...) {
  static long (*real)(long, ...);
  long words[6];
  va_list list;
  va_start(list, number);
  for (int i = 0; i < 6; i++) words[i] = va_arg(list, long);
  va_end(list);
  if (number == SYS_pidfd_open) return pidfd(words[0]);
  if (number == SYS_pidfd_send_signal) return run("signal", words[0], words[1]);
  // Without what `resolve` forbids: the folders are one's own.
  if (number == SYS_openat2) return openat((int)words[0], (const char *)words[1], (int)((struct open_how *)words[2])->flags);
  if (!real) real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return real(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/// No mounts of one's own.
int unshare(int flags) {
  (void)flags;
  errno = EPERM;
  return -1;
}

#else

int main(int count, char **words) {
  if (count != 4) return 2;
  if (strcmp(words[1], "signal") == 0) return syscall(SYS_pidfd_send_signal, atoi(words[2]), atoi(words[3]), NULL, 0) < 0;
  int descriptor = (int)syscall(SYS_pidfd_open, atoi(words[3]), 0);
  if (descriptor < 0) return 1;
  union control control = {.head = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))}};
  memcpy(CMSG_DATA(&control.head), &descriptor, sizeof descriptor);
  struct iovec bytes = {"", 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  return sendmsg(atoi(words[2]), &message, 0) != 1;
}

#endif
