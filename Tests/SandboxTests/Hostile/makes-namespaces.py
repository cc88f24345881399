import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
flags = {"user": 0x10000000, "mount": 0x20000, "pid": 0x20000000, "net": 0x40000000, "ipc": 0x8000000, "uts": 0x4000000, "cgroup": 0x2000000, "time": 0x80}
SIGCHLD, clone, clone3, unshare = 17, 56, 435, 272
for name, flag in flags.items():
    if c.syscall(unshare, flag) == 0: print("unshared", name)
    child = c.syscall(clone, flag | SIGCHLD, 0, 0, 0, 0)
    if child == 0: os._exit(0)
    if child > 0: print("cloned", name)
if c.syscall(clone3, 0, 0) != -1 or ctypes.get_errno() != 38: print("clone3", ctypes.get_errno())
for name in ("user", "mnt", "net", "pid"):
    file = os.open(f"/proc/1/ns/{name}", os.O_RDONLY) if os.access(f"/proc/1/ns/{name}", os.R_OK) else -1
    if file >= 0 and c.setns(file, 0) == 0: print("entered", name)
if c.mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0: print("mounted")
if c.umount2(b"/proc", 2) == 0: print("unmounted")
if c.chroot(b"/tmp") == 0: print("changed the root")
if c.syscall(155, b"/tmp", b"/tmp") == 0: print("pivoted")
if c.mount(None, b"/", None, 32 | 0x1000, None) == 0: print("made / writable")
print("contained")
