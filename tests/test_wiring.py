#!/usr/bin/env python3
"""Before the first trial: does the command start, does each parameter reach the program, does the seed?

NOCTURNE_BIN is the folder of the binaries.
"""
import os
import unittest

import test_cli
from test_cli import STUDY

COMMAND = 'command: [sh, trial.sh, "{x}", "{k}"]'
SEED = "nothing hands the seed to"
TRIAL = """echo '{"result": {"em": 0.5, "tokens": 100}}' >&3
"""


class Wiring(test_cli.World):
    def setUp(self):
        super().setUp()
        self.write("trial.sh", TRIAL)

    def study(self, command, more=lambda text: text):
        self.write("study.yaml", more(STUDY.replace(COMMAND, f"command: {command}")))

    def plan(self, command, **kw):
        self.study(command, **kw)
        return self.json("plan", "study.yaml")

    def reach(self, command):
        found = self.plan(command)["reach"]
        return found["parameters"]["x"], found["parameters"]["k"], found["seed"]

    def test_by_arguments(self):
        self.assertEqual(self.reach('[sh, trial.sh, "{x}", "--k={k}", "{seed}"]'), ("argument", "argument", "argument"))
        self.assertEqual(self.reach('[sh, trial.sh, "{args}"]'), ("argument", "argument", "none"))
        self.assertEqual(self.reach('[sh, trial.sh, "{args: --name=value, hyphens}", "s{seed}"]'), ("argument", "argument", "argument"))
        self.assertEqual(self.reach('[sh, trial.sh, "{{x}}", "{{{k}}}"]'), ("none", "argument", "none"))

    def test_by_what_the_program_reads(self):
        self.write("v.py", "import os\nx = os.environ['NOCTURNE_PARAM_X'], os.environ['NOCTURNE_PARAM_KAPPA']\n")
        self.assertEqual(self.reach("[python3, v.py]"), ("variable", "none", "none"))
        self.write("s.sh", "echo $NOCTURNE_PARAM_X ${NOCTURNE_PARAM_K} $NOCTURNE_SEED")
        self.assertEqual(self.reach("[sh, s.sh]"), ("variable", "variable", "variable"))
        self.assertEqual(self.reach('[sh, -c, "echo $NOCTURNE_SEED", "{x}"]'), ("argument", "none", "variable"))
        for text in ("import nocturne\nrandom.seed(nocturne.seed())", "from nocturne.sklearn import x\nseed = 1",
                     "p = json.load(open(os.environ['NOCTURNE_PARAMS']))\nseed = p", "os.environ['NOCTURNE_PARAM_' + name]; seed = 2"):
            self.write("v.py", text)
            self.assertEqual(self.reach("[python3, v.py]"), ("program", "program", "program"), text)
        self.write("v.py", "import nocturne_of_mine")
        self.assertEqual(self.reach("[python3, v.py]"), ("none", "none", "none"))

    def test_what_it_imports_or_calls_is_read_too(self):
        os.makedirs(os.path.join(self.dir, "pkg/inner"))
        self.write("pkg/__init__.py", "")
        self.write("pkg/train.py", "from pkg.inner import settings\nfrom .more import y\n")
        self.write("pkg/inner/settings.py", "")
        self.write("pkg/inner/__init__.py", "os.environ['NOCTURNE_SEED']")
        self.write("run.sh", 'exec python3 -m pkg.train --x "$NOCTURNE_PARAM_X" "$@"\n')
        self.assertEqual(self.reach("[sh, run.sh]")[0], "variable")
        self.write("a.py", "import b\n")
        self.write("b.py", "import c, a\n")
        self.write("c.py", "import os; os.environ['NOCTURNE_SEED']\n")
        self.assertEqual(self.reach("[python3, -u, a.py]"), ("none", "none", "variable"))
        self.assertEqual(self.reach("[python3, -m, a]"), ("none", "none", "variable"))

    def test_what_cannot_be_read_is_not_judged(self):
        os.mkfifo(os.path.join(self.dir, "pipe.py"))
        self.write("big.py", "#" * (5 << 20))
        for command in ('[awk, "{x}", "{k}"]', "[env, python3, -m, json.tool]", "[python3, big.py]"):
            self.assertEqual(self.reach(command)[2], "unseen", command)
            self.assertFalse([r for r in self.plan(command)["risks"] if "nothing hands" in r], command)
        self.assertIn("names pipe.py", " ".join(self.plan("[python3, pipe.py]")["risks"]))
        os.symlink("/etc", os.path.join(self.dir, "etc.py"))
        self.assertEqual(self.reach("[python3, etc.py]")[2], "unseen")

    def test_the_words(self):
        self.study('[sh, trial.sh, "{x}"]')
        out = self.run_nocturne("plan", "study.yaml")[0]
        self.assertIn("  parameters     nothing in trial.sh asks for: k\n                 as arguments: x\n  seed           nothing asks for it\n", out)
        flat = " ".join(out.split())
        self.assertIn('- as far as can be seen nothing hands k to trial.sh: put "{k}" or "{args}" into the command', flat)
        self.assertIn(f"{SEED} trial.sh: repeats will measure the same, or chance that nobody controls; put \"{{seed}}\" into the command", flat)
        self.assertFalse([r for r in self.plan(COMMAND[9:], more=lambda s: s.replace("top: 1, seeds: 2", "top: 0, seeds: 0"))["risks"] if SEED in r])
        self.study('[sh, trial.sh, "{x}", "{k}", "{seed}"]')
        self.assertNotIn("nothing", self.run_nocturne("plan", "study.yaml", "--trials", "30")[0].replace("nothing is known", ""))

    def test_a_run_says_so_first_and_runs(self):
        self.study('[sh, trial.sh, "{x}", "{k}"]', more=lambda s: s.replace("trials: 8", "trials: 1"))
        self.assertIn(f"note: as far as can be seen {SEED} trial.sh", self.run_nocturne("run", "study.yaml")[0])
        self.assertIn(f"nocturne: as far as can be seen {SEED} trial.sh", self.run_nocturne("run", "study.yaml", "--json")[1])
        self.assertEqual(self.run_nocturne("run", "study.yaml", "--quiet"), ("", ""))
        self.write("trial.sh", f"# $NOCTURNE_SEED\n{TRIAL}")
        self.assertNotIn("nothing hands", "".join(self.run_nocturne("run", "study.yaml")))

    def test_a_command_that_cannot_start_is_said_before_anything_runs(self):
        os.mkdir(os.path.join(self.dir, "folder"))
        self.write("plain.sh", "#!/bin/sh\n")
        for name, text in (("lost.sh", "#!/nowhere/sh -e\n"), ("windows.sh", "#!/bin/sh\r\n"), ("fine.sh", "#!/bin/sh\n" + TRIAL), ("bare.sh", TRIAL)):
            self.write(name, text)
            os.chmod(os.path.join(self.dir, name), 0o755)
        for command, text in (("[./none]", "'./none' is not an executable program in"), ("[nowhere-to-be-found]", "is not an executable program in PATH"),
                              ("[./plain.sh]", "is not an executable"), ("[./folder]", "is not an executable"), ("[/tmp]", "is not an executable"),
                              ("[./lost.sh]", "there is no program '/nowhere/sh', which its first line names"),
                              ("[./windows.sh]", "no program '/bin/sh', which its first line names (its lines end with a carriage return)")):
            self.study(command)
            for verb in ("plan", "run"):
                self.assertIn(text, self.run_nocturne(verb, "study.yaml", code=2)[1], command)
        self.assertFalse(os.path.exists(os.path.join(self.dir, "nocturne.db")))
        for command in ('[./fine.sh, "{x}", "{k}"]', '[./bare.sh, "{x}", "{k}"]', '["{k}", "{x}"]'):
            self.study(command)
            self.run_nocturne("plan", "study.yaml")
        self.study('[sh, gone.sh, "{x}", "{k}"]')
        self.assertIn("the command names gone.sh, and there is none in", self.run_nocturne("run", "study.yaml", code=1)[0])

    def test_a_program_on_other_machines_is_not_looked_for(self):
        self.study("[./only-there]", more=lambda s: s + "executor: {slurm: {max_agents: 1}}\n")
        self.assertNotIn("seed ", self.run_nocturne("plan", "study.yaml")[0])
        self.assertIsNone(self.json("plan", "study.yaml")["reach"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
