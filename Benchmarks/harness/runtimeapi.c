// A Lambda Runtime API server that does nothing else: what an official runtime client takes with nothing of ours around it.
//
//   runtimeapi EVENT_FILE
//
// Prints the port it listens on (127.0.0.1). Each line of its standard input begins that many invocations with the event; then it prints one line:
// their round trips in nanoseconds, each from before the event is sent until the answer has been read. One client, one connection at a time,
// blocking: the shortest way there is. Ends at the end of its input.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common.h"

static int listener, connection = -1;
static char input[1 << 20];
static size_t filled;

/// Reads one request, body included; leaves its first line in `input`.
static void read_request(void) {
  for (;;) {
    if (connection < 0) {
      if ((connection = accept(listener, NULL, NULL)) < 0) fail("accept");
      setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    filled = 0;
    for (;;) {
      ssize_t got = read(connection, input + filled, sizeof input - 1 - filled);
      if (got <= 0) break;
      filled += (size_t)got;
      input[filled] = 0;
      char *end = strstr(input, "\r\n\r\n"), *length = strcasestr(input, "\r\ncontent-length:");
      if (end && filled >= (size_t)(end + 4 - input) + (length && length < end ? strtoul(length + 17, NULL, 10) : 0)) return;
    }
    close(connection);
    connection = -1;
  }
}

static void send_all(const char *bytes, size_t length) {
  if (write(connection, bytes, length) != (ssize_t)length) fail("write");
}

int main(int count, char **words) {
  if (count != 2) return 2;
  static char event[65536], answer[66560];
  FILE *file = fopen(words[1], "re");
  if (!file) fail(words[1]);
  size_t bytes = fread(event, 1, sizeof event - 1, file);
  fclose(file);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 8) < 0) fail("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  static const char accepted[] = "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n";
  unsigned long number = 0, wanted;
  read_request();  // the first GET …/next
  while (scanf("%lu", &wanted) == 1) {
    for (unsigned long i = 0; i < wanted; i++) {
      int head = snprintf(answer, sizeof answer,
                          "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 00000000-0000-4000-8000-%012lx\r\n"
                          "Lambda-Runtime-Deadline-Ms: 9999999999999\r\nLambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:000000000000:function:official\r\n"
                          "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700\r\nContent-Length: %zu\r\n\r\n",
                          ++number, bytes);
      memcpy(answer + head, event, bytes);
      uint64_t began = now();
      send_all(answer, (size_t)head + bytes);
      read_request();
      uint64_t ended = now();
      if (strncmp(input, "POST ", 5) != 0 || !strstr(input, "/response ")) {
        fprintf(stderr, "no answer: %.300s\n", input);
        return 1;
      }
      send_all(accepted, sizeof accepted - 1);
      printf("%llu ", (unsigned long long)(ended - began));
      read_request();  // the next GET …/next
    }
    printf("\n");
    fflush(stdout);
  }
  return 0;
}
