// What sockets need beyond Swift's Glibc module.
#pragma once
#include <signal.h>

/// Makes a listening TCP socket deaf to new connections; those whose handshake has begun complete it. The packets are dropped, so that whoever
/// sent them tries again later, when somebody else may listen. Returns 0, or -1 where the socket or the system has no such filter.
int sk_refuse_new_connections(int descriptor);

/// A descriptor from which the given signals, which must be blocked, are read one at a time; -1 on failure. Non-blocking, closed on exec.
int sk_signal_descriptor(const sigset_t *signals);
/// The next signal that waits there; 0 for none.
int sk_next_signal(int descriptor);

/// The user at the other end of a Unix socket when it was connected (SO_PEERCRED); -1 when nobody can tell.
long sk_peer_user(int descriptor);
