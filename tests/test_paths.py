#!/usr/bin/env python3
"""What a trial puts into its folders, and what a study file names, leads nowhere else: links, FIFOs and patterns; who may
read the files; secrets. NOCTURNE_BIN is the folder of the binaries."""
import fcntl
import hashlib
import os
import shutil
import signal
import stat
import subprocess
import unittest

from patience import PATIENCE
from service import NOCTURNE, STUDY, TRIAL, World, nocturne_in

ONE = STUDY.replace("trials: 12", "trials: 1").replace("confirm: {top: 1, seeds: 2}\n", "").replace("local: 2", "local: 1")
RESULT = "echo 'nocturne: {\"result\": {\"em\": 0.5, \"tokens\": 100}}'\n"
TOKEN = "noct_0123456789ab_" + "5ec7" * 16


class Paths(World):
    SERVE = ("--slots", "1")

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    name = "s"

    def study(self, text=ONE):
        return text.replace("study: s\n", f"study: {self.name}\n")

    def own(self, *parts):
        return self.path("nocturne.files", self.name, *parts)

    def swap(self, path, kind, target=None):
        """Something else in the place of a file."""
        if os.path.lexists(path):
            os.rename(path, f"{path}.before-{kind}")
        {"fifo": lambda: os.mkfifo(path), "link": lambda: os.symlink(target, path), "folder": lambda: os.mkdir(path),
         "socket": lambda: os.mknod(path, stat.S_IFSOCK | 0o600)}[kind]()

    def stop_study(self):
        self.ok("POST", "/studies/s/stop", {"now": True})
        self.wait("it is stopped", lambda: not self.ok("GET", "/studies/s")["hosted"])

    def stays_well(self):
        """The service answers, and ends when it is told to."""
        self.assertEqual(self.call("GET", "/healthz", token=None).status, 200)
        self.server.terminate()
        self.server.wait(timeout=PATIENCE)


class Shipped(Paths):
    def shipped(self):
        answer = self.call("GET", "/studies/s/definition", token=self.worker)
        return [f["path"] for f in answer.json.get("files", [])] if answer.status == 200 else []

    def setUp(self):
        super().setUp()
        self.worker = self.token("worker")

    def sha_of_token(self):
        with open(self.path("nocturne.token"), "rb") as text:
            return hashlib.sha256(text.read()).hexdigest()

    def assert_safe(self):
        self.assertFalse([f for f in self.shipped() if "token" in f or ".db" in f])
        self.assertNotEqual(self.call("GET", f"/studies/s/blobs/{self.sha_of_token()}", token=self.worker).status, 200)

    def test_no_pattern_leads_out_of_the_folder(self):
        up = [".?", "..", ".*", "?.", "[.][.]", "[.].", ".[.]", ".[!a]", "\\\\.\\\\.", "*", "?(.)."]
        for i, part in enumerate(up):
            for pattern in (f"{part}/{part}/{part}/nocturne.token", f"./{part}/{part}/{part}/*.token", f"{part}/{part}/{part}"):
                study = ONE.replace("files: [trial.sh]", f'files: [trial.sh, "{pattern}"]')
                self.ok("PUT", "/studies/s/files/trial.sh", text=TRIAL)
                answer = self.call("POST", "/studies?paused=true", text=study, headers={"Content-Type": "application/yaml"})
                if answer.status < 300:
                    self.assert_safe()
                    self.stop_study()
                    self.ok("DELETE", "/studies/s?confirm=s")
                else:
                    self.assertIn(answer.status, (400, 422), answer.body)

    def test_no_link_leads_out_of_the_folder(self):
        for pattern in ("data", "data/*", "d*/*", "*/*", "data/nocturne.token", "./data/./*.token"):
            shutil.rmtree(self.path("nocturne.files"), ignore_errors=True)
            self.ok("PUT", "/studies/s/files/data/nocturne.token", text="1\n")
            self.create(ONE.replace("files: [trial.sh]", f'files: [trial.sh, "{pattern}"]'), paused=True)
            self.assertIn("data/nocturne.token", self.shipped())
            shutil.rmtree(self.own("study/data"))
            os.symlink("../../..", self.own("study/data"))
            self.assertNotEqual(self.call("GET", f"/studies/s/blobs/{self.sha_of_token()}", token=self.worker).status, 200)
            self.stop_study()
            self.call("POST", "/studies/s/resume", {})
            self.assert_safe()
            self.stop_study()
            self.ok("DELETE", "/studies/s?confirm=s")

    def test_a_hidden_file_is_shipped_where_it_is_named(self):
        for pattern, there in ((".conf/*", True), ("*/*", False)):
            self.create(ONE.replace("files: [trial.sh]", f'files: [trial.sh, "{pattern}"]'), paused=True)
            self.stop_study()
            os.makedirs(self.own("study/.conf"), exist_ok=True)
            os.makedirs(self.own("study/other"), exist_ok=True)
            for name in (".conf/a", "other/b"):
                with open(self.own("study", name), "w") as out:
                    out.write(name)
            self.ok("POST", "/studies/s/resume", {})
            self.assertEqual(".conf/a" in self.shipped(), there)
            self.stop_study()
            self.ok("DELETE", "/studies/s?confirm=s")

    def test_a_file_that_became_something_else_is_gone(self):
        self.ok("PUT", "/studies/s/files/a.csv", text="1\n")
        self.create(ONE.replace("files: [trial.sh]", "files: [trial.sh, a.csv]"), paused=True)
        sha = hashlib.sha256(b"1\n").hexdigest()
        self.assertEqual(self.call("GET", f"/studies/s/blobs/{sha}", token=self.worker).body, b"1\n")
        for kind in ("fifo", "link", "folder", "socket"):
            self.swap(self.own("study/a.csv"), kind, self.path("nocturne.token"))
            self.assertEqual(self.call("GET", f"/studies/s/blobs/{sha}", token=self.worker).status, 410, kind)
            self.call("GET", "/studies/s/definition", token=self.worker)
        self.stays_well()


class StudyFile(Paths):
    def test_it_is_a_regular_file_when_it_is_read_again(self):
        self.create(ONE, paused=True)
        self.stop_study()
        for kind in ("fifo", "link", "folder", "socket"):
            self.swap(self.own("study/study.yaml"), kind, "/dev/zero")
            answer = self.call("POST", "/studies/s/resume", {})
            self.assertGreaterEqual(answer.status, 400, kind)
            self.assertIn("study.yaml", answer.json["detail"])
        self.stays_well()

    def test_a_link_above_it_is_not_followed(self):
        self.create(ONE, paused=True)
        self.stop_study()
        os.mkdir(self.path("else"))
        self.write("else/study.yaml", ONE)
        self.swap(self.own("study"), "link", "../../else")
        self.assertGreaterEqual(self.call("POST", "/studies/s/resume", {}).status, 400)
        self.assertGreaterEqual(self.call("PUT", "/studies/s/files/x.py", text="1").status, 400)
        self.assertEqual(os.listdir(self.path("else")), ["study.yaml"])

    def test_the_program_waits_for_no_fifo(self):
        os.mkfifo(self.path("f.yaml"))
        os.symlink("/dev/zero", self.path("z.yaml"))
        for name in ("f.yaml", "z.yaml", "."):
            self.assertIn("study file", subprocess.run([NOCTURNE, "plan", name], cwd=self.dir, capture_output=True, text=True,
                                                       timeout=PATIENCE).stderr)


class Attempts(Paths):
    def run_to_end(self, trial, name="s"):
        self.name = name
        self.create(self.study(), trial=trial)
        self.wait_phase("complete", name)

    def test_a_folder_that_became_a_link_shows_nothing(self):
        self.run_to_end(RESULT + 'mv "$NOCTURNE_DIR" "$NOCTURNE_DIR.aside"; ln -s ../.. "$NOCTURNE_DIR"\n')
        self.assertTrue(os.path.exists(self.own("0000.1/nocturne.token")))
        viewer = self.token("viewer")
        for name in ("nocturne.token", "nocturne.db", "nocturne.db-wal"):
            self.assertEqual(self.call("GET", f"/studies/s/trials/0/artefacts/{name}", token=viewer).status, 404)
        listed = self.call("GET", "/studies/s/trials/0/artefacts", token=viewer)
        self.assertNotIn(b"nocturne.", listed.body)

    def test_a_link_among_the_artefacts_is_none(self):
        self.run_to_end('ln -s ../../../nocturne.token "$NOCTURNE_DIR/a"; ln "$NOCTURNE_DIR/params.json" "$NOCTURNE_DIR/b"\n'
                        'mkfifo "$NOCTURNE_DIR/c"; mkdir "$NOCTURNE_DIR/d"\n' + RESULT)
        status = [self.call("GET", f"/studies/s/trials/0/artefacts/{name}").status for name in "abcd"]
        self.assertEqual(status, [404, 200, 404, 404])
        self.stays_well()

    def test_a_log_is_written_through_its_descriptor(self):
        victim = self.write("victim", "mine\n")
        for log in ("stdout", "stderr"):
            for kind, act in (("fifo", "mkfifo"), ("link", f"ln -s {victim}"), ("folder", "mkdir")):
                self.run_to_end(f'cd "$NOCTURNE_DIR"; rm -f {log}.log; {act} {log}.log; echo text; echo text >&2\n' + RESULT, log + kind)
        self.assertEqual(self.read("victim"), "mine\n")
        self.stays_well()

    def test_what_waits_for_the_next_attempt_is_swept_away(self):
        victim = self.write("victim", "mine\n")
        kinds = {"fifo": 'mkdir "$next"; mkfifo "$next/params.json" "$next/stdout.log"',
                 "link": f'mkdir "$next"; ln -s {victim} "$next/params.json"; ln -s {victim} "$next/stdout.log"',
                 "folder": 'mkdir -p "$next/params.json/x" "$next/stdout.log/x"',
                 "above": 'ln -s ../.. "$next"', "file": 'echo x > "$next"', "pipe": 'mkfifo "$next"'}
        for kind, act in kinds.items():
            with self.subTest(kind):
                self.run_to_end('next="${NOCTURNE_DIR%.1}.2"\n[ "$NOCTURNE_ATTEMPT" = 2 ] || {\n' + act + "\nexit 1\n}\n"
                                'grep -q x "$NOCTURNE_DIR/params.json" || exit 1\necho text\n' + RESULT, kind)
                trial = self.trials(kind)[0]
                self.assertEqual((trial["state"], trial["attempts"]), ("complete", 2))
                self.assertIn(b"text", self.call("GET", f"/studies/{kind}/trials/0/artefacts/stdout.log").body)
        self.assertEqual(self.read("victim"), "mine\n")
        self.assertFalse(os.path.exists(self.path("params.json")))
        self.stays_well()

    def test_nothing_is_put_through_a_link(self):
        study = ONE.replace('trial: {command: [sh, trial.sh, "{x}", "{k}"], grace: 1s, retries: 1, backoff: 1s}\n', "")
        self.create(study.replace("files: [trial.sh]\n", ""), trial=None)
        worker, victim = self.token("worker"), self.write("victim", "mine\n")
        trial = self.ok("POST", "/studies/s/ask", {}, token=worker)["trials"][0]
        put = lambda name: self.call("PUT", f"/studies/s/trials/{trial['trial']}/artefacts/{name}?lease={trial['lease']}",
                                     text="theirs", token=worker).status
        self.assertLess(put("a.bin"), 300)
        folder = self.own(f"{trial['trial']:04d}.1")
        self.swap(os.path.join(folder, "b.bin"), "link", victim)
        self.swap(os.path.join(folder, "c.bin"), "fifo")
        self.swap(os.path.join(folder, "d.bin.part"), "link", victim)
        self.swap(os.path.join(folder, "e.bin.part"), "fifo")
        for name in ("b.bin", "c.bin", "d.bin", "e.bin"):
            self.assertLess(put(name), 300, name)
            self.assertTrue(stat.S_ISREG(os.lstat(os.path.join(folder, name)).st_mode))
        self.assertEqual(self.read("victim"), "mine\n")
        os.mkdir(self.path("else"))
        self.swap(folder, "link", "../../else")
        self.assertGreaterEqual(put("f.bin"), 400)
        self.assertEqual(os.listdir(self.path("else")), [])
        self.stays_well()


class Agent(Paths):
    SERVE = ("--slots", "0")

    def test_a_file_set_aside_that_became_something_else_is_not_sent(self):
        """The agent has not sent it yet, as the service is away, when something else is in its place."""
        for act in ("mkfifo", "ln -s /dev/zero", "mkdir", f"ln -s {self.path('nocturne.token')}"):
            self.name = "s" + act.split("/")[-1].replace("ln -s ", "").replace(".", "")
            self.create(self.study(), paused=True, trial="""[ "$NOCTURNE_TRIAL.$NOCTURNE_ATTEMPT" = 0.1 ] && {
cd "$NOCTURNE_DIR"; echo > began
until [ -e "GATE" ]; do sleep 0.02; done
echo content > c.bin
echo 'nocturne: {"artefact": "c.bin"}'
until [ -e .upload.0 ]; do sleep 0.02; done
mv .upload.0 aside; ACT .upload.0; echo > swapped
}
""".replace("ACT", act).replace("GATE", self.gate) + RESULT)
            agent, folder = self.agent(self.name, slots=1), self.path(f"{self.name}.d/trials/{self.name}/0000.1")
            self.ok("POST", f"/studies/{self.name}/resume", {})
            self.wait("it has begun", lambda: os.path.exists(os.path.join(folder, "began")))
            self.kill_server()
            self.open_gate()
            self.wait("it is swapped", lambda: os.path.exists(os.path.join(folder, "swapped")))
            self.start()
            self.wait_phase("complete", self.name)
            self.assertEqual(self.call("GET", f"/studies/{self.name}/trials/0/artefacts/c.bin?attempt=1").status, 404)
            self.close_gate()
            agent.terminate()
            agent.wait(timeout=PATIENCE)

    def test_what_is_not_sent_is_said(self):
        names = ["no.bin", "fifo", "out", "../../../../a.d/instance", "/etc/passwd", "folder"]
        say = "".join(f"echo 'nocturne: {{\"artefact\": \"{name}\"}}'\n" for name in names)
        self.create(trial='cd "$NOCTURNE_DIR"; mkfifo fifo; ln -s /etc/passwd out; mkdir folder\n' + say + RESULT)
        agent = self.agent("a", slots=1)
        self.wait_phase("complete")
        agent.terminate()
        agent.wait(timeout=PATIENCE)
        for name in names:
            self.assertIn(f"the artefact '{name}' stays here", self.read("a.out"))

    def test_its_own_files_are_regular(self):
        self.token("worker")
        for name in ("instance", "outbox.jsonl"):
            for kind in ("fifo", "link"):
                folder = f"{name}.{kind}.d"
                os.mkdir(self.path(folder))
                self.swap(self.path(folder, name), kind, self.write("victim", "mine\n"))
                done = subprocess.run([NOCTURNE, "worker", "--url", f"http://127.0.0.1:{self.port}", "--token-file", "worker.token",
                                       "--dir", folder], cwd=self.dir, capture_output=True, text=True, timeout=PATIENCE)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(name, done.stderr)
                self.assertEqual(self.read("victim"), "mine\n")


class Private(Paths):
    def readable(self):
        """What others may read or write of all that the service has made."""
        found = []
        for folder, _, names in os.walk(self.path("nocturne.files")):
            found += [folder] if os.stat(folder).st_mode & 0o077 else []
        for name in os.listdir(self.dir):
            if name.startswith("nocturne.db") or name == "nocturne.token":
                found += [name] if os.stat(self.path(name)).st_mode & 0o077 else []
        return found

    def test_files_are_for_their_owner_alone(self):
        self.create(ONE, trial=RESULT)
        self.wait_phase("complete")
        names = os.listdir(self.dir)
        for name in ("nocturne.db", "nocturne.db-wal", "nocturne.db-shm", "nocturne.db-s.lock"):
            self.assertIn(name, names)
        self.assertEqual(self.readable(), [])
        self.nocturne("backup", "copy.db")
        self.assertEqual(os.stat(self.path("copy.db")).st_mode & 0o077, 0)

    def test_files_of_before_become_so(self):
        self.create(ONE, trial=RESULT, paused=True)
        self.kill_server()
        for name in os.listdir(self.dir):
            if name.startswith("nocturne.db"):
                os.chmod(self.path(name), 0o644)
        os.chmod(self.path("nocturne.files"), 0o755)
        self.start()
        self.wait("it is at work again", lambda: self.ok("GET", "/studies/s")["hosted"])
        self.assertEqual([f for f in self.readable() if "files/" not in f], [])

    def test_the_holder_of_a_lock_is_who_has_it(self):
        self.create(ONE, trial=RESULT)
        self.wait_phase("complete")
        self.wait("it is over", lambda: not self.ok("GET", "/studies/s")["hosted"])
        with open(self.path("nocturne.db-s.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            answer = self.call("POST", "/studies/s/resume", {"budget": {"trials": 3}})
            self.assertIn(answer.status, (409, 503), answer.body)
            self.assertIn(f"process {os.getpid()}", answer.json["detail"])
            self.assertNotIn(f"{self.server.pid}", answer.json["detail"])

    def test_a_lock_file_is_a_regular_file(self):
        victim = self.write("victim", "mine\n")
        for kind in ("fifo", "link"):
            self.swap(self.path("nocturne.db-s.lock"), kind, victim)
            self.ok("PUT", "/studies/s/files/trial.sh", text=RESULT)
            answer = self.call("POST", "/studies", text=ONE, headers={"Content-Type": "application/yaml"})
            self.assertGreaterEqual(answer.status, 400)
            self.assertEqual(self.read("victim"), "mine\n")
        self.stays_well()


class Secrets(Paths):
    ENV = {"NOCTURNE_TOKEN": TOKEN, "NOCTURNE_API_KEY": "k3y-of-ours"}
    LOOK = """p=$$
while [ "$p" -gt 1 ]; do
  tr '\\0' '\\n' < /proc/$p/environ >> "$NOCTURNE_DIR/seen"; p=$(awk '{ print $4 }' /proc/$p/stat)
  [ "$p" = LAST ] && { tr '\\0' '\\n' < /proc/$p/environ >> "$NOCTURNE_DIR/seen"; break; }
done
echo >> "$NOCTURNE_DIR/seen"
"""

    def assert_hidden(self, pid, seen):
        with open(f"/proc/{pid}/environ", "rb") as text:
            environment = text.read()
        for secret in (b"5ec75ec7", b"k3y-of-ours"):
            self.assertNotIn(secret, environment)
            self.assertNotIn(secret, seen)

    def test_a_trial_finds_no_token_in_the_service(self):
        self.create(ONE, trial=self.LOOK.replace("LAST", str(self.server.pid)) + RESULT)
        self.wait_phase("complete")
        seen = self.call("GET", "/studies/s/trials/0/artefacts/seen").body
        self.assertIn(b"NOCTURNE_TRIAL=0", seen)
        self.assert_hidden(self.server.pid, seen)

    def test_nobody_else_can_look_into_the_service(self):
        """PR_SET_DUMPABLE: its /proc is root's, whoever it runs as."""
        me = os.geteuid()
        if me != 0:
            self.skipTest("not root")
        out = self.path("nobody")
        os.mkdir(out)
        os.chmod(self.dir, 0o755)
        os.chown(out, 65534, 65534)
        process = subprocess.Popen([nocturne_in(out), "serve", "--listen", "127.0.0.1:0", "--slots", "0"], cwd=out, user=65534, group=65534,
                                   extra_groups=[], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.processes.append(process)
        self.wait("it has begun", lambda: os.path.exists(os.path.join(out, "nocturne.token")))
        look = subprocess.run(["cat", f"/proc/{process.pid}/environ"], user=65534, group=65534, extra_groups=[],
                              capture_output=True, timeout=PATIENCE)
        self.assertNotEqual(look.returncode, 0)
        self.assertIsNone(process.poll())  # what has ended hides nothing

    def test_a_secret_in_two_writes_is_one(self):
        half = len(TOKEN) - 20
        self.create(ONE, trial=f"""for out in 1 2; do
  printf 'before {TOKEN[:half]}' >&$out; sleep 0.5; printf '{TOKEN[half:]} after\\n' >&$out
  printf 'k3y-'  >&$out; sleep 0.5; printf 'of-ours\\n' >&$out
done
""" + RESULT)
        self.wait_phase("complete")
        for log in ("stdout.log", "stderr.log"):
            text = self.call("GET", f"/studies/s/trials/0/artefacts/{log}").body
            self.assertIn(b" after", text)
            self.assertNotIn(TOKEN[half:].encode(), text)
            self.assertNotIn(TOKEN[18:half].encode(), text)
            self.assertNotIn(b"of-ours", text)

    def test_an_agent_hides_them_too(self):
        agent = self.agent("a", slots=1, env=self.ENV)
        self.wait("it is there", lambda: len(self.ok("GET", "/agents")["agents"]) == 1)
        self.assert_hidden(agent.pid, b"")


if __name__ == "__main__":
    unittest.main()
