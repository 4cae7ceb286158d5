#!/usr/bin/env python3
"""What the API says of a study beyond its log: health, forecast, the report, and what the model of its results says:
what matters, slices, contours, predictions. The same as the commands have it; bad questions, too few trials, who may.
NOCTURNE_BIN is the folder of the binaries."""
import gzip
import html.parser
import json
import math
import random
import unittest

from service import World

STUDY = """study: s
parameters:
  x: {type: float, range: [0, 1]}
  k: {type: int, range: [1, 9]}
  rate: {type: float, range: [1e-4, 1e-1], scale: log}
  kind: {type: categorical, values: [plain, "odd <b>"]}
  depth: {type: int, range: [1, 300], when: kind == plain}
  many: {type: categorical, values: [%s]}
metrics:
  em: {goal: maximize, kind: proportion, of: 1000}
  tokens: {goal: minimize, kind: count}
baseline: {x: 0.9, k: 5, rate: 1e-2, kind: plain, depth: 4, many: m0}
objective: {weights: {em: 0.7, tokens: 0.3}}
budget: {trials: 100000}
search: {sampler: sobol, seed: 3}
""" % ", ".join(f"m{i}" for i in range(70))
MODEL = ("/importance", "/slice?parameter=x", "/contour?x=x&y=k")
GET = (*MODEL, "/health", "/forecast", "/report", "/report?format=md")


class Outline(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)


class Model(World):
    SERVE = ("--slots", "0", "--rate", "100000")

    def study(self, name="a", trials=40):
        """Asked and told by a client; the study stays at work."""
        self.ok("POST", "/studies", text=STUDY.replace("study: s", f"study: {name}"), headers={"Content-Type": "application/yaml"})
        rng = random.Random(5)
        for one in self.ok("POST", f"/studies/{name}/ask", {"count": trials})["trials"] if trials else ():
            p = one["params"]
            em = 0.5 + 0.2 * p["x"] - 0.02 * (math.log10(p["rate"]) + 2.5) ** 2 + rng.gauss(0, 0.003)
            self.ok("POST", f"/studies/{name}/trials/{one['trial']}/tell",
                    {"lease": one["lease"], "metrics": {"em": round(em, 4), "tokens": 1000 + 100 * p["k"]}})

    def rest(self, name="a"):
        self.ok("POST", f"/studies/{name}/stop", {"now": True})
        self.wait("nobody runs it", lambda: not self.ok("GET", f"/studies/{name}")["running"])

    def command(self, *args):
        return json.loads(self.nocturne(*args, "--json"))

    def refuse(self, status, *args, **kw):
        answer = self.call(*args, **kw)
        self.assertEqual(answer.status, status, (args, answer.body))
        self.assertTrue(answer.json["detail"], args)
        return answer.json["detail"]

    def params(self, trial=0, name="a"):
        return self.ok("GET", f"/studies/{name}/trials/{trial}")["params"]

    def predict(self, *params, name="a"):
        return self.ok("POST", f"/studies/{name}/predict", {"params": params})["predictions"]


class Matters(Model):
    def test_importance_is_that_of_the_command(self):
        self.study()
        x = self.ok("GET", "/studies/a/importance")
        self.assertEqual(x, self.command("importance", "a"))
        self.assertEqual(x["metrics"]["tokens"][0]["parameter"], "k")
        self.assertEqual(x, self.ok("GET", "/studies/a/importance"))

    def test_what_a_rerun_of_the_best_would_give(self):
        self.study()
        best = self.ok("GET", "/studies/a/best?rerun=true")
        self.assertEqual(best, self.command("best", "a"))
        self.assertEqual(best["rerun"]["trial"], best["trial"])
        self.assertEqual(self.ok("GET", "/studies/a/best"), {k: v for k, v in best.items() if k != "rerun"})
        self.assertIn("'rerun' is true or false", self.refuse(422, "GET", "/studies/a/best?rerun=yes"))

    def test_slices(self):
        self.study()
        s = self.ok("GET", "/studies/a/slice?parameter=x&metric=em&points=11")
        self.assertEqual((s["parameter"], s["metric"], s["x"][0], s["x"][-1], len(s["x"])), ("x", "em", 0, 1, 11))
        self.assertEqual({len(s[k]) for k in ("mean", "sd", "low", "high")}, {11})
        self.assertGreater(s["mean"][-1], s["mean"][0] + 0.1)
        for low, mean, high in zip(s["low"], s["mean"], s["high"]):
            self.assertLessEqual(low, mean), self.assertLessEqual(mean, high)
        told = {t["trial"]: t for t in self.trials("a") if t["metrics"]}
        self.assertEqual({t["trial"]: (t["x"], t["y"]) for t in s["trials"]},
                         {n: (t["params"]["x"], t["metrics"]["em"]) for n, t in told.items()})
        self.assertEqual(len(self.ok("GET", "/studies/a/slice?parameter=x")["x"]), 41)
        self.assertEqual(len(self.ok("GET", "/studies/a/slice?parameter=x&points=200")["x"]), 200)
        self.assertEqual(self.ok("GET", "/studies/a/slice?parameter=x")["metric"], "utility")
        self.assertEqual(self.ok("GET", "/studies/a/slice?parameter=kind&metric=em")["x"], ["plain", "odd <b>"])
        self.assertEqual(len(self.ok("GET", "/studies/a/slice?parameter=many")["x"]), 70)
        self.assertEqual(self.ok("GET", "/studies/a/slice?parameter=x&at=3")["at"], 3)

    def test_contours(self):
        self.study()
        c = self.ok("GET", "/studies/a/contour?x=x&y=k&metric=tokens&points=7")
        self.assertEqual((c["parameters"], len(c["x"]), c["log"]), (["x", "k"], 7, [False, False]))
        self.assertEqual([len(row) for row in c["mean"]], [7] * len(c["y"]))
        self.assertEqual([len(row) for row in c["sd"]], [7] * len(c["y"]))
        self.assertGreater(c["mean"][-1][3], c["mean"][0][3] + 400)
        wide = self.ok("GET", "/studies/a/contour?x=x&y=rate&points=60")
        self.assertEqual((len(wide["x"]), len(wide["y"])), (60, 60))
        where = self.ok("GET", "/studies/a/contour?x=kind&y=depth")
        for plain, odd in where["mean"]:
            self.assertEqual((plain is None, odd is None), (False, True))

    def test_predictions(self):
        self.study()
        low, high = dict(self.params(), x=0.05), dict(self.params(), x=0.95)
        a, b, again = self.predict(low, high, low)
        self.assertEqual(a, again)
        self.assertGreater(b["metrics"]["em"]["mean"], a["metrics"]["em"]["mean"] + 0.1)
        for p in (a, b):
            self.assertLess(p["metrics"]["em"]["low"], p["metrics"]["em"]["mean"])
            self.assertLess(p["metrics"]["em"]["mean"], p["metrics"]["em"]["high"])
            self.assertTrue(0 <= p["feasible"] <= 1)
            self.assertIsNotNone(p["utility"]["mean"])
        self.assertEqual(len(self.predict(*[low] * 64)), 64)

    def test_what_is_no_question(self):
        self.study(trials=20)
        for path in ("slice", "slice?parameter=zz", "slice?parameter=", "slice?parameter=x&metric=zz", "slice?parameter=x&points=1",
                     "slice?parameter=x&points=201", "slice?parameter=x&points=nan", "slice?parameter=x&points=-5", "slice?parameter=x&at=-1",
                     "slice?parameter=x&at=99", "slice?parameter=x&at=1.5", "slice?parameter=x&points=99999999999999999999",
                     "contour", "contour?x=x", "contour?y=x", "contour?x=x&y=x", "contour?x=x&y=zz", "contour?x=zz&y=x", "contour?x=x&y=k&points=61",
                     "contour?x=x&y=k&points=0", "contour?x=x&y=k&metric=zz", "contour?x=x&y=k&at=99", "contour?x=x&y=many", "contour?x=many&y=x",
                     "report?format=pdf", "report?format=", "report?format=HTML"):
            self.refuse(422, "GET", "/studies/a/" + path)
        self.assertIn("it has x, k, rate", self.refuse(422, "GET", "/studies/a/slice?parameter=zz"))
        self.assertIn("'many' has 70 values", self.refuse(422, "GET", "/studies/a/contour?x=x&y=many"))
        good = self.params()
        for body in ({}, {"params": []}, {"params": good}, {"params": [good] * 65}, {"params": [1]}, {"params": [{}]}, {"params": None},
                     {"params": [dict(good, x=2)]}, {"params": [dict(good, zz=1)]}, {"params": [dict(good, kind="other")]},
                     {"params": [good], "more": 1}, {"params": [dict(good, x=None)]}, {"params": [dict(good, k=1.5)]}, {"params": [good, []]}):
            self.refuse(422, "POST", "/studies/a/predict", body)
        self.refuse(400, "POST", "/studies/a/predict", text="{", headers={"Content-Type": "application/json"})
        self.refuse(415, "POST", "/studies/a/predict", text="x")
        self.refuse(405, "GET", "/studies/a/predict")
        for path in GET:
            self.refuse(404, "GET", "/studies/none" + path)
        self.refuse(404, "POST", "/studies/none/predict", {"params": [good]})

    def test_too_few_trials_are_said(self):
        self.study(trials=2)
        for path in MODEL:
            self.assertIn("complete", self.refuse(409, "GET", "/studies/a" + path))
        self.refuse(409, "POST", "/studies/a/predict", {"params": [self.params()]})
        self.study("b", trials=0)
        for path in MODEL:
            self.refuse(409, "GET", "/studies/b" + path)
        self.study("c", trials=6)
        self.ok("GET", "/studies/c/slice?parameter=x")
        self.assertIn("10", self.refuse(409, "GET", "/studies/c/importance"))

    def test_an_answer_is_known_until_something_happens(self):
        self.study()
        for path in MODEL:
            tag = self.call("GET", "/studies/a" + path).headers["ETag"]
            again = self.call("GET", "/studies/a" + path, headers={"If-None-Match": tag})
            self.assertEqual((again.status, again.body), (304, b""), path)
        before, guess = self.ok("GET", "/studies/a/importance"), self.predict(self.params())
        one = self.ok("POST", "/studies/a/ask")["trials"][0]
        self.ok("POST", f"/studies/a/trials/{one['trial']}/tell", {"lease": one["lease"], "metrics": {"em": 0.1, "tokens": 90000}})
        self.assertEqual(self.call("GET", "/studies/a/importance", headers={"If-None-Match": tag}).status, 200)
        self.assertEqual(self.ok("GET", "/studies/a/importance")["trials"], before["trials"] + 1)
        self.assertNotEqual(self.predict(self.params()), guess)

    def test_a_study_of_the_same_name_has_a_model_of_its_own(self):
        self.study(trials=20)
        self.ok("GET", "/studies/a/importance")
        self.rest()
        self.ok("DELETE", "/studies/a?confirm=a")
        self.study(trials=3)
        self.refuse(409, "GET", "/studies/a/importance")

    def test_many_studies_in_turn(self):
        for name in "abc":
            self.study(name, trials=12)
        first = {name: self.ok("GET", f"/studies/{name}/importance") for name in "abc"}
        for name in "cabbca":
            self.assertEqual(self.ok("GET", f"/studies/{name}/importance"), first[name])


class Health(Model):
    def test_health_and_forecast_are_those_of_the_command(self):
        self.study()
        self.rest()
        health, forecast = self.ok("GET", "/studies/a/health"), self.ok("GET", "/studies/a/forecast")
        status, = self.command("status", "a")["studies"]
        for x in (health, status["health"]):  # room on the disk changes
            x["checks"] = [c for c in x["checks"] if c["check"] != "disk"]
        self.assertEqual(health, status["health"])
        self.assertEqual(forecast, status["forecast"])
        self.assertTrue(all(c["sentence"] for c in health["checks"]))

    def test_who_is_at_it(self):
        self.study(trials=8)
        work = lambda: next(c for c in self.ok("GET", "/studies/a/health")["checks"] if c["check"] == "work")
        self.assertEqual(work()["level"], "fine", work())
        self.ok("POST", "/studies/a/pause")
        self.assertNotEqual(work()["level"], "fine", work())
        self.ok("POST", "/studies/a/resume")
        self.assertEqual(work()["level"], "fine", work())

    def test_of_no_trials(self):
        self.study(trials=0)
        self.assertIn(self.ok("GET", "/studies/a/health")["level"], ("fine", "look"))
        self.assertIsNone(self.ok("GET", "/studies/a/forecast"))
        self.assertIn("a", self.call("GET", "/studies/a/report?format=md").body.decode())

    def test_a_forecast_of_what_is_left(self):
        self.ok("POST", "/studies", text=STUDY.replace("trials: 100000", "trials: 30"), headers={"Content-Type": "application/yaml"})
        for one in self.ok("POST", "/studies/s/ask", {"count": 12})["trials"][:10]:
            self.ok("POST", f"/studies/s/trials/{one['trial']}/tell", {"lease": one["lease"], "metrics": {"em": 0.5 + 0.01 * one["trial"], "tokens": 1000}})
        f = self.ok("GET", "/studies/s/forecast")
        self.assertLessEqual(f["end_ms"]["low"], f["end_ms"]["high"])
        self.assertEqual(f["running"], 2)
        self.assertGreater(f["trials_left"], 10)


class Report(Model):
    def test_the_report_is_that_of_the_command(self):
        self.study()
        self.rest()
        page, message = self.call("GET", "/studies/a/report"), self.call("GET", "/studies/a/report?format=md")
        self.assertEqual((page.headers["Content-Type"], message.headers["Content-Type"]), ("text/html; charset=utf-8", "text/markdown; charset=utf-8"))
        self.assertEqual(message.body.decode(), self.nocturne("report", "a", "--format", "md"))
        self.assertEqual(page.body, self.call("GET", "/studies/a/report?format=html").body)
        self.assertEqual(Outline(page.body.decode()).tags & {"html", "svg", "script", "iframe"}, {"html", "svg"})
        self.assertNotIn(b"odd <b>", page.body)
        packed = self.call("GET", "/studies/a/report", headers={"Accept-Encoding": "gzip"})
        self.assertEqual(gzip.decompress(packed.body), page.body)


class Doors(Model):
    def test_who_may(self):
        self.study(trials=12)
        viewer, worker, other, some = self.token("viewer"), self.token("worker"), self.token("viewer", "--study", "b"), self.token("viewer", "--study", "a")
        asked = [("GET", path, None) for path in GET] + [("POST", "/predict", {"params": [self.params()]})]
        for method, path, body in asked:
            got = [self.call(method, "/studies/a" + path, body, token=t).status for t in (viewer, some, self.operator, worker, other, None)]
            self.assertEqual(got, [200, 200, 200, 403, 403, 401], path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
