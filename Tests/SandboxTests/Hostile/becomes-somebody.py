import ctypes, os, subprocess
for user in (0, 1, 33, 65534, 1000):
    for change in (os.setuid, os.setgid, lambda u: os.setresuid(u, u, u), lambda u: os.setgroups([u])):
        try: change(user); print("became", user)
        except OSError: pass
for program in ("su", "sudo", "mount", "newuidmap", "chsh", "passwd"):
    for folder in ("/usr/bin", "/usr/sbin"):
        try: answer = subprocess.run([f"{folder}/{program}", "root", "-c", "id -u"], capture_output=True, timeout=5, stdin=subprocess.DEVNULL)
        except (OSError, subprocess.TimeoutExpired): continue
        if answer.stdout.strip() == b"0": print("root by", program)
status = open("/proc/self/status").read()
for line in ("CapEff:\t0000000000000000", "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2"):
    if line not in status: print("not", line)
c = ctypes.CDLL(None)
if c.prctl(38, 0, 0, 0, 0) == 0: print("took no_new_privs back")
print("contained")
