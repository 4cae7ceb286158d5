#!/usr/bin/env python3
"""kill -9 of the service at random moments while clients ask, renew, report and tell over HTTP, and an impostor speaks for
leases that are not its own.

    python3 tests/bench/kills.py [KILLS] [SEED]        NOCTURNE_BIN is the folder of the binaries

After each kill the service is started again; at the end: was an acknowledged result lost or changed, a trial finished
twice, an impostor believed, a lease granted twice? Every trial whose result was acknowledged must have exactly that
result, from that lease's holder, once in the log.
"""
import collections
import os
import random
import sys
import threading
import time
import urllib.error

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from service import World  # noqa: E402

STUDY = """study: s
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  em: {goal: maximize, kind: value}
objective: {maximize: em}
budget: {trials: 1000000}
confirm: {top: 0, seeds: 0}
search: {sampler: random, seed: 3}
"""
CLIENTS = 6


class Kills(World):
    SERVE = ("--slots", "0", "--rate", "1000000")

    def runTest(self):
        self.create(STUDY, trial=None)
        self.acked, self.leases, self.believed, self.refused = {}, collections.Counter(), [], 0
        self.over, self.known = False, []
        tokens = [self.ok("POST", "/tokens", {"name": f"c{i}", "role": "worker"})["token"] for i in range(CLIENTS + 1)]
        threads = [threading.Thread(target=self.client, args=(t, SEED * 100 + i)) for i, t in enumerate(tokens[:-1])]
        threads.append(threading.Thread(target=self.impostor, args=(tokens[-1],)))
        for t in threads:
            t.start()
        rng = random.Random(SEED)
        for n in range(KILLS):
            time.sleep(rng.uniform(0.05, 1.2))
            self.kill_server()
            self.start()
            if n % 20 == 19:
                print(f"{n + 1} kills, {len(self.acked)} results acknowledged, {self.refused} impostures refused", flush=True)
        self.over = True
        for t in threads:
            t.join()
        self.judge([t.split("_")[1] for t in tokens])

    def try_call(self, *args, **kw):
        """The answer, or None: the service was not there, or died before it answered."""
        while not self.over:
            try:
                return self.call(*args, **kw)
            except (OSError, urllib.error.URLError, ValueError, EOFError):
                return None
            except Exception as error:  # http.client's own: half an answer
                if "http" in type(error).__module__:
                    return None
                raise
        return None

    def client(self, token, seed):
        rng = random.Random(seed)
        while not self.over:
            asked = self.try_call("POST", "/studies/s/ask", {"ttl": "1m"}, token=token)
            if not asked or asked.status != 200:
                time.sleep(0.02)
                continue
            for t in asked.json["trials"]:
                self.leases[t["lease"]] += 1
                self.known.append((t["trial"], t["lease"]))
                self.run_trial(rng, token, t)

    def run_trial(self, rng, token, t):
        path, em = f"/studies/s/trials/{t['trial']}/", rng.random()
        if rng.random() < 0.3:
            self.try_call("POST", path + "reports", {"lease": t["lease"], "step": 1, "metrics": {"em": em / 2}}, token=token)
        if rng.random() < 0.2:
            self.try_call("POST", path + "renew", {"lease": t["lease"]}, token=token)
        for _ in range(200):  # until it is answered: the same again is no error
            told = self.try_call("POST", path + "tell", {"lease": t["lease"], "metrics": {"em": em}}, token=token)
            if told and told.status == 200:
                self.acked[t["trial"]] = (t["lease"], em, token.split("_")[1])
            if self.over or (told and told.status < 500 and told.status != 429):
                return
            time.sleep(0.02)

    def impostor(self, token):
        rng = random.Random(SEED + 7)
        while not self.over:
            if not self.known:
                time.sleep(0.05)
                continue
            trial, lease = rng.choice(self.known[-20:])
            lease += rng.choice((0, 0, 0, -1, 1, 10**6))
            verb, body = rng.choice((("tell", {"metrics": {"em": 1e9}}), ("tell", {"failed": "x"}), ("renew", {"ttl": "1s"}),
                                     ("reports", {"step": 9, "metrics": {"em": -1e9}})))
            answer = self.try_call("POST", f"/studies/s/trials/{trial}/{verb}", {"lease": max(lease, 1), **body}, token=token)
            if answer and answer.status < 300:
                self.believed.append((trial, lease, verb, answer.body))
            self.refused += bool(answer and answer.status in (403, 404))
            time.sleep(0.005)

    def judge(self, ids):
        trials = {t["trial"]: t for t in self.trials()}
        finished = collections.defaultdict(list)
        for e in self.events():
            if e["event"] == "finished":
                finished[e["trial"]].append(e["body"])
        lost = [n for n in self.acked if trials.get(n, {}).get("state") != "complete"]
        wrong = [n for n, (_, em, who) in self.acked.items()
                 if n not in lost and (abs(trials[n]["metrics"]["em"] - em) > 1e-12 or finished[n][0].get("token") != who)]
        twice = [n for n, all in finished.items() if len(all) != 1]
        by_impostor = [n for n, all in finished.items() if any(b.get("token") == ids[-1] for b in all)]
        granted = [lease for lease, n in self.leases.items() if n > 1]
        print(f"{KILLS} kills, seed {SEED}: {len(self.acked)} results acknowledged, {len(lost)} lost, {len(wrong)} wrong, {len(twice)} finished twice, "
              f"{len(granted)} leases granted twice, {self.refused} impostures refused, {len(self.believed) + len(by_impostor)} believed")
        self.nocturne("doctor", "--rebuild")
        self.assertEqual((lost, wrong, twice, granted, self.believed, by_impostor), ([],) * 6)


if __name__ == "__main__":
    KILLS, SEED = int((sys.argv + ["300"])[1]), int((sys.argv + ["", "1"])[2])
    import unittest
    sys.exit(not unittest.TextTestRunner().run(unittest.TestSuite([Kills()])).wasSuccessful())
