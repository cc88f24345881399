// Owns: which system calls code in a sandbox may not make (seccomp(2), by libseccomp). A list of what is refused and not of what is allowed:
// whatever a runtime needs, on whatever C library, works; what reaches far into the kernel, or out of the sandbox, does not.
#include "parts.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef TIOCLINUX
#define TIOCLINUX 0x541C
#endif
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/// Not permitted: the caller is told so.
static const char *const refused[] = {
    // mounts and roots
    "mount", "umount2", "umount", "pivot_root", "chroot", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "mount_setattr",
    // namespaces (clone's flags below)
    "unshare", "setns",
    // other processes
    "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise", "pidfd_getfd", "kcmp",
    // the kernel's inner parts
    "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "init_module", "finit_module", "delete_module", "create_module", "kexec_load",
    "kexec_file_load", "reboot", "swapon", "swapoff", "syslog", "acct", "quotactl", "quotactl_fd", "iopl", "ioperm", "lookup_dcookie", "nfsservctl", "modify_ldt",
    "vhangup", "vm86", "vm86old", "uselib", "ustat", "sysfs", "_sysctl", "fanotify_init", "fanotify_mark", "mbind", "migrate_pages", "move_pages", "set_mempolicy",
    "set_mempolicy_home_node", "get_mempolicy",
    // files by handle, which knows no folders; devices
    "name_to_handle_at", "open_by_handle_at", "mknod", "mknodat",
    // clocks and names
    "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "stime", "sethostname", "setdomainname",
};

/// Not there: the C library then does without. clone3's flags lie in memory, where no filter can read them. Of asynchronous I/O of the old kind
/// (io_setup) the machine has so much, whoever takes it.
static const char *const absent[] = {"io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "clone3", "memfd_secret"};

/// Younger than the libraries this may be built with, which do not know their names. Since 5.1 a call's number is the same on every architecture.
static const struct {
  int number, error;
} young[] = {
    {457, ENOSYS},  // statmount
    {458, ENOSYS},  // listmount
    {460, ENOSYS},  // lsm_set_self_attr
    {467, EPERM},   // open_tree_attr
};

/// Memory that belongs to no process, which nobody who looks at processes would see. Below: memory that several may map, and that stays whole as long
/// as one of its pages is mapped, used or not.
static const char *const unseen[] = {"memfd_create", "shmget"};

/// What the kernel gives so few of to a user that one sandbox could take all of them, where it has no user of its own.
static const char *const counted[] = {"inotify_init", "inotify_init1"};

static const uint64_t namespaces[] = {
    CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP, CLONE_NEWTIME,
};

static int refuse(scmp_filter_ctx filter, const char *const *names, size_t count, int error) {
  for (size_t i = 0; i < count; i++) {
    int number = seccomp_syscall_resolve_name(names[i]);
    if (number == __NR_SCMP_ERROR || number < 0) continue;  // not of this architecture
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error), number, 0) < 0) return 0;
  }
  return 1;
}

static int refuse_young(scmp_filter_ctx filter) {
  for (size_t i = 0; i < sizeof young / sizeof *young; i++) {
    if (seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)young[i].error), young[i].number, 0) < 0) return 0;
  }
  return 1;
}

/// A system call refused when (argument & mask) == value.
static int refuse_when(scmp_filter_ctx filter, int number, unsigned argument, uint64_t mask, uint64_t value, int error) {
  struct scmp_arg_cmp comparison = {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
  return seccomp_rule_add_array(filter, SCMP_ACT_ERRNO((uint32_t)error), number, 1, &comparison) == 0;
}

static int refuse_sockets(scmp_filter_ctx filter) {
  int is_whole = 1;
  // Only Unix, IPv4, IPv6, and of netlink the family by which programs list their addresses. The kernel reads 32 bits of the argument.
  for (unsigned family = 0; family < 64; family++) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK) continue;
    is_whole &= refuse_when(filter, SCMP_SYS(socket), 0, 0xFFFFFFFF, family, EAFNOSUPPORT);
  }
  for (unsigned bit = 6; bit < 32; bit++) is_whole &= refuse_when(filter, SCMP_SYS(socket), 0, 1u << bit, 1u << bit, EAFNOSUPPORT);
  for (unsigned kind = 1; kind < 32; kind++) {  // NETLINK_ROUTE is 0
    struct scmp_arg_cmp both[] = {
        {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = 0xFFFFFFFF, .datum_b = AF_NETLINK},
        {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = 0xFFFFFFFF, .datum_b = kind},
    };
    is_whole &= seccomp_rule_add_array(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 2, both) == 0;
  }
  return is_whole;
}

int filter_make(int is_watched, int shares_user) {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter) return -1;
  int is_whole = refuse(filter, refused, sizeof refused / sizeof *refused, EPERM) && refuse(filter, absent, sizeof absent / sizeof *absent, ENOSYS) && refuse_young(filter);
  if (shares_user) is_whole &= refuse(filter, counted, sizeof counted / sizeof *counted, EPERM);
  if (is_watched) {
    const uint64_t kind = MAP_ANONYMOUS | MAP_TYPE;
    is_whole &= refuse(filter, unseen, sizeof unseen / sizeof *unseen, EPERM) && refuse_when(filter, SCMP_SYS(mmap), 3, kind, MAP_ANONYMOUS | MAP_SHARED, EPERM);
  }
  for (size_t i = 0; i < sizeof namespaces / sizeof *namespaces; i++) {
    is_whole &= refuse_when(filter, SCMP_SYS(clone), 0, namespaces[i], namespaces[i], EPERM);
  }
  // A lease has everybody wait who opens the file: whose user owns what it is shown could keep all others from starting.
  is_whole &= refuse_when(filter, SCMP_SYS(fcntl), 1, 0xFFFFFFFF, F_SETLEASE, EPERM);
  // Typing into a terminal that others read.
  is_whole &= refuse_when(filter, SCMP_SYS(ioctl), 1, 0xFFFFFFFF, TIOCSTI, EPERM) && refuse_when(filter, SCMP_SYS(ioctl), 1, 0xFFFFFFFF, TIOCLINUX, EPERM);
  is_whole &= refuse_sockets(filter);
  seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a tree of comparisons instead of a list
  int file = is_whole ? memfd_create("filter", MFD_CLOEXEC) : -1;
  if (file >= 0 && seccomp_export_bpf(filter, file) < 0) {
    close(file);
    file = -1;
  }
  seccomp_release(filter);
  return file;
}
