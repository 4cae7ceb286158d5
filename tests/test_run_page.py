"""`nocturne run --page`: the page of one run, on its own loop; and `token create --url --qr`, the way to it for a phone."""
import os
import pty
import re
import signal
import subprocess
import unittest
import urllib.request

from patience import until
from service import NOCTURNE, STUDY, TRIAL, World

LINK = re.compile(r"page: http://127\.0\.0\.1:(\d+)/#token=(noct_\w+)&to=%23%2Fs%2Fs\n")


class RunPage(World):
    runs = 0

    def start(self):
        self.write("trial.sh", self.gated())
        self.write("study.yaml", STUDY)
        self.run_study()

    def run_study(self, *more):
        """A run that waits at the gate; the page's token is the operator's."""
        self.runs += 1
        self.server = self.spawn(f"run{self.runs}", "run", "study.yaml", "--page", *more)
        self.wait("the page's address", self.find_page)

    def find_page(self):
        if self.server.poll() is not None:
            raise AssertionError(self.said())
        found = LINK.findall(self.said())
        if found:
            self.port, self.operator = int(found[-1][0]), found[-1][1]
        return found

    def wait(self, what, condition):
        return until(what, condition, explain=lambda: self.said()[-3000:])

    def said(self):
        return self.read(f"run{self.runs}.out")

    def finish(self):
        self.open_gate()
        self.server.wait()
        return self.said()

    def test_shows_the_run_as_the_service_would(self):
        self.assertEqual(self.ok("GET", "/me")["role"], "operator")
        self.wait("two trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        state = self.ok("GET", "/studies/s")
        self.assertTrue(state["running"])
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/") as page:
            self.assertIn(b"Nocturne", page.read())
        events = self.call("GET", "/events?after=0&follow=false").body.decode()
        self.assertIn('"event": "leased"', events)
        self.assertIn("winner", self.finish())
        self.assertEqual(self.server.returncode, 0)

    def test_its_token_is_worth_nothing_afterwards(self):
        self.finish()
        self.assertNotIn("operator", self.nocturne("token", "list"))

    def test_its_token_makes_none_that_outlives_it(self):
        answer = self.call("POST", "/tokens", {"name": "mine", "role": "operator"})
        self.assertEqual(answer.status, 409, answer.body)
        self.assertIn("nocturne token create", answer.json["detail"])
        self.finish()
        self.assertNotIn("mine", self.nocturne("token", "list"))

    def test_after_a_kill_the_service_makes_its_first_token_and_knows_no_other(self):
        self.wait("two trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        self.kill_server()
        self.open_gate()
        self.server = self.spawn("serve", "serve", "--listen", f"127.0.0.1:{self.port}")
        until("the service answers", self.answers, explain=lambda: self.read("serve.out"))
        self.assertEqual(self.call("GET", "/me").status, 401)
        self.operator = self.read("nocturne.token").strip()
        self.assertEqual(self.ok("GET", "/me")["role"], "operator")

    def test_asks_the_run_what_an_operator_wants(self):
        self.wait("two trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        self.ok("POST", "/studies/s/pause")
        self.assertEqual(self.ok("GET", "/studies/s")["phase"], "paused")
        self.ok("POST", "/studies/s/trials", {"params": {"x": 0.25, "k": 2}})
        self.ok("POST", "/studies/s/resume")
        self.ok("POST", "/studies/s/stop")
        self.finish()
        self.assertEqual(self.server.returncode, 4)
        self.assertIn('"x": 0.25', self.nocturne("trials", "s", "--json"))

    def test_puts_no_other_study_to_work(self):
        answer = self.call("POST", "/studies", text=STUDY.replace("study: s", "study: other"), headers={"Content-Type": "application/yaml"})
        self.assertEqual(answer.status, 409, answer.body)
        self.assertIn("page of one run", answer.json["detail"])
        self.finish()

    def test_leaves_open_studies_of_the_database_alone(self):
        self.kill_server()
        self.write("other.yaml", STUDY.replace("study: s", "study: other"))
        other = self.spawn("other", "run", "other.yaml")
        until("the other runs", lambda: "other" in self.nocturne("status", "--json"))
        other.send_signal(signal.SIGKILL)
        other.wait()
        self.run_study()
        self.assertFalse(self.ok("GET", "/studies/other")["running"])
        self.finish()
        self.assertEqual(self.nocturne("status", "other").count("complete  "), 0)

    def test_a_killed_run_goes_on_with_a_page_of_its_own(self):
        self.wait("two trials run", lambda: self.ok("GET", "/studies/s")["states"]["running"] == 2)
        self.kill_server()
        before = self.operator
        self.run_study()
        self.assertNotEqual(self.operator, before)
        self.assertEqual(self.ok("GET", "/studies/s")["phase"], "open")
        self.finish()
        self.assertEqual(self.server.returncode, 0)

    def test_programs_read_the_run_and_not_the_address(self):
        self.kill_server()
        self.open_gate()
        done = subprocess.run([NOCTURNE, "run", "study.yaml", "--page", "--json"], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("page:", done.stdout)
        self.assertIn("page: http://127.0.0.1:", done.stderr)

    def test_stays_in_a_terminal_until_ctrl_c(self):
        self.kill_server()
        self.open_gate()
        ours, theirs = pty.openpty()
        run = subprocess.Popen([NOCTURNE, "run", "study.yaml", "--page"], cwd=self.dir, stdin=theirs, stdout=theirs, stderr=theirs)
        os.close(theirs)
        self.processes.append(run)
        said = b""
        while b"until Ctrl-C" not in said:
            said += os.read(ours, 65536)
        found = re.search(rb"page:\s+http://127\.0\.0\.1:(\d+)/#token=(\w+)", said)
        self.port, self.operator = int(found[1]), found[2].decode()
        state = self.ok("GET", "/studies/s")
        self.assertEqual((state["phase"], state["running"]), ("complete", False))
        self.assertNotIn("running", self.nocturne("status", "s").splitlines()[0])
        self.assertNotIn("still running", self.nocturne("report", "s", "--format", "md"))
        os.write(ours, b"\x03") if os.tcgetpgrp(ours) == os.getpgid(run.pid) else run.send_signal(signal.SIGINT)
        self.assertEqual(run.wait(), 0)
        os.close(ours)


class Link(World):
    def pixels(self, text):
        """The code's modules, its border included: True is dark."""
        rows = []
        for line in text.splitlines():
            if line.startswith("#"):
                rows.append([c == " " for c in line[::2]])
            else:
                rows += [[c not in "█▀" for c in line], [c not in "█▄" for c in line]]
        return rows[:len(rows[0])]

    def check(self, locale):
        made = subprocess.run([NOCTURNE, "token", "create", "--role", "viewer", "--url", "https://gpu7.example.org:8470", "--qr"],
                              cwd=self.dir, env=os.environ | {"LC_ALL": locale}, capture_output=True, text=True, check=True)
        link, _, code = made.stdout.partition("\n")
        self.assertRegex(link, r"^https://gpu7\.example\.org:8470/#token=noct_\w+$")
        self.assertEqual(self.ok("GET", "/me", token=link.split("=")[1])["role"], "viewer")
        rows = self.pixels(code)
        n = len(rows)
        self.assertTrue(all(len(row) == n for row in rows))
        self.assertFalse(any(any(row) for row in rows[:4] + rows[-4:]))
        finder = ["1111111", "1000001", "1011101", "1011101", "1011101", "1000001", "1111111"]
        for top, left in (4, 4), (4, n - 11), (n - 11, 4):
            self.assertEqual(["".join("01"[v] for v in row[left:left + 7]) for row in rows[top:top + 7]], finder)

    def test_is_a_code_that_begins_where_it_should(self):
        self.check("C.UTF-8")
        self.check("C")

    def test_what_it_needs_is_said(self):
        for args, word in ((["--qr"], "--qr needs --url"), (["--url", "ftp://host"], "is not the address of a service"),
                           (["--url", "https://h/#x"], "is not the address"), (["--url", "https://h", "-o", "f"], "neither with --output")):
            done = subprocess.run([NOCTURNE, "token", "create", "--role", "viewer", *args], cwd=self.dir, capture_output=True, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)
        self.assertEqual(self.nocturne("token", "list").count("viewer"), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
