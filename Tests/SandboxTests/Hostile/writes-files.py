# Only /tmp, which is its own, may be written to; and what the kernel lets a process say of itself.
import os
def attempt(path):
    try:
        with open(path, "wb") as file: file.write(b"x")
        os.unlink(path)
        return True
    except OSError: return False
for folder, folders, files in os.walk("/"):
    if folder.startswith(("/proc", "/tmp")): folders[:] = []; continue
    if folder.count("/") > 3: folders[:] = []
    if attempt(folder + "/planted"): print("wrote in", folder)
for path in ("/var/task/hostile.py", "/usr/bin/python3", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sysrq-trigger", "/proc/1/mem", "/proc/self/uid_map", "/proc/self/loginuid", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/user/max_user_namespaces", "/dev/full0"):
    try:
        with open(path, "r+b", buffering=0) as file: file.write(b"0")
        print("wrote", path)
    except OSError: pass
try: os.chmod("/var/task/hostile.py", 0o777); print("changed the mode of its code")
except OSError: pass
try:
    with open("/proc/self/oom_score_adj", "w") as file: file.write("-1000")
    print("may not be killed for want of memory")
except OSError: pass
open("/tmp/own", "w").write("fine")
print("contained")
