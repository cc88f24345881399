# The secret is in the environment of the process that started the sandbox, and of the spawner.
import os
for process in os.listdir("/proc"):
    for name in ("environ", "cmdline", "maps", "root/etc/passwd", "cwd"):
        try:
            with open(f"/proc/{process}/{name}", "rb") as file:
                if b"pearl-of-the-proxy" in file.read(): print("read", process, name)
        except OSError: pass
print("contained")
