// Owns: the proxy's side of the socket to the spawner. Any thread; nothing here waits for a sandbox.
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

int sk_sandbox_connect(int ours[4], int theirs[4]) {
  static const int kinds[] = {SOCK_STREAM, 0, 0, SOCK_SEQPACKET};  // 0: a pipe, written to by them
  int made = 0;
  for (; made < 4; made++) {
    int ends[2], result = kinds[made] ? socketpair(AF_UNIX, kinds[made] | SOCK_CLOEXEC, 0, ends) : pipe2(ends, O_CLOEXEC);
    if (result < 0) break;
    ours[made] = ends[0];
    theirs[made] = ends[1];
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
  }
  if (made == 4) return 0;
  int error = errno;
  for (int i = 0; i < made; i++) {
    close(ours[i]);
    close(theirs[i]);
  }
  errno = error;
  return -1;
}

int sk_sandbox_ask(int spawner, const struct sk_sandbox_request *request, const void *texts, uint32_t length, const int *descriptors, uint32_t count) {
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(4 * sizeof(int))];
  } control = {0};
  if (length > SK_SANDBOX_REQUEST_BYTES || count > 4) return -E2BIG;
  struct iovec parts[2] = {{(void *)request, sizeof *request}, {(void *)texts, length}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  if (count > 0) {
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), descriptors, count * sizeof(int));
  }
  ssize_t sent;
  do sent = sendmsg(spawner, &message, MSG_NOSIGNAL); while (sent < 0 && errno == EINTR);
  return sent < 0 ? -errno : 0;
}

int sk_sandbox_read_end(int lifeline, struct sk_sandbox_end *end) {
  ssize_t length;
  do length = recv(lifeline, end, sizeof *end, MSG_DONTWAIT); while (length < 0 && errno == EINTR);
  if (length == (ssize_t)sizeof *end) {
    end->text[SK_SANDBOX_TEXT_BYTES - 1] = 0;
    return 1;
  }
  return length < 0 && errno == EAGAIN ? 0 : -1;
}

int sk_sandbox_take_listener(int control) {
  union {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
  } space;
  char byte;
  struct iovec bytes = {&byte, 1};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &space, .msg_controllen = sizeof space};
  ssize_t length;
  do length = recvmsg(control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); while (length < 0 && errno == EINTR);
  if (length < 0) return -errno;
  struct cmsghdr *head = length == 1 ? CMSG_FIRSTHDR(&message) : NULL;
  if (!head || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) return -EPROTO;
  int listener;
  memcpy(&listener, CMSG_DATA(head), sizeof listener);
  return listener;
}
