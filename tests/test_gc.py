#!/usr/bin/env python3
"""`nocturne gc`: folders of old trials go, what is needed stays, whoever runs meanwhile. NOCTURNE_BIN is the folder of the
binaries."""
import os
import re
import subprocess
import unittest

from patience import PATIENCE, until
from service import nocturne_in
from test_cli import NOCTURNE, STUDY, TRIAL, World, read
from control import CHECKPOINT, Control

FAILS = '[ "$NOCTURNE_TRIAL" = 3 ] && exit 7\n' + TRIAL + 'head -c 70000 /dev/zero > "$NOCTURNE_DIR/model.bin"\n'


def folders(top):
    return sorted(name for name in os.listdir(top) if name[0] != ".")


class Gc(World):
    def setUp(self):
        super().setUp()
        self.write("trial.sh", FAILS)
        self.write("study.yaml", STUDY.replace("retries: 1", "retries: 0"))

    def files(self, *path):
        return os.path.join(self.dir, "nocturne.files", *path)

    def run_all(self):
        """A whole study: trial 0 the baseline, 3 fails, the best is confirmed twice."""
        self.run_nocturne("run", "study.yaml", "--quiet")
        states = {t["trial"]: t["state"] for t in self.trials()}
        self.assertEqual([n for n, s in states.items() if s == "failed"], [3])
        confirmed = {t["confirms"] for t in self.trials() if t.get("confirms") is not None and t["confirms"] >= 0}
        repeats = {t["trial"] for t in self.trials() if t.get("confirms") is not None and t["confirms"] >= 0}
        self.assertTrue(repeats)
        return {f"{n:04d}.1" for n in {0} | confirmed | repeats}, {f"{n:04d}.1" for n in states}

    def gc(self, *args, **kw):
        return self.json("gc", *args, **kw)["studies"]

    def test_what_nothing_needs_goes_and_the_rest_stays(self):
        stays, all_ = self.run_all()
        best, log = self.run_nocturne("export", "s"), self.run_nocturne("log", "s")
        size = sum(os.lstat(self.files("s", n, f)).st_blocks for n in all_ - stays for f in os.listdir(self.files("s", n))) * 512
        would = self.gc("--dry-run")[0]
        self.assertEqual(set(folders(self.files("s"))), all_)
        self.assertEqual((would["study"], would["folders"], would["trials"], would["left"]),
                         ("s", len(all_ - stays), len(all_ - stays), []))
        self.assertGreaterEqual(would["bytes"], size)
        self.assertEqual(sum(would["kept"].values()), len(stays))
        self.assertEqual(would["kept"]["baseline"], 3)  # it is confirmed, too
        out, err = self.run_nocturne("gc", "s")
        self.assertRegex(out, rf"^study s: removed {len(all_ - stays)} folders of {len(all_ - stays)} trials, \d+\.\d MiB; "
                              r"kept those of \d+ trials \(\d+ best, 3 baseline\)\n$")
        self.assertEqual(err, "")
        self.assertEqual(set(folders(self.files("s"))), stays)
        self.assertRegex(self.run_nocturne("gc")[0], r"^study s: nothing to remove; kept")
        self.assertEqual((self.run_nocturne("export", "s"), self.run_nocturne("log", "s")), (best, log))
        self.assertIn("failed", self.run_nocturne("show", "s", "3")[0])
        self.assertNotIn("PROBLEM", self.run_nocturne("doctor", "--rebuild")[0])
        self.run_nocturne("replay", "s")
        self.run_nocturne("run", "study.yaml", "--quiet", "--trials", "12")  # and it goes on

    def test_keep_and_older(self):
        stays, all_ = self.run_all()
        self.assertEqual(self.gc("--older", "1d")[0]["kept"]["young"], len(all_ - stays))
        self.assertEqual(self.gc("--keep", "complete,failed")[0]["kept"]["listed"], len(all_ - stays))
        self.assertEqual(set(folders(self.files("s"))), all_)
        one = self.gc("--keep", "failed, best", "--dry-run")[0]
        self.assertEqual(one["kept"]["listed"], 1)
        self.assertEqual(self.gc("--keep", "failed,best,baseline")[0]["folders"], len(all_ - stays) - 1)
        self.assertEqual(set(folders(self.files("s"))), stays | {"0003.1"})

    def test_options_and_studies_that_are_wrong(self):
        self.run_all()
        for args, code, said in ((["--keep", "faild"], 2, "--keep: 'faild' is none of .*did you mean 'failed'"),
                                 (["--older", "soon"], 2, "--older: 'soon' is not a duration"),
                                 (["--older", "-1d"], 2, "--older: '-1d' is not a duration"),
                                 (["x"], 3, "no study 'x'"), (["s", "x"], 3, "no study 'x'"),
                                 (["--db", "none.db"], 3, "none.db"), (["--keeep"], 2, "unrecognized option")):
            self.assertRegex(self.run_nocturne("gc", *args, code=code)[1], said)
        self.assertEqual(len(folders(self.files("s"))), len(self.trials()))  # not even those of s

    def test_all_studies_of_the_database_or_those_named(self):
        for name in ("s", "t", "u"):
            self.write("study.yaml", STUDY.replace("study: s", f"study: {name}").replace("retries: 1", "retries: 0"))
            self.run_nocturne("run", "study.yaml", "--quiet", "--trials", "5")
        before = {name: folders(self.files(name)) for name in "stu"}
        self.assertEqual([x["study"] for x in self.gc("t", "u")], ["t", "u"])
        self.assertEqual(folders(self.files("s")), before["s"])
        self.assertLess(len(folders(self.files("t"))), len(before["t"]))
        self.assertEqual({x["study"]: x["folders"] > 0 for x in self.gc()}, {"s": True, "t": False, "u": False})

    def test_a_study_may_run_meanwhile(self):
        self.run_nocturne("run", "study.yaml", "--quiet", "--trials", "4")
        self.write("trial.sh", TRIAL.replace("\n", f"\nuntil [ -e '{self.dir}/gate' ]; do sleep 0.02; done\n", 1))
        before = self.started()
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(before + 2)
        running = [f"{t['trial']:04d}.1" for t in self.trials() if t["state"] == "running"]
        self.assertEqual(len(running), 2)
        said = self.gc("s")[0]
        self.assertEqual((said["kept"]["running"], said["folders"] > 0), (2, True))
        self.assertLessEqual(set(running), set(folders(self.files("s"))))
        self.open_gate()
        while process.poll() is None:
            self.gc()
        self.assertEqual(process.communicate(timeout=PATIENCE)[1], "")
        self.assertEqual({t["state"] for t in self.trials()}, {"complete", "failed"})
        self.assertIn("ok", self.run_nocturne("doctor", "--rebuild")[0])

    def test_links_lead_nowhere_and_strange_names_stay(self):
        stays, all_ = self.run_all()
        goes = sorted(all_ - stays)
        os.mkdir(os.path.join(self.dir, "precious"))
        self.write("precious/file", "x")
        os.symlink(os.path.join(self.dir, "precious"), self.files("s", goes[0], "link"))
        os.symlink("..", self.files("s", goes[0], "up"))
        os.mkfifo(self.files("s", goes[0], "fifo"))
        os.rename(self.files("s", goes[1]), self.files("s", "aside"))
        os.symlink(os.path.join(self.dir, "precious"), self.files("s", goes[1]))
        for name in ("0001.1.1", "1.1", "0001.01", "0001.2", "0099.1", "-001.1", "study", "0001.1x", "notes"):
            os.mkdir(self.files("s", name))
        stays |= {"0001.1.1", "1.1", "0001.01", "0001.2", "0099.1", "-001.1", "study", "0001.1x", "notes", "aside"}
        self.run_nocturne("gc")
        self.assertEqual(set(folders(self.files("s"))), stays)
        self.assertEqual(read(os.path.join(self.dir, "precious/file")), "x")
        os.rename(self.files("s"), os.path.join(self.dir, "elsewhere"))
        os.symlink(os.path.join(self.dir, "elsewhere"), self.files("s"))
        self.assertIn("a part of it is a link", self.run_nocturne("gc", code=2)[1])
        self.assertEqual(set(folders(os.path.join(self.dir, "elsewhere"))), stays)
        os.remove(self.files("s"))
        self.assertRegex(self.run_nocturne("gc")[0], "study s: nothing to remove\n")

    @unittest.skipIf(os.getuid() != 0, "only root can make another user's file")
    def test_another_users_file_is_named_and_the_rest_goes(self):
        stays, all_ = self.run_all()
        goes = sorted(all_ - stays)
        self.own(self.dir, 12345)
        os.mkdir(self.files("s", goes[0], "theirs"))
        with open(self.files("s", goes[0], "theirs", "file"), "w"):
            pass
        done = subprocess.run([nocturne_in(self.dir), "gc", "--db", "nocturne.db"], cwd=self.dir, user=12345, group=12345, extra_groups=[],
                              capture_output=True, text=True, timeout=PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, f"nocturne: {self.files('s', goes[0])} stays: something in it is not yours to remove, or on "
                                      "another file system\n")
        self.assertIn(f"removed {len(goes) - 1} folders", done.stdout)
        self.assertEqual(set(folders(self.files("s"))), stays | {goes[0]})

    def test_what_is_mounted_there_stays(self):
        stays, all_ = self.run_all()
        goes = sorted(all_ - stays)
        os.mkdir(os.path.join(self.dir, "data"))
        self.write("data/file", "x")
        os.mkdir(self.files("s", goes[0], "in"))
        script = f"mount --bind data {self.files('s', goes[0], 'in')} && mount --bind data {self.files('s', goes[1])} && "
        done = subprocess.run(["unshare", "-m", "sh", "-c", script + f"exec {NOCTURNE} gc --db nocturne.db"], cwd=self.dir,
                              capture_output=True, text=True, timeout=PATIENCE)
        if re.search("unshare|mount", done.stderr):
            self.skipTest(done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"(?m)^nocturne: .* stays: something in it is not yours", done.stderr)), 2, done.stderr)
        self.assertEqual(read(os.path.join(self.dir, "data/file")), "x")
        self.assertEqual(set(folders(self.files("s"))), stays | {goes[0], goes[1]})

    @staticmethod
    def own(top, user):
        os.chown(top, user, user)
        for folder, below, names in os.walk(top):
            for name in below + names:
                os.chown(os.path.join(folder, name), user, user, follow_symlinks=False)

    def test_killed_in_the_middle_it_is_done_by_the_next_one(self):
        stays, all_ = self.run_all()
        for name in all_:
            for i in range(300):
                os.makedirs(self.files("s", name, f"d{i % 7}", f"e{i}"))
        while set(folders(self.files("s"))) != stays:
            before = self.left()
            process = self.popen("gc")
            until("it has begun", lambda: process.poll() is not None or self.left() != before)
            process.kill()
            process.communicate()
        for name in stays:
            self.assertIn("d6", os.listdir(self.files("s", name)))
        self.assertIn("ok", self.run_nocturne("doctor")[0])

    def left(self):
        n = 0
        for name in folders(self.files("s")):
            try:
                n += len(os.listdir(self.files("s", name)))
            except OSError:
                pass
        return n


class NeededCheckpoints(Control):
    def gc(self):
        self.nocturne("gc")

    def test_a_killed_trial_still_finds_its_own(self):
        study = self.study(trials=1)
        self.kill_once(study, lambda log: CHECKPOINT in [e[0] for e in log], TOY_WAITS="checkpoint")
        self.gc()
        self.nocturne("run", study)
        self.assertEqual(self.trials()[0]["metrics"]["resumed"], 1)

    def test_a_population_finds_its_members(self):
        study = self.study("schedule: {rate: pb2, interval: 500 tokens, population: 4, rounds: 4}", trials=60)
        for events in (30, 70):
            self.kill_once(study, lambda log: len(log) >= events)
            self.gc()
        self.nocturne("run", study)
        self.assertEqual({t["state"] for t in self.trials()}, {"complete"})
        self.assertNotIn("is gone", self.nocturne("log", "toy"))
        self.assertEqual([e for e in self.log("note") if "checkpoint" in str(e["body"])  # one that the kill cut off is the toy's
                          and "bytes instead of" not in str(e["body"])], [])
        self.gc()
        self.healthy()


if __name__ == "__main__":
    unittest.main(verbosity=2)
