#define _GNU_SOURCE
#include "Starter.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PER_MESSAGE = 250, ADDITIONS_BYTES = 65536 };  // the kernel takes 253 descriptors at a time

/// A message: some of the descriptors, and with the last of them what the environment gets.
struct request {
  int32_t is_last;
  char additions[ADDITIONS_BYTES];  // NAME=VALUE, each ended by NUL
};
union control {
  struct cmsghdr head;
  char bytes[CMSG_SPACE(PER_MESSAGE * sizeof(int))];
};

// MARK: The starter

/// In the process that becomes the program. An error is written to `report` as a negative number; an execution closes it.
static void become(const char *program, char *const *arguments, const int *descriptors, int count, const char *additions, int report) {
  // First out of the way of the places that they are to have.
  int lowest = 3 + count, moved[SK_STARTER_DESCRIPTORS];
  report = fcntl(report, F_DUPFD_CLOEXEC, lowest);
  for (int i = 0; i < count; i++) moved[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, lowest);
  for (int i = 0; i < count; i++) {
    if (moved[i] < 0 || dup2(moved[i], 3 + i) < 0) goto failed;
  }
  for (const char *line = additions; *line; line += strlen(line) + 1) putenv((char *)line);
  for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  execv(program, arguments);
failed:;
  int error = -errno;
  (void)!write(report, &error, sizeof error);
  _exit(127);
}

/// Names that mean something to this program alone: not LD_PRELOAD, by which the asking process could be more than it is.
static int are_harmless(const char *additions) {
  for (const char *line = additions; *line; line += strlen(line) + 1) {
    if (strncmp(line, "SKERRY_", 7) != 0 && strncmp(line, "LISTEN_", 7) != 0) return 0;
  }
  return 1;
}

/// The program becomes nobody's child but the service manager's (or init's): systemd looks after no process, and ends none in order, that is
/// another's. So the child that is forked here only forks it, tells its number, and is gone.
static pid_t start(const char *program, char *const *arguments, const int *descriptors, int count, const char *additions) {
  int report[2];
  if (!are_harmless(additions)) return -EPERM;
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;
  pid_t between = fork(), result = between < 0 ? -errno : -ECHILD;
  if (between == 0) {
    pid_t process = fork();
    if (process == 0) become(program, arguments, descriptors, count, additions, report[1]);
    int number = process < 0 ? -errno : process;
    (void)!write(report[1], &number, sizeof number);
    _exit(0);
  }
  close(report[1]);
  if (between > 0) waitpid(between, NULL, 0);
  for (int said; read(report[0], &said, sizeof said) == sizeof said;) {
    if (result == -ECHILD || said < 0) result = said;   // the number and an error come in either order
  }
  close(report[0]);
  return result;
}

/// Receives one message. Returns false when the other side is gone.
static int receive(int socket, struct request *request, int *descriptors, int *count) {
  union control control;
  struct iovec bytes = { request, sizeof *request };
  struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
  ssize_t length;
  do length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC); while (length < 0 && errno == EINTR);
  if (length != sizeof *request) return 0;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    int some = (int)((head->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    if (*count + some > SK_STARTER_DESCRIPTORS) return 0;
    memcpy(descriptors + *count, CMSG_DATA(head), (size_t)some * sizeof(int));
    *count += some;
  }
  request->additions[ADDITIONS_BYTES - 1] = request->additions[ADDITIONS_BYTES - 2] = 0;
  return 1;
}

static _Noreturn void serve(int socket, const char *program, char *const *arguments) {
  prctl(PR_SET_NAME, "skerry-starter");
  // What a terminal or an operator says to the process group is meant for the program.
  for (int number = 1; number < NSIG; number++) if (number != SIGCHLD) signal(number, SIG_IGN);
  static struct request request;
  static int descriptors[SK_STARTER_DESCRIPTORS];
  for (int count = 0; receive(socket, &request, descriptors, &count);) {
    if (!request.is_last) continue;
    while (waitpid(-1, NULL, WNOHANG) > 0) {}
    int32_t result = start(program, arguments, descriptors, count, request.additions);
    for (int i = 0; i < count; i++) close(descriptors[i]);
    count = 0;
    if (send(socket, &result, sizeof result, MSG_NOSIGNAL) != sizeof result) break;
  }
  _exit(0);
}

int sk_starter_make(const char *program, char *const *arguments) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) return -errno;
  pid_t child = fork();
  if (child == 0) {
    // Nothing of the program's is held but the standard streams and the socket.
    int socket = dup2(ends[1], 3);
    fcntl(socket, F_SETFD, FD_CLOEXEC);
    syscall(SYS_close_range, 4, ~0u, 0);
    serve(socket, program, arguments);
  }
  int error = child < 0 ? errno : 0;
  close(ends[1]);
  if (!error) return ends[0];
  close(ends[0]);
  return -error;
}

// MARK: The side of the program

static int send_some(int starter, struct request *request, const int *descriptors, int count) {
  union control control;
  struct iovec bytes = { request, sizeof *request };
  struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
    memcpy(CMSG_DATA(head), descriptors, (size_t)count * sizeof(int));
  }
  ssize_t length;
  do length = sendmsg(starter, &message, MSG_NOSIGNAL); while (length < 0 && errno == EINTR);
  return length < 0 ? -errno : 0;
}

pid_t sk_starter_start(int starter, const int *descriptors, int count, char *const *additions) {
  if (count > SK_STARTER_DESCRIPTORS) return -E2BIG;
  struct request request = { 0 };
  size_t used = 0;
  for (; *additions; additions++) {
    size_t length = strlen(*additions) + 1;
    if (used + length > ADDITIONS_BYTES - 2) return -E2BIG;
    memcpy(request.additions + used, *additions, length);
    used += length;
  }
  for (int from = 0; from < count || !request.is_last;) {
    int some = count - from < PER_MESSAGE ? count - from : PER_MESSAGE;
    request.is_last = from + some == count;
    int error = send_some(starter, &request, descriptors + from, some);
    if (error) return error;
    from += some;
  }
  int32_t result;
  ssize_t length;
  do length = recv(starter, &result, sizeof result, 0); while (length < 0 && errno == EINTR);
  return length == sizeof result ? result : length < 0 ? -errno : -ESRCH;
}
