# In a sandbox with `network: outbound`: what is reached by who names the interface and so goes around the routes.
import concurrent.futures, socket, struct
PUBLIC = "203.0.113.80"
HOSTS = (PUBLIC, "198.51.100.2", "169.254.169.254", "169.254.170.2", "168.63.129.16", "10.0.0.1", "172.17.0.1", "192.168.7.1", "100.100.100.200", "127.0.0.1", "127.0.0.53", "198.18.0.1")
GROUPS = ("224.0.0.251", "239.255.255.250", "255.255.255.255")
index = socket.if_nametoindex("eth0")
SO_BINDTODEVICE, IP_UNICAST_IF, IP_PKTINFO = 25, 50, 8

def stream(family, prefix, *options):
    def ask(host):
        with socket.socket(family) as s:
            s.settimeout(2)
            for option in options: s.setsockopt(*option)
            s.connect((prefix + host, 80))
            return s.recv(100).decode()
    return ask

def datagram(source, *options):
    def ask(host):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(2)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            for option in options: s.setsockopt(*option)
            s.sendmsg([b"?"], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I4s4s", index, socket.inet_aton(source), b""))], 0, (host, 53))
            return s.recv(100).decode()
    return ask

device = (socket.SOL_SOCKET, SO_BINDTODEVICE, b"eth0\0")
WAYS = {
    "device": stream(socket.AF_INET, "", device),
    "device by IPv6": stream(socket.AF_INET6, "::ffff:", device),
    "device without routes": stream(socket.AF_INET, "", device, (socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)),
    "interface": stream(socket.AF_INET, "", (socket.IPPROTO_IP, IP_UNICAST_IF, struct.pack("!I", index))),
    "packet": datagram("0.0.0.0"),
    "packet from loopback": datagram("127.0.0.1"),
    "packet by the device": datagram("0.0.0.0", device, (socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)),
}
def attempt(name, host):
    try: print(f"{name} reached {host}: {WAYS[name](host)}", flush=True)
    except OSError: pass

with concurrent.futures.ThreadPoolExecutor(32) as pool:
    for name in WAYS:
        for host in HOSTS + (GROUPS if name.startswith("packet") else ()): pool.submit(attempt, name, host)
