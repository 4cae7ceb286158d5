"""The search has not become worse: six tasks, five seeds, 50 trials, against the committed traces, in the gate.

Nocturne runs here and now; the rivals and the reference (Nocturne when the traces were made) come from traces/. The
difference of the mean regret after 50 trials must not be above zero with certainty: the lower end of its 95 % two-level
bootstrap interval against each.
"""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import results  # noqa: E402
import run  # noqa: E402
import tasks  # noqa: E402

TASKS = ["hpobench-vehicle", "hpolib-protein_structure", "nasbench201-imagenet", "mixint-f15-d5", "noisy-f8-d3-gauss", "g2p"]
SEEDS, TRIALS = range(5), 50


class Quality(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ours.jsonl"
            for name in TASKS:
                for seed in SEEDS:
                    run.append(path, run.run_one("nocturne", tasks.all_tasks()[name], seed, TRIALS, 1))
            cls.ours = results.read(path, trials=TRIALS)

    def test_the_search_is_not_worse_than_it_was_nor_than_its_rivals(self):
        for file in sorted((tasks.HERE / "traces").glob("*.jsonl")):
            theirs = results.read(file, trials=TRIALS)
            keys = sorted(k for k in self.ours if k in theirs)
            if not keys:
                continue
            with self.subTest(file.stem):
                mean, low, high = results.difference(self.ours, theirs, keys, TRIALS)
                print(f"{file.stem:18} {len(keys):3} runs: {mean:+.4f} [{low:+.4f}, {high:+.4f}]")
                self.assertLessEqual(low, 0, f"significantly worse than {file.stem}")


if __name__ == "__main__":
    unittest.main(verbosity=1)
