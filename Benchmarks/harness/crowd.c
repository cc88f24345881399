// A crowd of connections that are slow or idle, as Benchmarks/crowd describes them.
//
//   crowd SCENE PORT COUNT PERIOD     SCENE: idle, heads, readers; every connection moves once in PERIOD seconds
//
// Says `there` when all are connected and have settled, moves them until standard input ends, then says in one line of JSON how many were
// closed meanwhile, how many moves it made of those that were due, and what CPU time that took it. It is nice: in life the crowd has
// machines of its own, and here it must not keep those who are measured from a core.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { SETTLING_SECONDS = 2, SLICE_NANOSECONDS = 10000000, READ_BYTES = 1024, RECEIVE_BUFFER_BYTES = 4096, NICER = 19 };

static const char request_head[] = "GET /pages/7 HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char large_request[] = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
static const char open_head[] = "GET /pages/7 HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";

static int join(int port, char scene) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), bytes = RECEIVE_BUFFER_BYTES;
  if (connection < 0) fail("socket");
  setsockopt(connection, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  if (connect(connection, (struct sockaddr *)&address, sizeof address)) fail("connect");
  const char *first = scene == 'h' ? open_head : scene == 'r' ? large_request : request_head;
  if (send(connection, first, strlen(first), MSG_NOSIGNAL) < 0) fail("send");
  if (scene == 'i') {
    char answer[4096];
    if (recv(connection, answer, sizeof answer, 0) <= 0) fail("recv");
  }
  fcntl(connection, F_SETFL, O_NONBLOCK);
  return connection;
}

/// - Returns: whether the connection is still there.
static int move(int connection, char scene) {
  char bytes[READ_BYTES];
  ssize_t count = scene == 'h' ? send(connection, "a", 1, MSG_NOSIGNAL) : recv(connection, bytes, sizeof bytes, scene == 'r' ? 0 : MSG_PEEK);
  return count > 0 || (count < 0 && errno == EAGAIN);
}

int main(int count, char **arguments) {
  if (count != 5) return fprintf(stderr, "see the source\n"), 2;
  char scene = arguments[1][0];
  int port = atoi(arguments[2]), size = atoi(arguments[3]), period = atoi(arguments[4]);
  int *connections = calloc((size_t)size, sizeof *connections);
  sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){0});   // whatever the harness has (chrt)
  for (int i = 0; i < size; i++) connections[i] = join(port, scene);
  if (nice(NICER) == -1 && errno) fail("nice");
  sleep(SETTLING_SECONDS);
  puts("there");
  fflush(stdout);

  long due = 0, made = 0, lost = 0;
  uint64_t start = now();
  struct rusage before, after;
  getrusage(RUSAGE_SELF, &before);
  for (struct pollfd word = {.fd = 0, .events = POLLIN}; poll(&word, 1, 0) == 0;) {
    struct timespec slice = {0, SLICE_NANOSECONDS};
    nanosleep(&slice, NULL);
    // The idle ones do not move at all: they are only counted at the end.
    due = scene == 'i' ? 0 : (long)((double)(now() - start) / 1e9 * size / period);
    long most = made + size / period / 10;   // after a pause it does not make up for what it missed at once: a tenth of a second at most
    for (; made < due && made < most; made++) lost += !move(connections[made % size], scene);
  }
  getrusage(RUSAGE_SELF, &after);
  if (nice(-NICER) == -1) errno = 0;   // ten thousand farewells are work; where this is not allowed they take longer
  for (int i = 0; i < size && scene != 'r'; i++) {
    char byte;
    ssize_t got = recv(connections[i], &byte, 1, MSG_PEEK);
    lost += got == 0 || (got < 0 && errno != EAGAIN);
  }
  double seconds = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                   (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
  printf("{\"lost\": %ld, \"due\": %ld, \"made\": %ld, \"cpuShare\": %.4f}\n", lost, due, made, seconds / ((double)(now() - start) / 1e9));
  return 0;
}
