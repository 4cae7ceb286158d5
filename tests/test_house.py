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
    "tuner/policy": (["policy.h"], ["tuner/analysis", "tuner/history", "tuner/study", "tuner/search"]),
    "tuner/coordinator": (["coordinator.h"], ["tuner/policy", "tuner/history", "tuner/analysis", "tuner/execution", "tuner/study", "tuner/search", "workers", "store"]),
    "tuner/rollout": (["rollout.h"], []),
    "tuner/live": (["live.h"], ["tuner/rollout", "tuner/analysis", "tuner/history", "tuner/study", "store"]),
    "tuner/import": (["import.h"], ["tuner/history", "tuner/study", "store"]),
    "tuner/report": (["report.h"], ["tuner/coordinator", "tuner/analysis", "tuner/history", "tuner/study"]),
    "tuner/notify": (["notify.h"], ["tuner/report", "tuner/remote", "tuner/analysis", "tuner/history", "workers", "store"]),
    "tuner/service": (["service.h"], ["tuner/live", "tuner/notify", "tuner/report", "tuner/policy", "tuner/coordinator", "tuner/analysis", "tuner/execution", "tuner/history", "tuner/study", "store", "workers"]),
    "tuner/remote": (["remote.h"], []),
    "tuner/mirror": (["mirror.h"], ["tuner/remote", "tuner/history", "tuner/study", "store"]),
    "tuner/agent": (["agent.h"], ["tuner/remote", "tuner/execution", "tuner/study", "workers"]),
    "tuner/cli": ([], ["tuner/live", "tuner/notify", "tuner/service", "tuner/agent", "tuner/mirror", "tuner/remote", "tuner/report", "tuner/import", "tuner/coordinator", "tuner/policy", "tuner/analysis", "tuner/execution", "tuner/history", "tuner/study", "tuner/search", "store", "surrogate", "workers"]),
    "workers/sdk/c": ([], []),
    "store/migrations": ([], []),
}
# arrows that may never be, not even through other rooms
NEVER = [("tuner/execution", "tuner/history"), ("tuner/history", "tuner/execution"), ("tuner/analysis", "tuner/coordinator"), ("store", "tuner/history"),
         ("tuner/agent", "tuner/history"), ("tuner/agent", "tuner/search"), ("tuner/agent", "store")]
# the signature is a library's
CALLBACKS = {"on_request": "MHD_AccessHandlerCallback"}
PARAMETERS_MAX, FIELDS_MAX = 6, 25
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as text:
        return text.read()


def bare(text):
    """Code without its comments and with empty texts."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)


def commas(text):
    """Those that are in no bracket."""
    while re.search(INNERMOST, text):
        text = re.sub(INNERMOST, "", text)
    return text.count(",")


INNERMOST = r"\([^()]*\)|\[[^][]*\]"
LIST = r"\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)"  # parameters, among them functions that take functions
FUNCTION = re.compile(rf"^[A-Za-z_][\w \t*]*?\b(\w+){LIST}\s*[;{{]|\(\*(\w+)(?:\[\w*\])?\){LIST}", re.M)
STRUCT = re.compile(r"^(?:struct|union) (\w+) \{(.*?)^\}", re.M | re.S)


def functions(text):
    """Of every function, and every pointer to one: name, number of parameters."""
    for name, parameters, pointer, of_pointer in FUNCTION.findall(bare(text)):
        yield name or pointer, commas(parameters or of_pointer) + 1


def structs(text):
    """Of every struct: name, number of fields; those of a struct inside are its own, too."""
    for name, body in STRUCT.findall(bare(text)):
        body = re.sub(r"\benum\s*\w*\s*\{[^}]*\}", "enum", body)
        yield name, sum(commas(field) + 1 for field in body.split(";") if field.strip("{} \n"))


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
                if room == "workers/sdk/c" and target in ("nocturne.h", "nocturne_live.h"):
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

    def test_no_function_takes_more_than_six(self):
        """More is a noun that is missing."""
        self.assertEqual(list(functions("int f(void (*g)(int, int), int b);\nstruct s { int (*h)(int a, int b, int c); };")),
                         [("f", 2), ("h", 3)])
        wide, seen = [], 0
        for path in sources():
            for name, n in functions(read(path)):
                seen += 1
                if n > PARAMETERS_MAX and name not in CALLBACKS:
                    wide.append(f"{path}: {name} takes {n}")
        self.assertEqual(wide, [])
        self.assertGreater(seen, 2000)

    def test_no_struct_is_wide(self):
        self.assertEqual(list(structs("struct s {\n    int a, b[N(1, 2)];\n    enum { X, Y } c; /* d, e; */\n"
                                      "    struct {\n        int f;\n    } g;\n    int (*h)(int, int);\n};\n")), [("s", 6)])
        wide, seen = [], 0
        for path in sources():
            for name, n in structs(read(path)):
                seen += 1
                if n > FIELDS_MAX:
                    wide.append(f"{path}: struct {name} has {n} fields")
        self.assertEqual(wide, [])
        self.assertGreater(seen, 300)

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
