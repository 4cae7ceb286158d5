#!/usr/bin/env python3
"""The morning report: who sees nothing else knows what won, against what, how sure that is, what it cost and what next.

Each of the five answers is read out of the report and compared with what best, status, trials and plan say. A report is
one file that needs nothing else: well-formed, small, without script or request, and what others wrote is only text in it.
"""
import html.parser
import os
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ElementTree

from test_cli import NOCTURNE, World

EVIL = "</script><script>alert(1)</script>"

STUDY = f"""study: s
trial: {{command: [sh, trial.sh, "{{x}}", "{{k}}"], retries: 0}}
parameters:
  x: {{type: float, range: [0, 1]}}
  k: {{type: int, range: [1, 9]}}
  mode: {{type: categorical, values: ["{EVIL}", "a & b \\" 'c'", plain]}}
metrics:
  em: {{goal: maximize, kind: proportion, of: 1000}}
  em_test: {{goal: maximize, kind: proportion, of: 1000}}
  tokens: {{goal: minimize, kind: count}}
baseline: {{x: 0.9, k: 5, mode: "{EVIL}"}}
references: {{tuned: {{x: 0.2, k: 9, mode: plain}}}}
objective: {{weights: {{em: 0.7, tokens: 0.3}}}}
budget: {{trials: 8}}
confirm: {{top: 2, seeds: 3}}
search: {{sampler: sobol, seed: 3}}
workers: {{local: 1}}
"""
TRIAL = r"""
[ $NOCTURNE_TRIAL = 5 ] && { echo '</pre><script>alert(2)</script> & "out of memory"' >&2; exit 7; }
awk -v x="$1" -v k="$2" -v s="$NOCTURNE_SEED" 'BEGIN { srand(s % 100003); n = (rand() - 0.5) / 100
  printf "{\"result\": {\"em\": %.4f, \"em_test\": %.4f, \"tokens\": %d}}\n", 0.6 - (x - 0.3)^2 + n, 0.59 - (x - 0.3)^2 + n, 1000000 + 1000000 * x + 20000000 * n + 100000 * k }' >&3
"""


class Page(html.parser.HTMLParser):
    """Elements, and the text of each chapter by its heading."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.chapter, self.text, self.hidden, self.heading = [], "", {"": ""}, 0, None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))
        self.hidden += tag in ("style", "svg")
        if tag == "h2":
            self.heading = ""

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "svg")
        if tag == "h2":
            self.chapter, self.heading = self.heading, None
            self.text[self.chapter] = ""

    def handle_data(self, data):
        if self.heading is not None:
            self.heading += data
        elif not self.hidden:
            self.text[self.chapter] += data


def count(v):
    """As people write it: "1.40M"."""
    return f"{v / 1e6:.2f}M"


class Report(World):
    def setUp(self):
        super().setUp()
        self.write("study.yaml", STUDY)
        self.write("trial.sh", TRIAL)

    def report(self, *args):
        """Checks what holds of every report; returns its text, its page and its chat message."""
        self.run_nocturne("report", *args, "-o", "r.html")
        with open(os.path.join(self.dir, "r.html"), encoding="utf-8") as file:
            text = file.read()
        self.assertLessEqual(len(text.encode()), 300_000)
        self.assertEqual([name for name in os.listdir(self.dir) if ".part" in name], [])
        ElementTree.fromstring(text.replace("<!DOCTYPE html>", "", 1))
        page = Page(text)
        for tag, attributes in page.elements:
            self.assertNotIn(tag, ("script", "link", "img", "iframe", "object", "embed", "form", "base"))
            for name, value in attributes.items():
                self.assertFalse(name.startswith("on") or name in ("src", "href", "srcset", "action"), (tag, name, value))
        asked = text.replace('xmlns="http://www.w3.org/2000/svg"', "")
        self.assertNotRegex(asked, r"url\(|@import|https?://")
        names = [tag for tag, _ in page.elements]
        self.assertEqual(names.count("h1"), 1)
        self.assertEqual(names.count("table"), names.count("caption"))
        self.assertEqual(dict(page.elements)["html"], {"lang": "en"})
        message = self.run_nocturne("report", *args, "--format", "md")[0]
        self.assertLessEqual(len(message), 1500)
        return text, page, message

    def test_five_answers(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        _, page, message = self.report()
        best, status = self.json("best"), self.json("status")["studies"][0]
        trials, plan = self.trials(), self.json("plan", "study.yaml")
        words, sure, cost = page.text["Verdict"], page.text["How sure that is"], page.text["What it cost"]
        # what won
        self.assertIn(f"Trial {best['trial']}," if best["trial"] > 1 else "tuned", words)
        self.assertIn(f"{best['metrics']['em']:.4f}", sure)
        self.assertIn(count(best["metrics"]["tokens"]), sure)
        # against what
        self.assertEqual({v["reference"] for v in best["against"]}, {"baseline", "tuned"} - ({"tuned"} if best["trial"] == 1 else set()))
        for v in best["against"]:
            ratio = v["metrics"]["tokens"]["ratio"]
            self.assertRegex(words, rf"[bB]eside {v['reference']}\b")
            self.assertIn(f"{abs(100 * ratio):.{1 if abs(ratio) < 0.9995 else 0}f} %", words)
            self.assertIn(v["verdict"], words)
            # how sure
            for end in ("low", "high"):
                self.assertIn(f"{abs(100 * v['metrics']['em'][end]):.2f}", sure)
        self.assertIn(best["verdict"], page.text[""])
        self.assertIn(f"on {best['confirmed_seeds']} fresh seeds", words)
        # what it cost
        self.assertIn(count(status["tokens"]), cost)
        self.assertIn(count(sum(t["metrics"]["tokens"] for t in trials if t["state"] == "complete")), cost)
        self.assertIn("trials 8 of 8", cost)
        self.assertIn(f"{len(trials)} trials", page.text["What was tried, and what was stopped"])
        # what next: nothing is left to run
        self.assertEqual((plan["trials_left"], plan["confirmations_left"]), (0, 0))
        self.assertNotIn("nocturne resume", page.text["What next"])
        self.assertRegex(page.text["What next"], "nocturne export s|keep what you have")
        self.assertIn("nocturne replay s", page.text["To have it again, and the data"])
        for part in (best["verdict"], count(status["tokens"]), page.text["What next"].strip().split(":")[0]):
            self.assertIn(part, message)

    def unsure(self, tokens):
        """Two seeds say little of em, and of the tokens what their noise lets them; two trials fail but for a number alike."""
        self.write("study.yaml", STUDY.replace("seeds: 3}", "seeds: 2}"))
        self.write("trial.sh", "[ $NOCTURNE_TRIAL = 5 -o $NOCTURNE_TRIAL = 6 ] && { echo lost node $NOCTURNE_TRIAL >&2; exit 7; }\n"
                   + TRIAL.replace("/ 100\n", "/ 5\n").replace("20000000 * n", f"{tokens} * n"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        _, page, _ = self.report()
        self.assertEqual(self.json("best")["verdict"], "promising")
        return page.text

    def test_what_is_open_is_not_sold(self):
        said = self.unsure(tokens=100000)
        then = said["What next"]
        self.assertIn("it is open whether em is better", then)
        self.assertLess(then.index("confirm: {seeds:"), then.index("nocturne export"))
        self.assertIn("pays back", said["What it cost"])  # of the tokens it is sure
        self.assertIn("2 × “exit code 7: lost node 5” (first: trial 5; the others have other numbers)",
                      said["What was tried, and what was stopped"])
        turns = re.findall(r"(above|below) em ([\d.]+) (?:trial )?(\w+)(, measured once,)? would", said["What there is to choose from"])
        self.assertTrue(turns)
        for side, weight, who, once in turns:
            em = float(weight) + (0.01 if side == "above" else -0.01)
            best = self.json("best", "--weights", f"em={em},tokens={1 - em}")
            self.assertEqual((str(best["trial"]), best["confirmed_seeds"] == 0), (who, bool(once)))

    def test_what_may_be_chance_does_not_pay_back(self):
        self.assertNotIn("pays back", self.unsure(tokens=8000000)["What it cost"])

    def test_what_matters(self):
        self.write("study.yaml", STUDY.replace("budget: {trials: 8}", "budget: {trials: 18}"))
        self.run_nocturne("run", "study.yaml", "--quiet")
        text, page, _ = self.report()
        words, told = page.text["What matters"], self.json("importance")
        for metric in ("em", "tokens"):
            first = told["metrics"][metric][0]
            if metric in told["notes"]:
                self.assertIn(told["notes"][metric][1:], words)
            elif first["low"] >= 0.02:
                self.assertIn(f"{100 * first['share']:.0f} % ({100 * first['low']:.0f}–{100 * first['high']:.0f})", words)
            else:
                self.assertRegex(words, f"open what matters for {metric}|most for {metric}")
        self.assertRegex(words, r"Around trial \d+")
        chapter = text[text.index("What matters</h2>"):text.index("What was tried")]
        self.assertGreaterEqual(chapter.count("<svg"), 2)
        self.assertLess(text.index("What there is to choose from</h2>"), text.index("What matters</h2>"))

    def test_too_few_trials_say_nothing_of_what_matters(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        _, page, _ = self.report()
        self.assertNotIn("What matters", page.text)

    def test_what_others_wrote_is_text(self):
        self.run_nocturne("run", "study.yaml", "--quiet")
        text, page, _ = self.report()
        self.assertNotIn("<script", text.lower())
        self.assertIn("alert(2)", page.text["What was tried, and what was stopped"])
        self.assertIn(EVIL, page.text["To have it again, and the data"])

    def test_states_of_a_study(self):
        def study(*changes):
            text = STUDY
            for before, after in changes:
                self.assertIn(before, text)
                text = text.replace(before, after)
            return text

        alone = "\n".join(line for line in study(("weights: {em: 0.7, tokens: 0.3}", "maximize: em")).splitlines()
                          if not line.startswith(("baseline", "references", "  em_test", "  tokens")))
        cases = {
            "unconfirmed": (study(("confirm: {top: 2, seeds: 3}", "confirm: {top: 0}")), TRIAL, "not confirmed"),
            "pareto": (study(("weights: {em: 0.7, tokens: 0.3}", "pareto: [em, tokens]")), TRIAL, "[Tt]rial|baseline|tuned"),
            "alone": (alone, TRIAL, "Trial"),
            "failed": (STUDY, "exit 3\n", "cannot go on|complete"),
            "forbidden": (study(("budget:", "constraints: [em >= 0.99]\nbudget:")), TRIAL, "constraint"),
            "one": (study(("{trials: 8}", "{trials: 1}")), TRIAL, "baseline"),
        }
        for name, (text, program, part) in cases.items():
            with self.subTest(name):
                self.write("study.yaml", text)
                self.write("trial.sh", program)
                self.popen("run", "study.yaml", "--quiet", "--db", name + ".db").communicate()
                _, page, message = self.report("--db", name + ".db")
                self.assertRegex(page.text["Verdict"] + page.text[""], part)
                self.assertTrue(page.text["What next"].strip() and message.strip())

    def test_sixteen_metrics(self):
        self.write("study.yaml", STUDY.replace("baseline:", "".join(f"  m{i}: {{goal: minimize}}\n" for i in range(13)) + "baseline:", 1))
        self.write("trial.sh", TRIAL.replace('{\\"em\\"', "{" + "".join(f'\\"m{i}\\": {i}.5, ' for i in range(13)) + '\\"em\\"'))
        self.run_nocturne("run", "study.yaml", "--quiet")
        _, page, _ = self.report()
        self.assertIn("m12", page.text["How sure that is"])

    def test_while_it_runs(self):
        gate = os.path.join(self.dir, "gate")
        self.write("trial.sh", f'[ $NOCTURNE_TRIAL = 2 ] && {{ while [ ! -e "{gate}" ]; do sleep 0.05; done; }}\n' + TRIAL)
        process = self.popen("run", "study.yaml", "--quiet")
        self.wait_running(3)
        _, page, message = self.report()
        self.assertIn("still running", page.text[""])
        self.assertIn("still running", message)
        self.open_gate()
        process.communicate()

    def test_where_it_goes(self):
        self.run_nocturne("run", "study.yaml", "--quiet", "--trials", "1")
        self.assertIn("s.html", self.run_nocturne("report")[0])
        self.assertTrue(os.path.exists(os.path.join(self.dir, "s.html")))
        self.assertIn("<!DOCTYPE html>", self.run_nocturne("report", "-o", "-")[0])
        self.assertEqual(self.json("report", "-o", "x.md")["format"], "md")
        self.assertIn("PDF", self.run_nocturne("report", "-f", "pdf", "-o", "-", code=2)[1])
        self.assertIn("html, md or pdf", self.run_nocturne("report", "-f", "doc", code=2)[1])
        os.mkdir(os.path.join(self.dir, "taken.html"))
        self.assertIn("taken.html", self.run_nocturne("report", "-o", "taken.html", code=1)[1])
        self.assertEqual([name for name in os.listdir(self.dir) if ".part" in name], [])
        for name in ("r.txt", "r", "html", "folder.html/r"):
            self.assertIn("needs a --format", self.run_nocturne("report", "-o", name, code=2)[1])
        self.run_nocturne("report", "-f", "md", "-o", "r.txt")
        self.run_nocturne("report", "-o", "R.HTML")

    def test_paper(self):
        self.run_nocturne("run", "study.yaml", "--quiet", "--trials", "1")
        without = subprocess.run([NOCTURNE, "report", "-o", "t.pdf"], cwd=self.dir, env={"PATH": "/nowhere", "HOME": self.dir},
                                 capture_output=True, text=True, check=False)
        self.assertEqual(without.returncode, 3)
        self.assertIn("install chromium", without.stderr)
        self.assertEqual([name for name in os.listdir(self.dir) if name.startswith("t.pdf")], [])
        if any(shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")):
            self.run_nocturne("report", "-o", "s.pdf")
            with open(os.path.join(self.dir, "s.pdf"), "rb") as file:
                self.assertTrue(re.match(b"%PDF-", file.read()))
            if shutil.which("pdftotext"):
                self.check_paper()

    def check_paper(self):
        """Whole: each column of each table, and what is folded on a screen."""
        self.run_nocturne("run", "study.yaml", "--quiet")
        self.run_nocturne("report", "-o", "s.pdf")
        text = subprocess.run(["pdftotext", "-layout", "s.pdf", "-"], cwd=self.dir, capture_output=True, text=True, check=True).stdout
        self.assertIn("nocturne reproduce s", text)
        for heads in (("configuration", "em", "tokens", "em_test", "utility", "seeds", "verdict"), ("beside", "em", "tokens", "em_test", "verdict")):
            self.assertRegex(text, "(?m)^ *" + " +".join(heads) + "$")


del World
if __name__ == "__main__":
    unittest.main()
