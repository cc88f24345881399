#define _GNU_SOURCE
#include "CConfinement.h"
#include <errno.h>
#include <seccomp.h>
#include <stddef.h>

void *sk_filter_make(void) {
  // ENOSYS and not EPERM: what the C library then does is what it does on a kernel without that call.
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
  if (!filter) return NULL;
  if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) < 0) {  // all threads, or none
    seccomp_release(filter);
    return NULL;
  }
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree instead of a list; older libraries keep the list
  return filter;
}

static int add(void *filter, const char *name, unsigned count, const struct scmp_arg_cmp *arguments) {
  int number = seccomp_syscall_resolve_name(name);
  if (number == __NR_SCMP_ERROR || number < 0) return 1;
  return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, count, arguments);
}

int sk_filter_allow(void *filter, const char *name) { return add(filter, name, 0, NULL); }

int sk_filter_allow_masked(void *filter, const char *name, unsigned argument, uint64_t mask, uint64_t value) {
  struct scmp_arg_cmp comparison = { .arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value };
  return add(filter, name, 1, &comparison);
}

int sk_filter_enforce(void *filter) {
  int result = seccomp_load(filter);
  seccomp_release(filter);
  return result;
}
