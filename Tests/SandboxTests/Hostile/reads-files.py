# Files of the machine, of the proxy, and of who else uses it.
import os, sys
secret = open("/var/task/secret-path").read()
wanted = [secret, "/etc/shadow", "/etc/passwd", "/etc/hostname", "/root", "/home", "/var/lib", "/var/log", "/run", "/boot", "/sys", "/proc/1/root" + secret,
          "/proc/kcore", "/proc/self/root/root", "/dev/mem", "/dev/kmsg", "/dev/vda", "/dev/sda", "/dev/kvm", "/dev/fuse", "/dev/net/tun", "/mnt", "/srv", "/opt/skerry",
          "/oldroot", "/newroot"]
for path in wanted:
    try:
        if os.path.isdir(path):
            if os.listdir(path): print("listed", path, os.listdir(path))
        else:
            with open(path, "rb") as file: file.read(1)
            print("read", path)
    except OSError: pass
print("contained")
