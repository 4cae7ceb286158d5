"""Measurements that are noisy: what `advise` wants measured again at the end, and which configuration it names then."""
import json
import math
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from patience import PATIENCE

BIN = os.environ.get("NOCTURNE_BIN", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/dev/bin"))
STUDY = """study: n
parameters: {x: {type: float, range: [0, 1]}, y: {type: float, range: [0, 1]}, k: {type: categorical, values: [a, b]}}
metrics: {loss: {goal: minimize}%s}
objective: {minimize: loss}
%s"""


def loss(p):
    return (p["x"] - 0.3) ** 2 + 2 * (p["y"] - 0.7) ** 2 + 0.1 * (p["k"] == "a")


class Pipe:
    def __init__(self, case, *args):
        self.process = subprocess.Popen([os.path.join(BIN, "nocturne"), "advise", "n.yaml", *args], cwd=case.dir, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def say(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.communicate(timeout=PATIENCE)


class Noise(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="nocturne-noise-")

    def tearDown(self):
        shutil.rmtree(self.dir)

    def pipe(self, *args, more="", metric=""):
        with open(os.path.join(self.dir, "n.yaml"), "w") as f:
            f.write(STUDY % (metric, more))
        pipe = Pipe(self, *args)
        self.addCleanup(pipe.close)
        return pipe

    def drive(self, pipe, trials, measure, first=0, left=True):
        """Every trial's answer with what was measured of it."""
        said = []
        for number in range(first, trials):
            t = pipe.say({"ask": 1, **({"left": trials - number} if left else {})})["trials"][0]
            t["measured"] = measure(t)
            self.assertEqual(pipe.say({"tell": t["trial"], "metrics": t["measured"]}), {"ok": True})
            said.append(t)
        return said

    @staticmethod
    def noisy(sd, seed=1):
        rng = random.Random(seed)
        return lambda t: {"loss": loss(t["params"]) + sd * rng.gauss(0, 1)}

    def test_the_last_trials_measure_the_best_again(self):
        pipe = self.pipe("--seed", "3")
        said = self.drive(pipe, 40, self.noisy(0.4))
        again = [t for t in said if "confirms" in t]
        self.assertEqual([t["trial"] for t in again], list(range(31, 40)))  # top 3 × 3 seeds
        of = {}
        for t in again:
            self.assertEqual(t["params"], said[t["confirms"]]["params"])
            of.setdefault(t["confirms"], []).append(t)
        self.assertEqual([len(x) for x in of.values()], [3, 3, 3])
        self.assertEqual(len({t["seed"] for t in again}), 3)  # the same ones for each
        mean = {k: sum(t["measured"]["loss"] for t in x) / 3 for k, x in of.items()}
        self.assertEqual(pipe.say({"best": True})["trial"], min(mean, key=mean.get))

    def test_without_a_word_of_the_end_the_model_names_the_best(self):
        """Forty points of a slope under noise, and a lucky one half-way up. Not always: as ruggedness it may be right."""
        low = 0
        for seed in range(10):
            pipe, rng = self.pipe(), random.Random(seed)
            for i in range(40):
                p = {"x": i / 39, "y": rng.random(), "k": rng.choice("ab")}
                pipe.say({"add": p, "metrics": {"loss": 10 * p["x"] + 3 * rng.gauss(0, 1)}})
            pipe.say({"add": {"x": 0.5, "y": 0.5, "k": "a"}, "metrics": {"loss": -5}})
            low += pipe.say({"best": True})["params"]["x"] < 0.3
        self.assertGreaterEqual(low, 8)

    def test_a_seed_that_makes_no_difference_is_tried_once(self):
        """Smooth, or as rugged as noise, but the same again: one more measurement of each of the best three shows it."""
        def rugged(t):
            p = t["params"]
            return {"loss": loss(p) + 0.4 * random.Random(f"{p['x']!r} {p['y']!r}").gauss(0, 1)}

        for measure in (rugged, self.noisy(0)):
            pipe = self.pipe("--seed", "3")
            said = self.drive(pipe, 40, measure)
            again = [t["confirms"] for t in said if "confirms" in t]
            self.assertEqual(len(set(again)), 3)
            self.assertEqual(len(again), 3)
            named = said[pipe.say({"best": True})["trial"]]
            self.assertLessEqual(named["measured"]["loss"], min(said[k]["measured"]["loss"] for k in again))

    def test_the_end_in_the_middle_of_it(self):
        pipe = self.pipe("--seed", "3")
        measure = self.noisy(0.4)
        said = self.drive(pipe, 30, measure, left=False)
        two = [pipe.say({"ask": 1, "left": left})["trials"][0] for left in (2, 1)]
        for t in two:
            self.assertIn("confirms", t)
            pipe.say({"tell": t["trial"], "metrics": measure(t)})
        self.assertIn(pipe.say({"best": True})["trial"], [t["confirms"] for t in two])
        self.assertEqual(len(said), 30)

    def test_several_at_once(self):
        pipe = self.pipe("--seed", "3")
        measure = self.noisy(0.4)
        self.drive(pipe, 30, measure, left=False)
        batch = pipe.say({"ask": 6, "left": 9})["trials"]
        self.assertEqual(["confirms" in t for t in batch], [True] * 3 + [False] * 3)  # one seed of all, then news
        for t in batch:
            pipe.say({"tell": t["trial"], "metrics": measure(t)})
        rest = pipe.say({"ask": 6, "left": 6})["trials"]
        self.assertTrue(all("confirms" in t for t in rest))

    def test_the_baseline_of_a_constraint_is_measured_again_first(self):
        bound = "baseline: {x: 0.5, y: 0.5, k: b}\nconstraints: [loss <= baseline + 0.1]\n"
        pipe, measure = self.pipe("--seed", "3", more=bound), self.noisy(0.4)
        said = self.drive(pipe, 40, measure)
        again = [t for t in said if "confirms" in t]
        self.assertEqual([t["trial"] for t in again], list(range(28, 40)))  # baseline and top 3, × 3 seeds
        self.assertEqual([t["confirms"] for t in again[:3]], [0] * 3)
        self.assertNotIn(0, [t["confirms"] for t in again[3:]])
        self.assertEqual(len({t["seed"] for t in again}), 3)
        # who asks for several at once cannot wait for it
        pipe = self.pipe("--seed", "3", more=bound)
        self.drive(pipe, 28, measure, left=False)
        batch = pipe.say({"ask": 4, "left": 12})["trials"]
        self.assertEqual([t.get("confirms") == 0 for t in batch], [True] + [False] * 3)
        self.assertTrue(all("confirms" in t for t in batch))

    def test_replicates_that_fail(self):
        pipe = self.pipe("--seed", "3")
        measure = self.noisy(0.4)
        said = self.drive(pipe, 30, measure, left=False)
        for left in range(9, 0, -1):
            t = pipe.say({"ask": 1, "left": left})["trials"][0]
            pipe.say({"tell": t["trial"], "failed": "no"})
        best = pipe.say({"best": True})
        self.assertLess(best["trial"], 31)  # what was measured once is all that is known
        self.assertEqual(best["params"], said[best["trial"]]["params"])

    def test_nothing_feasible(self):
        pipe = self.pipe("--seed", "3", metric=", size: {goal: minimize}", more="constraints: [size <= 1]\n")
        measure = self.noisy(0.4)
        said = self.drive(pipe, 40, lambda t: {**measure(t), "size": 2 + t["params"]["x"]})
        self.assertEqual(len(said), 40)
        self.assertIn("satisfies the constraints", pipe.say({"best": True})["error"])

    def test_killed_in_the_middle_of_it(self):
        whole = [(t["trial"], t["params"]) for t in self.drive(self.pipe("--seed", "3"), 40, self.noisy(0.4))]
        pipe, measure = self.pipe("--seed", "3", "--db", "n.db"), self.noisy(0.4)
        for number in range(33):
            t = pipe.say({"ask": 1, "left": 40 - number})["trials"][0]
            self.assertEqual((t["trial"], t["params"]), whole[number])
            pipe.say({"tell": t["trial"], "metrics": measure(t)})
        lost = pipe.say({"ask": 1, "left": 7})["trials"][0]
        pipe.process.kill()
        pipe.process.wait()
        pipe = self.pipe("--seed", "3", "--db", "n.db")
        again = pipe.say({"ask": 1, "left": 7})["trials"][0]
        self.assertEqual((again["trial"], again["confirms"], again["seed"]), (lost["trial"], lost["confirms"], lost["seed"]))
        pipe.say({"tell": again["trial"], "metrics": measure(again)})
        rest = self.drive(pipe, 40, measure, first=34)
        self.assertEqual([t["trial"] for t in rest], list(range(34, 40)))
        self.assertTrue(all("confirms" in t for t in rest))

    def test_wrong_words_of_the_end(self):
        pipe = self.pipe()
        for left in (0, -1, 1.5, "nine", None, True, [9]):
            self.assertIn('"left"', pipe.say({"ask": 1, "left": left})["error"])
        self.assertTrue(math.isfinite(pipe.say({"ask": 1, "left": 10 ** 15})["trials"][0]["params"]["x"]))


if __name__ == "__main__":
    unittest.main(verbosity=1)
