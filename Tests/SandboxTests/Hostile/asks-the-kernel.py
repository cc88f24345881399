# Calls that reach far in. By number, of x86-64; on other machines they are other calls, or none.
import ctypes, platform
if platform.machine() == "x86_64":
    c = ctypes.CDLL(None, use_errno=True)
    page = ctypes.create_string_buffer(4096)
    calls = {"bpf": (321, 0, page, 128), "perf_event_open": (298, page, 0, -1, -1, 0), "userfaultfd": (323, 0), "keyctl": (250, 0, -3, 1), "add_key": (248, b"user", b"a", b"b", 1, -3),
             "io_uring_setup": (425, 8, page), "init_module": (175, page, 10, b""), "kexec_load": (246, 0, 0, 0, 0), "reboot": (169, 0xfee1dead, 672274793, 0), "swapon": (167, b"/tmp/a", 0),
             "open_by_handle_at": (304, -100, page, 0), "name_to_handle_at": (303, -100, b"/", page, page, 0), "settimeofday": (164, page, 0), "clock_settime": (227, 0, page),
             "sethostname": (170, b"x", 1), "iopl": (172, 3), "syslog": (103, 3, page, 100), "acct": (163, b"/tmp/a"), "quotactl": (179, 0, 0, 0, 0), "fanotify_init": (300, 0, 0),
             "mknod": (133, b"/tmp/device", 0o20666, 0x101), "personality of another system": (310, 1, page, 1, page, 1, 0), "memfd_secret": (447, 0), "mount_setattr": (442, -100, b"/", 0, page, 32),
             "fsopen": (430, b"tmpfs", 0), "pidfd_getfd": (438, 0, 0, 0), "io_setup": (206, 1, page)}
    for name, words in calls.items():
        if c.syscall(*words) >= 0: print("did", name)
    # Younger than some C libraries, and than the list of calls that the filter is made with.
    for name, number, wanted in ("statmount", 457, 38), ("listmount", 458, 38), ("lsm_set_self_attr", 460, 38), ("open_tree_attr", 467, 1):
        if c.syscall(number, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != wanted: print("reached", name, ctypes.get_errno())
    # The same machine's other tables of calls: who tries is killed.
    import os
    child = os.fork()
    if child == 0: os._exit(0 if c.syscall(0x40000000 + 39) >= 0 else 1)
    if os.waitpid(child, 0)[1] == 0: print("called by another table")
# A lease on a file has everybody wait who opens it.
import fcntl, os
file = os.open("/tmp/leased", os.O_RDONLY | os.O_CREAT)
for kind in (fcntl.F_RDLCK, fcntl.F_WRLCK):
    for command in (fcntl.F_SETLEASE, fcntl.F_SETLEASE | 1 << 32):
        if c.syscall(72, file, ctypes.c_ulong(command), kind) >= 0 or ctypes.get_errno() != 1: print("took a lease")
# Of pseudo-terminals the machine has a few thousand.
try: os.openpty(); print("made a terminal")
except OSError: pass
print("contained")
