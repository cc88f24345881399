// What Swift cannot say to the kernel itself: Landlock, which glibc has no functions for, and libseccomp, whose rules are variadic.
// Each function returns 0 or more when it succeeded, else a negated errno. Any thread, but see each one for whom it binds.
#pragma once
#include <stdint.h>

#include "Starter.h"

// MARK: Landlock (landlock(7)): what a process may do to files, whoever it runs as

/// Kinds of access to files, as in <linux/landlock.h>; a header older than the kernel lacks the last ones.
enum {
  SK_FILE_EXECUTE = 1 << 0,
  SK_FILE_READ = 1 << 2 | 1 << 3,
  /// Writing, truncating, making, removing and moving everything but devices.
  SK_FILE_WRITE = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14,
  /// What nobody here needs: making devices, and their ioctls.
  SK_FILE_DEVICES = 1 << 6 | 1 << 11 | 1 << 15,
};

/// The version of the kernel's Landlock; 0 when it has none.
int sk_landlock_version(void);
/// A set of rules that forbids these kinds of access, as far as the kernel knows them. Returns its descriptor.
int sk_landlock_make(uint64_t forbidden);
/// An exception: the file, or everything below the folder, at `path`.
int sk_landlock_allow(int rules, const char *path, uint64_t access);
/// Binds the calling thread, and every thread and process that it starts from now on. For good.
int sk_landlock_enforce(int rules);

// MARK: seccomp (seccomp(2)): which system calls a process may make

/// A filter that answers every system call with ENOSYS. NULL when there is no memory.
void *sk_filter_make(void);
/// Allows a system call by its name. Returns 1 for a name that this architecture does not have.
int sk_filter_allow(void *filter, const char *name);
/// Allows a system call when (argument & mask) == value. May be said several times.
int sk_filter_allow_masked(void *filter, const char *name, unsigned argument, uint64_t mask, uint64_t value);
/// Binds every thread of the process and all that they start. For good. Frees the filter, whatever comes of it.
int sk_filter_enforce(void *filter);
