#!/usr/bin/env python3
"""workers/sdk/sql/statistics.sql: DuckDB and PostgreSQL make of 100,000 outcomes the same counts as a collector does."""
import collections
import json
import math
import os
import random
import re
import subprocess
import sys
import unittest

from test_live_sdk import BIN, SQL, VENV, Postgres, place

OUTCOMES = int(os.environ.get("OUTCOMES", 100_000))
WRONG = [{"metrics": {"em": 1.5}}, {"metrics": {"em": -1, "tokens": 7}}, {"metrics": {"em": 1, "tokens": -3}}, {"metrics": {"tokens": math.nan}},
         {"metrics": {"tokens": math.inf}}, {"metrics": {"em": math.nan}}, {"metrics": {"em": 1}, "expected": 1.5}, {"metrics": {"em": 1}, "expected": math.nan}]
DUCKDB = """
import csv, duckdb, json, sys
line = duckdb.connect()
line.execute("SET enable_progress_bar = false")
for text in sys.stdin:
    sql, table, rows = json.loads(text)
    if table:
        with open(sys.argv[1], "w", newline="") as f:
            csv.writer(f).writerows(["\\\\N" if v is None else v for v in row] for row in rows)
        line.execute(f"COPY {table} FROM '{sys.argv[1]}' (HEADER false, NULL '\\\\N')") if rows else None
        print("null", flush=True)
    else:
        got = line.execute(sql).fetchall() if sql.startswith("SELECT") else line.execute(sql) and None
        print(json.dumps(got), flush=True)
"""


def literal(v):
    return "NULL" if v is None else repr(v) if isinstance(v, str) or math.isfinite(v) else f"'{v}'"


class Probe:
    """sums_probe: a collector of ours."""

    def __init__(self):
        self.p = subprocess.Popen([os.path.join(BIN, "sums_probe")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def heard(self):
        return json.loads(self.p.stdout.readline())

    def tell(self, items):
        items = [i for i in items if not math.isnan(i.get("expected", 0))]  # no JSON; metrics that are none are null
        self.p.stdin.write("".join(re.sub("NaN|Infinity", "null", json.dumps(item)) + "\n" for item in items) + "\n")
        self.p.stdin.flush()

    def sums(self):
        self.p.stdin.close()
        self.heard()
        lines = [json.loads(line) for line in self.p.stdout]
        self.p.stdout.close()
        assert self.p.wait() == 0
        return lines


def variant_of(said, unit):
    e = said["scoring"]["experiment"]
    at, (low, high, _) = place(e["salt"], unit), e["state"]["periods"][-1]["ranges"][0]
    return "challenger" if low <= at < high else "champion"


def items_of(r, said, name, n):
    """In the order of time: units that come again, are silent, say things twice, too late or that cannot be, have another's variant."""
    e, now, out, units = said["scoring"]["experiment"], said["now_ms"], [], 0
    common = {"experiment": e["number"], "period": len(e["state"]["periods"]) - 1}
    while len(out) < n:
        unit = f"{name}-{units}"
        units += 1
        at = now + r.randrange(4_000_000)
        base = {"unit": unit, "variant": variant_of(said, unit) if r.random() < 0.98 else "challenger", **common}
        if r.random() < 0.7:
            base["segment"] = r.choice(["long", "short", "another"])
        if r.random() < 0.6:
            base["expected"] = round(r.random(), 3)
        out.append({**base, "at_ms": at})
        for i in range(r.choice([0, 1, 1, 2, 3, 7])):
            metrics = {k: v for k, v in (("em", r.randrange(2)), ("tokens", r.randrange(1, 900))) if r.random() < 0.95}
            item = {**base, "id": f"{i}", "at_ms": at + min(int(r.expovariate(1 / 600_000)), now + 4_200_000 - at), **({"metrics": metrics} if metrics else {})}
            if r.random() < 0.03:
                item = {**item, **r.choice(WRONG)}
            out += [item] * (2 if r.random() < 0.05 else 1)
    return sorted(out, key=lambda item: item["at_ms"])


def again(r, said, items, n):
    """Units of the period before, by the rules of now: most have what they had, and are not counted here."""
    e, now = said["scoring"]["experiment"], said["now_ms"]
    for unit in r.sample(sorted({i["unit"] for i in items}), n):
        yield {"unit": unit, "variant": variant_of(said, unit), "experiment": e["number"], "period": len(e["state"]["periods"]) - 1,
               "at_ms": now + r.randrange(1000), "id": "again", "metrics": {"em": 1, "tokens": 5}}


def added(lines):
    """Sums of several lines as one: {(period, segment, variant): (units, missing, unheard, tracks as counters)}, arrivals."""
    cells, arrived = {}, collections.Counter()
    for line in lines:
        for c in line["cells"]:
            key = c["period"], c.get("segment"), c["variant"]
            units, missing, unheard, tracks = cells.get(key, (0, 0, [0, 0], [collections.Counter() for _ in c["tracks"]]))
            for t, levels in zip(tracks, c["tracks"]):
                t.update(dict(map(tuple, levels)))
            cells[key] = units + c["units"], missing + c["missing"], [a + b for a, b in zip(unheard, c["unheard"], strict=True)], tracks
        for a in line["arrived"]:
            arrived[a["period"], a["variant"]] += a["units"]
    return cells, arrived


class Statistics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        r, probe = random.Random(1), Probe()
        first = probe.heard()
        before = items_of(r, first, "u", OUTCOMES // 2)
        probe.tell(before)
        second = probe.heard()
        after = sorted([*items_of(r, second, "v", OUTCOMES // 2), *again(r, second, before, 500)], key=lambda item: item["at_ms"])
        probe.tell(after)
        cls.items, cls.scoring = before + after, second["scoring"]["experiment"]
        cls.wanted = added(probe.sums())

    def fill(self, ask, put):
        with open(os.path.join(SQL, "statistics.sql"), encoding="utf-8") as f:
            ask(f.read())
        e = self.scoring
        put("nocturne_scoring", [(e["salt"], e["window_ms"], e["late_ms"], "g2p-holdout", 0.05, None, None, None)])
        periods = list(enumerate(e["state"]["periods"]))
        put("nocturne_periods", [(i, p["from_ms"], p["to_ms"]) for i, p in periods])
        put("nocturne_period_ranges", [(i, low, high, "challenger") for i, p in periods for low, high, _ in p["ranges"]])
        put("nocturne_segments", [("long",), ("short",)])
        names = "metric kind minimize low high missing mark_low mark_high cap mean slope centre left_low left_high".split()
        put("nocturne_tracks", [(i, *(t[name] for name in names)) for i, t in enumerate(e["tracks"])])
        put("nocturne_items", [(i["unit"], i.get("id"), i["at_ms"], i["period"], i["variant"], i.get("segment"), i.get("expected"))
                               for i in self.items])
        put("nocturne_values", [(i["unit"], i["id"], m, v) for i in self.items if "id" in i
                                for m, v in {**i.get("metrics", {}), "another": 7.0}.items()])  # which the plan does not know
        put("nocturne_slice", [(0, 1 << 60)])

    def check(self, ask, put):
        self.fill(ask, put)
        cells = {(p, s, v): (n, m, [], [collections.Counter() for _ in self.scoring["tracks"]])
                 for p, s, v, n, m in ask("SELECT period, segment, variant, units, missing FROM nocturne_cells")}
        for p, s, v, t, level, n in ask("SELECT period, segment, variant, track, level, units FROM nocturne_levels"):
            cells[p, s, v][3][t][level] += n
        for p, s, v, n in ask("SELECT period, segment, variant, units FROM nocturne_unheard ORDER BY track"):
            cells[p, s, v][2].append(n)
        arrived = {(p, v): n for p, v, n in ask("SELECT period, variant, units FROM nocturne_arrived")}
        wanted, wanted_arrived = self.wanted
        self.assertEqual(sorted(map(str, cells)), sorted(map(str, wanted)))
        for key, (*counts, tracks) in wanted.items():
            self.assertEqual(list(cells[key][:3]), counts, key)
            for t, levels in enumerate(tracks):
                self.assertEqual(+cells[key][3][t], +levels, (key, t))
        self.assertEqual(arrived, dict(wanted_arrived))

    def test_there_is_something_to_count(self):
        cells, arrived = self.wanted
        self.assertEqual(len(cells), 12)  # two periods, three segments, two variants
        units = sum(c[0] for c in cells.values())
        self.assertGreater(units, OUTCOMES / 10)
        self.assertGreater(sum(arrived.values()), units)  # some windows span the change
        self.assertGreater(self.scoring["tracks"][0]["slope"], 0.1)
        self.assertGreater(len(next(iter(cells.values()))[3][1]), 20)  # levels of tokens
        em, tokens = (sum(c[2][m] for c in cells.values()) for m in (0, 1))
        missing = sum(c[1] for c in cells.values())
        self.assertTrue(missing < em != tokens > missing, (missing, em, tokens))

    def test_duckdb(self):
        if not os.path.exists(VENV):
            self.skipTest("there is no build/bench-venv: sh tests/bench/install.sh tasks")
        with open(os.path.join(SQL, "duckdb.sql"), encoding="utf-8") as f:
            places = f.read()
        p = subprocess.Popen([VENV, "-c", DUCKDB, os.path.join(os.environ.get("TMPDIR", "/tmp"), f"statistics-{os.getpid()}.csv")],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(p.communicate)

        def send(*what):
            p.stdin.write(json.dumps(what) + "\n")
            p.stdin.flush()
            return json.loads(p.stdout.readline())
        send(places, None, None)
        self.check(lambda sql: send(sql, None, None), lambda table, rows: send("", table, rows))

    def test_postgresql(self):
        folders = [os.path.join("/usr/lib/postgresql", v, "bin") for v in sorted(os.listdir("/usr/lib/postgresql"))] if os.path.isdir(
            "/usr/lib/postgresql") else []
        if not folders or not os.path.exists(os.path.join(folders[-1], "initdb")):
            self.skipTest("there is no PostgreSQL server in /usr/lib/postgresql")
        with Postgres(folders[-1]) as ask:
            def put(table, rows):
                for i in range(0, len(rows), 20_000):
                    values = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows[i:i + 20_000])
                    ask(f"INSERT INTO {table} VALUES " + values, None)
            self.check(lambda sql: ask(sql, None), put)


if __name__ == "__main__":
    unittest.main(verbosity=2)
