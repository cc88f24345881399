// Owns: which system calls the process may make: seccomp (seccomp(2), by libseccomp). What is not in the table answers ENOSYS, as on a
// kernel that does not have it. The table was read off the program under every scenario (strace) and then by hand; calls that the C
// library may choose instead on another version or architecture stand beside them.
import CConfinement
import Glibc

/// A filter of system calls.
public enum SystemCallFilter {
  /// Calls that are allowed whatever their arguments.
  static let allowed: [(purpose: String, names: [String])] = [
    ("bytes", ["read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "_llseek", "sendfile", "sendfile64", "close", "close_range"]),
    ("files", [
      "open", "openat", "openat2", "stat", "fstat", "lstat", "stat64", "fstat64", "lstat64", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2",
      "readlink", "readlinkat", "getdents64", "getcwd", "statfs", "fstatfs", "ftruncate", "truncate", "fallocate", "fadvise64", "fsync", "fdatasync", "sync_file_range",
      "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", "link", "linkat", "fchmod", "chmod", "fchmodat", "utimensat", "umask", "flock",
      "fcntl", "fcntl64", "dup", "dup2", "dup3", "pipe", "pipe2", "memfd_create", "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "listxattr", "getxattr", "fgetxattr",
    ]),
    ("sockets", [
      "bind", "listen", "accept", "accept4", "connect", "shutdown", "socketpair", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg", "sendmmsg",
      "recvfrom", "recvmsg", "recvmmsg",
    ]),
    ("events", [
      "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "poll", "ppoll", "select", "pselect6", "timerfd_create", "timerfd_settime",
      "timerfd_gettime", "signalfd4",
    ]),
    ("memory", ["munmap", "madvise", "mremap", "brk", "mincore", "msync", "membarrier", "mlock", "munlock"]),
    ("threads", [
      "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getparam",
      "sched_getscheduler", "exit", "exit_group", "arch_prctl", "prctl", "restart_syscall",
    ]),
    ("signals", [
      "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait", "rt_sigsuspend", "sigaltstack", "sigreturn", "tgkill", "tkill", "kill", "pause",
    ]),
    ("time", [
      "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun",
      "timer_delete", "getitimer", "setitimer",
    ]),
    ("the process", [
      "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getresuid", "getresgid", "getpgrp", "getpgid", "getsid", "getrusage", "getrlimit", "ugetrlimit",
      "setrlimit", "prlimit64", "getpriority", "setpriority", "sysinfo", "uname", "getrandom", "getcpu", "wait4", "waitid", "capget",
    ]),
  ]

  /// The families of sockets that are made: no packets, no kernel messages.
  static let socketFamilies = [AF_UNIX, AF_INET, AF_INET6]
  /// CLONE_THREAD, as in <linux/sched.h>: a thread and no process.
  private static let thread: UInt64 = 0x1_0000

  /// Binds every thread of the process. For good.
  /// - Returns: how many system calls are allowed.
  /// - Throws: ``ConfinementFailure`` when the kernel has no such filters or refuses.
  @discardableResult public static func enforce() throws(ConfinementFailure) -> Int {
    guard let filter = unsafe sk_filter_make() else { throw ConfinementFailure(description: "seccomp: no memory") }
    var count = 0
    func note(_ result: Int32) { if result == 0 { count += 1 } }
    for group in allowed { for name in group.names { note(unsafe sk_filter_allow(filter, name)) } }
    for family in socketFamilies { note(unsafe sk_filter_allow_masked(filter, "socket", 0, .max, UInt64(family))) }
    // Memory is never writable and executable, and never becomes executable: the engine has no compiler, and no exploit shall bring one.
    for name in ["mmap", "mmap2"] { note(unsafe sk_filter_allow_masked(filter, name, 2, UInt64(PROT_WRITE | PROT_EXEC), UInt64(PROT_WRITE))) }
    for name in ["mmap", "mmap2"] { note(unsafe sk_filter_allow_masked(filter, name, 2, UInt64(PROT_WRITE), 0)) }
    note(unsafe sk_filter_allow_masked(filter, "mprotect", 2, UInt64(PROT_EXEC), 0))
    // The only request to a device: is it a terminal, and how many bytes are there.
    for request in [TCGETS, FIONREAD, FIONBIO] { note(unsafe sk_filter_allow_masked(filter, "ioctl", 1, 0xFFFF_FFFF, UInt64(request))) }
    // clone3's flags lie in memory, where no filter can read them; without it, threads are made by clone.
    note(unsafe sk_filter_allow_masked(filter, "clone", 0, thread, thread))
    let result = unsafe sk_filter_enforce(filter)
    guard result == 0 else { throw FileRules.failure("seccomp", result) }
    return count
  }
}
