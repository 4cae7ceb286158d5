#!/usr/bin/env python3
"""The slots of a machine: their numbers, what is told to a trial, and which GPU each has. There need not be any GPU: a list
in CUDA_VISIBLE_DEVICES, or a program called nvidia-smi, is all that Nocturne knows of them. NOCTURNE_BIN is the folder of
the binaries."""
import fcntl
import os
import signal
import time
import unittest
from unittest import mock

import service
from patience import PATIENCE
from test_cli import World, read

# Says where it ran, and "twice" if the one that had the slot before is still there.
TRIAL = """exec 9>>seen
if [ -e slot.$NOCTURNE_SLOT ] && kill -0 $(cat slot.$NOCTURNE_SLOT) 2>/dev/null; then echo twice >&9; fi
echo $$ > slot.$NOCTURNE_SLOT
echo "$1 $NOCTURNE_SLOT ${CUDA_VISIBLE_DEVICES-unset} ${HIP_VISIBLE_DEVICES-unset}" >&9
exec 9>&-
echo 'nocturne: {"step": 0, "em": 0.1}'
[ -e /proc/self/fd/4 ] && echo "a fifth descriptor" >> seen
sleep ${NAP:-0.05}
echo 'nocturne: {"result": {"em": 0.5}}'
"""
STUDY = """study: s
trial: {command: [sh, trial.sh, "{slot}"], grace: 1s}
parameters:
  x: {type: float, range: [0, 1]}
objective: {maximize: em}
budget: {trials: 12}
confirm: {top: 0, seeds: 0}
search: {sampler: random}
workers: {local: 3}
"""
LISTING = """#!/bin/sh
[ "$1" = -L ] || exit 1
echo 'GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)'
echo 'GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-6d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)'
"""


class Here(World):
    def setUp(self):
        super().setUp()
        self.study()
        self.write("trial.sh", TRIAL)
        visible = {k: v for k, v in os.environ.items() if not k.endswith("_VISIBLE_DEVICES")}
        environ = mock.patch.dict(os.environ, visible, clear=True)
        environ.start()
        self.addCleanup(environ.stop)

    def study(self, workers="{local: 3}", name="s"):
        self.write("study.yaml", STUDY.replace("{local: 3}", workers).replace("study: s", f"study: {name}"))

    def seen(self):
        """[slot in the command, NOCTURNE_SLOT, CUDA_VISIBLE_DEVICES, HIP_VISIBLE_DEVICES] of each attempt so far."""
        lines = [line.split(" ") for line in read(os.path.join(self.dir, "seen")).splitlines()]
        self.assertEqual({len(line) for line in lines}, {4}, lines)
        return lines

    def run_it(self, *more, **env):
        if os.path.exists(os.path.join(self.dir, "seen")):
            os.remove(os.path.join(self.dir, "seen"))
        with mock.patch.dict(os.environ, env):
            return self.run_nocturne("run", "study.yaml", *more)

    def gpus(self, workers, slots=3, **env):
        """The GPU of each slot, in a study of its own."""
        self.serial = getattr(self, "serial", 0) + 1
        self.study(workers, f"g{self.serial}")
        self.run_it("--trials", str(slots), **env)
        has = {int(slot): (cuda, hip) for _, slot, cuda, hip in self.seen()}
        return [has.get(i) for i in range(slots)]

    def test_each_attempt_has_a_number_that_nobody_else_has(self):
        self.run_it()
        self.assertEqual(len(self.seen()), 12)
        for command, variable, cuda, _ in self.seen():
            self.assertEqual(command, variable)
            self.assertIn(variable, ("0", "1", "2"))
            self.assertEqual(cuda, "unset")
        self.assertIn("0", [line[1] for line in self.seen()])

    def test_a_parameter_of_that_name_is_what_the_command_says(self):
        self.write("study.yaml", STUDY.replace("  x:", "  slot:").replace("[0, 1]", "[7, 8]").replace("type: float", "type: int"))
        self.run_it()
        self.assertLessEqual({line[0] for line in self.seen()}, {"7", "8"})
        self.assertLessEqual({line[1] for line in self.seen()}, {"0", "1", "2"})

    def test_slots_share_the_gpus_that_the_caller_may_use(self):
        uuid, mig = "GPU-5d5ba0d6-d33d-2b2c", "MIG-GPU-5d5ba0d6/1/0"
        for workers, visible, want in (
                ("{local: 3, gpus: auto}", "4,7", ["4", "7", "4"]),
                ("{local: 3, gpus: auto}", f"{uuid},{mig},2", [uuid, mig, "2"]),
                ("{local: 3, gpus: auto}", "3,-1,4", ["3", "3", "3"]),
                ("{local: 3, gpus: auto}", " 5 , 6 ,5", ["5", "6", "5"]),
                ("{local: 3, gpus: 2}", "4,5,6", ["4", "5", "4"]),
                ("{local: 3, gpus: [0, 2]}", "4,5,6", ["4", "6", "4"]),
                ("{local: 3, gpus: [2, 0, 1]}", "4,5,6", ["6", "4", "5"]),
                ("{local: 3, gpus: none}", "4,5,6", ["", "", ""]),
                ("{local: 3, gpus: 0}", "4,5,6", ["", "", ""]),
                ("{local: 3, gpus: auto}", "", ["", "", ""]),
                ("{local: 3}", "4,5", ["4,5", "4,5", "4,5"])):
            with self.subTest(workers=workers, visible=visible):
                self.write("trial.sh", TRIAL.replace("sleep ${NAP:-0.05}", "until [ $(grep -c . seen) -ge 3 ]; do sleep 0.02; done"))
                self.assertEqual(self.gpus(workers, CUDA_VISIBLE_DEVICES=visible), [(w, "unset") for w in want])

    def test_what_is_visible_to_hip_is_told_to_hip(self):
        self.write("trial.sh", TRIAL.replace("sleep ${NAP:-0.05}", "until [ $(grep -c . seen) -ge 3 ]; do sleep 0.02; done"))
        self.assertEqual(self.gpus("{local: 3, gpus: auto}", HIP_VISIBLE_DEVICES="1,3"), [("unset", g) for g in "131"])

    def test_without_a_gpu_it_is_said_once_and_runs(self):
        self.study("{local: 3, gpus: auto}")
        for env in ({"CUDA_VISIBLE_DEVICES": ""}, {"CUDA_VISIBLE_DEVICES": "-1"}):
            with mock.patch.dict(os.environ, env):
                out, err = self.run_nocturne("run", "study.yaml", "--trials", "3")
                self.assertEqual(err, "nocturne: no GPU found on this machine: slots run without\n")
                self.assertIn("no GPU found on this machine: slots run without", self.run_nocturne("plan", "study.yaml")[0])
                self.assertEqual(self.json("plan", "study.yaml")["gpus"], None)
                self.assertEqual(self.run_nocturne("run", "study.yaml", "--quiet")[1], "")

    def test_plan_says_who_has_what(self):
        for workers, visible, said, gpus in (
                ("{local: 4, gpus: auto}", "0,1", "4 slots share 2 GPUs", ["0", "1"]),
                ("{local: 4, gpus: 1}", "0,1", "4 slots share 1 GPU", ["0"]),
                ("{local: 2, gpus: auto}", "0,GPU-1", "2 slots, one GPU each", ["0", "GPU-1"]),
                ("{local: 1, gpus: auto}", "0,1,2", "1 slot, one GPU; 2 of 3 GPUs are left over", ["0", "1", "2"]),
                ("{local: 2, gpus: none}", "0,1,2", "2 slots without a GPU", []),
                ("{gpus: [1]}", "0,7", "1 slot, one GPU", ["7"])):
            self.study(workers)
            with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=visible):
                self.assertRegex(self.run_nocturne("plan", "study.yaml")[0], f"(?m)^  GPUs +{said}$")
                self.assertEqual(self.json("plan", "study.yaml")["gpus"], gpus)
        self.study()
        self.assertNotIn("GPU", self.run_nocturne("plan", "study.yaml")[0])
        self.study("{local: 4, gpus: auto}")
        with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES="0,1"):
            self.assertRegex(self.run_nocturne("plan", "study.yaml", "--slots", "2")[0], "GPUs +2 slots, one GPU each\n")
            self.assertEqual(self.run_nocturne("run", "study.yaml")[1], "nocturne: 4 slots share 2 GPUs\n")

    def test_the_driver_is_asked(self):
        os.mkdir(os.path.join(self.dir, "bin"))
        self.study("{local: 3, gpus: auto}")
        with mock.patch.dict(os.environ, PATH=os.path.join(self.dir, "bin") + ":" + os.environ["PATH"]):
            for text, gpus in ((LISTING, ["0", "1"]),
                               (LISTING + "echo '  MIG 1g.5gb  Device  0: (UUID: MIG-c6d4f1ef-42e4)'\n"
                                "echo '  MIG 1g.5gb  Device  1: (UUID: MIG-cba663e8-9bed)'\n",
                                ["GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77", "MIG-c6d4f1ef-42e4", "MIG-cba663e8-9bed"]),
                               ("#!/bin/sh\necho 'No devices found.'\n", None),
                               ("#!/bin/sh\necho 'GPU 0: (UUID: ../../etc)'; yes | head -c 9000000\n", None)):
                self.write("bin/nvidia-smi", text)
                os.chmod(os.path.join(self.dir, "bin/nvidia-smi"), 0o755)
                self.assertEqual(self.json("plan", "study.yaml")["gpus"], gpus)

    def driver(self, text):
        os.makedirs(os.path.join(self.dir, "bin"), exist_ok=True)
        self.write("bin/nvidia-smi", "#!/bin/sh\n" + text)
        os.chmod(os.path.join(self.dir, "bin/nvidia-smi"), 0o755)
        return mock.patch.dict(os.environ, PATH=os.path.join(self.dir, "bin") + ":" + os.environ["PATH"])

    def test_a_driver_that_does_not_answer_is_named(self):
        self.study("{local: 3, gpus: auto}")
        for text, said in (("echo 'NVIDIA-SMI has failed: no driver.'; echo; exit 9", "nvidia-smi failed: NVIDIA-SMI has failed: no driver."),
                           ("echo first >&2; printf 'the last \\033[2J\\n\\n' >&2; exit 1", r"nvidia-smi failed: the last \S*\[2J"),
                           ("exit 12", "nvidia-smi failed: exit code 12"), ("kill -9 $$", "nvidia-smi failed"),
                           ("exec sleep 100", "nvidia-smi did not answer in 15 s")):
            with self.driver(text):
                out = self.run_nocturne("plan", "study.yaml")[0]
                self.assertRegex(out, f"(?m)^  GPUs +.*; {said}")
                self.assertNotIn("\x1b", out)
                if "sleep" in text:  # it takes its time
                    continue
                self.assertRegex(self.run_nocturne("run", "study.yaml")[1], f"^nocturne: .*; {said}")
                self.assertRegex(self.run_nocturne("doctor", code=1)[0], f"(?m)^PROBLEM  GPUs +.*; {said}")
        with self.driver("echo 'GPU 0: a (UUID: GPU-5d5ba0d6-d33d-2b2c-524d-9e3d8d2b8a77)'"):
            self.assertRegex(self.run_nocturne("doctor")[0], "(?m)^ok +GPUs +1 found$")

    def test_as_many_gpus_as_a_machine_can_have(self):
        self.study("{local: 2, gpus: auto}")
        for n in (200, 512):
            with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=",".join(map(str, range(n)))):
                self.assertEqual(self.json("plan", "study.yaml")["gpus"], [str(i) for i in range(n)])
                self.assertIn(f"2 slots, one GPU each; {n - 2} of {n} GPUs are left over\n", self.run_nocturne("plan", "study.yaml")[0])
        with self.driver("for i in $(seq 0 599); do echo \"GPU $i: a (UUID: GPU-$i-aaaaaa)\"; done"):
            self.assertIn("510 of 512 GPUs are left over; 88 more GPUs are not used: 512 at most\n", self.run_nocturne("plan", "study.yaml")[0])
        self.study("{local: 2, gpus: 200}")
        with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=",".join(map(str, range(200)))):
            self.assertEqual(len(self.json("plan", "study.yaml")["gpus"]), 200)

    def test_what_is_not_there_is_refused_before_anything_runs(self):
        for wish, visible, said in (("5", "0,1", "'gpus' asks for 5: this machine has 2 GPUs, 0 to 1"),
                                    ("[0, 3]", "0,1", "'gpus' asks for GPU 3: this machine has 2 GPUs, 0 to 1"),
                                    ("[1]", "7", "'gpus' asks for GPU 1: this machine has one GPU, 0"),
                                    ("2", "", "'gpus' asks for 2: no GPU found on this machine"),
                                    ("[0]", "-1", "'gpus' asks for GPU 0: no GPU found on this machine")):
            self.study(f"{{local: 2, gpus: {wish}}}")
            with mock.patch.dict(os.environ, CUDA_VISIBLE_DEVICES=visible):
                for command in ("plan", "run"):
                    _, err = self.run_nocturne(command, "study.yaml", code=2)
                    self.assertEqual(err, f"nocturne: study.yaml:9:27: {said}; 'gpus: auto' takes what is there\n")
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.db")))

    def test_other_slots_are_the_same_study(self):
        self.run_it("--trials", "3")
        self.study("{local: 2, gpus: auto}")
        out, err = self.run_nocturne("run", "study.yaml", "--trials", "6")
        self.assertRegex(out, r"going on with study s: 3 of \d trials complete")
        self.assertNotIn("changed", err)

    # ---- across processes ----

    def lock_of(self, slot):
        return open(os.path.join(self.dir, f"nocturne.files/s/.slot.{slot}"), "rb")

    def is_locked(self, slot):
        with self.lock_of(slot) as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return False
            except BlockingIOError:
                return True

    def test_a_killed_runs_trials_keep_their_slots_until_they_are_gone(self):
        self.study("{local: 2}")
        for _ in range(3):
            before = self.started()
            with mock.patch.dict(os.environ, NAP="1000"):
                process = self.popen("run", "study.yaml", "--quiet")
            self.wait_running(before + 2)
            self.assertTrue(self.is_locked(0) and self.is_locked(1))
            process.kill()
            process.communicate()
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.assertEqual({line[1] for line in self.seen()}, {"0", "1"})  # and nobody has said "twice"
        self.assertFalse(self.is_locked(0) or self.is_locked(1))

    def test_a_slot_is_waited_for(self):
        self.run_it("--trials", "3")
        self.study("{local: 2}")
        with self.lock_of(0) as zero, self.lock_of(1) as one:
            for f in (zero, one):
                fcntl.flock(f, fcntl.LOCK_EX)
            os.remove(os.path.join(self.dir, "seen"))
            process = self.popen("run", "study.yaml", "--trials", "6")
            self.wait_line(process.stdout, "2 of 2 slots: something of an earlier run is still in them; they are used when that is gone")
            fcntl.flock(one, fcntl.LOCK_UN)
            self.wait_for(lambda: os.path.exists(os.path.join(self.dir, "seen")) and len(self.seen()) >= 2, "trials in the other slot")
            self.assertEqual({line[1] for line in self.seen()}, {"1"})
        process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0)

    def test_something_else_in_the_place_of_a_lock_keeps_nobody_from_running(self):
        self.run_it("--trials", "2")
        for name, make in ((".slot.0", os.mkfifo), (".slot.1", os.mkdir), (".slot.2", lambda p: os.symlink("/etc/passwd", p))):
            path = os.path.join(self.dir, "nocturne.files/s", name)
            if os.path.exists(path):
                os.remove(path)
            make(path)
        self.run_it()
        self.assertEqual(len(self.seen()), 10)


class There(service.World):
    """The service numbers the slots of all its studies, an agent its own."""

    SERVE = ("--slots", "3")
    ENV = {"CUDA_VISIBLE_DEVICES": "4,5,6"}
    TRIAL = """echo "$NOCTURNE_STUDY $1 $NOCTURNE_SLOT ${CUDA_VISIBLE_DEVICES-unset}" >> "$SEEN"
echo 'nocturne: {"step": 0, "em": 0.1}'
echo 'nocturne: {"result": {"em": 0.5}}'
"""

    def seen(self):
        path = os.path.join(self.dir, "seen")
        return [line.split(" ") for line in read(path).splitlines()] if os.path.exists(path) else []

    def make(self, name, workers):
        self.create(STUDY.replace("study: s", f"study: {name}").replace("{local: 3}", workers) + "files: [trial.sh]\n",
                    self.gated(self.TRIAL.replace("$SEEN", os.path.join(self.dir, "seen"))))

    def test_studies_share_the_numbers(self):
        self.make("a", "{local: 2, gpus: auto}")
        self.wait("the first works", lambda: len(self.seen()) == 2)
        self.make("b", "{local: 2, gpus: [1, 2]}")
        self.wait("both work", lambda: len(self.seen()) == 3)
        self.assertEqual(sorted(self.seen()), [["a", "0", "0", "4"], ["a", "1", "1", "5"], ["b", "2", "2", "5"]])
        self.assertIn("a: at work: 2 slots, one GPU each; 1 of 3 GPUs are left over", self.read("serve.out"))
        self.open_gate()
        for name in "ab":
            self.wait_phase("complete", name)
        bad = STUDY.replace("study: s", "study: c").replace("{local: 3}", "{local: 2, gpus: 4}") + "files: [trial.sh]\n"
        answer = self.call("POST", "/studies", text=bad, headers={"Content-Type": "application/yaml"})
        self.assertEqual(answer.status, 422, answer.body)
        self.assertIn("'gpus' asks for 4: this machine has 3 GPUs, 0 to 2", answer.json["detail"])

    def test_an_agent_has_its_own(self):
        self.end([self.server])
        self.SERVE = ("--slots", "0")
        self.start()
        self.make("a", "{local: 2, gpus: none}")  # of the service's machine, not of the agent's
        self.agent("far", "--gpus", "0,2", slots=2)
        self.wait("it works", lambda: len(self.seen()) == 2)
        self.assertEqual(sorted(self.seen()), [["a", "0", "0", "4"], ["a", "1", "1", "6"]])
        self.open_gate()
        self.wait_phase("complete", "a")
        self.assertEqual({tuple(line[1:]) for line in self.seen()}, {("0", "0", "4"), ("1", "1", "6")})


if __name__ == "__main__":
    unittest.main(verbosity=2)
