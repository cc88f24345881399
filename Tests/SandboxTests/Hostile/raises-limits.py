import resource
for name in ("NOFILE", "NPROC", "CORE", "MEMLOCK", "RTPRIO", "MSGQUEUE"):
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
print("contained")
