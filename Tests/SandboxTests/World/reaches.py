# In a sandbox with `network: outbound`: what is reached.
import socket
for host in ("203.0.113.80", "198.51.100.1", "198.51.100.2", "169.254.169.254", "169.254.170.2", "168.63.129.16", "10.0.0.1", "172.17.0.1", "192.168.7.1", "100.100.100.200", "127.0.0.1", "0.0.0.0", "198.18.0.1", "198.18.0.2"):
    try:
        with socket.create_connection((host, 80), timeout=3) as s: print("reached", s.recv(100).decode())
    except OSError: pass
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
server = open("/etc/resolv.conf").read().split()[1]
try: s.sendto(b"?", (server, 53)); print("resolver", s.recv(100).decode())
except OSError as error: print("resolver", error)
