import errno, socket
families = {"packet": 17, "netlink": 16, "vsock": 40, "bluetooth": 31, "alg": 38, "can": 29, "xdp": 44, "key": 15, "tipc": 30, "rds": 21, "x25": 9}
for name, family in families.items():
    for kind in (socket.SOCK_RAW, socket.SOCK_DGRAM, socket.SOCK_STREAM, 5):
        for protocol in (0, 3, 4, 9, 12, 15, 16):
            if name == "netlink" and protocol == 0: continue   # its own addresses
            try: socket.socket(family, kind, protocol); print("opened", name, kind, protocol)
            except OSError: pass
for family in (socket.AF_INET, socket.AF_INET6):
    for protocol in (socket.IPPROTO_RAW, socket.IPPROTO_ICMP, socket.IPPROTO_TCP):
        try: socket.socket(family, socket.SOCK_RAW, protocol); print("opened raw", protocol)
        except OSError: pass
# High bits of an argument the kernel reads as 32 of them.
import ctypes
c = ctypes.CDLL(None, use_errno=True)
if c.syscall(41, ctypes.c_long((1 << 32) | 17), 3, 0) >= 0: print("opened a packet socket")
print("contained")
