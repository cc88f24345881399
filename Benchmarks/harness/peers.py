"""The programs that are compared, and the origin they share: how each is configured and started.

Configurations are the files under peers/ and skerry/, with @NAME@ filled in.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import redirects
from .cases import BODY, LARGE_BODY
from .process import Failure, Process, free_port

ROOT = Path(__file__).resolve().parent.parent


def filled(template, values):
    return re.sub(r"@([A-Z_]+)@", lambda match: str(values[match[1]]), (ROOT / template).read_text())


def render(template, target, values):
    Path(target).write_text(filled(template, values))


class Origin:
    """nginx with a body in memory. Its CPU time is not counted."""

    def __init__(self, folder):
        self.port = free_port()
        # Started by root, nginx reads it as somebody else: the folder is one's own otherwise.
        os.chmod(folder, 0o711)
        (Path(folder) / "large").write_bytes(LARGE_BODY)
        file = Path(folder) / "origin.conf"
        render("peers/nginx/origin.conf", file, {"FOLDER": folder, "ORIGIN_PORT": self.port, "BODY": BODY.decode()})
        self.process = Process("origin", [binary("nginx"), "-c", str(file), "-e", f"{folder}/origin.error.log"], folder)
        self.process.wait_for_port(self.port)


def certificate(folder):
    """A chain and its key (ECDSA, P-256), made once for all peers of a run."""
    chain, key = Path(folder).parent / "tls.pem", Path(folder).parent / "tls.key"
    if not chain.exists():
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", chain], check=True, capture_output=True)
        key.chmod(0o600)
    return chain, key


class Peer:
    """A proxy under measurement. Subclasses say how to configure and start it."""

    kind = ""
    environment = None
    # Whether it writes an access log.
    logs = True

    def __init__(self, folder, origin, workers=1, label=None, program=None):
        self.label = label or self.kind
        self.folder = Path(folder) / self.label
        self.folder.mkdir()
        self.port, self.origin, self.workers, self.program = free_port(), origin, workers, program
        self.tls_port = free_port()
        self.chain, self.key = certificate(self.folder)
        self.log = self.folder / "access.log"
        self.log_read = 0
        self.process = None

    def start(self, wrapper=(), seconds=20):
        """Starts it (under `wrapper`, such as valgrind) and returns the seconds until it said or showed it was ready."""
        command = self.prepare(under_valgrind=bool(wrapper))
        self.process = Process(self.label, [*wrapper, *command], self.folder, self.environment)
        return self.wait_until_ready(seconds)

    def stop(self):
        return self.process.stop()

    def port_of(self, case):
        return self.tls_port if case.tls else self.port

    def can(self, case):
        """Whether the case can be put to it."""
        return True

    def memory_folder(self):
        """A folder in memory, gone with the peer."""
        folder = tempfile.TemporaryDirectory(prefix="skerry-bench-", dir="/dev/shm")
        os.chmod(folder.name, 0o777)
        self.kept = folder
        return folder.name

    def logged_lines(self):
        """Lines the log has gained since the last call. Waits until it has been quiet for 1.8 seconds: both flush once a second, and a write may wait for the disk."""
        if not self.logs:
            return 0
        size, quiet = -1, 0
        while quiet < 18:
            now = self.log.stat().st_size if self.log.exists() else 0
            quiet = quiet + 1 if now == size else 0
            size = now
            time.sleep(0.1)
        lines = 0
        with open(self.log, "rb") as log:
            log.seek(self.log_read)
            while piece := log.read(1 << 20):
                lines += piece.count(b"\n")
            self.log_read = log.tell()
        return lines


class Nginx(Peer):
    kind = "nginx"
    log_format = "json"
    # Whose functions: a folder of peers/nginx.
    functions = "njs"

    def prepare(self, under_valgrind):
        file = self.folder / "nginx.conf"
        parts = {part.upper(): filled(f"peers/nginx/{self.functions}/{part}.conf", {"PEERS": ROOT / "peers"})
                 for part in ("modules", "http", "locations")}
        render("peers/nginx/proxy.conf", file, {
            **parts,
            "FOLDER": self.folder, "PORT": self.port, "TLS_PORT": self.tls_port, "CHAIN": self.chain, "KEY": self.key,
            "ORIGIN_PORT": self.origin.port, "WORKERS": self.workers, "CACHE": self.memory_folder(),
            "LOG": self.log, "LOG_FORMAT": self.log_format, "PEERS": ROOT / "peers",
            # A single process is what valgrind can follow.
            "EXTRA": "master_process off;" if under_valgrind else ""})
        return [binary("nginx"), "-c", str(file), "-e", f"{self.folder}/nginx.error.log"]

    def wait_until_ready(self, seconds):
        return self.process.wait_for_port(self.port, seconds)

    def worker_cpu(self):
        """{thread id: nanoseconds} of the workers only: every process but the master."""
        return {thread: time for (thread, _), time in self.process.cpu_by_thread().items()
                if thread != self.process.child.pid}


class NginxCombined(Nginx):
    """The same with the shortest of the usual log formats."""

    kind = "nginx-combined"
    log_format = "combined"


class NginxLua(Nginx):
    """The same with OpenResty's Lua module."""

    kind = "nginx-lua"
    functions = "lua"

    def can(self, case):
        return case.name != "jwt"   # Debian's module has HMAC with SHA-1 only


class H2O(Peer):
    """h2o: what needs no JavaScript."""

    kind = "h2o"
    environment = {"OPENSSL_CONF": str(ROOT / "peers" / "h2o" / "openssl.cnf")}

    def prepare(self, under_valgrind):
        file = self.folder / "h2o.conf"
        render("peers/h2o/proxy.conf", file, {
            "FOLDER": self.folder, "PORT": self.port, "TLS_PORT": self.tls_port, "CHAIN": self.chain, "KEY": self.key,
            "ORIGIN_PORT": self.origin.port, "WORKERS": self.workers, "LOG": self.log})
        return [binary("h2o"), "-c", str(file)]

    def wait_until_ready(self, seconds):
        return self.process.wait_for_port(self.tls_port, seconds)

    def can(self, case):
        return case.http2 or case.name in ("proxy", "tls")


class Varnish(Peer):
    """Varnish: hits of its cache only. It writes no log."""

    kind = "varnish"
    logs = False

    def prepare(self, under_valgrind):
        file = self.folder / "cache.vcl"
        render("peers/varnish/cache.vcl", file, {"ORIGIN_PORT": self.origin.port})
        # -n: its working folder, in memory, as its shared log is.
        return [binary("varnishd"), "-F", "-n", self.memory_folder(), "-a", f"127.0.0.1:{self.port}", "-f", str(file), "-s", "malloc,256m",
                "-T", "none", "-p", "timeout_idle=3600", "-j", "none"]

    def wait_until_ready(self, seconds):
        return self.process.wait_for_port(self.port, seconds)

    def can(self, case):
        return case.name in ("hit", "hit-large")


class Skerry(Peer):
    kind = "skerry"
    template = "skerry/edge.yaml"
    # The members of nginx's log, and no others: a byte of log costs either of them the same.
    log_fields = ("[time, clientIp, method, host, uri, query, protocol, status, bytesSent, timeTakenMs, origin, originStatus, originFirstByteMs, "
                  "referer, userAgent]")
    log_format = "json"
    # limits.rewriteEngine.rememberedBytes, as it is by itself.
    remembered = "64KiB"
    # Whether it was built to count what it runs (Benchmarks/profile).
    counts = False

    def prepare(self, under_valgrind):
        file = self.folder / "edge.yaml"
        render(self.template, file, {
            "FOLDER": self.folder, "PORT": self.port, "TLS_PORT": self.tls_port, "CHAIN": self.chain, "KEY": self.key,
            "ADMIN_PORT": free_port(), "ORIGIN_PORT": self.origin.port,
            "LOG": self.log, "LOG_FORMAT": self.log_format, "LOG_FIELDS": self.log_fields, "SKERRY": ROOT / "skerry", "ENGINE": ROOT / "engine" / "functions",
            "RULES": redirects.RULES, "FUNCTIONS": ROOT / "functions",
            # Under valgrind a function takes some fifty times as long.
            "CPU_TIME": "10s" if under_valgrind else "10ms", "REMEMBERED": self.remembered,
            # valgrind itself makes code at run time, which a confined process cannot; nor may it write a profile as it ends.
            "CONFINEMENT": "off" if under_valgrind or self.counts else "auto"})
        return [self.program or default_program(), "serve", str(file), "--workers", str(self.workers)]

    def wait_until_ready(self, seconds):
        return self.process.wait_for_line(b"ready", seconds)

    def worker_cpu(self):
        """{thread id: nanoseconds} of all threads but those with a name of their own, such as the log's."""
        times = self.process.cpu_by_thread()
        inherited = next(name for thread, name in times if thread == self.process.child.pid)
        return {thread: time for (thread, name), time in times.items() if name == inherited or name.startswith("worker")}


class NginxMap(Nginx):
    """nginx with a table of redirects as its `map`."""

    kind = "nginx-map"

    def prepare(self, under_valgrind):
        file, rules = self.folder / "nginx.conf", self.folder / "rules.map"
        redirects.nginx_map(redirects.pairs(redirects.RULES), rules)
        render("peers/nginx/redirects.conf", file, {
            "FOLDER": self.folder, "PORT": self.port, "ORIGIN_PORT": self.origin.port, "WORKERS": self.workers, "LOG": self.log, "MAP": rules,
            "EXTRA": "master_process off;" if under_valgrind else ""})
        return [binary("nginx"), "-c", str(file), "-e", f"{self.folder}/nginx.error.log"]


class HAProxy(Peer):
    """HAProxy with a table of redirects as a map file. Its log stays in memory."""

    kind = "haproxy"
    logs = False

    def prepare(self, under_valgrind):
        file, rules = self.folder / "haproxy.cfg", self.folder / "rules.map"
        redirects.haproxy_map(redirects.pairs(redirects.RULES), rules)
        render("peers/haproxy/redirects.cfg", file, {"PORT": self.port, "ORIGIN_PORT": self.origin.port, "WORKERS": self.workers, "MAP": rules})
        return [binary("haproxy"), "-f", str(file), "-db"]

    def wait_until_ready(self, seconds):
        return self.process.wait_for_port(self.port, seconds)


class SkerryTable(Skerry):
    """Skerry with a table of redirects."""

    kind = "skerry-table"
    template = "skerry/redirects.yaml"


class SkerryTier(Skerry):
    """Skerry with a function of the function tier."""

    kind = "skerry-tier"
    template = "skerry/tier.yaml"

    def prepare(self, under_valgrind):
        # Which does not know all the calls that sandboxes need.
        if under_valgrind:
            source, program, library = ROOT / "harness" / "pidfd.c", self.folder / "pidfd", self.folder / "pidfd.so"
            subprocess.run(["cc", "-O2", "-o", program, source], check=True)
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-DPRELOAD", "-o", library, source], check=True)
            self.environment = {"PIDFD": str(program), "LD_PRELOAD": str(library)}
            # Without mounts of its own: open to the sandboxes' users.
            for folder in (self.folder / "state", self.folder / "state" / "functions"):
                folder.mkdir()
                folder.chmod(0o755)
            for folder in (self.folder, *self.folder.parents[:2]):
                folder.chmod(0o755)
        return super().prepare(under_valgrind)


def large_file(folder):
    """A folder with one file of 1 MiB."""
    files = Path(folder) / "files"
    files.mkdir(exist_ok=True)
    (files / "large").write_bytes(bytes(1 << 20))
    return files


class SkerryCrowd(Skerry):
    """Skerry beside a crowd of slow connections."""

    kind = "skerry-crowd"

    def prepare(self, under_valgrind):
        file = self.folder / "edge.yaml"
        render("skerry/crowd.yaml", file, {
            "PORT": self.port, "ORIGIN_PORT": self.origin.port, "LOG": self.log, "LOG_FIELDS": self.log_fields, "FILES": large_file(self.folder)})
        return [self.program or default_program(), "serve", str(file), "--workers", str(self.workers)]


class NginxCrowd(Nginx):
    """nginx beside the same."""

    kind = "nginx-crowd"

    def prepare(self, under_valgrind):
        file = self.folder / "nginx.conf"
        # Started by root, nginx reads the file as somebody else: every folder above it is one's own otherwise.
        os.chmod(self.folder, 0o755)
        render("peers/nginx/crowd.conf", file, {
            "FOLDER": self.folder, "PORT": self.port, "ORIGIN_PORT": self.origin.port, "WORKERS": self.workers, "LOG": self.log, "FILES": large_file(self.folder)})
        return [binary("nginx"), "-c", str(file), "-e", f"{self.folder}/nginx.error.log"]


class SkerryFullLog(Skerry):
    """The same with every field in the log, as it is without `accessLog.fields`."""

    kind = "skerry-full-log"
    log_fields = "all"


class SkerrySilent(Skerry):
    """The same without an access log: what the log costs."""

    kind = "skerry-silent"
    log_format = "off"
    logs = False


class SkerryEveryRun(Skerry):
    """The same without results given again: what the engine takes where no event is like one before."""

    kind = "skerry-every-run"
    remembered = "0"


def default_program():
    program = ROOT.parent / ".build" / "release" / "skerry"
    if not program.exists():
        raise Failure(f"{program} is missing: run make build first")
    return str(program)


def binary(name):
    """A program that Debian may keep outside an ordinary user's PATH."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if not found:
        raise Failure(f"{name} is missing: make bench-deps installs it")
    return found


def make(names, folder, origin, workers, program):
    """Peers for a list such as ["nginx", "skerry"]. The same name twice gives the noise of the measurement itself."""
    kinds = {kind.kind: kind for kind in (
        Nginx, NginxCombined, NginxLua, NginxMap, H2O, Varnish, HAProxy, Skerry, SkerryTable, SkerryTier, SkerryFullLog, SkerrySilent, SkerryEveryRun,
        SkerryCrowd, NginxCrowd)}
    peers = []
    for index, name in enumerate(names):
        if name not in kinds:
            sys.exit(f"no peer {name}; there are {', '.join(kinds)}")
        label = name if name not in names[:index] else f"{name}-{index + 1}"
        peers.append(kinds[name](folder, origin, workers, label, program))
    return peers
