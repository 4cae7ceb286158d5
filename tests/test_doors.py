#!/usr/bin/env python3
"""What a worker's token opens, and what it does not: leases and their holders, verbs, times, studies. NOCTURNE_BIN is the
folder of the binaries."""
import contextlib
import itertools
import json
import os
import signal
import sqlite3
import threading
import unittest

from service import SLOW, STUDY, World

# Nobody but clients runs its trials.
CLIENTS = STUDY.replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}\n', "").replace(
    "files: [trial.sh]\n", "")
WAITS = "echo 'nocturne: {\"step\": 1, \"em\": 0.1, \"tokens\": 10}'; while [ ! -e $GO ]; do sleep 0.05; done\n" \
        "echo 'nocturne: {\"result\": {\"em\": 0.5, \"tokens\": 100}}'\n"
GOOD = {"em": 0.9, "tokens": 5}


class Doors(World):
    SERVE = ("--slots", "0")

    def setUp(self):
        super().setUp()
        self.mine, self.theirs = self.new_token("mine"), self.new_token("theirs")

    def new_token(self, name, **more):
        return self.ok("POST", "/tokens", {"name": name, "role": "worker", **more})["token"]

    def id_of(self, token):
        return token.split("_")[1]

    def ask(self, token, study="s", **body):
        return self.ok("POST", f"/studies/{study}/ask", body, token=token)["trials"][0]

    def say(self, verb, trial, body, token, study="s"):
        return self.call("POST", f"/studies/{study}/trials/{trial}/{verb}", body, token=token)

    def state_of(self, study="s"):
        """All that a message could have changed."""
        trials = [{k: v for k, v in t.items() if not k.endswith("_ms")} for t in self.trials(study)]
        return json.dumps([trials, self.ok("GET", f"/studies/{study}")["phase"], [e for e in self.events(study)]], sort_keys=True)

    def refused(self, answer, *statuses):
        self.assertIn(answer.status, statuses, answer.body)


class Verbs(Doors):
    def test_the_route_decides_what_a_body_means(self):
        self.create(CLIENTS, trial=None)
        first = self.ask(self.mine)
        second = self.ask(self.theirs)
        before = self.state_of()
        bodies = {"tell": {"metrics": GOOD}, "reports": {"step": 1, "metrics": GOOD}, "renew": {"ttl": "5m"}}
        stray = {"add": {"x": 0.1, "k": 2}, "tell": second["trial"], "report": second["trial"], "renew": second["trial"],
                 "ask": 1, "predict": {"x": 0.1, "k": 2}, "best": True, "cancel": True, "trial": second["trial"],
                 "from": "x", "holder": "x", "token": self.id_of(self.theirs), "agent": "a1", "": 1}
        for verb, body in bodies.items():
            for key, value in stray.items():
                for lease in (first["lease"], second["lease"], 999999):
                    answer = self.say(verb, first["trial"], {"lease": lease, **body, key: value}, self.mine)
                    self.refused(answer, 422, 403, 404)
            for other in itertools.chain(*(b.keys() for v, b in bodies.items() if v != verb)):
                if other not in body:
                    self.refused(self.say(verb, first["trial"], {"lease": first["lease"], **body, other: bodies["reports"].get(other, "5m")}, self.mine), 422)
        self.assertEqual(self.state_of(), before)
        unknown = self.say("tell", first["trial"], {"lease": first["lease"], "metrics": GOOD, "metriks": {}}, self.mine)
        self.assertIn('"metriks" is not known here; known: "lease", "metrics", "failed", "infeasible"', unknown.json["detail"])
        self.assertEqual(self.say("tell", first["trial"], {"lease": first["lease"], "metrics": GOOD}, self.mine).status, 200)

    def test_no_resource_takes_fields_that_it_does_not_know(self):
        self.create(CLIENTS, trial=None)
        card = {"instance": "i", "host": "h", "boot": "b", "version": "1", "slots": 1, "held": []}
        ticket = self.ok("PUT", "/agents/a1", card)["ticket"]
        table = [("POST", "/studies/s/ask", {}), ("POST", "/studies/s/trials", {"params": {"x": 0.1, "k": 1}}),
                 ("POST", "/studies/s/trials/0/cancel", {}), ("POST", "/studies/s/pause", {}), ("POST", "/studies/s/resume", {}),
                 ("POST", "/studies/s/stop", {"now": False}), ("POST", "/tokens", {"name": "n", "role": "viewer"}),
                 ("PUT", "/agents/a1", card), ("POST", "/agents/a1/poll", {"ticket": ticket, "got": 0, "capacity": 0}),
                 ("POST", "/agents/a1/messages", {"ticket": ticket, "messages": []})]
        tokens = len(self.ok("GET", "/tokens")["tokens"])
        before = self.state_of()
        for method, path, body in table:
            answer = self.call(method, path, {**body, "add": {"x": 0.1}})
            self.assertEqual((path, answer.status), (path, 422), answer.body)
            self.assertIn('"add" is not known here', answer.json["detail"])
        self.assertEqual(self.state_of(), before)
        self.assertEqual(len(self.ok("GET", "/tokens")["tokens"]), tokens)

    def test_only_an_operator_adds_trials(self):
        self.create(CLIENTS, trial=None)
        for body in ({"params": {"x": 0.1, "k": 1}}, {"params": {"x": 0.1, "k": 1}, "metrics": GOOD}):
            self.refused(self.call("POST", "/studies/s/trials", body, token=self.mine), 403)
            self.ok("POST", "/studies/s/trials", body)


class Holders(Doors):
    def test_only_the_holder_speaks_for_a_lease(self):
        self.create(CLIENTS, trial=None)
        trial = self.ask(self.theirs)
        number, lease = trial["trial"], trial["lease"]
        before = self.state_of()
        for token in (self.mine, self.operator):
            for named in range(1, lease + 3):
                for verb, body in (("tell", {"metrics": GOOD}), ("tell", {"failed": "x"}), ("tell", {"infeasible": True}),
                                   ("reports", {"step": 1, "metrics": GOOD}), ("renew", {}), ("renew", {"ttl": "1s"})):
                    self.refused(self.say(verb, number, {"lease": named, **body}, token), 403, 404)
                self.refused(self.call("PUT", f"/studies/s/trials/{number}/artefacts/c.bin?lease={named}", text="x", token=token), 409)
        self.assertEqual(self.state_of(), before)
        for verb in ("tell", "reports", "renew"):
            for bad in ({}, {"lease": 0}, {"lease": -1}, {"lease": None}, {"lease": "1"}, {"lease": 1.5}, {"lease": True}, {"lease": [lease]}):
                self.refused(self.say(verb, number, {**bad, "step": 1, "metrics": GOOD} if verb == "reports" else bad, self.theirs), 422)
        self.assertEqual(self.say("reports", number, {"lease": lease, "step": 1, "metrics": GOOD}, self.theirs).status, 200)
        self.assertEqual(self.call("PUT", f"/studies/s/trials/{number}/artefacts/c.bin?lease={lease}", text="x", token=self.theirs).status, 200)
        self.assertEqual(self.say("tell", number, {"lease": lease, "metrics": GOOD}, self.theirs).status, 200)
        self.assertEqual(self.say("tell", number, {"lease": lease, "metrics": GOOD}, self.theirs).status, 200)  # again
        self.refused(self.say("tell", number, {"lease": lease, "metrics": GOOD}, self.mine), 403)

    def test_a_late_result_comes_from_a_lease_that_was(self):
        self.create(CLIENTS, trial=None)
        late = self.ask(self.mine, ttl="1s")
        number = late["trial"]
        self.wait("it has expired", lambda: any(e["event"] == "returned" and e["trial"] == number for e in self.events()))
        again = self.wait("somebody else has it", lambda: next(
            (t for t in self.ok("POST", "/studies/s/ask", {}, token=self.theirs)["trials"] if t["trial"] == number), None))
        before = self.state_of()
        for lease in range(1, again["lease"]):
            if lease != late["lease"]:
                for token in (self.mine, self.theirs):
                    self.refused(self.say("tell", number, {"lease": lease, "metrics": GOOD}, token), 404)
        self.refused(self.say("tell", number, {"lease": late["lease"], "metrics": GOOD}, self.theirs), 403)
        self.refused(self.say("tell", number, {"lease": late["lease"], "failed": "x"}, self.mine), 409)
        self.refused(self.say("renew", number, {"lease": late["lease"]}, self.mine), 409)
        self.assertEqual(self.state_of(), before)
        self.kill_server()  # who held what is in the log
        self.start()
        for token in (self.theirs, self.operator):
            self.refused(self.say("tell", number, {"lease": late["lease"], "metrics": GOOD}, token), 403)
        self.assertEqual(self.say("tell", number, {"lease": late["lease"], "metrics": GOOD}, self.mine).status, 200)
        self.assertEqual(self.trials()[number]["state"], "complete")
        self.refused(self.say("tell", number, {"lease": again["lease"], "metrics": {"em": 0.1, "tokens": 1}}, self.theirs), 409)

    def test_a_study_made_anew_knows_nothing_of_the_one_before(self):
        self.create(CLIENTS, trial=None)
        old = [self.ask(self.mine) for _ in range(3)]
        self.assertEqual(self.say("tell", 0, {"lease": old[0]["lease"], "metrics": GOOD}, self.mine).status, 200)
        self.assertEqual(self.trials()[0]["state"], "complete")
        last = self.events()[-1]["seq"]
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.wait("it is deleted", lambda: self.call("DELETE", "/studies/s?confirm=s").status == 200)
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"))) as db:
            self.wait("its rows are gone", lambda: not db.execute("SELECT count(*) FROM event").fetchone()[0])
        self.create(CLIENTS, trial=None)
        self.assertNotIn("complete", [t["state"] for t in self.trials()])
        self.assertGreater(self.events()[0]["seq"], last)
        new = [self.ask(self.mine) for _ in range(3)]
        self.assertEqual([t["trial"] for t in new], [t["trial"] for t in old])
        for trial in old:
            for verb, body in (("tell", {"metrics": GOOD}), ("reports", {"step": 1, "metrics": GOOD}), ("renew", {})):
                self.refused(self.say(verb, trial["trial"], {"lease": trial["lease"], **body}, self.mine), 404)
        for again in range(2):
            for trial in new[again::2]:
                self.assertEqual(self.say("tell", trial["trial"], {"lease": trial["lease"], "metrics": GOOD}, self.mine).status, 200)
            self.kill_server()
            self.start()
        self.assertEqual([t["state"] for t in self.trials()][:3], ["complete"] * 3)
        self.assertEqual(self.nocturne("doctor", "--rebuild").count("PROBLEM"), 0)

    def test_a_key_is_for_one_request_also_while_its_study_is_waited_for(self):
        self.create(CLIENTS, trial=None)
        before, statuses = len(self.trials()), []
        self.kill_server()
        with contextlib.closing(sqlite3.connect(os.path.join(self.dir, "nocturne.db"), isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")  # the study cannot go on yet
            self.start()

            def post():
                statuses.append(self.call("POST", "/studies/s/trials", {"params": {"x": 0.25, "k": 3}}, headers={"Idempotency-Key": "k"}).status)
            posts = [threading.Thread(target=post) for _ in range(4)]
            for each in posts:
                each.start()
            self.wait("all but one are told so", lambda: len(statuses) == 3)
            db.execute("COMMIT")
        for each in posts:
            each.join()
        self.assertEqual(sorted(statuses), [201, 409, 409, 409])
        self.assertEqual(len(self.trials()), before + 1)

    def test_many_messages_are_heard_in_order(self):
        self.create()
        card = {"instance": "i", "host": "h", "boot": "b", "version": "v", "slots": 1, "held": []}
        ticket = self.ok("PUT", "/agents/a1", card, token=self.mine)["ticket"]
        poll = {"ticket": ticket, "got": 0, "capacity": 1}
        given = self.wait("it has a trial", lambda: self.ok("POST", "/agents/a1/poll", poll, token=self.mine)["mail"])[0]["assign"]
        about = {"study": "s", "trial": given["trial"], "lease": given["lease"]}
        messages = [{**about, "started": {"pid": 1}}]
        messages += [{**about, "report": {"n": i, "step": i, "metrics": {"tokens": i}}} for i in range(4000)]
        messages += [{**about, "lease": 10**9 + i, "report": {"n": 1, "step": 1, "metrics": {"tokens": 1}}} for i in range(450)]
        messages += [{**about, "end": {"end": "complete", "metrics": GOOD}}]
        gone = self.ok("POST", "/agents/a1/messages", {"ticket": ticket, "messages": messages}, token=self.mine)["gone"]
        self.assertEqual([x["lease"] for x in gone], list(range(10**9, 10**9 + 450)))
        self.assertEqual(self.trials()[given["trial"]]["state"], "complete")
        reports = self.ok("GET", f"/studies/s/trials/{given['trial']}/reports")["reports"]
        self.assertEqual([x["step"] for x in reports], list(range(4000)))

    def test_a_body_has_so_many_values_and_no_more(self):
        self.create(CLIENTS, trial=None)
        head = {"Content-Type": "application/json"}
        for many in ("{}," * 120000, "[" * 110000, '"":1,' * 60000, '"\\"",' * 101000):
            answer = self.call("POST", "/studies/s/ask", text='{"count": [' + many, headers=head, token=self.mine)
            self.refused(answer, 400)
            self.assertIn(b"commas, colons and brackets", answer.body)
        answer = self.call("POST", "/studies/s/ask", text=json.dumps({"ttl": ",:[{\"" * 100000}), headers=head, token=self.mine)
        self.refused(answer, 422)

    def test_a_trial_of_an_agent_is_its_agents(self):
        go = os.path.join(self.dir, "go")
        self.create(trial=WAITS)
        self.write("worker.token", self.theirs, 0o600)
        agent = self.agent("a1", slots=1, env={"GO": go})
        self.wait("it runs", lambda: self.ok("GET", "/studies/s/trials/0/reports")["reports"])
        lease = self.ok("GET", "/studies/s/trials/0")["lease"]
        before = self.state_of()

        def attack(tokens):
            for token in tokens:
                for named in range(1, lease + 2):
                    for verb, body in (("tell", {"metrics": GOOD}), ("reports", {"step": 2, "metrics": GOOD}), ("renew", {"ttl": "1s"})):
                        self.refused(self.say(verb, 0, {"lease": named, **body}, token), 403, 404)
            for token in (self.mine, self.operator):
                self.refused(self.call("PUT", f"/studies/s/trials/0/artefacts/c.bin?lease={lease}", text="x", token=token), 409)
            card = {"instance": "i", "host": "h", "boot": "b", "version": "1", "slots": 1, "held": [{"study": "s", "lease": lease}]}
            self.refused(self.call("PUT", "/agents/a1", card, token=self.mine), 409)
            ticket = self.ok("PUT", "/agents/evil", card, token=self.mine)["ticket"]
            for n in range(1, lease + 2):
                for what in ({"end": {"end": "complete", "metrics": GOOD}}, {"end": {"end": "failed", "reason": "x"}},
                             {"report": {"n": 1, "step": 2, "metrics": GOOD}}, {"checkpoint": {"path": "c.bin", "step": 1}},
                             {"log": {"stream": "stdout", "text": "lies"}}, {"started": {"pid": 1}}, {"policy": {"patience": 1}}):
                    self.ok("POST", "/agents/evil/messages", {"ticket": ticket, "messages": [{"study": "s", "trial": 0, "lease": n, **what}]}, token=self.mine)
            self.ok("DELETE", f"/agents/evil?ticket={ticket}", token=self.mine)

        attack((self.mine, self.operator, self.theirs))  # its token's holder is the agent, too: not a client
        self.assertEqual(self.state_of(), before)
        self.kill_server()
        self.start("--agent-deadline", "60s")
        attack((self.mine, self.operator))
        self.wait("its agent is back", lambda: [a["state"] for a in self.ok("GET", "/agents")["agents"]] == ["connected"])
        self.write("go", "")
        self.wait("it ends as it would have", lambda: self.trials()[0]["state"] == "complete")
        self.assertEqual([(t["metrics"], t["attempts"]) for t in self.trials()[:1]], [({"em": 0.5, "tokens": 100}, 1)])
        self.assertNotIn("lies", self.read("nocturne.files/s/0000.1/stdout.log"))
        agent.send_signal(signal.SIGTERM)

    def test_a_trial_that_runs_here_is_nobody_elses(self):
        self.kill_server()
        self.ENV = {"GO": os.path.join(self.dir, "go")}
        self.start("--slots", "1")
        self.create(trial=WAITS)
        self.wait("it runs", lambda: self.ok("GET", "/studies/s/trials/0/reports")["reports"])
        lease = self.ok("GET", "/studies/s/trials/0")["lease"]
        before = self.state_of()
        for named in range(1, lease + 2):
            for token in (self.mine, self.operator):
                for verb, body in (("tell", {"metrics": GOOD}), ("reports", {"step": 2, "metrics": GOOD}), ("renew", {"ttl": "1s"})):
                    self.refused(self.say(verb, 0, {"lease": named, **body}, token), 403, 404)
        self.assertEqual(self.state_of(), before)
        self.write("go", "")
        self.wait("it ends", lambda: self.trials()[0]["state"] == "complete")
        self.assertEqual(self.trials()[0]["metrics"], {"em": 0.5, "tokens": 100})


class GoingOn(Doors):
    """A trial that was stopped, and goes on with whoever says that it can."""

    STUDY = CLIENTS.replace("sobol", "random").replace("trials: 12", "trials: 200").replace(
        "{weights: {em: 0.7, tokens: 0.3}}", "{maximize: em}").replace("confirm: {top: 1, seeds: 2}\n", "") + \
        "stopping: {pruner: asha, audit: 0}\n"

    def report(self, trial, em, tokens, token):
        return self.say("reports", trial["trial"], {"lease": trial["lease"], "step": tokens // 100, "metrics": {"em": em, "tokens": tokens}}, token)

    def stopped(self, em, token):
        """A trial that is stopped: the judgement of a report is the answer to a later one."""
        trial = self.ask(token)
        self.assertNotIn("resume", trial)
        self.wait("it is told to stop", lambda: self.report(trial, em, 100, token).json["stop"])
        self.wait("it is stopped", lambda: self.trials()[trial["trial"]]["state"] == "pruned")
        return trial

    def behind(self):
        """Trial 4 has been stopped, of `mine`, and would go on by now."""
        self.create(self.STUDY, trial=None)
        for n in range(4):
            trial = self.ask(self.mine)
            for k in range(1, 5):
                self.report(trial, 0.5 + 0.1 * n, 100 * k, self.mine)
            self.assertEqual(self.say("tell", trial["trial"], {"lease": trial["lease"], "metrics": {"em": 0.5 + 0.1 * n, "tokens": 400}}, self.mine).status, 200)
        four = self.stopped(0.4, self.mine)
        for n in range(12):
            self.stopped(0.1 - 0.001 * n, self.mine)
        self.assertEqual(four["trial"], 4)
        return four

    def test_its_old_holder_has_no_say_in_it_and_the_new_one_has(self):
        before = self.behind()
        for bad in ("yes", 1, None, [True], {}):
            self.refused(self.call("POST", "/studies/s/ask", {"resume": bad}, token=self.theirs), 422)
        self.assertNotIn("resume", self.ask(self.theirs, resume=False))
        after = self.ask(self.theirs, resume=True)
        self.assertEqual((after["trial"], after["resume"]), (4, {"step": 1, "cost": 100}))
        self.assertEqual(after["params"], before["params"])
        for verb, body in (("tell", {"metrics": GOOD}), ("tell", {"failed": "x"}), ("reports", {"step": 9, "metrics": GOOD}), ("renew", {})):
            self.refused(self.say(verb, 4, {"lease": before["lease"], **body}, self.mine), 409)
            self.refused(self.say(verb, 4, {"lease": after["lease"], **body}, self.mine), 403)
            self.refused(self.say(verb, 4, {"lease": before["lease"], **body}, self.theirs), 403)
        self.kill_server()
        self.start()
        self.assertEqual(self.report(after, 0.9, 200, self.theirs).json["stop"], False)
        self.assertEqual(self.say("tell", 4, {"lease": after["lease"], "metrics": {"em": 0.9, "tokens": 500}}, self.theirs).status, 200)
        self.assertEqual(self.trials()[4]["metrics"]["em"], 0.9)
        started = [e["body"] for e in self.events() if e["event"] == "started" and e.get("trial") == 4]
        self.assertEqual([b.get("resumed") for b in started], [100])

    def test_it_fails_is_tried_again_and_cancelled(self):
        self.behind()
        after = self.ask(self.theirs, resume=True)
        self.assertEqual(self.say("tell", 4, {"lease": after["lease"], "failed": "x"}, self.theirs).status, 200)
        self.ok("POST", "/studies/s/trials/4/retry")
        again = self.ask(self.mine, resume=True)
        self.assertEqual((again["trial"], again["resume"]["cost"]), (4, 100))
        self.ok("POST", "/studies/s/trials/4/cancel")
        self.wait("it is cancelled", lambda: self.trials()[4]["state"] == "cancelled")
        self.refused(self.report(again, 0.9, 200, self.mine), 409)


class Times(Doors):
    def test_a_lease_is_as_long_as_the_study_grants(self):
        self.create(CLIENTS, trial=None)
        for ttl in ("9000h", "25h", "2d", "0s", "-1s", "", "x", 5, None, True, ["1s"]):
            answer = self.call("POST", "/studies/s/ask", {"ttl": ttl}, token=self.mine)
            self.assertEqual(answer.status, 422, (ttl, answer.body))
        self.assertIn("at most 24h", self.call("POST", "/studies/s/ask", {"ttl": "25h"}, token=self.mine).json["detail"])
        trial = self.ask(self.mine, ttl="24h")
        self.refused(self.say("renew", trial["trial"], {"lease": trial["lease"], "ttl": "25h"}, self.mine), 422)
        short = CLIENTS.replace("study: s", "study: short").replace("metrics:", "trial: {lease: 90s}\nmetrics:")
        self.create(short, trial=None)
        self.refused(self.call("POST", "/studies/short/ask", {"ttl": "91s"}, token=self.mine), 422)
        trial = self.ask(self.mine, "short")
        self.assertEqual([e["body"]["ttl"] for e in self.events("short") if e["event"] == "leased"], [90000])
        self.assertEqual(self.say("renew", trial["trial"], {"lease": trial["lease"]}, self.mine, "short").status, 200)
        self.assertEqual([e["body"]["ttl"] for e in self.events("short") if e["event"] == "renewed"], [90000])

    def test_stop_now_ends_the_leases_of_clients_too(self):
        self.create(CLIENTS, trial=None)
        asked = [self.ask(self.mine, ttl="24h") for _ in range(3)]
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.assertEqual([t["state"] for t in self.trials()[:3]], ["queued"] * 3)
        self.refused(self.say("tell", asked[0]["trial"], {"lease": asked[0]["lease"], "metrics": GOOD}, self.mine), 409)
        self.ok("POST", "/studies/s/resume", {})
        self.assertEqual(self.say("tell", asked[0]["trial"], {"lease": asked[0]["lease"], "metrics": GOOD}, self.mine).status, 200)  # late
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait("it is not at work", lambda: not self.ok("GET", "/studies/s")["hosted"])
        self.ok("DELETE", "/studies/s?confirm=s")

    def test_a_plain_stop_can_be_made_one_at_once(self):
        self.create(CLIENTS, trial=None)
        self.ask(self.mine, ttl="24h")
        self.ok("POST", "/studies/s/stop", {})
        self.assertTrue(self.ok("GET", "/studies/s")["hosted"])
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")


    def test_an_agent_that_does_not_stop_has_lost_it(self):
        self.create()
        card = {"instance": "i", "host": "h", "boot": "b", "version": "1", "slots": 2, "held": []}
        ticket = self.ok("PUT", "/agents/deaf", card, token=self.mine)["ticket"]
        mail = self.ok("POST", "/agents/deaf/poll", {"ticket": ticket, "got": 0, "capacity": 2}, token=self.mine)["mail"]
        lease = mail[0]["assign"]["lease"]
        for what in ({"started": {"pid": 1}}, {"report": {"n": 0, "step": 1, "metrics": GOOD}}):
            self.ok("POST", "/agents/deaf/messages", {"ticket": ticket, "messages": [{"study": "s", "trial": 0, "lease": lease, **what}]}, token=self.mine)
        self.ok("POST", "/studies/s/stop", {"now": True})

        def stopped():  # it goes on polling, so it is not silent
            self.ok("POST", "/agents/deaf/messages", {"ticket": ticket, "messages": []}, token=self.mine)
            return self.ok("GET", "/studies/s")["phase"] == "stopped"

        self.wait("the study does not wait for it", stopped, 120)
        returned = [e["body"] for e in self.events() if e["event"] == "returned" and e["trial"] == 0]
        self.assertEqual([b["reason"] for b in returned], ["its agent was told to end it and did not"])


class Scope(Doors):
    def test_a_workers_token_may_be_for_some_studies_only(self):
        for name in ("a", "b", "ab"):
            self.create(STUDY.replace("study: s", f"study: {name}"))
        only = self.new_token("only", studies=["ab", "b"])
        for name, status in (("a", 403), ("b", 200), ("ab", 200)):
            self.assertEqual(self.call("POST", f"/studies/{name}/ask", {}, token=only).status, status, name)
            self.assertEqual(self.call("GET", f"/studies/{name}/definition", token=only).status, status, name)
        for method, path in (("POST", "/studies/a/trials/0/tell"), ("POST", "/studies/a/trials/0/reports"), ("POST", "/studies/a/trials/0/renew"),
                             ("GET", "/studies/a/trials/0/artefacts"), ("GET", "/studies/a/trials/0/artefacts/c"), ("GET", "/studies/a/blobs/00"),
                             ("PUT", "/studies/a/trials/0/artefacts/c?lease=1"), ("GET", "/studies/a/definition"), ("GET", "/studies/A/definition"),
                             ("GET", "/studies/b,a/definition"), ("GET", "/studies/,/definition")):
            body = {"lease": 1} if method == "POST" else None
            self.assertEqual(self.call(method, path, body, token=only).status, 403, path)
        card = {"instance": "i", "host": "h", "boot": "b", "version": "1", "slots": 1, "held": []}
        self.refused(self.call("PUT", "/agents/x", {**card, "study": "a"}, token=only), 403)
        self.assertEqual([t.get("studies") for t in self.ok("GET", "/tokens")["tokens"] if t["name"] == "only"], [["ab", "b"]])
        self.kill_server()
        self.start()
        self.assertEqual(self.call("POST", "/studies/a/ask", {}, token=only).status, 403)
        self.assertEqual(self.call("POST", "/studies/b/ask", {}, token=only).status, 200)

    def test_its_agents_work_for_these_only(self):
        for name in ("a", "b"):
            self.create(STUDY.replace("study: s", f"study: {name}").replace("trials: 12", "trials: 3"))
        self.write("worker.token", self.new_token("only", studies=["b"]), 0o600)
        self.agent("x")
        self.wait_phase("complete", "b")
        self.assertEqual({t["state"] for t in self.trials("a")}, {"queued"})

    def test_from_the_command_line(self):
        text = self.nocturne("token", "create", "--role", "worker", "--study", "b,c", "--json")
        self.create(STUDY.replace("study: s", "study: a"))
        self.assertEqual(self.call("POST", "/studies/a/ask", {}, token=json.loads(text)["token"]).status, 403)
        self.assertIn("b,c", self.nocturne("token", "list"))
        for args in (("--role", "operator", "--study", "b"), ("--role", "worker", "--study", "b,,c"), ("--role", "worker", "--study", "../x"),
                     ("--role", "worker", "--study", ",".join(["a" * 48] * 40)), ("--role", "worker", "--study", "")):
            self.nocturne("token", "create", *args, code=2)
        for studies in ([], ["a,b"], ["../a"], "a", [1], [[]], ["a"] * 1000, {"a": 1}):
            self.refused(self.call("POST", "/tokens", {"name": "n", "role": "worker", "studies": studies}), 422)
        self.refused(self.call("POST", "/tokens", {"name": "n", "role": "operator", "studies": ["a"]}), 422)


class Log(Doors):
    def test_the_log_says_by_whom(self):
        self.create(CLIENTS, trial=None)
        operator = self.id_of(self.operator)
        trial = self.ask(self.mine)
        self.say("renew", trial["trial"], {"lease": trial["lease"]}, self.mine)
        self.say("tell", trial["trial"], {"lease": trial["lease"], "metrics": GOOD}, self.mine)
        self.ok("POST", "/studies/s/trials", {"params": {"x": 0.1, "k": 1}})
        self.ok("POST", "/studies/s/pause", {})
        self.ok("POST", "/studies/s/resume", {})
        self.ok("POST", "/studies/s/trials/1/cancel", {"reason": "no"})
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.ok("POST", "/studies/s/resume", {})
        by = {}
        for e in self.events():
            by.setdefault(e["event"] + str(e["body"].get("phase", "")) + str(e["body"].get("state", "")), set()).add(e["body"].get("token"))
        mine = self.id_of(self.mine)
        for kind, who in (("opened", operator), ("leased", mine), ("renewed", mine), ("finished", mine), ("phasepaused", operator),
                          ("finishedcancelled", operator), ("note", operator)):
            self.assertEqual(by[kind], {who}, (kind, by))
        self.assertIn(operator, by["added"])
        log = self.nocturne("log", "s")
        self.assertIn(f"by token {mine}", log)
        self.assertIn(f"by token {operator}", log)

    def test_what_an_agent_says_is_by_its_token(self):
        self.create(STUDY.replace("trials: 12", "trials: 2"), SLOW)
        self.write("worker.token", self.theirs, 0o600)
        self.agent("a1")
        self.wait_phase("complete")
        leased = [e["body"] for e in self.events() if e["event"] in ("leased", "started", "finished")]
        self.assertEqual({b.get("token") for b in leased}, {self.id_of(self.theirs)})
        self.nocturne("replay", "s")
        self.nocturne("doctor", "--rebuild")


if __name__ == "__main__":
    unittest.main()
