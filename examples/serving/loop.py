#!/usr/bin/env python3
"""Plays the whole loop, and says what happens: serve.sh calls it. Nothing of the loop is done here: Nocturne decides, and this
starts programs, lets people ask other words once the first winner is live, waits, and reads what became of it.

    loop.py --data g2p.data FOLDER

FOLDER has all that is kept: models, database, outcomes. The same command goes on. Exit code 1: the drift was not found, a winner
was taken back, or something took longer than --patience.
"""
import argparse
import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = "g2p-serving"
MODELS = ["small4.model", "small8.model", "large.model"]


class Ended(Exception):
    """It cannot go on, and why."""


def free_port():
    with contextlib.closing(socket.socket()) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def lock(path, patience):
    """Held by this and all that it starts, so that who comes next waits until they have ended, even if this was killed."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() > end:
                raise Ended(f"another one is at work here: {path}") from None
            time.sleep(0.2)


class House:
    """The programs that run as long as this does; they end with it, even if it is killed."""

    def __init__(self, folder):
        self.folder = folder
        self._running = {}
        self._lock = lock(os.path.join(folder, "lock"), 30)

    def start(self, name, *command):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self._running[name] = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], cwd=self.folder, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log, start_new_session=True, pass_fds=[self._lock])
        return self._running[name]

    def check(self):
        for name, process in self._running.items():
            if process.poll() is not None:
                raise Ended(f"{name} has ended with {process.returncode}; {name}.log in {self.folder} says why")

    def close(self):
        for process in reversed(self._running.values()):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def percent(ratio):
    return f"{100 * ratio:+.1f} %".replace("-", "−")


def configuration(of):
    p = of["parameters"]
    return p["model"] + (f", asks large.model below {p['confidence']:.2f}" if "confidence" in p else " alone")


def seconds(ms):
    return f"{ms / 1000:.0f} s"


class Loop:
    def __init__(self, args):
        self.args = args
        self.folder = os.path.abspath(args.folder)
        os.makedirs(self.folder, exist_ok=True)
        self.house = House(self.folder)

    # ---- words and waiting ----

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def nocturne(self, *args):
        done = subprocess.run(["nocturne", *args, "--db", self.path("nocturne.db")], cwd=self.folder, capture_output=True, text=True)
        if done.returncode:
            raise Ended(f"nocturne {' '.join(args)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def began(self):
        """Is there a rollout already?"""
        all_of_them = json.loads(self.nocturne("rollout", "status", "--json")) if os.path.exists(self.path("nocturne.db")) else {}
        return any(r["rollout"] == NAME for r in all_of_them.get("rollouts", []))

    def events(self, *kinds, after=0):
        lines = self.nocturne("rollout", "events", NAME, "--json").splitlines() if self.began() else []
        return [e for e in map(json.loads, lines) if e["kind"] in kinds and e["seq"] > after]

    def phase(self):
        return json.loads(self.nocturne("loop", NAME, "--json"))["loops"][0]["phase"]

    def wait(self, what, condition):
        end = time.monotonic() + self.args.patience
        while time.monotonic() < end:
            self.house.check()
            if found := condition():
                return found
            time.sleep(0.5)
        raise Ended(f"{what}: not within {self.args.patience:g} seconds")

    # ---- steps; each is left out if it was done before ----

    def prepare(self):
        if not all(os.path.exists(self.path(m)) for m in MODELS):
            self.say(f"training a small and a large model, on {self.args.letters / 1e6:g} million letters each")
            subprocess.run(["sh", os.path.join(HERE, "models.sh"), self.args.data, str(self.args.letters)], cwd=self.folder, check=True)
        if not os.path.exists(self.path("recent.words")):
            subprocess.run(self.traffic("--write", self.path("recent.new"), "--mix", "everyday"), check=True)
            os.rename(self.path("recent.new"), self.path("recent.words"))
        for name in "serving.yaml", "live.yaml", "watch.yaml":
            shutil.copy(os.path.join(self.args.plans, name), self.folder)

    def traffic(self, *args):
        return [sys.executable, "-B", os.path.join(HERE, "traffic.py"), "--data", self.args.data, *args]

    def tune(self):
        if not self.began():
            self.say("a study finds which model is to answer, and how sure it must be: on words for validation")
            self.nocturne("run", "serving.yaml", "--quiet")

    def open(self):
        if not self.began():
            self.nocturne("rollout", "start", NAME, "--champion", "baseline", "--challenger", "best", "--plan", "live.yaml")
        api, words = free_port(), free_port()
        self.url = f"http://127.0.0.1:{words}"
        self.house.start("service", "nocturne", "serve", "--db", "nocturne.db", "--listen", f"127.0.0.1:{api}", "--slots", "0")
        self.wait("the service answers", lambda: answers(f"http://127.0.0.1:{api}/"))
        self.nocturne("token", "create", "--role", "client", "--study", NAME, "--output", "client.token")
        self.house.start("collector", "nocturne", "collect", "--rollout", NAME, "--url", f"http://127.0.0.1:{api}", "--token-file", "client.token",
                         "--spool", "live")
        self.wait("the rules are here", lambda: os.path.exists(self.path("live", NAME, "ruleset.json")))
        self.house.start("g2p_serve", "g2p_serve", "--words", "recent.words", "--rollout", NAME, "--folder", "live", "--port", str(words),
                         *MODELS)
        self.wait("g2p_serve answers", lambda: answers(self.url))
        self.say(f"live: {self.url}/say?word=tomato&unit=me ; the service and its page: http://127.0.0.1:{api}")

    def people(self):
        mix = "names+long" if os.path.exists(self.path("changed")) else "everyday"
        self.asking = self.house.start("traffic", *self.traffic("--url", self.url, "--rate", str(self.args.rate), "--mix", mix,
                                                                "--later", "names+long", "--seed", str(os.getpid())))
        self.say(f"{self.args.rate:g} people a second ask {'names and long' if mix != 'everyday' else 'everyday'} words")

    def follow(self, started):
        """Until this experiment has ended. The event with which it did."""
        x = self.status(started["experiment"])
        self.say(f"experiment {x['number']}: live is {configuration(x['variants']['champion'])}; "
                 f"tried beside it is {configuration(x['variants']['challenger'])}")
        end = self.wait("an experiment ends", lambda: self.events("promoted", "rolled back", "stopped", after=started["seq"]))[0]
        if end["kind"] != "promoted":
            raise Ended(f"the challenger was not promoted but {end['kind']}: {end['why']}")
        self.say("promoted: " + self.found(started["experiment"]))
        return end

    def watch(self):
        plan = () if self.events("watched") else ("--plan", "watch.yaml")
        self.house.start("watch", "nocturne", "watch", NAME, "--db", "nocturne.db", *plan)
        if not os.path.exists(self.path("changed")):
            self.say("it is watched, and learns what is usual")
            self.wait("what is usual is known", lambda: self.events("watched") and self.phase() == "watching")

    def change(self):
        """The time at which people began to ask other words, ms."""
        if not os.path.exists(self.path("changed")):
            with open(self.path("changed"), "w", encoding="ascii") as file:
                file.write(str(int(time.time() * 1000)))
            self.asking.send_signal(signal.SIGUSR1)
            self.say("from now on people ask other words: names and long ones")
        with open(self.path("changed"), encoding="ascii") as file:
            return int(file.read() or 0)

    def find_drift(self, changed, after):
        drift = self.wait("the drift is found", lambda: self.events("drift", after=after))[0]
        if drift["at_ms"] < changed:
            raise Ended("a false alarm, before anything had changed; that happens, rarely: begin anew in another folder")
        self.say(f"drift, {seconds(drift['at_ms'] - changed)} later: {drift['why'].split(';')[0]}")
        return drift

    def tune_anew(self, drift):
        def ended():
            self.phase()
            return self.events("started", "watching", after=drift["seq"])
        started = self.wait("the study is tuned anew", ended)[0]
        for e in self.events("evaluating", "tuning", after=drift["seq"]):
            self.say(f"{e['kind']}: {e['why']}")
        if started["kind"] != "started":
            raise Ended(f"nothing is tried after the drift: {started['why']}")
        return started

    # ---- what became of it ----

    def status(self, experiment):
        return json.loads(self.nocturne("rollout", "status", NAME, "--experiment", str(experiment), "--json"))["experiment"]

    def found(self, experiment):
        x = self.status(experiment)
        lead = x["challengers"][0]
        em, bill = lead["metrics"][0], next(m for m in lead["metrics"] if m["what"] == "bill")
        return (f"{bill['challenger']:.1f} tokens a word instead of {bill['champion']:.1f} ({percent(bill['ratio'])}, between "
                f"{percent(bill['low'])} and {percent(bill['high'])}); right are {100 * em['challenger']:.1f} % instead of "
                f"{100 * em['champion']:.1f} %; {sum(lead['units']):.0f} words have shown that, in {seconds(x['since_ms'] - x['created_ms'])}")

    def tell(self):
        started, promoted = self.events("started"), self.events("promoted")
        changed, drift = self.change(), self.events("drift")[0]
        first, second = (self.status(e["experiment"]) for e in started[:2])
        print(f"""
What happened, and nobody was asked:
  Live was {configuration(first['variants']['champion'])}.
  It became {configuration(first['variants']['challenger'])}:
    {self.found(1)}.
  Then people asked other words. {seconds(drift['at_ms'] - changed)} later that was noticed: {drift['why'].split(';')[0]}.
  Tuned anew on what they asked, live became {configuration(second['variants']['challenger'])},
  {seconds(promoted[1]['at_ms'] - changed)} after the change:
    {self.found(2)}.
""")
        print(self.nocturne("loop", NAME), end="")

    def is_over(self):
        return len(self.events("promoted")) > 1

    def run(self):
        if not self.is_over():
            self.prepare()
            self.tune()
            self.open()
            self.people()
            first = self.follow(self.events("started")[0])
            self.watch()
            drift = self.find_drift(self.change(), first["seq"])
            self.follow(self.tune_anew(drift))
        self.tell()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="for all that is kept")
    parser.add_argument("--data", required=True, help="output of g2p_prep")
    parser.add_argument("--rate", type=float, default=300, help="words a second (default 300)")
    parser.add_argument("--letters", type=int, default=1500000, help="that each model is trained on (default 1500000)")
    parser.add_argument("--plans", default=HERE, help="the folder of serving.yaml, live.yaml and watch.yaml")
    parser.add_argument("--patience", type=float, default=180, help="seconds that one step may take (default 180)")
    args = parser.parse_args()
    args.data = os.path.abspath(args.data)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return play(args)


def play(args):
    loop = None
    try:
        loop = Loop(args)
        loop.run()
        return 0
    except Ended as why:
        print(f"loop.py: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        return 130
    finally:
        if loop:
            loop.house.close()


if __name__ == "__main__":
    sys.exit(main())
