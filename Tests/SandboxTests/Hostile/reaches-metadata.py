# Where clouds keep credentials, this machine's neighbours, and the world.
import socket
for host in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "100.100.100.200", "192.168.0.1", "10.0.0.1", "172.17.0.1", "fe80::1%lo", "192.0.2.1", "203.0.113.1", "2001:db8::1"):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        try:
            address = socket.getaddrinfo(host, 80, type=kind)[0]
            s = socket.socket(address[0], kind); s.settimeout(1); s.connect(address[4])
            if kind == socket.SOCK_DGRAM: s.send(b"x")
            print("reached", host, kind)
        except OSError: pass
print("contained")
