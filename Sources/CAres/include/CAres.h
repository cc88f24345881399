// The few things Skerry wants of c-ares, without c-ares' headers: they bring system headers along that Swift's Glibc module also owns, and
// Swift then finds neither. Everything is called on one thread per channel. See ares_init_options(3), ares_getaddrinfo(3), ares_process(3).
#pragma once
#include <stdint.h>

/// No socket: for `cares_process`.
static const int32_t cares_no_socket = -1;

/// How a look-up ended.
typedef enum {
  /// There are addresses.
  cares_found,
  /// The name does not exist or has no address.
  cares_unknown,
  /// No usable answer.
  cares_failed
} cares_outcome;

/// One address of an answer: 4 or 16 bytes in network order, time to live in seconds.
typedef struct {
  uint8_t bytes[16];
  int32_t length;
  int32_t ttl;
} cares_address;

/// c-ares waits for a socket; neither readable nor writable: it is about to close it.
typedef void (*cares_watch)(void *_Nonnull owner, int32_t socket, int32_t readable, int32_t writable);
/// The end of a look-up; called once, possibly before `cares_lookup` returns. The addresses are gone afterwards.
typedef void (*cares_done)(void *_Nonnull context, cares_outcome outcome, const cares_address *_Nullable addresses, int32_t count);

/// Makes a channel; NULL when c-ares refuses. `servers`: `ADDRESS:PORT` separated by commas, NULL for those of `file`, which has the form of
/// resolv.conf(5) and is read now; given servers mean a closed world, in which the machine's search domains do not exist. `port`: of the
/// servers of the file.
void *_Nullable cares_open(
    int32_t attempt_milliseconds, int32_t attempts, const char *_Nullable servers, const char *_Nonnull file, uint16_t port,
    cares_watch _Nonnull watch, void *_Nonnull owner);
/// Ends all look-ups (failed), closes all sockets, frees the channel.
void cares_close(void *_Nonnull channel);
/// Asks for the IPv4 and IPv6 addresses of a name, /etc/hosts first.
void cares_lookup(void *_Nonnull channel, const char *_Nonnull name, cares_done _Nonnull done, void *_Nonnull context);
/// Lets c-ares read and write sockets that are ready, and look at its clock.
void cares_process(void *_Nonnull channel, int32_t readable, int32_t writable);
/// Milliseconds until `cares_process` must be called at the latest; -1 when nothing is under way.
int64_t cares_timeout(void *_Nonnull channel);
