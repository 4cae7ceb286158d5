# SPDX-License-Identifier: MIT
from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from typing import IO, Iterator, List, Optional, Set

LINES_MAX, BYTES_MAX = 5000, 900_000  # of a file, and of what is sent at once
IDLE_S = 10  # a file to which nobody has appended for so long is taken by whoever comes by


class Full(Exception):
    """There is no more room for outcomes."""


class Spool:
    """A folder of outcomes on their way, for any number of processes, whatever kills them.

    A writer appends lines to a file NAME.open of its own, and then looks whether that name is still there. Whoever wants
    to send the file renames it NAME.jsonl first. So a line is either in the file before it was renamed, and is read by
    the sender; or its writer finds the name gone and writes the line again, into a new file. No lock is needed for that,
    and none can be left behind. Locks (flock) only keep two from sending one file at the same time, which would be
    harmless. A file that was sent is removed. Calls may come from any thread.
    """

    def __init__(self, folder: str, limit: int) -> None:
        self.folder, self._limit = folder, limit
        self._used = 0
        self.forget()

    def forget(self) -> None:
        """In a forked child: what its parent writes is none of its business."""
        fd = getattr(self, "_fd", None)
        if fd is not None:
            os.close(fd)
        self._lock = threading.Lock()
        self._fd: Optional[int] = None
        self._path, self._lines, self._bytes = "", 0, 0
        self._sealed: Set[str] = set()

    # ---- writing ----

    def append(self, line: bytes) -> None:
        """Once it returns, the line is the kernel's: no end of this process loses it. Full, OSError: it is not kept."""
        with self._lock:
            if self._used + len(line) > self._limit:
                raise Full
            while True:
                if self._fd is None:
                    self._open()
                self._write(line)
                if os.path.exists(self._path):
                    break
                self._close()
            self._used += len(line)
            if self._lines >= LINES_MAX or self._bytes >= BYTES_MAX:
                self._seal()

    def _open(self) -> None:
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        self._path = os.path.join(self.folder, f"{time.time_ns():016x}-{os.urandom(6).hex()}.open")
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def _write(self, line: bytes) -> None:
        assert self._fd is not None
        if os.write(self._fd, line) < len(line):
            self._seal()  # a torn line is the last of its file, and is not read
            raise OSError(28, "No space left on device")
        self._lines += 1
        self._bytes += len(line)

    def _close(self) -> None:
        assert self._fd is not None
        os.close(self._fd)
        self._fd, self._lines, self._bytes = None, 0, 0

    def _seal(self) -> None:
        path = _renamed(self._path)
        if path:
            self._sealed.add(path)
        self._close()

    def seal(self) -> Set[str]:
        """The own file is ready to be sent. Returns the own ones that have not been."""
        with self._lock:
            if self._fd is not None:
                self._seal()
            return set(self._sealed)

    # ---- sending ----

    def ready(self) -> List[str]:
        """The files to send, anybody's, the oldest first."""
        own, now, used, out = self.seal(), time.time(), 0, []
        for name in sorted(_names(self.folder)):
            path = os.path.join(self.folder, name)
            try:
                status = os.stat(path)
            except FileNotFoundError:
                continue
            used += status.st_size
            idle = abs(now - status.st_mtime) > IDLE_S  # a clock that was set back makes nobody wait for ever
            if name.endswith(".open") and idle:
                path = _renamed(path)
            if path.endswith(".jsonl"):
                out.append(path)
        with self._lock:
            self._sealed -= own - set(out)
            self._used = used
        return out

    def done(self, path: str) -> None:
        with self._lock:
            self._sealed.discard(path)
        _remove(path)


def _names(folder: str) -> List[str]:
    try:
        return [n for n in os.listdir(folder) if n.endswith((".open", ".jsonl", ".refused"))]
    except FileNotFoundError:
        return []


def _renamed(path: str) -> str:
    """NAME.jsonl; "": somebody else was quicker."""
    to = path[:-len(".open")] + ".jsonl"
    try:
        os.rename(path, to)
    except FileNotFoundError:
        return ""
    return to


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


class Claim:
    """A file that nobody else sends meanwhile. False as a context: another does, or has."""

    def __init__(self, path: str) -> None:
        self.broken = 0  # lines that were left out
        self._path = path
        self._file: Optional[IO[bytes]] = None

    def __enter__(self) -> bool:
        try:
            self._file = open(self._path, "rb")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return os.fstat(self._file.fileno()).st_nlink > 0
        except (FileNotFoundError, BlockingIOError):
            return False

    def __exit__(self, *why: object) -> None:
        if self._file:
            self._file.close()

    def batches(self) -> Iterator[List[bytes]]:
        """Its outcomes, as they are sent at once. What is no JSON object is left out, as is a last line without its end."""
        batch: List[bytes] = []
        size = 0
        for line in self._file or ():
            if not line.endswith(b"\n") or not _is_object(line):
                self.broken += 1
                continue
            if batch and (len(batch) >= LINES_MAX or size + len(line) > BYTES_MAX):
                yield batch
                batch, size = [], 0
            batch.append(line.rstrip())
            size += len(line)
        if batch:
            yield batch


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
