"""Records real trainings of g2p_train on a grid: 5 × 4 × 6 × 6 = 720 trials, about 13 CPU-minutes.

    python3 tests/bench/record_g2p.py G2P_TRAIN G2P_DATA >tests/bench/g2p_table.csv

The small variant of examples/g2p/quick.yaml. Goes on where an earlier table on stdin's path ended: give it as third
argument.
"""
import itertools
import json
import subprocess
import sys

GRID = {
    "patience": [1, 2, 4, 8, 16],
    "threshold": [1e-4, 1e-3, 3e-3, 1e-2],
    "batch_size": [8, 16, 32, 64, 160, 512],
    "learning_rate": [3e-4, 1e-3, 2e-3, 4e-3, 1e-2, 3e-2],
}


def train(program, data, patience, threshold, batch_size, learning_rate):
    out = subprocess.run(
        [program, "--data", data, "--words", "20000", "--hidden", "64", "--every", "20000", "--cap", "1000000",
         "--validation", "3000", "--seed", "1", "--lr", str(learning_rate), "--batch", str(batch_size),
         "--patience", str(patience), "--threshold", str(threshold)],
        check=True, capture_output=True, text=True).stdout
    return json.loads(out.strip().splitlines()[-1].removeprefix("nocturne: "))["result"]


def main():
    program, data = sys.argv[1:3]
    done = set()
    if len(sys.argv) > 3:
        done = {line.rsplit(",", 3)[0] for line in open(sys.argv[3])}
    else:
        print(",".join([*GRID, "em", "em_test", "tokens"]))
    for config in itertools.product(*GRID.values()):
        key = ",".join(f"{v:g}" for v in config)
        if key not in done:
            r = train(program, data, *config)
            print(f"{key},{r['em']:.6f},{r['em_test']:.6f},{r['tokens']}", flush=True)


main()
