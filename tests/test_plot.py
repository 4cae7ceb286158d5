#!/usr/bin/env python3
"""nocturne plot: every chart of a real study, as SVG that any reader takes, as PNG, as JSON, and in terminals of any width
and character set; what is said where there is too little to draw."""
import json
import os
import shutil
import stat
import struct
import subprocess
import unittest
import xml.etree.ElementTree as ET

from patience import PATIENCE
from test_cli import NOCTURNE
from test_look import SMALL, Screen, lines_of, width

CHARTS = ("history", "front", "curves", "confirmation", "timeline")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SVG = "{http://www.w3.org/2000/svg}"
# ten trials: one fails, one is infeasible, some report
TRIAL = r"""
[ $NOCTURNE_TRIAL = 4 ] && { echo 'out of memory' >&2; exit 7; }
[ $NOCTURNE_TRIAL = 5 ] && { echo '{"infeasible": "<b>no</b>"}' >&3; exit 0; }
for step in 1 2 3 4; do
  awk -v x="$1" -v s=$step 'BEGIN { printf "{\"step\": %d, \"em\": %.4f, \"tokens\": %d}\n", s, (0.6 - (x - 0.3)^2) * s / 4, s * 250000 * (1 + x) }' >&3
done
awk -v x="$1" -v seed="$NOCTURNE_SEED" 'BEGIN { printf "{\"result\": {\"em\": %.4f, \"em_test\": 0.5, \"tokens\": %d}}\n", 0.6 - (x - 0.3)^2 + seed % 7 / 1000, 1000000 + 1000000 * x + seed % 9973 }' >&3
"""
STUDY = SMALL.replace("budget: {trials: 6}", "budget: {trials: 10}")


class Plot(Screen):
    def nocturne(self, *args, code=0, env=None):
        done = subprocess.run([NOCTURNE, *args], cwd=self.dir, capture_output=True, text=True,
                              env={**os.environ, **(env or {})})
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def study(self):
        self.begin(STUDY, TRIAL)
        self.nocturne("run", "study.yaml", "--quiet")

    def svg(self, name="chart.svg"):
        with open(os.path.join(self.dir, name), encoding="utf-8") as text:
            return ET.parse(text).getroot()

    def texts(self, root):
        return [t.text for t in root.iter(SVG + "text")]


class Files(Plot):
    def test_every_chart_is_svg_that_needs_nothing_else(self):
        self.study()
        for chart in CHARTS:
            for px in ("360", "1200"):
                self.nocturne("plot", chart, "s", "-o", "chart.svg", "--width", px)
                root = self.svg()
                self.assertEqual((root.tag, root.get("role"), root.get("width")), (SVG + "svg", "img", px))
                self.assertEqual([e.tag for e in root][:3], [SVG + "title", SVG + "desc", SVG + "style"], chart)
                self.assertEqual({e.tag for e in root.iter()} - {SVG + t for t in ("svg", "title", "desc", "style", "rect", "path", "text", "circle")}, set())
                self.assertFalse([k for e in root.iter() for k in e.attrib if k.startswith("on") or "href" in k or k == "id"])
                self.assertNotIn("url(", root.find(SVG + "style").text)
                self.assertLess(os.path.getsize(os.path.join(self.dir, "chart.svg")), 60000)
                # the title is all there, over as many lines as it needs, and everything is on the page
                self.assertIn(root.find(SVG + "title").text, " ".join(self.texts(root)))
                for t in root.iter(SVG + "text"):
                    self.assertLess(float(t.get("x")), float(px))
                    self.assertLess(float(t.get("y")), float(root.get("height")))

    def test_what_the_pictures_say(self):
        self.study()
        best = json.loads(self.nocturne("best", "--json"))
        self.nocturne("plot", "front", "-o", "chart.svg")
        self.assertIn(f"winner (trial {best['trial']})", self.texts(self.svg()))
        self.nocturne("plot", "history", "-o", "chart.svg")
        words = self.texts(self.svg())
        for word in ("baseline", "fresh seeds", "best so far", "failed", "infeasible", "complete", "trial", "utility"):
            self.assertIn(word, words)
        self.nocturne("plot", "history", "--metric", "tokens", "-o", "chart.svg")
        self.assertIn("tokens (log)", self.texts(self.svg()))
        self.nocturne("plot", "confirmation", "-o", "chart.svg")
        self.assertIn("winner − baseline", self.texts(self.svg()))

    def test_themes(self):
        self.study()
        style = {}
        for theme in ("auto", "light", "dark"):
            self.nocturne("plot", "history", "-o", "chart.svg", "--theme", theme)
            style[theme] = self.svg().find(SVG + "style").text
        self.assertIn("@media screen and (prefers-color-scheme:dark)", style["auto"])
        self.assertIn(".no-p{fill:#fff}", style["light"])
        self.assertNotIn("#12161c", style["light"])
        self.assertIn(".no-p{fill:#12161c}", style["dark"])

    def test_png_by_a_program_that_is_there_or_a_sentence(self):
        self.study()
        said = self.nocturne("plot", "history", "-o", "chart.png", code=3, env={"PATH": "/nowhere"})
        self.assertIn("librsvg2-bin", said)
        self.assertEqual([n for n in os.listdir(self.dir) if "chart" in n], [])
        tools = os.path.join(self.dir, "tools")
        os.mkdir(tools)
        fake = os.path.join(tools, "rsvg-convert")
        self.write("tools/rsvg-convert", '#!/bin/sh\nfor a; do case $a in --output=*) cat > "${a#--output=}";; esac; done\n')
        os.chmod(fake, 0o755)
        self.nocturne("plot", "history", "-o", "chart.png", env={"PATH": tools + ":" + os.environ["PATH"]})
        self.assertEqual(self.svg("chart.png").tag, SVG + "svg")  # what that program was given
        self.write("tools/rsvg-convert", "#!/bin/sh\nexit 1\n")
        self.assertIn("could not be made", self.nocturne("plot", "history", "-o", "other.png", code=1, env={"PATH": tools + ":" + os.environ["PATH"]}))
        self.assertEqual([n for n in os.listdir(self.dir) if "other" in n], [])

    @unittest.skipUnless(shutil.which("rsvg-convert"), "rsvg-convert is not installed")
    def test_png_is_a_picture(self):
        self.study()
        self.nocturne("plot", "front", "-o", "chart.png", "--width", "400")
        with open(os.path.join(self.dir, "chart.png"), "rb") as png:
            head = png.read(24)
        self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual(struct.unpack(">I", head[16:20])[0], 800)

    @unittest.skipUnless(CHROMIUM, "no Chromium is installed")
    def test_png_by_chromium(self):
        self.study()
        os.mkdir(os.path.join(self.dir, "tools"))
        self.write("tools/chromium", f'#!/bin/sh\nPATH="{os.environ["PATH"]}" exec {CHROMIUM} "$@"\n')  # and no rsvg-convert
        os.chmod(os.path.join(self.dir, "tools", "chromium"), 0o755)
        for name in ("chart.png", "tools/chart.PNG"):
            self.nocturne("plot", "history", "-o", name, "--width", "400", env={"PATH": os.path.join(self.dir, "tools")})
            with open(os.path.join(self.dir, name), "rb") as png:
                head = png.read(24)
            self.assertEqual(head[:8], b"\x89PNG\r\n\x1a\n")
            self.assertEqual(struct.unpack(">I", head[16:20])[0], 800)
            self.assertEqual([n for n in os.listdir(os.path.dirname(os.path.join(self.dir, name))) if "part" in n], [])

    def test_a_file_is_whole_or_as_it_was(self):
        self.study()
        self.write("kept.svg", "mine")
        self.assertIn("cannot write", self.nocturne("plot", "history", "-o", "no/such/folder.svg", code=1))
        for part in ("chart.svg.part.svg", "best.env.part.env"):
            os.symlink("kept.svg", os.path.join(self.dir, part))
        os.mkfifo(os.path.join(self.dir, "trials.csv.part.csv"))
        self.nocturne("plot", "history", "-o", "chart.svg")
        self.nocturne("export", "-f", "env", "-o", "best.env")
        self.nocturne("export", "-f", "csv", "-o", "trials.csv")  # nobody reads the pipe
        with open(os.path.join(self.dir, "kept.svg"), encoding="utf-8") as text:
            self.assertEqual(text.read(), "mine")
        self.assertEqual(len([name for name in os.listdir(self.dir) if ".part" in name]), 3)  # those that were there

    def test_what_is_no_file_stays_what_it_is(self):
        self.study()
        os.mkfifo(os.path.join(self.dir, "pipe"))
        reader = subprocess.Popen(["cat", "pipe"], cwd=self.dir, stdout=subprocess.PIPE, text=True)
        self.nocturne("export", "-f", "csv", "-o", "pipe")
        self.assertTrue(stat.S_ISFIFO(os.lstat(os.path.join(self.dir, "pipe")).st_mode))
        self.assertIn("trial", reader.communicate(timeout=PATIENCE)[0])
        os.symlink("/dev/null", os.path.join(self.dir, "null"))
        self.nocturne("export", "-f", "csv", "-o", "null")
        self.assertEqual(os.readlink(os.path.join(self.dir, "null")), "/dev/null")
        self.assertEqual(self.nocturne("export", "-f", "csv", "-o", "/proc/self/fd/1"), self.nocturne("export", "-f", "csv"))
        self.assertIn("cannot write", self.nocturne("export", "-f", "csv", "-o", ".", code=1))

    def test_a_link_leads_to_the_file_and_who_may_read_it_stays(self):
        self.study()
        self.write("real.csv", "old")
        os.chmod(os.path.join(self.dir, "real.csv"), 0o600)
        os.symlink("real.csv", os.path.join(self.dir, "link.csv"))
        self.nocturne("export", "-f", "csv", "-o", "link.csv")
        self.assertEqual(os.readlink(os.path.join(self.dir, "link.csv")), "real.csv")
        self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.dir, "real.csv")).st_mode), 0o600)
        with open(os.path.join(self.dir, "real.csv"), encoding="utf-8") as text:
            self.assertEqual(text.read(), self.nocturne("export", "-f", "csv"))

    def test_json_has_the_numbers(self):
        self.study()
        for chart in CHARTS:
            data = json.loads(self.nocturne("plot", chart, "--json"))
            self.assertEqual(data["chart"], chart)
            self.assertTrue(data["title"] and data["caption"] and data["panels"])
        history = json.loads(self.nocturne("plot", "history", "--json"))
        trials = json.loads(self.nocturne("trials", "--json"))["trials"]
        marks = {t: y for l in history["panels"][0]["layers"] if l["kind"] == "marks" for t, y in zip(l["trials"], l["y"])}
        told = {t["trial"]: t["utility"] for t in trials if t.get("utility") is not None}
        self.assertEqual(set(marks), set(told))
        for trial, utility in told.items():
            self.assertAlmostEqual(marks[trial], utility, places=9)


# sixteen trials of a task of which it is known what matters: x for em, k for tokens, mode and batch_size for nothing
KNOWN = SMALL.replace("budget: {trials: 6}", "budget: {trials: 16}").replace(
    "metrics:", "  mode: {type: categorical, values: [plain, '<b>&', \"a long name of a choice\"]}\nmetrics:").replace(
        "batch_size: 32}", "batch_size: 32, mode: plain}")
KNOWN_TRIAL = r"""
awk -v x="$1" -v k="$2" 'BEGIN { printf "{\"result\": {\"em\": %.4f, \"em_test\": 0.5, \"tokens\": %d}}\n", 0.7 - 0.5 * (x - 0.3)^2, 1000000 + 300000 * k }' >&3
"""
MODELS = ("importance", "slice", "contour")


class Models(Plot):
    """What matters, along one parameter and over two: by a model of the results."""

    def setUp(self):
        super().setUp()
        self.begin(KNOWN, KNOWN_TRIAL)
        self.nocturne("run", "study.yaml", "--quiet")

    def data(self, *args):
        return json.loads(self.nocturne("plot", *args, "--json"))

    def test_importance_is_as_importance_says(self):
        chart = self.data("importance")
        told = json.loads(self.nocturne("importance", "--json"))["metrics"]
        self.assertEqual([p["title"] for p in chart["panels"]], ["em", "tokens"])
        self.assertRegex(chart["title"], r"x (decides|probably matters most for|matters most for) em: \d+ % \(\d+–\d+\); k [a-z ]+ tokens")
        for panel in chart["panels"]:
            bars = panel["layers"][0]
            self.assertEqual(bars["kind"], "bars")
            names = [row.split("  ")[0] for row in panel["y"]["rows"]]
            share = {t["parameter"]: t for t in told[panel["title"]]}
            self.assertEqual(set(names), set(share))
            for row, middle, low, high in zip(bars["y"], bars["x"], bars["low"], bars["high"]):
                t = share[names[int(row)]]
                self.assertAlmostEqual(middle, 100 * t["share"])
                self.assertAlmostEqual(low, 100 * t["low"])
                self.assertAlmostEqual(high, 100 * t["high"])
        self.assertIn("x  0–1", panel["y"]["rows"])
        self.assertEqual([p["title"] for p in self.data("importance", "--metric", "utility")["panels"]], ["utility"])

    def test_a_slice_finds_the_top(self):
        chart = self.data("slice", "--metric", "em")
        panel = chart["panels"][0]
        self.assertEqual((panel["x"]["name"], panel["y"]["name"]), ("x", "em"))  # what matters most
        layers = {l["kind"]: l for l in panel["layers"]}
        line, band = layers["line"], layers["band"]
        top = max(range(len(line["x"])), key=lambda i: line["y"][i])
        self.assertLess(abs(line["x"][top] - 0.3), 0.15)
        self.assertIn(f"em is {line['y'][top]:.4f}", chart["title"])
        for low, middle, high in zip(band["low"], line["y"], band["high"]):
            self.assertLessEqual(low, middle)
            self.assertLessEqual(middle, high)
        trials = {t["trial"]: t for t in json.loads(self.nocturne("trials", "--json"))["trials"]}
        marks = [(t, x, y) for l in panel["layers"] if l["kind"] == "marks" for t, x, y in zip(l["trials"], l["x"], l["y"])]
        self.assertEqual(len(marks), sum(t["state"] == "complete" for t in trials.values()))
        for trial, x, y in marks:
            self.assertAlmostEqual(x, trials[trial]["params"]["x"])
            self.assertAlmostEqual(y, trials[trial]["metrics"]["em"])

    def test_a_slice_over_choices_has_rows(self):
        chart = self.data("slice", "-p", "mode", "-m", "tokens")
        self.assertEqual(chart["panels"][0]["y"]["rows"], ["plain", "<b>&", "a long name of a choice"])
        self.assertIn("may be the same", chart["title"])
        self.nocturne("plot", "slice", "-p", "mode", "-o", "chart.svg")
        self.assertIn("<b>&", self.texts(self.svg()))

    def test_a_contour_has_the_cells_of_its_axes(self):
        chart = self.data("contour", "-p", "x", "-p", "k", "-m", "em")
        panel = chart["panels"][0]
        self.assertEqual((panel["x"]["name"], panel["y"]["name"]), ("x", "k"))
        cells = panel["layers"][0]
        self.assertEqual(cells["kind"], "cells")
        self.assertIn("em is expected best with x 0.", chart["title"])
        for pair in (("batch_size", "learning_rate"), ("mode", "x"), ("x",), ()):
            self.nocturne("plot", "contour", *(w for p in pair for w in ("-p", p)), "-o", "chart.svg")
            self.assertTrue(self.texts(self.svg()))

    def test_they_are_drawn_everywhere(self):
        for chart in MODELS:
            for px in ("360", "1200"):
                self.nocturne("plot", chart, "-o", "chart.svg", "--width", px)
                self.assertLess(os.path.getsize(os.path.join(self.dir, "chart.svg")), 60000)
                for t in self.svg().iter(SVG + "text"):
                    self.assertLess(float(t.get("x")), float(px))
            for columns, env in ((80, {}), (120, {"NO_COLOR": "1"}), (40, {"LANG": "C"})):
                seen = self.screen("plot", chart, columns=columns, rows=24, env=env)
                self.assert_fits(seen, columns, f"{chart} {env}")
                if env.get("LANG"):
                    self.assertIn("R2", seen)
                    self.assertNotIn("?", seen)

    def test_what_cannot_be_drawn_is_said(self):
        self.assertIn("there are x, k, learning_rate, batch_size, mode", self.nocturne("plot", "slice", "-p", "y", code=2))
        self.assertIn("over 1 parameter, not 2", self.nocturne("plot", "slice", "-p", "x", "-p", "k", code=2))
        self.assertIn("not 'x' twice", self.nocturne("plot", "contour", "-p", "x", "-p", "x", code=2))
        self.assertIn("not drawn by parameters", self.nocturne("plot", "importance", "-p", "x", code=2))
        self.assertIn("not drawn by a metric", self.nocturne("plot", "timeline", "-m", "em", code=2))
        for chart in ("contour", "slice", "importance"):
            self.assertIn("it has em, em_test, tokens, utility", self.nocturne("plot", chart, "-m", "loss", code=2))
        self.assertIn("em_test is the same in every trial", self.nocturne("plot", "importance", "-m", "em_test", code=3))


class Terminals(Plot):
    def test_charts_fit_every_terminal(self):
        self.study()
        for chart in CHARTS:
            for columns, rows, env in ((80, 24, {}), (80, 24, {"NO_COLOR": "1"}), (80, 24, {"LANG": "C"}), (80, 24, {"TERM": "linux"}), (120, 40, {}), (40, 24, {})):
                seen = self.screen("plot", chart, columns=columns, rows=rows, env=env)
                self.assert_fits(seen, columns, f"{chart} {env}")
                if chart in ("history", "front", "curves") and columns >= 80:
                    self.assertLessEqual(len(lines_of(seen)), rows + 1, seen)
                self.assertEqual("\x1b[" in seen, "NO_COLOR" not in env)
                if env.get("LANG"):
                    self.assertTrue(seen.isascii(), seen)

    def test_three_sets_of_characters(self):
        self.study()
        braille = lambda text: any(0x2800 < ord(c) < 0x2900 for c in text)
        self.assertTrue(braille(self.nocturne("plot", "curves")))
        blocks = self.nocturne("plot", "curves", "--symbols", "blocks")
        self.assertFalse(braille(blocks))
        self.assertIn("▀", blocks)
        ascii_ = self.nocturne("plot", "curves", "--symbols", "ascii")
        self.assertTrue(ascii_.isascii())
        for text in (blocks, ascii_):
            self.assertLessEqual(max(width(line) for line in lines_of(text)), 80)

    def test_a_pipe_has_no_colours(self):
        self.study()
        self.assertNotIn("\x1b", self.nocturne("plot", "history"))


class Silent(Plot):
    def test_what_was_reported_is_drawn_and_stopping_says_what_was_not(self):
        """The objective's em comes only at the end: the pruner has nothing to judge by."""
        study = STUDY.replace("metrics:\n", "metrics:\n  loss: {goal: minimize}\n") + "stopping: {pruner: auto}\n"
        self.begin(study, TRIAL.replace('\\"em\\": %.4f, \\"tokens\\": %d}\\n", s', '\\"loss\\": %.4f, \\"tokens\\": %d}\\n", s'))
        self.nocturne("run", "study.yaml", "--quiet")
        self.assertIn("loss", self.nocturne("plot", "curves"))
        self.assertIn("none of 10 has reported it, but they report loss: --metric loss", self.nocturne("plot", "curves", "-m", "em", code=3))
        said = "pruner 'auto' can stop nobody: it goes by em, which none of the last 5 complete trials reported while it ran"
        for command in (["stopping"], ["status"], ["plan", "study.yaml"]):
            self.assertIn(said, " ".join(self.nocturne(*command).split()), command)
        self.assertIn(said, json.loads(self.nocturne("stopping", "--json"))["blind"])


class TooLittle(Plot):
    def test_an_empty_study_says_what_is_missing(self):
        self.begin(STUDY, TRIAL)
        self.nocturne("import", "study.yaml", self.empty_table())
        said = {chart: self.nocturne("plot", chart, code=3) for chart in CHARTS}
        self.assertIn("needs a complete trial", said["history"])
        self.assertIn("need trials that report em", said["curves"])
        self.assertIn("fresh seeds", said["confirmation"])
        said["importance"] = self.nocturne("plot", "importance", code=3)
        said["slice"] = self.nocturne("plot", "slice", code=3)
        self.assertIn("importance needs 10 complete trials; 0 so far", said["importance"])
        self.assertIn("a model needs", said["slice"])
        for text in said.values():
            self.assertEqual(text.count("\n"), 1, text)
        self.assertIn("has no metric 'loss'", self.nocturne("plot", "confirmation", "-m", "loss", code=2))  # that first

    def test_why_the_first_parameters_are_drawn(self):
        self.study()
        caption = lambda *args: json.loads(self.nocturne("plot", *args, "--json"))["caption"]
        for args, first in ((("slice",), "x"), (("contour",), "x and k"), (("contour", "-p", "k"), "x")):
            self.assertIn(f"First in the study file: {first}; what matters most is not known yet", caption(*args))
        self.assertNotIn("First in", caption("contour", "-p", "k", "-p", "x"))

    def empty_table(self):
        self.write("none.csv", "x,k,learning_rate,batch_size,em,em_test,tokens,state\n0.5,3,0.01,32,,,,failed\n")
        return "none.csv"

    def test_one_trial_and_constant_metrics(self):
        self.begin(STUDY.replace("budget: {trials: 10}", "budget: {trials: 3}"),
                   'echo \'{"result": {"em": 0.5, "em_test": 0.5, "tokens": 7}}\' >&3\n')
        self.nocturne("run", "study.yaml", "--quiet")
        for chart in ("history", "front", "timeline"):
            self.nocturne("plot", chart, "-o", "chart.svg")
            self.svg()
            self.nocturne("plot", chart)

    def test_wrong_words(self):
        self.study()
        self.assertIn("history, front, curves", self.nocturne("plot", "pie", code=2))
        self.assertIn("which chart?", self.nocturne("plot", code=2))
        self.assertIn(".svg or .png", self.nocturne("plot", "history", "-o", "chart.gif", code=2))
        for chart in ("history", "front", "curves", "confirmation"):
            self.assertIn("it has em, em_test, tokens, utility", self.nocturne("plot", chart, "--metric", "loss", code=2))
        self.assertIn("not both", self.nocturne("plot", "history", "--json", "-o", "a.svg", code=2))
        for args, said in ((("-t", "dark"), "--theme is of a file"), (("-t", "auto"), "--theme is of a file"),
                           (("-y", "20", "-o", "a.svg"), "--height is of a terminal"), (("-c", "ascii", "-o", "a.png"), "--symbols is of a terminal"),
                           (("-w", "80", "--json"), "--width is of a picture"), (("-y", "20", "--json"), "--height is of a picture"),
                           (("-t", "dark", "--json"), "--theme is of a picture")):
            self.assertIn(said, self.nocturne("plot", "history", *args, code=2))
        self.assertEqual([n for n in os.listdir(self.dir) if n.startswith("a.")], [])
        self.nocturne("plot", "history", "nothere", code=3)


if __name__ == "__main__":
    unittest.main(verbosity=2)
