#!/usr/bin/python3 -SE
# Answers whoever connects to port 80, on whatever address, with that address; and any datagram to port 53, those to groups included, with `names`.
import selectors, socket
web = socket.socket(); web.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); web.bind(("0.0.0.0", 80)); web.listen(64)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); names.bind(("0.0.0.0", 53))
both = selectors.DefaultSelector(); both.register(web, 1); both.register(names, 1)

def join(interface):
    for group in "224.0.0.251", "239.255.255.250":
        try: names.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + bytes(4) + socket.if_nametoindex(interface).to_bytes(4, "little"))
        except OSError: return False
    return True

# Its interface comes after it.
wanted = "near" if len(__import__("sys").argv) > 1 else "far"
while not join(wanted): pass
while True:
    for key, _ in both.select():
        if key.fileobj is web:
            connection, _ = web.accept()
            connection.send(connection.getsockname()[0].encode()); connection.close()
        else:
            try:
                _, address = names.recvfrom(600); names.sendto(b"names", address)
            except OSError: pass
