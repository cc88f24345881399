// An open-loop HTTP/1.1 client: requests are sent when their time has come, whether or not earlier ones were answered, and a
// latency counts from that time. So what waits is seen to wait (no coordinated omission), in the client's queue too.
//
//   openloop PORT SECONDS SEED [NAME RATE BURST CONNECTIONS PATHS_FILE]...
//
// Each stream has its own rate (requests a second, arriving at random by Poisson, or BURST of them at once), keep-alive
// connections, and paths which it takes in turn, one per line. One line of JSON per stream: requests, percentiles of latency in
// microseconds, answers by status, and `lag`: how late this program itself was with sending, which is noise of the machine.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

enum { HEAD_MAX = 64 * 1024, STATUSES = 600, STREAMS_MAX = 8 };

typedef struct stream stream;

typedef struct connection {
  stream *of;
  struct connection *next;      // while free
  int socket;
  uint64_t due, sent;           // of the request under way
  size_t received, length;      // head and body so far; of all of it once the head is known
  char head[HEAD_MAX + 1];
} connection;

struct stream {
  const char *name;
  double rate;
  int burst, connections;
  char **paths;
  size_t path_count, next_path;
  connection *free;
  uint64_t next;                // when the next request is due
  uint64_t *waiting;            // due and without a connection: a ring, by their times
  size_t waiting_first, waiting_end;
  double *latencies, *lags;
  size_t answered, capacity, begun;
  uint64_t statuses[STATUSES], broken;
};

static int port, epoll;
static uint64_t random_state;

/// From (0, 1]; xorshift64*.
static double chance(void) {
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return ((double)((random_state * 0x2545f4914f6cdd1du) >> 11) + 1) / 9007199254740992.0;
}

static void schedule_next(stream *stream) {
  stream->next += (uint64_t)(-log(chance()) / stream->rate * stream->burst * 1e9);
}

// --- Connections

static void open_connection(connection *connection) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int one = 1;
  connection->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address)) fail("connect");
  setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  fcntl(connection->socket, F_SETFL, O_NONBLOCK);
  struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &event)) fail("epoll_ctl");
}

static void begin(connection *connection, uint64_t due) {
  stream *stream = connection->of;
  char request[1024];
  int length = snprintf(request, sizeof request,
      "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUser-Agent: openloop\r\nAccept: */*\r\nAccept-Language: en-GB\r\n"
      "Cookie: session=8a1f0c55e2d94b7b; theme=dark\r\n\r\n", stream->paths[stream->next_path], port);
  stream->next_path = (stream->next_path + 1) % stream->path_count;
  stream->begun++;
  connection->due = due;
  connection->sent = now();
  connection->received = connection->length = 0;
  if (send(connection->socket, request, (size_t)length, MSG_NOSIGNAL) != length) fail("send");
}

static void send_or_wait(stream *stream, uint64_t due) {
  connection *connection = stream->free;
  if (!connection) {
    stream->waiting[stream->waiting_end++] = due;
    return;
  }
  stream->free = connection->next;
  begin(connection, due);
}

/// The connection is free: it takes what waits longest.
static void release(connection *connection) {
  stream *stream = connection->of;
  connection->sent = 0;
  if (stream->waiting_first < stream->waiting_end) return begin(connection, stream->waiting[stream->waiting_first++]);
  connection->next = stream->free;
  stream->free = connection;
}

static void reopen(connection *connection) {
  close(connection->socket);
  open_connection(connection);
}

static void answered(connection *connection) {
  stream *stream = connection->of;
  int status = atoi(connection->head + 9);
  bool closes = strstr(connection->head, "\r\nConnection: close\r\n");
  stream->statuses[status > 0 && status < STATUSES ? status : 0]++;
  if (stream->answered < stream->capacity) {
    stream->latencies[stream->answered] = (double)(now() - connection->due) / 1000;
    stream->lags[stream->answered++] = (double)(connection->sent - connection->due) / 1000;
  }
  if (closes) reopen(connection);
  release(connection);
}

static void readable(connection *connection) {
  static char rest[1 << 16];
  for (;;) {
    bool in_head = connection->length == 0;
    ssize_t count = in_head ? recv(connection->socket, connection->head + connection->received, HEAD_MAX - connection->received, 0)
                            : recv(connection->socket, rest, sizeof rest, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      bool idle = connection->sent == 0;
      connection->of->broken += !idle;
      reopen(connection);
      if (!idle) release(connection);
      return;
    }
    connection->received += (size_t)count;
    if (in_head) {
      connection->head[connection->received] = 0;
      char *end = strstr(connection->head, "\r\n\r\n");
      if (!end) continue;
      end[2] = 0;
      char *length = strcasestr(connection->head, "\r\nContent-Length:");
      connection->length = (size_t)(end + 4 - connection->head) + (length ? strtoul(length + 17, NULL, 10) : 0);
    }
    if (connection->received >= connection->length) return answered(connection);
  }
}

// --- Streams

static void read_paths(stream *stream, const char *file) {
  FILE *input = fopen(file, "r");
  char line[512];
  if (!input) fail(file);
  stream->paths = NULL;
  while (fgets(line, sizeof line, input)) {
    line[strcspn(line, "\n")] = 0;
    stream->paths = realloc(stream->paths, (stream->path_count + 1) * sizeof(char *));
    stream->paths[stream->path_count++] = strdup(line);
  }
  fclose(input);
  if (!stream->path_count) fail("no paths");
}

static void begin_stream(stream *stream, char **arguments, double seconds) {
  stream->name = arguments[0];
  stream->rate = atof(arguments[1]);
  stream->burst = atoi(arguments[2]);
  stream->connections = atoi(arguments[3]);
  read_paths(stream, arguments[4]);
  stream->capacity = (size_t)(stream->rate * seconds * 2) + 1000;
  stream->latencies = calloc(stream->capacity, sizeof(double));
  stream->lags = calloc(stream->capacity, sizeof(double));
  stream->waiting = calloc(stream->capacity * 2, sizeof(uint64_t));
  for (int i = 0; i < stream->connections; i++) {
    connection *connection = calloc(1, sizeof *connection);
    connection->of = stream;
    open_connection(connection);
    connection->next = stream->free;
    stream->free = connection;
  }
}

static int by_size(const void *a, const void *b) {
  double difference = *(const double *)a - *(const double *)b;
  return difference < 0 ? -1 : difference > 0;
}

static double percentile(const double *sorted, size_t count, double share) {
  return count ? sorted[(size_t)((double)(count - 1) * share)] : 0;
}

static void report(stream *stream) {
  size_t count = stream->answered;
  qsort(stream->latencies, count, sizeof(double), by_size);
  qsort(stream->lags, count, sizeof(double), by_size);
  printf("{\"name\": \"%s\", \"begun\": %zu, \"answered\": %zu, \"waiting\": %zu, \"broken\": %lu", stream->name, stream->begun, count,
      stream->waiting_end - stream->waiting_first, (unsigned long)stream->broken);
  static const struct { const char *name; double share; } shares[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
  for (size_t i = 0; i < 5; i++) printf(", \"%s\": %.0f", shares[i].name, percentile(stream->latencies, count, shares[i].share));
  printf(", \"lag99\": %.0f, \"statuses\": {", percentile(stream->lags, count, 0.99));
  const char *comma = "";
  for (int i = 0; i < STATUSES; i++)
    if (stream->statuses[i]) {
      printf("%s\"%d\": %lu", comma, i, (unsigned long)stream->statuses[i]);
      comma = ", ";
    }
  printf("}}\n");
}

int main(int count, char **arguments) {
  static stream streams[STREAMS_MAX];
  int stream_count = (count - 4) / 5;
  if (count < 9 || stream_count > STREAMS_MAX) return fprintf(stderr, "see the source\n"), 2;
  port = atoi(arguments[1]);
  double seconds = atof(arguments[2]);
  random_state = strtoull(arguments[3], NULL, 10) | 1;
  epoll = epoll_create1(EPOLL_CLOEXEC);
  for (int i = 0; i < stream_count; i++) begin_stream(&streams[i], arguments + 4 + 5 * i, seconds);
  uint64_t start = now(), end = start + (uint64_t)(seconds * 1e9), last_word = end + 2000000000u;
  for (int i = 0; i < stream_count; i++) {
    streams[i].next = start;
    schedule_next(&streams[i]);
  }
  for (;;) {
    uint64_t time = now(), wake = end;
    bool unanswered = false;
    for (int i = 0; i < stream_count; i++) {
      stream *stream = &streams[i];
      while (stream->next <= time && stream->next < end) {
        for (int k = 0; k < stream->burst && stream->waiting_end < stream->capacity; k++) send_or_wait(stream, stream->next);
        schedule_next(stream);
      }
      if (stream->next < wake) wake = stream->next;
      unanswered |= stream->answered + stream->broken < stream->begun;
    }
    if (time >= end && (!unanswered || time >= last_word)) break;
    if (time >= end) wake = last_word;
    uint64_t wait = wake > time ? wake - time : 0;
    struct timespec timeout = {(time_t)(wait / 1000000000u), (long)(wait % 1000000000u)};
    struct epoll_event events[64];
    int ready = epoll_pwait2(epoll, events, 64, &timeout, NULL);
    for (int i = 0; i < ready; i++) readable(events[i].data.ptr);
  }
  for (int i = 0; i < stream_count; i++) report(&streams[i]);
  return 0;
}
