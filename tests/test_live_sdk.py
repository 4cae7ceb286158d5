#!/usr/bin/env python3
"""The clients of a rollout, in C, Python, JavaScript and SQL, against a service played by this test: all give a unit the same
place and the same variant, and no outcome is lost, whoever dies and whatever is away."""
import collections
import contextlib
import http.server
import json
import logging
import math
import os
import random
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import test_rollouts
from patience import PATIENCE, claim_ports, until

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BIN = os.environ.get("NOCTURNE_BIN", os.path.join(ROOT, "build/dev/bin"))
PYTHON_SDK = os.path.join(ROOT, "workers/sdk/python/src")
SQL = os.path.join(ROOT, "workers/sdk/sql")
VENV = os.path.join(ROOT, "build/bench-venv/bin/python")
NODE = shutil.which("node")
PROBES = {"c": [os.path.join(BIN, "live_probe")], "python": [sys.executable, "-B", os.path.join(HERE, "sdk/live_probe.py")]}
if NODE:
    PROBES["javascript"] = [NODE, os.path.join(HERE, "sdk/live_probe.mjs")]
sys.path.insert(0, PYTHON_SDK)
from nocturne.live import Rollout, place  # noqa: E402

RULES = {"rollout": "g2p", "version": 17, "valid_ms": 600_000, "refresh_ms": 1000,
         "variants": {"champion": {"hash": "ab", "parameters": {"threshold": 1, "model": "gru"}},
                      "challenger-1": {"hash": "cd", "parameters": {"threshold": 0.02, "model": "m\"é\n"[:3]}},
                      "challenger-2": {"hash": "ef", "parameters": {"threshold": 0.03}}},
         "experiment": 3, "period": 5, "salt": "g2p-3",
         "ranges": [[0, 0.05, "challenger-1"], [0.1, 0.3, "challenger-2"], [0.3, 1 / 3, "challenger-1"]],
         "group": {"salt": "checkout", "from": 0.25, "to": 0.9}, "holdout": {"salt": "g2p-holdout", "share": 0.1},
         "overrides": {"user-1": "challenger-2", "Zoë": "challenger-1", "a:b\n": "champion"}}


def environment(**more):
    return {**{k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}, "PYTHONPATH": PYTHON_SDK,
            "no_proxy": "*", **more}


def probe(sdk, verb, *arguments, units=None, env=None):
    """What it prints, as lines."""
    r = subprocess.run([*PROBES[sdk], verb, *map(str, arguments)], input=units, env=environment(**(env or {})), capture_output=True,
                       timeout=PATIENCE)
    assert r.returncode == 0, r.stderr.decode()
    return r.stdout.decode().split("\n")[:-1], r.stderr.decode()


def packed(units):
    return b"".join(struct.pack("<I", len(b)) + b for b in (u.encode() for u in units))


def nasty_units(n):
    """Distinct texts of 1 to 1,024 bytes, without NUL."""
    r = random.Random(1)
    kinds = ["0123456789", "abcdefghijklmnopqrstuvwxyz-_@.", ":", " \t\r\n\v\f", "\"\\'`;%{}[]", "\x01\x07\x1b\x7f\x80\x9f", "äöüßéñÅÅ", "е́ёЖ",
             "日本語漢字", "עבריתعربي\u202e\u200d", "🦉👩‍🚀🏳️‍🌈", "\ufeff\ufffd\uffff\U0010ffff\ud7ff\ue000"]
    units = {"user-1", "user-2", "Zoë", "Zoe\u0308", "a:b", "a:b\n", ":", " ", "\n", "x" * 1024, "é" * 512, "🦉" * 256}
    units |= {f"user-{i}" for i in range(n // 3)}
    while len(units) < n:
        length = r.choice([1, 2, 3, 5, 8, 13, 40, 55, 56, 63, 64, 65, 119, 120, 200, r.randrange(1, 1024)])
        kind = r.choice(kinds) if r.random() < 0.7 else "".join(kinds)
        unit = "".join(r.choice(kind) for _ in range(length))
        if len(unit.encode()) <= 1024:
            units.add(unit)
    units = sorted(units)
    r.shuffle(units)
    return units


def chi_square(table):
    expected = sum(table.values()) / 100
    return sum((table[i, j] - expected) ** 2 / expected for i in range(10) for j in range(10))


class Service:
    """The service's rulesets and outcomes. answer: what it says instead, (status, body); None: what is right."""

    def __init__(self):
        self.port, self._claim = claim_ports()
        self.rules = RULES
        self.answer = None
        self.outcomes, self.items, self.asked = {}, 0, collections.Counter()
        self._server = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/behind"

    def up(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            service = self

            def log_message(self, *what):
                pass

            def do_GET(self):
                self.service.get(self)

            def do_POST(self):
                self.service.post(self)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def down(self):
        self._server.shutdown()
        self._server.server_close()

    def close(self):
        self.down()
        self._claim.close()

    @staticmethod
    def say(handler, status, body=b"", **headers):
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def get(self, handler):
        body = json.dumps(self.rules).encode()
        etag = f'"{hash(body)}"'
        if handler.path != "/behind/api/v1/rollouts/g2p/ruleset" or handler.headers.get("Authorization") != "Bearer secret":
            self.say(handler, 401)
        elif handler.headers.get("If-None-Match") == etag:
            self.asked["unchanged"] += 1
            self.say(handler, 304, ETag=etag)
        else:
            self.asked["changed"] += 1
            self.say(handler, 200, body, ETag=etag)

    def post(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        assert len(body) <= 1 << 20, len(body)
        self.asked["post"] += 1
        if self.answer:
            return self.say(handler, *self.answer)
        items = json.loads(body)["outcomes"]
        assert len(items) <= 10_000
        refused = []
        for i, item in enumerate(items):
            assert handler.path == "/behind/api/v1/rollouts/g2p/outcomes" and handler.headers.get("Authorization") == "Bearer secret"
            if item.get("metrics", {}).get("em", 0) > 1:
                refused.append({"index": i, "why": f"em {item['metrics']['em']} is not in [0, 1]"})
            self.outcomes[item["unit"], item.get("id")] = item
        self.items += len(items)
        return self.say(handler, 200, json.dumps({"taken": len(items), "repeated": 0,
                        "late": 0, "left_out": 0, "refused": refused}).encode())


class Live(unittest.TestCase):
    def setUp(self):
        place_ = tempfile.TemporaryDirectory()
        self.addCleanup(place_.cleanup)
        self.folder = place_.name
        self.own = os.path.join(self.folder, "g2p")
        os.makedirs(self.own)

    def serve(self):
        service = Service()
        self.addCleanup(service.close)
        return service.up()

    def rollout(self, service=None, **more):
        return self.to_be_closed(Rollout("g2p", service.url if service else None, "secret", folder=self.folder, **more))

    def to_be_closed(self, rollout):
        """Before the folder goes."""
        self.addCleanup(lambda: rollout._thread.join(PATIENCE))
        self.addCleanup(rollout.close, 0)
        return rollout

    def write_rules(self, rules, age_s=0):
        path = os.path.join(self.own, "ruleset.json")
        with open(path, "wb") as f:
            f.write(rules if isinstance(rules, bytes) else json.dumps(rules).encode())
        os.utime(path, (time.time() - age_s,) * 2)

    def spooled(self, *ends):
        return sorted(n for n in os.listdir(self.own) if n.endswith(ends or (".open", ".jsonl", ".refused")))

    def age(self):
        """As if nobody had written to these files for a while."""
        for name in self.spooled():
            with contextlib.suppress(FileNotFoundError):
                os.utime(os.path.join(self.own, name), (time.time() - 60,) * 2)

    def lines(self):
        for name in self.spooled():
            with open(os.path.join(self.own, name), encoding="utf-8") as f:
                yield from map(json.loads, f)

    def start(self, sdk, verb, *arguments, service=None):
        env = environment(NOCTURNE_URL=service.url, NOCTURNE_TOKEN="secret") if service else environment()
        p = subprocess.Popen([*PROBES[sdk], verb, *map(str, arguments)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.wait)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.stdin.close)
        self.addCleanup(p.kill)
        return p

    def all_arrive(self, service, wanted):
        """What anybody has left is sent by a program that comes later."""
        def there():
            self.age()
            return {u for u, _ in service.outcomes} >= wanted
        with self.rollout(service):
            until("all outcomes are there", there, explain=lambda: str(sorted(wanted - {u for u, _ in service.outcomes})[:9]))
        self.assertEqual({u for u, _ in service.outcomes}, wanted)


class Alike(Live):
    """100,000 units of nasty text."""

    @classmethod
    def setUpClass(cls):
        cls.units = nasty_units(100_000)
        cls.packed = packed(cls.units)

    def assert_same(self, got, wanted):
        """Of so many that assertEqual would look for the difference for hours."""
        self.assertEqual(len(got), len(wanted))
        self.assertEqual([x for x in zip(self.units, got, wanted) if x[1] != x[2]][:5], [])

    def test_places(self):
        for salt in ("summer", "été", ""):
            here = [f"{int(place(salt, u) * 2**52):013x}" for u in self.units]
            for sdk in PROBES:
                with self.subTest(sdk=sdk, salt=salt):
                    self.assert_same(probe(sdk, "place", salt, units=self.packed)[0], here)

    def test_known_places(self):
        """Of tests/test_assignment.c: what the service gives."""
        for salt, unit, at in (("summer", "user-1", 0x575c46b742b90), ("winter", "user-1", 0xf8ab99e09a6b7), ("summer", "a:b", 0x9d08103064a71),
                               ("summer", "🦉", 0x9cdaa13c8e249), ("été", "user-1", 0xf1b08123061a2), ("summer", "y" * 1024, 0x9dca880049978)):
            self.assertEqual(place(salt, unit), at / 2**52)

    def test_no_units_and_no_salts(self):
        units = ["", "x" * 1025, "é" * 513, "u", "u\0v"]
        for sdk in PROBES:
            with self.subTest(sdk=sdk):
                self.assertEqual([p == "-" for p in probe(sdk, "place", "summer", units=packed(units))[0]],
                                 [True, True, True, False, True])
                for salt in ("a:b", "s" * 129, "é" * 65):
                    self.assertEqual(probe(sdk, "place", salt, units=packed(["u"]))[0], ["-"])
                self.assertNotEqual(probe(sdk, "place", "s" * 128, units=packed(["u"]))[0], ["-"])
        for unit in ("\ud800", "a\udfff"):
            self.assertRaises(ValueError, place, "summer", unit)
        self.assertEqual(probe("c", "place", "s", units=b"".join(struct.pack("<I", len(b)) + b for b in (b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xc3")))[0],
                         ["-"] * 4)

    def test_balanced_and_independent(self):
        """10 × 10 places under two salts: chi-square of 99 degrees, 99.9 % below 148.2, 99.9 % above 60.3."""
        table = collections.Counter((int(10 * place("summer", u)), int(10 * place("winter", u))) for u in self.units)
        self.assertLess(chi_square(table), 148.2)
        self.assertGreater(chi_square(table), 60.3)

    def test_variants(self):
        self.write_rules(RULES)
        here, _ = probe("python", "assign", "g2p", self.folder, units=self.packed)
        kinds = collections.Counter(line.split()[:3][i] for line in here for i in (0, 1))
        for kind in ("champion", "challenger-1", "challenger-2", "SPLIT", "STATIC", "TARGETING_MATCH"):
            self.assertGreater(kinds[kind], 0)
        for sdk in PROBES:
            with self.subTest(sdk=sdk):
                self.assert_same(probe(sdk, "assign", "g2p", self.folder, units=self.packed)[0], here)
        counted = [line for line in here if line.split()[2] == "1"]
        share = sum(line.startswith("challenger-2") for line in counted) / len(counted)
        self.assertAlmostEqual(share, 0.2, delta=4 * math.sqrt(0.16 / len(counted)))

    def sql_is_the_same(self, ask):
        """ask(sql, rows): executes it, for each row; returns what it gives."""
        with open(os.path.join(SQL, "assignment.sql"), encoding="utf-8") as f:
            ask(f.read(), None)
        h, g = RULES["holdout"], RULES["group"]
        ask("INSERT INTO nocturne_rules VALUES", [(RULES["salt"], h["salt"], h["share"], g["salt"], g["from"], g["to"])])
        ask("INSERT INTO nocturne_ranges VALUES", RULES["ranges"])
        ask("INSERT INTO nocturne_overrides VALUES", list(RULES["overrides"].items()))
        asked = [*self.units, "", "x" * 1025]
        ask("INSERT INTO nocturne_units VALUES", [(u,) for u in asked])
        places = {unit: at for unit, at in ask("SELECT unit, place FROM nocturne_places", None)}
        variants = {unit: (variant, counted) for unit, variant, counted in ask(
            "SELECT unit, variant, counted FROM nocturne_assigned", None)}
        self.assertEqual(len(places), len(asked))
        self.assert_same([places[u] for u in self.units], [place(RULES["salt"], u) for u in self.units])
        self.assertEqual([places[u] for u in asked[-2:]], [None, None])
        self.write_rules(RULES)
        here = [line.split() for line in probe("python", "assign", "g2p", self.folder, units=self.packed)[0]]
        self.assert_same([variants[u] for u in self.units], [(line[0], line[2] == "1") for line in here])
        self.assertEqual([variants[u] for u in asked[-2:]], [("champion", False)] * 2)

    def test_duckdb(self):
        """In the virtual environment of tests/bench/install.sh."""
        if not os.path.exists(VENV):
            self.skipTest("there is no build/bench-venv: sh tests/bench/install.sh tasks")
        program = """
import duckdb, json, sys
line = duckdb.connect()
line.execute("SET enable_progress_bar = false") # it would be drawn on stdout
line.execute(open(sys.argv[1]).read())
for text in sys.stdin:
    sql, rows = json.loads(text)
    if rows is None:
        got = line.execute(sql).fetchall() if sql.startswith("SELECT") else line.execute(sql) and None
    else:
        columns = list(zip(*rows))
        line.execute(sql.replace("VALUES", "SELECT ") + ", ".join("unnest(?)" for _ in columns), [list(c) for c in columns])
        got = None
    print(json.dumps(got), flush=True)
"""
        p = subprocess.Popen([VENV, "-c", program, os.path.join(SQL, "duckdb.sql")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

        def ask(sql, rows):
            p.stdin.write(json.dumps([sql, rows]) + "\n")
            p.stdin.flush()
            return json.loads(p.stdout.readline())
        self.sql_is_the_same(ask)
        p.communicate()

    def test_postgresql(self):
        folders = [os.path.join("/usr/lib/postgresql", v, "bin") for v in sorted(os.listdir("/usr/lib/postgresql"))] if os.path.isdir(
            "/usr/lib/postgresql") else []
        if not folders or not os.path.exists(os.path.join(folders[-1], "initdb")):
            self.skipTest("there is no PostgreSQL server in /usr/lib/postgresql")
        with Postgres(folders[-1]) as ask:
            self.sql_is_the_same(ask)


class Postgres:
    """A server of its own, in a folder, without the network; it does not run as root."""

    def __init__(self, programs):
        self.programs = programs
        self.user = "postgres" if os.getuid() == 0 else None

    def call(self, program, *arguments, **more):
        return subprocess.run([os.path.join(self.programs, program), *arguments], check=True, user=self.user, cwd="/", timeout=PATIENCE,
                              stdout=subprocess.PIPE, encoding="utf-8", **more).stdout

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="pg")
        if self.user:
            shutil.chown(self.home, self.user)
        self.data = os.path.join(self.home, "data")
        self.call("initdb", "-D", self.data, "-E", "UTF8", "--locale=C", "-A", "trust", "-U", "test", "--no-sync")
        self.call("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.home, "log"),
                  "-o", f"-c listen_addresses= -k {self.home} -c fsync=off", "start")
        with open(os.path.join(SQL, "postgresql.sql"), encoding="utf-8") as f:
            self.ask(f.read(), None)
        return self.ask

    def ask(self, sql, rows):
        if rows is not None:
            return self.psql(sql + " " + ", ".join("(" + ", ".join(map(self.literal, row)) + ")" for row in rows))
        if not sql.startswith("SELECT"):
            return self.psql(sql)
        text = self.psql(f"COPY (SELECT row_to_json(x) FROM ({sql}) x) TO STDOUT")  # as a table psql leaves out U+10FFFF
        return [list(json.loads(line.replace("\\\\", "\\")).values()) for line in text.split("\n")[:-1]]

    def psql(self, sql):
        return self.call("psql", "-h", self.home, "-U", "test", "-d", "postgres", "-X",
                         "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-", input=sql)

    @staticmethod
    def literal(value):
        """psql changes line ends in what it reads."""
        return repr(value) if isinstance(value, (int, float)) else f"convert_from('\\x{value.encode().hex()}', 'UTF8')"

    def __exit__(self, *why):
        self.call("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")
        shutil.rmtree(self.home)


class Reasons(Live):
    """What a unit gets, and why, in each language."""

    def said(self, units=("user-7",), env=None):
        out = {sdk: tuple(tuple(line.split()[:3]) for line in probe(sdk, "assign", "g2p", self.folder, units=packed(units), env=env)[0])
               for sdk in PROBES}
        self.assertEqual(len(set(out.values())), 1, out)
        return out["c"]

    def test_overrides_come_first_but_for_a_kill(self):
        self.write_rules({**RULES, "overrides": {"user-7": "challenger-1"}}, age_s=10_000)
        self.assertEqual(self.said(), (("challenger-1", "TARGETING_MATCH", "0"),))
        self.assertEqual(self.said(env={"NOCTURNE_LIVE_KILL": "all"}), (("champion", "DISABLED", "0"),))

    def test_no_experiment(self):
        rules = {k: v for k, v in RULES.items() if k not in ("experiment", "period", "salt", "ranges")}
        self.write_rules(rules, age_s=10_000)
        self.assertEqual(self.said(("user-7", "user-1")), (("champion", "STATIC", "0"), ("challenger-2", "TARGETING_MATCH", "0")))

    def test_stale(self):
        for age_s, reason in ((500, "SPLIT"), (700, "STALE"), (-3600, "STALE")):
            rules = {**RULES, "group": None, "holdout": None, "ranges": [[0, 1, "challenger-1"]]}
            self.write_rules(rules, age_s)
            variant = "champion" if reason == "STALE" else "challenger-1"
            self.assertEqual(self.said(), ((variant, reason, str(int(reason == "SPLIT"))),), age_s)

    def test_killed(self):
        self.write_rules({**RULES, "ranges": [[0, 1, "challenger-1"]], "group": {"salt": "g", "from": 0, "to": 1}, "holdout": None})
        switch = os.path.join(self.folder, "switch")
        for kill, dead in (("g2p", True), ("other, g2p", True), ("all", True),
                           ("other", False), ("g2p-2,xg2p", False), ("", False), (",", False)):
            self.assertEqual(self.said(env={"NOCTURNE_LIVE_KILL": kill})[0][1], "DISABLED" if dead else "SPLIT", kill)
        self.assertEqual(self.said(env={"NOCTURNE_LIVE_KILL_FILE": switch})[0][1], "SPLIT")
        with open(switch, "w"):
            pass
        self.assertEqual(self.said(env={"NOCTURNE_LIVE_KILL_FILE": switch}), (("champion", "DISABLED", "0"),))

    def test_killed_by_an_operator(self):
        rules = {k: v for k, v in RULES.items() if k not in ("experiment", "period", "salt", "ranges", "overrides")}
        for why, reason in (("no good", "DISABLED"), ("", "STATIC"), (None, "STATIC")):
            self.write_rules({**rules, "killed": why}, age_s=10_000)
            self.assertEqual(self.said(), (("champion", reason, "0"),), why)

    def test_held_out_and_elsewhere(self):
        everybody = {"ranges": [[0, 1, "challenger-1"]], "overrides": None}
        self.write_rules({**RULES, **everybody, "holdout": {"salt": "h", "share": 1}, "group": None})
        self.assertEqual(self.said(), (("champion", "STATIC", "0"),))
        self.write_rules({**RULES, **everybody, "holdout": {"salt": "h", "share": 0}, "group": {"salt": "g", "from": 0.5, "to": 0.5}})
        self.assertEqual(self.said(), (("champion", "STATIC", "0"),))

    def test_none_yet(self):
        self.assertEqual(self.said(), (("champion", "DEFAULT", "0"),))

    def test_no_units(self):
        self.write_rules(RULES)
        self.assertEqual(self.said(("", "x" * 1025)), (("champion", "ERROR", "0"),) * 2)

    def test_rulesets_that_are_none(self):
        def without(name):
            return {k: v for k, v in RULES.items() if k != name}
        good = [RULES, {**RULES, "later": {"deep": [1, [2]]}}, {**RULES, "holdout": None}, {**RULES, "ranges": []}, {**RULES, "salt": "s" * 128}, {**RULES, "killed": ""},
                {**RULES, "shadow": ["challenger-2", "challenger-1"]},
                json.dumps(RULES, ensure_ascii=False, indent=3).encode(), json.dumps(RULES).replace("champion", "ch\\u0061mpion").encode(),
                {**RULES, "variants": {**RULES["variants"], "champion": {"hash": "🦉", "parameters": {}}}}]
        bad = [b"", b"null", b"[]", b"{", json.dumps(RULES)[:-1].encode(), json.dumps(RULES).encode() + b"x", json.dumps(RULES).encode()[:200] + b"\xff",
               json.dumps(RULES).replace("600000", "NaN").encode(), json.dumps(RULES).replace("600000", "1e999").encode(),
               json.dumps(RULES).replace("600000", "0600000").encode(), json.dumps(
                   RULES).replace("g2p-3", "g2p\\x3").encode(), b" " * (2 << 20),
               {**RULES, "rollout": "other"}, without("rollout"), without(
                   "valid_ms"), without("refresh_ms"), without("variants"), without("period"),
               without("salt"), without("ranges"), {**RULES, "valid_ms": 0}, {**RULES, "valid_ms": "60"}, {**RULES, "valid_ms": True},
               {**RULES, "experiment": 0}, {**RULES, "experiment": None}, {**RULES,
                   "period": -1}, {**RULES, "salt": "a:b"}, {**RULES, "salt": "s" * 129},
               {**RULES, "salt": 3}, {**RULES, "ranges": {}}, {**RULES, "ranges": [[0, 0.5]]}, {**RULES, "ranges": [[0, 0.5, "nobody"]]},
               {**RULES, "ranges": [[0.5, 0.2, "champion"]]}, {**RULES,
                   "ranges": [[0, 1.1, "champion"]]}, {**RULES, "ranges": [[-0.1, 1, "champion"]]},
               {**RULES, "ranges": [[0, 0.5, "champion"], [0.4, 0.6, "champion"]]}, {**RULES, "ranges": [[0, "1", "champion"]]},
               {**RULES, "group": {"salt": "g", "from": 0}}, {**RULES, "group": []}, {**RULES, "holdout": {"salt": "a:b", "share": 0.5}},
               {**RULES, "holdout": {"salt": "a", "share": 2}}, {**RULES, "overrides": {"u": "nobody"}}, {**RULES, "overrides": {"u": 3}},
               {**RULES, "killed": 1}, {**RULES, "killed": False}, {**RULES,
                   "shadow": "challenger-1"}, {**RULES, "shadow": ["nobody"]}, {**RULES, "shadow": [3]},
               {**RULES, "shadow": {}}, {**RULES, "overrides": []}, {**RULES, "variants": {"challenger-1": RULES["variants"]["challenger-1"]}},
               {**RULES, "variants": {**RULES["variants"], "champion": {"hash": "ab"}}
                   }, {**RULES, "variants": {**RULES["variants"], "champion": 3}},
               {**RULES, "variants": {**RULES["variants"], "champion": {"hash": "ab", "parameters": []}}}]
        for rules, taken in [(g, True) for g in good] + [(b, False) for b in bad]:
            self.write_rules(rules)
            self.assertEqual(self.said()[0][1] != "DEFAULT", taken, rules)


class Outcomes(Live):
    """What was said arrives, once."""

    def test_a_process_is_killed(self):
        service = Service()
        self.addCleanup(service.close)
        self.write_rules({**RULES, "holdout": None, "group": None})
        programs = [self.start(sdk, "say", "g2p", self.folder, 1000) for sdk in PROBES]
        for p in programs:
            self.assertEqual(p.stdout.readline(), "said\n")
            p.kill()
            p.wait()
        wanted = {(f"{sdk[0]}-{i}", f"o-{i}") for sdk in PROBES for i in range(1000)}
        service.up()
        self.all_arrive(service, {u for u, _ in wanted})
        self.assertEqual(set(service.outcomes), wanted)
        self.assertEqual(service.items, len(wanted))  # each once
        self.assertEqual(self.spooled(), [])
        item = next(v for (u, _), v in service.outcomes.items() if u.startswith("c-"))
        self.assertEqual((item["metrics"]["em"], item["segment"], item["experiment"], item["period"]), (0.1, 'a "b"\n', 3, 5))
        self.assertLess(abs(item["at_ms"] / 1000 - time.time()), 86400)
        self.assertEqual({json.dumps({**v, "unit": "", "id": "", "at_ms": 0, "variant": "", "metrics": 0}, sort_keys=True) for v in service.outcomes.values()},
                         {json.dumps({"unit": "", "id": "", "at_ms": 0, "variant": "", "metrics": 0, "segment": 'a "b"\n', "experiment": 3, "period": 5},
                                     sort_keys=True)})

    def test_the_service_is_away_for_a_while(self):
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        rollout = self.rollout(service)
        self.assertTrue(rollout.ready(PATIENCE))
        programs = {sdk: self.start(sdk, "say", "g2p", os.path.join(self.folder, sdk), 500, service=service)
                                    for sdk in PROBES if sdk != "c"}
        for p in programs.values():
            self.assertEqual(p.stdout.readline(), "said\n")
        service.down()
        for i in range(500):
            self.assertTrue(rollout.assign(f"u-{i}").outcome(em=1, tokens=i))
        self.assertFalse(rollout.flush(0.5))
        service.up()
        self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual(sum(u.startswith("u-") for u, _ in service.outcomes), 500)
        for sdk, p in programs.items():
            self.assertEqual(p.communicate(timeout=PATIENCE)[0], "true\n", sdk)
            self.assertEqual(sum(u.startswith(f"{sdk[0]}-") for u, _ in service.outcomes), 500)

    def test_forks(self):
        """Of a program that has threads; one child ends without a flush, one grandchild is nobody's."""
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        p = self.start("python", "fork", "g2p", self.folder, 200, service=service)
        self.assertEqual(p.wait(PATIENCE), 0)
        self.all_arrive(service, {f"{who}-{i}" for who in ("parent", "child", "other", "grandchild", "parent again") for i in range(200)})

    def test_somebody_takes_files_while_they_are_written(self):
        """The worst case of the spool: every file is taken as soon as it is there, as from a process that seems dead."""
        self.write_rules({**RULES, "holdout": None, "group": None})
        for sdk in PROBES:
            with self.subTest(sdk=sdk):
                p = self.start(sdk, "say", "g2p", self.folder, 3000)
                got, taken = set(), 0

                def take():
                    nonlocal taken
                    for name in self.spooled(".open", ".jsonl"):
                        mine = os.path.join(self.own, f"{taken}.mine")
                        with contextlib.suppress(FileNotFoundError):
                            os.rename(os.path.join(self.own, name), mine)
                            taken += 1
                            with open(mine, encoding="utf-8") as f:
                                got.update(json.loads(line)["unit"] for line in f)
                            os.unlink(mine)
                while not select.select([p.stdout], [], [], 0)[0]:  # it says a word once it is done
                    take()
                p.stdin.close()
                p.wait(PATIENCE)
                take()
                self.assertEqual(got, {f"{sdk[0]}-{i}" for i in range(3000)})
                self.assertGreater(taken, 3)

    def test_several_processes_share_a_folder(self):
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        programs = [self.start(sdk, "say", "g2p", self.folder, 300, service=service) for sdk in ["python", *PROBES] if sdk != "c"]
        for p in programs:
            p.stdin.close()
            self.assertEqual(p.wait(PATIENCE), 0)
        self.all_arrive(service, {f"{sdk[0]}-{i}" for sdk in PROBES if sdk != "c" for i in range(300)})

    def test_a_keeper_for_programs_without_a_network(self):
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        keeper = subprocess.Popen([sys.executable, "-B", "-m", "nocturne.live", "g2p", "--url", service.url, "--folder", self.folder],
                                  env=environment(NOCTURNE_TOKEN="secret"))
        self.addCleanup(keeper.wait)
        self.addCleanup(keeper.kill)
        path = os.path.join(self.own, "ruleset.json")
        until("a ruleset is there", lambda: os.path.exists(path))
        p = self.start("c", "say", "g2p", self.folder, 1000)
        self.assertEqual(p.stdout.readline(), "said\n")

        def there():
            self.age()
            return len(service.outcomes) == 1000
        until("all outcomes are there", there)
        written = os.stat(path).st_mtime_ns
        until("the service stands by the ruleset", lambda: os.stat(path).st_mtime_ns > written)
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        keeper.send_signal(signal.SIGTERM)
        self.assertEqual(keeper.wait(PATIENCE), 0)

    def test_challengers_in_the_shadow(self):
        """Each program runs what is in the champion's shadow, and says what it would have done."""
        self.write_rules({**RULES, "ranges": [], "holdout": None, "group": None, "shadow": ["challenger-2", "challenger-1"]})
        for sdk in PROBES:
            self.assertEqual(probe(sdk, "shadow", "g2p", self.folder, 3)[0], ["challenger-2 0.03 challenger-1 0.02"] * 3 + ["none"], sdk)
        items = {(item["unit"], item["id"]): (item["metrics"], item["shadow"]) for item in self.lines()}
        self.assertEqual(items, {(f"{sdk[0]}-{i}", f"o-{i}"): ({"em": 1}, {"challenger-2": {"em": 0, "tokens": 90}, "challenger-1": {}})
                                 for sdk in PROBES for i in range(3)})

    def test_lines_that_are_broken_are_left_out(self):
        service = self.serve()
        with open(os.path.join(self.own, "1-a.open"), "wb") as f:
            f.write(b'{"unit":"whole","id":"1","variant":"champion","metrics":{"em":1}}\nnonsense\n\xff\n3\n{"unit":"torn","var')
        with self.assertLogs("nocturne.live", "WARNING") as logs:
            self.all_arrive(service, {"whole"})
        self.assertEqual([line for line in logs.output if "4 lines" in line], logs.output)

    def test_c_refuses_what_is_no_outcome(self):
        self.write_rules({**RULES, "holdout": None, "group": None})
        self.assertEqual(probe("c", "refuse", "g2p", self.folder)[0], ["-1 1", "-1 1", "-1 2", "0 0"])
        self.assertEqual([item.get("metrics") for item in self.lines()], [None, None, None, {"em": 1}])  # it was served

    def test_c_where_numbers_have_a_comma(self):
        if not shutil.which("localedef") or not os.path.exists("/usr/share/i18n/locales/de_DE"):
            self.skipTest("there is no German locale, and no localedef to make it")
        subprocess.run(["localedef", "--no-archive", "-i", "de_DE", "-f", "UTF-8", os.path.join(self.folder, "de_DE.UTF-8")], check=True)
        env = {"LOCPATH": self.folder, "LC_ALL": "de_DE.UTF-8"}
        self.write_rules({**RULES, "holdout": None, "group": None})
        lines, _ = probe("c", "assign", "g2p", self.folder, units=packed(f"u-{i}" for i in range(50)), env=env)
        self.assertIn("challenger-2 SPLIT 1 0,03 -", lines)
        self.assertIn("challenger-1 SPLIT 1 0,02 m\"é", lines)  # the locale is there
        probe("c", "say", "g2p", self.folder, 3, env=env)
        self.assertEqual([item["metrics"]["em"] for item in self.lines()], [0.1] * 3)

    def test_c_threads_while_the_ruleset_changes(self):
        stop = threading.Event()
        two = {**RULES, "variants": {**RULES["variants"], "challenger-1": {"hash": "x", "parameters": {"threshold": 2}}}, "holdout": None, "group": None,
               "overrides": None, "ranges": [[0, 1, "challenger-1"]]}
        one = {**two, "ranges": []}

        def change():
            while not stop.wait(0.05):
                for rules in (one, two):
                    with open(os.path.join(self.own, "new"), "w", encoding="utf-8") as f:
                        json.dump(rules, f)
                    os.rename(os.path.join(self.own, "new"), os.path.join(self.own, "ruleset.json"))
        self.write_rules(one)
        t = threading.Thread(target=change)
        t.start()
        try:
            self.assertEqual(probe("c", "threads", "g2p", self.folder, 300_000)[0], ["0"])
        finally:
            stop.set()
            t.join()

    def test_javascript_in_memory(self):
        if not NODE:
            self.skipTest("there is no Node.js")
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        lines, _ = probe("javascript", "memory", "g2p", 700, env={"NOCTURNE_URL": service.url, "NOCTURNE_TOKEN": "secret"})
        self.assertEqual(json.loads(lines[-1]), [True, [False] * 3])
        self.assertEqual(len(service.outcomes), 702)
        for unit in "j-0", "j-1":  # whose metrics are none was served
            self.assertNotIn("metrics", service.outcomes[unit, None])


class Real(Live):
    """Beside the program itself: its rulesets, its assignment, its intake."""

    def nocturne(self, *arguments):
        r = subprocess.run([os.path.join(BIN, "nocturne"), *arguments], cwd=self.folder,
                           capture_output=True, encoding="utf-8", timeout=PATIENCE)
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout

    def ruleset(self):
        rules = json.loads(self.nocturne("rollout", "ruleset", "g2p", "--db", "n.db"))
        self.write_rules(rules)
        return rules

    def setUp(self):
        super().setUp()
        with open(os.path.join(self.folder, "study.yaml"), "w", encoding="utf-8") as f:
            f.write("""study: g2p
trial: {command: [sh, -c, "echo 'nocturne: {{\\"result\\": {{\\"em\\": 0.5, \\"tokens\\": 100}}}}'", "{threshold}"]}
parameters:
  threshold: {type: float, range: [0.01, 1]}
metrics:
  em: {goal: maximize}
  tokens: {goal: minimize}
objective: {minimize: tokens}
baseline: {threshold: 0.5}
budget: {trials: 2}
""")
        with open(os.path.join(self.folder, "plan.yaml"), "w", encoding="utf-8") as f:
            f.write("""metrics:
  em: {prove: not_worse, goal: maximize, range: [0, 1], margin: 0.01, effect: 0.05, guard: 0.01, missing: 0}
  tokens: {prove: fewer, saving: 0.1, margin: 0.01, guard: 0.25, marks: [1, 2000], cap: 2000}
learn: 0
ramp: [0.3]
holdout: 0.1
group: {name: checkout, part: [0.25, 0.9]}
overrides: {user-1: challenger, "Zoë": champion}
""")
        self.nocturne("run", "study.yaml", "--db", "n.db")
        self.nocturne("rollout", "start", "g2p", "-p", "plan.yaml", "-c", "baseline", "-x", "1", "--db", "n.db")

    def assigned(self, units):
        """As the program says it: variant, reason, counted."""
        said = json.loads(self.nocturne("rollout", "assign", "g2p", "--json", "--db", "n.db", "--", *units))["units"]
        return [(u["variant"], u["reason"], str(int(u["counted"]))) for u in said]

    def test_assignments(self):
        self.ruleset()
        units = [u for u in nasty_units(2000) if len(u) < 300][:990]
        wanted = self.assigned(units)
        self.assertEqual({w[1] for w in wanted}, {"SPLIT", "STATIC", "TARGETING_MATCH"})
        for sdk in PROBES:
            got = [tuple(line.split()[:3]) for line in probe(sdk, "assign", "g2p", self.folder, units=packed(units))[0]]
            self.assertEqual([x for x in zip(units, got, wanted) if x[1] != x[2]][:5], [], sdk)
        self.nocturne("rollout", "kill", "g2p", "-y", "a test", "--db", "n.db")
        self.ruleset()
        for sdk in PROBES:
            got = [tuple(line.split()[:3]) for line in probe(sdk, "assign", "g2p", self.folder, units=packed(units[:9]))[0]]
            self.assertEqual(got, self.assigned(units[:9]), sdk)

    def test_outcomes(self):
        """What lies in the spool is taken as it is, and once."""
        self.ruleset()
        for sdk in PROBES:
            p = self.start(sdk, "say", "g2p", self.folder, 200)
            self.assertEqual(p.stdout.readline(), "said\n")
            p.kill()
            p.wait()
        n = 0
        with open(os.path.join(self.folder, "outcomes"), "wb") as all_:
            for name in self.spooled():
                with open(os.path.join(self.own, name), "rb") as f:
                    lines = f.read()
                    n += lines.count(b"\n")
                    all_.write(lines)
        self.assertGreater(n, 60 * len(PROBES))
        for taken, repeated in ((n, 0), (0, n)):
            said = json.loads(self.nocturne("rollout", "outcomes", "g2p", "outcomes", "--json", "--db", "n.db"))
            self.assertEqual({k: said[k] for k in ("taken", "repeated", "late", "left_out", "refused")},
                             {"taken": taken, "repeated": repeated, "late": 0, "left_out": 0, "refused": 0})


class Served(test_rollouts.Live):
    """With a real service."""

    def setUp(self):
        super().setUp()
        self.folder = os.path.join(self.dir, "live")
        self.url = f"http://127.0.0.1:{self.port}"

    def program(self, *argv):
        p = subprocess.Popen(argv, env=environment(NOCTURNE_URL=self.url, NOCTURNE_TOKEN=self.client), stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)
        for end in (p.wait, p.stdout.close, p.stdin.close, p.kill):
            self.addCleanup(end)
        return p

    def rollout(self):
        r = Rollout("s", self.url, self.client, folder=self.folder)
        self.addCleanup(r.close, 0)
        self.assertTrue(r.ready(PATIENCE))
        return r

    def test_everybody_dies_and_each_outcome_counts_once(self):
        """Programs and the service are killed, the service in the middle of it; whoever comes later sends what is left."""
        self.try_it()
        keep = [sys.executable, "-B", "-m", "nocturne.live", "s", "--folder", self.folder]
        keeper = self.program(*keep)
        self.wait("a ruleset is there", lambda: os.path.exists(os.path.join(self.folder, "s", "ruleset.json")))
        programs = [self.program(*PROBES[sdk], "say", "s", self.folder, "1000") for sdk in PROBES]
        for p in programs:
            self.assertEqual(p.stdout.readline(), "said\n")
        self.wait("some have come", lambda: self.status()["experiment"]["counts"]["taken"] > 0)
        self.kill_server()
        for p in [keeper, *programs]:
            p.kill()
            p.wait()
        self.start()
        self.program(*keep)

        def all_counted():
            e = self.status()["experiment"]
            return sum(e["periods"][0]["arrived"]) >= 1000 * len(PROBES)
        self.wait("all outcomes are there", all_counted)
        e = self.status()["experiment"]
        self.assertEqual((e["counts"]["taken"], sum(e["periods"][0]["arrived"]), e["counts"]["refused"]),
                         (1000 * len(PROBES), 1000 * len(PROBES), 0))

    def test_an_operator_kills_and_revives(self):
        self.try_it()
        rollout = self.rollout()
        self.assertEqual({rollout.assign(f"u-{i}").variant for i in range(50)}, {"champion", "challenger"})
        self.order("kill", {"why": "it burns"})
        self.wait("nobody has it", lambda: rollout.assign("u").reason == "DISABLED")
        self.assertEqual({rollout.assign(f"u-{i}").variant for i in range(50)}, {"champion"})
        self.order("revive")
        self.order("resume")
        self.wait("it goes on", lambda: rollout.assign("u").reason == "SPLIT")

    def test_a_challenger_in_the_shadow(self):
        self.try_it(plan={**test_rollouts.HALF, "shadow": {"units": 500}})
        rollout = self.rollout()
        for i in range(200):
            v = rollout.assign(f"u-{i}")
            self.assertEqual((v.variant, v.counted, set(v.shadow)), ("champion", True, {"challenger"}))
            self.assertTrue(v.outcome(em=1, tokens=100, shadow={"challenger": {"em": 0, "tokens": 90} if i % 9 else {}}))
        self.assertTrue(rollout.flush(PATIENCE))
        counts = self.status()["experiment"]["counts"]
        self.assertEqual((counts["taken"], counts["refused"]), (200, 0))


class Python(Live):
    """What only the Python package has, or is cheapest to see in."""

    def ready(self, service, **more):
        service.rules = {**RULES, "holdout": None, "group": None}
        rollout = self.rollout(service, **more)
        self.assertTrue(rollout.ready(PATIENCE))
        return rollout

    def test_the_ruleset_is_asked_for_and_kept(self):
        service = self.serve()
        rollout = self.ready(service)
        self.assertEqual(rollout.assign("user-1").parameters, {"threshold": 0.03})
        until("nothing has changed", lambda: service.asked["unchanged"] > 1)
        self.assertEqual(service.asked["changed"], 1)
        service.rules = {**service.rules, "overrides": {}}
        until("it changes", lambda: rollout.assign("user-1").reason == "SPLIT")
        rollout.close()
        service.down()
        self.assertEqual(self.rollout(service).assign("user-1").reason, "SPLIT")  # it starts without the service
        service.up()

    def test_the_dead_mans_switch(self):
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None, "valid_ms": 1500, "refresh_ms": 200}
        rollout = self.rollout(service)
        self.assertTrue(rollout.ready(PATIENCE))
        service.down()
        until("it is stale", lambda: rollout.assign("user-2").reason == "STALE")
        v = rollout.assign("user-2")
        self.assertEqual((v.variant, v.counted), ("champion", False))
        self.assertTrue(v.outcome(em=1, tokens=1))  # nobody counts it
        self.assertEqual(self.spooled(), [])
        service.up()
        until("it is fresh", lambda: rollout.assign("user-2").counted)

    def test_defaults_until_there_is_a_ruleset(self):
        v = self.rollout(default={"threshold": 7}).assign("u")
        self.assertEqual((v.variant, v.reason, v.parameters), ("champion", "DEFAULT", {"threshold": 7}))

    def test_nothing_is_raised(self):
        service = self.serve()
        service.rules = {**RULES, "holdout": None, "group": None}
        rollout = self.ready(service)
        with self.assertLogs("nocturne.live", "WARNING") as logs:
            for unit in (None, "", b"x", "\ud800", "x" * 1025, "u\0v", ["u"]):
                v = rollout.assign(unit)
                self.assertEqual((v.variant, v.reason, v.counted, v.parameters["threshold"]), ("champion", "ERROR", False, 1), unit)
                self.assertTrue(v.outcome(em=1))
            v = rollout.assign(17)
            self.assertEqual(v.unit, "17")
            for unit, metrics in enumerate(({"em": math.nan}, {"em": "x"}, {"em": None}, {"em": 10**400}, {"x" * 20000: 1}, {"em": math.inf, "tokens": 7})):
                self.assertFalse(rollout.assign(100 + unit).outcome(**metrics, segment="short", expected=0.5))
            for at in (math.inf, 1e300):
                self.assertFalse(v.outcome(em=1, at=at))
            for id in ("\ud800", "a\0b"):
                self.assertFalse(v.outcome(em=1, id=id))
            for expected in (math.nan, 10**400):
                self.assertFalse(v.outcome(em=1, expected=expected))
            self.assertTrue(rollout.flush(PATIENCE))
        self.assertLess(len(logs.output), 8)  # once for each reason
        served = {unit: (item.get("segment"), item.get("expected")) for (unit, id), item in service.outcomes.items() if id is None and "metrics" not in item}
        self.assertEqual({unit: served.get(unit) for unit in map(str, range(100, 106))}, {str(u): ("short", 0.5) for u in range(100, 106)})

    def test_what_is_given_cannot_change_what_others_get(self):
        rollout = self.ready(self.serve())
        rollout.assign("user-1").parameters["threshold"] = 9
        self.assertEqual(rollout.assign("user-1").parameters["threshold"], 0.03)

    def test_exposed_once(self):
        service = self.serve()
        rollout = self.ready(service)
        for _ in range(5):
            self.assertTrue(rollout.assign("user-2").exposed())
        self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual((service.items, "metrics" in service.outcomes["user-2", None]), (1, False))

    def test_before_an_experiment_outcomes_have_none(self):
        service = self.serve()
        service.rules = {k: v for k, v in RULES.items() if k not in ("experiment", "period", "salt", "ranges")}
        rollout = self.rollout(service)
        self.assertTrue(rollout.ready(PATIENCE))
        self.assertTrue(rollout.assign("user-2").outcome(em=1, id="1"))
        self.assertTrue(rollout.assign("user-1").outcome(em=1, id="1"))  # an override
        self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual(set(service.outcomes), {("user-2", "1")})
        self.assertNotIn("experiment", service.outcomes["user-2", "1"])

    def test_refused_is_logged_once(self):
        service = self.serve()
        rollout = self.ready(service)
        with self.assertLogs("nocturne.live", "WARNING") as logs:
            for i in range(100):
                rollout.assign(f"u-{i}").outcome(em=1.5 + i)
            self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual(len(logs.output), 1)
        self.assertIn("is not in [0, 1]", logs.output[0])

    def test_answers_that_are_none(self):
        """A proxy's page, a token that is not good: it waits. A body that is no such thing: set aside."""
        service = self.serve()
        rollout = self.ready(service)
        for answer in ((200, b"<html>welcome"), (200, b"[]"), (401, b"who?"), (404, b""), (500, b""), (302, b"")):
            service.answer = answer
            self.assertTrue(rollout.assign("user-2").outcome(em=1, id=str(answer)))
            self.assertFalse(rollout.flush(0.3), answer)
        service.answer = None
        self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual(len(service.outcomes), 6)
        service.answer = (400, b"this is no batch of outcomes")
        self.assertTrue(rollout.assign("user-2").outcome(em=1, id="7"))
        with self.assertLogs("nocturne.live", "WARNING") as logs:
            until("it is set aside", lambda: rollout.flush(1))
        self.assertIn("this is no batch", logs.output[0])
        self.assertEqual(len(self.spooled(".refused")), 1)

    def test_a_full_spool(self):
        service = self.serve()
        rollout = self.ready(service, spool=20_000)
        service.down()
        with self.assertLogs("nocturne.live", "WARNING") as logs:
            kept = sum(rollout.assign(f"u-{i}").outcome(em=1, tokens=i) for i in range(1000))
        self.assertEqual(sum("is full" in line for line in logs.output), 1)
        self.assertGreater(kept, 50)
        self.assertLess(kept, 200)
        self.assertLessEqual(sum(os.stat(os.path.join(self.own, n)).st_size for n in self.spooled()), 20_000)
        service.up()
        self.assertTrue(rollout.flush(PATIENCE))
        self.assertEqual(len(service.outcomes), kept)
        self.assertTrue(until("there is room again", lambda: rollout.assign("v").outcome(em=1, tokens=1)))

    def test_a_folder_that_cannot_be(self):
        with open(os.path.join(self.folder, "file"), "w"):
            pass
        service = self.serve()
        with self.assertLogs("nocturne.live", "WARNING"):
            rollout = Rollout("g2p", service.url, "secret", folder=os.path.join(self.folder, "file"))
            self.assertTrue(rollout.ready(PATIENCE))
            self.assertFalse(rollout.assign("user-2").counted and rollout.assign("user-2").outcome(em=1))
            rollout.close(1)

    def test_a_token_that_changes(self):
        service, path = self.serve(), os.path.join(self.folder, "token")
        service.rules = {**RULES, "holdout": None, "group": None}
        with open(path, "w", encoding="utf-8") as f:
            f.write("old")
        with self.assertLogs("nocturne.live", "WARNING"):
            rollout = self.to_be_closed(Rollout("g2p", service.url, token_file=path, folder=self.folder))
            self.assertFalse(rollout.ready(0.3))
            with open(path, "w", encoding="utf-8") as f:
                f.write("secret\n")
            self.assertTrue(rollout.ready(PATIENCE))

    def test_names_and_urls(self):
        for name in ("", "../x", ".x", "a/b", "a b", "x" * 101, "é"):
            self.assertRaises(ValueError, Rollout, name, folder=self.folder)
        Rollout("s.x-1", folder=self.folder).close()
        self.assertRaises(ValueError, Rollout, "g2p", "localhost:8080", folder=self.folder)
        self.assertRaises(ValueError, Rollout, "g2p", "file:///etc", folder=self.folder)


if __name__ == "__main__":
    logging.getLogger("nocturne.live").addHandler(logging.NullHandler())
    logging.getLogger("nocturne.live").propagate = False
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
