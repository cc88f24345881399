// Two processes and a socket pair: what the machine itself takes to have one program answer another, with nothing of ours around it.
//
//   pingpong BYTES
//
// Each line of standard input, `COUNT PAUSE`, begins so many round trips of BYTES there and BYTES back with PAUSE microseconds between them, in which
// the asking process sleeps, too; then one line is printed: the round trips in nanoseconds. The asking process waits with epoll, as a worker
// does, the other one in read, as a bootstrap does. Ends at the end of its input.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

static char buffer[1 << 16];

static void read_all(int from, size_t bytes) {
  for (size_t got = 0; got < bytes;) {
    ssize_t count = read(from, buffer + got, bytes - got);
    if (count <= 0) exit(0);
    got += (size_t)count;
  }
}

static void write_all(int to, size_t bytes) {
  if (write(to, buffer, bytes) != (ssize_t)bytes) fail("write");
}

int main(int count, char **words) {
  size_t bytes = count == 2 ? strtoul(words[1], NULL, 10) : 0;
  int pair[2];
  if (bytes == 0 || bytes > sizeof buffer) return 2;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail("socketpair");
  int child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    close(pair[0]);
    for (;;) {
      read_all(pair[1], bytes);
      write_all(pair[1], bytes);
    }
  }
  close(pair[1]);
  printf("%d\n", child);
  fflush(stdout);
  int loop = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event event = {.events = EPOLLIN};
  if (epoll_ctl(loop, EPOLL_CTL_ADD, pair[0], &event) < 0) fail("epoll_ctl");
  unsigned long wanted, pause;
  while (scanf("%lu %lu", &wanted, &pause) == 2) {
    for (unsigned long i = 0; i < wanted; i++) {
      uint64_t began = now();
      write_all(pair[0], bytes);
      epoll_wait(loop, &event, 1, -1);
      read_all(pair[0], bytes);
      printf("%llu ", (unsigned long long)(now() - began));
      if (pause) nanosleep(&(struct timespec){.tv_nsec = (long)pause * 1000}, NULL);
    }
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
