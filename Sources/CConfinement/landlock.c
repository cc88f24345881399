#define _GNU_SOURCE
#include "CConfinement.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// What a rule about one file may speak of; the rest concerns what is in a folder.
static const uint64_t of_files = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15;

int sk_landlock_version(void) {
  long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return version > 0 ? (int)version : 0;
}

/// The kinds of access that a version can forbid.
static uint64_t known_to(int version) {
  if (version >= 5) return (1 << 16) - 1;
  if (version >= 3) return (1 << 15) - 1;
  return version == 2 ? (1 << 14) - 1 : (1 << 13) - 1;
}

int sk_landlock_make(uint64_t forbidden) {
  struct landlock_ruleset_attr attributes = { .handled_access_fs = forbidden & known_to(sk_landlock_version()) };
  // The first member is all that is asked for; newer kernels take the short form of the structure.
  long rules = syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes.handled_access_fs, 0);
  return rules < 0 ? -errno : (int)rules;
}

int sk_landlock_allow(int rules, const char *path, uint64_t access) {
  int place = open(path, O_PATH | O_CLOEXEC);
  if (place < 0) return -errno;
  struct stat status;
  int result = fstat(place, &status) < 0 ? -errno : 0;
  if (result == 0) {
    if (!S_ISDIR(status.st_mode)) access &= of_files;
    struct landlock_path_beneath_attr rule = { .allowed_access = access & known_to(sk_landlock_version()), .parent_fd = place };
    if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0) result = -errno;
  }
  close(place);
  return result;
}

int sk_landlock_enforce(int rules) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -errno;
  return syscall(SYS_landlock_restrict_self, rules, 0) < 0 ? -errno : 0;
}
