// Owns: what is done in the network of a sandbox from outside: the listener of its Runtime API. bubblewrap made the network with the user
// namespace that the sandbox began in; who owns that may enter both. No program of ours runs inside for this.
#include "parts.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/// Enters the network of a process; for a child of the spawner. Returns 0 or an errno.
static int enter(pid_t inner) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/net", (int)inner);
  int network = open(path, O_RDONLY | O_CLOEXEC);
  if (network < 0) return errno;
  // Root may enter any network; everybody else first becomes what they are in the user namespace that owns it.
  if (geteuid() != 0) {
    int owner = ioctl(network, NS_GET_USERNS);
    if (owner < 0 || setns(owner, CLONE_NEWUSER) < 0) return errno;
  }
  return setns(network, CLONE_NEWNET) < 0 ? errno : 0;
}

static int send_descriptor(int socket, int descriptor) {
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control = {0};
  char byte = 'L';
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  struct cmsghdr *head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(head), &descriptor, sizeof descriptor);
  return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int listen_inside(pid_t inner, int control) {
  int error = enter(inner), yes = 1;
  if (error) return error;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(SK_SANDBOX_RUNTIME_PORT), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (listener < 0) return errno;
  // bubblewrap may not have given the loopback interface its address yet.
  setsockopt(listener, IPPROTO_IP, IP_FREEBIND, &yes, sizeof yes);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 64) < 0) return errno;
  return send_descriptor(control, listener);
}

int network_listen(pid_t inner, int control) {
  pid_t child = fork();
  if (child == 0) _exit(listen_inside(inner, control));
  int status = 0;
  pid_t ended;
  do ended = child < 0 ? -1 : waitpid(child, &status, 0); while (ended < 0 && child > 0 && errno == EINTR);
  if (ended < 0) return -errno;
  return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
