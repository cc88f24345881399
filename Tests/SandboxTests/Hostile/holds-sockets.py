# Descriptors it was not given, and sockets of the machine: abstract ones, those with a path, the loopback network.
import os, socket
for number in range(4, 1024):
    try: print("holds", number, os.readlink(f"/proc/self/fd/{number}")) if os.fstat(number) and number != 4 else None
    except OSError: pass
name, path, port = open("/var/task/sockets").read().split()
for address in ("\0" + name, path, "/run/docker.sock", "/run/systemd/private", "/run/dbus/system_bus_socket"):
    s = socket.socket(socket.AF_UNIX)
    try: s.connect(address); print("reached", address)
    except OSError: pass
for host in ("127.0.0.1", "0.0.0.0", "::1", "localhost"):
    try: socket.create_connection((host, int(port)), timeout=1); print("reached", host)
    except OSError: pass
print("contained")
