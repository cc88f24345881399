# Another function runs beside it, with code of its own, a Runtime API of its own, and this word in its environment: other-pearl.
import os, socket
for process in os.listdir("/proc"):
    if not process.isdigit(): continue
    try:
        if b"other-" + b"pearl" in open(f"/proc/{process}/environ", "rb").read(): print("read an environment")
    except OSError: pass
    if int(process) not in (1, os.getpid()): print("sees", process)
if os.listdir("/var/task") != ["hostile.py"]: print("shown", os.listdir("/var/task"))
if os.listdir("/tmp"): print("left in /tmp", os.listdir("/tmp"))
try: socket.create_connection(("127.0.0.1", 9001), timeout=1); print("reached a Runtime API")
except OSError: pass
for kind in ("shm", "msg", "sem"):
    if len(open(f"/proc/sysvipc/{kind}").readlines()) > 1: print("shares", kind)
if os.path.isdir("/dev/shm") and os.listdir("/dev/shm"): print("shares /dev/shm")
print("contained")
