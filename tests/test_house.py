#!/usr/bin/env python3
"""The arrows of the house, read from the include lines (tuner/README.md draws them).

Rooms may include: themselves; tuner/base; and another room's one public header, if an arrow
leads there. Inside a room files include each other without a circle. workers/sdk is a guest for trial programs and includes nothing of ours.
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
    "store": (["store.h"], []),
    "tuner/study": (["study.h"], []),
    "tuner/search": (["search.h"], ["tuner/study", "surrogate"]),
    "tuner/history": (["history.h"], ["tuner/study", "tuner/search", "store"]),
    "tuner/analysis": (["analysis.h"], ["tuner/history", "tuner/study", "tuner/search", "store"]),
    "tuner/execution": (["execution.h"], ["tuner/study", "workers"]),
    "tuner/coordinator": (["coordinator.h"], ["tuner/history", "tuner/analysis", "tuner/execution", "tuner/study", "tuner/search", "workers", "store"]),
    "tuner/import": (["import.h"], ["tuner/history", "tuner/study", "store"]),
    "tuner/report": (["report.h"], ["tuner/coordinator", "tuner/analysis", "tuner/history", "tuner/study"]),
    "tuner/service": (["service.h"], ["tuner/report", "tuner/coordinator", "tuner/analysis", "tuner/execution", "tuner/history", "tuner/study", "store", "workers"]),
    "tuner/agent": (["agent.h"], ["tuner/execution", "tuner/study", "workers"]),
    "tuner/cli": ([], ["tuner/service", "tuner/agent", "tuner/report", "tuner/import", "tuner/coordinator", "tuner/analysis", "tuner/execution", "tuner/history", "tuner/study", "tuner/search", "store", "surrogate", "workers"]),
    "workers/sdk/c": ([], []),
    "store/migrations": ([], []),
}
# arrows that may never be, not even through other rooms
NEVER = [("tuner/execution", "tuner/history"), ("tuner/history", "tuner/execution"), ("tuner/analysis", "tuner/coordinator"), ("store", "tuner/history")]
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

    def test_every_room_has_one_door(self):
        self.assertEqual([room for room, (public, _) in ROOMS.items() if public and len(public) > 1], [])

    def test_some_arrows_may_never_be(self):
        def reached(room):
            return set(ROOMS[room][1]).union(*[reached(other) for other in ROOMS[room][1]])
        for start, end in NEVER:
            self.assertNotIn(end, reached(start), start)

    def test_no_circle_between_files(self):
        """A file pair is one noun; nouns that reach themselves are named."""
        noun = lambda path: os.path.splitext(path)[0]
        names = {noun(p) for p in sources()}
        arrows = {}
        for path in sources():
            targets = {noun(t) for t in INCLUDE.findall(read(path))} & names
            arrows.setdefault(noun(path), set()).update(targets - {noun(path)})
        layer = dict(arrows)
        while True:  # take away what includes nothing that is left
            bottom = {n for n, targets in layer.items() if not targets & set(layer)}
            if not bottom:
                break
            layer = {n: t for n, t in layer.items() if n not in bottom}
        self.assertEqual(sorted(layer), [])
        self.assertGreater(len(arrows), 100)

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
