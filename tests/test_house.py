#!/usr/bin/env python3
"""The arrows of the house, read from the include lines (tuner/README.md draws them).

Rooms may include: themselves; tuner/base; and another room's one public header, if an arrow
leads there. workers/sdk is a guest for trial programs and includes nothing of ours.
"""
import os
import re
import sys
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# room: (its public headers, the rooms it may include)
BASE = "tuner/base"
ROOMS = {
    BASE: (None, []),  # a leaf: every header of it is public
    "surrogate": (["surrogate.h"], []),
    "workers": (["workers.h"], []),
    "store": (["store.h", "optuna.h"], []),
    "tuner/study": (["study.h"], []),
    "tuner/search": (["search.h", "learning_curve.h", "forecast.h", "pruner.h", "stopping.h", "schedule.h"], ["tuner/study", "surrogate"]),
    "tuner/coordinator": (
        ["coordinator.h", "session.h", "standing.h", "comparison.h", "warm_start.h", "ledger.h", "adviser.h", "confirm.h", "state.h", "replay.h", "plan.h", "import.h", "stops.h", "population.h", "retry.h", "run.h", "fleet.h", "launch.h", "keep.h", "wiring.h"],
        ["tuner/study", "tuner/search", "workers", "store"],
    ),
    "tuner/report": (["report.h"], ["tuner/study", "tuner/coordinator"]),
    "tuner/service": (["service.h", "auth.h"], ["tuner/study", "tuner/coordinator", "tuner/report", "store", "workers"]),
    "tuner/agent": (["agent.h"], ["tuner/study", "tuner/coordinator", "workers"]),
    "tuner/cli": ([], ["tuner/service", "tuner/agent", "tuner/study", "tuner/search", "tuner/coordinator", "tuner/report", "store", "surrogate", "workers"]),
    "workers/sdk/c": ([], []),
    "store/migrations": ([], []),
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as text:
        return text.read()


def sources():
    for top in ("surrogate", "workers", "store", "tuner"):
        for folder, _, files in os.walk(os.path.join(ROOT, top)):
            for name in files:
                if name.endswith((".c", ".cc", ".h")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


class House(unittest.TestCase):
    def test_every_folder_is_a_room(self):
        self.assertEqual({os.path.dirname(p) for p in sources()} - set(ROOMS), set())

    def test_arrows_go_one_way(self):
        wrong, seen = [], 0
        for path in sources():
            room = os.path.dirname(path)
            for target in INCLUDE.findall(read(path)):
                seen += 1
                other, header = os.path.dirname(target), os.path.basename(target)
                if room == "workers/sdk/c" and target == "nocturne.h":
                    continue
                if other == room or (other == BASE and room != "workers/sdk/c"):
                    continue
                public, _ = ROOMS.get(other, ([], []))
                if other not in ROOMS[room][1] or header not in public:
                    wrong.append(f"{path} includes {target}")
        self.assertEqual(wrong, [])
        self.assertGreater(seen, 100)

    def test_sql_lives_in_store_only(self):
        for path in sources():
            if not path.startswith("store/"):
                self.assertNotIn("sqlite3", read(path), path)

    def test_surrogate_does_no_io(self):
        for path in sources():
            if path.startswith("surrogate/"):
                text = read(path)
                for header in ("<stdio.h>", "<uv.h>", "<time.h>", "<unistd.h>"):
                    self.assertNotIn(header, text, path)

    def test_every_folder_has_a_sign_on_its_door(self):
        rooms = [r for r in ROOMS if r != "store/migrations"] + ["tuner", "examples", "tests", "examples/g2p", "workers/sdk", "."]
        for room in rooms:
            self.assertTrue(os.path.exists(os.path.join(ROOT, room, "README.md")), room)


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0]])
