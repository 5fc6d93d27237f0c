"""One running submission: requests go in, replies come out, and a watcher ends it when it takes too much.

Replies are hostile data: their size is capped, and they are read as JSON and nothing else.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

MAX_REPLY = 8_000_000  # bytes
MB = 2**20
LOOK = 0.25  # of the time for a notebook, for each half of a second look; at least the time for a cell
PATIENCE = 4


@dataclass(frozen=True)
class Limits:
    """What one submission may use. cell: seconds of computing, so that a busy machine is nobody's fault, and
    PATIENCE times as many on the clock. total: seconds on the clock. memory, disk: MB. processes: at a time.
    """

    cell: float = 60.0
    total: float = 300.0
    memory: int = 3000
    disk: int = 256
    processes: int = 32

    def longest(self):
        """Seconds on the clock that one notebook can take at most, with both halves of its second look."""
        return self.total + 2 * max(LOOK * self.total, self.cell)

    def of_a_process(self):
        """As `resource` names them. Address space is larger: libraries reserve what they never use."""
        return {
            "RLIMIT_AS": 2 * self.memory * MB,
            "RLIMIT_CPU": int(self.total) + 5,
            "RLIMIT_FSIZE": self.disk * MB // 2,
            "RLIMIT_NPROC": 4 * self.processes,
            "RLIMIT_NOFILE": 256,
            "RLIMIT_CORE": 0,
        }


class Stopped(Exception):
    """The process is gone, or has to be ended; the message says why, as the end of a sentence."""


class Session:
    """One process and its descendants; a context manager, at whose end all of them are gone."""

    def __init__(self, command, environment, scratch, limits):
        self.limits, self.scratch, self.buffer = limits, scratch, b""
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=scratch,
            start_new_session=True,  # Ctrl-C is for the grader, which then ends its sessions itself
        )
        self.own = psutil.Process(self.process.pid)
        self.parts = queue.Queue(maxsize=16)
        self.ended, self.last_words = threading.Event(), ""
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *reason):
        self.end()

    def ready(self, seconds=60):
        """Wait for the first sign of life; raises Stopped with the system's own words if there is none."""
        try:
            self._receive(seconds)
        except Stopped as stopped:
            self.end()
            words = f" ({self.last_words})" if self.last_words else ""
            raise Stopped(f"{stopped} before it began{words}") from None

    def ask(self, request, seconds, most=float("inf")):
        """The reply, a dict of untrusted JSON; raises Stopped if there is none in time.

        seconds: of computing; the clock may show PATIENCE times as many, but not more than `most`.
        """
        line = json.dumps(request).encode() + b"\n"
        # In a thread: a submission that does not read must not hold up the grader.
        threading.Thread(target=self._write, args=(line,), daemon=True).start()
        try:
            reply = json.loads(self._receive(seconds, most))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, dict):
            raise Stopped("wrote into the grader's own channel")
        return reply

    def end(self):
        """Kill everything; with bubblewrap the process table of the sandbox dies with its first process."""
        if self.ended.is_set():
            return
        self.ended.set()
        for process in descendants(self.process.pid):
            with contextlib.suppress(psutil.Error):
                process.kill()
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self.last_words = self.process.stderr.read(2000).decode(errors="replace").strip()
        for stream in (self.process.stdin, self.process.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        if self.scratch:
            shutil.rmtree(self.scratch, ignore_errors=True)

    def _receive(self, seconds, most=float("inf")):
        deadline = time.monotonic() + min(PATIENCE * seconds, most)
        before = None
        while b"\n" not in self.buffer:
            if self.ended.is_set():  # by another thread, after Ctrl-C
                raise Stopped("was ended")
            wait = deadline - time.monotonic()
            if wait <= 0:
                raise Stopped(f"ran longer than {seconds:g} s")
            with contextlib.suppress(queue.Empty):
                part = self.parts.get(timeout=min(wait, 0.1))
                if not part:
                    raise Stopped("ended the program that runs the notebook")
                self.buffer += part
                if len(self.buffer) > MAX_REPLY:
                    raise Stopped(f"gave back more than {MAX_REPLY // 1_000_000} MB")
            used = self._watch()
            before = used if before is None else min(before, used)
            if used - before > seconds:
                raise Stopped(f"ran longer than {seconds:g} s")
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def _watch(self):
        """CPU seconds of all processes so far; raises Stopped if there are too many or they take too much."""
        family = descendants(self.process.pid)
        if len(family) > self.limits.processes:
            raise Stopped(f"started more than {self.limits.processes} processes")
        used = [_used(process) for process in [*family, self.own]]
        if sum(memory for _, memory in used) > self.limits.memory * MB:
            raise Stopped(f"used more than {self.limits.memory} MB of memory")
        return sum(seconds for seconds, _ in used)

    def _read(self):
        with contextlib.suppress(OSError, ValueError), self.process.stdout:
            while not self.ended.is_set():
                part = os.read(self.process.stdout.fileno(), 65536)
                while not self.ended.is_set():
                    with contextlib.suppress(queue.Full):
                        self.parts.put(part, timeout=0.2)
                        break
                if not part:
                    return

    def _write(self, line):
        with contextlib.suppress(OSError, ValueError):
            self.process.stdin.write(line)
            self.process.stdin.flush()


def descendants(pid):
    """The processes below `pid`, parents before their children."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _used(process):
    """(CPU seconds, bytes of memory) of a process, its ended children included in the seconds."""
    with contextlib.suppress(psutil.Error), process.oneshot():
        times = process.cpu_times()
        # Where the system does not count what ended children used, they are missed.
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
        return times.user + times.system + ended, process.memory_info().rss
    return 0.0, 0
