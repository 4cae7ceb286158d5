#!/usr/bin/env python3
"""Before the first trial: does the command start, does each parameter reach the program, does the seed?

NOCTURNE_BIN is the folder of the binaries.
"""
import json
import os
import shutil
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
        self.assertEqual(self.reach("[python3, v.py]"), ("unseen", "unseen", "unseen"))  # it is installed somewhere
        self.write("nocturne_of_mine.py", "")
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

    def assert_unseen(self, command, what):
        plan = self.plan(command)
        self.assertEqual((plan["reach"]["parameters"]["k"], plan["reach"]["seed"]), ("unseen", "unseen"), what)
        self.assertFalse([r for r in plan["risks"] if "nothing hands" in r], what)

    def test_no_alarm_where_something_installed_may_look(self):
        for text in ("from my_settings import options\n", "import os, my_settings as s\n", "import my.settings\n", "try: import my_settings\nexcept E: pass\n",
                     "if True:\n    from my_settings import (a,\n        b)\n", "import os; import my_settings\n", "from .. import settings2\nimport hydra\n",
                     "import click\n@click.command()\ndef main(): pass\nmain(auto_envvar_prefix='NOCTURNE')\n", "import my_settings # numpy\n",
                     "import os\nfor k, v in os.environ.items(): print(k)\n", "import os\ne = dict(os.environ)\n", "from os import environ\n",
                     "import os\ndef of(k): return os.environ['A_' + k]\nx = os.environ.get(of('x'))\n", "import os\nx = os.getenv(name)\n",
                     "import os\nP = 'NOCTURNE_'\n", "p = 'nocturne'\n", "import subprocess\nsubprocess.run(['train'])\n", "import os\nos.system('train')\n",
                     "import importlib\nimportlib.import_module(m)\n", "exec(open('x').read())\n"):
            self.write("v.py", text)
            self.assert_unseen("[python3, v.py]", text)
        for text in ("my-train --x 1\n", "cd sub && my-train\n", 'exec "$@"\n', 'eval "$X"\n', "$TRAIN now\n", "python3 -m my_package\n", "python3 elsewhere.py\n",
                     "x=$(my-tool)\n", 'x="$(my-tool)"\n', "env | grep -i param\n", "python3 - <<END\nimport this\nEND\n", ". /etc/settings\n", "if my-test; then :; fi\n",
                     "A=1 my-train\n", "awk 'BEGIN { for (k in ENVIRON) print k }'\n", "for i in 1 2; do my-train; done\n", "case a in a) my-train;; esac\n", "Rscript t.R\n"):
            self.write("s.sh", text)
            self.assert_unseen("[sh, s.sh]", text)
        self.assert_unseen('[sh, -c, "my-train --x 1"]', "sh -c")
        self.write("plain.py", "import os\n")
        for command in ("[true, plain.py]", "[python3, -m, my.launcher, plain.py]", "[env, true, plain.py]"):
            self.assert_unseen(command, command)
        shutil.copy(shutil.which("true"), os.path.join(self.dir, "compiled"))
        self.assert_unseen("[./compiled]", "compiled")

    def test_it_is_sure_of_what_it_has_read(self):
        for text in ("import os, sys, json as j\nfrom pathlib import (Path,\n  PurePath)\nimport numpy as np\nfrom torch.nn import *\nx = os.environ['HOME']\n",
                     "from __future__ import annotations\nimport os\nx = os.environ.get( \"HOME\", 1), os.getenv('A')\n",
                     "print('nocturne: {}')\n# import this or from that\nfrom_here = 1\n"):
            self.write("v.py", text)
            self.assertEqual(self.reach("[python3, v.py]"), ("none", "none", "none"), text)
        for text in (TRIAL, "set -e\nx=1 y=2\nfor i in a b; do echo \"$i; b\" >&2; done\nif [ -n \"$1\" ]; then exit 1; fi\n",
                     "# my-train is not called\ncase $1 in a|echo) echo 'my-train; (x)' ;; *) sleep 1 && date > out ;; esac\n",
                     "f() { echo $((1 + 2)) ${X:-3}; }\nx=$(date)\nf a b | sort\necho 'it is' 2>/dev/null || true\n", "exec python3 plain.py --x 1\n"):
            self.write("plain.py", "")
            self.write("s.sh", text)
            self.assertEqual(self.reach("[sh, s.sh]"), ("none", "none", "none"), text)

    def test_modules_of_packages_are_found(self):
        os.makedirs(os.path.join(self.dir, "src/pkg/deep"))
        self.write("src/train.py", "from pkg import options\nimport pkg.deep.more\n")
        self.write("src/pkg/__init__.py", "")
        self.write("src/pkg/options.py", "import os\nx = os.environ['NOCTURNE_PARAM_X']\n")
        self.write("src/pkg/deep/__init__.py", "from ..other import k\n")
        self.write("src/pkg/deep/more.py", "from . import last\n")
        self.write("src/pkg/deep/last.py", "import os\ns = os.environ['NOCTURNE_SEED']\n")
        self.write("src/pkg/other.py", "import os\nk = os.environ['NOCTURNE_PARAM_K']\n")
        self.assertEqual(self.reach("[python3, src/train.py]"), ("variable", "variable", "variable"))

    def test_variables_by_a_prefix(self):
        for text in ("import click\nmain(auto_envvar_prefix='NOCTURNE_PARAM')\n", "model_config = SettingsConfigDict(env_prefix=\"nocturne_param_\")\n",
                     "import os\nx = {k: v for k, v in os.environ.items() if k.startswith('NOCTURNE_PARAM')}\n"):
            self.write("v.py", text)
            self.assertEqual(self.reach("[python3, v.py]")[:2], ("program", "program"), text)

    def test_params_json_in_the_command(self):
        self.write("v.py", "import sys, json\np = json.load(open(sys.argv[1]))\n")
        self.assertEqual(self.reach('[python3, v.py, "{dir}/params.json"]'), ("file", "file", "none"))
        self.assertEqual(self.reach('[python3, v.py, "--config={dir}/params.json", "{x}"]'), ("argument", "file", "none"))
        self.assertEqual(self.reach('[python3, v.py, "{dir}"]'), ("unseen", "unseen", "unseen"))
        self.assertEqual(self.reach('[python3, v.py, "--out={dir}/model.pt", "{{dir}}"]'), ("none", "none", "none"))
        self.study('[python3, v.py, "{dir}/params.json", "{seed}"]')
        out = self.run_nocturne("plan", "study.yaml")[0]
        self.assertIn("  parameters     in params.json, which the command names: x, k\n", out)
        self.assertNotIn("nothing hands", out)

    def test_a_file_that_the_program_will_write_is_not_missed(self):
        self.write("v.py", "")
        for command in ("[python3, v.py, out.py]", "[python3, -m, v, out.py]", "[true, out.py]", "[sh, -c, 'true', out.py]"):
            self.assertFalse([r for r in self.plan(command)["risks"] if "and there is none" in r], command)

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
