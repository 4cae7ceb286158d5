# SPDX-License-Identifier: MIT
"""Which configuration a user gets, and what came of it.

    from nocturne.live import Rollout

    rollout = Rollout("g2p")                        # NOCTURNE_URL, NOCTURNE_TOKEN or NOCTURNE_TOKEN_FILE
    v = rollout.assign("user-17")                   # no network, no lock
    answer = transcribe(word, **v.parameters)
    v.outcome(em=float(answer == truth), tokens=120)

A thread keeps the ruleset fresh and sends outcomes. An outcome is in a file before the call returns, so that an end of
the process, however it comes, loses none: the next process sends it. Nothing here raises an exception into the program
that serves; what cannot be done is logged ("nocturne.live"), once for each reason, and the unit gets the champion.

Whoever must not see an experiment any more: NOCTURNE_LIVE_KILL="g2p,other" (or "all"), or any file at the path
NOCTURNE_LIVE_KILL_FILE, looked at once a second. A service that is away for longer than the ruleset is valid does the
same.

``python3 -m nocturne.live g2p`` keeps the folder of a rollout for programs that do not speak HTTP: C's, say.
"""
from __future__ import annotations

import argparse
import atexit
import http.client
import json
import logging
import math
import os
import random
import re
import signal
import ssl
import sys
import threading
import time
import urllib.parse
import weakref
from typing import Any, Callable, Dict, List, Optional, Set, Tuple

from ._ruleset import TEXT_MAX, Decision, Ruleset, place
from ._run import _metric
from ._spool import Claim, Full, Spool

__all__ = ["Rollout", "Variant", "place"]

LINE_MAX = 16384  # bytes of an outcome
EXPOSED_MAX = 100_000  # units of which is remembered that they were said to be exposed
SEND_S, PATIENCE_S, BACKOFF_MAX_S = 1.0, 10.0, 60.0
REASONS_MAX = 100  # that are logged
_log = logging.getLogger("nocturne.live")


def _now() -> float:
    """Seconds that no clock setting moves, and that go on while the machine sleeps."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class Variant:
    """What a unit was given. variant: "champion", "challenger", …; reason: OpenFeature's; counted: in the experiment."""

    __slots__ = ("_rollout", "_given", "_shadow", "unit", "variant", "reason", "counted", "hash", "experiment", "period")

    def __init__(self, rollout: "Rollout", unit: str, decision: Decision, rules: Optional[Ruleset]) -> None:
        of: Dict[str, Any] = rules.variants[decision.variant] if rules else {"hash": "", "parameters": rollout._default}
        self._rollout = rollout
        self._given: Dict[str, Any] = of["parameters"]
        self.unit, self.variant, self.reason, self.counted = unit, decision.variant, decision.reason, decision.counted
        beside = rules.shadow if rules and self.counted and self.variant == "champion" else []
        self._shadow = {name: rules.variants[name]["parameters"] for name in beside} if rules else {}
        self.hash: str = of["hash"]
        self.experiment = rules.experiment if rules else None
        self.period = rules.period if rules else None

    @property
    def parameters(self) -> Dict[str, Any]:
        return dict(self._given)

    @property
    def shadow(self) -> Dict[str, Dict[str, Any]]:
        """Challengers that are to run on the same request, in the background, without acting and without anybody waiting:
        name and parameters. What they would have done goes into the outcome, {} of one that failed."""
        return {name: dict(parameters) for name, parameters in self._shadow.items()}

    def outcome(self, id: Optional[str] = None, segment: Optional[str] = None, at: Optional[float] = None,
                expected: Optional[float] = None, shadow: Optional[Dict[str, Dict[str, float]]] = None, **metrics: float) -> bool:
        """What the unit did. id: the same for the same outcome, should it be said twice; at: seconds since the epoch;
        expected: in [0, 1], known before the unit was assigned; shadow: metrics of each challenger in it. False: it could
        not be kept, but that the unit was served; the log says why."""
        item = {"id": str(id) if id is not None else os.urandom(12).hex(), "segment": segment, "expected": expected,
                "metrics": metrics, "shadow": shadow or None}
        return self._rollout._say(self, item, at)

    def exposed(self, at: Optional[float] = None) -> bool:
        """The unit was served, whatever it will do. An outcome says so as well."""
        return self._rollout._expose(self, at)

    def __repr__(self) -> str:
        return f"Variant({self.unit!r}, {self.variant!r}, {self.reason}, counted={self.counted})"


class Rollout:
    """One rollout, from any thread, also in forked children (each has a thread of its own, from its first call on).

    url, token, token_file: of the service; else from the environment. Without a url somebody else keeps
    FOLDER/NAME/ruleset.json fresh and sends what is there. folder: ~/.local/state/nocturne/live, on a local file system;
    all processes may have the same. default: the parameters until there has ever been a ruleset. spool: bytes that
    outcomes may take on the disk; then new ones are refused, since what is already there is no better or worse.
    """

    def __init__(self, name: str, url: Optional[str] = None, token: Optional[str] = None, token_file: Optional[str] = None,
                 folder: Optional[str] = None, *, default: Optional[Dict[str, Any]] = None, spool: int = 64 << 20) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}", name):
            raise ValueError(f"{name!r} is no name of a rollout: letters, digits, '_', '-', '.'")
        env = os.environ.get
        self.name = name
        self._service = _Service(url or env("NOCTURNE_URL"), token or env("NOCTURNE_TOKEN"),
                                 token_file or env("NOCTURNE_TOKEN_FILE"))
        self._folder = os.path.join(folder or os.path.expanduser("~/.local/state/nocturne/live"), name)
        self._default = dict(default or {})
        self._rules: Optional[Ruleset] = None
        self._until = -math.inf  # the rules are valid, in seconds of _now
        self._text, self._etag, self._read_at = b"", "", -1.0
        self._look_at, self._killed = -math.inf, False
        self._spool = Spool(self._folder, spool)
        self._closed = False
        self._forget()
        _all.add(self)
        atexit.register(self.close, timeout=2)
        self._read_file()
        self._begin()

    def _forget(self) -> None:
        """As it is before its thread runs; also in a forked child, which has none of its parent's threads."""
        self._thread: Optional[threading.Thread] = None
        self._turn = threading.Condition()  # of what follows, and of the thread's turns
        self._urgent = False
        self._refresh_at = self._send_at = -math.inf
        self._failed = 0
        self._said: Set[str] = set()
        self._exposed: Set[Tuple[str, Any, Any]] = set()

    # ---- assigning ----

    def assign(self, unit: str) -> Variant:
        """The unit's variant, the same each time and everywhere. unit: 1 to 1,024 bytes of UTF-8, or a whole number."""
        if self._thread is None:
            self._begin()
        unit = str(unit) if isinstance(unit, int) else unit
        rules = self._rules
        if rules is None:
            return Variant(self, unit, Decision("champion", "DEFAULT", False), None)
        try:
            decision = rules.assign(unit, self._doubt())
        except (ValueError, AttributeError) as e:
            self._warn("unit", f"{e}: it has the champion")
            decision = Decision("champion", "ERROR", False)
        return Variant(self, unit, decision, rules)

    def _doubt(self) -> Optional[str]:
        now = _now()
        if now >= self._look_at:
            self._look_at, self._killed = now + 1, _is_killed(self.name)
        return "DISABLED" if self._killed else "STALE" if now > self._until else None

    def ready(self, timeout: float = PATIENCE_S) -> bool:
        """Waits until there is a ruleset that is valid; a program that cannot wait gets the champion meanwhile."""
        return self._wait(lambda: self._rules is not None and _now() <= self._until, timeout)

    # ---- outcomes ----

    def _say(self, v: Variant, item: Dict[str, Any], at: Optional[float]) -> bool:
        if self._thread is None:
            self._begin()
        if not v.counted and (v.experiment is not None or v.reason != "STATIC"):
            return True  # nobody counts it
        try:
            self._spool.append(_line(v, item, at))
        except Full:
            return self._warn("full", f"{self._folder} is full of outcomes that could not be sent: new ones are refused")
        except (OSError, ValueError, TypeError, OverflowError) as e:
            if "metrics" in item and not isinstance(e, OSError):  # it was served: who fails with nonsense is not to be unseen
                self._say(v, {"segment": item["segment"], "expected": item["expected"]}, at)
            return self._warn(f"outcome {type(e).__name__}", f"an outcome could not be kept: {e}")
        return True

    def _expose(self, v: Variant, at: Optional[float]) -> bool:
        key = (v.unit, v.experiment, v.period)
        if key in self._exposed:
            return True
        if not self._say(v, {}, at):
            return False
        if len(self._exposed) >= EXPOSED_MAX:
            self._exposed = set()
        self._exposed.add(key)
        return True

    def flush(self, timeout: float = PATIENCE_S) -> bool:
        """Sends what was said so far. False: it is not all acknowledged yet; it will be sent later."""
        with self._turn:
            self._urgent = True
            self._turn.notify_all()
        waiting = self._spool.seal()
        return self._wait(lambda: not waiting & self._spool.seal(), timeout)

    def close(self, timeout: float = PATIENCE_S) -> bool:
        """Flushes and ends the thread. What could not be sent stays for the next process."""
        atexit.unregister(self.close)
        sends = self._service.url and self._thread and not self._closed
        sent = self.flush(timeout) if sends else not self._spool.seal()
        with self._turn:
            self._closed = True
            self._turn.notify_all()
        if self._thread:
            self._thread.join(min(timeout, PATIENCE_S))
        return sent

    def __enter__(self) -> "Rollout":
        return self

    def __exit__(self, *why: object) -> None:
        self.close()

    # ---- the thread ----

    def _begin(self) -> None:
        with self._turn:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"nocturne.live {self.name}", daemon=True)
                self._thread.start()

    def _wait(self, condition: Callable[[], bool], timeout: float) -> bool:
        if self._thread is None:
            self._begin()
        with self._turn:
            return self._turn.wait_for(condition, timeout)

    def _run(self) -> None:
        while not self._closed:
            for step in (self._refresh, self._send):
                try:
                    step()
                except Exception as e:  # whatever it is, the next turn comes
                    self._warn(f"thread {type(e).__name__}", f"{type(e).__name__}: {e}")
            with self._turn:
                self._turn.notify_all()
                self._turn.wait_for(lambda: self._urgent or self._closed, SEND_S)

    def _refresh(self) -> None:
        begun = _now()
        if begun < self._refresh_at:
            return
        self._refresh_at = begun + (self._rules.refresh_s if self._rules else 1) * random.uniform(0.9, 1.1)
        if not self._service.url:
            self._refresh_at = begun + 1
            self._read_file()
            return
        status, etag, body = self._service.ask("GET", f"/api/v1/rollouts/{self.name}/ruleset", etag=self._etag)
        if status == 200:
            self._take(body, begun)
            self._etag = etag
            self._fine("ruleset")
        elif status == 304:
            self._until = begun + self._rules.valid_s if self._rules else -math.inf
            self._fine("ruleset")
        else:
            self._warn("ruleset", f"no ruleset of {self.name}: {_said_by(status, body)}")
            return
        self._write_file()

    def _take(self, text: bytes, at: float) -> None:
        if text != self._text:
            self._rules = Ruleset(text, self.name)
            self._text = text
        self._until = at + self._rules.valid_s if self._rules else -math.inf

    def _write_file(self) -> None:
        """Its time is that of the service's last word on it."""
        path = os.path.join(self._folder, "ruleset.json")
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        new = f"{path}.{os.urandom(6).hex()}"
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as f:
            f.write(self._text)
        os.replace(new, path)

    def _read_file(self) -> None:
        try:
            with open(os.path.join(self._folder, "ruleset.json"), "rb") as f:
                written = os.fstat(f.fileno()).st_mtime
                if written == self._read_at:
                    return
                age = time.time() - written
                self._take(f.read(TEXT_MAX + 1), _now() - age if age > -PATIENCE_S else -math.inf)
                self._read_at = written
        except FileNotFoundError:
            pass
        except (OSError, ValueError, RecursionError) as e:
            self._warn("file", f"{self._folder}/ruleset.json: {e}")

    def _send(self) -> None:
        with self._turn:
            urgent, self._urgent = self._urgent, False
        if not urgent and _now() < self._send_at:
            return
        files = self._spool.ready()
        if not self._service.url:  # somebody else sends them; if nobody does, they become fewer and larger
            self._send_at = _now() + min(BACKOFF_MAX_S, len(files))
            return
        for path in files:
            if not self._send_file(path):
                self._failed += 1
                self._send_at = _now() + min(BACKOFF_MAX_S, 2 ** min(self._failed, 6)) * random.uniform(0.5, 1)
                return
        self._failed, self._send_at = 0, -math.inf

    def _send_file(self, path: str) -> bool:
        """False: the service does not take it now."""
        claim = Claim(path)
        with claim as ours:
            if not ours:
                return True
            for batch in claim.batches():
                status, _, body = self._service.ask("POST", f"/api/v1/rollouts/{self.name}/outcomes",
                                                    b'{"outcomes":[' + b",".join(batch) + b"]}")
                if status in (400, 413, 422):
                    self._warn("refused", f"{path} is set aside, refused: {_said_by(status, body)}")
                    os.rename(path, path[:-len(".jsonl")] + ".refused")
                    self._spool.done(path)
                    return True
                if status != 200 or not self._hear(body):
                    return self._warn("send", f"outcomes wait in {self._folder}: {_said_by(status, body)}")
                self._fine("send")
            if claim.broken:
                self._warn("broken", f"{path}: {claim.broken} lines are no outcomes and were left out")
            self._spool.done(path)
            return True

    def _hear(self, body: bytes) -> bool:
        """False: this is not the service's answer."""
        try:
            refused = [str(item["why"]) for item in json.loads(body)["refused"]]
        except (ValueError, TypeError, KeyError):
            return False
        for why in refused:
            self._warn("refused " + re.sub(r"[-+.\d]+", "#", why), f"an outcome of {self.name} was refused: {why}")
        return True

    # ---- what is said of it ----

    def _warn(self, reason: str, text: str) -> bool:
        if reason not in self._said and len(self._said) < REASONS_MAX:
            self._said.add(reason)
            _log.warning("%s", text)
        return False

    def _fine(self, reason: str) -> None:
        if reason in self._said:
            self._said.discard(reason)
            _log.warning("%s: the service answers again (%s)", self.name, reason)


class _Service:
    """The service's end. No redirect is followed: the token goes where it was told to."""

    def __init__(self, url: Optional[str], token: Optional[str], token_file: Optional[str]) -> None:
        self.url = url
        self._at = urllib.parse.urlsplit(url or "")
        self._token, self._token_file = token, token_file
        if url and (self._at.scheme not in ("http", "https") or not self._at.hostname):
            raise ValueError(f"{url!r} is no URL of a service: http://HOST:PORT or https://HOST:PORT")

    def ask(self, method: str, path: str, body: Optional[bytes] = None, etag: str = "") -> Tuple[int, str, bytes]:
        """Status, ETag, body; status 0: no answer, and the body says why."""
        host, port = self._at.hostname or "", self._at.port
        if self._at.scheme == "https":
            line: http.client.HTTPConnection = http.client.HTTPSConnection(
    host, port, timeout=PATIENCE_S, context=ssl.create_default_context())
        else:
            line = http.client.HTTPConnection(host, port, timeout=PATIENCE_S)
        try:
            line.request(method, self._at.path.rstrip("/") + path, body, self._headers(etag, body))
            answer = line.getresponse()
            return answer.status, answer.getheader("ETag", ""), answer.read(TEXT_MAX + 1)
        except (OSError, http.client.HTTPException) as e:
            return 0, "", f"{self.url}: {e or type(e).__name__}".encode()
        finally:
            line.close()

    def _headers(self, etag: str, body: Optional[bytes]) -> Dict[str, str]:
        headers = {}
        token = self._token
        if not token and self._token_file:
            with open(self._token_file, encoding="utf-8") as f:
                token = f.read().strip()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if etag:
            headers["If-None-Match"] = etag
        if body is not None:
            headers["Content-Type"] = "application/json"
        return headers


def _is_killed(name: str) -> bool:
    killed = [k.strip() for k in os.environ.get("NOCTURNE_LIVE_KILL", "").split(",")]
    path = os.environ.get("NOCTURNE_LIVE_KILL_FILE")
    return name in killed or "all" in killed or bool(path and os.path.exists(path))


def _line(v: Variant, item: Dict[str, Any], at: Optional[float]) -> bytes:
    at_ms = int((time.time() if at is None else at) * 1000)
    if abs(at_ms) >= 2**53:
        raise ValueError(f"{at} is no time")
    if "\0" in item.get("id", ""):
        raise ValueError("an id is a text without a NUL")
    said: Dict[str, Any] = {"unit": v.unit, "variant": v.variant, "at_ms": at_ms}
    if v.experiment is not None:
        said.update(experiment=v.experiment, period=v.period)
    said.update((name, value) for name, value in item.items() if value is not None)
    if item.get("expected") is not None:
        said["expected"] = _finite(item["expected"])
    if "metrics" in item:
        said["metrics"] = _numbers(item["metrics"])
    if item.get("shadow"):
        said["shadow"] = {variant: _numbers(metrics) for variant, metrics in item["shadow"].items()}
    line = json.dumps(said, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    if len(line) > LINE_MAX:
        raise ValueError(f"it has {len(line)} bytes; {LINE_MAX} are the most")
    return line


def _numbers(metrics: Dict[str, float]) -> Dict[str, float]:
    return {name: _finite(_metric(value)) for name, value in metrics.items()}


def _finite(value: float) -> float:
    """ValueError, OverflowError: it is no number that all languages can read."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    return value


def _said_by(status: int, body: bytes) -> str:
    text = body[:200].decode(errors="replace").strip()
    return f"status {status}: {text}" if status else text


_all: "weakref.WeakSet[Rollout]" = weakref.WeakSet()


def _after_fork() -> None:
    for rollout in list(_all):
        rollout._forget()
        rollout._spool.forget()


os.register_at_fork(after_in_child=_after_fork)


def main(arguments: Optional[List[str]] = None) -> int:
    parser = argparse.ArgumentParser(prog="nocturne.live", description="Keeps the folders of rollouts: rulesets come, outcomes go.")
    parser.add_argument("rollouts", metavar="ROLLOUT", nargs="+")
    parser.add_argument("--url", default=os.environ.get("NOCTURNE_URL"), help="of the service (NOCTURNE_URL)")
    parser.add_argument("--token-file", help="the token is in it (NOCTURNE_TOKEN_FILE, NOCTURNE_TOKEN)")
    parser.add_argument("--folder", help="of all rollouts (~/.local/state/nocturne/live)")
    said = parser.parse_args(arguments)
    if not said.url:
        parser.error("no --url, and no NOCTURNE_URL")
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    logging.basicConfig(format="%(message)s")
    rollouts = [Rollout(name, said.url, token_file=said.token_file, folder=said.folder) for name in said.rollouts]
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    return 0 if all([r.close() for r in rollouts]) else 1


if __name__ == "__main__":
    sys.exit(main())
