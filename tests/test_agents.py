#!/usr/bin/env python3
"""Agents of the service: real processes, kill -9 of either side, a link that is cut. NOCTURNE_BIN is the folder of the
binaries."""
import collections
import os
import random
import select
import shutil
import signal
import socket
import sys
import threading
import time
import unittest

from patience import PATIENCE
from service import SLOW, STUDY, TRIAL, World


class Agents(World):
    SERVE = ("--slots", "0", "--agent-deadline", "1h")

    def size(self, name):
        path = os.path.join(self.dir, name)
        return os.path.getsize(path) if os.path.exists(path) else 0

    def undelivered(self, trial):
        """How many of a trial's leases were in the log when the service was killed, and never on their way to an agent."""
        events = [e["event"] for e in self.events() if e.get("trial") == trial]
        return sum(pair == ("leased", "returned") for pair in zip(events, events[1:]))

    def test_a_bare_agent_runs_the_study_while_the_service_is_killed(self):
        self.create(STUDY.replace("trials: 12", "trials: 30"), SLOW)
        agents = [self.agent("a1", slots=3), self.agent("a2", slots=3)]
        self.wait("they work", lambda: self.ok("GET", "/agents")["busy"] == 6)
        for _ in range(3):
            before = self.ok("GET", "/studies/s")["seq"]
            self.wait("there is more", lambda: self.ok("GET", "/studies/s")["seq"] > before)
            self.kill_server()
            self.wait("an agent has something to say", lambda: self.size("a1.d/outbox.jsonl") + self.size("a2.d/outbox.jsonl"))
            self.start()
        self.wait_phase("complete")
        trials, finished = self.trials(), [e["trial"] for e in self.events() if e["event"] == "finished"]
        self.assertEqual({t["state"] for t in trials}, {"complete"})
        self.assertEqual([t["attempts"] for t in trials], [1 + self.undelivered(t["trial"]) for t in trials])
        self.assertEqual(sorted(finished), list(range(len(trials))))
        for t in trials[:5]:
            self.assertEqual([r["n"] for r in self.ok("GET", f"/studies/s/trials/{t['trial']}/reports")["reports"]], list(range(10)))
        self.assertIn("log of trial 3", self.call("GET", "/studies/s/trials/3/artefacts/stdout.log").body.decode())
        self.assertIn("log of trial 3", self.nocturne("show", "s", "3") + self.read("nocturne.files/s/0003.1/stdout.log"))
        for a in agents:
            a.send_signal(signal.SIGINT)
            self.assertEqual(a.wait(timeout=PATIENCE), 0)
        self.assertEqual(self.ok("GET", "/agents")["agents"], [])

    def test_an_agent_that_is_killed_gives_back_and_its_last_words_are_heard(self):
        self.create(trial=self.gated())
        agent = self.agent("a1", slots=2)
        self.wait("it works", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        agent.kill()
        agent.wait(timeout=PATIENCE)
        self.open_gate()
        self.agent("a1", slots=2)
        self.wait("they run again", lambda: [t["attempts"] for t in self.trials()[:2]] == [2, 2])
        self.assertEqual([e["body"]["outcome"] for e in self.events() if e["event"] == "returned"], ["lost", "lost"])

    def test_an_outbox_that_is_cut_is_said_and_its_trials_run_again(self):
        self.create(trial=self.gated())
        self.agent("a1")
        self.wait("both run", lambda: len([t for t in self.trials() if t["state"] == "running"]) == 2)
        self.kill_server()
        self.open_gate()
        outbox = os.path.join("a1.d", "outbox.jsonl")
        self.wait("both have ended", lambda: sum('"end"' in line for line in self.read(outbox).split("\n")) == 2)
        os.truncate(os.path.join(self.dir, outbox), 37)
        self.start()
        self.wait_phase("complete")
        self.assertIn("its file was cut", self.read("a1.out"))
        self.assertEqual([t["attempts"] for t in self.trials()[:2]], [2, 2])

    def test_two_agents_cannot_have_one_name(self):
        self.agent("a1")
        self.wait("it is there", lambda: self.ok("GET", "/agents")["agents"])
        twin = self.spawn("twin", "worker", "--url", f"http://127.0.0.1:{self.port}", "--token-file", "worker.token", "--name", "a1", "--dir", "twin.d")
        self.assertEqual(twin.wait(timeout=PATIENCE), 1)
        self.assertIn("start this one with another --name", self.read("twin.out"))
        same = self.spawn("same", "worker", "--url", f"http://127.0.0.1:{self.port}", "--token-file", "worker.token", "--name", "a9", "--dir", "a1.d")
        self.assertEqual(same.wait(timeout=PATIENCE), 4)
        wrong = self.spawn("wrong", "worker", "--url", f"http://127.0.0.1:{self.port}", "--token-file", self.write("no.token", "noct_x\n", 0o600), "--name", "w", "--dir", "w.d")
        self.assertEqual(wrong.wait(timeout=PATIENCE), 1)
        self.assertIn("unknown, expired or revoked", self.read("wrong.out"))
        for query in ("", "?ticket=0123456789abcdef01234567"):  # a worker sends no other away; an operator does
            self.assertEqual(self.call("DELETE", "/agents/a1" + query, token=self.token("worker")).status, 409)
        self.ok("DELETE", "/agents/a1")

    def test_orders_reach_a_program(self):
        program = ("import os, signal\nsignal.signal(signal.SIGTERM, lambda *a: None)\nout = os.fdopen(3, 'r+b', 0)\n"
                   "out.write(b'{\"step\": 1, \"em\": 0.1, \"tokens\": 1}\\n')\nline = out.readline()\n"
                   "open(os.environ['NOCTURNE_DIR'] + '/order.txt', 'wb').write(line)\n"
                   "out.write(b'{\"artefact\": \"order.txt\"}\\n')\nout.write(b'{\"result\": {\"em\": 0.5, \"tokens\": 2}}\\n')\n")
        self.ok("PUT", "/studies/s/files/trial.py", text=program)
        self.ok("POST", "/studies", text=STUDY.replace("[sh, trial.sh", "[python3, trial.py").replace("[trial.sh]", "[trial.py]"), headers={"Content-Type": "application/yaml"})
        self.agent("a1", slots=1)
        self.wait("it runs", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 1 and self.ok("GET", "/studies/s/trials/0/reports")["reports"])
        self.ok("POST", "/studies/s/stop", {"now": True})
        text = self.wait("the program has it", lambda: (lambda a: a.body.decode() if a.status == 200 else None)(self.call("GET", "/studies/s/trials/0/artefacts/order.txt")))
        self.assertIn('{"stop"', text)

    def test_items_come_home_while_the_service_is_killed(self):
        program = ("import os, time\nout = os.fdopen(3, 'r+b', 0)\nout.write(b'{\"item\": {\"id\": \"out\", \"em\": 1.5}}\\n')\n"
                   "for i in range(300):\n    out.write(b'{\"item\": {\"id\": \"q%d\", \"em\": %d}}\\n' % (i, i % 2))\n"
                   "    while i == 200 and not os.path.exists(" + repr(os.path.join(self.dir, "gate")) + "): time.sleep(0.02)\n"
                   "out.write(b'{\"result\": {\"em\": 0.5, \"tokens\": 2}}\\n')\n")
        self.ok("PUT", "/studies/s/files/trial.py", text=program)
        study = STUDY.replace("[sh, trial.sh", "[python3, trial.py").replace("[trial.sh]", "[trial.py]").replace("trials: 12", "trials: 3")
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        self.agent("a1", slots=1)
        items = lambda: self.nocturne("show", "s", "0", "--items").splitlines()
        self.wait("items have come", lambda: len(items()) > 100)
        self.kill_server()
        self.write("gate", "")
        self.wait("the agent has something to say", lambda: self.size("a1.d/outbox.jsonl"))
        self.start()
        self.wait_phase("complete")
        self.assertEqual(items(), ["id,em"] + [f"q{i},{i % 2}" for i in range(300)])
        self.assertIn("trial 0: of its items some are not kept, 'out' the first: the proportion 'em' is 1.5, not from 0 to 1",
                      self.nocturne("log", "s"))

    def test_what_is_asked_again_is_killed_amid_its_grace(self):
        program = ("import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *a: print('not yet', flush=True))\n"
                   "print('here', flush=True)\nwhile True: time.sleep(1)\n")
        self.ok("PUT", "/studies/s/files/trial.py", text=program)
        study = STUDY.replace("[sh, trial.sh", "[python3, trial.py").replace("[trial.sh]", "[trial.py]").replace("grace: 1s", "grace: 10h")
        self.ok("POST", "/studies", text=study, headers={"Content-Type": "application/yaml"})
        self.agent("a1", slots=1)
        log = lambda word: lambda: word in self.call("GET", "/studies/s/trials/0/artefacts/stdout.log").body.decode()
        self.wait("it runs", log("here"))
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait("it has been told", log("not yet"))
        self.assertEqual(self.ok("GET", "/studies/s")["states"]["running"], 1)
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait_phase("stopped")
        self.assertEqual([t["state"] for t in self.trials()], ["queued"])

    def test_a_checkpoint_goes_from_agent_to_agent(self):
        program = ("import os, sys\nd, resume = os.environ['NOCTURNE_DIR'], os.environ.get('NOCTURNE_RESUME')\n"
                   "print('resumed with ' + open(resume).read() if resume else 'anew', flush=True)\n"
                   "if not resume and os.environ['NOCTURNE_TRIAL'] == '0':\n"
                   "    open(d + '/c.bin', 'w').write('forty-two')\n"
                   "    print('nocturne: {\"step\": 1, \"em\": 0.1, \"tokens\": 50}', flush=True)\n"
                   "    print('nocturne: {\"checkpoint\": {\"path\": \"c.bin\", \"step\": 1}}', flush=True)\n"
                   "    import time; time.sleep(10000)\n"
                   "print('nocturne: {\"result\": {\"em\": 0.5, \"tokens\": 100}}')\n")
        self.ok("PUT", "/studies/s/files/trial.py", text=program)
        self.ok("POST", "/studies", text=STUDY.replace("[sh, trial.sh", "[python3, trial.py").replace("[trial.sh]", "[trial.py]"), headers={"Content-Type": "application/yaml"})
        first = self.agent("a1", slots=1)
        self.wait("a checkpoint is there", lambda: any(e["event"] == "checkpoint" for e in self.events()))
        first.terminate()
        first.wait(timeout=PATIENCE)
        shutil.rmtree(os.path.join(self.dir, "a1.d"))
        self.agent("a2", slots=1)
        self.wait("it goes on", lambda: self.trials()[0]["state"] == "complete")
        self.wait("its log is here", lambda: "resumed with forty-two" in self.call("GET", "/studies/s/trials/0/artefacts/stdout.log").body.decode())
        started = [e["body"] for e in self.events() if e["event"] == "started" and e["trial"] == 0]
        self.assertEqual(started[-1].get("resumed"), 50)

    def test_each_slot_has_a_gpu_of_its_own(self):
        both = f'touch "{self.dir}/seen.$NOCTURNE_TRIAL"\nuntil [ $(ls "{self.dir}" | grep -c seen) -ge 2 ]; do sleep 0.02; done\n'
        self.create(trial='echo "gpu $CUDA_VISIBLE_DEVICES"\n' + both + TRIAL)  # the first waits for another beside it
        self.agent("a1", "--gpus", "0,2", slots=2)
        self.wait_phase("complete")
        seen = {self.read(f"nocturne.files/s/{t['trial']:04d}.1/stdout.log").splitlines()[0] for t in self.trials()}
        self.assertEqual(seen, {"gpu 0", "gpu 2"})
        self.assertEqual(self.ok("GET", "/agents/a1")["gpus"], 2)

    def test_what_is_missing_is_said(self):
        self.ok("POST", "/studies", text=STUDY.replace("files: [trial.sh]", "files: ['*.sh', gone.sh]"), headers={"Content-Type": "application/yaml"})
        self.assertIn("there is no ", self.call("GET", "/studies/s/definition").json["detail"])
        self.assertIn("agents cannot have it yet", self.read("serve.out"))
        self.agent("a1")
        self.create(STUDY.replace("study: s", "study: t").replace("trials: 12", "trials: 3"))
        self.wait_phase("complete", "t")  # there was an agent, and time
        self.assertEqual(self.trials()[0]["state"], "queued")
        self.ok("PUT", "/studies/s/files/trial.sh", text=TRIAL)
        self.ok("PUT", "/studies/s/files/gone.sh", text=TRIAL)
        self.wait("it runs now", lambda: len(self.trials()) > 2)

    def test_secrets_do_not_reach_the_logs(self):
        self.create(trial=TRIAL + 'echo "the secret is $MY_SECRET_WORD"\necho "$(cat %s)"\n' % os.path.join(self.dir, "nocturne.token"))
        self.agent("a1", env={"MY_SECRET_WORD": "swordfish-9"})
        self.wait_phase("complete")
        log = self.wait("a log", lambda: self.call("GET", "/studies/s/trials/2/artefacts/stdout.log").body.decode())
        self.assertIn("the secret is ***", log)
        self.assertNotIn("swordfish", log)
        self.assertNotIn(self.operator.split("_")[2], log)


class Silence(World):
    SERVE = ("--slots", "0", "--agent-deadline", "5s")

    def test_silence_costs_the_lease_and_who_returns_is_fenced(self):
        self.create(STUDY.replace("retries: 1", "retries: 50"), self.gated())  # a slow machine is silent, too
        agent = self.agent("quiet", slots=1)
        self.wait("it works", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 1)
        agent.send_signal(signal.SIGSTOP)  # its trial goes on
        self.wait("the lease is over", lambda: any(e["event"] == "returned" and e["body"]["outcome"] == "expired" for e in self.events()))
        other = self.agent("other", slots=1)
        self.wait("another is at it", lambda: any(e["event"] == "leased" and e["body"].get("agent") == "other" for e in self.events()))
        self.open_gate()
        agent.send_signal(signal.SIGCONT)
        self.wait("what it had to say is late or refused", lambda: self.trials()[0]["state"] == "complete")
        finished = [e for e in self.events() if e["event"] == "finished" and e["trial"] == 0]
        self.assertEqual(len(finished), 1)
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
        other.terminate()


class Chaos(World):
    SERVE = ("--slots", "1", "--agent-deadline", "1h")

    def test_either_side_is_killed_at_random(self):
        """CHAOS_SECONDS=75 for the long version; CHAOS_SEED for another one."""
        self.create(STUDY.replace("trials: 12", "trials: 60").replace("retries: 1", "retries: 50").replace("sampler: sobol", "sampler: gp") + "stopping: {pruner: auto}\n",
                    TRIAL.replace("${STEPS:-3}", "6").replace("${NAP:-0.05}", "0.15"))
        chance = random.Random(int(os.environ.get("CHAOS_SEED", "1")))
        agents = {name: self.agent(name) for name in ("a1", "a2")}
        end, kills = time.time() + float(os.environ.get("CHAOS_SECONDS", "15")), collections.Counter()
        while time.time() < end:
            time.sleep(chance.uniform(0.5, 2))
            if chance.random() < 0.5:
                self.kill_server()
                time.sleep(chance.uniform(0, 1))
                self.start()
                kills["service"] += 1
            else:
                name = chance.choice(sorted(agents))
                agents[name].kill()
                agents[name].wait()
                agents[name] = self.agent(name)
                kills["agent"] += 1
        self.wait_phase("complete", seconds=2 * PATIENCE)
        trials, events = self.trials(), self.events()
        finished = collections.Counter(e["trial"] for e in events if e["event"] == "finished")
        self.assertEqual(sorted(finished.items()), [(i, 1) for i in range(len(trials))])
        self.assertLessEqual({t["state"] for t in trials}, {"complete", "pruned"})
        self.assertEqual([e["seq"] for e in events], list(range(1, len(events) + 1)))
        self.assertIn("all as they were", self.nocturne("replay", "s"))
        self.assertIn("ok       event log", self.nocturne("doctor", "--rebuild"))
        print(f"\n{dict(kills)}: {len(trials)} trials, {sum(t['attempts'] for t in trials)} attempts", file=sys.stderr)


class Cut:
    """A forwarder between an agent and the service whose link can be cut: bytes stop, connections hang."""

    def __init__(self, port):
        self.target = port
        self.up = True
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.forward, args=(client,), daemon=True).start()

    def forward(self, client):
        server = None
        try:
            while not self.up:
                time.sleep(0.1)
            server = socket.create_connection(("127.0.0.1", self.target))
            while True:
                ready, _, _ = select.select([client, server], [], [], 0.1)
                if not self.up:
                    time.sleep(0.1)
                    continue
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    (server if one is client else client).sendall(data)
        except OSError:
            pass
        finally:
            client.close()
            if server:
                server.close()


class Network(World):
    SERVE = ("--slots", "0")

    def test_a_cut_link_loses_and_doubles_nothing(self):
        cut = Cut(self.port)
        self.create(trial=self.gated())
        self.token("worker")
        self.spawn("far", "worker", "--url", f"http://127.0.0.1:{cut.port}", "--token-file", "worker.token", "--slots", "2", "--name", "far", "--dir", "far.d")
        self.wait("it works", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        cut.up = False
        self.open_gate()
        outbox = os.path.join(self.dir, "far.d/outbox.jsonl")
        self.wait("both trials have ended", lambda: os.path.exists(outbox) and self.read("far.d/outbox.jsonl").count('"end": {') == 2)
        cut.up = True
        self.wait_phase("complete")
        trials, finished = self.trials(), [e["trial"] for e in self.events() if e["event"] == "finished"]
        self.assertEqual({(t["state"], t["attempts"]) for t in trials}, {("complete", 1)})
        self.assertEqual(sorted(finished), list(range(len(trials))))
        for t in trials[:2]:
            self.assertEqual([r["n"] for r in self.ok("GET", f"/studies/s/trials/{t['trial']}/reports")["reports"]], list(range(3)))


if __name__ == "__main__":
    unittest.main(verbosity=2)
