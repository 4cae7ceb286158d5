#!/usr/bin/env python3
"""Control of running trials, through the real program: pruning, adapting, auditing, checkpoints, schedules, and what
happens when trials report nonsense. The statistics have tests of their own (test_stopping.c, tests/bench)."""
import json
import os
import shutil
import subprocess
import unittest

from control import ADDED, CHECKPOINT, Control
from patience import PATIENCE


class Pruning(Control):
    MORE = "stopping: {pruner: auto, adaptive: true, patience: [2, 20], audit: 0.2}"

    def test_a_study_stops_adapts_audits_and_explains(self):
        out = self.run_study(self.MORE, trials=25)
        states = [t["state"] for t in self.trials()]
        pruned = states.count("pruned")
        self.assertGreater(pruned, 3, out)
        self.assertNotIn("pruned", [t["state"] for t in self.trials() if t["trial"] == 0])
        condemned = self.log("condemned")
        audits = [e for e in condemned if e["body"].get("audit")]
        stops = [e["trial"] for e in condemned if not e["body"].get("audit")]
        resumed = [e["trial"] for e in self.log("resumed")]
        self.assertEqual(len(stops) - len(resumed), pruned)  # one that goes on may be stopped again, or come to its end
        self.assertTrue(all(0 < e["body"]["chance"] < 0.2 and "expected" in e["body"] for e in condemned))
        said = json.loads(self.nocturne("stopping", "toy", "--json"))
        self.assertEqual((said["pruned"], said["false_stops"]["audited"] <= len(audits)), (pruned, True))
        self.assertGreater(said["tokens"]["saved"], 0)
        text = self.nocturne("stopping", "toy")
        self.assertIn("stopped by the pruner", text)
        for what in ("pruner auto", "stops who is unlikely", "the best for equal cost"):
            self.assertIn(what, text)
            self.assertIn(what.removeprefix("pruner "), self.nocturne("plan", "study.yaml"))
        self.assertEqual(json.loads(self.nocturne("plan", "study.yaml", "--json"))["stopping"]["pruner"], said["pruner"])
        self.assertIn("95 % interval" if said["false_stops"]["audited"] else "unknown", text)
        last = {e["trial"]: e for e in condemned}  # one that was stopped and went on may be condemned again, and audited
        one = next(e for e in last.values() if not e["body"].get("audit"))
        why = self.nocturne("stopping", "toy", str(one["trial"]))
        self.assertRegex(why, rf"trial {one['trial']} stopped at .* tokens: .* % chance to (beat|end among) the best s.*, utility")
        self.assertIn("nearest curves", why)
        adjusted = self.log("adjusted")
        self.assertTrue(adjusted)
        self.assertTrue(all(2 <= e["body"]["policy"]["patience"] <= 20 and e["body"]["reason"] for e in adjusted))
        self.healthy()

    def test_stopping_commands_say_what_is_wrong(self):
        self.run_study(trials=3)
        self.assertIn("has no trial 99", self.nocturne("stopping", "toy", "99", code=3))
        self.assertIn("was not stopped by the pruner", self.nocturne("stopping", "0", code=3))
        self.assertIn("is not a trial number", self.nocturne("stopping", "toy", "x", code=2))
        self.assertIn("no study 'x'", self.nocturne("stopping", "x", code=3))

    def test_killed_in_the_middle_it_goes_on(self):
        study = self.study(self.MORE, trials=25)
        for events in (9, 30, 60):
            self.kill_once(study, lambda log: len(log) >= events)
        self.nocturne("run", study)
        trials = self.trials()
        self.assertEqual(len(trials), 25)
        self.assertFalse([t for t in trials if t["state"] not in ("complete", "pruned")])
        doomed = {e["trial"] for e in self.log("condemned") if "by" in e["body"] and not e["body"].get("audit")}
        finished = [e["trial"] for e in self.log("finished")]
        resumed = [e["trial"] for e in self.log("resumed")]
        self.assertEqual(sorted(finished), sorted([*set(finished), *resumed]))
        self.assertTrue({t["trial"] for t in trials if t["state"] == "pruned"} <= doomed)
        self.healthy()

    def test_off_is_off(self):
        """The A/A: with everything off, the suggestions are those of a study that never heard of stopping."""
        def suggestions(more):
            lines, path = [], self.study(more, trials=10)
            pipe = subprocess.Popen(["nocturne", "advise", path], cwd=self.dir, env=self.env, text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for i in range(10):
                pipe.stdin.write('{"ask": 1}\n')
                pipe.stdin.flush()
                params = json.loads(pipe.stdout.readline())["trials"][0]["params"]
                lines.append(params)
                for step in range(5):
                    em = 0.1 * step * params["rate"] ** 0.1
                    pipe.stdin.write(json.dumps({"report": i, "step": step, "metrics": {"em": em, "tokens": step + 1}}) + "\n")
                    pipe.stdin.flush()
                    self.assertEqual(json.loads(pipe.stdout.readline()), {"stop": False})
                pipe.stdin.write(json.dumps({"tell": i, "metrics": {"em": em, "tokens": 5}}) + "\n")
                pipe.stdin.flush()
                pipe.stdout.readline()
            pipe.stdin.close()
            pipe.stdout.close()
            pipe.wait()
            return lines
        self.assertEqual(suggestions(""), suggestions("stopping: {pruner: none, adaptive: false}"))

    def test_one_that_ignores_everything_is_killed(self):
        self.run_study("stopping: {pruner: asha}", trials=8, TOY_MODE="ignore")
        states = [t["state"] for t in self.trials()]
        self.assertIn("pruned", states)
        self.assertEqual(set(states), {"pruned", "complete"})

    def test_other_objectives(self):
        for objective, word in (("{pareto: [em, tokens]}", "reach the front"), ("{exchange: 1.0}", "the best s"),
                                ("{maximize: em}", "the best s")):
            with self.subTest(objective=objective):
                study = self.study("stopping: {pruner: auto, adaptive: true, audit: 0, chance: 0.5}", trials=20)
                with open(study) as f:
                    text = f.read().replace("{weights: {em: 0.7, tokens: 0.3}}", objective)
                with open(study, "w") as f:
                    f.write(text)
                self.nocturne("run", study)
                reasons = [e["body"]["reason"] for e in self.log("condemned")]
                self.assertTrue(reasons and all(word in r for r in reasons), reasons)
                self.healthy()
                shutil.rmtree(self.dir)
                os.mkdir(self.dir)

    def test_asha_and_median_run(self):
        for pruner in ("asha", "median"):
            with self.subTest(pruner=pruner):
                self.run_study(f"search: {{sampler: random, seed: 1}}\nstopping: {{pruner: {pruner}, audit: 0}}", trials=20)
                reasons = [e["body"]["reason"] for e in self.log("condemned")]
                self.assertTrue(reasons and all(r.startswith(pruner) for r in reasons))
                self.healthy()
                shutil.rmtree(self.dir)
                os.mkdir(self.dir)


class Advise(Control):
    @staticmethod
    def whole(trial, em, steps):
        reports = [{"report": trial, "step": k, "metrics": {"em": em * (1 - 0.8 ** (k + 1)), "tokens": 100 * (k + 1)}}
                   for k in range(steps)]
        return [{"ask": 1}, *reports, {"tell": trial, "metrics": {"em": em, "tokens": 100 * steps}}]

    def test_a_report_is_answered_with_stop_and_the_trial_is_over(self):
        lines = self.whole(0, 0.4, 20) + self.whole(1, 0.55, 10) + [{"ask": 1}, {"tell": 2, "failed": "x"}]
        lines += [{"ask": 1}] + [{"report": 3, "step": k, "metrics": {"em": 0.001, "tokens": 1000 * (k + 1)}} for k in range(4)]
        lines += [{"tell": 3, "metrics": {"em": 0.001, "tokens": 4000}}, {"report": 3, "step": 9, "metrics": {"em": 1}}]
        answers = self.talk("stopping: {audit: 0}", lines)
        stops = [a["stop"] for a in answers if a.get("stop")]
        self.assertEqual(len(stops), 1)
        self.assertIn("% chance to end among the best sixteenth", stops[0])
        self.assertIn("pruned already", answers[-2]["error"])
        self.assertIn("error", answers[-1])

    FELL_BEHIND = [0.09] + [0.05 - 0.001 * n for n in range(12)]

    def asha(self, then):
        """Four are complete, trial 4 was stopped after its first report, and so were twelve that are worse."""
        lines = []
        for n in range(4):
            lines += self.whole(n, 0.5 + 0.05 * n, 10)
        for n, em in enumerate(self.FELL_BEHIND):
            lines += [{"ask": 1}, {"report": 4 + n, "step": 0, "metrics": {"em": em, "tokens": 100}}]
        more = "search: {sampler: random, seed: 1}\nstopping: {pruner: asha, audit: 0}\nconfirm: {top: 0}"
        answers = self.talk(more, lines + then)
        self.assertTrue(all(a["stop"] for a in answers[len(lines) - 25:len(lines):2]), answers)
        return answers[len(lines):]

    def talk(self, more, lines):
        path = self.study(more)
        with open(path) as f:
            text = f.read().replace("confirm: {top: 0, seeds: 2}\n", "" if "confirm:" in more else "confirm: {top: 0, seeds: 2}\n")
        with open(path, "w") as f:
            f.write(text.replace("{weights: {em: 0.7, tokens: 0.3}}", "{maximize: em}") if "asha" in more else text)
        r = subprocess.run(["nocturne", "advise", path, "--db", "nocturne.db"], cwd=self.dir, env=self.env, capture_output=True,
                           text=True, timeout=PATIENCE, input="".join(json.dumps(x) + "\n" for x in lines))
        return [json.loads(line) for line in r.stdout.splitlines()]

    def test_a_client_goes_on_only_if_it_says_that_it_can(self):
        def report(step, tokens):
            return {"report": 4, "step": step, "metrics": {"em": 0.9, "tokens": tokens}}
        answers = self.asha([{"ask": 1}, {"ask": 1, "resume": False}, {"ask": 2, "resume": True}, report(1, 200),
                             {"tell": 4, "metrics": {"em": 0.9, "tokens": 300}}, {"best": True}])
        self.assertEqual([a["trials"][0]["trial"] for a in answers[:2]], [17, 18])
        self.assertFalse([a for a in answers[:2] if "resume" in a["trials"][0]])
        four, new = answers[2]["trials"]
        self.assertEqual((four["trial"], four["resume"]), (4, {"step": 0, "cost": 100}))
        self.assertTrue("resume" not in new or new["trial"] < 17)
        self.assertEqual(answers[3], {"stop": False})
        self.assertEqual(answers[5]["trial"], 4)
        self.assertEqual(self.trials()[4]["state"], "complete")
        spent = json.loads(self.nocturne("stopping", "toy", "--json"))["tokens"]["spent"]
        self.assertEqual(spent, 4 * 1000 + 300 + 12 * 100)  # those that are lent have not ended
        self.healthy()

    def test_a_client_that_begins_anew_is_counted_anew(self):
        self.asha([{"ask": 1, "resume": True}, {"report": 4, "step": 0, "metrics": {"em": 0.5, "tokens": 50}},
                   {"tell": 4, "metrics": {"em": 0.9, "tokens": 300}}])
        spent = json.loads(self.nocturne("stopping", "toy", "--json"))["tokens"]["spent"]
        self.assertEqual(spent, 4 * 1000 + 100 + 300 + 12 * 100)
        self.healthy()

    def test_wrong_wishes_to_go_on_are_refused(self):
        bad = ["yes", 1, 0, None, [], {}, "true"]
        answers = self.talk("", [{"ask": 1, "resume": b} for b in bad] + [{"ask": 1, "resum": True}, {"ask": 1, "resume": True}])
        for answer in answers[:len(bad)]:
            self.assertEqual(answer["error"], '"resume" is true if you can go on with trials that were stopped')
        self.assertIn('"resum" is not known here', answers[-2]["error"])
        self.assertEqual(answers[-1]["trials"][0]["trial"], 0)  # and nothing was lent before
        self.assertNotIn("resume", answers[-1]["trials"][0])

    def test_a_policy_that_would_never_stop_is_brought_into_bounds(self):
        lines = [{"ask": 1}, {"tell": 0, "metrics": {"em": 0.4, "tokens": 4000}}, {"ask": 1},
                 {"report": 1, "step": 0, "metrics": {"em": 0.1, "tokens": 100},
                  "policy": {"patience": 1e9, "threshold": 0, "metric": "em", "mode": "max"}}]
        answer = self.talk("stopping: {adaptive: true, patience: [2, 10]}", lines)[-1]
        self.assertEqual(answer["policy"]["patience"], 10)

    def test_wrong_policies_are_refused_and_the_pipe_goes_on(self):
        bad = [{"patience": "x"}, {}, {"patience": 1, "threshold": 0, "metric": "em", "mode": "up"}, 7]
        lines = [{"ask": 1}] + [{"report": 0, "step": 0, "metrics": {"em": 0.1}, "policy": b} for b in bad]
        lines += [{"report": 0, "step": 0, "metrics": {"em": 0.1}, "policy": {"patience": 1, "threshold": 0, "metric": "other",
                                                                              "mode": "max"}}]
        answers = self.talk("stopping: {adaptive: true}", lines)
        self.assertTrue(all("error" in a for a in answers[1:-1]), answers)
        self.assertEqual(answers[-1], {"stop": False})


class Reports(Control):
    def test_out_of_order_repeated_missing_and_extra(self):
        self.run_study("stopping: {pruner: auto, adaptive: true}", trials=3, TOY_MODE="odd")
        for t in self.trials():
            self.assertEqual((t["state"], t["metrics"]["em"]), ("complete", 0.5))
        shown = self.nocturne("show", "toy", "0")
        self.assertIn("loss", shown)  # what is not asked for is kept as well
        self.healthy()

    def test_after_the_result_nothing_changes(self):
        self.run_study(trials=2, TOY_MODE="late")
        for t in self.trials():
            self.assertEqual(t["state"], "complete")
            self.assertLess(t["metrics"]["em"], 0.9)
            self.assertGreater(t["metrics"]["tokens"], 1)

    def test_twenty_thousand_at_once(self):
        self.run_study("stopping: {pruner: auto}", trials=2, TOY_MODE="flood")
        for t in self.trials():
            self.assertEqual((t["state"], t["metrics"]["tokens"]), ("complete", 20000))
        self.healthy()


class Checkpoints(Control):
    def test_a_crashed_trial_finds_its_checkpoint(self):
        self.run_study(trials=1, TOY_MODE="crash")
        self.assertEqual(self.trials()[0]["metrics"]["resumed"], 1)
        self.assertGreater(len(self.log("checkpoint")), 3)

    def test_one_cut_short_is_not_used_and_said(self):
        study = self.study(trials=1)
        self.kill_once(study, lambda log: CHECKPOINT in [e[0] for e in log], TOY_WAITS="checkpoint")
        for e in self.log("checkpoint"):
            with open(self.checkpoint(e), "a") as f:
                f.write(" ")
        out = self.nocturne("run", study)
        self.assertIn("bytes instead of", out)
        self.assertEqual(self.trials()[0]["metrics"]["resumed"], 0)

    def test_a_later_one_that_nobody_was_told_of_is_used(self):
        study = self.study(trials=1)
        self.kill_once(study, lambda log: CHECKPOINT in [e[0] for e in log], TOY_WAITS="checkpoint")
        for e in self.log("checkpoint"):  # as many bytes, and not the same
            with open(self.checkpoint(e)) as f:
                text = f.read()
            with open(self.checkpoint(e), "w") as f:
                f.write(text.replace(" ", "\t"))
        self.nocturne("run", study)
        self.assertEqual(self.trials()[0]["metrics"]["resumed"], 1)

    def test_the_whole_folder_may_be_moved_for_the_log_has_no_path_of_it(self):
        self.kill_once(self.study(trials=1), lambda log: CHECKPOINT in [e[0] for e in log], TOY_WAITS="checkpoint")
        self.assertNotIn(self.dir, json.dumps([e["body"] for e in self.log("checkpoint")]))
        moved = self.dir + "-moved"
        os.rename(self.dir, moved)
        self.dir = moved
        self.nocturne("run", self.study(trials=1))
        self.assertEqual(self.trials()[0]["metrics"]["resumed"], 1)

    def test_one_that_is_not_there_or_not_its_own_is_refused(self):
        for mode, word in (("missing", "no file with content"), ("outside", "not in its own folder")):
            with self.subTest(mode=mode):
                out = self.run_study(trials=1, TOY_MODE=mode)
                self.assertIn(word, out)
                self.assertEqual((self.trials()[0]["state"], self.log("checkpoint")), ("complete", []))
                shutil.rmtree(self.dir)
                os.mkdir(self.dir)


class Schedules(Control):
    MORE = "schedule: {rate: pb2, interval: 500 tokens, population: 4, rounds: 4}"

    def test_clones_go_on_with_new_settings_and_the_schedule_can_be_run_again(self):
        self.run_study(self.MORE, trials=60, top=1)
        trials = {t["trial"]: t for t in self.trials()}
        added = {e["trial"]: e["body"] for e in self.log("added")}
        members = [n for n, b in added.items() if b.get("role") == "member"]
        self.assertEqual(len(members), 16)
        children = [n for n in members if "parent" in added[n]]
        self.assertEqual(len(children), 12)
        for n in children:
            self.assertEqual(trials[n]["metrics"]["resumed"], 1)
            self.assertGreater(trials[n]["metrics"]["tokens"], trials[added[n]["parent"]]["metrics"]["tokens"])
        changed = [n for n in children if added[n]["params"] != added[added[n]["parent"]]["params"]]
        self.assertGreaterEqual(len(changed), 3)
        self.assertTrue(all(added[n]["params"]["patience"] == added[added[n]["parent"]]["params"]["patience"] for n in changed))
        spent = sum(t["metrics"]["tokens"] for t in trials.values() if t["trial"] in members and added[t["trial"]].get("parent") is None)
        status = json.loads(self.nocturne("status", "toy", "--json"))
        self.assertGreater(status["tokens_spent"] if "tokens_spent" in status else spent, 0)
        export = json.loads(self.nocturne("export", "toy", "--format", "json"))
        self.assertEqual(export["schedule"]["steps"][0]["from"], 0)
        self.nocturne("export", "toy", "--format", "json", "-o", "best.json")
        self.nocturne("run", "study.yaml", "--schedule", "best.json")
        again = self.trials()[-1]
        self.assertEqual(again["state"], "complete")
        self.assertAlmostEqual(again["metrics"]["em"], export["metrics"]["em"], delta=0.05)
        self.assertEqual(again["metrics"]["told"] > 0, len({json.dumps(s["params"]) for s in export["schedule"]["steps"]}) > 1)
        self.healthy()

    def test_killed_in_the_middle_it_goes_on(self):
        study = self.study(self.MORE, trials=60)
        for events in (20, 60):
            self.kill_once(study, lambda log: len(log) >= events)
        self.nocturne("run", study)
        members = [e for e in self.log("added") if e["body"].get("role") == "member"]
        self.assertEqual(len(members), 16)
        self.assertEqual({t["state"] for t in self.trials()}, {"complete"})
        self.nocturne("doctor", "--rebuild")

    def test_without_clones_members_are_told(self):
        study, shared = self.study(self.MORE.replace("rounds: 4", "clone: false"), trials=60), os.path.join(self.dir, "shared")
        os.mkdir(shared)
        self.nocturne("run", study, "--slots", "4", TOY_WAITS="better", TOY_SHARED=shared)
        told = [t["metrics"]["told"] for t in self.trials()]
        sets = [e for e in self.log("adjusted") if "set" in e["body"]]
        self.assertEqual(len(sets), sum(told))
        self.assertGreater(len(sets), 0)
        self.assertTrue(all(e["body"]["reason"].startswith("pb2") for e in sets))
        self.healthy()

    def test_without_checkpoints_it_says_so(self):
        out = self.nocturne("run", self.study(self.MORE), code=1, TOY_MODE="mute")
        self.assertIn("a schedule goes on from checkpoints", out)
        self.assertIn("clone: false", out)

    def test_a_checkpoint_that_is_gone_fails_the_clone_only(self):
        study = self.study(self.MORE, trials=60)
        self.kill_once(study, lambda log: any(kind == ADDED and '"parent"' in body for kind, _, body in log),
                       TOY_WAITS="clone")
        child = next(e for e in self.log("added") if "parent" in e["body"])
        path = [self.checkpoint(e) for e in self.log("checkpoint") if e["trial"] == child["body"]["parent"]][-1]
        for e in self.log("checkpoint"):
            if e["trial"] == child["trial"]:
                os.unlink(self.checkpoint(e)) if os.path.exists(self.checkpoint(e)) else None
        if os.path.exists(path):
            os.unlink(path)
        self.nocturne("run", study)
        states = {t["trial"]: t["state"] for t in self.trials()}
        self.assertIn(states[child["trial"]], ("failed", "complete"))
        self.assertGreater(list(states.values()).count("complete"), 10)

    def test_a_parents_checkpoint_that_is_another_fails_the_clone_and_is_said(self):
        study = self.study(self.MORE, trials=60)
        self.kill_once(study, lambda log: any(kind == ADDED and '"parent"' in body for kind, _, body in log),
                       TOY_WAITS="clone")
        children = [e for e in self.log("added") if "parent" in e["body"]]
        for e in self.log("checkpoint"):
            path = self.checkpoint(e)
            if any(e["trial"] == c["trial"] for c in children):
                os.unlink(path) if os.path.exists(path) else None
            elif os.path.exists(path):
                with open(path, "r+") as f:
                    f.write("#")
        self.nocturne("run", study)
        reasons = {t["reason"] for t in self.trials() if t["trial"] in [c["trial"] for c in children]}
        self.assertIn("is not what was left there", str(reasons))

    def test_run_schedule_says_what_is_wrong_with_the_file(self):
        study = self.study(trials=2)
        with open(os.path.join(self.dir, "bad.json"), "w") as f:
            f.write('{"steps": [{"from": 0, "params": {"rate": 99}}]}')
        self.assertIn("bad.json: step 0: rate: 99 is outside", self.nocturne("run", study, "--schedule", "bad.json", code=2))
        with open(os.path.join(self.dir, "bad.json"), "w") as f:
            f.write('{}')
        self.assertIn("there is no schedule in it", self.nocturne("run", study, "--schedule", "bad.json", code=2))
        self.assertIn("cannot read the schedule", self.nocturne("run", study, "--schedule", "none.json", code=3))


if __name__ == "__main__":
    unittest.main()
