#!/usr/bin/env python3
"""Plays the whole loop, and says what happens: serve.sh calls it. Nothing of the loop is done here: Nocturne decides, and this
starts programs, lets people ask other words once the first winner is live, waits, and reads what became of it.

    loop.py --data g2p.data FOLDER

FOLDER has all that is kept: models, database, outcomes. The same command goes on. Exit code 1: the drift was not found, a winner
was taken back, or something took longer than --patience.
"""
import argparse
import contextlib
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


class House:
    """The programs that run as long as this does; they end with it, even if it is killed."""

    def __init__(self, folder):
        self.folder = folder
        self._running = {}

    def start(self, name, *command):
        with open(os.path.join(self.folder, name + ".log"), "ab") as log:
            self._running[name] = subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], cwd=self.folder, stdin=subprocess.DEVNULL,
                                                   stdout=log, stderr=log, start_new_session=True)
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


class Loop:
    def __init__(self, args):
        self.args = args
        self.folder = os.path.abspath(args.folder)
        self.house = House(self.folder)
        self.said = 0.0
        self.began = time.time()

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

    def events(self):
        try:
            return [json.loads(line) for line in self.nocturne("rollout", "events", NAME, "--json").splitlines()]
        except Ended:
            return []

    def loop(self):
        return json.loads(self.nocturne("loop", NAME, "--json"))["loops"][0]

    def wait(self, what, condition):
        end = time.monotonic() + self.args.patience
        while time.monotonic() < end:
            self.house.check()
            if found := condition():
                return found
            time.sleep(0.5)
        raise Ended(f"{what}: not within {self.args.patience:g} seconds")

    def event(self, kind, after=0):
        return next((e for e in self.events() if e["kind"] == kind and e["seq"] > after), None)

    # ---- steps; each is left out if it was done before ----

    def prepare(self):
        if not all(os.path.exists(self.path(m)) for m in MODELS):
            self.say(f"training a small and a large model, {self.args.letters / 1e6:g} million letters each")
            subprocess.run(["sh", os.path.join(HERE, "models.sh"), os.path.abspath(self.args.data), str(self.args.letters)],
                           cwd=self.folder, check=True)
        if not os.path.exists(self.path("recent.words")):
            self.traffic("--write", self.path("recent.new"), "--mix", "everyday")
            os.rename(self.path("recent.new"), self.path("recent.words"))
        for name in "serving.yaml", "live.yaml", "watch.yaml":
            shutil.copy(os.path.join(HERE, name), self.folder)

    def traffic_command(self, *args):
        return [sys.executable, "-B", os.path.join(HERE, "traffic.py"), "--data", os.path.abspath(self.args.data), *args]

    def traffic(self, *args):
        subprocess.run(self.traffic_command(*args), check=True)

    def tune(self):
        self.say("a study finds which model answers, and how sure it must be (serving.yaml, on validation words)")
        self.nocturne("run", "serving.yaml", "--quiet")

    def open(self):
        api, say = free_port(), free_port()
        self.url = f"http://127.0.0.1:{say}"
        self.house.start("service", "nocturne", "serve", "--db", self.path("nocturne.db"), "--listen", f"127.0.0.1:{api}", "--slots", "0")
        self.wait("the service answers", lambda: answers(f"http://127.0.0.1:{api}/"))
        self.nocturne("token", "create", "--role", "client", "--study", NAME, "--output", "client.token")
        self.collect(f"http://127.0.0.1:{api}")
        self.house.start("g2p_serve", "g2p_serve", "--words", "recent.words", "--rollout", NAME, "--folder", self.path("live"),
                         "--port", str(say), *MODELS)
        self.wait("g2p_serve answers", lambda: answers(self.url))
        self.say(f"live: {self.url}/say?word=tomato&unit=me   the service and its page: http://127.0.0.1:{api}")

    def collect(self, url):
        self.house.start("collector", sys.executable, "-B", "-m", "nocturne.live", NAME, "--url", url, "--token-file", "client.token",
                         "--folder", self.path("live"))

    def people(self, mix):
        self.asking = self.house.start("traffic", *self.traffic_command(
            "--url", self.url, "--rate", str(self.args.rate), "--mix", mix, "--later", "names+long", "--seed", str(os.getpid())))

    def drifted(self):
        return os.path.exists(self.path("drifted"))

    def try_winner(self):
        if not self.event("started"):
            self.nocturne("rollout", "start", NAME, "--champion", "baseline", "--challenger", "best", "--plan", "live.yaml")
            self.say("live is the large model alone; the study's winner is tried beside it")

    def follow(self, after):
        """Until the experiment that began after this event has ended: the event with which it did."""
        end = self.wait("an experiment ends", lambda: next((e for e in self.events() if e["seq"] > after and
                                                             e["kind"] in ("promoted", "rolled back", "stopped")), None))
        if end["kind"] != "promoted":
            raise Ended(f"the challenger was not promoted but {end['kind']}: {end.get('why', '')}")
        return end

    def watch(self):
        first = not self.event("watched")
        self.house.start("watch", "nocturne", "watch", NAME, "--db", self.path("nocturne.db"), *(("--plan", "watch.yaml") if first else ()))
        if not self.drifted():
            self.wait("what is usual is known", lambda: self.loop()["phase"] not in (None, "learning"))

    def change(self):
        if not self.drifted():
            open(self.path("drifted"), "w").close()
            self.asking.send_signal(signal.SIGUSR1)
            self.say("people begin to ask other words: names and long ones")

    def run(self):
        self.prepare()
        self.tune()
        self.open()
        self.people("names+long" if self.drifted() else "everyday")
        self.try_winner()
        first = self.follow(0)
        self.say("promoted: " + self.cost(1))
        self.watch()
        self.change()
        drift = self.wait("the drift is found", lambda: self.event("drift", first["seq"]))
        self.say(f"drift: {drift.get('why', '')}")
        started = self.wait("the study is tuned anew, and its winner tried", lambda: self.event("started", drift["seq"]))
        self.say(f"tuned anew on what people ask now; its winner is tried (experiment {started['seq']})")
        self.follow(started["seq"])
        self.say("promoted: " + self.cost(2))
        print()
        print(self.nocturne("loop", NAME), end="")

    def cost(self, experiment):
        status = json.loads(self.nocturne("rollout", "status", NAME, "--experiment", str(experiment), "--json"))
        return json.dumps(status)[:3000]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="for all that is kept")
    parser.add_argument("--data", required=True, help="output of g2p_prep")
    parser.add_argument("--rate", type=float, default=300, help="words a second (default 300)")
    parser.add_argument("--letters", type=int, default=1000000, help="that each model is trained on (default 1000000)")
    parser.add_argument("--patience", type=float, default=180, help="seconds that one step may take (default 180)")
    loop = Loop(parser.parse_args())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        loop.run()
    except Ended as why:
        print(f"loop.py: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on", file=sys.stderr)
        return 130
    finally:
        loop.house.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
