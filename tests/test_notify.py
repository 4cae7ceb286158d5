#!/usr/bin/env python3
"""People are told: real studies, a real HTTP server, real commands, a program in sendmail's place.

NOCTURNE_BIN is the folder of the binaries.
"""
import base64
import contextlib
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

from patience import PATIENCE, until
from service import World

BIN = os.path.abspath(os.environ.get("NOCTURNE_BIN", "build/release/bin"))
NOCTURNE = os.path.join(BIN, "nocturne")
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

STUDY = """study: s
trial: {{command: [sh, trial.sh, "{{x}}"], grace: 1s, retries: 0}}
parameters:
  x: {{type: float, range: [0, 1]}}
metrics:
  em: {{goal: maximize, kind: proportion, of: 1000}}
  tokens: {{goal: minimize, kind: count}}
baseline: {{x: 0.9}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
budget: {{{budget}}}
confirm: {{top: 1, seeds: {seeds}}}
search: {{sampler: sobol, seed: 3}}
workers: {{local: 1}}
{more}
"""
TRIAL = """awk -v x="$1" 'BEGIN { printf "nocturne: {\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", 0.6 - (x - 0.3)^2, 1000 + 1000 * x }'
"""
GATE = 'until [ -e "gate.$NOCTURNE_TRIAL" ]; do sleep 0.02; done\n'


class Receiver(http.server.ThreadingHTTPServer):
    """What it is told, by path; some paths answer badly."""

    daemon_threads = True

    def __init__(self):
        self.told, self.beats, self.visits, self.lock = [], {}, [], threading.Lock()
        self.release = threading.Event()
        self.better = set()  # paths that answer well from now on
        super().__init__(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def close(self):
        self.release.set()
        self.shutdown()
        self.thread.join()
        self.server_close()

    def of(self, kind):
        with self.lock:
            return [t["body"] for t in self.told if t["body"]["kind"] == kind]


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, *headers, body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(body)

    def do_GET(self):
        server = self.server
        with server.lock:
            server.visits.append(self.path)
            server.beats[self.path] = server.beats.get(self.path, 0) + 1
        self.answer(200)

    def do_POST(self):
        server, raw = self.server, self.rfile.read(int(self.headers["Content-Length"]))
        with server.lock:
            server.visits.append(self.path)
        kind = self.path.split("/")[1] if self.path not in server.better else "ok"
        if kind == "500":
            self.answer(500)
        elif kind == "429":
            self.answer(429, ("Retry-After", "7200"))
        elif kind == "redirect":
            self.answer(307, ("Location", "/ok/redirected"))
        elif kind == "hang":
            server.release.wait(PATIENCE)
            with contextlib.suppress(OSError):
                self.answer(500)
        else:
            with server.lock:
                server.told.append({"path": self.path, "headers": dict(self.headers), "raw": raw, "body": json.loads(raw)})
            if kind == "huge":
                self.send_response(200)
                self.end_headers()
                with contextlib.suppress(OSError):
                    while not server.release.is_set():
                        self.wfile.write(b"x" * 65536)
                return
            self.answer(204)

    def log_message(self, *args):
        pass


class Told(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="nocturne-test-")
        self.receiver = Receiver()
        self.running = []
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        self.env.update(XDG_CONFIG_HOME=self.dir + "/config", HOME=self.dir)

    def tearDown(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.wait()
        self.receiver.close()
        shutil.rmtree(self.dir)

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.dir, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        os.chmod(path, mode)
        return path

    def read(self, name):
        path = os.path.join(self.dir, name)
        if not os.path.exists(path):
            return ""
        with open(path, encoding="utf-8", errors="replace", newline="") as text:
            return text.read()

    def runs(self, pid):
        return os.path.exists(f"/proc/{pid}") and "State:\tZ" not in self.read(f"/proc/{pid}/status")

    def study(self, trial=TRIAL, budget="trials: 6", seeds=2, more=""):
        self.write("study.yaml", STUDY.format(budget=budget, seeds=seeds, more=more))
        self.write("trial.sh", trial)

    def team(self, path="/ok/team", more=""):
        return f"channels: {{team: {{webhook: '{self.receiver.url(path)}'}}}}\n{more}"

    def notify(self, text):
        return self.write("notify.yaml", text, 0o600)

    def nocturne(self, *args, code=0, clock=None):
        out = subprocess.run([NOCTURNE, *args], cwd=self.dir, env=self.clocked(clock), capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(out.returncode, code, f"{args}\n{out.stdout[-3000:]}\n{out.stderr[-3000:]}")
        return out.stdout + out.stderr

    def clocked(self, clock):
        if clock is None:
            return self.env
        self.write("offset", str(clock))
        return dict(self.env, LD_PRELOAD=os.path.join(BIN, "libset_clock.so"), TEST_CLOCK=os.path.join(self.dir, "offset"),
                    ASAN_OPTIONS="verify_asan_link_order=0:detect_leaks=0")

    def begin(self, *more, clock=None):
        with open(os.path.join(self.dir, "run.out"), "a") as out:
            process = subprocess.Popen([NOCTURNE, "run", "study.yaml", "--notify", "notify.yaml", *more], cwd=self.dir,
                                       env=self.clocked(clock), stdout=out, stderr=out)
        self.running.append(process)
        return process

    def wait_for(self, kind):
        return until(f"'{kind}' is told", lambda: self.receiver.of(kind), explain=lambda: self.read("run.out")[-3000:])[0]

    def open_gates(self, *numbers):
        for number in numbers:
            self.write(f"gate.{number}", "")

    def clean(self):
        out = self.read("run.out")
        self.assertNotIn("Sanitizer", out)
        self.assertNotIn("runtime error", out)
        return out

    # ---- what is told

    def test_all_ways_tell_the_end(self):
        self.study()
        self.write("sendmail.sh", "#!/bin/sh\necho \"$@\" >args.out\ncat >mail.out\n", 0o755)
        self.write("phone.sh", "printf '%s\\n' \"$NOCTURNE_KIND\" \"$NOCTURNE_LEVEL\" \"$NOCTURNE_STUDY\" \"$NOCTURNE_SENTENCE\" \"$#\" \"$1\" >phone.out\n"
                               "cat >stdin.out\nls -l /proc/self/fd >fds.out\n")
        self.notify(f"""channels:
  team:  {{webhook: '{self.receiver.url("/ok/a?k=1")}', header: {{Authorization: Bearer abc}}, secret: {SECRET}}}
  phone: {{command: [sh, phone.sh, "{{study}} -- {{sentence}}"]}}
  mail:  {{sendmail: ada@example.org, path: {self.dir}/sendmail.sh}}
""")
        out = self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        told = [t for t in self.receiver.told if t["body"]["kind"] == "end"]
        self.assertEqual(len(told), 1)
        body, headers = told[0]["body"], told[0]["headers"]
        self.assertEqual((body["study"], body["level"], told[0]["path"]), ("s", "fine", "/ok/a?k=1"))
        self.assertEqual(headers["Authorization"], "Bearer abc")
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + told[0]["raw"]
        mac = hmac.new(base64.b64decode(SECRET[6:]), signed, hashlib.sha256).digest()
        self.assertEqual(headers["webhook-signature"], "v1," + base64.b64encode(mac).decode())

        best = json.loads(self.nocturne("best", "--json"))
        self.assertIn(f"Trial {best['trial']}", body["sentence"])
        report = self.nocturne("report", "--format", "md").replace("**", "").replace("\\", "")
        for sentence in body["sentence"].removeprefix("it is complete. ").split(". "):
            self.assertIn(sentence.rstrip("."), report)  # in the same words
        self.assertEqual(body["action"], "'nocturne report s' has the whole story")

        phone = self.read("phone.out").splitlines()
        self.assertEqual(phone, ["end", "fine", "s", body["sentence"], "1", "s -- " + body["sentence"]])
        self.assertEqual(json.loads(self.read("stdin.out")), body)
        self.assertEqual(len(self.read("fds.out").splitlines()), 1 + 4, self.read("fds.out"))  # 0, 1, 2, and ls's own

        self.assertEqual(self.read("args.out"), "-t -i\n")
        mail = email.message_from_string(self.read("mail.out"), policy=email.policy.default)
        self.assertEqual(mail["To"], "ada@example.org")
        self.assertIn("nocturne: s: it is complete. Trial", str(mail["Subject"]).replace("\n", ""))
        self.assertIn(body["sentence"], mail.get_content())

        for name in ("team", "phone", "mail"):
            self.assertEqual(out.count(f"told {name} (end)"), 1, out)
        log = self.nocturne("log", "s")
        self.assertEqual(log.count("told team (end)"), 1, log)
        self.assertEqual(len([x for x in map(json.loads, self.nocturne("log", "s", "--json").splitlines()) if x["event"] == "told"]), 3)
        self.assertEqual([c["waiting"] for c in json.loads(self.nocturne("notify", "show", "--notify", "notify.yaml", "--json"))["channels"]], [0, 0, 0])
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")  # nothing new, nothing told
        self.assertEqual(len(self.receiver.of("end")), 1)

    def test_a_new_best(self):
        self.study(GATE + TRIAL, "trials: 3", seeds=1)
        self.notify(self.team())
        run = self.begin()
        self.open_gates(0, 1)
        best = self.wait_for("best")
        self.assertRegex(best["sentence"], r"^trial 1 is the best so far: em 0\.\d+, tokens [\d.]+k?; utility \+")
        self.assertIn("'nocturne show s 1'", best["action"])
        self.open_gates(2, 3, 4, 5, 6)
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertEqual(len(self.receiver.of("best")), 1)  # one an hour, and the end says it all
        self.assertEqual(len(self.receiver.of("end")), 1)
        self.clean()

    def test_failures_that_repeat(self):
        self.study(f'if [ "$NOCTURNE_TRIAL" -gt 1 ]; then echo "no room on device 7" >&2; exit 3; fi\n{TRIAL}', "trials: 8")
        self.notify(self.team())
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        failures = self.receiver.of("failures")
        self.assertEqual(len(failures), 1)
        self.assertEqual(failures[0]["level"], "wrong")
        self.assertIn("alike: exit code 3: no room on device 7", failures[0]["sentence"])
        self.assertIn("'nocturne retry s --failed'", failures[0]["action"])
        shown = [c for c in json.loads(self.nocturne("status", "--json"))["studies"][0]["health"]["checks"] if c["check"] == "failures"]
        self.assertEqual((shown[0]["sentence"], shown[0]["action"]), (failures[0]["sentence"], failures[0]["action"]))

    def test_a_study_that_cannot_go_on(self):
        self.study("echo broken >&2\nexit 1\n")
        self.notify(self.team())
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml", code=1)
        end = self.receiver.of("end")[0]
        self.assertEqual(end["level"], "wrong")
        self.assertTrue(end["sentence"].startswith("it cannot go on: "), end)
        self.assertIn("broken", end["sentence"])
        self.assertEqual(len(self.receiver.of("health")), 0)  # the end has it

    def test_a_trial_that_has_fallen_silent_and_the_heart_stands_still(self):
        silent = """if [ "$NOCTURNE_TRIAL" = 1 ]; then
  for i in 1 2 3 4 5 6; do echo "nocturne: {\\"step\\": $i, \\"em\\": 0.5, \\"tokens\\": 100}"; done
  : >silent
""" + GATE + "fi\n" + TRIAL
        self.study(silent, "trials: 3")
        self.notify(self.team(more=f"heartbeat: {{url: '{self.receiver.url('/beat')}', every: 1s}}\n"))
        run = self.begin(clock=0)
        until("it is silent", lambda: os.path.exists(self.dir + "/silent"))
        until("the heart beats", lambda: self.receiver.beats.get("/beat"))
        self.write("offset", "3600")
        stalled = self.wait_for("stalled")
        self.assertEqual(stalled["level"], "wrong")
        self.assertRegex(stalled["sentence"], r"^trial 1 has said nothing for (1h 00m|59m)")
        self.assert_no_beat_while_another_heart_beats()
        self.open_gates(1)
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertEqual(len(self.receiver.of("stalled")), 1)
        self.clean()

    def test_a_database_that_is_gone(self):
        """Nothing can be written any more, and that is what somebody has to know."""
        self.study(GATE + TRIAL, "trials: 3", seeds=1)
        self.notify(self.team())
        run = self.begin()
        self.open_gates(0)
        until("it runs", lambda: "trial    0" in self.read("run.out"))
        for end in ("", "-wal", "-shm"):
            os.rename(f"{self.dir}/nocturne.db{end}", f"{self.dir}/away.db{end}")
        rests = self.wait_for("health")
        self.assertEqual(rests["level"], "wrong")
        self.assertTrue(rests["sentence"].startswith("it rests: "), rests)
        for end in ("", "-wal", "-shm"):
            os.rename(f"{self.dir}/away.db{end}", f"{self.dir}/nocturne.db{end}")
        self.open_gates(1, 2, 3, 4, 5)
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertEqual(len(self.receiver.of("end")), 1)
        self.clean()

    def test_a_budget_at_80_percent(self):
        self.study(budget="trials: 50, tokens: 20000", seeds=1)
        self.notify(self.team("/ok/t", "tell: {budget: [team], end: []}\n"))
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        budget = self.receiver.of("budget")
        self.assertTrue(budget)
        self.assertRegex(budget[0]["sentence"], r"^(8|9)\d % of the budget of tokens are gone \([\d.]+k of 20k\)")
        self.assertIn("budget: {tokens: …}", budget[0]["action"])
        self.assertEqual(self.receiver.of("end"), [])

    def test_a_constraint_is_broken_on_fresh_seeds(self):
        fickle = """if [ "$1" = 0.9 ] || [ ! -e "seen.$1" ]; then em=0.8; else em=0.1; fi
: >"seen.$1"
awk -v x="$1" -v em=$em 'BEGIN { printf "nocturne: {\\"result\\": {\\"em\\": %.4f, \\"tokens\\": %d}}\\n", em, 1000 + 1000 * x }'
"""
        self.study(fickle, "trials: 4", more="constraints: ['em >= baseline - 0.05']")
        self.notify(self.team())
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        breach = [n for n in self.receiver.of("constraint") if "on fresh seeds" in n["sentence"]]
        self.assertTrue(breach, self.receiver.told)
        self.assertRegex(breach[0]["sentence"], r"^on fresh seeds trial \d breaks 'em >= baseline - 0.05' by 65(\.00?)? points$")
        self.assertIn("would let it through", breach[0]["action"])

    def test_a_run_that_a_person_stops(self):
        self.study(GATE + TRIAL)
        self.notify(self.team())
        run = self.begin()
        self.open_gates(0)
        until("it runs", lambda: "trial    0" in self.read("run.out"))
        run.send_signal(signal.SIGINT)
        self.open_gates(1)
        self.assertEqual(run.wait(PATIENCE), 4)
        self.assertIn("it was stopped, by request", self.receiver.of("end")[0]["sentence"])
        self.clean()

    # ---- what is not lost

    def test_killed_between_due_and_delivered(self):
        self.study(budget="trials: 3", seeds=1)
        self.notify("channels: {team: {command: [sh, slow.sh]}}\n")
        self.write("slow.sh", "setsid sleep 100000 &\necho $$ $! >begun.new\nmv begun.new begun\nuntil [ -e never ]; do sleep 0.05; done\n")
        run = self.begin()
        until("somebody is being told", lambda: os.path.exists(self.dir + "/begun"))
        run.kill()
        run.wait()
        for pid in self.read("begun").split():
            until("who was telling is gone, with what it had started", lambda pid=pid: not self.runs(pid))
        waiting = json.loads(self.nocturne("notify", "show", "--notify", "notify.yaml", "--json"))["channels"][0]
        self.assertEqual(waiting["waiting"], 1)
        self.notify(self.team())  # the same channel, another way
        out = self.nocturne("notify", "send", "--notify", "notify.yaml")
        self.assertIn("told team", out)
        self.assertEqual(len(self.receiver.told), 1, self.receiver.told)
        self.assertNotIn("told", self.nocturne("notify", "send", "--notify", "notify.yaml"))
        self.assertEqual(len(self.receiver.told), 1)

    def test_an_end_that_nobody_lived_to_tell(self):
        self.study(budget="trials: 3", seeds=1)
        self.notify(self.team())
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        with contextlib.closing(sqlite3.connect(self.dir + "/nocturne.db")) as db, db:  # as if killed when the log had its end, and nothing more
            db.execute("DELETE FROM told WHERE key LIKE 'end/%'")
            db.execute("INSERT INTO told VALUES (1, 'watch', 1)")
        self.nocturne("notify", "send", "--notify", "notify.yaml")
        self.assertEqual(len(self.receiver.of("end")), 2)
        self.nocturne("notify", "send", "--notify", "notify.yaml")
        self.assertEqual(len(self.receiver.of("end")), 2)

    # ---- who does not answer as he should

    def test_bad_servers_hold_nobody_up(self):
        self.study(budget="trials: 3", seeds=1)
        paths = {"broken": "/500/hidden", "busy": "/429/hidden", "moved": "/redirect/hidden", "huge": "/huge/hidden", "good": "/ok/good"}
        self.notify("channels:\n" + "".join(f"  {name}: {{webhook: '{self.receiver.url(path)}'}}\n" for name, path in paths.items()) +
                    "  gone: {webhook: 'http://127.0.0.1:1/hidden'}\n  none: {command: [/no/such/program]}\n"
                    "  angry: {command: [sh, -c, 'echo why hidden-word >&2; exit 7', hidden-word]}\ntell: {best: []}\n")
        out = self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        self.assertNotIn("hidden", out)
        for name, why in (("broken", "it answers 500"), ("busy", "it answers 429"), ("moved", "a redirect, which is not followed"),
                          ("none", "/no/such/program: No such file or directory"), ("angry", "sh ends with code 7: why ***********")):
            self.assertEqual(len([x for x in out.splitlines() if f"could not tell {name} " in x and why in x]), 1, out)
        self.assertEqual(out.count("could not tell gone "), 1, out)
        self.assertEqual(sorted(t["path"] for t in self.receiver.told), ["/huge/hidden", "/ok/good"])
        self.assertNotIn("/ok/redirected", self.receiver.visits)
        self.assertIn("'nocturne notify send'", out)
        shown = {c["channel"]: c for c in json.loads(self.nocturne("notify", "show", "--notify", "notify.yaml", "--json"))["channels"]}
        self.assertEqual({name: c["waiting"] for name, c in shown.items()},
                         {"broken": 1, "busy": 1, "moved": 1, "huge": 0, "good": 0, "gone": 1, "none": 1, "angry": 1})
        self.assertGreater(shown["busy"]["next_ms"] - shown["broken"]["next_ms"], 7000000)  # Retry-After
        self.assertNotIn("hidden", json.dumps(shown))
        self.receiver.better.update(paths.values())
        self.nocturne("notify", "send", "--notify", "notify.yaml")  # who asks does not wait
        self.assertEqual(sorted(t["path"] for t in self.receiver.told),
                         ["/429/hidden", "/500/hidden", "/huge/hidden", "/ok/good", "/redirect/hidden"])

    def test_one_line_for_many_tries(self):
        self.study(GATE + TRIAL, "trials: 3", seeds=1)
        self.notify(self.team("/500/x", "tell: {best: [team], end: []}\n"))
        run = self.begin(clock=0)
        self.open_gates(0, 1)
        for i in range(1, 5):
            until(f"try {i}", lambda n=i: self.receiver.visits.count("/500/x") >= n, explain=lambda: self.read("run.out")[-2000:])
            self.write("offset", str(4000 * i))
        self.receiver.better.add("/500/x")
        self.write("offset", "40000")
        self.wait_for("best")
        self.open_gates(2, 3, 4, 5)
        self.assertEqual(run.wait(PATIENCE), 0)
        out = self.clean()
        self.assertEqual(out.count("could not tell team"), 1, out)
        self.assertEqual(out.count("told team (best)"), 1, out)

    def test_who_hangs_is_left_behind(self):
        self.study(budget="trials: 3", seeds=1)
        self.write("slow.sh", "sleep 100000 &\necho $! >child\nuntil [ -e never ]; do sleep 0.05; done\n")
        self.notify(f"channels:\n  server: {{webhook: '{self.receiver.url('/hang/x')}'}}\n  program: {{command: [sh, slow.sh]}}\n"
                    f"  good: {{webhook: '{self.receiver.url('/ok/good')}'}}\n")
        run = self.begin()
        self.wait_for("end")  # while the others hang
        self.assertEqual(run.wait(PATIENCE), 0)
        self.assertIn("1 notice for server waits", self.clean())
        until("what it had started is gone", lambda: not self.runs(int(self.read("child"))))
        self.assertEqual([c["waiting"] for c in json.loads(self.nocturne("notify", "show", "--notify", "notify.yaml", "--json"))["channels"]], [1, 1, 0])

    # ---- quiet hours

    def test_quiet_hours(self):
        self.study(f'if [ "$NOCTURNE_TRIAL" -gt 1 ]; then exit 3; fi\n{TRIAL}', "trials: 8")
        now = time.localtime()
        minute = 60 * now.tm_hour + now.tm_min
        at = lambda minutes: f"{minutes // 60 % 24:02}:{minutes % 60:02}"
        self.notify(self.team(more=f"quiet: {{from: '{at(minute + 1380)}', to: '{at(minute + 120)}'}}\n"))
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        self.assertEqual(self.receiver.told, [])
        self.assertIn("(now); meanwhile only: nothing", self.nocturne("notify", "show", "--notify", "notify.yaml"))
        self.nocturne("notify", "send", "--notify", "notify.yaml")
        self.assertEqual(self.receiver.told, [])
        self.nocturne("notify", "send", "--notify", "notify.yaml", clock=3 * 3600)
        digest = self.receiver.of("digest")
        self.assertEqual(len(self.receiver.told), 1)
        self.assertIn("notices were held back meanwhile", digest[0]["sentence"])
        said = " ".join(x["sentence"] for x in digest[0]["more"])
        self.assertIn("exit code 3", said)
        self.assertIn("it is complete", said)

    # ---- the heart

    def beats(self, path="/beat"):
        return self.receiver.beats.get(path, 0)

    def assert_no_beat_while_another_heart_beats(self):
        """Another process's heart is the clock: it beats five times while ours does at most once, on its way already."""
        self.write("other.yaml", f"heartbeat: {{url: '{self.receiver.url('/other')}', every: 1s}}\n", 0o600)
        folder = os.path.join(self.dir, "other")
        os.makedirs(folder, exist_ok=True)
        other = subprocess.Popen([NOCTURNE, "serve", "--listen", "127.0.0.1:0", "--notify", "../other.yaml"], cwd=folder, env=self.env,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running.append(other)
        first, before = self.beats("/other"), self.beats()
        until("another heart beats", lambda: self.beats("/other") >= first + 5)
        self.assertLessEqual(self.beats(), before + 1)
        other.terminate()
        other.wait(PATIENCE)

    def test_the_heart_stops_with_the_process(self):
        self.study(GATE + TRIAL, "trials: 2", seeds=1)
        self.notify(f"heartbeat: {{url: '{self.receiver.url('/beat')}', every: 1s}}\n")
        run = self.begin()
        until("it beats", lambda: self.beats() >= 2)
        run.send_signal(signal.SIGSTOP)
        self.assert_no_beat_while_another_heart_beats()
        run.send_signal(signal.SIGCONT)
        again = self.beats()
        until("it beats again", lambda: self.beats() > again + 1)
        run.kill()
        run.wait()
        self.assert_no_beat_while_another_heart_beats()

    # ---- texts of others

    def test_hostile_texts(self):
        self.study('if [ "$NOCTURNE_TRIAL" -gt 0 ]; then printf \'x\\r\\nBcc: eve@example.org\\r\\n\\033[31m$(touch owned) `touch owned`; touch owned \\042\\n\' >&2; exit 1; fi\n' + TRIAL)
        self.write("sendmail.sh", "#!/bin/sh\ncat >>mail.out\n", 0o755)
        self.write("phone.sh", 'printf "%s|" "$#" "$1" >>phone.out\n')
        self.notify(f"channels:\n  mail: {{sendmail: ada@example.org, path: {self.dir}/sendmail.sh}}\n"
                    '  phone: {command: [sh, phone.sh, "{sentence}"]}\n  text: {command: [sh, phone.sh, "{text}"]}\n')
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        mail = self.read("mail.out")
        self.assertNotIn("\nBcc", mail)
        self.assertNotIn("\r", mail)
        self.assertNotIn("\x1b", mail)
        phone = self.read("phone.out")
        self.assertEqual(set(phone.split("|")[:-1:2]), {"1"})
        self.assertNotIn("\x1b", phone)
        self.assertFalse(os.path.exists(self.dir + "/owned"))

    def test_what_is_said_of_a_failure_is_text_wherever_it_is_cut(self):
        self.study(budget="trials: 2", seeds=1)
        for more in ("", "x"):
            self.write("phone.sh", f"printf '{more}'; printf '\\303\\251%.0s' $(seq 300); exit 3\n")
            self.notify("channels: {phone: {command: [sh, phone.sh]}}\n")
            result = json.loads(self.nocturne("notify", "test", "--json", "--notify", "notify.yaml", code=1))
            self.assertRegex(result["channels"][0]["why"], f"^sh ends with code 3: {more}é+…$")
        self.nocturne("run", "study.yaml", "--notify", "notify.yaml")
        shown = json.loads(self.nocturne("notify", "show", "--json", "--notify", "notify.yaml"))
        self.assertEqual([c["channel"] for c in shown["channels"]], ["phone"])
        self.assertRegex(shown["channels"][0]["why"], "é…$")

    # ---- the command

    def test_a_test_says_what_came_back(self):
        self.notify(self.team().replace("}}", f"}}, bad: {{webhook: '{self.receiver.url('/500/x')}'}}}}"))
        out = self.nocturne("notify", "test", "--notify", "notify.yaml", code=1)
        self.assertRegex(out, r"(?m)^team +webhook +told$")
        self.assertRegex(out, r"(?m)^bad +webhook +it answers 500$")
        self.assertEqual(self.receiver.told[0]["body"]["kind"], "test")
        self.nocturne("notify", "test", "team", "--notify", "notify.yaml")
        result = json.loads(self.nocturne("notify", "test", "bad", "--json", "--notify", "notify.yaml", code=1))
        self.assertEqual(result, {"ok": False, "channels": [{"channel": "bad", "kind": "webhook", "ok": False, "why": "it answers 500"}]})
        self.assertIn("there is no channel 'x'", self.nocturne("notify", "test", "x", "--notify", "notify.yaml", code=3))
        self.assertFalse(os.path.exists(self.dir + "/nocturne.db"))

    def test_files_that_are_refused_before_anything_runs(self):
        self.study()
        self.notify("channels: {team: {webhok: x}}\n")
        self.assertIn("notify.yaml:1:12: channel 'team' has no way", self.nocturne("run", "study.yaml", "--notify", "notify.yaml", code=2))
        self.assertIn("cannot be read", self.nocturne("run", "study.yaml", "--notify", "missing.yaml", code=3))
        os.chmod(self.notify(self.team()), 0o666)
        self.assertIn("others may write to it", self.nocturne("run", "study.yaml", "--notify", "notify.yaml", code=1))
        self.assertFalse(os.path.exists(self.dir + "/nocturne.db"))
        self.assertIn("there is no notify file", self.nocturne("notify", "show", code=3))

    def test_the_file_is_found_where_people_keep_it(self):
        self.study(budget="trials: 2", seeds=1)
        os.makedirs(self.dir + "/config/nocturne")
        self.write("config/nocturne/notify.yaml", self.team(), 0o600)
        self.assertIn("config/nocturne/notify.yaml", self.nocturne("notify", "show"))
        self.nocturne("run", "study.yaml", "--notify", "none")
        self.assertEqual(self.receiver.told, [])
        self.study(budget="trials: 3", seeds=1)
        self.nocturne("resume")
        self.assertEqual(len(self.receiver.of("end")), 1)


class Served(World):
    def setUp(self):
        self.receiver = Receiver()
        super().setUp()

    def tearDown(self):
        super().tearDown()
        self.receiver.close()

    def start(self, *more):
        if not more:
            self.write("notify.yaml", f"channels:\n  team: {{webhook: '{self.receiver.url('/ok/hidden')}', header: {{X-Key: hidden}}, secret: {SECRET}}}\n"
                       f"  bad: {{webhook: '{self.receiver.url('/500/hidden')}'}}\nheartbeat: {{url: '{self.receiver.url('/beat/hidden')}', every: 1s}}\n", 0o600)
        super().start("--notify", "notify.yaml" if not more else more[0])

    def test_the_service_tells_the_end_and_its_heart_beats(self):
        self.create()
        self.wait_phase("complete")
        end = self.wait("the end is told", lambda: self.receiver.of("end"))[0]
        self.assertEqual(end["study"], "s")
        self.wait("the heart beats", lambda: self.receiver.beats.get("/beat/hidden"))
        self.wait("the log says so", lambda: "s: told team (end)" in self.read("serve.out"))
        self.assertNotIn("hidden", self.read("serve.out"))
        self.kill_server(signal.SIGTERM)
        self.assertEqual(self.server.returncode, 0)

    def test_killed_and_told_by_the_next(self):
        self.create()
        self.wait_phase("complete")
        self.wait("the end is told", lambda: self.receiver.of("end"))
        self.wait("the other waits", lambda: [c for c in self.ok("GET", "/notify")["channels"] if c["channel"] == "bad"][0]["waiting"])
        self.wait("what was told is noted", lambda: not [c for c in self.ok("GET", "/notify")["channels"] if c["channel"] == "team"][0]["waiting"])
        self.kill_server()
        self.receiver.better.add("/500/hidden")
        with contextlib.closing(sqlite3.connect(self.dir + "/nocturne.db")) as db, db:
            db.execute("UPDATE notice SET next_ms = 0")
        self.start()
        self.wait("it is told", lambda: [t for t in self.receiver.told if t["path"] == "/500/hidden"])
        self.assertEqual(len([t for t in self.receiver.told if t["path"] == "/ok/hidden" and t["body"]["kind"] == "end"]), 1)

    def test_the_test_button(self):
        shown = self.ok("GET", "/notify")
        self.assertNotIn("hidden", json.dumps(shown))
        self.assertEqual([(c["channel"], c["kind"], c["waiting"]) for c in shown["channels"]], [("team", "webhook", 0), ("bad", "webhook", 0)])
        self.assertEqual(self.ok("POST", "/notify/test", {"channel": "team"}),
                         {"ok": True, "channels": [{"channel": "team", "kind": "webhook", "ok": True, "why": None}]})
        both = self.ok("POST", "/notify/test")
        self.assertEqual([(c["channel"], c["ok"]) for c in both["channels"]], [("team", True), ("bad", False), ("heartbeat", True)])
        self.assertEqual(self.call("POST", "/notify/test", {"channel": "x"}).status, 404)
        self.assertEqual(self.call("POST", "/notify/test", {"chanel": "x"}).status, 422)
        viewer, worker = self.token("viewer"), self.token("worker")
        for token in (viewer, worker):
            self.assertEqual(self.call("GET", "/notify", token=token).status, 403)
            self.assertEqual(self.call("POST", "/notify/test", {}, token=token).status, 403)
        self.assertEqual(self.call("GET", "/notify", token=None).status, 401)

    def test_without_a_file(self):
        self.kill_server(signal.SIGTERM)
        self.start("none")
        self.assertEqual(self.ok("GET", "/notify"), {"file": None, "channels": [], "quiet": None, "heartbeat": None, "others": 0})
        self.assertEqual(self.call("POST", "/notify/test").status, 409)


if __name__ == "__main__":
    unittest.main(verbosity=2)
