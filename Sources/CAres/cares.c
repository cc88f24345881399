#include "CAres.h"
#include <ares.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// An answer with more addresses is cut: nobody tries that many.
enum { ADDRESS_LIMIT = 64 };

struct lookup {
  cares_done done;
  void *context;
};

static int library_status;
static void start_library(void) { library_status = ares_library_init(ARES_LIB_INIT_ALL); }

void *cares_open(
    int32_t attempt_milliseconds, int32_t attempts, const char *servers, const char *file, uint16_t port, cares_watch watch, void *owner) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start_library);
  if (library_status != ARES_SUCCESS) return NULL;
  struct ares_options options;
  memset(&options, 0, sizeof options);
  options.timeout = attempt_milliseconds;
  options.tries = attempts;
  options.sock_state_cb = (ares_sock_state_cb)watch;
  options.sock_state_cb_data = owner;
  options.resolvconf_path = (char *)file;
  options.udp_port = options.tcp_port = port;
  int mask = ARES_OPT_RESOLVCONF | ARES_OPT_UDP_PORT | ARES_OPT_TCP_PORT | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (servers) mask |= ARES_OPT_DOMAINS;
  ares_channel channel;
  if (ares_init_options(&channel, &options, mask) != ARES_SUCCESS) return NULL;
  if (servers && ares_set_servers_ports_csv(channel, servers) != ARES_SUCCESS) {
    ares_destroy(channel);
    return NULL;
  }
  return channel;
}

void cares_close(void *channel) { ares_destroy(channel); }

static void answered(void *argument, int status, int timeouts, struct ares_addrinfo *result) {
  (void)timeouts;
  struct lookup *lookup = argument;
  cares_address addresses[ADDRESS_LIMIT];
  int32_t count = 0;
  for (struct ares_addrinfo_node *node = result ? result->nodes : NULL; node && count < ADDRESS_LIMIT; node = node->ai_next) {
    cares_address *address = &addresses[count];
    memset(address, 0, sizeof *address);
    address->ttl = node->ai_ttl;
    if (node->ai_family == AF_INET) {
      address->length = 4;
      memcpy(address->bytes, &((struct sockaddr_in *)node->ai_addr)->sin_addr, 4);
    } else if (node->ai_family == AF_INET6) {
      address->length = 16;
      memcpy(address->bytes, &((struct sockaddr_in6 *)node->ai_addr)->sin6_addr, 16);
    } else {
      continue;
    }
    count++;
  }
  ares_freeaddrinfo(result);
  cares_outcome outcome = cares_failed;
  if (status == ARES_SUCCESS) outcome = count > 0 ? cares_found : cares_unknown;
  if (status == ARES_ENOTFOUND || status == ARES_ENODATA || status == ARES_EBADNAME) outcome = cares_unknown;
  lookup->done(lookup->context, outcome, addresses, count);
  free(lookup);
}

void cares_lookup(void *channel, const char *name, cares_done done, void *context) {
  struct lookup *lookup = malloc(sizeof *lookup);
  if (!lookup) {
    done(context, cares_failed, NULL, 0);
    return;
  }
  lookup->done = done;
  lookup->context = context;
  struct ares_addrinfo_hints hints;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  // The caller orders the addresses; c-ares would connect sockets to find out.
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel, name, NULL, &hints, answered, lookup);
}

void cares_process(void *channel, int32_t readable, int32_t writable) { ares_process_fd(channel, readable, writable); }

int64_t cares_timeout(void *channel) {
  struct timeval time;
  if (!ares_timeout(channel, NULL, &time)) return -1;
  return (int64_t)time.tv_sec * 1000 + time.tv_usec / 1000 + 1;
}
