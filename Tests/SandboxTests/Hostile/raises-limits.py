import resource
for name in ("NOFILE", "NPROC", "CORE", "MEMLOCK", "RTPRIO", "MSGQUEUE", "SIGPENDING"):
    kind = getattr(resource, "RLIMIT_" + name)
    soft, hard = resource.getrlimit(kind)
    if hard == resource.RLIM_INFINITY: print(name, "has no limit")
    try: resource.setrlimit(kind, (hard + 1, hard + 1)); print("raised", name)
    except (OSError, ValueError): pass
import os
try: os.nice(-1); print("became more urgent")
except OSError: pass
try: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)); print("became a real-time process")
except OSError: pass
try:
    with open("/proc/self/oom_score_adj", "w") as file: file.write("0")
    print("is no longer the first to go when memory runs out")
except OSError: pass
if open("/proc/self/oom_score_adj").read() != "500\n": print("is not the first to go")
# What is the program's own is still there by these names.
with open("/tmp/own", "w") as file:
    with open(f"/proc/self/fd/{file.fileno()}", "w") as again: again.write("fine")
print("contained")
