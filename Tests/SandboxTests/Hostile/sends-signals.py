# To whoever it can name; the loop ends with its own death if that is all there is.
import os, signal
for process in list(range(1, 5000)) + [-1]:
    if process in (os.getpid(), -1): continue
    for number in (signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM):
        try: os.kill(process, number); print("signalled", process) if process != 1 else None
        except OSError: pass
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) not in (1, os.getpid()): print("sees", name)
print("contained")
