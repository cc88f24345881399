"""Starting, watching and ending the processes that are measured.

Owns every child: whatever ends this program also ends them. CPU time comes from /proc/PID/task/*/schedstat, whose first
field is the time a thread ran, in nanoseconds, exact where utime and stime are sampled; the log thread is one of them.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

_started = []
_ports = set()


class Failure(Exception):
    """A measurement that must not be reported: a wrong answer, a process that died, a log that lost lines."""


class Process:
    """A server under measurement: one process group, its standard error kept in a file."""

    def __init__(self, name, command, folder, environment=None):
        self.name = name
        self.errors = Path(folder) / f"{name}.stderr"
        self.started = time.monotonic()
        with open(self.errors, "wb") as errors:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, cwd=folder,
                env={**os.environ, **(environment or {})}, start_new_session=True)
        _started.append(self)

    def process_ids(self):
        """The process and its descendants: nginx works in children of its master."""
        found, queue = [], [self.child.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                try:
                    queue += [int(word) for word in children.read_text().split()]
                except OSError:
                    pass
        return found

    def cpu(self):
        """CPU time of all threads since their start, in nanoseconds."""
        return sum(self.cpu_by_thread().values())

    def cpu_by_thread(self):
        """The same by thread: {(thread id, name): nanoseconds}."""
        times = {}
        for pid in self.process_ids():
            for task in Path(f"/proc/{pid}/task").iterdir():
                try:
                    name = (task / "comm").read_text().strip()
                    times[int(task.name), name] = int((task / "schedstat").read_text().split()[0])
                except OSError:
                    pass
        return times

    def user_and_system(self):
        """CPU seconds in user and in kernel mode: only for the split, the kernel accounts it by ticks."""
        user = system = 0
        for pid in self.process_ids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
        tick = os.sysconf("SC_CLK_TCK")
        return user / tick, system / tick

    def resident_bytes(self):
        """Memory of the group that is not shared with a file: anonymous pages of all its processes."""
        kibibytes = 0
        for pid in self.process_ids():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("RssAnon:"):
                    kibibytes += int(line.split()[1])
        return kibibytes * 1024

    def wait_for_port(self, port, seconds=20):
        """Returns once the port accepts, with the seconds since the start."""
        deadline = self.started + seconds
        while time.monotonic() < deadline:
            self.must_run()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return time.monotonic() - self.started
            time.sleep(0.0002)
        raise Failure(f"{self.name} does not listen on {port} after {seconds} s:\n{self.last_errors()}")

    def wait_for_line(self, start, seconds=20):
        """Returns once a line of standard error begins with `start`, with the seconds since the process's start."""
        deadline = self.started + seconds
        while time.monotonic() < deadline:
            if any(line.startswith(start) for line in self.errors.read_bytes().splitlines()):
                return time.monotonic() - self.started
            self.must_run()
            time.sleep(0.0002)
        raise Failure(f"{self.name} does not say {start.decode()!r} after {seconds} s:\n{self.last_errors()}")

    def must_run(self):
        if self.child.poll() is not None:
            raise Failure(f"{self.name} ended with {self.child.returncode}:\n{self.last_errors()}")

    def last_errors(self):
        return self.errors.read_text(errors="replace")[-2000:]

    def stop(self, seconds=20):
        """Ends the group politely, then by force; returns the exit status of its leader."""
        if self in _started:
            _started.remove(self)
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.child.wait()


def free_port():
    """A port nobody listens on now, and never the same twice. It is below the range of outgoing connections, so that none of ours takes it."""
    low = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = 11000 + int.from_bytes(os.urandom(2), "big") % (low - 11000)
        if port in _ports:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports.add(port)
        return port


def _stop_all(*_):
    for process in list(_started):
        process.stop(seconds=2)


def _on_signal(number, _):
    sys.exit(128 + number)


atexit.register(_stop_all)
signal.signal(signal.SIGTERM, _on_signal)
signal.signal(signal.SIGHUP, _on_signal)
