// A small process that starts this program anew for the one that serves: a binary upgrade. It is forked before anything is given up, so the new
// program begins with what the old one began with, while the one that serves can start nothing itself. It knows one program and one list of
// arguments, which it got at its birth; what it is told later is only which descriptors to hand on.
#pragma once
#include <stdint.h>
#include <sys/types.h>

enum { SK_STARTER_DESCRIPTORS = 1024 };

/// Forks it. Only while the process has one thread. It ends when the returned socket is closed: with the process, however that ends.
/// `program`: an absolute path, looked up anew at each start. Returns a socket for `sk_starter_start`, or a negated errno.
int sk_starter_make(const char *program, char *const *arguments);
/// Has the program started with these descriptors from 3 on and `additions` (NAME=VALUE, NULL at the end) in its environment, whose names begin
/// with SKERRY_ or LISTEN_; standard streams, folder and user are those of the starter's birth. Blocks until the program has been executed.
/// Returns its process id, or a negated errno. E2BIG: more than SK_STARTER_DESCRIPTORS, or more than 64 KiB of additions.
pid_t sk_starter_start(int starter, const int *descriptors, int count, char *const *additions);
