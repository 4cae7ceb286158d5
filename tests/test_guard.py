#!/usr/bin/env python3
"""nocturne-guard, and whoever helps it from outside: nobody of a trial survives, and nobody else dies.

Everything runs twice: with a cgroup of its own, where the system lets us have one, and without.
The processes of a test are known by a number in their arguments; a verdict waits for facts, never for a time.
"""
import glob
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import service
from patience import PATIENCE

BIN = os.path.abspath(os.environ["NOCTURNE_BIN"])
GUARD, NOCTURNE = os.path.join(BIN, "nocturne-guard"), os.path.join(BIN, "nocturne")

STUDY = """study: s
trial: {command: [sh, trial.sh, "{x}"], timeout: TIMEOUT, grace: GRACE, retries: 0}
parameters:
  x: {type: float, range: [0, 1]}
metrics:
  em: {goal: maximize}
baseline: {x: 0.5}
objective: {weights: {em: 1}}
budget: {trials: 1}
confirm: {top: 0, seeds: 0}
workers: {local: 1}
"""
# Whoever has a child and is gone at once, again and again.
RELAY = """import os, sys
os.setsid()
while True:
    if os.fork():
        os._exit(0)
"""
# A tree of any shape: sessions, groups, orphans, threads, deaf ones; `wide` and `deep` come from the seed.
TREE = """import os, random, signal, sys, threading, time
random.seed(int(sys.argv[1]))
def grow(depth):
    for _ in range(random.randint(1, 4)):
        seed = random.random()
        if os.fork() == 0:
            random.seed(seed)
            {0: os.setsid, 1: lambda: os.setpgid(0, 0)}.get(random.randint(0, 2), lambda: None)()
            for number in random.sample([signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGCONT], 2):
                signal.signal(number, signal.SIG_IGN)
            if depth:
                grow(depth - 1)
            if random.random() < 0.3:
                os._exit(0)
            threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
            if random.random() < 0.2:
                os.execvp("sleep", ["sleep", sys.argv[2]])
            time.sleep(600)
            os._exit(0)
grow(3)
"""


def stat(pid):
    """(state, parent) of a process, or None."""
    try:
        with open(f"/proc/{pid}/stat") as text:
            fields = text.read().rsplit(")", 1)[1].split()
        return fields[0], int(fields[1])
    except (OSError, IndexError):
        return None


def alive(mark):
    """The processes that have this in their arguments."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        pid = int(path.split("/")[2])
        try:
            with open(path, "rb") as text:
                if mark.encode() not in text.read():
                    continue
        except OSError:
            continue
        state = stat(pid)
        if state and state[0] not in "ZX":
            found.append(pid)
    return found


class World(unittest.TestCase):
    serial = 0

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory(prefix="nocturne-test-")
        self.dir = self.temporary.name
        World.serial += 1
        self.mark = f"6{os.getpid():07d}{World.serial:03d}"  # seconds that somebody sleeps
        self.bystander = subprocess.Popen(["sleep", "3600"], start_new_session=True)
        self.write("relay.py", RELAY)
        self.write("tree.py", TREE)
        self.processes = []

    def tearDown(self):
        self.assertIsNone(self.bystander.poll(), "a bystander died")
        self.bystander.kill()
        self.bystander.wait()
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()
        left = alive(self.mark)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        self.temporary.cleanup()
        self.assertEqual(left, [], "survived")

    def write(self, name, text):
        with open(os.path.join(self.dir, name), "w") as out:
            out.write(text.replace("MARK", self.mark))

    def read(self, name):
        try:
            with open(os.path.join(self.dir, name)) as text:
                return text.read()
        except OSError:
            return ""

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            value = condition()
            if value:
                return value
            time.sleep(0.02)
        self.fail(f"{what}: not within {PATIENCE} s")

    def wait_for_file(self, name):
        return self.wait(name, lambda: self.read(name).strip())


class Guard(World):
    """The guard alone. Its job's name is that of its cgroup."""

    cgroup = True

    def guard(self, script, wait=True):
        self.write("program.sh", script)
        env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        if self.cgroup:
            env["NOCTURNE_JOB"] = f"test{self.mark}"
        process = subprocess.Popen([GUARD, str(os.getpid()), "sh", "program.sh"], cwd=self.dir, env=env, start_new_session=True)
        self.processes.append(process)
        return process.wait(timeout=PATIENCE) if wait else process

    def expect_none(self):
        """Also that the program came as far as it should: what was never there cannot be left."""
        self.assertEqual(self.read("up"), "up\n")
        os.unlink(os.path.join(self.dir, "up"))
        self.assertEqual(alive(self.mark), [])

    def test_ends_as_the_program_did(self):
        self.assertEqual(self.guard("exit 7"), 7)
        self.assertEqual(self.guard("kill -KILL $$"), -signal.SIGKILL)
        self.assertEqual(self.guard("kill -SEGV $$"), -signal.SIGSEGV)
        self.assertEqual(glob.glob(f"/sys/fs/cgroup/**/nocturne-test{self.mark}*", recursive=True), [])

    def test_two_thousand_processes(self):
        code = self.guard("""trap '' TERM HUP INT QUIT USR1 USR2 ALRM PIPE CONT TSTP
            i=0
            while [ $i -lt 1000 ]; do setsid sleep MARK & sleep MARK & i=$((i + 1)); done
            echo up >up
            exit 3""")
        self.assertEqual(code, 3)
        self.expect_none()

    def test_three_hundred_nested_sessions(self):
        self.write("nest.sh", """[ "$1" -gt 0 ] && { setsid sh nest.sh $(($1 - 1)) MARK & wait; }
            [ "$1" -gt 0 ] || { echo up >up; sleep MARK; }""")
        self.guard("setsid sh nest.sh 300 MARK & while [ ! -s up ]; do sleep 0.02; done")
        self.expect_none()

    def test_who_runs_from_parent_to_child(self):
        self.guard(f"for i in 1 2 3 4; do {sys.executable} -S -E relay.py MARK & done; sleep 0.5; echo up >up")
        self.expect_none()

    def test_trees_of_any_shape(self):
        for _ in range(6):
            seed = random.randrange(1 << 30)
            with self.subTest(seed=seed):
                self.guard(f"{sys.executable} -S -E tree.py {seed} MARK; setsid sleep MARK & echo up >up")
                self.expect_none()

    def test_a_killed_guard(self):
        for how in ("kill -9 $PPID", "kill -9 -$PPID", "kill -QUIT $PPID; kill -ALRM $PPID; kill -9 $PPID"):
            with self.subTest(how=how):
                self.guard("setsid sleep MARK & env -i setsid sleep MARK & (setsid sh -c 'sleep MARK & sleep MARK' &); echo up >up; " + how)
                self.expect_none()

    def test_a_stopped_guard(self):
        process = self.guard("""kill -STOP $PPID; trap 'echo told >told' TERM
            setsid sh -c 'echo up >up; exec sleep MARK' & wait; wait""", False)  # up: out of the group that is told
        self.wait_for_file("up")
        process.terminate()
        self.wait_for_file("told")  # signals still arrive
        process.send_signal(signal.SIGUSR1)
        self.assertEqual(process.wait(timeout=PATIENCE), -signal.SIGKILL)
        self.expect_none()

    def test_a_stopped_guard_ends_with_its_program(self):
        self.assertEqual(self.guard("setsid sleep MARK & kill -STOP $PPID; echo up >up; exit 5"), 5)
        self.expect_none()

    def test_stopped_guards_whose_parent_dies(self):
        """Both are stopped when their coordinator is killed: the kernel wakes them."""
        self.write("program.sh", """outer=$(awk '{ print $4 }' /proc/$PPID/stat)
            setsid sleep MARK & echo up >up; kill -STOP $outer $PPID; exec sleep MARK""")
        coordinator = subprocess.Popen(["sh", "-c", f'setsid {GUARD} $$ sh program.sh & wait'], cwd=self.dir)
        self.processes.append(coordinator)
        self.wait_for_file("up")
        self.wait("both sleep", lambda: len(alive(self.mark)) == 2)
        coordinator.kill()
        coordinator.wait()
        self.wait("nobody is left", lambda: not alive(self.mark))

    def test_each_guard_ends_all_when_the_other_is_killed(self):
        for which in ("$outer", "$PPID"):
            with self.subTest(which=which):
                self.guard(f"""outer=$(awk '{{ print $4 }}' /proc/$PPID/stat)
                    setsid sleep MARK & env -i setsid sleep MARK & echo up >up; kill -9 {which}; sleep MARK""")
                self.wait("nobody is left", lambda: not alive(self.mark))
                self.expect_none()


class GuardWithoutCgroup(Guard):
    cgroup = False


class Bystanders(unittest.TestCase):
    """In a namespace where the numbers of processes are small, every beginning of a number is somebody else's."""

    SCRIPT = """i=0
        while [ $i -lt $((900 + SHIFT)) ]; do sleep 3600 & i=$((i + 1)); done
        sleep 0 & next=$!
        GUARD $$ sh -c 'i=0; while [ $i -lt 1100 ]; do setsid sleep 3601 & i=$((i + 1)); done'
        echo guard: $?
        alive=0; left=0
        for stat in /proc/[0-9]*/stat; do
            read -r pid name state rest <$stat 2>/dev/null || continue
            [ "$name" = "(sleep)" ] && [ "$state" != Z ] || continue
            [ $pid -lt $next ] && alive=$((alive + 1)) || left=$((left + 1))
        done
        echo alive: $((900 + SHIFT - alive)) died, $left left"""

    def test_no_beginning_of_a_number_dies(self):
        space = ["unshare", "--pid", "--fork", "--mount-proc"] + (["-Ur"] if os.geteuid() else [])
        if not shutil.which("unshare") or subprocess.run([*space, "true"], capture_output=True).returncode:
            self.skipTest("no namespace for processes here")
        for shift in range(0, 5):
            script = self.SCRIPT.replace("GUARD", GUARD).replace("SHIFT", str(shift))
            done = subprocess.run([*space, "sh", "-c", script], capture_output=True, text=True, timeout=4 * PATIENCE)
            self.assertEqual(done.stdout, "guard: 0\nalive: 0 died, 0 left\n", done.stderr)


class Run(World):
    """`nocturne run` and `serve`: what is done when no guard is left, or none does its work."""

    PREFIX = ()
    OUTER = "outer=$(awk '{ print $4 }' /proc/$PPID/stat); "

    def start(self, trial, *command, timeout="60s", grace="1s"):
        self.write("study.yaml", STUDY.replace("TIMEOUT", timeout).replace("GRACE", grace))
        self.write("trial.sh", trial)
        env = {k: v for k, v in os.environ.items() if not k.startswith("NOCTURNE_")}
        out = open(os.path.join(self.dir, "out"), "w")
        process = subprocess.Popen([*self.PREFIX, NOCTURNE, *(command or ("run", "study.yaml"))], cwd=self.dir, env=env,
                                   stdout=out, stderr=out, start_new_session=True)
        out.close()
        self.processes.append(process)
        return process

    def finish(self, trial, **kw):
        self.start(trial, **kw).wait(timeout=PATIENCE)
        self.assertEqual(self.read("up"), "up\n", self.read("out"))
        self.assertEqual(alive(self.mark), [])
        return self.read("out")

    def test_both_guards_killed(self):
        self.finish(self.OUTER + "setsid sleep MARK & (setsid sleep MARK >/dev/null 2>&1 3>&- &); env -i sleep MARK & echo up >up; kill -9 $outer $PPID")

    def test_cgroups_that_killed_guards_left_are_swept(self):
        with open("/proc/self/cgroup") as text:
            own = [line[3:].strip() for line in text if line.startswith("0::/")]
        found = [m for m in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified") if os.path.exists(m + "/cgroup.procs")]
        try:
            left = f"{found[0]}{own[0].rstrip('/')}/nocturne-{self.mark}"
            os.mkdir(left)
        except (OSError, IndexError):
            self.skipTest("no cgroup of one's own here")
        self.finish("echo up >up")
        if self.PREFIX and os.path.exists(left):  # another Nocturne of this machine sweeps it, too
            os.rmdir(left)
        self.assertFalse(os.path.exists(left))

    def test_both_guards_stopped_until_the_timeout(self):
        out = self.finish(self.OUTER + "trap '' TERM; setsid sleep MARK & echo up >up; kill -STOP $outer $PPID; sleep MARK", timeout="1s")
        self.assertIn("timed out", out)

    def test_guards_that_are_stopped_again_and_again(self):
        """Only from outside can that be ended."""
        self.finish(self.OUTER + "trap '' TERM; setsid sleep MARK & echo up >up; while kill -STOP $outer $PPID; do :; done", timeout="1s")

    def test_stopped_guards_and_a_stop(self):
        process = self.start(self.OUTER + "trap '' TERM; setsid sleep MARK & echo up >up; while kill -STOP $outer $PPID; do :; done")
        self.wait_for_file("up")
        while process.poll() is None:  # the first one waits for the trial
            process.send_signal(signal.SIGINT)
            time.sleep(0.5)
        self.assertEqual(alive(self.mark), [])

    def test_stopped_guards_and_a_killed_coordinator(self):
        process = self.start(self.OUTER + "setsid sleep MARK & echo up >up; kill -STOP $outer $PPID; exec sleep MARK")
        self.wait_for_file("up")
        self.wait("both sleep", lambda: len(alive(self.mark)) == 2)
        process.kill()
        self.wait("nobody is left", lambda: not alive(self.mark))

    def test_the_coordinator_and_one_guard_killed(self):
        for which in ("$outer", "$PPID"):
            self.start(self.OUTER + f"""coordinator=$(awk '{{ print $4 }}' /proc/$outer/stat)
                setsid sleep MARK & env -i setsid sleep MARK & kill -9 $coordinator {which}; sleep MARK""").wait(timeout=PATIENCE)
            self.wait("nobody is left", lambda: not alive(self.mark))
            os.unlink(os.path.join(self.dir, "nocturne.db"))


class Serve(service.World):
    def test_a_service_that_is_stopped_leaves_nobody_of_stopped_guards(self):
        mark = f"6{os.getpid():07d}999"
        self.create(trial=Run.OUTER + f"trap '' TERM; setsid sleep {mark} & while kill -STOP $outer $PPID; do :; done")
        self.wait("a trial runs", lambda: alive(mark))
        self.kill_server(signal.SIGTERM)
        self.assertEqual(alive(mark), [])


class RunWithoutCgroup(Run):
    PREFIX = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/fs/cgroup && exec "$@"', "sh")

    def setUp(self):
        if subprocess.run([*self.PREFIX, "true"], capture_output=True).returncode:
            self.skipTest("no namespace for mounts here: see the other class")
        super().setUp()


if __name__ == "__main__":
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[1:]])
