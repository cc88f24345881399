// The system's C headers that Swift's Glibc module does not carry, and small inline shims.
// No _GNU_SOURCE here: it would give system types another shape than in Swift's own Glibc module.
#pragma once
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "SkerryBlocks.h"
#include "SkerryFiles.h"
#include "SkerryMemory.h"
#include "SkerryScan.h"
#include "SkerrySockets.h"

extern int accept4(int, struct sockaddr *, socklen_t *, int);
extern int pthread_setname_np(unsigned long thread, const char *name);
extern const char *strerrordesc_np(int code);
extern int malloc_trim(size_t);
extern int mallopt(int parameter, int value);
static const int sk_trim_threshold = -1, sk_mmap_threshold = -3;  // M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
extern size_t malloc_usable_size(void *);

// The commit this was built from, when the build was told (SKERRY_COMMIT in its environment, as `make build` sets it); else "".
const char *skerry_commit(void);
