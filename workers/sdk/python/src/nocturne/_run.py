# SPDX-License-Identifier: MIT
from __future__ import annotations

import json
import math
import os
import random
import signal
import socket
import sys
import threading
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Set, TypeVar, Union

from ._arguments import Line, is_read_by_others, like, value_of


_Item = TypeVar("_Item")
NEVER = 1e300  # JSON has no infinity


class Params(Dict[str, Any]):
    """A dict whose items are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no parameter {name!r}; there are {', '.join(self) or 'none'}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Run:
    """One trial: what it was given, and its line to Nocturne. Usually there is one, ``nocturne.current()``.

    Under Nocturne, from the first should_stop on, SIGTERM (with which a stop comes) makes it true instead of ending the
    program, unless the program has a handler of its own. Calls may come from any thread.
    """

    def __init__(self, argv: Optional[Sequence[str]] = None, environ: Optional[Mapping[str, str]] = None) -> None:
        self._env = os.environ if environ is None else environ
        self._argv: List[str] = list(sys.argv[1:] if argv is None else argv)
        self._own: Set[str] = set()
        self._asked: Dict[str, Any] = {}
        self._is_others = is_read_by_others if argv is None else lambda: False
        self._lock = threading.RLock()
        self._setters: Dict[str, Callable[[float], object]] = {}
        self._stopping: Any = None
        self._announced = False
        self._reported: Mapping[str, float] = {}
        self._step = -1
        self._inbox = b""
        self._stop = self._listens = False
        self.stop_reason = ""
        fd = self._env.get("NOCTURNE_FD", "")
        self._socket: Optional[socket.socket] = None
        if fd:
            self._socket = socket.socket(fileno=os.dup(int(fd)))

    @property
    def attached(self) -> bool:
        """Is there a Nocturne at the other end?"""
        return self._socket is not None

    def _catch_termination(self) -> None:
        if threading.current_thread() is threading.main_thread() and \
                signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._on_termination)

    def _on_termination(self, number: int, frame: object) -> None:
        self._stop = True

    # ---- what it was given ----

    def params(self, **defaults: Any) -> Params:
        """The trial's parameters; outside Nocturne those of the command line, ``--name value`` or ``--name=value``; for
        what neither has, the defaults given here. Types are those of the study file, and on the command line those of
        the defaults. A parameter that does not exist under its condition keeps its default.

        On the command line --help prints them and ends; an option that is none of them, a word that names one without its
        dashes, and a value that is none of the default's type end the program with exit code 2, unless the program has a parser of its own (argparse,
        click, …), or said with own_options what it reads itself. Lists and objects are written as JSON there."""
        out = Params(defaults)
        path = self._env.get("NOCTURNE_PARAMS")
        if path:
            with open(path, encoding="utf-8") as f:
                out.update(json.load(f))
        elif not self.attached:
            self._asked.update(defaults)  # a second call may name others
            said = Line(self._argv, self._asked, self._own, self._is_others).values()
            out.update((name, value) for name, value in said.items() if name in defaults)
        return out

    def own_options(self, *names: str) -> None:
        """Options of the command line, without their dashes, that the program reads itself, from sys.argv, or that a
        later params() names: params() leaves them alone. Call it before."""
        self._own.update(name.lstrip("-") for name in names)

    def _argument(self, name: str) -> Optional[str]:
        return value_of(self._argv, name)

    def _setting(self, variable: str, name: str) -> Optional[str]:
        return self._env.get(variable) or self._argument(name)

    @property
    def seed(self) -> int:
        """NOCTURNE_SEED, or --seed, or 1."""
        return int(like(self._setting("NOCTURNE_SEED", "seed") or "1", 1, "seed"))

    @property
    def folder(self) -> str:
        """A folder of this attempt's own, for checkpoints; outside Nocturne the current one."""
        return self._setting("NOCTURNE_DIR", "folder") or "."

    @property
    def resume_from(self) -> Optional[str]:
        """The checkpoint to go on from (NOCTURNE_RESUME, or --resume), or None: begin at the beginning."""
        return self._setting("NOCTURNE_RESUME", "resume")

    # ---- saying ----

    def _send(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message)
        with self._lock:
            if self._socket is None:
                print("nocturne:", text, flush=True)
                return
            self._socket.sendall(text.encode() + b"\n")

    def report(self, step: int, **metrics: float) -> None:
        """Reports metrics at a step (0, 1, 2, …), whole numbers that grow. Names are the study file's; others are kept
        as well. NaN or infinity fails the trial, with that reason. Anything float() takes is a metric."""
        values = {name: _metric(v) for name, v in metrics.items()}
        s = self._stopping
        if s is not None and not self._announced and s._last is not None:
            self._find(s, values, s._before)
        self._step = int(step)
        self._reported = values
        self._send({"report": {"step": int(step), **values}})

    def item(self, id: "Union[str, int]", /, **metrics: float) -> None:
        """Of one of the items that are judged (a question, a word): its own metrics, under the names of the study file,
        so that configurations can be compared on the same items. id: which it is, the same in each run, 1 to 200 bytes
        of UTF-8. Say them as they come, in a random order (shuffled), and look for should_stop between them: who is
        surely worse need not finish. What is said of an item again does not count."""
        which = id if isinstance(id, int) and not isinstance(id, bool) else str(id)
        self._send({"item": {**{name: _metric(v) for name, v in metrics.items()}, "id": which}})

    def shuffled(self, items: "Iterable[_Item]") -> "List[_Item]":
        """The items in a random order, the same for the same seed."""
        out = list(items)
        random.Random(self.seed).shuffle(out)
        return out

    def result(self, **metrics: float) -> None:
        """The final metrics: call once, then exit 0."""
        self._send({"result": {name: _metric(v) for name, v in metrics.items()}})

    def infeasible(self, why: str) -> None:
        """This configuration cannot work, and why. Then exit 0."""
        self._send({"infeasible": str(why)})

    def log(self, text: str) -> None:
        """A line for the trial's log."""
        self._send({"log": str(text)})

    def checkpoint(self, path: "Union[str, os.PathLike[str]]", step: Optional[int] = None) -> None:
        """The file at ``path`` (in ``folder``) is whole, and training can go on from it. Write it under another name and
        rename it, so that a half-written one is never found. step: of the last report, if left out."""
        at = self._step if step is None else int(step)
        self._send({"checkpoint": {"step": max(at, 0), "path": os.path.abspath(os.fspath(path))}})

    # ---- being told ----

    def on_set(self, name: str, call: Callable[[float], object]) -> None:
        """Calls ``call(value)`` when Nocturne changes a parameter while the trial runs, from within should_stop. A
        change of a parameter that was not named here is refused with a log message."""
        self._setters[name] = call

    def should_stop(self) -> bool:
        """Has Nocturne asked this trial to stop, or is the rule of its EarlyStopping fulfilled? Never blocks; settings
        that have arrived are applied here."""
        with self._lock:
            if self.attached and not self._listens:
                self._catch_termination()
            self._listens = True
            self._receive()
            return self._stop or (self._stopping is not None and self._stopping.is_over())

    def _receive(self) -> None:
        if self._socket is None:
            return
        try:
            while True:
                data = self._socket.recv(65536, socket.MSG_DONTWAIT)
                if not data:
                    break
                self._inbox += data
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # the other end is gone
            pass
        *lines, self._inbox = self._inbox.split(b"\n")
        for line in lines:
            self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if "stop" in message:
            self._stop = True
            self.stop_reason = str(message["stop"])
        for name, value in _items(message.get("set")):
            if name in self._setters:
                self._setters[name](value)
            else:
                self.log(f"set: this trial does not know how to change '{name}'")
        for name, value in _items(message.get("policy")):
            if self._stopping is not None and name in ("patience", "threshold"):
                setattr(self._stopping, name, value)

    # ---- the stopping rule ----

    def _watch(self, stopping: Any) -> None:
        self._stopping = stopping
        self._announced = False
        if stopping.metric is not None:
            self._announce(stopping, stopping.state_dict())

    def _updated(self, stopping: Any) -> None:
        if stopping is self._stopping and not self._announced:
            self._find(stopping, self._reported, stopping.state_dict())

    def _find(self, stopping: Any, values: Mapping[str, float], state: Mapping[str, Any]) -> None:
        names = [name for name, v in values.items() if v == stopping._last]
        if names:
            stopping.metric = names[0]
            self._announce(stopping, state)

    def _announce(self, stopping: Any, state: Mapping[str, Any]) -> None:
        self._announced = True
        policy = {"patience": min(stopping.patience, NEVER), "threshold": min(stopping.threshold, NEVER), "metric": stopping.metric,
                  "mode": stopping.mode}
        if state["best"] is not None:
            policy.update(state)
        self._send({"policy": policy})


def _metric(value: Any) -> float:
    """A plain number: of a tensor or an array with one element, too."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if hasattr(value, "detach"):
        value = value.detach()
    v = float(value)
    return int(v) if math.isfinite(v) and v == int(v) and abs(v) < 1e15 and not isinstance(value, float) else v


def _items(value: Any) -> Any:
    return list(value.items()) if isinstance(value, dict) else []


_current: Optional[Run] = None


def current() -> Run:
    """The run of this process; made when it is first asked for."""
    global _current
    if _current is None:
        _current = Run()
    return _current
