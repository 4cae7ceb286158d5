#!/usr/bin/env python3
"""nocturne status --watch in a real terminal: keys, sizes, signals, what becomes of the terminal; a coordinator that dies, a
database that goes and comes back, several studies. pyte reads the screen."""
import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import unittest

sys.path.append("/usr/lib/python3/dist-packages")  # Debian's packages, for a Python that is not Debian's
try:
    import pyte
except ImportError:
    pyte = None

from patience import PATIENCE, until
from test_cli import NOCTURNE, STUDY, World, read

ENTER, LEAVE = b"\x1b[?1049h", b"\x1b[?1049l"
SGR = re.compile(rb"\x1b\[([0-9;]*)m")


class Screen:
    """A terminal with one program in it."""

    def __init__(self, folder, *args, columns=80, rows=24, env=None):
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.main, self.terminal = pty.openpty()
        self.size(columns, rows)
        self.before = termios.tcgetattr(self.terminal)
        self.flags = fcntl.fcntl(self.terminal, fcntl.F_GETFL)
        self.sent = b""
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("NOCTURNE_", "LC_")) and k not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen([NOCTURNE, "status", *args], cwd=folder, stdin=self.terminal, stdout=self.terminal, stderr=self.terminal,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
                                        env={**plain, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color", **(env or {})})

    def size(self, columns, rows):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def pump(self):
        while select.select([self.main], [], [], 0.02)[0]:
            part = os.read(self.main, 65536)
            self.sent += part
            self.stream.feed(part)

    def text(self):
        self.pump()
        return "\n".join(self.screen.display)

    def shows(self, *parts):
        """Waits until all of these are on the screen."""
        until(parts, lambda: all(p in self.text() for p in parts), explain=self.text)

    def hides(self, part):
        until(f"no {part}", lambda: part not in self.text(), explain=self.text)

    def press(self, keys):
        os.write(self.main, keys.encode())

    def ends(self):
        """Waits for the end; returns the exit status."""
        until("its end", lambda: self.pump() or self.process.poll() is not None, explain=self.text)
        self.pump()
        return self.process.returncode

    def is_stopped(self):
        return read(f"/proc/{self.process.pid}/stat").rsplit(")", 1)[1].split()[0] == "T"

    def is_inside(self):
        self.pump()
        return self.sent.rfind(ENTER) > self.sent.rfind(LEAVE)

    def is_as_before(self):
        return (not self.is_inside() and termios.tcgetattr(self.terminal) == self.before
                and fcntl.fcntl(self.terminal, fcntl.F_GETFL) == self.flags)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.main)
        os.close(self.terminal)


@unittest.skipIf(pyte is None, "python3-pyte is not installed")
class Watch(World):
    def watch(self, *args, **kw):
        x = Screen(self.dir, "--watch", *args, **kw)
        self.addCleanup(x.close)
        return x

    def begin(self):
        """A study whose trials stand at a gate."""
        self.gate_trials()
        run = self.popen("run", "study.yaml", stdin=subprocess.DEVNULL)
        self.addCleanup(run.communicate)
        self.addCleanup(run.kill)
        self.wait_running()
        return run


class Keys(Watch):
    def test_a_study_from_its_first_trials_to_its_end(self):
        self.begin()
        x = self.watch()
        x.shows("s: searching", "2 running", "live", "2 trials run", "step 0", "No result yet", "trials ")
        x.press("?")
        x.shows("quit; the study goes on")
        x.press("?")
        x.shows("2 trials run")
        x.press("h")
        x.shows("a history needs a complete trial")
        x.press("\x1b")
        x.shows("2 trials run")
        x.press("j\x1b[B")
        x.shows("▸ trial 1")
        x.press("k")
        x.shows("▸ trial 0")
        x.press("l")
        x.shows("what it prints", "trial 0 of s")
        x.press("j")
        x.shows("trial 1 of s")
        x.press("\x1b")
        x.press("/the baseline")
        x.shows("/the baseline_", "1 of 2 running trials have 'the baseline'")
        x.press("\x7f\r")
        x.shows("1 of 2 running trials have 'the baselin'")
        x.press("\x1b")
        x.shows("2 trials run")
        self.open_gate()
        x.shows("s: complete", "8 of 8", "live", "no trial runs", "the study is complete")
        self.assertRegex(x.text(), r"★ (Adopt|A trade|Promising|No better|Do not adopt|Nothing that was tried)")
        x.press("f")
        x.shows("Better is up and left")
        x.press("q")
        self.assertEqual(x.ends(), 0)
        self.assertTrue(x.is_as_before())

    def test_only_what_differs_is_sent(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch(rows=50)
        x.shows("s: complete", "live")
        clock = lambda: re.search(r"\d\d:\d\d:\d\d  live", x.text()).group()
        x.shows("front: ")
        sent, first = len(x.sent), clock()
        until("another second", lambda: clock() != first)
        self.assertNotIn(b"2J", x.sent[sent:])
        self.assertNotIn("front:".encode(), x.sent[sent:])

    def test_several_studies_are_a_list(self):
        self.run_nocturne("run", "study.yaml")
        self.write("other.yaml", STUDY.replace("study: s", "study: other"))
        self.run_nocturne("run", "other.yaml", "--trials", "3")
        x = self.watch()
        x.shows("2 studies in nocturne.db", "▸ s ", "● other", "complete", "best: trial")
        x.press("j\r")
        x.shows("other: complete")
        x.press("\x1b")
        x.shows("2 studies in nocturne.db", "▸ other")
        x.press("q")
        self.assertEqual(x.ends(), 0)
        x = self.watch("s")
        x.shows("s: complete")
        x.press("\x1b")  # it was the only one that was asked for
        x.shows("s: complete")


class Screens(Watch):
    def test_it_fits_whatever_size_the_terminal_gets(self):
        self.begin()
        x = self.watch()
        x.shows("2 trials run")
        for columns, rows in ((120, 40), (200, 60), (40, 12), (20, 5), (80, 24)):
            x.size(columns, rows)
            x.press("\x0c")
            x.shows("s: sea" if columns > 20 else "live")
            until("the last line", lambda: x.text().split("\n")[-1].startswith("? keys"), explain=x.text)
            self.assertNotIn("s: sea", "\n".join(x.text().split("\n")[1:]))
        x.shows("2 trials run")

    def test_ascii_and_no_colour(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch(rows=60, env={"LC_ALL": "C", "NO_COLOR": "1"})
        x.shows("s: complete", "front: ", "live")
        self.assertTrue(x.sent.isascii())
        self.assertEqual(set(SGR.findall(x.sent)), {b"0"})
        coloured = self.watch()
        coloured.shows("s: complete")
        self.assertIn(b"1", SGR.findall(coloured.sent))

    def test_what_is_no_terminal_is_told_what_to_use(self):
        self.run_nocturne("run", "study.yaml")
        err = self.run_nocturne("status", "--watch", "s", code=2)[1]
        self.assertIn("'nocturne status s'", err)
        self.assertIn("nocturne log", err)
        self.run_nocturne("status", "--watch", "--json", code=2)
        x = self.watch(env={"TERM": "dumb"})
        self.assertEqual(x.ends(), 2)
        self.assertTrue(x.is_as_before())
        self.assertNotIn(ENTER, x.sent)

    def test_what_cannot_be_opened_leaves_the_terminal_alone(self):
        x = self.watch()
        self.assertEqual(x.ends(), 3)
        self.run_nocturne("run", "study.yaml")
        y = self.watch("nothing")
        self.assertEqual(y.ends(), 3)
        for screen in (x, y):
            self.assertTrue(screen.is_as_before())
            self.assertNotIn(ENTER, screen.sent)
        self.assertIn("no study 'nothing'", y.text())


class Ends(Watch):
    def test_every_signal_restores_the_terminal(self):
        self.run_nocturne("run", "study.yaml")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number):
                x = self.watch()
                x.shows("s: complete")
                self.assertTrue(x.is_inside())
                self.assertNotEqual(termios.tcgetattr(x.terminal), x.before)
                x.process.send_signal(number)
                self.assertEqual(x.ends(), 4)
                self.assertTrue(x.is_as_before())

    def test_ctrl_c_ends_it(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch()
        x.shows("s: complete")
        x.press("\x03")
        self.assertEqual(x.ends(), 4)
        self.assertTrue(x.is_as_before())

    def test_it_can_be_put_aside_and_taken_up_again(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch()
        x.shows("s: complete")
        for key in ("\x1a", None):  # Ctrl-Z; a stop that nobody announced
            if key:
                x.press(key)
            else:
                x.process.send_signal(signal.SIGSTOP)
            until("it is stopped", x.is_stopped)
            if key:
                self.assertTrue(x.is_as_before())
            termios.tcsetattr(x.terminal, termios.TCSANOW, x.before)  # as shells do
            x.screen.reset()
            x.process.send_signal(signal.SIGCONT)
            x.shows("s: complete", "? keys")
            self.assertTrue(x.is_inside())
        x.press("q")
        self.assertEqual(x.ends(), 0)
        self.assertTrue(x.is_as_before())

    def test_a_terminal_that_goes_ends_it(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch()
        x.shows("s: complete")
        main = os.dup(x.main)
        os.close(x.main)
        os.close(main)
        self.addCleanup(setattr, x, "main", os.open("/dev/null", os.O_RDONLY))
        x.main = os.open("/dev/null", os.O_RDONLY)
        self.assertEqual(x.process.wait(PATIENCE), 4)


class Faults(Watch):
    def test_a_coordinator_that_dies(self):
        run = self.begin()
        x = self.watch()
        x.shows("s: searching")
        run.kill()
        x.shows("s: not running", "go on with: nocturne resume s", "2 cut off")
        self.open_gate()
        again = self.popen("resume", "s", stdin=subprocess.DEVNULL)
        x.shows("s: complete")
        again.communicate(timeout=PATIENCE)

    def test_a_database_that_goes_and_comes_back(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch()
        x.shows("s: complete", "live")
        names = [n for n in os.listdir(self.dir) if n.startswith("nocturne.db")]
        for name in names:
            os.rename(f"{self.dir}/{name}", f"{self.dir}/away-{name}")
        x.shows("lost since", "trying again", "s: complete")
        for name in names:
            os.rename(f"{self.dir}/away-{name}", f"{self.dir}/{name}")
        x.hides("lost since")
        x.shows("live", "s: complete")

    def test_another_database_in_its_place(self):
        self.run_nocturne("run", "study.yaml", "--trials", "4")
        self.run_nocturne("run", "study.yaml", "--trials", "5", "--db", "second.db")
        x = self.watch()
        x.shows("4 of 4")
        with contextlib.suppress(FileNotFoundError):
            for tail in ("-wal", "-shm"):
                os.unlink(f"{self.dir}/nocturne.db{tail}")
        os.rename(f"{self.dir}/second.db", f"{self.dir}/nocturne.db")
        x.shows("5 of 5", "live")

    def test_a_study_that_is_deleted_stays_on_the_screen(self):
        self.run_nocturne("run", "study.yaml")
        x = self.watch()
        x.shows("s: complete", "live")
        self.run_nocturne("delete", "s")
        x.shows("lost since", "no study", "s: complete")
        self.run_nocturne("run", "study.yaml", "--trials", "3")
        x.shows("3 of 3", "live")


if __name__ == "__main__":
    unittest.main()
